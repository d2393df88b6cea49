"""Scores by year: micro-F1, exact match, coverage and risk, each model with its intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.leaderboard import marks
from harness.leaderboard.figures.looks import Interval, Look
from harness.leaderboard.figures.years import ByYear, YearLine, by_year
from harness.leaderboard.language import N_, say
from harness.leaderboard.panel import Chooser, Figure, Heading, Kind, Missing, Numbers, Panel, Value
from harness.leaderboard.rows import Evidence
from harness.leaderboard.text import interval, labelled, level, risk, score, share

NAME = "years"


@dataclass(frozen=True, slots=True)
class Measure:
    """A score: its name, and how its numbers and its ticks are written; ``bars`` where rows have intervals of it."""

    label: str
    kind: Kind
    write: Callable[[float | None], str]
    ticks: str
    bars: bool = True


MEASURES: Mapping[str, Measure] = {
    "micro_f1": Measure(N_("micro-F1"), "score", score, ".4~f"),
    "exact_match": Measure(N_("exact match"), "share", share, ".2~%"),
    "coverage": Measure(N_("coverage"), "share", share, ".0%", bars=False),
    "risk": Measure(N_("risk"), "risk", risk, ".2~%"),
}


def panel(evidence: Evidence, looks: Mapping[str, Look]) -> Panel | Missing:
    value = by_year(evidence, looks)
    title = say("Scores by held-out year") if value.role == "heldout" else say("Scores by validation year")
    if not value.lines:
        return Missing(NAME, title, say("no year is scored yet"))
    return Panel(
        name=NAME,
        title=title,
        caption=_caption(value),
        figure=_figure(value),
        numbers=_numbers(value),
        choosers=(Chooser(say("Score"), tuple(say(MEASURES[key].label) for key in value.measures)),),
        looks=tuple(line.look for line in value.lines),
    )


def of_validation(role: str) -> list[str]:
    """A warning where a figure shows no held-out years."""
    return [] if role == "heldout" else [say("These are validation years, on which every choice was made.")]


def apart(looks: Sequence[Look]) -> list[float]:
    """How far the points of each model stand from the middle of their place; models around it, floors to their right."""
    step = min(0.09, 0.7 / max(len(looks), 1))
    ours = sum(not look.floor for look in looks)
    order = sorted(range(len(looks)), key=lambda place: looks[place].floor)
    shifts = {place: (rank - (ours - 1) / 2) * step for rank, place in enumerate(order)}
    return [shifts[place] for place in range(len(looks))]


def _caption(value: ByYear) -> str:
    said = [
        say(
            "Points with 95 % intervals over certificates. A score that falls from year to year is what drift looks like."
        )
    ]
    if "coverage" in value.measures:
        said.append(say("Coverage and risk are those at the certified threshold; coverage has no interval."))
    if "risk" in value.measures and value.promised is not None:
        said.append(say("The dotted line is the risk that was promised."))
    return " ".join([*said, *of_validation(value.role)])


def _figure(value: ByYear) -> Figure:
    layout = marks.layout(say("year"), "")
    layout["xaxis"] |= {
        "range": [-0.5, max(len(value.years) - 0.5, 0.5)],
        "tickvals": list(range(len(value.years))),
        "ticktext": [marks.exact(year) for year in value.years],
        "showgrid": False,
    }
    return {"views": [_view(value, key) for key in value.measures], "layout": layout, "zooms": []}


def _view(value: ByYear, measure: str) -> Figure:
    """A point with its interval for each model and year, a little apart; floors come last."""
    shifts = zip(value.lines, apart([line.look for line in value.lines]), strict=True)
    order = sorted(shifts, key=lambda one: one[0].look.floor)
    data = [_trace(value.years, line, measure, shift) for line, shift in order if any(line.scores[measure])]
    if measure == "risk" and value.promised is not None:
        data.append(_promise(value.promised, len(value.years)))
    upright: Figure = {"tickformat": MEASURES[measure].ticks}
    return {"data": data, "yaxis": upright | ({"rangemode": "tozero"} if measure == "risk" else {})}


def _trace(years: Sequence[str], line: YearLine, measure: str, shift: float) -> Figure:
    points = [
        (index + shift, year, found)
        for index, (year, found) in enumerate(zip(years, line.scores[measure], strict=True))
        if found is not None
    ]
    bars = {"error_y": marks.errors([found for _, _, found in points])} if MEASURES[measure].bars else {}
    return marks.trace(
        line.look,
        x=marks.rounded(x for x, _, _ in points),
        y=marks.rounded(found.value for _, _, found in points),
        mode="lines+markers",
        text=[labelled(marks.exact(year), _spelled(found, MEASURES[measure])) for _, year, found in points],
        hovertemplate="%{text}",
        **bars,
    )


def _promise(promised: float, n_years: int) -> Figure:
    """The promised risk across all years."""
    return {
        "type": "scatter",
        "x": [-0.5, max(n_years - 0.5, 0.5)],
        "y": marks.rounded([promised] * 2),
        "mode": "lines+text",
        "text": [say("promised: {risk}", risk=level(promised)), ""],
        "textposition": "top right",
        "textfont": {"color": "var(--ink)"},
        "line": {"color": "var(--ink)", "width": 1.5, "dash": "dot"},
        "hoverinfo": "skip",
    }


def _spelled(found: Interval, measure: Measure) -> str:
    if found.low is None or found.high is None:
        return measure.write(found.value)
    return f"{measure.write(found.value)} {interval(measure.write(found.low), measure.write(found.high))}"


def _numbers(value: ByYear) -> Numbers:
    headings = [
        Heading("model", say("model")),
        Heading("year", say("year")),
        Heading("n", say("certificates"), "count"),
    ]
    for key in value.measures:
        label, kind = say(MEASURES[key].label), MEASURES[key].kind
        headings.append(Heading(key, label, kind))
        if MEASURES[key].bars:
            headings.append(Heading(f"{key}_low", say("{score}, lower end", score=label), kind))
            headings.append(Heading(f"{key}_high", say("{score}, upper end", score=label), kind))
    rows: list[tuple[Value, ...]] = []
    for line in value.lines:
        for place, year in enumerate(value.years):
            row: list[Value] = [line.look.label, year, value.n[place]]
            for key in value.measures:
                found = line.scores[key][place]
                row += _three(found) if MEASURES[key].bars else [None if found is None else found.value]
            rows.append(tuple(row))
    return Numbers(tuple(headings), tuple(rows))


def _three(found: Interval | None) -> list[Value]:
    return [None, None, None] if found is None else [found.value, found.low, found.high]
