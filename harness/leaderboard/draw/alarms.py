"""Both alarms by year: what was found against what was expected, and what rings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingOf
from itertools import groupby
from typing import Any

from harness.leaderboard import marks
from harness.leaderboard.figures.alarms import Alarms, Name, Test, alarms
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.language import N_, say, say_n
from harness.leaderboard.panel import Chooser, Figure, Heading, Missing, Numbers, Panel
from harness.leaderboard.rows import Evidence
from harness.leaderboard.text import SPACE, count, parted, share, small, written

NAME = "alarms"
ROW, AROUND, LEAST = 26, 84, 220  # pixels of a row, of the axis with its title, and of the whole
MOST_ROWS = 20  # of one view; what rings comes first
NAMED = 8  # codes that the caption names of a year
GAP = 3 * SPACE  # between a point and the words beside it
UNSAID = -0.05  # where what rings lies whose share may not be said
MEASURES = {
    "certificates with an unseen word": N_("certificates with an unseen word"),
    "certificates with an unseen text": N_("certificates with an unseen text"),
    "shift of the confidence": N_("shift of the confidence"),
    "shift of the predicted codes' shares": N_("shift of the predicted codes’ shares"),
    "its own words": N_("its own words"),
    "its own words in part II only": N_("its own words in part II only"),
}
SHORT = {  # on an axis that is narrow on a phone
    "certificates with an unseen word": N_("unseen words"),
    "certificates with an unseen text": N_("unseen texts"),
    "shift of the confidence": N_("confidence"),
    "shift of the predicted codes' shares": N_("codes"),
    "its own words in part II only": N_("part II"),
}
ALARMS: dict[Name, str] = {"words": N_("words"), "practice": N_("practice")}


def panel(evidence: Evidence, looks: MappingOf[str, Look]) -> Panel | Missing:
    value = alarms(evidence, looks)
    title = say("Both alarms by year")
    views = [*_word_views(value), *_practice_views(value)]
    if not views:
        return Missing(NAME, title, _why_not(evidence, value))
    layout = marks.layout("", "")
    layout["yaxis"] |= {"showgrid": False, "ticks": ""}
    return Panel(
        name=NAME,
        title=title,
        caption=_caption(value),
        figure={"views": [view for _, view in views], "layout": layout, "zooms": []},
        numbers=_numbers(value),
        choosers=(Chooser(say("Alarm"), tuple(label for label, _ in views)),),
        height=views[0][1]["height"],
    )


def _why_not(evidence: Evidence, value: Alarms) -> str:
    if value.silent:
        return say("no alarm says anything of these years: {reasons}", reasons=_silent(value))
    if evidence.shown_role != "heldout":
        return say("no held-out year is there for them to look at")
    return say("no alarms were kept with this run; they come with calibration years")


def _caption(value: Alarms) -> str:
    said = [
        say(
            "What both alarms of a bundle would have said of each held-out year. The words alarm needs no codes: it compares "
            "words, confidence and predicted codes with those of past years. The practice alarm compares how often a code is "
            "given to certificates that hold its own words, where the words stay and the coding may change."
        ),
        say(
            "Large points are what was found: a star rings, a full circle does not, a hollow one had too few past years to "
            "ring. The upright bar is what was expected. For words the grey line ends at the limit, beyond which the alarm "
            "rings; where there is no line, the p-value stands beside the point. For practice the line goes from the least "
            "to the largest of past years: the p-value decides, so that a point beyond it need not ring."
        ),
        _rings(value, "words"),
        _rings(value, "practice"),
        *_unjudged(value),
    ]
    if value.silent:
        said.append(say("Nothing is said of some years: {reasons}.", reasons=_silent(value)))
    if any(test.alarm == "practice" and test.reason for test in value.tests):
        said.append(
            say("Shares are unsaid where a count under 5 could be worked out; what rings then lies at the left end.")
        )
        said += _undrawn(value)
    return " ".join(said)


def _unjudged(value: Alarms) -> list[str]:
    """What was compared with too few past years for an alarm, where others of the same alarm could ring."""
    said = []
    for alarm in ALARMS:
        tests = [test for test in value.tests if test.alarm == alarm and test.rings is None]
        if tests and value.can_ring(alarm):
            named = dict.fromkeys(
                _said(test.measure) if alarm == "words" else f"{test.code} {test.year}" for test in tests
            )
            said.append(say("Could not be judged, with too few past years: {what}.", what=", ".join(named)))
    return said


def _undrawn(value: Alarms) -> list[str]:
    n = sum(test.alarm == "practice" and test.found is None and not test.rings for test in value.tests)
    if not n:
        return []
    return [
        say_n(
            "{n} comparison of the practice alarm, whose shares are unsaid, is not drawn: it does not ring.",
            "{n} comparisons of the practice alarm, whose shares are unsaid, are not drawn: none of them rings.",
            n,
            n=count(n),
        )
    ]


def _silent(value: Alarms) -> str:
    return parted(
        say("{alarm} {year}, {reason}", alarm=say(ALARMS[name]), year=year, reason=reason)
        for name, year, reason in value.silent
    )


def _rings(value: Alarms, alarm: Name) -> str:
    """What rings, in words."""
    years = value.ringing(alarm)
    if not any(test.alarm == alarm for test in value.tests):
        return (
            say("The words alarm compared nothing.")
            if alarm == "words"
            else say("The practice alarm compared nothing.")
        )
    if not value.can_ring(alarm):
        return (
            say("The words alarm cannot ring: it has too few past years.")
            if alarm == "words"
            else say("The practice alarm cannot ring: it has too few past years.")
        )
    if not years:
        return (
            say("The words alarm rings in no year.")
            if alarm == "words"
            else say("The practice alarm rings in no year.")
        )
    listed = parted(say("in {year}: {what}", year=year, what=_what(value, tests)) for year, tests in years.items())
    if alarm == "words":
        return say("The words alarm rings {years}.", years=listed)
    return say("The practice alarm rings {years}.", years=listed)


def _what(value: Alarms, tests: Sequence[Test]) -> str:
    if tests[0].alarm == "words":
        by_measure = groupby(sorted(tests, key=lambda test: test.measure), key=lambda test: test.measure)
        return ", ".join(_measured(value, measure, list(some)) for measure, some in by_measure)
    codes = list(dict.fromkeys(test.code or "" for test in tests))
    named = ", ".join(codes[:NAMED])
    more = len(codes) - NAMED
    if more <= 0:
        return named
    return say_n("{codes} and {n} more", "{codes} and {n} more", more, codes=named, n=count(more))


def _measured(value: Alarms, measure: str, tests: Sequence[Test]) -> str:
    """A statistic that rings, with the models where it is not all of them."""
    if len(tests) == len(value.models):
        return _said(measure)
    names = ", ".join(test.model or "" for test in tests)
    return say("{measure} ({models})", measure=_said(measure), models=names)


def _said(measure: str) -> str:
    return say(MEASURES.get(measure, measure))


def _numbers(value: Alarms) -> Numbers:
    return Numbers(
        headings=(
            Heading("alarm", say("alarm")),
            Heading("year", say("year")),
            Heading("model", say("model")),
            Heading("measure", say("compared")),
            Heading("code", say("code")),
            Heading("title", say("title")),
            Heading("expected", say("expected"), "small"),
            Heading("found", say("found"), "small"),
            Heading("low", say("grey line from"), "small"),
            Heading("high", say("to"), "small"),
            Heading("p_value", say("p-value"), "small"),
            Heading("rings", say("rings")),
            Heading("n", say("certificates"), "count"),
            Heading("reason", say("reason")),
        ),
        rows=tuple(
            (
                say(ALARMS[test.alarm]),
                test.year,
                test.model,
                _said(test.measure),
                test.code,
                test.title,
                test.expected,
                test.found,
                test.low,
                test.high,
                test.p_value,
                None if test.rings is None else say("yes") if test.rings else say("no"),
                test.n,
                test.reason or None,
            )
            for test in value.tests
        ),
    )


def _word_views(value: Alarms) -> list[tuple[str, Figure]]:
    """What was found as a multiple of what was expected: shares and distances then share one axis."""
    found = []
    for model in value.models:
        tests = [test for test in value.words(model) if test.ratio is not None]
        if tests:
            label = say("words, {model}", model=model.label)
            tests = sorted(tests, key=lambda test: test.year)
            names = [f"{test.year}, {say(SHORT.get(test.measure, test.measure))}" for test in tests]
            # Distances may be many times what is usual: the farthest are in the numbers.
            top = max(2.0, 1.1 * max(max(test.ratio or 0.0, test.most or 0.0) for test in tests))
            axis = {
                "range": [0, round(top, 3)],
                "tickformat": ".3~g",
                "title": _title(say("times what was expected")),
            }
            data = _marks(
                tests,
                band=[(0.0, test.most) for test in tests],
                expected=[1.0] * len(tests),
                found=[test.ratio for test in tests],
                said=_of_words,
            )
            found.append((label, {"data": data, "xaxis": axis, "yaxis": _rows(names), "height": _height(names)}))
    return found


def _practice_views(value: Alarms) -> list[tuple[str, Figure]]:
    """The share of the certificates with a code's own words that carry it."""
    found = []
    for year in value.years:
        tests = [test for test in value.practice(year) if test.rings or test.found is not None]
        tests = sorted(tests, key=lambda test: not test.rings)[:MOST_ROWS]  # rows come by rising p-value
        if tests:
            names = [_coded(test) for test in tests]
            unsaid = any(test.found is None for test in tests)
            left = 2 * UNSAID if unsaid else -0.02
            axis = {
                "range": [left, 1.03],
                "tickformat": ".0%",
                "tickvals": [0, 0.25, 0.5, 0.75, 1],
                "title": _title(say("share with the code")),
            }
            data = _marks(
                tests,
                band=[None if test.low is None or test.high is None else (test.low, test.high) for test in tests],
                expected=[test.expected for test in tests],
                found=[UNSAID if test.found is None else test.found for test in tests],
                said=_of_practice,
            )
            found.append(
                (
                    say("practice, {year}", year=year),
                    {"data": data, "xaxis": axis, "yaxis": _rows(names), "height": _height(names)},
                )
            )
    return found


def _coded(test: Test) -> str:
    where = SHORT.get(test.measure)
    return test.code or "" if where is None else say("{code}, {part}", code=test.code or "", part=say(where))


def _height(names: Sequence[str]) -> int:
    return max(ROW * len(names) + AROUND, LEAST)


def _title(text: str) -> Figure:
    return {"text": text, "standoff": 8, "font": {"size": 13}}


def _rows(names: Sequence[str]) -> Figure:
    n = len(names)
    return {
        "tickvals": list(range(n)),
        "ticktext": [marks.exact(name) for name in names],
        "range": [n - 0.4, -0.6],
    }


def _marks(
    tests: Sequence[Test],
    *,
    band: Sequence[tuple[float, float | None] | None],
    expected: Sequence[float | None],
    found: Sequence[float | None],
    said: Callable[[Test], str],
) -> list[Figure]:
    """A band, an upright bar and a point a row."""
    x: list[float | None] = []
    y: list[float | None] = []
    for row, ends in enumerate(band):
        if ends is not None and ends[1] is not None:
            x += [round(ends[0], 5), round(ends[1], 5), None]
            y += [row, row, None]
    quiet: dict[str, Any] = {"type": "scatter", "hoverinfo": "skip"}
    traces: list[Figure] = [
        {**quiet, "x": x, "y": y, "mode": "lines", "line": {"color": "var(--floor)", "width": 5}},
        {
            **quiet,
            "x": marks.rounded(expected),
            "y": list(range(len(tests))),
            "mode": "markers",
            "marker": {"symbol": "line-ns-open", "size": 16, "color": "var(--ink)", "line": {"width": 2}},
        },
    ]
    for rings, symbol, colour, size in (
        (True, "star", "var(--broken)", 14),
        (False, "circle", "var(--accent)", 10),
        (None, "circle-open", "var(--accent)", 10),
    ):
        rows = [row for row, test in enumerate(tests) if test.rings is rings and found[row] is not None]
        if rows:
            traces.append(
                {
                    "type": "scatter",
                    "name": "",
                    "x": marks.rounded(found[row] for row in rows),
                    "y": rows,
                    "mode": "markers",
                    "marker": {"symbol": symbol, "size": size, "color": colour},
                    "text": [_tested(tests[row], said(tests[row])) for row in rows],
                    "hovertemplate": "%{text}<extra></extra>",
                }
            )
    return [*traces, *_beside(tests, band, found)]


def _beside(
    tests: Sequence[Test], band: Sequence[tuple[float, float | None] | None], found: Sequence[float | None]
) -> list[Figure]:
    """The p-values of points that have no line to be read against, towards the middle of the figure."""
    bare = [
        (value, row, test.p_value)
        for row, (test, ends, value) in enumerate(zip(tests, band, found, strict=True))
        if value is not None and test.p_value is not None and (ends is None or ends[1] is None)
    ]
    if not bare:
        return []
    ends = (ends[1] for ends in band if ends is not None)
    largest = max(value for value in (*found, *ends) if value is not None)
    return [
        {
            "type": "scatter",
            "x": marks.rounded(value for value, _, _ in bare),
            "y": [row for _, row, _ in bare],
            "mode": "text",
            "text": [f"{GAP}{_p(p_value)}{GAP}" for _, _, p_value in bare],
            "textposition": ["middle left" if value > largest / 2 else "middle right" for value, _, _ in bare],
            "textfont": {"color": "var(--ink)", "size": 12},
            "cliponaxis": False,
            "hoverinfo": "skip",
        }
    ]


def _p(value: float) -> str:
    return say("p = {p}", p=small(value))


def _tested(test: Test, what: str) -> str:
    return what if test.p_value is None else say("{what}, {p}", what=what, p=_p(test.p_value))


def _of_words(test: Test) -> str:
    named = f"{marks.exact(test.year)}, {marks.exact(_said(test.measure))}"
    values = {"what": named, "found": small(test.found), "expected": small(test.expected)}
    times = "" if test.ratio is None else written(f"{test.ratio:.2f}")
    if test.rings:
        return say("{what}: rings at {found}, expected {expected} ({times} times)", **values, times=times)
    return say("{what}: {found}, expected {expected} ({times} times)", **values, times=times)


def _of_practice(test: Test) -> str:
    named = f"{marks.exact(test.code or '')} {marks.exact(test.title or '')}".strip()
    if test.found is None:
        return say("{what}: rings; its counts are unsaid, as some are under 5", what=named)
    values = {"what": named, "found": share(test.found), "expected": share(test.expected)}
    if test.rings:
        return say("{what}: rings at {found}, expected {expected}", **values)
    return say("{what}: {found}, expected {expected}", **values)
