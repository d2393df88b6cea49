from __future__ import annotations

import math
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest, rankdata
from sklearn.metrics import roc_auc_score

from harness.metrics.selective import (
    augrc,
    aurc,
    exact_interval,
    oracle_coverage,
    risk_coverage,
    working_point,
)

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
LEVELS = [-math.inf, -1.5, 0.0, 0.25, 0.5, 1.0, math.inf]


@st.composite
def certificates(draw: st.DrawFn, levels: list[float] = LEVELS) -> tuple[Bools, Floats, Bools]:
    n = draw(st.integers(1, 25))
    return (
        draw(arrays(np.bool_, n)),
        draw(arrays(np.float64, n, elements=st.sampled_from(levels))),
        draw(arrays(np.bool_, n)),
    )


def slow_points(errors: Bools, confidence: Floats, eligible: Bools) -> list[tuple[float, int, int]]:
    """(threshold, accepted, wrong) from the definition: one threshold after the other."""
    points = []
    for threshold in sorted({float(c) for c, e in zip(confidence, eligible, strict=True) if e}, reverse=True):
        accepted = [i for i in range(len(errors)) if eligible[i] and confidence[i] >= threshold]
        points.append((threshold, len(accepted), sum(bool(errors[i]) for i in accepted)))
    return points


@given(certificates())
def test_curve_from_its_definition(data: tuple[Bools, Floats, Bools]) -> None:
    errors, confidence, eligible = data
    curve = risk_coverage(errors, confidence, eligible)
    points = slow_points(errors, confidence, eligible)
    assert list(zip(curve.threshold, curve.accepted, curve.wrong, strict=True)) == points
    assert curve.coverage.tolist() == [accepted / len(errors) for _, accepted, _ in points]
    assert curve.risk.tolist() == [wrong / accepted for _, accepted, wrong in points]


@given(certificates(), st.randoms(use_true_random=False))
def test_order_cannot_matter(data: tuple[Bools, Floats, Bools], random: Random) -> None:
    errors, confidence, eligible = data
    order = list(range(len(errors)))
    random.shuffle(order)
    assert aurc(errors[order], confidence[order]) == aurc(errors, confidence)
    assert augrc(errors[order], confidence[order]) == augrc(errors, confidence)
    shuffled, curve = (
        risk_coverage(errors[order], confidence[order], eligible[order]),
        risk_coverage(errors, confidence, eligible),
    )
    assert shuffled.wrong.tolist() == curve.wrong.tolist()
    assert shuffled.threshold.tolist() == curve.threshold.tolist()


@given(certificates())
def test_only_the_order_of_confidences_matters(data: tuple[Bools, Floats, Bools]) -> None:
    errors, confidence, eligible = data
    ranks = rankdata(confidence, method="dense")
    for transformed in (ranks, ranks**3 - 100, -1.0 / ranks):
        assert aurc(errors, transformed) == aurc(errors, confidence)
        assert augrc(errors, transformed) == augrc(errors, confidence)
        assert oracle_coverage(errors, transformed, 0.3, eligible) == oracle_coverage(errors, confidence, 0.3, eligible)


@given(certificates())
def test_areas_from_their_definition(data: tuple[Bools, Floats, Bools]) -> None:
    errors, confidence, _ = data
    n = len(errors)
    everyone = np.ones(n, np.bool_)
    risk_at = {t: wrong / accepted for t, accepted, wrong in slow_points(errors, confidence, everyone)}
    assert aurc(errors, confidence) == pytest.approx(np.mean([risk_at[float(c)] for c in confidence]))
    points = [(0.0, 0.0)] + [(a / n, w / n) for _, a, w in slow_points(errors, confidence, everyone)]
    assert augrc(errors, confidence) == pytest.approx(np.trapezoid([y for _, y in points], [x for x, _ in points]))


@given(certificates())
def test_augrc_is_a_function_of_auroc_and_accuracy(data: tuple[Bools, Floats, Bools]) -> None:
    errors, confidence, _ = data
    a = 1 - float(errors.mean())
    finite = rankdata(confidence, method="dense")
    auroc = roc_auc_score(~errors, finite) if 0 < a < 1 else 1.0
    assert augrc(errors, confidence) == pytest.approx((1 - auroc) * a * (1 - a) + (1 - a) ** 2 / 2)


def test_areas_without_ties_are_the_textbooks() -> None:
    rng = np.random.default_rng(3)
    confidence = rng.permutation(200) / 200
    errors = rng.random(200) < 1 - confidence
    wrong = np.cumsum(errors[np.argsort(-confidence)])
    assert aurc(errors, confidence) == pytest.approx(np.mean(wrong / np.arange(1, 201)))
    # the plain sum over points is the trapezoids' area and half a certificate's share of all errors
    assert augrc(errors, confidence) == pytest.approx(np.mean(wrong / 200) - errors.sum() / (2 * 200**2))


def test_areas_by_hand() -> None:
    errors = np.array([0.0, 1.0, 0.0, 1.0])
    confidence = np.array([0.9, 0.5, 0.5, 0.1])  # points: (1, 0 wrong), (3, 1), (4, 2)
    assert aurc(errors, confidence) == pytest.approx((0 + 1 / 3 + 1 / 3 + 1 / 2) / 4)
    assert augrc(errors, confidence) == pytest.approx((0 + 2 * (0 + 1 / 4) / 2 + (1 / 4 + 2 / 4) / 2) / 4)
    constant = np.full(4, 0.5)
    assert aurc(errors, constant) == 0.5
    assert augrc(errors, constant) == 0.25


def test_a_nan_is_the_least_sure() -> None:
    errors = np.array([False, True, False])
    confidence = np.array([0.9, np.nan, 0.2])
    assert aurc(errors, confidence) == aurc(errors, np.array([0.9, -9.0, 0.2])) == pytest.approx(1 / 9)
    assert augrc(errors, confidence) == augrc(errors, np.array([0.9, -9.0, 0.2]))
    assert risk_coverage(errors, confidence).coverage.tolist() == [1 / 3, 2 / 3]
    assert risk_coverage(errors, confidence, np.ones(3, np.bool_)).coverage.tolist() == [1 / 3, 2 / 3]
    assert working_point(errors, confidence, -math.inf).accepted == 2


@given(certificates(), st.sampled_from([0.0, 0.02, 0.25, 1 / 3, 0.5, 1.0]))
def test_oracle_coverage_from_its_definition(data: tuple[Bools, Floats, Bools], risk: float) -> None:
    errors, confidence, eligible = data
    points = slow_points(errors, confidence, eligible)
    passing = [accepted / len(errors) for _, accepted, wrong in points if wrong / accepted <= risk]
    assert oracle_coverage(errors, confidence, risk, eligible) == max(passing, default=0.0)


def test_oracle_coverage_by_hand() -> None:
    errors = np.array([True] + [False] * 49)
    confidence = np.linspace(1, 0, 50)
    assert oracle_coverage(errors, confidence, 0.02) == 1.0  # fails at first; 1 of 50 is not more than 2 %
    assert oracle_coverage(errors, confidence, 0.0199) == 0.0
    gate = np.arange(50) != 0
    assert oracle_coverage(errors, confidence, 0.0, gate) == 49 / 50  # over all, the stopped one included


@given(certificates(), st.sampled_from(LEVELS))
def test_working_point_from_its_definition(data: tuple[Bools, Floats, Bools], threshold: float) -> None:
    errors, confidence, eligible = data
    covered = [i for i in range(len(errors)) if confidence[i] >= threshold and eligible[i]]
    wrong = sum(bool(errors[i]) for i in covered)
    point = working_point(errors.astype(np.float32), confidence, threshold, eligible)
    assert (point.n, point.accepted, point.wrong) == (len(errors), len(covered), wrong)
    assert point.coverage == len(covered) / len(errors)
    if not covered:
        assert (point.risk, point.risk_low, point.risk_high) == (None, None, None)
        return
    theirs = binomtest(wrong, len(covered)).proportion_ci(0.95, "exact")
    assert point.risk == wrong / len(covered)
    assert (point.risk_low, point.risk_high) == pytest.approx((theirs.low, theirs.high))


def test_a_threshold_of_the_curve_gives_its_point() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(300).astype(np.float32).round(2)
    errors, eligible = rng.random(300) < 0.2, rng.random(300) < 0.8
    curve = risk_coverage(errors, confidence, eligible)
    assert len(curve.threshold) > 50
    for k, threshold in enumerate(curve.threshold.tolist()):
        point = working_point(errors, confidence, threshold, eligible)
        assert (point.accepted, point.wrong) == (curve.accepted[k], curve.wrong[k])
        assert (point.coverage, point.risk) == (curve.coverage[k], curve.risk[k])


@pytest.mark.parametrize(
    ("wrong", "n"), [(0, 1), (1, 1), (0, 149), (3, 500), (9, 500), (500, 500), (40_000, 2_000_000)]
)
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_exact_interval_equals_scipy(wrong: int, n: int, confidence: float) -> None:
    theirs = binomtest(wrong, n).proportion_ci(confidence, "exact")
    assert exact_interval(wrong, n, confidence) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


def test_exact_interval_has_its_tails() -> None:
    low, high = exact_interval(3, 500) or (0.0, 0.0)
    assert binomtest(3, 500, low, "greater").pvalue == pytest.approx(0.025)
    assert binomtest(3, 500, high, "less").pvalue == pytest.approx(0.025)


def test_undefined_is_not_zero() -> None:
    errors, confidence = np.empty(0, np.bool_), np.empty(0)
    assert aurc(errors, confidence) is None
    assert augrc(errors, confidence) is None
    assert oracle_coverage(errors, confidence, 0.02) is None
    assert exact_interval(0, 0) is None
    assert len(risk_coverage(errors, confidence).threshold) == 0
    point = working_point(errors, confidence, 0.5)
    assert (point.n, point.coverage, point.risk, point.risk_low) == (0, None, None, None)
    stopped = working_point(np.array([True]), np.array([0.9]), 0.5, np.array([False]))
    assert (stopped.coverage, stopped.risk) == (0.0, None)
    assert oracle_coverage(np.array([False]), np.array([0.9]), 0.5, np.array([False])) == 0.0
