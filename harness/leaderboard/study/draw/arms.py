"""What normalising adds: every arm's score, and what each gains, in rows below each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.leaderboard import marks
from harness.leaderboard.figures.looks import Interval
from harness.leaderboard.language import say
from harness.leaderboard.panel import Chooser, Figure, Heading, Missing, Numbers, Panel
from harness.leaderboard.study.gains import SLICES, spelled
from harness.leaderboard.study.normalise import ArmLine, ArmScores, ScoreView, gain_scores, scores
from harness.leaderboard.text import labelled, objective
from harness.run.study import StudyFolder

ROW, AROUND = 24, 84  # pixels of an arm's row, and of the axis with its title
ZERO = {
    "type": "line",
    "yref": "paper",
    "x0": 0,
    "x1": 0,
    "y0": 0,
    "y1": 1,
    "line": {"color": "var(--ink)", "width": 1.5},
}
Spell = Callable[[Interval], str]


def arms(study: StudyFolder, prefix: str) -> Panel | Missing:
    """Every arm's held-out score."""
    value, name, title = scores(study), f"{prefix}-arms", say("What normalising adds")
    if not value.views:
        return Missing(name, title, say("scores come when every fit is done"))
    caption = say(
        "Mean over the seeds with its 95 % interval, on the same held-out certificates. Above, the tasks of the "
        "encoder-decoder; below, each coder by what it reads. Whether one arm gains over another is read from the gains, not "
        "from whether two intervals overlap: there the arms are compared in pairs."
    )
    return _panel(value, name, title, caption, figure(value, say("held-out score"), marks.spelled), say("arm"))


def gains(study: StudyFolder, prefix: str) -> Panel | Missing:
    """What each arm gains over the one that it is compared with."""
    value, name, title = gain_scores(study), f"{prefix}-gains", say("The gain of each arm")
    if not value.views:
        return Missing(name, title, say("gains come when every fit is done"))
    caption = say(
        "The held-out score of one arm less that of another, compared in pairs on the same certificates, with 95 % intervals "
        "over certificates and seeds. To the right of the line at 0 the first arm is better; an interval that reaches it "
        "shows no gain."
    )
    drawn = figure(value, say("gain in the held-out score"), spelled)
    drawn["layout"]["shapes"].append(ZERO)
    return _panel(value, name, title, caption, drawn, say("gain"))


def figure(value: ArmScores, x: str, spell: Spell) -> Figure:
    """A row for each line with its interval, under headings."""
    places, ticks = _rows(value.lines)
    groups = dict.fromkeys(line.look.group for line in value.lines)
    views = [{"data": [_points(value.lines, places, view, group, spell) for group in groups]} for view in value.views]
    layout = marks.layout(x, "")
    end = len(ticks)
    layout["xaxis"] |= {"tickformat": ".4~f"}
    layout["yaxis"] |= {
        "range": [end - 0.4, -0.6],
        "tickvals": list(range(end)),
        "ticktext": ticks,
        "ticks": "",
        "showgrid": False,
    }
    rule = {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "layer": "below",
        "line": {"color": "var(--grid)", "width": 1},
    }
    headings = [place for place in range(1, end) if place not in places]
    layout["shapes"] = [{**rule, "y0": place - 0.5, "y1": place - 0.5} for place in headings]
    return {"views": views, "layout": layout, "zooms": []}


def height(value: ArmScores) -> int:
    """What the figure needs, in pixels."""
    return ROW * len(_rows(value.lines)[1]) + AROUND


def _panel(value: ArmScores, name: str, title: str, caption: str, drawn: Figure, of: str) -> Panel:
    return Panel(
        name=name,
        title=title,
        caption=caption,
        figure=drawn,
        numbers=_numbers(value, of),
        choosers=(Chooser(say("Score"), tuple(view.label for view in value.views)),),
        looks=tuple({line.look.group: line.look for line in value.lines}.values()),
        picks=False,
        height=height(value),
    )


def _numbers(value: ArmScores, of: str) -> Numbers:
    return Numbers(
        headings=(
            Heading("of", say("of")),
            Heading("arm", of),
            Heading("measure", say("score")),
            Heading("codes", say("codes")),
            Heading("value", say("mean over the seeds"), "score"),
            Heading("low", say("lower end"), "score"),
            Heading("high", say("upper end"), "score"),
        ),
        rows=tuple(
            (
                line.group,
                line.label,
                objective(view.measure),
                say(SLICES[view.part]),
                found.value,
                found.low,
                found.high,
            )
            for view in value.views
            for line, found in zip(value.lines, view.found, strict=True)
            if found is not None
        ),
    )


def _rows(lines: Sequence[ArmLine]) -> tuple[list[int], list[str]]:
    """The row of each line, and what stands before every row: a heading has one without a line."""
    places: list[int] = []
    ticks: list[str] = []
    group = None
    for line in lines:
        if line.group != group:
            group = line.group
            ticks.append(f"<b>{marks.exact(group)}</b>")
        places.append(len(ticks))
        ticks.append(marks.exact(line.name).replace("\n", "<br>"))
    return places, ticks


def _points(lines: Sequence[ArmLine], places: Sequence[int], view: ScoreView, group: str, spell: Spell) -> Figure:
    """The lines that look alike, so that they can be shown and hidden together."""
    mine = [
        (place, line, found)
        for place, line, found in zip(places, lines, view.found, strict=True)
        if line.look.group == group and found is not None
    ]
    look = next(line.look for line in lines if line.look.group == group)
    return marks.trace(
        look,
        x=marks.rounded(found.value for _, _, found in mine),
        y=[place for place, _, _ in mine],
        mode="markers",
        error_x=marks.errors([found for _, _, found in mine]),
        text=[labelled(marks.exact(line.label), spell(found)) for _, line, found in mine],
        hovertemplate="%{text}<extra></extra>",
    )
