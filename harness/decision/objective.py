"""What trials are compared by: one score and one global threshold for a model's validation predictions.

The threshold is set here, outside every family, so that none is flattered by many thresholds tuned on the data that
ranks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.corpus.certificate import Corpus, LabelSet
from harness.decision.confidence import ESTIMATORS, confidence
from harness.errors import UnknownName
from harness.families.family import Predictions
from harness.metrics import multilabel, selective

GRID = 100
NO_CODES = "the reference has no code"


@dataclass(frozen=True, slots=True)
class Scored:
    """A score (larger is better), None with a reason where it is undefined, and the threshold that reaches it."""

    score: float | None
    threshold: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Aligned:
    """Reference and scores over one label set: the corpus' codes and the model's; each (n, n_labels)."""

    labels: LabelSet
    y_true: csr_array
    y_score: csr_array


def align(reference: Corpus, predictions: Predictions) -> Aligned:
    """Codes that the model cannot give become columns without scores, so that they count as misses."""
    labels = LabelSet(tuple(sorted({*reference.labels.codes, *predictions.labels.codes})))
    return Aligned(labels, Predictions(reference.labels, reference.codes).over(labels), predictions.over(labels))


def chosen(y_score: csr_array, threshold: float) -> csr_array:
    """The indicator matrix of scores from the threshold on; (n, n_labels)."""
    kept = y_score.data.astype(np.float64) >= threshold
    first = np.r_[0, np.cumsum(kept)][y_score.indptr]
    return csr_array((np.ones(int(kept.sum()), dtype=np.int8), y_score.indices[kept], first), shape=y_score.shape)


def objective(name: str, reference: Corpus, predictions: Predictions) -> Scored:
    """Score predictions by ``micro_f1``, ``macro_f1``, ``exact_match`` or ``augrc`` (negative: less area is better)."""
    if name not in OBJECTIVES:
        raise UnknownName(f"search.objective must be one of {', '.join(OBJECTIVES)}, but got {name!r}")
    aligned = align(reference, predictions)
    if not aligned.y_true.nnz:
        return Scored(None, 1.0, NO_CODES)
    return OBJECTIVES[name](aligned)


def _micro_f1(aligned: Aligned) -> Scored:
    y_score = aligned.y_score
    if not y_score.nnz:
        return Scored(0.0, 1.0)
    hits = _hits(aligned)
    order = np.argsort(-y_score.data, kind="stable")
    ranked = y_score.data[order].astype(np.float64)
    ends = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    tp = np.cumsum(hits[order])[ends]
    f1 = 2.0 * tp / (ends + 1 + aligned.y_true.nnz)
    best = int(np.argmax(f1))
    return Scored(float(f1[best]), _between(ranked[ends], best))


def _macro_f1(aligned: Aligned) -> Scored:
    best = Scored(0.0, 1.0)
    for threshold in _grid(aligned.y_score):
        score = multilabel.macro_f1(aligned.y_true, chosen(aligned.y_score, threshold))
        if score is not None and best.score is not None and score > best.score:
            best = Scored(score, threshold)
    return best


def _exact_match(aligned: Aligned) -> Scored:
    """Certificate i is exact for thresholds in (its best wrong score, its worst right score]: count the open intervals."""
    y_score, n = aligned.y_score, aligned.y_true.shape[0]
    hits = _hits(aligned).astype(bool)
    row = np.repeat(np.arange(n), np.diff(y_score.indptr))
    data = y_score.data.astype(np.float64)
    low, high = np.zeros(n), np.full(n, 2.0)
    np.maximum.at(low, row[~hits], data[~hits])
    np.minimum.at(high, row[hits], data[hits])
    high[np.bincount(row[hits], minlength=n) < np.diff(aligned.y_true.indptr)] = 0.0  # a true code without any score
    possible = low < high
    low, high = np.sort(low[possible]), np.sort(high[possible])
    if not len(high):
        return Scored(0.0, 1.0)
    candidates = np.unique(np.minimum(high, 1.0))[::-1]
    exact = np.searchsorted(low, candidates, side="left") - np.searchsorted(high, candidates, side="left")
    best = int(np.argmax(exact))
    below = low[np.searchsorted(low, candidates[best], side="left") - 1]
    other = high[np.searchsorted(high, candidates[best], side="left") - 1] if high[0] < candidates[best] else 0.0
    return Scored(float(exact[best] / n), float((candidates[best] + max(below, other)) / 2))


def _augrc(aligned: Aligned) -> Scored:
    threshold = _exact_match(aligned).threshold
    y_pred = chosen(aligned.y_score, threshold)
    errors = ~multilabel.exact(multilabel.counts(aligned.y_true, y_pred))
    areas = [selective.augrc(errors, confidence(name, aligned.y_score, threshold)) for name in ESTIMATORS]
    return Scored(-min(area for area in areas if area is not None), threshold)


OBJECTIVES: Mapping[str, Callable[[Aligned], Scored]] = {
    "micro_f1": _micro_f1,
    "macro_f1": _macro_f1,
    "exact_match": _exact_match,
    "augrc": _augrc,
}


def _hits(aligned: Aligned) -> npt.NDArray[np.int64]:
    """For each stored score whether the code is right; (nnz,)."""
    n_labels = aligned.y_true.shape[1]
    true, scored = aligned.y_true, aligned.y_score
    keys = np.repeat(np.arange(true.shape[0]), np.diff(true.indptr)) * n_labels + true.indices
    asked = np.repeat(np.arange(scored.shape[0]), np.diff(scored.indptr)) * n_labels + scored.indices
    hits: npt.NDArray[np.int64] = np.isin(asked, keys).astype(np.int64)
    return hits


def _between(values: npt.NDArray[np.float64], best: int) -> float:
    """Halfway to the next lower score, so that a small shift of the scores changes nothing."""
    return float((values[best] + values[best + 1]) / 2 if best + 1 < len(values) else values[best])


def _grid(y_score: csr_array) -> npt.NDArray[np.float64]:
    values = y_score.data[y_score.data >= 1e-2].astype(np.float64)
    if not len(values):
        values = y_score.data.astype(np.float64)
    return np.unique(np.quantile(values, np.linspace(0.0, 1.0, GRID))) if len(values) else np.ones(1)
