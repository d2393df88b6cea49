"""What is gained by transfer, over the number of training certificates: where an interval holds 0, no gain is shown."""

from __future__ import annotations

from harness.leaderboard import marks
from harness.leaderboard.language import say
from harness.leaderboard.panel import Chooser, Figure, Heading, Missing, Numbers, Panel
from harness.leaderboard.study.draw import sizes
from harness.leaderboard.study.gains import SLICES, spelled, view_label
from harness.leaderboard.study.transfer import GainCurve, GainCurves, certificates, gain_curves, label
from harness.leaderboard.text import objective
from harness.run.study import StudyFolder

ZERO = {
    "type": "line",
    "xref": "paper",
    "x0": 0,
    "x1": 1,
    "y0": 0,
    "y1": 0,
    "line": {"color": "var(--ink)", "width": 1.5},
}


def panel(study: StudyFolder, prefix: str) -> Panel | Missing:
    value, name, title = gain_curves(study), f"{prefix}-gains", say("The gain by training size")
    if not value.views:
        return Missing(name, title, say("gains come when every fit is done"))
    seen = {curve.look.group: curve.look for view in value.views for curve in view.curves}
    return Panel(
        name=name,
        title=title,
        caption=say(
            "The held-out score of one arm less that of another, compared in pairs on the same certificates, with 95 % "
            "intervals over certificates and seeds. Above the line at 0 the first arm is better; an interval that reaches it "
            "shows no gain."
        ),
        figure=_figure(value),
        numbers=_numbers(value),
        choosers=(Chooser(say("Score"), tuple(view_label(view.part, view.measure) for view in value.views)),),
        looks=tuple(seen[group] for group in sorted(seen)),
        picks=False,
    )


def _figure(value: GainCurves) -> Figure:
    layout = sizes.layout(value.sizes, say("gain in the held-out score")) | {"shapes": [ZERO]}
    views = [
        {"data": [_line(curve, place - (len(view.curves) - 1) / 2, value) for place, curve in enumerate(view.curves)]}
        for view in value.views
    ]
    return {"views": views, "layout": layout, "zooms": []}


def _line(curve: GainCurve, place: float, value: GainCurves) -> Figure:
    points = [(point.n_train, point.found) for point in curve.points if point.found]
    words = [
        say(
            "{first} less {second}, {certificates}: {gain}",
            first=marks.exact(label(point.first)),
            second=marks.exact(label(point.second)),
            certificates=certificates(point),
            gain=spelled(point.found),
        )
        for point in curve.points
    ]
    return sizes.line(curve.look, points, words, place, sizes.span_of(value.sizes))


def _numbers(value: GainCurves) -> Numbers:
    return Numbers(
        headings=(
            Heading("gain", say("gain")),
            Heading("first", say("arm")),
            Heading("second", say("less the arm")),
            Heading("measure", say("score")),
            Heading("codes", say("codes")),
            Heading("size", say("part of the training certificates")),
            Heading("n_train", say("training certificates"), "count"),
            Heading("n_seeds", say("seeds"), "count"),
            Heading("value", say("gain in the mean"), "score"),
            Heading("low", say("lower end"), "score"),
            Heading("high", say("upper end"), "score"),
        ),
        rows=tuple(
            (
                *(
                    curve.look.label,
                    label(point.first),
                    label(point.second),
                    objective(view.measure),
                    say(SLICES[view.part]),
                ),
                *(point.size, point.n_train, point.n_seeds),
                *((point.found.value, point.found.low, point.found.high) if point.found else (None, None, None)),
            )
            for view in value.views
            for curve in view.curves
            for point in curve.points
        ),
    )
