"""The ladder of thresholds, against counts worked by hand and against the score rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from example_automation import MINUTES, write_automation
from example_run import PICK, write_run

from harness.leaderboard.draw.slider import slider
from harness.leaderboard.figures.looks import Look, looks
from harness.leaderboard.figures.thresholds import Counts, thresholds
from harness.leaderboard.rows import Evidence, read

Row = dict[str, Any]

EMPTY = Evidence(meta={}, corpus={}, trials=(), scorecards=(), pick=None, curves=())
HELDOUT = {"model": "a", "family": "f", "kind": "baseline", "role": "heldout", "year": "2021"}
A, B = Look("m0", "a", 0, 0), Look("m1", "b", 1, 1, picked=True)
LOOKS = {"a": A, "b": B}


def rows(model: str, year: str, *stops: tuple[float | None, int, int], certified: float | None = None) -> list[Row]:
    shared = {"model": model, "role": "heldout", "year": year, "n": 10}
    return [
        {
            **shared,
            "threshold": threshold,
            "accepted": accepted,
            "wrong": wrong,
            "certified": certified is not None and threshold == certified,
        }
        for threshold, accepted, wrong in stops
    ]


def promise(**changes: Any) -> Row:
    return {"made": True, "unit": "certificate", "risk": 0.02, "coverage": 0.5, **changes}


TWO = (
    *rows("a", "2021", (0.2, 9, 4), (None, 0, 0)),
    *rows("b", "2020", (0.1, 8, 3), (0.5, 5, 1), (0.9, 2, 0), (None, 0, 0), certified=0.5),
    *rows("b", "2021", (0.1, 10, 5), (0.5, 6, 2), (0.9, 1, 1), (None, 0, 0), certified=0.5),
)


def shown(*found: Row, **changes: Any) -> Evidence:
    return replace(EMPTY, scorecards=(HELDOUT,), thresholds=found, **changes)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    run = write_run(tmp_path_factory.mktemp("runs") / "20260302-093012")
    write_automation(run)
    return read(run)


def test_a_ladder_leads_from_nothing_automatic_to_all_and_the_pick_is_first() -> None:
    value = thresholds(shown(*TWO, pick={"model": "b", "promise": promise()}), LOOKS)
    assert value.years == ("2020", "2021")
    first, second = value.ladders
    assert (first.look, first.thresholds, first.certified) == (B, (None, 0.9, 0.5, 0.1), 2)
    assert first.years == (Counts(10, (0, 2, 5, 8), (0, 0, 1, 3)), Counts(10, (0, 1, 6, 10), (0, 1, 2, 5)))
    assert (second.look, second.years, second.certified) == (A, (None, Counts(10, (0, 9), (0, 4))), None)
    assert (value.risk, value.made, value.of_lines, value.minutes) == (0.02, True, False, None)


def test_the_order_of_the_rows_does_not_matter() -> None:
    assert thresholds(shown(*TWO), LOOKS) == thresholds(shown(*reversed(TWO)), LOOKS)


def test_a_promise_of_lines_is_none_of_these_thresholds() -> None:
    of_line = {"model": "b", "promise": promise(unit="line", risk=0.01)}
    value = thresholds(shown(*rows("b", "2020", (0.1, 8, 3), (None, 0, 0)), pick=of_line), LOOKS)
    assert (value.of_lines, value.made, value.risk) == (True, False, None)
    both = {"model": "b", "promise": {**promise(made=False), "line": promise(unit="line", risk=0.01)}}
    value = thresholds(shown(*TWO, pick=both), LOOKS)
    assert (value.of_lines, value.risk) == (True, 0.02)
    moved = slider(shown(*TWO, pick=both), LOOKS)
    assert moved is not None
    assert moved.data["risk"] is None  # kept or broken would be said of a risk that nobody promised


def test_the_certified_stop_has_the_score_row_s_coverage_risk_and_hours(evidence: Evidence) -> None:
    value = thresholds(evidence, looks(evidence, evidence.models()))
    for ladder in value.ladders:
        if ladder.certified is None:
            continue
        for year, counts in zip(value.years, ladder.years, strict=True):
            card = evidence.row(ladder.look.label, "heldout", year)
            assert counts is not None
            assert card is not None
            accepted, wrong = counts.accepted[ladder.certified], counts.wrong[ladder.certified]
            assert (counts.n, accepted / counts.n, wrong / accepted) == (card["n"], card["coverage"], card["risk"])
    assert [ladder.look.label for ladder in value.ladders if ladder.certified is not None] == [PICK, "bag-1"]
    assert value.ladders[0].look.label == PICK
    assert value.minutes == MINUTES
    assert not value.grouped


def test_hours_are_those_of_the_score_rows(evidence: Evidence) -> None:
    value = thresholds(evidence, looks(evidence, evidence.models()))
    first = value.ladders[0]
    for year, counts in zip(value.years, first.years, strict=True):
        card = evidence.row(PICK, "heldout", year) or {}
        assert counts is not None
        assert first.certified is not None
        assert card["hours_saved"] == pytest.approx(counts.accepted[first.certified] * (value.minutes or 0) / 60)


def test_a_threshold_that_rows_mark_before_anything_is_promised_is_no_promise() -> None:
    moved = slider(shown(*TWO), LOOKS)
    assert moved is not None
    assert (moved.made, moved.marked, moved.start) == (False, True, 2)
    assert [(one["name"], one["certified"], one["promised"]) for one in moved.data["models"]] == [
        ("b", 2, False),
        ("a", None, False),
    ]
    promised = slider(shown(*TWO, pick={"model": "b", "promise": promise()}), LOOKS)
    assert promised is not None
    assert promised.made
    assert promised.data["models"][0]["promised"]
    assert promised.data["level"] == "2\N{NO-BREAK SPACE}%"


def test_an_audit_that_counts_some_certificates_for_fewer_is_noticed(evidence: Evidence) -> None:
    cards = tuple(
        card | ({"risk_high": card["risk_high"] + 0.002} if card["risk_high"] else {}) for card in evidence.scorecards
    )
    assert thresholds(replace(evidence, scorecards=cards), looks(evidence, evidence.models())).grouped


def test_the_page_s_counts_are_steps_that_add_up(evidence: Evidence) -> None:
    seen = looks(evidence, evidence.models())
    value, moved = thresholds(evidence, seen), slider(evidence, seen)
    assert moved is not None
    for ladder, model in zip(value.ladders, moved.data["models"], strict=True):
        for counts, steps in zip(ladder.years, model["years"], strict=True):
            assert counts is not None
            assert tuple(accumulate(steps["accepted"])) == counts.accepted
            assert tuple(accumulate(steps["wrong"])) == counts.wrong
            assert min(steps["accepted"]) >= 0
    assert moved.rows == ("2020–2021, all together", "2020", "2021")
    assert (moved.stops, moved.start) == (len(value.ladders[0].thresholds), value.ladders[0].certified)


def test_each_view_of_the_curves_knows_its_row(evidence: Evidence) -> None:
    moved = slider(evidence, looks(evidence, evidence.models()))
    assert moved is not None
    assert moved.data["views"] == [0, 1, 2, None, None]  # none on calibration and validation


def test_one_year_is_shown_once() -> None:
    moved = slider(shown(*rows("b", "2020", (0.1, 8, 3), (None, 0, 0))), LOOKS)
    assert moved is not None
    assert (moved.rows, moved.start, moved.risk, moved.hours) == (("2020",), 0, "", False)


def test_a_run_without_thresholds_has_no_slider() -> None:
    assert slider(EMPTY, LOOKS) is None


def test_a_promise_stands_in_the_pick_where_certification_left_nothing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    evidence = replace(read(run), certified=None)
    value = thresholds(replace(evidence, thresholds=TWO), LOOKS)
    assert value.risk == 0.02


def test_of_runs_side_by_side_each_pick_is_one_and_a_risk_that_differs_is_nobody_s() -> None:
    def merged(risk: float) -> Evidence:
        shortlist = [{"model": "a", "promise": promise()}, {"model": "b", "promise": promise(risk=risk)}]
        return shown(*TWO, pick={"model": None, "shortlist": shortlist}, picks=frozenset({"a", "b"}))

    assert thresholds(merged(0.02), LOOKS).risk == 0.02
    value = thresholds(merged(0.05), LOOKS)
    assert (value.risk, value.of_lines) == (None, False)


def test_a_role_that_the_page_does_not_rank_by_stays_out() -> None:
    validation = [row | {"role": "validation", "year": "2019"} for row in TWO]
    assert thresholds(shown(*TWO, *validation), LOOKS).years == ("2020", "2021")
