from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.special import logit

from harness.decision.confidence import ESTIMATORS, UNSEEN, confidence
from harness.errors import UnknownName

CEILING = 1 - 2.0**-24
Dense = npt.NDArray[np.float32]


def product(scores: Sequence[float], threshold: float) -> float:
    """∏ p over the chosen, ∏ (1 − p) over the others; a score of zero is none."""
    return math.prod(score if score >= threshold else 1 - score for score in scores if score > 0)


def margin(scores: Sequence[float], threshold: float) -> float:
    """The lowest chosen log-odds less the highest not chosen; the threshold's own where nothing is chosen."""
    chosen = [score for score in scores if score >= threshold]
    others = [score for score in scores if 0 < score < threshold]
    lowest = min(chosen, default=min(max(threshold, UNSEEN), CEILING))
    return float(logit(lowest) - logit(max(others, default=UNSEEN)))


BY_HAND = {"product": product, "margin": margin}
THRESHOLDS = st.floats(0.01, 1.0)
SCORES = st.just(0.0) | st.floats(1e-5, CEILING).map(lambda score: float(np.float32(score)))


@st.composite
def matrices(draw: st.DrawFn) -> Dense:
    n_labels = draw(st.integers(1, 5))
    rows = draw(st.lists(st.lists(SCORES, min_size=n_labels, max_size=n_labels), min_size=1, max_size=6))
    return np.array(rows, dtype=np.float32)


def test_there_are_two_estimators() -> None:
    assert set(ESTIMATORS) == set(BY_HAND)
    with pytest.raises(UnknownName, match="the estimator must be one of product, margin, but got 'entropy'"):
        confidence("entropy", csr_array(np.zeros((1, 1), np.float32)), 0.5)


@pytest.mark.parametrize("name", BY_HAND)
@given(matrices(), THRESHOLDS)
@settings(deadline=None)
def test_equals_a_computation_by_hand(name: str, dense: Dense, threshold: float) -> None:
    found = confidence(name, csr_array(dense), threshold)
    wanted = [BY_HAND[name](row, threshold) for row in dense.astype(np.float64).tolist()]
    assert found.shape == (len(dense),)
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_a_small_case() -> None:
    scores = csr_array(np.array([[0.9, 0.2], [0.5, 0.6], [0.1, 0.3], [0, 0]], dtype=np.float32))
    assert confidence("product", scores, 0.5) == pytest.approx([0.9 * 0.8, 0.5 * 0.6, 0.9 * 0.7, 1.0])
    odds = [math.log(9) + math.log(4), -math.log(1e-6 / (1 - 1e-6)), math.log(7 / 3), -math.log(1e-6 / (1 - 1e-6))]
    assert confidence("margin", scores, 0.5) == pytest.approx(odds)


@pytest.mark.parametrize("name", BY_HAND)
def test_without_a_chosen_code_it_is_surer_the_farther_the_best_stays_below(name: str) -> None:
    scores = csr_array(np.array([[0.45], [0.3], [0.01], [0.0]], dtype=np.float32))
    assert (np.diff(confidence(name, scores, 0.5)) > 0).all()


@pytest.mark.parametrize("name", BY_HAND)
@given(matrices(), THRESHOLDS)
@settings(deadline=None)
def test_what_is_not_stored_is_the_same_as_columns_that_are_not_there(
    name: str, dense: Dense, threshold: float
) -> None:
    wide = np.zeros((len(dense), 3 * dense.shape[1]), dtype=np.float32)
    wide[:, 1::3] = dense
    there = confidence(name, csr_array(wide), threshold)
    assert there.tolist() == confidence(name, csr_array(dense), threshold).tolist()


@pytest.mark.parametrize("name", BY_HAND)
@given(matrices(), THRESHOLDS, st.data())
@settings(deadline=None)
def test_a_chosen_score_that_rises_makes_it_surer_and_another_less_sure(
    name: str, dense: Dense, threshold: float, data: st.DataObject
) -> None:
    before = confidence(name, csr_array(dense), threshold)
    row = data.draw(st.integers(0, len(dense) - 1))
    column = data.draw(st.integers(0, dense.shape[1] - 1))
    score = float(dense[row, column])
    chosen = score >= threshold
    higher = dense.copy()
    higher[row, column] = data.draw(st.floats(score, CEILING if chosen else threshold))
    if score == 0 or (not chosen and higher[row, column] >= threshold):
        return
    after = confidence(name, csr_array(higher), threshold)
    slack = 1e-12 * abs(float(before[row]))
    assert after[row] >= before[row] - slack if chosen else after[row] <= before[row] + slack
    others = np.arange(len(dense)) != row
    assert (after[others] == before[others]).all()


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.99, 1.0), (0.0, 0.01)])
def test_few_ties_on_continuous_scores(name: str, low: float, high: float) -> None:
    rng = np.random.default_rng(3)
    dense = rng.uniform(low, high, (4000, 30)) * (rng.random((4000, 30)) < 0.2)
    found = confidence(name, csr_array(np.clip(dense, 0, CEILING).astype(np.float32)), (low + high) / 2)
    with_scores = found[(dense > 0).any(axis=1)]
    assert len(np.unique(with_scores)) >= 0.95 * len(with_scores)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", BY_HAND)
def test_scores_at_either_end_stay_finite(name: str) -> None:
    scores = csr_array(np.array([[1.0, 1e-12], [1e-12, 0.0], [1.0, 0.0]], dtype=np.float32))
    for threshold in (0.0, 1e-9, 0.5, 1.0, 2.0):
        assert np.isfinite(confidence(name, scores, threshold)).all()
