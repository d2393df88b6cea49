"""How a unit's confidence is read is chosen on validation, by the area under generalised risk and coverage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.corpus.certificate import BoolArray, FloatArray, IntArray, LabelSet
from harness.decision.confidence import ESTIMATORS, LEARNT, Learnt, offered
from harness.decision.confidence import confidence as read_confidence
from harness.decision.confidence.evidence import Evidence
from harness.decision.recalibration import RECALIBRATIONS, Recalibration
from harness.decision.rule import UnitRule
from harness.files import Row
from harness.metrics import selective

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """How confidence is read, and what that was chosen by.

    Attributes
    ----------
    unit : without a promise yet
    confidence : (n,) of the validation units, each from fits without its own fold
    areas : a row for each way of reading it: estimator, recalibration, and the area under generalised risk and coverage
    """

    unit: UnitRule
    confidence: npt.NDArray[np.float64]
    areas: list[Row]

    def kept(self, eligible: BoolArray) -> npt.NDArray[np.float64]:
        """The confidence, and −∞ where a gate stopped the unit or nothing is known; (n,)."""
        return np.where(eligible & ~np.isnan(self.confidence), self.confidence, -np.inf)


def choose(
    evidence: Evidence,
    hits: BoolArray,
    errors: BoolArray,
    eligible: BoolArray,
    groups: IntArray,
    *,
    learnt: bool,
    seed: int,
    asked: Sequence[str] = (),
) -> Choice:
    """The estimator and recalibration of least area.

    Whatever is fitted is fitted without the fold that it is judged on, and at last on all units. A unit that a gate
    stopped counts as the least sure: no estimator gains by telling those apart. Of equal areas the first listed counts.

    Parameters
    ----------
    hits : (nnz of the evidence's scores,) whether each scored code is right
    errors : (n,) where the set of codes is wrong
    eligible : (n,) False where a gate stopped the unit
    groups : (n,) the certificate of each unit: a certificate's lines share a fold
    learnt : whether a learned score may be chosen
    asked : the estimators among which is chosen; all that the evidence offers where none of these is offered
    """
    fold = folds_of(groups, seed)
    rows: list[Row] = []
    best: tuple[float, UnitRule, npt.NDArray[np.float64]] | None = None

    def judged(unit: UnitRule, sure: FloatArray) -> None:
        nonlocal best
        kept = np.where(eligible, sure, -np.inf)
        area = selective.augrc(errors, kept)
        rows.append({"estimator": unit.estimator, "recalibration": unit.recalibration.kind, "augrc": area})
        if best is None or (area is not None and area < best[0]):
            best = (np.inf if area is None else area, unit, np.asarray(sure, dtype=np.float64))

    recalibrations = [_fitted(evidence, hits, fold, fit) for fit in RECALIBRATIONS.values()]
    has = offered(evidence)
    for name in [name for name in has if name in asked] or has:
        judged(UnitRule(name), read_confidence(name, evidence))
        if ESTIMATORS[name].recalibrated:
            for of_folds, of_all in recalibrations:
                judged(UnitRule(name, of_all), _recalibrated(name, evidence, fold, of_folds))
    if learnt:
        sure = np.zeros(len(errors))
        for rows_in, rows_out in _parts(fold):
            rows_in = rows_in[eligible[rows_in]]
            fitted = Learnt.fit(evidence.take(rows_in), ~errors[rows_in], seed)
            sure[rows_out] = read_confidence(LEARNT, evidence.take(rows_out), fitted)
        passed = np.flatnonzero(eligible)
        judged(UnitRule(LEARNT, learnt=Learnt.fit(evidence.take(passed), ~errors[passed], seed)), sure)
    assert best is not None  # noqa: S101  (some estimators need scores alone)
    return Choice(best[1], best[2], rows)


def hits(labels: LabelSet, y_score: csr_array, true_labels: LabelSet, y_true: csr_array) -> BoolArray:
    """For each stored score whether its code is right; (nnz,).

    Parameters
    ----------
    y_score : (n, n_labels) of ``labels``
    y_true : (n, n_true_labels) of ``true_labels``
    """
    column = labels.columns_in(true_labels)[y_score.indices]
    n, n_labels = y_score.shape[0], len(true_labels)
    asked = np.repeat(np.arange(n), np.diff(y_score.indptr)) * n_labels + column
    true = np.repeat(np.arange(n), np.diff(y_true.indptr)) * n_labels + y_true.indices
    found: BoolArray = np.isin(asked, true) & (column >= 0)
    return found


def folds_of(groups: IntArray, seed: int) -> IntArray:
    """In which of some parts of nearly equal size each unit lies; units of one group share one; (n,)."""
    n = int(groups.max(initial=-1)) + 1
    of_group: IntArray = np.random.default_rng(seed).permutation(np.arange(n) % FOLDS)
    found: IntArray = of_group[groups]
    return found


def _fitted(
    evidence: Evidence, hits: BoolArray, fold: IntArray, fit: Callable[[FloatArray, BoolArray], Recalibration]
) -> tuple[list[Recalibration], Recalibration]:
    """A recalibration without each fold, and one from all."""
    scores, of_entry = evidence.scores.data, np.repeat(fold, np.diff(evidence.scores.indptr))
    others = [of_entry != number for number in range(FOLDS)]
    return [fit(scores[mine], hits[mine]) for mine in others], fit(scores, hits)


def _recalibrated(
    name: str, evidence: Evidence, fold: IntArray, of_folds: Sequence[Recalibration]
) -> npt.NDArray[np.float64]:
    """A confidence whose probabilities were recalibrated without the unit's own fold; (n,)."""
    sure = np.zeros(len(fold))
    for recalibration, (_, rows_out) in zip(of_folds, _parts(fold), strict=True):
        sure[rows_out] = read_confidence(name, replace(evidence.take(rows_out), recalibration=recalibration))
    return sure


def _parts(fold: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
    """For each fold the units outside it and those within."""
    for number in range(FOLDS):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)
