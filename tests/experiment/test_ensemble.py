"""Greedy selection, by hand and by its properties; nothing of a fold is used for its own score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from certificates import by_certificate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from harness.corpus.certificate import Corpus, LabelSet
from harness.decision.objective import OBJECTIVES, objective
from harness.experiment import ensemble as module
from harness.experiment.ensemble import DRAWS, MEMBERS, Pool, crossfit, ensemble, pooled, select
from harness.families.family import Predictions

CODES = LabelSet(("A", "B", "C"))
Matrix = npt.NDArray[np.float64]


def corpus(true: Matrix) -> Corpus:
    """Certificates with the codes of an indicator matrix over A, B, C."""
    given = [[code for code, has in zip(CODES.codes, row, strict=True) if has] for row in true]
    return by_certificate(*((2018, ["text"], codes) for codes in given), (2018, ["text"], list(CODES.codes))).rows(
        0, len(true)
    )


def loader(candidates: dict[str, Matrix], codes: dict[str, LabelSet] | None = None) -> Callable[[str], Predictions]:
    return lambda name: Predictions(
        (codes or {}).get(name, CODES), csr_array(np.asarray(candidates[name], dtype=np.float32))
    )


def pool_of(true: Matrix, candidates: dict[str, Matrix], name: str = "micro_f1") -> Pool:
    return pooled(corpus(true), np.arange(len(true)), list(candidates), loader(candidates), name)


def noisy(n: int, errors: list[float], seed: int = 0) -> tuple[Matrix, dict[str, Matrix]]:
    """Codes, and candidates that know them the worse, the larger their error; errors are independent."""
    rng = np.random.default_rng(seed)
    true = (rng.random((n, 3)) < 0.4).astype(float)
    true[0] = 1.0
    found = {}
    for number, error in enumerate(errors):
        found[f"m-{number}"] = np.clip(0.5 + (true - 0.5) * 0.6 + error * rng.normal(size=true.shape), 0.001, 0.999)
    return true, found


# the pool


def test_the_pool_has_what_any_candidate_takes_for_possible() -> None:
    true = np.array([[1.0, 0, 0], [0, 1, 0]])
    a, b = np.array([[0.9, 0.005, 0], [0, 0.5, 0]]), np.array([[0.3, 0.02], [0.002, 0]])
    codes = {"b": LabelSet(("B", "Z"))}
    pool = pooled(corpus(true), np.arange(2), ["a", "b"], loader({"a": a, "b": b}, codes), "micro_f1")
    assert pool.labels.codes == ("A", "B", "C", "Z")
    assert pool.first.tolist() == [0, 3, 4]
    assert pool.indices.tolist() == [0, 1, 3, 1]  # A, B and Z of the first, B of the second
    np.testing.assert_allclose(pool.scores, [[0.9, 0.005, 0, 0.5], [0, 0.3, 0.02, 0.002]], rtol=1e-6)
    mean = pool.mean(np.array([1.0, 3.0])).y_score.toarray()
    np.testing.assert_allclose(mean, [[0.225, 0.22625, 0, 0.015], [0, 0.1265, 0, 0]], rtol=1e-5)
    second = pool.rows(np.array([1]))
    assert (second.first.tolist(), second.indices.tolist()) == ([0, 1], [1])
    assert second.y_true.toarray().tolist() == [[0, 1, 0, 0]]


# selection


def test_finds_the_weights_that_alone_are_right() -> None:
    """A right code has 3 times what a wrong one has by the second candidate, which the first one hides at equal weights."""
    true = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    a = np.array([[0.5, 0.6, 0.0], [0.6, 0.5, 0.0], [0.0, 0.0, 0.9], [0.9, 0.0, 0.0]])
    b = np.array([[0.9, 0.3, 0.0], [0.3, 0.9, 0.0], [0.8, 0.0, 0.2], [0.2, 0.8, 0.0]])
    pool = pool_of(true, {"a": a, "b": b})
    weights = select(pool)
    assert pool.scored(weights).score == 1.0
    assert pool.scored(np.array([1.0, 0.0])).score < 1.0  # type: ignore[operator]
    assert pool.scored(np.array([0.0, 1.0])).score < 1.0  # type: ignore[operator]
    assert weights.sum() == pytest.approx(1.0)
    assert weights.min() > 0.0


def test_where_the_best_is_alone_it_has_all_the_weight() -> None:
    true = np.eye(3)
    pool = pool_of(true, {"best": 0.9 * true + 0.05, "same": 0.9 * true + 0.05, "wrong": 0.9 - 0.8 * true})
    assert select(pool).tolist() == [1.0, 0.0, 0.0]
    candidates = {"best": 0.9 * true + 0.05, "wrong": 0.9 - 0.8 * true}
    assert ensemble(corpus(true), list(candidates), loader(candidates), "micro_f1", 0) is None


def test_a_useless_candidate_gets_no_weight() -> None:
    true, candidates = noisy(120, [0.4, 0.4])
    candidates["useless"] = np.full(true.shape, 0.5)
    candidates["inverted"] = 1.0 - candidates["m-0"]
    weights = dict(zip(candidates, select(pool_of(true, candidates)), strict=True))
    assert weights["inverted"] == 0.0
    assert weights["m-0"] > 0.0
    assert weights["m-1"] > 0.0
    assert weights["useless"] == 0.0


@pytest.mark.parametrize("name", OBJECTIVES)
def test_at_most_five_members_that_together_beat_the_best(name: str) -> None:
    true, candidates = noisy(150, [0.5] * 9)
    pool = pool_of(true, candidates, name)
    weights = select(pool)
    assert 2 <= np.count_nonzero(weights) <= MEMBERS
    draws = weights * DRAWS
    assert draws.sum() == pytest.approx(DRAWS)
    alone = [pool.scored(one).score for one in np.eye(len(candidates))]
    assert pool.scored(weights).score > max(alone)  # type: ignore[operator, type-var]


def test_equal_candidates_are_drawn_in_their_order() -> None:
    true, candidates = noisy(80, [0.5, 0.5])
    twins = {"first": candidates["m-0"], "twin": candidates["m-0"], "other": candidates["m-1"]}
    weights = select(pool_of(true, twins))
    assert weights[1] == 0.0
    assert select(pool_of(true, twins)).tolist() == weights.tolist()


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from(sorted(OBJECTIVES)), st.integers(1, 6))
def test_in_sample_it_is_never_worse_than_the_best(seed: int, name: str, n: int) -> None:
    true, candidates = noisy(25, [0.3 + 0.1 * number for number in range(n)], seed)
    pool = pool_of(true, candidates, name)
    alone = [pool.scored(one).score for one in np.eye(n)]
    assert pool.scored(select(pool)).score >= max(alone) - 1e-9  # type: ignore[operator, type-var]


# the honest score


def test_a_fold_is_scored_without_itself() -> None:
    """The trap knows the codes of one fold alone, and is as bad as can be elsewhere: only the fold itself would ask it."""
    true, candidates = noisy(100, [0.35, 0.35])
    trapped = crossfit(pool_of(true, candidates), 0)[2].rows
    trap = 0.999 - 0.998 * true
    trap[trapped] = 0.001 + 0.998 * true[trapped]
    folds = crossfit(pool_of(true, candidates | {"trap": trap}), 0)
    assert sorted(np.concatenate([fold.rows for fold in folds]).tolist()) == list(range(100))
    assert folds[2].rows.tolist() == trapped.tolist()
    assert folds[2].weights[2] == 0.0
    changed = true.copy()
    changed[trapped] = 1.0 - changed[trapped]  # other codes of the fold change nothing of what is chosen for it
    other = crossfit(pool_of(changed, candidates | {"trap": trap}), 0)[2]
    assert other.weights.tolist() == folds[2].weights.tolist()
    assert (other.threshold, other.estimator) == (folds[2].threshold, folds[2].estimator)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_candidates_that_know_nothing_look_good_in_sample_alone(name: str) -> None:
    rng = np.random.default_rng(0)
    true = (rng.random((60, 3)) < 0.4).astype(float)
    true[0] = 1.0
    candidates = {f"m-{number}": rng.random(true.shape) for number in range(12)}
    found = ensemble(corpus(true), list(candidates), loader(candidates), name, 0)
    assert found is not None
    assert found.score < found.score_in_sample


def test_crossfitted_scores_are_means_by_the_weights_of_each_fold() -> None:
    true, candidates = noisy(60, [0.4, 0.5, 0.6])
    reference, names = corpus(true), list(candidates)
    found = ensemble(reference, names, loader(candidates), "micro_f1", 3)
    assert found is not None
    expected = np.zeros(true.shape)
    for fold in crossfit(pool_of(true, candidates), 3):
        expected[fold.rows] = sum(
            weight * candidates[name][fold.rows] for weight, name in zip(fold.weights, names, strict=True)
        )
    np.testing.assert_allclose(found.crossfitted.scores.toarray(), expected, rtol=1e-5)
    scored = objective("micro_f1", reference, found.crossfitted).score
    assert scored is not None
    assert found.score <= scored  # one threshold in hindsight beats those of the folds


def test_of_a_large_year_some_choose_and_the_others_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CERTIFICATES", 50)
    true, candidates = noisy(120, [0.4, 0.5, 0.6])
    names = list(candidates)
    found = ensemble(corpus(true), names, loader(candidates), "exact_match", 0)
    assert found is not None
    rest = np.sort(np.random.default_rng(0).permutation(120)[50:])
    other = true.copy()
    other[rest] = np.roll(other[rest], 1, axis=1)
    again = ensemble(corpus(other), names, loader(candidates), "exact_match", 0)
    assert again is not None
    assert again.weights.tolist() == found.weights.tolist()
    assert again.score < found.score
    assert again.score_in_sample == found.score_in_sample
    scores = found.crossfitted.scores.toarray()
    expected = sum(weight * candidates[name][rest] for weight, name in zip(found.weights, names, strict=True))
    np.testing.assert_allclose(scores[rest], expected, rtol=1e-5)
