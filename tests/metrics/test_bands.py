from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array
from sklearn.metrics import f1_score, recall_score

from harness.metrics import multilabel
from harness.metrics.bands import BANDS, Band, by_frequency, columns, untold

Ints = npt.NDArray[np.int64]


def test_by_hand() -> None:
    y_true = csr_array(np.array([[1, 1, 0, 0, 1], [0, 1, 1, 0, 0]], np.int8))
    y_pred = csr_array(np.array([[0, 1, 1, 1, 1], [0, 0, 1, 0, 0]], np.int8))
    found = by_frequency(multilabel.tally(y_true, y_pred).codes, np.array([0, 1, 9, 10, 100]))
    assert list(found) == list(BANDS)
    assert found == {
        "unseen": Band(1, 0.0, 0.0, 0.0),
        "1_9": Band(2, 4 / 6, (2 / 3 + 2 / 3) / 2, 2 / 3),
        "10_99": Band(0, 0.0, None, None),  # a wrong code, and nothing to be found
        "100_up": Band(1, 1.0, 1.0, 1.0),
    }


@given(st.data())
def test_equals_scikit_learn_over_the_codes_of_a_band(data: st.DataObject) -> None:
    shape = (data.draw(st.integers(1, 8)), 6)
    true, pred = (data.draw(arrays(np.int8, shape, elements=st.integers(0, 1))) for _ in range(2))
    frequency: Ints = data.draw(arrays(np.int64, 6, elements=st.sampled_from([0, 1, 9, 10, 99, 100, 10_000])))
    found = by_frequency(multilabel.tally(csr_array(true), csr_array(pred)).codes, frequency)
    for name, (least, most) in BANDS.items():
        mine = np.flatnonzero((frequency >= least) & (frequency <= most))
        occur = mine[true[:, mine].any(axis=0)]
        band = found[name]
        assert band.n_codes == len(occur)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if true[:, mine].any() or pred[:, mine].any():
                assert band.micro_f1 == pytest.approx(f1_score(true, pred, labels=mine, average="micro"))
            else:
                assert band.micro_f1 is None
            if len(occur):
                assert band.macro_f1 == pytest.approx(f1_score(true, pred, labels=occur, average="macro"))
                assert band.recall == pytest.approx(recall_score(true, pred, labels=mine, average="micro"))
            else:
                assert (band.macro_f1, band.recall) == (None, None)


def test_a_band_that_few_certificates_have_is_untold_and_never_alone() -> None:
    """Three codes: two certificates of one half have the rare one; of the others all are told."""
    frequency = np.array([3, 40, 400])
    dense = np.zeros((40, 3), np.int8)
    dense[:, 2], dense[:12, 1], dense[20:32, 1], dense[:2, 0], dense[20:27, 0] = 1, 1, 1, 1, 1
    codes, halves = csr_array(dense), (slice(0, 20), slice(20, 40))
    assert untold(codes, frequency, [slice(0, 40)]) == frozenset()
    assert untold(codes, frequency, [slice(0, 40), *halves]) == {"1_9", "10_99"}
    found = by_frequency(multilabel.tally(codes, codes).codes, frequency)
    row = columns(found, {"1_9", "10_99"})
    assert (row["n_codes_1_9"], row["recall_1_9"], row["micro_f1_10_99"], row["recall_100_up"]) == (1, None, None, 1.0)
    assert untold(csr_array(np.zeros((9, 3), np.int8)), frequency, [slice(0, 9)]) == frozenset()
