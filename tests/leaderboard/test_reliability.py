"""The reliability diagram, against rows worked by hand and against the definition of the calibration error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from example_automation import NO_PROBABILITY, UNSURE, certificates, write_automation
from example_run import PICK, write_run

from harness.leaderboard.draw.reliability import panel
from harness.leaderboard.figures.looks import Interval, Look, looks
from harness.leaderboard.figures.reliability import Group, reliability
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.rows import Evidence, read
from harness.metrics.calibration import expected_calibration_error

Row = dict[str, Any]

EMPTY = Evidence(meta={}, corpus={}, trials=(), scorecards=(), pick=None, curves=())
LOOKS = {"a": Look("m0", "a", 0, 0), "b": Look("m1", "b", 1, 1)}


def group(model: str, year: str, number: int, confidence: float, right: float, role: str = "heldout") -> Row:
    """Powers of two are exact."""
    shared = {"model": model, "role": role, "year": year, "bin": number, "n": 50, "right": right}
    ends = {"low": confidence - 0.125, "high": confidence + 0.125, "confidence": confidence}
    return {**shared, **ends, "right_low": right - 0.0625, "right_high": right + 0.0625}


def card(model: str, year: str, **values: Any) -> Row:
    return {"model": model, "family": "f", "kind": "baseline", "role": "heldout", "year": year, **values}


def drawn(evidence: Evidence) -> Panel:
    found = panel(evidence, LOOKS)
    assert isinstance(found, Panel)
    return found


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    run = write_run(tmp_path_factory.mktemp("runs") / "20260302-093012")
    write_automation(run)
    return read(run)


def test_groups_come_from_the_least_sure_on_with_the_errors_of_their_slice() -> None:
    rows = (
        group("a", "all", 3, 0.75, 0.5),
        group("a", "all", 0, 0.25, 0.375),
        group("a", "2020", 1, 0.5, 0.5),
        group("a", "2021", 1, 0.5, 0.5),
    )
    cards = (card("a", "all", ece=0.1, brier=0.2), card("a", "2020", ece=0.3, brier=None))
    value = reliability(replace(EMPTY, reliability=rows, scorecards=cards), LOOKS)
    assert [one.year for one in value.slices] == ["all", "2020", "2021"]
    (model,) = value.slices[0].models
    assert model.groups == (
        Group(0.125, 0.375, 0.25, Interval(0.375, 0.3125, 0.4375), 50),
        Group(0.625, 0.875, 0.75, Interval(0.5, 0.4375, 0.5625), 50),
    )
    assert (model.ece, model.brier) == (0.1, 0.2)
    assert (value.slices[1].models[0].ece, value.slices[1].models[0].brier) == (0.3, None)
    assert value.slices[2].models[0].ece is None


def test_one_year_is_shown_once() -> None:
    rows = (group("a", "all", 0, 0.3, 0.4), group("a", "2020", 0, 0.3, 0.4))
    scored = replace(EMPTY, reliability=rows, scorecards=(card("a", "2020"),))
    assert [one.year for one in reliability(scored, LOOKS).slices] == ["2020"]


def test_the_groups_give_the_calibration_error(evidence: Evidence) -> None:
    value = reliability(evidence, looks(evidence, evidence.models()))
    model = value.slices[0].models[0]
    errors, confidence = certificates(PICK)
    n = sum(one.n for one in model.groups)
    error = sum(one.n * abs(one.confidence - one.right.value) for one in model.groups) / n
    assert n == len(errors)
    assert error == pytest.approx(expected_calibration_error(~errors, np.asarray(confidence)))


def test_who_has_no_probability_is_named_with_the_reason(evidence: Evidence) -> None:
    found = panel(evidence, looks(evidence, evidence.models()))
    assert isinstance(found, Panel)
    assert f"no probability: {UNSURE}: {NO_PROBABILITY}." in found.caption
    assert UNSURE not in {row[0] for row in found.numbers.rows}
    assert found.choosers[0].options == ("2020–2021, all together", "2020", "2021")


def test_the_drawing_has_a_diagonal_and_the_intervals_of_the_rows() -> None:
    rows, cards = (group("b", "2020", 0, 0.3, 0.4),), (card("b", "2020"),)
    found = drawn(replace(EMPTY, reliability=rows, scorecards=cards))
    diagonal, points = found.figure["views"][0]["data"]
    assert (diagonal["x"], diagonal["y"], diagonal.get("legendgroup")) == ([0, 1], [0, 1], None)
    assert (points["x"], points["y"], points["legendgroup"]) == ([0.3], [0.4], "m1")
    assert (points["error_y"]["array"], points["error_y"]["arrayminus"]) == ([0.0625], [0.0625])
    (row,) = found.numbers.rows
    said = dict(zip((one.key for one in found.numbers.headings), row, strict=True))
    assert (said["model"], said["year"], said["right"], said["n"], said["ece"]) == ("b", "2020", 0.4, 50, None)


def test_a_product_that_stands_in_for_the_chosen_confidence_is_named_and_has_its_own_error() -> None:
    rows = (
        group("a", "2020", 0, 0.3, 0.4) | {"estimator": "product"},
        group("a", "2020", 1, 0.9, 0.6) | {"estimator": "product"},
        group("b", "2020", 0, 0.3, 0.4) | {"estimator": "margin"},
    )
    cards = (
        card("a", "2020") | {"estimator": "agreement", "ece": None},
        card("b", "2020") | {"estimator": "margin", "ece": 0.1},
    )
    one = replace(EMPTY, reliability=rows, scorecards=cards)
    value = reliability(one, LOOKS)
    assert value.stand_ins == ("a",)
    assert [model.ece for model in value.slices[0].models] == [pytest.approx(0.2), 0.1]
    assert "product of the codes’ probabilities: a." in drawn(one).caption


def test_validation_years_are_named_as_such() -> None:
    rows = (group("a", "2018", 0, 0.3, 0.4, role="validation"),)
    assert "on which every choice was made" in drawn(replace(EMPTY, reliability=rows)).caption


def test_without_rows_the_reasons_are_said() -> None:
    none = panel(EMPTY, LOOKS)
    assert none == Missing(
        "reliability", "Reliability of the confidence", "no groups of like confidence were kept with this run"
    )
    cards = tuple(card(model, "all", confidence_reason="it is a margin.") for model in ("a", "b"))
    silent = panel(replace(EMPTY, scorecards=cards), LOOKS)
    assert isinstance(silent, Missing)
    assert silent.reason == "no model has a confidence that is a probability (a, b: it is a margin)"
