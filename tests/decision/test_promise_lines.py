from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from harness.decision.promise import Promise, certify, risk_at_start
from harness.decision.promise_lines import LineCurve, certify_lines, line_curve

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Case = tuple[Bools, Floats, Bools, Ints]

LOOSE: dict[str, Any] = {"risk": 0.3, "confidence_level": 0.7, "candidates": 1, "expected_coverage": 0.2, "seed": 7}
USUAL: dict[str, Any] = {"risk": 0.02, "confidence_level": 0.95, "candidates": 1, "expected_coverage": 0.0, "seed": 7}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    n_lines = draw(st.integers(0, 120))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    confidence = rng.random(n_lines).round(draw(st.sampled_from([1, 2, 16])))
    errors = rng.random(n_lines) < draw(st.sampled_from([0.0, 0.1, 0.5]))
    confidence[rng.random(n_lines) < draw(st.sampled_from([0.0, 0.2]))] = -np.inf
    confidence[rng.random(n_lines) < draw(st.sampled_from([0.0, 0.1]))] = np.nan
    certificates = rng.integers(0, draw(st.sampled_from([1, 10, 60])), n_lines)
    return errors, confidence, rng.random(n_lines) < draw(st.sampled_from([0.7, 1.0])), certificates


def slow_points(case: Case, seed: int) -> list[tuple[float, int, int, int, int]]:
    """All (threshold, accepted, wrong, lines, wrong lines), from the definition."""
    errors, confidence, eligible, certificates = case
    draws = np.random.default_rng(seed).integers(0, 2**32, len(errors), dtype=np.uint32)
    mine = [i for i in range(len(errors)) if eligible[i] and not math.isnan(confidence[i])]
    points = []
    for threshold in sorted({float(confidence[i]) for i in mine}, reverse=True):
        automatic = [i for i in mine if confidence[i] >= threshold]
        drawn: dict[int, int] = {}
        for i in automatic:
            holder = drawn.get(int(certificates[i]))
            if holder is None or draws[i] < draws[holder]:
                drawn[int(certificates[i])] = i
        wrong = sum(bool(errors[i]) for i in drawn.values())
        points.append((threshold, len(drawn), wrong, len(automatic), int(errors[automatic].sum())))
    return points


def as_points(curve: LineCurve) -> list[tuple[float, int, int, int, int]]:
    columns = (curve.points.threshold, curve.points.accepted, curve.points.wrong, curve.lines, curve.wrong_lines)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@given(cases(), st.integers(0, 5))
def test_the_curve_is_that_of_the_definition(case: Case, seed: int) -> None:
    curve = line_curve(*case, seed=seed)
    assert as_points(curve) == slow_points(case, seed)
    assert (curve.n, curve.n_lines) == (len(set(case[3].tolist())), len(case[0]))
    assert curve.points.coverage.tolist() == [point[1] / curve.n for point in as_points(curve)]
    assert curve.points.risk.tolist() == [point[2] / point[1] for point in as_points(curve)]


@given(cases())
def test_the_promise_is_that_of_the_definition(case: Case) -> None:
    promise = certify_lines(*case, **LOOSE)
    points = slow_points(case, 7)
    steps = [step[:2] for step in promise.steps]
    assert all(step in [point[1:3] for point in points] for step in steps)
    assert all(step.p_value == pytest.approx(binom.cdf(step.wrong, step.accepted, 0.3)) for step in promise.steps)
    assert [step.passed for step in promise.steps] == [step.p_value <= promise.delta for step in promise.steps]
    assert all(step.passed for step in promise.steps[:-1])
    if promise.steps:
        assert promise.steps[0][:2] == next(point[1:3] for point in points if point[1] >= promise.start)
        if promise.steps[-1].passed:
            assert (promise.threshold, promise.accepted, promise.wrong) == points[-1][:3], "to the end"
    else:
        assert not points or points[-1][1] < promise.start
    if promise.made:
        at = next(point for point in points if point[0] == promise.threshold)
        assert (promise.accepted, promise.wrong, promise.lines, promise.wrong_lines) == at[1:]
        assert promise.coverage == at[3] / len(case[0])
    else:
        assert (promise.threshold, promise.coverage, promise.lines) == (None, 0.0, 0)


@given(cases())
def test_with_one_line_each_it_is_the_promise_by_certificate(case: Case) -> None:
    errors, confidence, eligible, _ = case
    by_line = certify_lines(errors, confidence, eligible, np.arange(len(errors)), **LOOSE)
    by_certificate = certify(errors, confidence, eligible, **{k: v for k, v in LOOSE.items() if k != "seed"})
    for name in ("made", "start", "allowed", "threshold", "accepted", "wrong", "coverage", "n", "p_value", "steps"):
        assert getattr(by_line, name) == getattr(by_certificate, name)


def test_the_draw_is_fair_and_seeded() -> None:
    # One of the three lines of each certificate is wrong, a certain place: a third of the draws are.
    n = 3_000
    errors = np.tile([False, True, False], n)
    case = errors, np.full(3 * n, 0.5), None, np.repeat(np.arange(n), 3)
    wrong = [int(line_curve(*case, seed=seed).points.wrong[-1]) for seed in (0, 0, 1)]
    assert wrong[0] == wrong[1] != wrong[2]
    assert all(abs(k - 1_000) < 4 * math.sqrt(3_000 * 2 / 9) for k in wrong)


def test_lines_that_are_surer_do_not_stand_for_the_others() -> None:
    # The surest line of each certificate is right, the other wrong: half of the draws are wrong in the end.
    n = 1_000
    confidence = np.column_stack([np.full(n, 0.9), np.full(n, 0.1)]).ravel()
    curve = line_curve(confidence < 0.5, confidence, None, np.repeat(np.arange(n), 2), seed=3)
    assert curve.points.accepted.tolist() == [n, n]
    assert curve.points.wrong[0] == 0
    assert abs(int(curve.points.wrong[1]) - 500) < 64
    assert curve.lines.tolist() == [n, 2 * n]
    assert curve.wrong_lines.tolist() == [0, n]


def test_the_last_lines_are_tested_though_no_certificate_comes_with_them() -> None:
    n = 200
    confidence = np.column_stack([np.linspace(1.0, 0.9, n), np.linspace(0.5, 0.4, n)]).ravel()
    promise = certify_lines(np.zeros(2 * n, np.bool_), confidence, None, np.repeat(np.arange(n), 2), **USUAL)
    assert (promise.accepted, promise.lines, promise.coverage, promise.threshold) == (n, 2 * n, 1.0, 0.4)
    # Steps of five certificates' worth of lines: ten.
    assert [step.accepted for step in promise.steps[:7]] == [149, 159, 169, 179, 189, 199, 200]
    assert len(promise.steps) == 6 + 20 + 1
    assert promise.reason == (
        "promised 2 % by line at 95 % for 1 candidate: of 400 calibration lines, the 400 most confident that passed "
        "the gate stand on 200 certificates, and of one drawn from each 0 are wrong"
    )


def test_impossible_by_line() -> None:
    n = 100
    lines = np.repeat(np.arange(n), 2)
    few = certify_lines(np.zeros(2 * n), np.ones(2 * n), None, lines, **(USUAL | {"validation_risk": 0.0}))
    assert (few.made, few.needed, few.unit, few.n, few.n_lines) == (False, 149, "line", n, 2 * n)
    assert few.reason == (
        "impossible: 100 certificates with a line that passed the gate, and at least 149 are needed to promise 2 % by "
        "line at 95 % for 1 candidate; at validation's risk of 0 % among its most confident about 149 calibration "
        "certificates would be needed, and there are 100"
    )
    n = 200
    all_wrong = certify_lines(np.ones(2 * n), np.ones(2 * n), None, np.repeat(np.arange(n), 2), **USUAL)
    assert all_wrong.reason == (
        "impossible: to promise 2 % by line at 95 % for 1 candidate, the first 200 certificates (most confident "
        "first), by one line drawn from each, may hold 0 wrong ones at most, but hold 200"
    )
    nothing = certify_lines(np.zeros(0), np.zeros(0), None, np.zeros(0, np.int64), **USUAL)
    assert (nothing.made, nothing.coverage, nothing.n) == (False, 0.0, 0)


def test_round_trip_through_strict_json() -> None:
    n = 200
    confidence = np.linspace(1, 0, 2 * n)
    promise = certify_lines(np.zeros(2 * n), confidence, None, np.arange(2 * n) // 2, **(USUAL | {"promises": 2}))
    assert promise.unit == "line"
    assert Promise.from_dict(json.loads(json.dumps(promise.to_dict(), allow_nan=False))) == promise


def test_what_validation_lets_expect() -> None:
    errors = np.array([False, False, True, True])
    curve = line_curve(errors, np.array([0.9, 0.8, 0.7, 0.6]), None, np.array([0, 1, 2, 3]), seed=0)
    assert curve.expected_coverage(0.4) == 0.75
    assert curve.expected_coverage(0.0) == 0.5
    assert line_curve(~errors, np.ones(4), None, np.arange(4), seed=0).expected_coverage(0.1) == 0.0
    assert risk_at_start(curve.points, 1.0) == 1 / 3
