"""Risk and coverage by year: the held-out years and the windows of the back-test on one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.leaderboard import marks
from harness.leaderboard.figures.audits import Audited, Audits, Series, Source, audits
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.figures.promises import LINE
from harness.leaderboard.language import N_, say
from harness.leaderboard.panel import Chooser, Figure, Heading, Missing, Numbers, Panel
from harness.leaderboard.rows import Evidence
from harness.leaderboard.text import count, labelled, level, risk, share

NAME = "audits"
RISK, COVERAGE = range(2)
STEP = 0.13  # between the series of one year, of the distance between years
STRIP = -0.06  # where years without a promise lie below the axis, as a part of its height
SYMBOLS: dict[Source, str] = {"heldout": "", "window": "x-thin-open", "refitted": "circle-open"}
SOURCES: dict[Source, str] = {
    "heldout": N_("held-out"),
    "window": N_("back-test, without the refit"),
    "refitted": N_("back-test, with the refit"),
}
STATES = {
    "kept": N_("kept"),
    "broken": N_("broken"),
    "undecided": N_("undecided"),
    "unaudited": N_("not audited"),
    "none": N_("no promise"),
    "unfinished": N_("unfinished"),
}


def panel(evidence: Evidence, looks: Mapping[str, Look]) -> Panel | Missing:
    value = audits(evidence, looks)
    tested = any(one.source != "heldout" for one in value.series)
    title = say("Risk and coverage by year, with the back-test") if tested else say("Risk and coverage by year")
    if not value.series:
        return Missing(NAME, title, say("no held-out year had anything automatic, and there is no back-test"))
    return Panel(
        name=NAME,
        title=title,
        caption=_caption(value),
        figure=_figure(value),
        numbers=_numbers(value),
        choosers=(Chooser(say("Shown"), (say("risk"), say("coverage"))),),
        looks=value.looks,
    )


def _caption(value: Audits) -> str:
    sources = {one.source for one in value.series}
    said = [
        say("Of lines: how many were coded without a person, and how many of these were wrong.")
        if value.unit == LINE
        else say("Of certificates: how many were coded without a person, and how many of these were wrong.")
    ]
    if "heldout" in sources:
        said.append(say("Full points are held-out years, at the threshold that calibration years gave."))
    if sources & {"window", "refitted"}:
        said.append(
            say(
                "Crosses are windows of the back-test without the refit, rings those with it: what would have been promised "
                "of this one candidate in past years. Where its hyper-parameters had seen later years, it flatters; "
                "the numbers say where."
            )
        )
    if value.risk is not None:
        said.append(
            say(
                "Under “risk” the dotted line is what is promised; under “coverage” short bars are the coverage that was promised."
            )
            if value.made
            else say(
                "Under “risk” the dotted line is what was asked for; under “coverage” short bars are coverages that were promised."
            )
        )
    said.append(say("Intervals are of 95 %."))
    if any(one.impossible for series in value.series for one in series.years):
        said.append(say("Marks below the axis are years for which nothing could be promised; the numbers say why."))
    if value.other_unit:
        said.append(say("The back-test is of another unit and stands in its own table."))
    elif not sources & {"window", "refitted"}:
        said.append(say("No back-test was made: {command} makes one.", command="harness backtest RUN"))
    return " ".join(said)


def _numbers(value: Audits) -> Numbers:
    return Numbers(
        headings=(
            Heading("model", say("model")),
            Heading("source", say("source")),
            Heading("year", say("year")),
            Heading("promised_coverage", say("promised coverage"), "share"),
            Heading("n", say("lines") if value.unit == LINE else say("certificates"), "count"),
            Heading("coverage", say("coverage"), "share"),
            Heading("risk", say("risk"), "risk"),
            Heading("risk_low", say("{score}, lower end", score=say("risk")), "risk"),
            Heading("risk_high", say("{score}, upper end", score=say("risk")), "risk"),
            Heading("verdict", say("verdict")),
            Heading("saw_later", say("saw later years")),
            Heading("reason", say("reason")),
        ),
        rows=tuple(
            (
                series.look.label,
                say(SOURCES[series.source]),
                one.year,
                one.promised,
                one.n,
                one.coverage,
                *((one.risk.value, one.risk.low, one.risk.high) if one.risk else (None, None, None)),
                say(STATES[one.state]),
                (say("yes") if one.saw_later else say("no")) if series.source != "heldout" else None,
                one.reason or None,
            )
            for series in value.series
            for one in series.years
        ),
    )


def _figure(value: Audits) -> Figure:
    layout = marks.layout(say("year"), "")
    layout["xaxis"] |= {
        "range": [-0.5, len(value.years) - 0.5],
        "tickvals": list(range(len(value.years))),
        "ticktext": [marks.exact(year) for year in value.years],
        "showgrid": False,
    }
    layout["yaxis"] |= {"zeroline": True, "zerolinecolor": "var(--rule)"}
    found = [one for series in value.series for one in series.years]
    shown = [one.risk for one in found if one.risk]
    # An interval of few automatic certificates would squeeze all others: what passes the top is in the numbers.
    highest = max((one.value for one in shown), default=0.0)
    widest = max((one.high or one.value for one in shown), default=0.0)
    top_risk = max(min(widest, 3 * max(highest, value.risk or 0.0)), 1.5 * (value.risk or 0.0), 1e-3)
    top_coverage = max((part for one in found for part in (one.coverage, one.promised) if part is not None), default=1)
    views = []
    for what, top, form in ((RISK, 1.08 * top_risk, ".3~%"), (COVERAGE, 1.1 * max(top_coverage, 0.05), ".0%")):
        strip = STRIP * top
        data = [
            trace for place, series in enumerate(value.series) for trace in _traces(value, series, place, what, strip)
        ]
        if what == RISK and value.risk is not None:
            data.append(_promise(value.risk, len(value.years), made=value.made))
        bottom = 2 * strip if any(one.impossible for one in found) else strip / 2
        axis = {"range": [round(bottom, 5), round(top, 5)], "tickformat": form, "title": _title(value, what)}
        views.append({"data": data, "yaxis": axis})
    return {"views": views, "layout": layout, "zooms": []}


def _title(value: Audits, what: int) -> Figure:
    if what == COVERAGE:
        text = say("share coded without a person")
    else:
        text = (
            say("share of automatic lines wrong")
            if value.unit == LINE
            else say("share of automatic certificates wrong")
        )
    return {"text": text, "standoff": 8, "font": {"size": 13}}


def _traces(value: Audits, series: Series, place: int, what: int, strip: float) -> list[Figure]:
    """The years of one series, the coverage that was promised of them, and those of which nothing could be."""
    shift = (place - (len(value.series) - 1) / 2) * min(STEP, 0.7 / len(value.series))
    places = {year: index + shift for index, year in enumerate(value.years)}
    drawn = [one for one in series.years if (one.risk if what == RISK else one.coverage) is not None]
    none = [one for one in series.years if one.impossible and one not in drawn]
    found = [_points(series, drawn, places, what)] if drawn else []
    if what == COVERAGE and (promised := [one for one in series.years if one.promised is not None]):
        found.append(_bars(series, promised, places))
    if none:
        found.append(
            _marks(
                series,
                none,
                places,
                y=[round(strip, 5)] * len(none),
                text=[_label(series, one, say("nothing could be promised")) for one in none],
            )
        )
    return found


def _points(series: Series, drawn: Sequence[Audited], places: Mapping[str, float], what: int) -> Figure:
    if what == COVERAGE:
        y = marks.rounded(one.coverage for one in drawn)
        extra: dict[str, Any] = {}
        text = [_label(series, one, _covered(one)) for one in drawn]
    else:
        risks = [one.risk for one in drawn if one.risk]
        y = marks.rounded(one.value for one in risks)
        extra = {"error_y": marks.errors(risks) | {"color": marks.colour(series.look)}}
        text = [_label(series, one, _wrong(one)) for one in drawn]
    return _marks(series, drawn, places, y=y, text=text, **extra)


def _marks(series: Series, years: Sequence[Audited], places: Mapping[str, float], **values: Any) -> Figure:
    """Held-out years are joined by a line; windows stand alone."""
    joined = series.source == "heldout" and "error_y" in values
    trace = marks.trace(
        series.look,
        x=marks.rounded(places[one.year] for one in years),
        mode="lines+markers" if joined else "markers",
        hovertemplate="%{text}",
        **values,
    )
    symbol = SYMBOLS[series.source] or trace["marker"]["symbol"]
    size = 12 if series.look.picked or series.source != "heldout" else 9
    trace["marker"] |= {"symbol": symbol, "size": size}
    if series.source != "heldout":
        trace["marker"]["line"] = {"width": 2.5}
    return trace


def _bars(series: Series, promised: Sequence[Audited], places: Mapping[str, float]) -> Figure:
    """Promised coverages, as short bars."""
    trace = marks.trace(
        series.look,
        x=marks.rounded(places[one.year] for one in promised),
        y=marks.rounded(one.promised for one in promised),
        mode="markers",
        text=[_label(series, one, say("{share} were promised", share=share(one.promised))) for one in promised],
        hovertemplate="%{text}",
    )
    trace["marker"] |= {"symbol": "line-ew-open", "size": 15, "line": {"width": 3}}
    return trace


def _promise(promised: float, years: int, *, made: bool) -> Figure:
    words = say("promised: {risk}", risk=level(promised)) if made else say("asked for: {risk}", risk=level(promised))
    return {
        "type": "scatter",
        "x": [-0.5, years - 0.5],
        "y": [promised, promised],
        "mode": "lines+text",
        "line": {"color": "var(--ink)", "width": 1.5, "dash": "dot"},
        "text": [words, ""],
        "textposition": "top right",
        "textfont": {"color": "var(--ink)"},
        "hoverinfo": "skip",
    }


def _label(series: Series, one: Audited, what: str) -> str:
    return labelled(f"{marks.exact(one.year)}, {say(SOURCES[series.source])}", what)


def _covered(one: Audited) -> str:
    if one.promised is None:
        return say("{share} of {n} automatic", share=share(one.coverage), n=count(one.n))
    return say(
        "{share} of {n} automatic, {promised} were promised",
        share=share(one.coverage),
        n=count(one.n),
        promised=share(one.promised),
    )


def _wrong(one: Audited) -> str:
    found = one.risk
    if found is None or found.low is None or found.high is None:
        return risk(None if found is None else found.value)
    return say(
        "{risk} wrong, {low} to {high}: {verdict}",
        risk=risk(found.value),
        low=risk(found.low),
        high=risk(found.high),
        verdict=say(STATES[one.state]),
    )
