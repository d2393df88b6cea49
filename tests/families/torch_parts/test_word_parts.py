from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from harness.corpus.certificate import strings
from harness.families.family import Units
from harness.families.torch_parts.word_parts import WordReader, normed


def test_reads_words_of_length_1_and_none_for_padding() -> None:
    found, parts = WordReader(longest=3, buckets=256).read(Units(strings(["Acute pneumonia", "", "a b c d"])))
    assert np.diff(found.first).tolist() == [2, 0, 3]  # the fourth word is left out
    assert found.ids.min() == 1  # 0 is padding
    lengths = np.sqrt(np.asarray(parts.multiply(parts).sum(axis=1)).ravel())
    assert lengths[0] == 0.0
    np.testing.assert_allclose(lengths[1:], 1.0, rtol=1e-5)


def test_a_misspelt_word_shares_parts_with_itself() -> None:
    parts = WordReader(longest=3, buckets=2**15).parts(["pneumonia", "pneumonnia", "stroke"]).toarray()
    assert parts[0] @ parts[1] > 0.3 > parts[0] @ parts[2]


def test_values_of_covariates_come_after_padding_with_a_part_of_their_own() -> None:
    reader = WordReader(longest=3, buckets=64, n_values=2)
    found, parts = reader.read(Units(strings(["stroke"])))
    assert found.ids.tolist() == [3]
    assert parts[[1, 2]].toarray()[:, 64:].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert parts[[3]].toarray()[0, 64:].tolist() == [0.0, 0.0]
    assert reader.parts(["stroke"]).shape == (1, 66)


def test_rows_without_anything_stay_empty() -> None:
    rows = normed(csr_array(np.array([[3.0, 4.0], [0.0, 0.0]])))
    np.testing.assert_allclose(rows.toarray(), [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)
