"""Risk over coverage, with the promise and the working points."""

from __future__ import annotations

from collections.abc import Mapping

from harness.leaderboard import marks
from harness.leaderboard.figures.curves import CurveView, Point, RiskCoverage, risk_coverage
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.language import say
from harness.leaderboard.panel import Chooser, Figure, Heading, Missing, Numbers, Panel, Value
from harness.leaderboard.rows import Evidence
from harness.leaderboard.text import interval, level, risk, share

NAME = "curves"


def panel(evidence: Evidence, looks: Mapping[str, Look]) -> Panel | Missing:
    value = risk_coverage(evidence, looks)
    title = say("Risk and coverage")
    if not value.views:
        return Missing(NAME, title, say("no curves yet, they come with the scores"))
    return Panel(
        name=NAME,
        title=title,
        caption=_caption(value),
        figure=_figure(value),
        numbers=_numbers(value),
        choosers=(Chooser(say("Certificates"), tuple(view.label for view in value.views)),),
        looks=value.looks,
    )


def _caption(value: RiskCoverage) -> str:
    said = [
        say(
            "Selective risk over coverage: how wrong the automatic certificates are, as more and more are coded without a "
            "person, the most confident ones first. Lower is better."
        )
    ]
    if value.of_lines:
        said.append(
            say(
                "What is promised is the risk of lines; these curves are of whole certificates, of which it says nothing."
            )
        )
    elif value.promised is not None:
        said.append(
            say("The dotted line is the risk that was promised.")
            if value.made
            else say("The dotted line is the risk that was asked for and could not be promised.")
        )
    if any(point.look.picked for point in value.points):
        said.append(say("The large point is the pick’s working point with its 95 % interval."))
    if any(not point.look.picked for point in value.points):
        said.append(say("The smaller points are those of the other finalists that have a promise."))
    if value.has_steps:
        said.append(say("Lines with small points have few thresholds: only the points can be chosen."))
    if value.has_ends:
        said.append(say("A line that ends early ends where a gate sends the rest to a person."))
    said.append(say("Lines and numbers are thinned to what can be seen."))
    return " ".join(said)


def _numbers(value: RiskCoverage) -> Numbers:
    """The working points with their intervals, then the curves."""
    return Numbers(
        headings=(
            Heading("model", say("model")),
            Heading("certificates", say("certificates")),
            Heading("coverage", say("coverage"), "share"),
            Heading("risk", say("risk"), "risk"),
            Heading("risk_low", say("{score}, lower end", score=say("risk")), "risk"),
            Heading("risk_high", say("{score}, upper end", score=say("risk")), "risk"),
        ),
        rows=tuple(row for view in value.views for row in (*_point_rows(view), *_curve_rows(view))),
    )


def _point_rows(view: CurveView) -> list[tuple[Value, ...]]:
    return [
        (point.look.label, view.label, point.coverage, point.risk.value, point.risk.low, point.risk.high)
        for point in reversed(view.points)
    ]


def _curve_rows(view: CurveView) -> list[tuple[Value, ...]]:
    return [
        (curve.look.label, view.label, coverage, risk, None, None)
        for curve in view.curves
        for coverage, risk in zip(marks.rounded(curve.coverage), marks.rounded(curve.risk), strict=True)
    ]


def _figure(value: RiskCoverage) -> Figure:
    """The curves of each slice, the working points, and the promised risk as a line."""
    views = [{"data": [*_lines(view), *map(_working_point, view.points)]} for view in value.views]
    whole = [
        risk
        for view in value.views
        for curve in view.curves
        for coverage, risk in zip(curve.coverage, curve.risk, strict=True)
        if coverage >= 0.1 and not curve.look.floor
    ]
    top = round(min(1.02, 1.08 * max([*whole, value.near / 5], default=1.0)), 4)
    near = round(value.near, 6)
    layout = marks.layout(say("share coded without a person"), say("share wrong among these"))
    layout["xaxis"] |= {"range": [0, 1.005], "tickformat": ".0%"}
    layout["yaxis"] |= {"range": [0, top], "tickformat": ".3~%", "rangemode": "tozero"}
    if value.promised is not None and not value.of_lines:
        layout |= _promise(value.promised, value.made)
    zooms = [{"label": say("whole"), "range": [0, top]}]
    if near < top:
        zooms.append({"label": say("up to {level}", level=level(value.near)), "range": [0, near]})
    return {"views": views, "layout": layout, "zooms": zooms}


def _lines(view: CurveView) -> list[Figure]:
    return [
        marks.trace(
            curve.look,
            x=marks.rounded(curve.coverage),
            y=marks.rounded(curve.risk),
            mode="lines+markers" if curve.has_steps else "lines",
            hovertemplate=say("coverage {x}, risk {y}", x="%{x:.1%}", y="%{y:.2%}"),
        )
        for curve in view.curves
        if curve.coverage
    ]


def _working_point(point: Point) -> Figure:
    found, look = point.risk, point.look
    text = say("working point: {share} automatic, risk {risk}", share=share(point.coverage), risk=risk(found.value))
    if found.low is not None and found.high is not None:
        text += f" {interval(risk(found.low), risk(found.high))}"
    trace = marks.trace(
        look,
        x=marks.rounded([point.coverage]),
        y=marks.rounded([found.value]),
        mode="markers",
        error_y=marks.errors([found]),
        text=[text],
        hovertemplate="%{text}",
    )
    trace["marker"] |= {"size": 14 if look.picked else 10, "line": {"color": "var(--surface)", "width": 2}}
    trace["error_y"] |= {"color": marks.colour(look), "thickness": 2 if look.picked else 1, "width": 6}
    return trace


def _promise(promised: float, made: bool) -> Figure:
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": promised, "y1": promised}
    label = {"xref": "paper", "x": 0, "xanchor": "left", "y": promised, "yanchor": "bottom", "showarrow": False}
    words = level(promised)
    text = say("promised: {risk}", risk=words) if made else say("asked for: {risk}", risk=words)
    return {
        "shapes": [{**line, "line": {"color": "var(--ink)", "width": 1.5, "dash": "dot"}}],
        "annotations": [{**label, "text": text}],
    }
