"""Learning curves become a Plotly figure."""

from __future__ import annotations

from math import log10

from harness.leaderboard.marks import Figure, errors, exact, layout, rounded, spelled, trace
from harness.leaderboard.study import Curve, LearningCurves, certificates
from harness.leaderboard.text import objective

APART = 0.012  # of the axis, between the arms at one size


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
