from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array
from sklearn.metrics import accuracy_score, f1_score, hamming_loss, precision_score, recall_score

from harness.metrics import multilabel

Dense = npt.NDArray[np.int8]


def both(y_true: list[list[int]], y_pred: list[list[int]]) -> tuple[csr_array, csr_array]:
    return csr_array(np.array(y_true, np.int8)), csr_array(np.array(y_pred, np.int8))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Dense, Dense]:
    shape = (draw(st.integers(1, 12)), draw(st.integers(2, 6)))
    one = arrays(np.int8, shape, elements=st.integers(0, 1))
    return draw(one), draw(one)


def test_by_hand() -> None:
    # certificate 0: two of three found and one too many; 1: nothing to find, nothing found; 2: nothing found; 3: exact
    y_true, y_pred = both(
        [[1, 1, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]],
        [[1, 1, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]],
    )
    counts = multilabel.counts(y_true, y_pred)
    assert counts.tp.tolist() == [2, 0, 0, 1]
    assert counts.fp.tolist() == [1, 0, 0, 0]
    assert counts.fn.tolist() == [1, 0, 1, 0]
    assert {counts.tp.dtype, counts.fp.dtype, counts.fn.dtype} == {np.dtype(np.int64)}
    assert multilabel.micro_precision(counts) == pytest.approx(3 / 4)
    assert multilabel.micro_recall(counts) == pytest.approx(3 / 5)
    assert multilabel.micro_f1(counts) == pytest.approx(6 / 9)
    # codes 0, 1, 2 occur, with F1 1, 2/3, 0; code 3 is only predicted
    assert multilabel.macro_f1(y_true, y_pred) == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert multilabel.exact(counts).tolist() == [False, True, False, True]
    assert multilabel.exact_match(counts) == 0.5
    assert multilabel.samples_f1(counts) == pytest.approx((4 / 6 + 1 + 0 + 1) / 4)
    assert multilabel.hamming_loss(counts, 4) == 3 / 16


@given(pairs())
def test_counts_by_code_are_those_of_the_transposed(pair: tuple[Dense, Dense]) -> None:
    y_true, y_pred = csr_array(pair[0]), csr_array(pair[1])
    tally = multilabel.tally(y_true, y_pred)
    turned = multilabel.counts(csr_array(pair[0].T), csr_array(pair[1].T))
    for part in ("tp", "fp", "fn"):
        assert getattr(tally.codes, part).tolist() == getattr(turned, part).tolist()
        assert (getattr(tally.certificates, part) == getattr(multilabel.counts(y_true, y_pred), part)).all()
    assert multilabel.micro_f1(tally.codes) == multilabel.micro_f1(tally.certificates)
    assert multilabel.mean_f1(tally.codes) == multilabel.macro_f1(y_true, y_pred)
    assert len(tally.codes.of(tally.codes.tp > 0).fp) == np.count_nonzero(tally.codes.tp)


@given(pairs())
def test_equals_scikit_learn(pair: tuple[Dense, Dense]) -> None:
    true, pred = pair
    y_true, y_pred = csr_array(true), csr_array(pred)
    counts = multilabel.counts(y_true, y_pred)
    occurring = np.flatnonzero(true.any(axis=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        micro = {"average": "micro", "zero_division": np.nan}
        scores = [
            (multilabel.micro_f1(counts), f1_score(true, pred, **micro)),
            (multilabel.micro_precision(counts), precision_score(true, pred, **micro)),
            (multilabel.micro_recall(counts), recall_score(true, pred, **micro)),
            (multilabel.exact_match(counts), accuracy_score(true, pred)),
            (multilabel.samples_f1(counts), f1_score(true, pred, average="samples", zero_division=1)),
            (multilabel.hamming_loss(counts, true.shape[1]), hamming_loss(true, pred)),
        ]
        if len(occurring):
            macro = f1_score(true, pred, labels=occurring, average="macro", zero_division=np.nan)
            scores.append((multilabel.macro_f1(y_true, y_pred), macro))
    for ours, theirs in scores:
        assert (ours is None and np.isnan(theirs)) or ours == pytest.approx(theirs)


def test_a_code_that_the_model_cannot_give_is_missed() -> None:
    y_true, y_pred = both([[1, 1], [1, 0]], [[1, 0], [1, 0]])
    assert multilabel.micro_recall(multilabel.counts(y_true, y_pred)) == pytest.approx(2 / 3)
    assert multilabel.macro_f1(y_true, y_pred) == pytest.approx(1 / 2)


def test_undefined_is_not_zero() -> None:
    none = csr_array(np.empty((0, 3), np.int8))
    counts = multilabel.counts(none, none)
    assert [score(counts) for score in (multilabel.micro_f1, multilabel.micro_precision, multilabel.micro_recall)] == [
        None,
        None,
        None,
    ]
    assert multilabel.exact_match(counts) is None
    assert multilabel.samples_f1(counts) is None
    assert multilabel.hamming_loss(counts, 3) is None
    assert multilabel.macro_f1(none, none) is None

    empty, full = both([[0, 0]], [[1, 0]])
    nothing = multilabel.counts(empty, empty)
    assert multilabel.micro_f1(nothing) is None
    assert multilabel.macro_f1(empty, empty) is None
    assert multilabel.exact_match(nothing) == 1.0
    assert multilabel.samples_f1(nothing) == 1.0
    assert multilabel.hamming_loss(nothing, 2) == 0.0
    assert multilabel.hamming_loss(nothing, 0) is None

    missed = multilabel.counts(full, empty)
    assert multilabel.micro_f1(missed) == 0.0
    assert multilabel.micro_precision(missed) is None
    assert multilabel.micro_recall(missed) == 0.0
    assert multilabel.macro_f1(full, empty) == 0.0
    assert multilabel.samples_f1(missed) == 0.0

    invented = multilabel.counts(empty, full)
    assert multilabel.micro_f1(invented) == 0.0
    assert multilabel.micro_precision(invented) == 0.0
    assert multilabel.micro_recall(invented) is None
    assert multilabel.macro_f1(empty, full) is None


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.float32])
@pytest.mark.parametrize(
    ("data", "columns", "first"),
    [
        ([1, 1, 0, 0], [0, 1, 2, 2], [0, 3, 4]),  # zeros
        ([1, 1, 1], [1, 0, 0], [0, 3, 3]),  # unsorted, and one twice
        ([1, 1, 1, 0, 0], [1, 0, 0, 2, 2], [0, 4, 5]),  # all of that
    ],
)
def test_untidy_entries_do_no_harm(
    data: list[int], columns: list[int], first: list[int], dtype: type[np.generic]
) -> None:
    y_true = csr_array(np.array([[1, 1, 0], [0, 0, 1]], np.int8))
    untidy = csr_array((np.array(data, dtype), np.array(columns, np.int32), np.array(first)), shape=(2, 3))
    counts = multilabel.counts(y_true, untidy)
    assert (counts.tp.tolist(), counts.fp.tolist(), counts.fn.tolist()) == ([2, 0], [0, 0], [0, 1])
    assert multilabel.macro_f1(y_true, untidy) == pytest.approx(2 / 3)
    assert untidy.indices.tolist() == columns, "the caller's matrix must stay as it is"


def test_a_row_may_hold_more_codes_than_its_type_can_count() -> None:
    everything = csr_array(np.ones((1, 300), np.int8))
    assert multilabel.counts(everything, everything).tp.tolist() == [300]


def test_nothing_dense() -> None:
    n, n_labels = 100_000, 4_000
    rng = np.random.default_rng(0)

    def random() -> csr_array:
        columns = rng.integers(0, n_labels, 3 * n).astype(np.int32)
        return csr_array((np.ones(3 * n, np.int8), columns, np.arange(0, 3 * n + 1, 3)), shape=(n, n_labels))

    y_true, y_pred = random(), random()
    tracemalloc.start()
    multilabel.counts(y_true, y_pred)
    multilabel.macro_f1(y_true, y_pred)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n * n_labels / 10  # a tenth of the smallest dense matrix
