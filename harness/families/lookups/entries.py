"""Entries: known lines, and words and word pairs learnt, found within texts by longest match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array, vstack

from harness.corpus import words
from harness.corpus.terms import Found, Terms, split_lines
from harness.families.family import Examples
from harness.families.lookups.counts import SOME, Answers, Counts, FloatArray, IntArray

FLOOR = 0.02  # an entry's rarer codes are not looked at


@dataclass(frozen=True)
class Candidates:
    """What may become an entry: normalised texts, and which examples have them.

    Attributes
    ----------
    texts : (n_candidates,) distinct
    keys : (n_candidates, n) 1 where an example has it
    """

    texts: pa.Array
    keys: csr_array

    @classmethod
    def lines(cls, texts: pa.Array) -> Candidates:
        """The whole lines of some texts."""
        lines, text_of_line = split_lines(texts)
        written = np.flatnonzero(np.asarray(pc.not_equal(lines, "")))
        return cls._of(lines.take(pa.array(written)), text_of_line[written], len(texts))

    @classmethod
    def words(cls, texts: pa.Array, least: int) -> Candidates:
        """The words of some texts, and pairs of neighbours, that stand in at least ``least`` texts."""
        lines, text_of_line = split_lines(texts)
        found, line_of_word = words.words_of(lines)
        line = np.asarray(line_of_word).astype(np.int64)
        text = text_of_line[line]
        single = cls._of(found, text, len(texts))._standing(least)
        # A pair can be no more frequent than its words.
        often = np.asarray(pc.is_in(found, value_set=single.texts))
        first = np.flatnonzero((line[:-1] == line[1:]) & often[:-1] & often[1:]) if len(line) else np.zeros(0, np.int64)
        pairs = pc.binary_join_element_wise(
            found.take(pa.array(first)), found.take(pa.array(first + 1)), pa.scalar(" ", type=found.type)
        )
        double = cls._of(pairs, text[first], len(texts))._standing(least)
        keys: Any = vstack([single.keys, double.keys], format="csr")
        return cls(pa.concat_arrays([single.texts, double.texts]), csr_array(keys))

    @classmethod
    def _of(cls, found: pa.Array, text: IntArray, n: int) -> Candidates:
        encoded = found.dictionary_encode()
        index = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        keys = csr_array((np.ones(len(index)), (index, text)), shape=(len(encoded.dictionary), n))
        keys.sum_duplicates()
        keys.data[:] = 1.0
        return cls(encoded.dictionary, keys)

    def _standing(self, least: int) -> Candidates:
        kept = np.flatnonzero(np.diff(self.keys.indptr) >= least)
        return Candidates(self.texts.take(pa.array(kept)), csr_array(self.keys[kept]))


@dataclass(frozen=True)
class Entries:
    """Entries with what training says of each."""

    terms: Terms
    counts: Counts
    smoothing: float

    @classmethod
    def fit(
        cls,
        candidates: Candidates,
        train: Examples,
        kept: FloatArray,
        smoothing: float,
        least: float = SOME,
        purity: float = 0.0,
    ) -> Entries:
        """Of the candidates those that stand in ``least`` kept occurrences and have a code with the share ``purity``."""
        counts = Counts.of(candidates.keys, train, kept)
        enough = counts.times >= least
        if purity:
            key = np.repeat(np.arange(len(counts.times)), np.diff(counts.given.indptr))
            known = counts.known(key, counts.given.indices.astype(np.int64))
            pure = np.zeros(len(counts.times), dtype=bool)
            pure[key[counts.given.data / (known + smoothing) >= purity]] = True
            enough &= pure
        chosen = np.flatnonzero(enough)
        texts = candidates.texts.take(pa.array(chosen))
        order = np.asarray(pc.sort_indices(texts)).astype(np.int64)
        return cls(Terms(texts.take(pa.array(order))), counts.take(chosen[order]), smoothing)

    def find(self, texts: pa.Array) -> Found:
        """The entries in some texts, by text."""
        return self.terms.find(texts)

    def answer(self, found: Found) -> Answers:
        """For each code the largest share among the entries found in a text."""
        n_labels = self.counts.given.shape[1]
        position, label, weight = self.counts.pairs(found.term)
        term = found.term[position]
        seen = np.maximum(self.counts.known(term, label), weight)
        share = weight / (seen + self.smoothing)
        kept = np.flatnonzero(share >= FLOOR)
        pair = found.text[position[kept]] * n_labels + label[kept]
        kept, pair = kept[order := np.lexsort((-seen[kept], -share[kept], pair))], pair[order]
        distinct, first = np.unique(pair, return_index=True)
        best = kept[first]
        return Answers(distinct, share[best], {"seen": seen[best]}, {"covered": found.covered})
