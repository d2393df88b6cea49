"""Codes given in place of others of their chapter: a bar for each pair."""

from __future__ import annotations

from collections.abc import Mapping

from harness.leaderboard import marks
from harness.leaderboard.draw.years import of_validation
from harness.leaderboard.figures.confusions import MOST_PAIRS, Confused, Confusions, Pair, confusions
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.language import say, say_n
from harness.leaderboard.panel import Chooser, Figure, Heading, Missing, Numbers, Panel
from harness.leaderboard.rows import Evidence
from harness.leaderboard.text import count
from harness.metrics.disclosure import LEAST

NAME = "confusions"
ROW, AROUND = 26, 70  # pixels of a bar, and of the axis with its title
TITLE = 60  # letters of a title in the text over a bar


def panel(evidence: Evidence, looks: Mapping[str, Look]) -> Panel | Missing:
    value = confusions(evidence, looks)
    title = say("Codes taken for one another")
    if not value.models:
        return Missing(
            NAME, title, say("no pair of codes of a chapter was confused on {least} certificates", least=LEAST)
        )
    return Panel(
        name=NAME,
        title=title,
        caption=_caption(value),
        figure=_figure(value),
        numbers=_numbers(value),
        choosers=(Chooser(say("Model"), tuple(one.look.label for one in value.models)),),
        height=_height(value.models[0]),
    )


def _caption(value: Confusions) -> str:
    said = [
        say(
            "The code that was missed → the code of the same chapter that was wrongly given, on so many certificates. A "
            "certificate with several errors counts in each of their pairs."
        ),
        say(
            "Pairs on fewer than {least} certificates are not given, nor those whose missed code has a number of "
            "certificates that is not given.",
            least=LEAST,
        ),
    ]
    if any(one.left_out for one in value.models):
        said.append(say("Of each model the {most} largest pairs are shown.", most=count(MOST_PAIRS)))
    return " ".join([*said, *of_validation(value.role)])


def _figure(value: Confusions) -> Figure:
    layout = marks.layout(say("certificates"), "")
    layout["xaxis"] |= {"rangemode": "tozero", "tickformat": ",d"}
    layout["yaxis"] |= {"type": "linear", "showgrid": False, "ticks": "", "tickfont": {"size": 12}}
    top = max(pair.n for one in value.models for pair in one.pairs)
    layout["xaxis"] |= {"range": [0, round(1.12 * top, 1)]}
    return {
        "views": [{"height": _height(one), "data": [_bars(one)], "yaxis": _names(one)} for one in value.models],
        "layout": layout,
        "zooms": [],
    }


def _height(one: Confused) -> int:
    return ROW * max(len(one.pairs), 3) + AROUND


def _names(one: Confused) -> Figure:
    labels = [f"{marks.exact(pair.true)} → {marks.exact(pair.given)}" for pair in one.pairs]
    return {"tickvals": list(range(len(labels))), "ticktext": labels, "range": [max(len(labels), 3) - 0.4, -0.6]}


def _bars(one: Confused) -> Figure:
    values = [pair.n for pair in one.pairs]
    return {
        "type": "bar",
        "orientation": "h",
        "x": values,
        "y": list(range(len(values))),
        "width": 0.7,
        "marker": {"color": marks.colour(one.look)},
        "text": [count(n) for n in values],
        "textposition": "outside",
        "cliponaxis": False,
        "textfont": {"color": "var(--ink)"},
        "hovertext": [_said(pair) for pair in one.pairs],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _said(pair: Pair) -> str:
    """What stands over a bar: the two codes with their titles, and how often."""
    missed, given = _code(pair.true, pair.true_title), _code(pair.given, pair.given_title)
    n = say_n("{n} certificate", "{n} certificates", pair.n, n=count(pair.n))
    return "<br>".join((missed, f"→ {given}", n))


def _code(code: str, title: str | None) -> str:
    if not title:
        return marks.exact(code)
    return marks.exact(f"{code} {title if len(title) <= TITLE else f'{title[: TITLE - 1].rstrip()}…'}")


def _numbers(value: Confusions) -> Numbers:
    return Numbers(
        headings=(
            Heading("model", say("model")),
            Heading("chapter", say("chapter")),
            Heading("true_code", say("code missed")),
            Heading("true_title", say("title of the code missed")),
            Heading("predicted_code", say("code given")),
            Heading("predicted_title", say("title of the code given")),
            Heading("n", say("certificates"), "count"),
        ),
        rows=tuple(
            (one.look.label, pair.chapter, pair.true, pair.true_title, pair.given, pair.given_title, pair.n)
            for one in value.models
            for pair in one.pairs
        ),
    )
