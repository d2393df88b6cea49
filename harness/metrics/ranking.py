"""How well scores rank the true codes, whatever the threshold.

Definitions of record. An entry that is not stored has the score 0, below every stored one; scores are
compared in single precision, in which models give them. Ties share one place, so that
their order cannot matter. Nothing here is dense: rows are ranked in blocks, in time and memory of what is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.corpus.certificate import BoolArray
from harness.metrics.multilabel import indicators

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

ENTRIES = 500_000  # about how many scores are ranked at once
PLACES = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class Ranking:
    """All that ranking says of some certificates; each None where it is undefined.

    Attributes
    ----------
    average_precision : see :func:`average_precision`
    lrap : see :func:`label_ranking_average_precision`
    precision_at : for each k, see :func:`precision_at`
    """

    average_precision: float | None
    lrap: float | None
    precision_at: dict[int, float | None]


def ranking(y_true: csr_array, y_score: csr_array, at: tuple[int, ...] = PLACES) -> Ranking:
    """All measures in one pass over the scores; matrices as for :func:`average_precision`."""
    n, n_labels = y_true.shape
    places = [place for place in at if place <= n_labels]
    shares, right, hits, coded = 0.0, np.zeros(len(places)), [], 0
    for block in _blocks(y_true, y_score):
        shares += float(block.shares().sum())
        right += [float(block.right(place).sum()) for place in places]
        hits.append(block.score[block.hit])
        coded += int(np.count_nonzero(block.n_true))
    precision = dict.fromkeys(at) | {
        place: value / (place * coded) if coded else None for place, value in zip(places, right.tolist(), strict=True)
    }
    return Ranking(
        average_precision=_average_precision(hits, y_score, indicators(y_true).nnz),
        lrap=shares / n if n else None,
        precision_at=precision,
    )


def average_precision(y_true: csr_array, y_score: csr_array) -> float | None:
    """Micro-averaged average precision: Σ (R_k - R_{k-1}) P_k over the distinct scores of all pairs, highest first.

    True pairs without a score are found last, at the precision of calling every code of every certificate.

    Parameters
    ----------
    y_true : (n, n_labels)
        Indicator matrix; whatever is stored and not zero is set.
    y_score : (n, n_labels)
        Scores ≥ 0 over the same columns.

    Returns
    -------
    The score in [0, 1], or None where no certificate has a code (scikit-learn warns, and says 0).

    References
    ----------
    ``sklearn.metrics.average_precision_score`` with ``average="micro"``; not interpolated.
    """
    return ranking(y_true, y_score).average_precision


def label_ranking_average_precision(y_true: csr_array, y_score: csr_array) -> float | None:
    """LRAP: the mean over certificates, and over each one's true codes, of true codes / all codes ranked as high.

    Parameters
    ----------
    y_true, y_score : (n, n_labels)
        As for :func:`average_precision`.

    Returns
    -------
    The score in (0, 1], or None without certificates. A certificate without a code counts 1, as in scikit-learn.

    References
    ----------
    Tsoumakas, Katakis, Vlahavas. Mining Multi-label Data. 2010, section 4.2;
    ``sklearn.metrics.label_ranking_average_precision_score``.
    """
    return ranking(y_true, y_score).lrap


def precision_at(y_true: csr_array, y_score: csr_array, place: int) -> float | None:
    """Precision at k: the share of true codes among a certificate's k highest scores, on the mean.

    The mean is over certificates with at least one code: no ranking of the others can be right. Of codes that tie for the
    last places each counts by its chance to be among them, in a random order. The divisor is k even where a
    certificate has fewer true codes, so that 1 may be out of reach.

    Parameters
    ----------
    y_true, y_score : (n, n_labels)
        As for :func:`average_precision`.
    place : k, at least 1

    Returns
    -------
    The score in [0, 1], or None where no certificate has a code or there are fewer than k codes.

    References
    ----------
    Mullenbach et al. Explainable Prediction of Medical Codes from Clinical Text. NAACL 2018.
    """
    return ranking(y_true, y_score, (place,)).precision_at[place]


@dataclass(frozen=True, slots=True)
class _Block:
    """Some certificates' scores above 0, ranked: certificate by certificate, the highest first.

    Attributes
    ----------
    n_labels : how many codes there are
    n_true : (n,) true codes of each certificate
    first : (n + 1,) certificate ``i`` has the entries ``first[i]`` up to ``first[i + 1]``
    row : (n_entries,) the certificate of each entry
    score : (n_entries,)
    hit : (n_entries,) whether the code is true
    group : (n_entries,) the place at which its ties begin
    stop : (n_entries,) the place after their last
    """

    n_labels: int
    n_true: Int64Array
    first: Int64Array
    row: Int64Array
    score: npt.NDArray[np.float32]
    hit: BoolArray
    group: Int64Array
    stop: Int64Array

    def shares(self) -> Float64Array:
        """The mean of true / all codes ranked as high, over each certificate's true codes; 1 where it has none; (n,)."""
        row, stop, n_true = self.row[self.hit], self.stop[self.hit], self.n_true
        found = np.r_[0, np.cumsum(self.hit)]
        rank, as_high = stop - self.first[row], found[stop] - found[self.first[row]]
        total = self._sums(row, as_high / rank)
        # A true code without a score has the rank n_labels, and all true codes rank as high.
        total += self._missed() * n_true / max(self.n_labels, 1)
        return np.asarray(np.divide(total, n_true, out=np.ones(len(n_true)), where=n_true > 0), dtype=np.float64)

    def right(self, place: int) -> Float64Array:
        """The expected number of true codes among the ``place`` highest scores, ties in random order; (n,)."""
        row, group, stop = self.row[self.hit], self.group[self.hit], self.stop[self.hit]
        chance = np.clip((place - (group - self.first[row])) / (stop - group), 0.0, 1.0)
        scored = np.diff(self.first)
        free, others = np.maximum(place - scored, 0), self.n_labels - scored
        drawn = np.divide(self._missed() * free, others, out=np.zeros(len(scored)), where=others > 0)
        return np.asarray(self._sums(row, chance) + drawn, dtype=np.float64)

    def _sums(self, row: Int64Array, values: Float64Array) -> Float64Array:
        return np.asarray(np.bincount(row, weights=values, minlength=len(self.n_true)), dtype=np.float64)

    def _missed(self) -> Int64Array:
        """How many true codes of each certificate have no score; (n,)."""
        return self.n_true - np.bincount(self.row[self.hit], minlength=len(self.n_true))


def _blocks(y_true: csr_array, y_score: csr_array) -> Iterator[_Block]:
    """Consecutive certificates, about ``ENTRIES`` scores at a time."""
    true, scores = indicators(y_true), _scores(y_score)
    n, start = true.shape[0], 0
    while start < n:
        stop = max(
            start + 1, int(np.searchsorted(scores.indptr, int(scores.indptr[start]) + ENTRIES, side="right")) - 1
        )
        yield _ranked(true[start:stop], scores[start:stop])
        start = stop


def _ranked(true: csr_array, scores: csr_array) -> _Block:
    n, n_labels = true.shape
    first = scores.indptr.astype(np.int64)
    row = np.repeat(np.arange(n), np.diff(first))
    # One number an entry, so that it takes a plain sort and no order: certificate, score from above, and whether it is true.
    # Single precision above 0 has the order of its own bits.
    bits = scores.data.view(np.uint32).astype(np.int64)
    key = np.sort(row << 33 | (2**32 - 1 - bits) << 1 | _hits(true, scores, row))
    place, nnz = key >> 1, len(key)
    starts = np.ones(nnz, np.bool_)
    starts[1:] = place[1:] != place[:-1]
    begins = np.flatnonzero(starts)
    lengths = np.diff(np.r_[begins, nnz])
    return _Block(
        n_labels=n_labels,
        n_true=np.diff(true.indptr).astype(np.int64),
        first=first,
        row=row,
        score=(2**32 - 1 - (place & (2**32 - 1))).astype(np.uint32).view(np.float32),
        hit=(key & 1).astype(np.bool_),
        group=np.repeat(begins, lengths),
        stop=np.repeat(begins + lengths, lengths),
    )


def _hits(true: csr_array, scores: csr_array, row: Int64Array) -> BoolArray:
    """Whether the code of each score is true; (nnz,). Both matrices have their columns in order."""
    n, n_labels = true.shape
    keys = np.repeat(np.arange(n), np.diff(true.indptr)) * n_labels + true.indices
    asked = row * n_labels + scores.indices
    place = np.searchsorted(keys, asked)
    hits: BoolArray = np.append(keys, -1)[place] == asked
    return hits


def _average_precision(hits: list[npt.NDArray[np.float32]], y_score: csr_array, n_true: int) -> float | None:
    """From the scores of the true pairs that have one; the other true pairs are found with all n × n_labels pairs."""
    if not n_true:
        return None
    scores = np.sort(y_score.data.astype(np.float32, copy=False))
    # Only the scores of true pairs change the recall: it takes one sort of all scores, and no order of them.
    score, often = np.unique(np.concatenate(hits), return_counts=True)
    found = np.cumsum(often[::-1])[::-1]
    called = len(scores) - np.searchsorted(scores, score)
    area = float(np.sum(often * (found / called)))
    missed = n_true - int(often.sum())
    area += missed * n_true / (y_score.shape[0] * y_score.shape[1])
    return area / n_true


def _scores(matrix: csr_array) -> csr_array:
    """The same scores in single precision, none of them 0, columns in order; its input is left as it is."""
    matrix = matrix.astype(np.float32, copy=False)
    if matrix.has_sorted_indices and matrix.data.all():
        return matrix
    matrix = matrix.copy()
    matrix.sort_indices()
    matrix.eliminate_zeros()
    return matrix
