"""How well predicted sets of codes meet the true ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.corpus.certificate import BoolArray

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Counts:
    """Codes of each certificate; all that micro-averages and exact match need.

    Attributes
    ----------
    tp : (n,) predicted and true
    fp : (n,) predicted, not true
    fn : (n,) true, not predicted; codes that the model cannot give are among these
    """

    tp: Int64Array
    fp: Int64Array
    fn: Int64Array


def counts(y_true: csr_array, y_pred: csr_array) -> Counts:
    """Count the codes of each certificate.

    Parameters
    ----------
    y_true, y_pred : (n, n_labels)
        Indicator matrices over the same columns; whatever is stored and not zero is set. A code that the model
        cannot give has its column too, in which nothing is ever predicted, so that it counts as missed.
    """
    true, pred = _indicators(y_true), _indicators(y_pred)
    tp = _row_sizes(_intersection(true, pred))
    return Counts(tp=tp, fp=_row_sizes(pred) - tp, fn=_row_sizes(true) - tp)


def micro_f1(counts: Counts) -> float | None:
    """F1 over all (certificate, code) pairs together: 2 tp / (2 tp + fp + fn).

    Returns
    -------
    The score in [0, 1], or None where there is no true and no predicted code at all.
    """
    tp, fp, fn = _totals(counts)
    return _ratio(2 * tp, 2 * tp + fp + fn)


def micro_precision(counts: Counts) -> float | None:
    """Share of the predicted (certificate, code) pairs that are true; None where nothing is predicted."""
    tp, fp, _ = _totals(counts)
    return _ratio(tp, tp + fp)


def micro_recall(counts: Counts) -> float | None:
    """Share of the true (certificate, code) pairs that are predicted; None where no certificate has a code."""
    tp, _, fn = _totals(counts)
    return _ratio(tp, tp + fn)


def macro_f1(y_true: csr_array, y_pred: csr_array) -> float | None:
    """Mean F1 of the codes that occur in this reference; a code that is only predicted has no part in it.

    Parameters
    ----------
    y_true, y_pred : (n, n_labels)
        As for :func:`counts`.

    Returns
    -------
    The score in [0, 1], or None where no certificate has a code.
    """
    true, pred = _indicators(y_true), _indicators(y_pred)
    n_true = _column_sizes(true)
    occurs = n_true > 0
    if not occurs.any():
        return None
    tp = _column_sizes(_intersection(true, pred))[occurs]
    return float(np.mean(2 * tp / (n_true[occurs] + _column_sizes(pred)[occurs])))


def exact(counts: Counts) -> BoolArray:
    """Whether the predicted set equals the true one; an empty set meets an empty set; shape (n,)."""
    right: BoolArray = (counts.fp == 0) & (counts.fn == 0)
    return right


def exact_match(counts: Counts) -> float | None:
    """Share of certificates whose predicted set equals the true one; None without certificates."""
    return _ratio(int(np.count_nonzero(exact(counts))), len(counts.tp))


def _totals(counts: Counts) -> tuple[int, int, int]:
    return int(counts.tp.sum()), int(counts.fp.sum()), int(counts.fn.sum())


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _indicators(matrix: csr_array) -> csr_array:
    """The same matrix in booleans, each entry stored once and none of them False; its input is left as it is."""
    if not matrix.has_canonical_format or not matrix.data.all():
        matrix = matrix.astype(np.bool_)  # a copy; duplicates of booleans add up to True
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
    return csr_array((np.ones(matrix.nnz, np.bool_), matrix.indices, matrix.indptr), shape=matrix.shape)


def _intersection(a: csr_array, b: csr_array) -> Any:  # the stubs of scipy do not know this product's format
    return a.multiply(b)


def _row_sizes(indicators: csr_array) -> Int64Array:
    return np.diff(indicators.indptr).astype(np.int64)


def _column_sizes(indicators: csr_array) -> Int64Array:
    return np.bincount(indicators.indices, minlength=indicators.shape[1]).astype(np.int64)
