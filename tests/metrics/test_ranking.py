from __future__ import annotations

import itertools
import tracemalloc
import warnings

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score

from harness.metrics import ranking

Dense = npt.NDArray[np.float32]
TIED = [0.0, 0.0, 0.25, 0.5, 0.5, 0.75, 1.0]


@st.composite
def cases(draw: st.DrawFn) -> tuple[npt.NDArray[np.int8], Dense]:
    """Few distinct scores, so that ties, unstored true codes, empty rows and empty columns are common."""
    shape = (draw(st.integers(1, 8)), draw(st.integers(2, 7)))
    true = draw(arrays(np.int8, shape, elements=st.sampled_from([0, 0, 1])))
    scores = st.sampled_from(TIED) | st.floats(0, 1, width=32)
    return true, draw(arrays(np.float32, shape, elements=scores))


def sparse(true: npt.NDArray[np.int8], score: Dense) -> tuple[csr_array, csr_array]:
    return csr_array(true), csr_array(score)


@given(cases())
def test_equals_scikit_learn(case: tuple[npt.NDArray[np.int8], Dense]) -> None:
    true, score = case
    y_true, y_score = sparse(true, score)
    found = ranking.ranking(y_true, y_score)
    assert found.lrap == pytest.approx(label_ranking_average_precision_score(true, score))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = average_precision_score(true, score, average="micro")
    assert found.average_precision == (pytest.approx(expected) if true.any() else None)


@given(cases(), st.integers(1, 5))
def test_precision_at_is_the_mean_over_all_orders_of_ties(case: tuple[npt.NDArray[np.int8], Dense], place: int) -> None:
    true, score = case[0][:2, :5], case[1][:2, :5]
    if place > true.shape[1] or not true.any():
        assert ranking.precision_at(*sparse(true, score), place) is None
        return
    rows = []
    for codes, scores in zip(true, score, strict=True):
        if codes.any():
            orders = [
                order
                for order in itertools.permutations(range(len(codes)))
                if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order))
            ]
            rows.append(np.mean([codes[list(order[:place])].mean() for order in orders]))
    assert ranking.precision_at(*sparse(true, score), place) == pytest.approx(np.mean(rows))


@given(cases(), st.integers(1, 4))
def test_blocks_change_nothing(case: tuple[npt.NDArray[np.int8], Dense], entries: int) -> None:
    whole = ranking.ranking(*sparse(*case))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "ENTRIES", entries)
        parts = ranking.ranking(*sparse(*case))
    assert parts.average_precision == whole.average_precision
    assert parts.lrap == pytest.approx(whole.lrap)
    for place in ranking.PLACES:
        assert parts.precision_at[place] == pytest.approx(whole.precision_at[place])


def test_by_hand() -> None:
    # 0: the true codes are first and third, with one tie; 1: one true code has no score; 2: no code
    true = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]], np.int8)
    score = np.array([[0.9, 0.5, 0.5, 0], [0, 0.8, 0, 0], [0.7, 0, 0, 0]], np.float32)
    found = ranking.ranking(*sparse(true, score), at=(1, 2, 3, 5))
    assert found.lrap == pytest.approx(((1 + 2 / 3) / 2 + (1 + 2 / 4) / 2 + 1) / 3)
    # scores from above: 0.9 right, 0.8 right, 0.7 wrong, 0.5 one of two right; then all twelve pairs
    assert found.average_precision == pytest.approx((1 + 1 + 3 / 5 + 4 / 12) / 4)
    # the tie at place two counts a half; of three codes without a score one is true
    assert found.precision_at == {
        1: pytest.approx((1 + 1) / 2),
        2: pytest.approx((1.5 / 2 + (1 + 1 / 3) / 2) / 2),
        3: pytest.approx((2 / 3 + (1 + 2 / 3) / 3) / 2),
        5: None,
    }


def test_undefined_is_not_zero() -> None:
    none = csr_array(np.empty((0, 6), np.int8)), csr_array(np.empty((0, 6), np.float32))
    assert ranking.ranking(*none) == ranking.Ranking(None, None, {1: None, 3: None, 5: None})
    uncoded = sparse(np.zeros((2, 6), np.int8), np.full((2, 6), 0.5, np.float32))
    assert ranking.average_precision(*uncoded) is None
    assert ranking.precision_at(*uncoded, 1) is None
    assert ranking.label_ranking_average_precision(*uncoded) == 1.0, "as scikit-learn says"
    unscored = sparse(np.eye(6, dtype=np.int8), np.zeros((6, 6), np.float32))
    assert ranking.average_precision(*unscored) == pytest.approx(1 / 6)
    assert ranking.precision_at(*unscored, 3) == pytest.approx(1 / 6)


def test_untidy_entries_do_no_harm() -> None:
    y_true = csr_array(np.array([[1, 0, 1]], np.int8))
    untidy = csr_array((np.array([0.5, 0.0, 0.9], np.float32), np.array([2, 1, 0]), np.array([0, 3])), shape=(1, 3))
    assert ranking.label_ranking_average_precision(y_true, untidy) == 1.0
    assert ranking.average_precision(y_true, untidy) == 1.0
    assert untidy.indices.tolist() == [2, 1, 0], "the caller's matrix must stay as it is"


def test_nothing_dense() -> None:
    n, n_labels, scores = 50_000, 4_000, 20
    rng = np.random.default_rng(0)
    columns = rng.integers(0, n_labels - scores, n).repeat(scores) + np.tile(np.arange(scores), n)
    y_score = csr_array(
        (rng.random(n * scores, np.float32), columns.astype(np.int32), np.arange(0, n * scores + 1, scores)),
        shape=(n, n_labels),
    )
    y_true = csr_array((np.ones(n, np.int8), columns[::scores].astype(np.int32), np.arange(n + 1)), shape=(n, n_labels))
    tracemalloc.start()
    found = ranking.ranking(y_true, y_score)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.lrap is not None
    assert peak < n * n_labels
