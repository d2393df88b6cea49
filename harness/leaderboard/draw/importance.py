"""Which hyper-parameters the score of a family hung on: a bar for each."""

from __future__ import annotations

from collections.abc import Mapping

from harness.leaderboard import marks
from harness.leaderboard.figures.importance import Importances, Shares, importances
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.language import say, say_n
from harness.leaderboard.panel import Chooser, Figure, Heading, Missing, Numbers, Panel
from harness.leaderboard.rows import Evidence
from harness.leaderboard.text import count, share

NAME = "importance"
ROW, AROUND = 28, 84  # pixels of a bar, and of the axis with its title


def panel(evidence: Evidence, looks: Mapping[str, Look]) -> Panel | Missing:
    value = importances(evidence)
    title = say("Importance of the hyper-parameters")
    if not value.families:
        return Missing(NAME, title, say("no family has enough trials that ended to tell what its score hung on"))
    return Panel(
        name=NAME,
        title=title,
        caption=_caption(value),
        figure=_figure(value),
        numbers=Numbers(
            headings=(
                Heading("family", say("family")),
                Heading("parameter", say("hyper-parameter")),
                Heading("importance", say("importance"), "share"),
                Heading("n_trials", say("trials"), "count"),
                Heading("n_best", say("trials of the best tenth"), "count"),
            ),
            rows=tuple(
                (one.look.label, name, importance, one.n_trials, one.n_best)
                for one in value.families
                for name, importance in one.parameters
            ),
        ),
        choosers=(Chooser(say("Family"), tuple(_option(one) for one in value.families)),),
        picks=False,
        height=ROW * max(len(one.parameters) for one in value.families) + AROUND,
    )


def _option(one: Shares) -> str:
    return say(
        "{family} (best {best} of {trials} trials)",
        family=one.look.label,
        best=count(one.n_best),
        trials=count(one.n_trials),
    )


def _caption(value: Importances) -> str:
    said = [
        say(
            "PED-ANOVA: how far the best tenth of a family’s trials differs from all of them in each hyper-parameter alone, "
            "as a share of the whole (Watanabe, Bansal, Hutter: IJCAI 2023). It speaks of the values that were tried, not of "
            "others, and where the best tenth has fewer than five trials it is a hint at most; trials that were stopped do not "
            "count."
        )
    ]
    if value.without:
        listed = [
            say_n("{family} ({trials} trial)", "{family} ({trials} trials)", n, family=name, trials=count(n))
            for name, n in value.without
        ]
        said.append(
            say(
                "None can be told, for too few trials ended or all scored alike: {families}.",
                families=", ".join(listed),
            )
        )
    return " ".join(said)


def _figure(value: Importances) -> Figure:
    layout = marks.layout(say("share of the importance"), "")
    largest = max(importance for one in value.families for _, importance in one.parameters)
    layout["xaxis"] |= {"tickformat": ".0%", "range": [0, round(min(1.15 * largest, 1.12), 4)]}
    layout["margin"] |= {"r": 52}  # for the number beside the longest bar
    layout["yaxis"] |= {"showgrid": False, "ticks": ""}
    views = [{"data": [_bars(one)], "yaxis": _names(one)} for one in value.families]
    return {"views": views, "layout": layout, "zooms": []}


def _names(one: Shares) -> Figure:
    n = len(one.parameters)
    names = [marks.exact(name) for name, _ in one.parameters]
    return {"tickvals": list(range(n)), "ticktext": names, "range": [n - 0.4, -0.6]}


def _bars(one: Shares) -> Figure:
    values = [importance for _, importance in one.parameters]
    return {
        "type": "bar",
        "orientation": "h",
        "x": marks.rounded(values),
        "y": list(range(len(values))),
        "width": 0.7,
        "marker": {"color": marks.colour(one.look)},
        "text": [share(value) for value in values],
        "textposition": "outside",
        "cliponaxis": False,
        "textfont": {"color": "var(--ink)"},
        "hoverinfo": "skip",
    }
