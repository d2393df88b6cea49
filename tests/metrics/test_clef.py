from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from harness.corpus.certificate import LabelSet
from harness.metrics.clef import Clef, clef

CODES = LabelSet(("I21", "T71", "W18", "X70", "Y99"))


def test_by_hand() -> None:
    # lines 0 and 1 are of one certificate: the right code on the wrong line is wrong twice
    y_true = csr_array(np.array([[1, 0, 0, 0, 0], [0, 1, 0, 1, 0], [0, 0, 1, 0, 0]], np.int8))
    y_pred = csr_array(np.array([[0, 0, 0, 1, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 1]], np.int8))
    # tp: T71, W18; fp: X70, Y99; fn: I21, X70; external: tp W18, fp X70, fn X70
    assert clef(CODES, y_true, y_pred) == Clef(2 / 4, 2 / 4, 0.5, 0.5)


def test_undefined_is_not_zero() -> None:
    none = csr_array(np.zeros((2, 5), np.int8))
    some = csr_array(np.array([[1, 0, 0, 0, 0], [0, 0, 0, 0, 0]], np.int8))
    assert clef(CODES, none, none) == Clef(None, None, None, None)
    assert clef(CODES, some, none) == Clef(None, 0.0, 0.0, None)
    assert clef(CODES, none, some) == Clef(0.0, None, 0.0, None)


@given(st.data())
def test_equals_sets_of_triples(data: st.DataObject) -> None:
    triples = st.sets(st.tuples(st.integers(0, 3), st.sampled_from(CODES.codes)))
    true, pred = data.draw(triples), data.draw(triples)

    def matrix(pairs: set[tuple[int, str]]) -> csr_array:
        return csr_array(np.array([[(line, code) in pairs for code in CODES.codes] for line in range(4)], np.int8))

    def f1(true: set[tuple[int, str]], pred: set[tuple[int, str]]) -> float | None:
        return 2 * len(true & pred) / (len(true) + len(pred)) if true or pred else None

    found = clef(CODES, matrix(true), matrix(pred))
    outside = [{pair for pair in pairs if "V01" <= pair[1] <= "Y98"} for pairs in (true, pred)]
    assert found.precision == (pytest.approx(len(true & pred) / len(pred)) if pred else None)
    assert found.recall == (pytest.approx(len(true & pred) / len(true)) if true else None)
    assert found.f1 == (pytest.approx(f1(true, pred)) if true or pred else None)
    assert found.external_f1 == (pytest.approx(f1(*outside)) if any(outside) else None)
