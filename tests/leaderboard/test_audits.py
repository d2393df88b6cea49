"""Held-out years and the back-test on one axis, against rows worked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.leaderboard.draw.audits import panel
from harness.leaderboard.figures.audits import audits
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.rows import Evidence

Row = dict[str, Any]

EMPTY = Evidence(meta={}, corpus={}, trials=(), scorecards=(), pick=None, curves=())
LOOKS = {
    "b": Look("m0", "b", 1, 1),
    "a": Look("m1", "a", 0, 0, picked=True),
    "c": Look("m2", "c", 2, 2),
}
IMPOSSIBLE = "impossible: 101 certificates passed the gate, and at least 149 are needed."


def promise(**changes: Any) -> Row:
    return {"made": True, "unit": "certificate", "risk": 0.02, "coverage": 0.5, **changes}


def card(model: str, year: str, **changes: Any) -> Row:
    row: Row = {"model": model, "family": "f", "kind": "baseline", "role": "heldout", "year": year, "n": 1000}
    return {**row, "coverage": 0.4, "risk": 0.01, "risk_low": 0.003, "risk_high": 0.018, "reason": None, **changes}


def window(audit: int, **changes: Any) -> Row:
    row: Row = {"model": "a", "audit": audit, "refit": False, "made": True, "promised_coverage": 0.3, "n": 800}
    row |= {"coverage": 0.35, "risk": 0.03, "risk_low": 0.021, "risk_high": 0.05, "verdict": "broken"}
    return {**row, "hyper_parameters_saw_later": True, "reason": "promised 2 % at 95 %", **changes}


NONE: Row = {
    "made": False,
    "promised_coverage": 0.0,
    "coverage": None,
    "risk": None,
    "risk_low": None,
    "risk_high": None,
}
NONE |= {"verdict": None, "n": None, "reason": IMPOSSIBLE}
RUN = replace(
    EMPTY,
    scorecards=(
        card("a", "2021"),
        card("a", "2020", risk_high=0.03),
        card("b", "2021", risk=0.03, risk_low=0.0201, risk_high=0.05),
        card("c", "2021"),
    ),
    pick={"model": "a", "promise": promise()},
    certified={"promises": {"a": promise(), "b": promise(coverage=0.6), "c": promise(made=False)}},
    backtest=(window(2019), window(2019, refit=True, verdict="kept"), window(2018, **NONE)),
)


def drawn(evidence: Evidence) -> Panel:
    found = panel(evidence, LOOKS)
    assert isinstance(found, Panel)
    return found


def test_the_pick_comes_first_and_who_has_no_promise_stays_out() -> None:
    value = audits(RUN, LOOKS)
    assert [(one.look.label, one.source) for one in value.series] == [
        ("a", "heldout"),
        ("a", "window"),
        ("a", "refitted"),
        ("b", "heldout"),
    ]
    assert value.years == ("2018", "2019", "2020", "2021")
    assert (value.risk, value.made, value.other_unit) == (0.02, True, False)


def test_verdicts_are_those_of_the_whole_interval() -> None:
    value = audits(RUN, LOOKS)
    states = {(one.look.label, one.source): [(year.year, year.state) for year in one.years] for one in value.series}
    assert states["a", "heldout"] == [("2020", "undecided"), ("2021", "kept")]
    assert states["b", "heldout"] == [("2021", "broken")]
    assert states["a", "window"] == [("2018", "none"), ("2019", "broken")]
    assert states["a", "refitted"] == [("2019", "kept")]


def test_a_window_in_which_nothing_could_be_promised_has_a_reason_and_no_numbers() -> None:
    (first, second) = next(one for one in audits(RUN, LOOKS).series if one.source == "window").years
    assert first.impossible
    assert (first.promised, first.coverage, first.risk, first.n) == (None, None, None, None)
    assert first.reason == IMPOSSIBLE.rstrip(".")
    assert (second.impossible, second.promised, second.reason) == (False, 0.3, "")


def test_sources_differ_in_shape_and_impossible_ones_lie_below_the_axis() -> None:
    risk, coverage = drawn(RUN).figure["views"]
    shapes = [(trace["name"], trace["marker"]["symbol"], trace["y"]) for trace in risk["data"][:-1]]
    assert shapes[:2] == [("a", "circle", [0.01, 0.01]), ("a", "x-thin-open", [0.03])]
    assert (shapes[2][1], shapes[2][2][0] < 0) == ("x-thin-open", True)  # 2018
    assert shapes[3] == ("a", "circle-open", [0.03])
    assert shapes[4] == ("b", "square", [0.03])
    assert risk["yaxis"]["range"][0] < shapes[2][2][0]
    bars = [trace for trace in coverage["data"] if trace["marker"]["symbol"] == "line-ew-open"]
    assert [trace["y"] for trace in bars] == [[0.5, 0.5], [0.3], [0.3], [0.6]]


def test_the_promise_is_a_line_across_the_risks_alone() -> None:
    risk, coverage = drawn(RUN).figure["views"]
    assert (risk["data"][-1]["y"], risk["data"][-1]["text"][0]) == ([0.02, 0.02], "promised: 2\xa0%")
    assert not any(trace["mode"] == "lines+text" for trace in coverage["data"])


def test_the_numbers_have_every_year_with_its_reason() -> None:
    found = drawn(RUN).numbers
    rows = [dict(zip((one.key for one in found.headings), row, strict=True)) for row in found.rows]
    assert len(rows) == 6
    none = next(row for row in rows if row["year"] == "2018")
    assert (none["verdict"], none["risk"], none["reason"]) == ("no promise", None, IMPOSSIBLE.rstrip("."))
    assert {row["saw_later"] for row in rows if row["source"] != "held-out"} == {"yes"}
    assert {row["saw_later"] for row in rows if row["source"] == "held-out"} == {None}


def test_where_lines_are_promised_lines_are_shown() -> None:
    lines = (card("a", "2021", unit="line", n=3000, coverage=0.7),)
    of_line = replace(RUN, lines=lines, pick={"model": "a", "promise": promise(unit="line")}, certified=None)
    value = audits(of_line, LOOKS)
    assert value.unit == "line"
    assert [year.n for year in value.series[0].years] == [3000]
    found = drawn(of_line)
    assert found.caption.startswith("Of lines:")
    assert next(one.label for one in found.numbers.headings if one.key == "n") == "lines"
    assert found.figure["views"][0]["yaxis"]["title"]["text"] == "share of automatic lines wrong"


def test_a_back_test_of_the_other_unit_is_left_out_and_said() -> None:
    both = {"model": "a", "promise": {**promise(made=False), "line": promise(unit="line")}}
    lines = (card("a", "2021", unit="line"),)
    mixed = replace(RUN, lines=lines, pick=both, certified=None)
    assert [one.source for one in audits(mixed, LOOKS).series] == ["heldout"]
    assert "The back-test is of another unit" in drawn(mixed).caption


def test_a_wide_interval_does_not_squeeze_the_others() -> None:
    wide = replace(RUN, scorecards=(card("a", "2021", risk_high=0.9),))
    assert drawn(wide).figure["views"][0]["yaxis"]["range"][1] < 0.2


@pytest.mark.parametrize("evidence", [EMPTY, replace(EMPTY, scorecards=(card("a", "2021", coverage=None, risk=None),))])
def test_without_anything_automatic_it_says_so(evidence: Evidence) -> None:
    found = panel(evidence, LOOKS)
    assert isinstance(found, Missing)
    assert found.reason.startswith("no held-out year had anything automatic")


def test_without_a_back_test_the_title_has_none_and_the_caption_says_how_to_make_one() -> None:
    alone = drawn(replace(RUN, backtest=()))
    assert alone.title == "Risk and coverage by year"
    assert "No back-test was made: harness backtest RUN makes one." in alone.caption
    assert drawn(RUN).title == "Risk and coverage by year, with the back-test"
    assert "No back-test" not in drawn(RUN).caption
