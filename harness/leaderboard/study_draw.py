"""What a study found becomes Plotly figures: learning curves, and the arms one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

from harness.leaderboard.marks import Figure, errors, exact, layout, rounded, spelled, trace
from harness.leaderboard.study_normalise import ArmLine, ArmScores, ScoreView, label
from harness.leaderboard.study_transfer import Curve, LearningCurves, certificates
from harness.leaderboard.text import objective

APART = 0.012  # of the axis, between the arms at one size
ROW, AROUND = 24, 84  # pixels of an arm's row, and of the axis with its title


def learning_curves(value: LearningCurves) -> Figure:
    """Every arm's score over the number of training certificates, on a logarithmic axis, with intervals."""
    sizes = [n for _, n in value.sizes]
    span = max(log10(sizes[-1] / sizes[0]), 0.3)
    views = [
        {
            "label": view.label,
            "data": [_line(curve, place, len(view.curves), span) for place, curve in enumerate(view.curves)],
        }
        for view in value.views
    ]
    found = layout("training certificates (logarithmic)", f"held-out {objective(value.measure)}")
    found["xaxis"] |= {
        "type": "log",
        "range": rounded([log10(sizes[0]) - 0.08 * span, log10(sizes[-1]) + 0.08 * span]),
        "tickvals": sizes,
        "ticktext": [f"{n:,}<br>{exact(size)}" for size, n in value.sizes],
        "showgrid": False,
    }
    found["yaxis"] |= {"tickformat": ".2~f"}
    return {"views": views, "layout": found, "zooms": []}


def _line(curve: Curve, place: int, n_curves: int, span: float) -> Figure:
    """One arm, moved a little sideways so that its intervals can be told from the others'."""
    shift = 10 ** ((place - (n_curves - 1) / 2) * APART * span)
    intervals = [point.found for point in curve.points]
    return trace(
        curve.look,
        x=rounded((point.n_train * shift for point in curve.points), 2),
        y=rounded(found.value for found in intervals),
        mode="lines+markers",
        error_y=errors(intervals),
        text=[f"{certificates(point)}: {spelled(point.found)}" for point in curve.points],
        hovertemplate="%{text}",
    )


def arm_scores(value: ArmScores) -> Figure:
    """Every arm's score with its interval in a row of its own, the arms of one heading below each other."""
    places, ticks = _rows(value.lines)
    looks = {line.look.group: line.look for line in value.lines}
    views = [
        {"label": view.label, "data": [_points(value.lines, places, view, group) for group in looks]}
        for view in value.views
    ]
    found = layout("held-out score", "")
    end = len(ticks)
    found["xaxis"] |= {"tickformat": ".2~f"}
    found["yaxis"] |= {
        "range": [end - 0.4, -0.6],
        "tickvals": list(range(end)),
        "ticktext": ticks,
        "ticks": "",
        "showgrid": False,
    }
    found["shapes"] = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": place - 0.5, "y1": place - 0.5, "layer": "below"}
        | {"line": {"color": "var(--grid)", "width": 1}}
        for place in range(1, end)
        if place not in places
    ]
    return {"views": views, "layout": found, "zooms": []}


def height(value: ArmScores) -> int:
    """What the figure needs, in pixels."""
    return ROW * len(_rows(value.lines)[1]) + AROUND


def _rows(lines: Sequence[ArmLine]) -> tuple[list[int], list[str]]:
    """The row of each arm, and what stands before every row: a heading has one without an arm."""
    places: list[int] = []
    ticks: list[str] = []
    group = None
    for line in lines:
        if line.group != group:
            group = line.group
            ticks.append(f"<b>{exact(group)}</b>")
        places.append(len(ticks))
        ticks.append(exact(line.name))
    return places, ticks


def _points(lines: Sequence[ArmLine], places: Sequence[int], view: ScoreView, group: str) -> Figure:
    """The arms that look alike, so that they can be shown and hidden together."""
    mine = [
        (place, line, found)
        for place, line, found in zip(places, lines, view.found, strict=True)
        if line.look.group == group and found is not None
    ]
    look = next(line.look for line in lines if line.look.group == group)
    return trace(
        look,
        x=rounded(found.value for _, _, found in mine),
        y=[place for place, _, _ in mine],
        mode="markers",
        error_x=errors([found for _, _, found in mine]),
        text=[f"{exact(label(line.arm))}: {spelled(found)}" for _, line, found in mine],
        hovertemplate="%{text}<extra></extra>",
    )
