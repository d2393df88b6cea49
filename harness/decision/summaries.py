"""Counts over the certificates of a year or a batch, and pairs of past years: what the words alarm compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from harness.corpus import words
from harness.corpus.certificate import Corpus, FloatArray, Texts
from harness.corpus.knowledge import Knowledge
from harness.decision.novelty import LETTERS

BINS = 10  # of the confidence: tenths of the calibration year
ALWAYS, NEVER = -(2**15), 2**15  # years before and after all others

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class YearSummary:
    """Counts over some certificates of one year; those of batches can be added.

    Attributes
    ----------
    n : certificates
    unseen_words : those with an unseen word or more
    unseen_texts : those with an unseen text or more
    confidence : (n_bins,) certificates in each bin of the confidence; None where it is not known
    codes : (n_labels,) certificates with each predicted code; None where these are not known
    """

    year: int
    n: int
    unseen_words: int
    unseen_texts: int
    confidence: Int64Array | None = None
    codes: Int64Array | None = None

    def __add__(self, other: YearSummary) -> YearSummary:
        return YearSummary(
            year=self.year,
            n=self.n + other.n,
            unseen_words=self.unseen_words + other.unseen_words,
            unseen_texts=self.unseen_texts + other.unseen_texts,
            confidence=_sum(self.confidence, other.confidence),
            codes=_sum(self.codes, other.codes),
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "year": self.year,
            "n": self.n,
            "unseen_words": self.unseen_words,
            "unseen_texts": self.unseen_texts,
            "confidence": None if self.confidence is None else self.confidence.tolist(),
            "codes": None if self.codes is None else self.codes.tolist(),
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> YearSummary:
        """The inverse of :meth:`to_dict`."""
        counts = {
            name: None if said[name] is None else np.array(said[name], dtype=np.int64)
            for name in ("confidence", "codes")
        }
        return cls(said["year"], said["n"], said["unseen_words"], said["unseen_texts"], **counts)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two past years that follow one another: one stands to the vocabulary as calibration, one as the new year."""

    before: YearSummary
    after: YearSummary


def past_pairs(
    corpora: Sequence[Corpus], knowledge: Knowledge, after_fit: int = 1, ahead: Sequence[int] = (1,)
) -> tuple[Pair, ...]:
    """How the past years stood to one another, with the true codes for the predicted ones.

    Parameters
    ----------
    corpora
        Certificates of any years, with one label set; none newer than calibration.
    after_fit
        How many years with certificates the calibration year lies after the newest one of the vocabulary.
    ahead
        How many years with certificates later the new year lies than calibration.

    Returns
    -------
    A pair for each past year that could have been the calibration year, the newest last.
    """
    certificates = np.concatenate([corpus.texts.years for corpus in corpora]).astype(np.int64)
    there = np.unique(certificates)
    newest_word, newest_text = _newest([corpus.texts for corpus in corpora], knowledge)
    codes = {year: _codes_of(corpora, year) for year in there.tolist()}
    found = []
    for place in range(after_fit, len(there)):
        for later in sorted(ahead):
            if place + later < len(there):
                fit, before, after = (int(there[p]) for p in (place - after_fit, place, place + later))
                found.append(
                    Pair(
                        *(
                            YearSummary(
                                year=year,
                                n=int((mine := certificates == year).sum()),
                                unseen_words=int((newest_word[mine] > fit).sum()),
                                unseen_texts=int((newest_text[mine] > fit).sum()),
                                codes=codes[year],
                            )
                            for year in (before, after)
                        )
                    )
                )
    return tuple(found)


def summarise(
    year: int,
    unseen_words: npt.NDArray[Any],
    unseen_texts: npt.NDArray[Any],
    confidence: FloatArray | None,
    edges: Float64Array,
    codes: csr_array,
) -> YearSummary:
    """The counts of some certificates; arrays as in :meth:`DriftReference.learnt`."""
    return YearSummary(
        year=year,
        n=len(unseen_words),
        unseen_words=int(np.count_nonzero(unseen_words)),
        unseen_texts=int(np.count_nonzero(unseen_texts)),
        confidence=None if confidence is None else binned(confidence, edges),
        codes=np.bincount(codes.indices, weights=codes.data != 0, minlength=codes.shape[1]).astype(np.int64),
    )


def bin_edges(confidence: FloatArray) -> Float64Array:
    """The distinct tenths of some confidences, ascending; they may be infinite, and NaN is the least sure."""
    if not len(confidence):
        return np.zeros(0)
    sure = np.nan_to_num(np.asarray(confidence, dtype=np.float64), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    tenths = np.quantile(sure, np.arange(1, BINS) / BINS, method="inverted_cdf")
    return np.asarray(np.unique(tenths), dtype=np.float64)


def binned(confidence: FloatArray, edges: Float64Array) -> Int64Array:
    """How many certificates lie in each bin; (len(edges) + 1,)."""
    sure = np.nan_to_num(np.asarray(confidence, dtype=np.float64), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    return np.bincount(np.searchsorted(edges, sure), minlength=len(edges) + 1).astype(np.int64)


def _newest(texts: Sequence[Texts], knowledge: Knowledge) -> tuple[Int64Array, Int64Array]:
    """For each certificate the latest first year of any of its words, and of any of its texts; (n,) each.

    A word of three or more letters, or a text, is unseen by a vocabulary up to an earlier year. What list and
    dictionaries hold was always there.
    """
    encoded = pa.chunked_array([part.lines for part in texts]).dictionary_encode().unify_dictionaries()
    dictionary = encoded.chunk(0).dictionary if encoded.num_chunks else pa.array([], type=pa.large_string())
    chunks = [chunk.indices.to_numpy(zero_copy_only=False).astype(np.int64) for chunk in encoded.chunks]
    lines = np.concatenate([np.zeros(0, dtype=np.int64), *chunks])
    distinct = words.normalise(dictionary).dictionary_encode()
    text = distinct.indices.to_numpy(zero_copy_only=False).astype(np.int64)[lines]
    certificate = np.concatenate(
        [part.certificate_of_line + start for part, start in zip(texts, _starts(texts), strict=True)]
    )
    years = np.concatenate([part.years for part in texts]).astype(np.int64)
    first_text = _first(text, years[certificate], len(distinct.dictionary))
    found, of_text = words.words_of(distinct.dictionary)
    long = np.asarray(pc.match_substring_regex(found, rf"(?:\p{{L}}\p{{M}}*){{{LETTERS}}}"))
    word = found.filter(pa.array(long)).dictionary_encode()
    of_word = np.asarray(of_text).astype(np.int64)[long]
    index = word.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    first_word = _first(index, first_text[of_word], len(word.dictionary))
    known = words.normalise(pa.array(knowledge.terms()[1], type=pa.large_string())).unique()
    first_word[np.asarray(pc.is_in(word.dictionary, value_set=words.words_of(known)[0].unique()))] = ALWAYS
    newest_of_text = np.full(len(distinct.dictionary), ALWAYS)
    np.maximum.at(newest_of_text, of_word, first_word[index])
    empty = pa.array([""], type=pa.large_string())
    first_text[np.asarray(pc.is_in(distinct.dictionary, value_set=pa.concat_arrays([known, empty])))] = ALWAYS
    newest_word, newest_text = (np.full(len(years), ALWAYS) for _ in range(2))
    np.maximum.at(newest_word, certificate, newest_of_text[text])
    np.maximum.at(newest_text, certificate, first_text[text])
    return newest_word, newest_text


def _first(index: Int64Array, years: Int64Array, n: int) -> Int64Array:
    first = np.full(n, NEVER)
    np.minimum.at(first, index, years)
    return first


def _starts(texts: Sequence[Texts]) -> list[int]:
    return list(accumulate((len(part) for part in texts[:-1]), initial=0))


def _codes_of(corpora: Sequence[Corpus], year: int) -> Int64Array:
    """How many certificates of a year have each code; (n_labels,)."""
    total = np.zeros(len(corpora[0].labels), dtype=np.int64)
    for corpus in corpora:
        mine = csr_array(corpus.codes[np.flatnonzero(corpus.texts.years == year)])
        total += np.bincount(mine.indices, minlength=len(total))
    return total


def _sum(one: Int64Array | None, other: Int64Array | None) -> Int64Array | None:
    return None if one is None or other is None else one + other
