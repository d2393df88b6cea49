"""Texts as words, and words as their hashed parts, for a network that reads them so (:mod:`.small_t5`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import block_array, csr_array, diags_array, eye_array, vstack

from harness.families.family import Units
from harness.families.keras_parts.pieces import hashed, words_in_parts
from harness.families.torch_parts.tokens import Tokens

CHARACTERS = 5  # the longest run of characters that is a part


@dataclass(frozen=True, slots=True)
class WordReader:
    """From texts to words, of which ``longest`` are read; before them one for each covariate's value.

    Attributes
    ----------
    buckets : that parts are hashed into
    n_values : of covariates
    """

    longest: int
    buckets: int
    n_values: int = 0

    def read(self, units: Units) -> tuple[Tokens, csr_array]:
        """Texts as numbers of words, 0 being none, and the parts of each word, (n_words, n_features)."""
        found = words_in_parts(units.text, self.longest, self.buckets, CHARACTERS)
        values = csr_array(eye_array(self.n_values, dtype=np.float32))
        parts: Any = block_array([[found.parts, None], [None, values]], format="csr") if self.n_values else found.parts
        n_words = found.parts.shape[0]
        nothing = csr_array((1, parts.shape[1]), dtype=np.float32)
        parts = vstack([nothing, parts[n_words:], parts[:n_words]], format="csr")
        words = found.sequences
        return Tokens((words.tokens + 1 + self.n_values).astype(np.int32), words.first), normed(csr_array(parts))

    def parts(self, words: list[str]) -> csr_array:
        """The parts of some words, (n_words, n_features)."""
        found = hashed(words, self.buckets, words=1, characters=CHARACTERS)
        found.data[:] = 1.0
        shape = len(words), self.buckets + self.n_values
        return normed(csr_array((found.data, found.indices, found.indptr), shape=shape))


def normed(matrix: csr_array) -> csr_array:
    """Rows of length 1, or 0 where there is nothing."""
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel())
    return csr_array((diags_array(1 / np.maximum(length, 1e-9)) @ matrix).astype(np.float32))


def tell(model: Any, parts: csr_array | None) -> None:
    """Let a network that reads words know which ones come; others have no parts."""
    if parts is not None:
        model.encoder.embed_tokens.tell(parts)
