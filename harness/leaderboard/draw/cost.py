"""Quality against cost: a point for each model, and the front of those that no other beats in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log10

from harness.leaderboard import marks
from harness.leaderboard.draw.years import of_validation
from harness.leaderboard.figures.cost import Cost, CostView, Point, cost, ticks
from harness.leaderboard.figures.looks import Interval, Look
from harness.leaderboard.language import N_, say
from harness.leaderboard.panel import Chooser, Figure, Heading, Kind, Missing, Numbers, Panel, Value
from harness.leaderboard.rows import Evidence
from harness.leaderboard.text import SPACE, duration, interval, score, seconds, share, size, written

NAME = "cost"
ASIDE = 1.6  # a point stands so many times from the end of its axis; one of 1, 2 and 5 lies between these ends


@dataclass(frozen=True, slots=True)
class Axis:
    """A cost or a quality: its name, how its numbers are written, and its ticks: of a quality by Plotly's format."""

    label: str
    heading: str
    kind: Kind
    write: Callable[[float | None], str]
    tick: Callable[[float], str] | None = None
    format: str = ""


def _unit(unit: str) -> Callable[[float], str]:
    return lambda value: f"{written(f'{value:,.10g}')}{SPACE}{unit}"


def _size(value: float) -> str:
    """A round number of bytes."""
    for unit in (N_("B"), N_("kB"), N_("MB")):
        if value < 1000:
            return _unit(say(unit))(value)
        value /= 1000
    return _unit(say("GB"))(value)


COSTS: Mapping[str, Axis] = {
    "milliseconds": Axis(
        N_("time per certificate"),
        N_("milliseconds per certificate"),
        "seconds",
        lambda value: f"{seconds(value)}{SPACE}ms",
        _unit("ms"),
    ),
    "bytes": Axis(N_("size"), N_("bytes of the saved model"), "size", size, _size),
    "fit_seconds": Axis(
        N_("time of the fit"),
        N_("seconds of the fit"),
        "seconds",
        duration,
        _unit("s"),
    ),
}
QUALITIES: Mapping[str, Axis] = {
    "micro_f1": Axis(N_("micro-F1"), N_("micro-F1"), "score", score, format=".4~f"),
    "exact_match": Axis(N_("exact match"), N_("exact match"), "share", share, format=".2~%"),
    "coverage": Axis(N_("coverage at the promise"), N_("coverage at the promise"), "share", share, format=".2~%"),
}


def panel(evidence: Evidence, looks: Mapping[str, Look]) -> Panel | Missing:
    value = cost(evidence, looks)
    title = say("Quality and cost")
    if not value.views:
        return Missing(NAME, title, say("no scored model has a speed, a size or a time of its fit"))
    return Panel(
        name=NAME,
        title=title,
        caption=_caption(value),
        figure=_figure(value),
        numbers=_numbers(value),
        choosers=(
            Chooser(say("Cost"), tuple(say(COSTS[key].label) for key in value.costs)),
            Chooser(say("Quality"), tuple(say(QUALITIES[key].label) for key in value.qualities)),
        ),
        looks=tuple(one.look for one in value.models),
    )


def _caption(value: Cost) -> str:
    said = [
        say(
            "Better is higher and further left; cost is on a logarithmic axis. Full points lie on the front, the line: no "
            "model is at least as good and as cheap, and better in one of both. Hollow points are beaten in that way."
        ),
        say("Upright bars are 95 % intervals over certificates: where two overlap, the front may be chance."),
    ]
    if len({one.comparable for one in value.models}) > 1:
        said.append(say("Runs that cannot be compared have a front each, and no line between them."))
    if "coverage" in value.qualities:
        said.append(
            say(
                "Coverage at the promise is the share coded without a person at the certified threshold; it has no bars."
            )
        )
    if any(one.look.floor for one in value.models):
        said.append(say("Grey floors take no part in the front, and may lie outside the axis."))
    return " ".join([*said, *of_validation(value.role)])


def _figure(value: Cost) -> Figure:
    layout = marks.layout("", "")
    layout["xaxis"] |= {"type": "log"}
    return {"views": [_view(view) for view in value.views], "layout": layout, "zooms": []}


def _view(view: CostView) -> Figure:
    spent, quality = COSTS[view.cost], QUALITIES[view.quality]
    return {
        "data": [*map(_front, view.fronts), *(_point(one, spent, quality) for one in view.points)],
        "xaxis": {**_scale(view, spent), "title": _title(spent)},
        "yaxis": {"tickformat": quality.format, "title": _title(quality)},
    }


def _scale(view: CostView, spent: Axis) -> Figure:
    """From a little before the cheapest model to a little beyond the dearest, with a few round numbers.

    Floors cost next to nothing, so that they would take most of the axis; where they are shown, zooming out finds them.
    """
    if not view.points or spent.tick is None:
        return {}
    costs = [one.cost for one in view.points if not one.look.floor] or [one.cost for one in view.points]
    low, high = min(costs) / ASIDE, max(costs) * ASIDE
    found = ticks(low, high)
    return {
        "range": marks.rounded([log10(low), log10(high)]),
        "tickvals": list(found),
        "ticktext": [spent.tick(value) for value in found],
    }


def _title(axis: Axis) -> Figure:
    return {"text": say(axis.label), "standoff": 8, "font": {"size": 13}}


def _front(points: Sequence[Point]) -> Figure:
    """What can be had at each cost: steps from one point of the front to the next."""
    return {
        "type": "scatter",
        "name": say("front"),
        "x": [_drawn(one.cost) for one in points],
        "y": marks.rounded(one.quality.value for one in points),
        "mode": "lines",
        "line": {"shape": "hv", "color": "var(--quiet)", "width": 1.5, "dash": "dot"},
        "hoverinfo": "skip",
    }


def _point(one: Point, spent: Axis, quality: Axis) -> Figure:
    known = one.quality.low is not None and one.quality.high is not None
    trace = marks.trace(
        one.look,
        x=[_drawn(one.cost)],
        y=marks.rounded([one.quality.value]),
        mode="markers",
        text=[f"{spent.write(one.cost)}, {_spelled(one.quality, quality)}"],
        hovertemplate="%{text}",
        **({"error_y": {**marks.errors([one.quality]), "color": marks.colour(one.look)}} if known else {}),
    )
    trace["marker"]["size"] = 12
    if not one.best:  # an outline filled with paper, which covers its bar
        trace["marker"] |= {"color": "var(--surface)", "line": {"color": marks.colour(one.look), "width": 2}}
    return trace


def _drawn(value: float) -> float:
    """Six digits that count: costs lie many powers of ten apart."""
    return float(f"{value:.6g}")


def _spelled(found: Interval, axis: Axis) -> str:
    if found.low is None or found.high is None:
        return axis.write(found.value)
    return f"{axis.write(found.value)} {interval(axis.write(found.low), axis.write(found.high))}"


def _numbers(value: Cost) -> Numbers:
    headings = [Heading("model", say("model"))]
    headings += [Heading(key, say(COSTS[key].heading), COSTS[key].kind) for key in value.costs]
    for key in value.qualities:
        axis = QUALITIES[key]
        headings += [
            Heading(key, say(axis.heading), axis.kind),
            Heading(f"{key}_low", say("{score}, lower end", score=say(axis.heading)), axis.kind),
            Heading(f"{key}_high", say("{score}, upper end", score=say(axis.heading)), axis.kind),
        ]
    rows: list[tuple[Value, ...]] = []
    for one in value.models:
        row: list[Value] = [one.look.label, *(one.costs[key] for key in value.costs)]
        for key in value.qualities:
            found = one.qualities[key]
            row += [None, None, None] if found is None else [found.value, found.low, found.high]
        rows.append(tuple(row))
    return Numbers(tuple(headings), tuple(rows))
