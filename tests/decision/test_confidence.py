from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.special import expit, logit
from scipy.stats import bernoulli, rankdata

from harness.decision import confidence as package
from harness.decision.confidence import ESTIMATORS, LEARNT, PLAIN, UNSEEN, Evidence, Learnt, confidence, offered
from harness.decision.recalibration import Recalibration, fit_isotonic
from harness.errors import ConfigError, UnknownName

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


def entropy(scores: Sequence[float], threshold: float) -> float:
    """Minus the entropies of as many coins."""
    return -sum(float(bernoulli(score).entropy()) for score in scores if score > 0)


BY_HAND = {"product": product, "margin": margin, "entropy": entropy}
OF_SETS = ("product", "margin")  # these know which codes are chosen
THRESHOLDS = st.floats(0.01, 1.0)
SCORES = st.just(0.0) | st.floats(1e-5, CEILING).map(lambda score: float(np.float32(score)))


@st.composite
def matrices(draw: st.DrawFn) -> Dense:
    n_labels = draw(st.integers(1, 5))
    rows = draw(st.lists(st.lists(SCORES, min_size=n_labels, max_size=n_labels), min_size=1, max_size=6))
    return np.array(rows, dtype=np.float32)


def evidence(dense: Any, threshold: float = 0.5, **columns: Any) -> Evidence:
    some: dict[str, Any] = {name: np.asarray(column, dtype=np.float32) for name, column in columns.items()}
    return replace(Evidence(csr_array(np.asarray(dense, dtype=np.float32)), threshold), **some)


def everything(n: int, seed: int = 0) -> Evidence:
    """Scores of which most are stored, and every column."""
    rng = np.random.default_rng(seed)
    return evidence(
        rng.uniform(1e-4, 1, (n, 6)) * (rng.random((n, 6)) < 0.7),
        agreement=rng.integers(0, 3, n) / 2,  # two witnesses
        unseen_words=rng.poisson(0.4, n),
        unseen_ngrams=rng.integers(0, 10, n) / 10,
        log_probability=-rng.exponential(1, n),
        gap=rng.exponential(1, n),
    )


def test_the_estimators() -> None:
    assert list(ESTIMATORS) == ["product", "margin", "entropy", "sequence", "beam_gap", "agreement", "novelty"]
    assert tuple(BY_HAND) == PLAIN
    with pytest.raises(UnknownName, match=r"must be one of product, margin, .*, novelty, learnt, but got 'variance'"):
        confidence("variance", evidence([[0.0]]))


@pytest.mark.parametrize("name", BY_HAND)
@given(matrices(), THRESHOLDS)
@settings(deadline=None, max_examples=50)
def test_equals_a_computation_by_hand(name: str, dense: Dense, threshold: float) -> None:
    found = confidence(name, evidence(dense, threshold))
    wanted = [BY_HAND[name](row, threshold) for row in dense.astype(np.float64).tolist()]
    assert found.shape == (len(dense),)
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_a_small_case() -> None:
    scores = evidence([[0.9, 0.2], [0.5, 0.6], [0.1, 0.3], [0, 0]])
    assert confidence("product", scores) == pytest.approx([0.9 * 0.8, 0.5 * 0.6, 0.9 * 0.7, 1.0])
    odds = [math.log(9) + math.log(4), -math.log(1e-6 / (1 - 1e-6)), math.log(7 / 3), -math.log(1e-6 / (1 - 1e-6))]
    assert confidence("margin", scores) == pytest.approx(odds)
    halves = evidence([[0.5, 0], [0.5, 0.5], [0, 0]])
    assert confidence("entropy", halves) == pytest.approx([-math.log(2), -2 * math.log(2), 0])


@pytest.mark.parametrize("name", BY_HAND)
def test_without_a_chosen_code_it_is_surer_the_farther_the_best_stays_below(name: str) -> None:
    assert (np.diff(confidence(name, evidence([[0.45], [0.3], [0.01], [0.0]]))) > 0).all()


@pytest.mark.parametrize("name", BY_HAND)
@given(matrices(), THRESHOLDS)
@settings(deadline=None, max_examples=50)
def test_what_is_not_stored_is_the_same_as_columns_that_are_not_there(
    name: str, dense: Dense, threshold: float
) -> None:
    wide = np.zeros((len(dense), 3 * dense.shape[1]), dtype=np.float32)
    wide[:, 1::3] = dense
    there = confidence(name, evidence(wide, threshold))
    assert there.tolist() == confidence(name, evidence(dense, threshold)).tolist()


@pytest.mark.parametrize("name", OF_SETS)
@given(matrices(), THRESHOLDS, st.data())
@settings(deadline=None, max_examples=50)
def test_a_chosen_score_that_rises_makes_it_surer_and_another_less_sure(
    name: str, dense: Dense, threshold: float, data: st.DataObject
) -> None:
    before = confidence(name, evidence(dense, threshold))
    row = data.draw(st.integers(0, len(dense) - 1))
    column = data.draw(st.integers(0, dense.shape[1] - 1))
    score = float(dense[row, column])
    chosen = score >= threshold
    higher = dense.copy()
    higher[row, column] = data.draw(st.floats(score, CEILING if chosen else threshold))
    if score == 0 or (not chosen and higher[row, column] >= threshold):
        return
    after = confidence(name, evidence(higher, threshold))
    slack = 1e-12 * abs(float(before[row]))
    assert after[row] >= before[row] - slack if chosen else after[row] <= before[row] + slack
    others = np.arange(len(dense)) != row
    assert (after[others] == before[others]).all()


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.99, 1.0), (0.0, 0.01)])
@pytest.mark.parametrize("recalibrated", [False, True])
def test_few_ties_on_continuous_scores(name: str, low: float, high: float, recalibrated: bool) -> None:
    rng = np.random.default_rng(3)
    dense = rng.uniform(low, high, (4000, 30)) * (rng.random((4000, 30)) < 0.2)
    asked = evidence(np.clip(dense, 0, CEILING), (low + high) / 2)
    if recalibrated:  # by steps
        hit = rng.random(asked.scores.nnz) < asked.scores.data
        asked = replace(asked, recalibration=fit_isotonic(asked.scores.data, hit))
        assert len(set(asked.recalibration.shares)) < 1000
    found = confidence(name, asked)
    with_scores = found[(dense > 0).any(axis=1)]
    assert len(np.unique(with_scores)) >= 0.95 * len(with_scores)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", BY_HAND)
def test_scores_at_either_end_stay_finite(name: str) -> None:
    steep = Recalibration("temperature", 50.0, -2.0)
    for threshold in (0.0, 1e-9, 0.5, 1.0, 2.0):
        asked = evidence([[1.0, 1e-12], [1e-12, 0.0], [1.0, 0.0]], threshold)
        assert np.isfinite(confidence(name, asked)).all()
        assert np.isfinite(confidence(name, replace(asked, recalibration=steep))).all()


@given(matrices(), THRESHOLDS, st.floats(0.2, 2.0), st.floats(-2, 2))
@settings(deadline=None, max_examples=50)
def test_recalibrated_by_hand(dense: Dense, threshold: float, slope: float, bias: float) -> None:
    """The codes stay, though a recalibrated score may cross the threshold; a margin only grows by the slope."""
    asked = evidence(dense, threshold)
    mapped = replace(asked, recalibration=Recalibration("temperature", slope, bias))
    for row, found in zip(dense.astype(np.float64), confidence("product", mapped), strict=True):
        scores, stay = row[row > 0], row[row > 0] >= threshold
        p = expit(slope * logit(scores) + bias)
        assert found == pytest.approx(np.prod(np.where(stay, p, 1 - p)), rel=1e-5)
    if slope * 17 + abs(bias) < 16:  # where log-odds are not yet held back
        assert confidence("margin", mapped) == pytest.approx(slope * confidence("margin", asked), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_only_estimators_that_read_probabilities_hear_of_a_recalibration(name: str) -> None:
    asked = everything(50)
    before = confidence(name, asked)
    after = confidence(name, replace(asked, recalibration=Recalibration("temperature", 1.5, 0.5)))
    assert (not np.array_equal(before, after)) == ESTIMATORS[name].recalibrated


def test_agreement_comes_first_and_the_product_orders_those_who_agree() -> None:
    asked = everything(400)
    assert asked.agreement is not None
    found = confidence("agreement", asked)
    order = np.lexsort((confidence("product", asked), asked.agreement))
    assert (np.diff(found[order]) > 0).all()
    assert found[asked.agreement == 1].min() > 1 > found[asked.agreement < 1].max()
    small = confidence("agreement", evidence([[1e-5], [CEILING]], agreement=[1, 1 - 1 / 50]))
    assert small[0] > small[1]


def test_a_confidence_of_agreement_does_not_depend_on_who_else_is_there() -> None:
    asked = everything(40)
    assert confidence("agreement", asked)[7:8] == pytest.approx(confidence("agreement", asked.take(np.array([7]))))


def test_novelty_looks_at_words_then_at_runs_of_characters_then_at_the_product() -> None:
    asked = everything(400)
    assert asked.unseen_words is not None
    assert asked.unseen_ngrams is not None
    order = np.lexsort((confidence("product", asked), -asked.unseen_ngrams, -asked.unseen_words))
    assert (np.diff(confidence("novelty", asked)[order]) > 0).all()
    columns: dict[str, Any] = {"unseen_words": [0, 1, 0, 0], "unseen_ngrams": [1, 0, 499 / 500, 498 / 500]}
    found = confidence("novelty", evidence([[0.6], [CEILING], [0.9], [0.6]], **columns))
    assert np.argsort(found).tolist() == [1, 0, 2, 3]


def test_sequence_and_beam_gap_are_what_the_model_says() -> None:
    asked = evidence(np.eye(3), log_probability=[-0.5, -3, -1e-4], gap=[2, np.inf, 0])
    assert confidence("sequence", asked) == pytest.approx([-0.5, -3, -1e-4])
    assert confidence("beam_gap", asked).tolist() == [2, np.inf, 0]


def test_probabilities() -> None:
    asked = everything(60)
    known = {name: estimator for name, estimator in ESTIMATORS.items() if estimator.probability is not None}
    assert set(known) == {"product", "margin", "sequence", "beam_gap"}
    for name, estimator in known.items():
        found = confidence(name, asked)
        assert estimator.probability is not None
        p = estimator.probability(found)
        assert ((p >= 0) & (p <= 1)).all()
        assert np.array_equal(rankdata(p), rankdata(found))


def test_what_is_offered_and_what_is_missing() -> None:
    plain, all_of_it = evidence([[0.5]]), everything(3)
    assert offered(plain) == PLAIN
    assert offered(all_of_it) == tuple(ESTIMATORS)
    assert offered(evidence([[0.5]], unseen_words=[0])) == PLAIN
    for name in set(ESTIMATORS) - set(PLAIN):
        needs = " and ".join(ESTIMATORS[name].needs)
        with pytest.raises(ConfigError, match=f"{name} needs {needs}, which .* one of product, margin, entropy$"):
            confidence(name, plain)
    with pytest.raises(ConfigError, match="novelty needs unseen_ngrams, which"):
        confidence("novelty", evidence([[0.5]], unseen_words=[0]))
    with pytest.raises(ConfigError, match="learnt must be fitted on validation years first"):
        confidence(LEARNT, plain)


def test_units_can_be_taken() -> None:
    asked, rows = everything(30), np.array([7, 3, 3, 20])
    some = asked.take(rows)
    assert len(some) == 4
    for name in offered(asked):
        assert confidence(name, some).tolist() == confidence(name, asked)[rows].tolist()
    assert asked.take(np.empty(0, dtype=np.int64)).scores.shape == (0, 6)


def test_a_stored_zero_stays_stored() -> None:
    """Scores and what is known of each stay in step."""
    scores = csr_array((np.array([0.0, 0.9], np.float32), np.array([0, 1]), np.array([0, 2])), shape=(1, 2))
    assert Evidence(scores, 0.5).take(np.array([0, 0])).scores.data.tolist() == pytest.approx([0, 0.9, 0, 0.9])


@pytest.mark.parametrize("name", [*ESTIMATORS, LEARNT])
def test_reading_by_blocks_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = everything(50)
    learnt = Learnt.fit(asked, np.random.default_rng(1).random(50) < 0.5, seed=0)
    at_once = confidence(name, asked, learnt)
    monkeypatch.setattr(package, "ROWS", 7)
    assert confidence(name, asked, learnt) == pytest.approx(at_once, rel=1e-12)
    assert confidence(name, asked.take(slice(0, 0)), learnt).shape == (0,)


@pytest.mark.parametrize("name", ["sequence", "beam_gap", "agreement", "novelty", LEARNT])
def test_what_is_not_known_of_a_unit_is_nan(name: str) -> None:
    asked = everything(50)
    learnt = Learnt.fit(asked, np.random.default_rng(1).random(50) < 0.5, seed=0)
    for column in (asked.agreement, asked.unseen_words, asked.log_probability, asked.gap):
        assert column is not None
        column[4] = np.nan
    assert np.flatnonzero(np.isnan(confidence(name, asked, learnt))).tolist() == [4]
