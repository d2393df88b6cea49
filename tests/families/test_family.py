from __future__ import annotations

import io
import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.corpus.certificate import LabelSet, strings
from harness.families.family import CEILING, Context, Predictions, Written, no_scores, probabilities, sparsify, stack


@given(arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(1, 40)), elements=st.floats(0.0, 1.0)))
def test_sparsify_keeps_the_20_largest_and_all_from_a_thousandth_on(dense: np.ndarray) -> None:
    scores = sparsify(dense)
    assert scores.dtype == np.float32
    assert scores.shape == dense.shape
    assert scores.has_canonical_format
    assert ((scores.data > 0.0) & (scores.data < 1.0)).all()
    bounded = np.clip(dense, 1e-12, CEILING).astype(np.float32)
    for row, values in enumerate(bounded):
        kept = set(scores.indices[scores.indptr[row] : scores.indptr[row + 1]].tolist())
        assert set(np.flatnonzero(values >= np.float32(1e-3)).tolist()) <= kept
        assert len(kept) == max(min(20, len(values)), int((values >= np.float32(1e-3)).sum()))
        left = [value for column, value in enumerate(values) if column not in kept]
        assert max(left, default=0.0) <= min(values[column] for column in kept)
    rows, columns = scores.nonzero()
    np.testing.assert_array_equal(scores.toarray()[rows, columns], bounded[rows, columns])


def test_sparsify_is_sparse_where_all_scores_are_equal() -> None:
    assert np.diff(sparsify(np.zeros((2, 5000))).indptr).tolist() == [20, 20]


def test_sparsify_is_sparse() -> None:
    dense = np.full((3, 1000), 1e-6) + np.arange(1000) * 1e-9
    dense[1, 5] = 0.7
    scores = sparsify(dense)
    assert np.diff(scores.indptr).tolist() == [20, 20, 20]
    assert scores[1, 5] == np.float32(0.7)
    assert sorted(scores.indices[:20].tolist()) == list(range(980, 1000))


@given(st.lists(st.floats(-200, 200), min_size=2, max_size=20))
def test_probabilities_keep_the_order_of_logits(logits: list[float]) -> None:
    found = probabilities(np.array(logits))
    assert ((found > 0.0) & (found < 1.0)).all()
    order = np.argsort(logits, kind="stable")
    assert (np.diff(found[order]) >= 0.0).all()


def test_probabilities_of_sure_models_do_not_tie_in_single_precision() -> None:
    sure = probabilities(np.linspace(6.0, 60.0, 50)).astype(np.float32)
    assert len(np.unique(sure)) == 50
    assert (sure < 1.0).all()
    np.testing.assert_allclose(probabilities(np.array([-9.0, 0.0, 3.0])), 1 / (1 + np.exp([9.0, 0.0, -3.0])))


def test_predictions_as_plain_arrays() -> None:
    scores = sparsify(np.array([[0.5, 0.25], [0.125, 0.75]]))
    predictions = Predictions(LabelSet(("É10", "I21")), scores)
    file = io.BytesIO()
    np.savez(file, **predictions.arrays())  # type: ignore[arg-type]
    file.seek(0)
    with np.load(file, allow_pickle=False) as saved:
        again = Predictions.of_arrays(saved)
    assert again.labels == predictions.labels
    assert again.scores.dtype == np.float32
    assert again.scores.toarray().tolist() == scores.toarray().tolist()


def test_predictions_over_other_labels() -> None:
    predictions = Predictions(LabelSet(("B", "A")), sparsify(np.array([[0.5, 0.25]])))
    moved = predictions.over(LabelSet(("A", "C", "B")))
    assert moved.toarray().tolist() == [[0.25, 0.0, 0.5]]
    assert predictions.over(LabelSet(("A", "C", "B"))).toarray().tolist() == moved.toarray().tolist()
    assert predictions.scores.toarray().tolist() == [[0.5, 0.25]]
    assert moved.has_sorted_indices
    with pytest.raises(ValueError, match="every code of the model"):
        predictions.over(LabelSet(("A", "C")))


def test_stack_and_no_scores() -> None:
    found = stack([no_scores(2, 3), sparsify(np.array([[0.5, 0.25, 0.125]])), no_scores(0, 3)])
    assert found.shape == (3, 3)
    assert found.dtype == np.float32
    assert np.diff(found.indptr).tolist() == [0, 0, 3]


def test_a_step_more_is_allowed_that_probably_ends_in_time() -> None:
    assert Context().allows(1e9)
    now = time.monotonic()
    assert Context(deadline=now + 60.0).allows(10.0)
    assert not Context(deadline=now + 60.0).allows(70.0)
    assert not Context(deadline=now - 1.0).allows(0.0)


UNITS = st.lists(st.tuples(st.lists(st.integers(0, 3), max_size=4), st.text(max_size=6)), max_size=6)


def written(said: list[tuple[list[int], str]], words: bool) -> Written:
    first = np.cumsum([0, *(len(codes) for codes, _ in said)], dtype=np.int64)
    columns = np.array([column for codes, _ in said for column in codes], dtype=np.int32)
    return Written(first, columns, strings([text for _, text in said]) if words else None)


@given(UNITS, st.booleans())
@example([], True)
@example([([2, 0], "œdème aigu; 心不全 \U0001f9e1"), ([], ""), ([1], "\x00\n; ")], True)
def test_what_was_written_as_plain_arrays(said: list[tuple[list[int], str]], words: bool) -> None:
    before = written(said, words)
    predictions = Predictions(LabelSet(tuple("ABCD")), no_scores(len(said), 4), None, before)
    file = io.BytesIO()
    np.savez(file, **predictions.arrays())  # type: ignore[arg-type]
    file.seek(0)
    with np.load(file, allow_pickle=False) as saved:
        after = Predictions.of_arrays(saved).written
    assert after is not None
    assert len(after) == len(said)
    assert after.first.tolist() == before.first.tolist()
    assert (after.columns.tolist(), after.columns.dtype) == (before.columns.tolist(), before.columns.dtype)
    if after.text is None or before.text is None:
        assert (after.text, before.text) == (None, None)
    else:
        after.text.validate(full=True)
        assert after.text.equals(before.text)


def test_what_was_not_written_leaves_no_array() -> None:
    silent = Predictions(LabelSet(("A",)), no_scores(1, 1))
    assert not [name for name in silent.arrays() if name.startswith("written")]
    assert Predictions.of_arrays(silent.arrays()).written is None


@given(UNITS, st.data())
def test_some_units_of_what_was_written(said: list[tuple[list[int], str]], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.sampled_from(range(len(said))), max_size=8)) if said else []
    kept = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    found = written(said, words=True).take(np.array(rows, dtype=np.int64), np.array(kept, dtype=bool))
    assert found.text is not None
    parts = np.split(found.columns, found.first[1:-1]) if len(found) else []
    assert [part.tolist() for part in parts] == [said[i][0] if k else [] for i, k in zip(rows, kept, strict=True)]
    assert found.text.to_pylist() == [said[i][1] if k else "" for i, k in zip(rows, kept, strict=True)]
