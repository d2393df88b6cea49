"""Batches of texts: each once, of like length; their codes as pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from harness.corpus.certificate import strings
from harness.families.keras_parts import batches, pieces
from harness.families.keras_parts.batches import Inputs


def inputs(n: int = 50) -> Inputs:
    texts = strings([f"text{number} " * (number % 7 + 1) for number in range(n)])
    hits = csr_array(np.eye(n, 3, dtype=np.float32))
    covariates = csr_array(np.arange(2 * n).reshape(n, 2).astype(np.float32))
    return Inputs(pieces.words_in_parts(texts, 128, 2**10, 4), hits, covariates)


def test_batches_hold_every_text_once_in_another_order() -> None:
    lengths = inputs().text.lengths
    rng = np.random.default_rng(0)
    first, second = (batches.by_length(lengths, rng, 8) for _ in range(2))
    for drawn in (first, second):
        assert sorted(np.concatenate(drawn).tolist()) == list(range(50))
        assert max(map(len, drawn)) == 8
    assert np.concatenate(first).tolist() != np.concatenate(second).tolist()
    spread = [np.ptp(lengths[rows]) for rows in first]
    assert np.median(spread) < np.ptp(lengths) / 2


def test_blocks_hold_every_text_once_and_few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    found = inputs()
    monkeypatch.setattr(batches, "ROWS", 16)
    monkeypatch.setattr(batches, "PLACES", 40)
    cut = list(found.in_blocks())
    assert sorted(np.concatenate(cut).tolist()) == list(range(50))
    for rows in cut:
        assert len(rows) <= 16
        assert len(rows) * found.text.lengths[rows].max() <= 40
    few = list(found.in_blocks(3))
    assert sorted(np.concatenate(few).tolist()) == list(range(50))
    assert max(map(len, few)) == 3


def test_pairs_are_the_entries_of_some_rows() -> None:
    matrix = csr_array(np.array([[0, 1, 1], [0, 0, 0], [1, 0, 0]]))
    assert batches.pairs(matrix, np.array([2, 1, 0])).tolist() == [[0, 0], [2, 1], [2, 2]]
    assert batches.pairs(matrix, np.array([1])).shape == (0, 2)


def test_hits_and_covariates_follow_their_texts() -> None:
    batch = inputs().batch(np.array([2, 9]))
    assert batch["hits"].tolist() == [[0, 2]]
    assert batch["covariates"].tolist() == [[4, 5], [18, 19]]
    assert set(Inputs(inputs().text).batch(np.array([2]))) == {"parts", "word", "places"}
