"""Bag: n-grams of texts, and their padded batches."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from harness.corpus.certificate import strings
from harness.families.bag import BagParameters, Ngrams, ngrams


def of(*texts: str) -> csr_array:
    return ngrams(strings(texts), BagParameters())


def test_every_text_has_length_one() -> None:
    found = of("flu", "acute myocardial infarction", "a", "!?", "")
    np.testing.assert_allclose(np.sqrt(found.power(2).sum(axis=1)), [1, 1, 1, 0, 0], rtol=1e-6)
    assert found.shape == (5, 2**15)
    assert found.dtype == np.float32


def test_ngrams_see_words_pairs_and_parts_of_words() -> None:
    def likeness(a: str, b: str) -> float:
        rows = of(a, b)
        return float((rows[[0]] @ rows[[1]].T).toarray()[0, 0])

    assert likeness("Pneumonie aiguë", "PNEUMONIE, AIGUE") == pytest.approx(1.0)
    assert likeness("pneumonia", "pneumonai") > 0.3  # a typing error
    assert 0.5 < likeness("heart failure", "failure heart") < 0.99  # their order is seen in pairs
    assert likeness("heart failure", "femur") < 0.1


def test_no_text_has_no_row() -> None:
    assert of().shape == (0, 2**15)


def test_padding_holds_what_the_rows_hold() -> None:
    features = of("flu", "acute myocardial infarction", "", "heart failure")
    rows = np.array([3, 2, 1])
    batch = Ngrams(features).batch(rows)
    ids, values = batch["ids"], batch["values"]
    assert ids.shape == values.shape
    assert ids.shape[1] % 16 == 0
    dense = np.zeros((3, features.shape[1]))
    for row in range(3):
        np.add.at(dense[row], ids[row], values[row])
    np.testing.assert_array_equal(dense, features[rows].toarray())
