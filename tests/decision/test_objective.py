from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.metrics import f1_score, roc_auc_score

from harness.corpus.certificate import Corpus, LabelSet, Texts, strings
from harness.decision.confidence import PLAIN, Evidence, confidence
from harness.decision.objective import NO_CODES, OBJECTIVES, Scored, align, chosen, objective
from harness.errors import UnknownName
from harness.families.family import Predictions

Floats = npt.NDArray[np.float32]
Sets = list[set[str]]


def reference(sets: Sequence[set[str]], codes: Sequence[str]) -> Corpus:
    """Certificates without text that have these codes, over these columns."""
    n = len(sets)
    texts = Texts(
        strings([str(i) for i in range(n)]),
        np.full(n, 2018, np.int16),
        np.zeros(n + 1, np.int64),
        strings([]),
        np.zeros(0, np.int8),
        None,
        {},
    )
    dense = np.array([[code in of_row for code in codes] for of_row in sets], dtype=np.int8).reshape(n, len(codes))
    return Corpus(texts, LabelSet(tuple(codes)), csr_array(dense), None)


def predictions(dense: Floats, codes: Sequence[str]) -> Predictions:
    """Scores; those that are zero are not stored."""
    return Predictions(LabelSet(tuple(codes)), csr_array(dense))


def predicted(found: Predictions, threshold: float) -> Sets:
    dense = found.scores.toarray().astype(np.float64)
    return [{c for c, score in zip(found.labels.codes, row, strict=True) if 0 < score >= threshold} for row in dense]


def micro(true: Sets, pred: Sets) -> float:
    hits = sum(len(t & p) for t, p in zip(true, pred, strict=True))
    return 2 * hits / (sum(map(len, true)) + sum(map(len, pred)))


def macro(true: Sets, pred: Sets) -> float:
    def f1(code: str) -> float:
        hits = sum(code in t and code in p for t, p in zip(true, pred, strict=True))
        return 2 * hits / (sum(code in t for t in true) + sum(code in p for p in pred))

    return float(np.mean([f1(code) for code in sorted(set.union(*true))]))


def exact(true: Sets, pred: Sets) -> float:
    return float(np.mean([t == p for t, p in zip(true, pred, strict=True)]))


BY_HAND: Any = {"micro_f1": micro, "macro_f1": macro, "exact_match": exact}
MODEL, FOREIGN = ("A", "B", "C", "D"), ("X", "Y")  # codes that the model gives, and codes that it cannot give


@st.composite
def cases(draw: st.DrawFn) -> tuple[Sets, Predictions]:
    """Few certificates, some without codes, some with foreign ones; scores with many ties and gaps, or with none."""
    n = draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    codes = (*MODEL, *FOREIGN) if draw(st.booleans()) else MODEL
    share = draw(st.sampled_from([0.1, 0.3, 0.6]))
    true: Sets = [{code for code in codes if rng.random() < share} for _ in range(n)]
    dense = rng.random((n, len(MODEL)))
    if draw(st.booleans()):
        dense = np.ceil(dense * 4) / 5
    informed = np.array([[code in of_row for code in MODEL] for of_row in true])
    dense = np.where(informed & (rng.random(dense.shape) < 0.7), 1 - dense / 4, dense)
    dense[rng.random(dense.shape) < draw(st.sampled_from([0.0, 0.4, 1.0]))] = 0
    return true, predictions(np.clip(dense, 0, 1 - 2.0**-24).astype(np.float32), MODEL)


def thresholds(found: Predictions) -> list[float]:
    """One for every set of predictions that any threshold can give."""
    return [*np.unique(found.scores.data.astype(np.float64)).tolist(), 1.0]


@pytest.mark.parametrize("name", BY_HAND)
@given(cases())
@settings(max_examples=150, deadline=None)
def test_score_and_threshold_equal_an_exhaustive_search(name: str, case: tuple[Sets, Predictions]) -> None:
    true, found = case
    scored = objective(name, reference(true, [*MODEL, *FOREIGN]), found)
    if not any(true):
        assert scored == Scored(None, 1.0, NO_CODES)
        return
    by_threshold = {t: BY_HAND[name](true, predicted(found, t)) for t in thresholds(found)}
    assert scored.score == pytest.approx(max(by_threshold.values()), abs=1e-12)
    assert BY_HAND[name](true, predicted(found, scored.threshold)) == pytest.approx(scored.score, abs=1e-12)
    assert 0 < scored.threshold <= 1
    assert scored.threshold not in found.scores.data.astype(np.float64)


@given(cases())
@settings(max_examples=150, deadline=None)
def test_augrc_is_that_of_the_threshold_of_exact_match(case: tuple[Sets, Predictions]) -> None:
    true, found = case
    if not any(true):
        return
    corpus = reference(true, [*MODEL, *FOREIGN])
    scored = objective("augrc", corpus, found)
    assert scored.threshold == objective("exact_match", corpus, found).threshold
    right = np.array([t == p for t, p in zip(true, predicted(found, scored.threshold), strict=True)])
    a = right.mean()
    areas = [(1 - a) ** 2 / 2]
    if 0 < a < 1:
        aurocs = [roc_auc_score(right, confidence(name, Evidence(found.scores, scored.threshold))) for name in PLAIN]
        areas = [(1 - auroc) * a * (1 - a) + (1 - a) ** 2 / 2 for auroc in aurocs]
    assert set(PLAIN) == {"product", "margin", "entropy"}
    assert scored.score == pytest.approx(-min(areas), abs=1e-12)


@pytest.mark.parametrize("name", BY_HAND)
def test_no_better_threshold_among_thousands_of_scores(name: str) -> None:
    rng = np.random.default_rng(5)
    codes = [f"K{i:02}" for i in range(12)]
    truth = rng.random((300, 12)) < np.linspace(0.01, 0.3, 12)
    dense = np.clip(truth * rng.normal(0.3, 0.2, truth.shape) + rng.normal(0.3, 0.15, truth.shape), 0.0005, 0.9999)
    found = predictions(dense.astype(np.float32), codes)
    true: Sets = [{code for code, is_in in zip(codes, row, strict=True) if is_in} for row in truth]
    scored = objective(name, reference(true, codes), found)
    data = np.unique(found.scores.data)
    assert len(data) > 3000
    scores = [_fast(name, truth, found.scores.toarray() >= threshold) for threshold in data]
    assert scored.score == pytest.approx(max(scores), abs=1e-12)
    assert _fast(name, truth, found.scores.toarray() >= scored.threshold) == pytest.approx(scored.score, abs=1e-12)
    neighbours = data.astype(np.float64)[np.searchsorted(data, scored.threshold) + np.array([-1, 0])]
    assert neighbours[0] < scored.threshold < neighbours[1]


def _fast(name: str, true: npt.NDArray[np.bool_], pred: npt.NDArray[np.bool_]) -> float:
    if name == "exact_match":
        return float((true == pred).all(axis=1).mean())
    axis = None if name == "micro_f1" else 0
    return float(np.mean(2 * (true & pred).sum(axis=axis) / (true.sum(axis=axis) + pred.sum(axis=axis))))


def test_micro_f1_equals_sklearn() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random((200, 6)) < 0.25
    scores = np.where(rng.random(truth.shape) < 0.6, rng.random(truth.shape) * 0.7 + 0.3 * truth, 0).astype(np.float32)
    codes = [*"ABCDEF"]
    found = predictions(scores[:, :4], codes[:4])  # the model has never seen E and F
    true: Sets = [{code for code, is_in in zip(codes, row, strict=True) if is_in} for row in truth]
    scored = objective("micro_f1", reference(true, codes), found)
    pred = np.zeros_like(truth)
    pred[:, :4] = scores[:, :4] >= scored.threshold
    assert scored.score == pytest.approx(f1_score(truth, pred, average="micro"))


@pytest.mark.parametrize("name", OBJECTIVES)
@given(case=cases(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_order_of_labels_and_of_certificates_does_not_matter(
    name: str, case: tuple[Sets, Predictions], data: st.DataObject
) -> None:
    true, found = case
    codes = data.draw(st.permutations([*MODEL, *FOREIGN, "unused"]))
    columns = data.draw(st.permutations(range(len(MODEL))))
    rows = data.draw(st.permutations(range(len(true))))
    moved = predictions(found.scores.toarray()[rows][:, columns], [MODEL[column] for column in columns])
    there = objective(name, reference([true[row] for row in rows], codes), moved)
    here = objective(name, reference(true, [*MODEL, *FOREIGN]), found)
    assert there.threshold == here.threshold
    assert there.score == (None if here.score is None else pytest.approx(here.score, abs=1e-12))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_without_any_score_nothing_is_right_but_what_has_no_code(name: str) -> None:
    found = predictions(np.zeros((4, 2), np.float32), ["A", "B"])
    wanted = {"micro_f1": 0.0, "macro_f1": 0.0, "exact_match": 0.25, "augrc": -(0.25 * 0.75 / 2 + 0.75**2 / 2)}
    assert objective(name, reference([{"A"}, {"B"}, {"A"}, set()], ["A", "B"]), found).score == wanted[name]
    assert objective(name, reference([{"A"}, {"B"}, {"A"}, {"C"}], ["A", "B", "C"]), found).score == (
        -0.5 if name == "augrc" else 0.0
    )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_reference_without_codes_has_no_score(name: str) -> None:
    found = predictions(np.full((2, 1), 0.5, np.float32), ["A"])
    assert objective(name, reference([set(), set()], ["A"]), found) == Scored(None, 1.0, NO_CODES)
    assert objective(name, reference([], []), predictions(np.zeros((0, 1), np.float32), ["A"])).reason == NO_CODES


def test_an_unknown_objective_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="micro_f1, macro_f1, exact_match, augrc, but got 'accuracy'"):
        objective("accuracy", reference([{"A"}], ["A"]), predictions(np.ones((1, 1), np.float32), ["A"]))


@pytest.mark.parametrize("name", BY_HAND)
def test_a_little_less_than_the_lowest_score_is_still_chosen(name: str) -> None:
    found = predictions(np.array([[0.6, 0.0], [0.0, 0.4]], np.float32), ["A", "B"])
    scored = objective(name, reference([{"A"}, {"B"}], ["A", "B"]), found)
    assert scored.score == 1.0
    assert scored.threshold == pytest.approx(0.2)
    lower = csr_array((found.scores.data - np.float32(1e-6), found.scores.indices, found.scores.indptr), shape=(2, 2))
    assert chosen(lower, scored.threshold).toarray().tolist() == [[1, 0], [0, 1]]


def test_align_gives_unknown_codes_empty_columns() -> None:
    aligned = align(
        reference([{"X"}, {"B"}], ["X", "B"]), predictions(np.array([[0.5, 0], [0, 0.25]], np.float32), ["C", "B"])
    )
    assert aligned.labels.codes == ("B", "C", "X")
    assert aligned.y_true.toarray().tolist() == [[0, 0, 1], [1, 0, 0]]
    assert aligned.y_score.toarray().tolist() == [[0, 0.5, 0], [0.25, 0, 0]]


def test_a_threshold_that_equals_a_score_chooses_it() -> None:
    scores = csr_array(np.array([[0.1, 0.0, 0.7], [0.0, 0.0, 0.0], [0.7, 0.3, 0.0]], np.float32))
    for threshold, below in itertools.product(scores.data.astype(np.float64), (0.0, 1e-9)):
        found = chosen(scores, threshold - below)
        assert found.toarray().tolist() == ((scores.toarray() >= threshold - below) & (scores.toarray() > 0)).tolist()
        assert found.shape == scores.shape
