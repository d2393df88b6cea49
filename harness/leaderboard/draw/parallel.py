"""Parallel coordinates, an axis below the other, so that names and values can be read on a narrow screen too.

Plotly's own need WebGL and what the page's policy forbids: these are lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from harness.leaderboard import marks
from harness.leaderboard.draw.progress import STOPPED
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.figures.parallel import ABSENT, BINS, Axis, Choices, Line, Parallel, parallel
from harness.leaderboard.language import say
from harness.leaderboard.panel import Chooser, Figure, Heading, Missing, Numbers, Panel
from harness.leaderboard.rows import Evidence
from harness.leaderboard.text import count, labelled, objective, plain, public, score, written

NAME = "parallel"
ROW, AROUND = 44, 40  # pixels of an axis, and around all
MOST_TICKS = 6  # words on an axis; with more only its ends have them
LETTERS = 14  # of a word on an axis


def panel(evidence: Evidence, looks: Mapping[str, Look]) -> Panel | Missing:
    value = parallel(evidence)
    title = say("Choices of the trials")
    if not value.families:
        return Missing(NAME, title, say("no family has two trials with scores that chose differently"))
    rows = max(len(family.axes) for family in value.families)
    return Panel(
        name=NAME,
        title=title,
        caption=_caption(value),
        figure=_figure(value),
        numbers=_numbers(value),
        choosers=(Chooser(say("Family"), tuple(family.look.label for family in value.families)),),
        picks=False,
        height=ROW * rows + AROUND,
    )


def _caption(value: Parallel) -> str:
    lines = [line for family in value.families for line in family.lines]
    said = [
        say(
            "Parallel coordinates: a line is a trial, from what it chose of each hyper-parameter that was varied down to its "
            "{objective} on validation, to the right the better. The stronger its colour and the thicker, the better the "
            "trial is among those drawn of its family, by eighths.",
            objective=objective(value.objective),
        )
    ]
    if any(axis.absent for family in value.families for axis in family.axes):
        said.append(say("A dash at the left end stands for a choice that did not apply to the trial."))
    if any(line.status == STOPPED for line in lines):
        said.append(say("Dotted lines were stopped early, with the score that they had."))
    if any(len(family.lines) < family.n_scored for family in value.families):
        listed = [
            say(
                "{family} {drawn} of {n}",
                family=family.look.label,
                drawn=count(len(family.lines)),
                n=count(family.n_scored),
            )
            for family in value.families
            if len(family.lines) < family.n_scored
        ]
        said.append(
            say(
                "Only the best trials and an even sample of the others are drawn: {families}.",
                families=", ".join(listed),
            )
        )
    if value.without:
        said.append(
            say(
                "Families without two trials that have a score and chose differently: {families}.",
                families=", ".join(value.without),
            )
        )
    return " ".join(said)


def _numbers(value: Parallel) -> Numbers:
    return Numbers(
        headings=(
            Heading("family", say("family")),
            Heading("trial", say("trial")),
            Heading("status", say("status")),
            Heading("score", say("score"), "area"),
            Heading("parameters", say("varied hyper-parameters")),
        ),
        rows=tuple(
            (family.look.label, line.name, say(line.status), line.score, _parameters(line))
            for family in value.families
            for line in reversed(family.lines)
        ),
    )


def _parameters(line: Line) -> str:
    """What was varied, to eight digits; decimals have a point in every language, as in the download of the trials."""
    return ", ".join(f"{name}={_digits(value)}" for name, value in line.parameters.items() if value is not None)


def _digits(value: object) -> str:
    return f"{value:.8g}" if isinstance(value, float) else public(str(value))


def _figure(value: Parallel) -> Figure:
    layout = marks.layout("", "")
    layout["xaxis"] |= {"range": [ABSENT - 0.03, 1.04], "visible": False, "fixedrange": True}
    layout["yaxis"] |= {"showgrid": False, "showline": False, "ticks": "", "fixedrange": True}
    layout["margin"] |= {"t": 8}
    views = []
    for family in value.families:
        names = [*map(_named, family.axes[:-1]), marks.exact(objective(value.objective))]
        bars = {"tickvals": list(range(len(names))), "ticktext": names, "range": [len(names) - 0.7, -0.6]}
        views.append({"data": [*_axes(family.axes), *_lines(family), *_ticks(family.axes)], "yaxis": bars})
    return {"views": views, "layout": layout, "zooms": []}


def _named(axis: Axis) -> str:
    if axis.kind == "logarithmic":
        return say("{name}, log", name=marks.exact(axis.name))
    return marks.exact(axis.name)


def _axes(axes: Sequence[Axis]) -> list[Figure]:
    """The axes themselves, one below the other."""
    x: list[float | None] = []
    y: list[int | None] = []
    for row in range(len(axes)):
        x += [0, 1, None]
        y += [row, row, None]
    return [_quiet(x=x, y=y, mode="lines", line={"color": "var(--rule)", "width": 1.5})]


def _lines(family: Choices) -> list[Figure]:
    """The lines of each eighth in one trace, the best on top, and their ends, which say which trial it is."""
    found = []
    for (place, stopped), some in groupby(
        sorted(family.lines, key=lambda line: (line.bin, line.status != STOPPED)),
        key=lambda line: (line.bin, line.status == STOPPED),
    ):
        lines = list(some)
        look = {
            "color": f"var(--bin{place})",
            "width": 1 + 1.5 * place / (BINS - 1),
            "dash": "dot" if stopped else "solid",
        }
        x: list[float | None] = []
        y: list[int | None] = []
        for line in lines:
            x += [*marks.rounded(line.places, 3), None]
            y += [*range(len(line.places)), None]
        found.append(_quiet(x=x, y=y, mode="lines", line=look))
        found.append(_ends(lines, len(family.axes) - 1, f"var(--bin{place})"))
    return found


def _ends(lines: Sequence[Line], row: int, colour: str) -> Figure:
    return {
        "type": "scatter",
        "x": marks.rounded((line.places[-1] for line in lines), 3),
        "y": [row] * len(lines),
        "mode": "markers",
        "marker": {"color": colour, "size": 7},
        "text": [
            labelled(f"{marks.exact(line.name)}, {marks.exact(say(line.status))}", score(line.score)) for line in lines
        ],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _ticks(axes: Sequence[Axis]) -> list[Figure]:
    """The values at the ends of each axis, and the words along one that has few."""
    x: list[float] = []
    y: list[float] = []
    words: list[str] = []
    places: list[str] = []
    for row, axis in enumerate(axes):
        ticks = axis.ticks if len(axis.ticks) <= MOST_TICKS else (axis.ticks[0], axis.ticks[-1])
        for at, value in ticks:
            x.append(round(at, 3))
            y.append(row)
            words.append(_word(value))
            places.append("top right" if at == 0 else "top left" if at == 1 else "top center")
        if axis.absent:
            x.append(ABSENT)
            y.append(row)
            words.append("–")
            places.append("middle left")
    font = {"color": "var(--ink)", "size": 11, "shadow": "auto"}  # the shadow is for saved images
    return [_quiet(x=x, y=y, mode="text", text=words, textposition=places, textfont=font)]


def _word(value: float | str | bool) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        said = plain(value)
        return marks.exact(said if len(said) <= LETTERS else f"{said[: LETTERS - 1]}…")
    return written(f"{value:,}" if isinstance(value, int) else f"{value:.3g}")


def _quiet(**values: object) -> Figure:
    """Marks that answer no pointer."""
    return {"type": "scatter", "hoverinfo": "skip", **values}
