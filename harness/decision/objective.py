"""What trials are compared by: one score and one global threshold for a model's validation predictions.

The threshold is set here, outside every family, so that none is flattered by many thresholds tuned on the data that
ranks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.corpus.certificate import Corpus, LabelSet
from harness.decision.confidence import PLAIN, Evidence, confidence
from harness.errors import UnknownName
from harness.families.family import Predictions, entries
from harness.metrics import multilabel, selective

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
    found = entries(y_score, kept)
    found.data = np.ones(found.nnz, dtype=np.int8)
    return found


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
    order, ends = _ranked(y_score.data)
    tp = np.cumsum(_hits(aligned)[order])[ends]
    f1 = 2.0 * tp / (ends + 1 + aligned.y_true.nnz)
    best = int(np.argmax(f1))
    return Scored(float(f1[best]), _below(y_score, y_score.data[order[ends[best]]]))


def _macro_f1(aligned: Aligned) -> Scored:
    """From the largest score down, each entry changes the F1 of its own code alone: sum up these changes."""
    y_score, n_labels = aligned.y_score, aligned.y_true.shape[1]
    if not y_score.nnz:
        return Scored(0.0, 1.0)
    by_code = np.lexsort((-y_score.data, y_score.indices))
    code = y_score.indices[by_code]
    first = np.searchsorted(code, np.arange(n_labels))[code]
    hits = np.r_[0, np.cumsum(_hits(aligned)[by_code])]
    n_true = np.bincount(aligned.y_true.indices, minlength=n_labels)[code]
    place = np.arange(y_score.nnz)
    f1 = 2.0 * (hits[1:] - hits[first]) / (n_true + place - first + 1)
    change = f1 - np.where(place == first, 0.0, np.r_[0.0, f1[:-1]])
    order, ends = _ranked(y_score.data[by_code])
    best = ends[np.argmax(np.cumsum(change[order])[ends].round(9))]  # rounding errors must not choose among equals
    threshold = _below(y_score, y_score.data[by_code[order[best]]])
    return Scored(multilabel.macro_f1(aligned.y_true, chosen(y_score, threshold)), threshold)


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
    return Scored(float(exact[best] / n), _below(y_score, candidates[best]))


def _augrc(aligned: Aligned) -> Scored:
    threshold = _exact_match(aligned).threshold
    y_pred = chosen(aligned.y_score, threshold)
    errors = ~multilabel.exact(multilabel.counts(aligned.y_true, y_pred))
    evidence = Evidence(aligned.y_score, threshold)
    areas = [selective.augrc(errors, confidence(name, evidence)) for name in PLAIN]
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


def _ranked(scores: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The order from the largest score down, and in it the last place of each distinct score."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    return order, np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])


def _below(y_score: csr_array, value: float) -> float:
    """Halfway from a value to the next lower score, so that a small shift of the scores changes nothing."""
    lower = y_score.data[y_score.data < value].astype(np.float64)
    return float((np.float64(value) + lower.max(initial=0.0)) / 2)
