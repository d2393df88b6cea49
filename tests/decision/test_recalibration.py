from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression

from harness.decision.recalibration import (
    IDENTITY,
    RECALIBRATIONS,
    SOFT,
    UNSEEN,
    Recalibration,
    fit_isotonic,
    fit_temperature,
)
from harness.errors import UnknownName
from harness.families.family import CEILING
from harness.metrics.calibration import expected_calibration_error

Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


def drawn(n: int, slope: float, bias: float, seed: int = 1) -> tuple[Float32Array, BoolArray]:
    """Scores, and hits that come with the probability of the log-odds times slope plus bias."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1.0, 2.0, n)
    return expit(odds).astype(np.float32), rng.random(n) < expit(slope * odds + bias)


def some_maps() -> list[Recalibration]:
    p, hit = drawn(3000, 2.0, -0.5)
    return [IDENTITY, fit_temperature(p, hit), fit_isotonic(p, hit), Recalibration("temperature", 40.0, 3.0)]


@pytest.mark.parametrize(("slope", "bias"), [(0.5, 0.3), (1.0, 0.0), (3.0, -1.0)])
def test_temperature_finds_the_line_that_the_hits_were_drawn_from(slope: float, bias: float) -> None:
    found = fit_temperature(*drawn(200_000, slope, bias))
    assert (found.slope, found.bias) == pytest.approx((slope, bias), abs=0.03)


def test_temperature_equals_platt_scaling() -> None:
    p, hit = drawn(2000, 1.7, 0.4)
    weights = np.random.default_rng(2).integers(1, 5, len(p)).astype(np.float64)
    for some in (None, weights):
        a, b = _sigmoid_calibration(logit(p.astype(np.float64)), hit.astype(np.int64), some)
        found = fit_temperature(p, hit, some)
        assert (found.slope, found.bias) == pytest.approx((-a, -b), rel=1e-3, abs=1e-3)


def test_weights_are_repetitions() -> None:
    p, hit = drawn(300, 1.7, 0.4)
    times = np.random.default_rng(2).integers(1, 5, len(p))
    once = fit_temperature(p, hit, times.astype(np.float64))
    often = fit_temperature(np.repeat(p, times), np.repeat(hit, times))
    assert (once.slope, once.bias) == pytest.approx((often.slope, often.bias), rel=1e-6)


def test_a_hit_by_hand() -> None:
    half = Recalibration("temperature", 0.5, np.log(2.0))
    assert half(np.array([0.5, 0.8])) == pytest.approx([2 / 3, 4 / 5])  # odds 1 and 4: their roots, doubled
    steps = Recalibration("isotonic", scores=(0.2, 0.6), shares=(0.1, 0.3))
    assert steps(np.array([0.1, 0.2, 0.4, 0.6, 0.9])) == pytest.approx([0.1, 0.1, 0.2, 0.3, 0.3], abs=2e-3)


def test_isotonic_is_that_of_scikit_learn_off_0_and_1() -> None:
    p, hit = drawn(4000, 2.0, -0.5)
    asked = np.linspace(0.001, 0.999, 500)
    plain = IsotonicRegression(out_of_bounds="clip").fit(p.astype(np.float64), hit).predict(asked)
    misses, hits = np.count_nonzero(~hit), np.count_nonzero(hit)
    found = fit_isotonic(p, hit)(asked)
    assert found == pytest.approx(np.clip(plain, 1 / (misses + 2), (hits + 1) / (hits + 2)), abs=1e-3)
    assert {0.0, 1.0} <= set(plain.tolist())  # which the clipping is there for


@pytest.mark.parametrize("kind", RECALIBRATIONS)
def test_probabilities_come_closer_to_the_truth_on_other_pairs(kind: str) -> None:
    found = RECALIBRATIONS[kind](*drawn(5000, 2.0, 1.0, seed=1))
    p, hit = drawn(5000, 2.0, 1.0, seed=2)
    before, after = (expected_calibration_error(hit, map_(p)) for map_ in (IDENTITY, found))
    assert before is not None
    assert after is not None
    assert after < before / 3


@pytest.mark.parametrize("map_", some_maps(), ids=["none", "temperature", "isotonic", "steep"])
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30))
@settings(deadline=None)
def test_a_map_rises_strictly_and_stays_inside(map_: Recalibration, scores: list[float]) -> None:
    p = np.sort(np.array([0.0, UNSEEN, *scores, 0.5, 1 - 2.0**-23, CEILING, 1.0], dtype=np.float32))
    found = map_(p)
    assert ((found > 0) & (found < 1)).all()
    assert np.isfinite(logit(found)).all()
    apart = np.diff(logit(np.clip(p.astype(np.float64), UNSEEN, CEILING))) > 1e-3
    assert (np.diff(found)[apart] > 0).all()
    assert (np.diff(found) >= 0).all()


def test_log_odds_far_out_grow_as_their_logarithm() -> None:
    steep = Recalibration("temperature", 2.0)
    near, far = logit(steep(expit(np.array([-7.0, 7.0, -10.0, 10.0])))).reshape(2, 2)
    assert near == pytest.approx([-14, 14])
    assert far == pytest.approx([-SOFT - np.log(5), SOFT + np.log(5)], rel=1e-6)


@pytest.mark.parametrize("kind", RECALIBRATIONS)
def test_nothing_is_learnt_from_hits_alone_from_misses_alone_or_from_nothing(kind: str) -> None:
    p = np.array([0.2, 0.4, 0.9], dtype=np.float32)
    for hit in (np.ones(3, dtype=bool), np.zeros(3, dtype=bool)):
        assert RECALIBRATIONS[kind](p, hit) is IDENTITY
    assert RECALIBRATIONS[kind](p[:0], np.zeros(0, dtype=bool)) is IDENTITY


def test_scores_that_part_hits_from_misses_give_a_finite_slope() -> None:
    found = fit_temperature(np.array([0.1, 0.2, 0.6, 0.9]), np.array([False, False, True, True]))
    assert 0 < found.slope < 5
    assert found(np.array([0.9]))[0] < 0.95


def test_scores_in_the_wrong_order_are_left_alone_by_temperature_and_keep_their_order_under_isotonic() -> None:
    p, hit = drawn(2000, -1.0, 0.0)
    assert fit_temperature(p, hit) is IDENTITY
    found = fit_isotonic(p, hit)(np.sort(p))
    assert (np.diff(found) > 0).sum() > 1900
    assert found == pytest.approx(np.full(len(p), hit.mean()), abs=0.02)


@pytest.mark.parametrize("map_", some_maps(), ids=["none", "temperature", "isotonic", "steep"])
def test_comes_back_from_strict_json(map_: Recalibration) -> None:
    assert Recalibration.from_dict(json.loads(json.dumps(map_.to_dict(), allow_nan=False))) == map_


def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="must be one of none, temperature, isotonic, but got 'beta'"):
        Recalibration("beta")
