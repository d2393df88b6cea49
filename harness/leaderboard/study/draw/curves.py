"""Learning curves: every arm's held-out score over the number of training certificates."""

from __future__ import annotations

from harness.leaderboard import marks
from harness.leaderboard.language import say
from harness.leaderboard.panel import Chooser, Figure, Heading, Missing, Numbers, Panel
from harness.leaderboard.study.draw import sizes
from harness.leaderboard.study.gains import SLICES, view_label
from harness.leaderboard.study.transfer import Curve, LearningCurves, certificates, curves, looks
from harness.leaderboard.text import labelled, objective
from harness.run.study import StudyFolder


def panel(study: StudyFolder, prefix: str) -> Panel | Missing:
    value, name, title = curves(study), f"{prefix}-curves", say("Learning curves")
    if not value.views:
        return Missing(name, title, say("the curves come when every fit is done"))
    return Panel(
        name=name,
        title=title,
        caption=say(
            "Mean over the seeds with its 95 % interval, on the same held-out certificates. The arms of one size stand a "
            "little apart so that their intervals can be told. The unbroken line is the arm that stands for transfer "
            "learning, chosen on validation."
        ),
        figure=_figure(value),
        numbers=_numbers(value),
        choosers=(Chooser(say("Score"), tuple(view_label(view.part, view.measure) for view in value.views)),),
        looks=tuple(looks(study).values()),
        picks=False,
    )


def _figure(value: LearningCurves) -> Figure:
    views = [
        {"data": [_line(curve, place - (len(view.curves) - 1) / 2, value) for place, curve in enumerate(view.curves)]}
        for view in value.views
    ]
    return {"views": views, "layout": sizes.layout(value.sizes, say("held-out score")), "zooms": []}


def _line(curve: Curve, place: float, value: LearningCurves) -> Figure:
    points = [(point.n_train, point.found) for point in curve.points]
    words = [labelled(certificates(point), marks.spelled(point.found)) for point in curve.points]
    return sizes.line(curve.look, points, words, place, sizes.span_of(value.sizes))


def _numbers(value: LearningCurves) -> Numbers:
    return Numbers(
        headings=(
            Heading("arm", say("arm")),
            Heading("measure", say("score")),
            Heading("codes", say("codes")),
            Heading("size", say("part of the training certificates")),
            Heading("n_train", say("training certificates"), "count"),
            Heading("n_seeds", say("seeds"), "count"),
            Heading("value", say("mean over the seeds"), "score"),
            Heading("low", say("lower end"), "score"),
            Heading("high", say("upper end"), "score"),
        ),
        rows=tuple(
            (
                *(curve.look.label, objective(view.measure), say(SLICES[view.part])),
                *(point.size, point.n_train, point.n_seeds),
                *(point.found.value, point.found.low, point.found.high),
            )
            for view in value.views
            for curve in view.curves
            for point in curve.points
        ),
    )
