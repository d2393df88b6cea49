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
    """(certificate, code) pairs, counted for each certificate or for each code; n is the number of these.

    Attributes
    ----------
    tp : (n,) predicted and true
    fp : (n,) predicted, not true
    fn : (n,) true, not predicted; codes that the model cannot give are among these
    """

    tp: Int64Array
    fp: Int64Array
    fn: Int64Array

    def of(self, chosen: BoolArray) -> Counts:
        """Those of some certificates or codes alone; ``chosen`` is (n,)."""
        return Counts(self.tp[chosen], self.fp[chosen], self.fn[chosen])


@dataclass(frozen=True, slots=True)
class Tally:
    """The same pairs counted both ways.

    Attributes
    ----------
    certificates : counts of shape (n,)
    codes : counts of shape (n_labels,)
    """

    certificates: Counts
    codes: Counts


def tally(y_true: csr_array, y_pred: csr_array) -> Tally:
    """Count the codes of each certificate, and the certificates of each code; matrices as for :func:`counts`."""
    true, pred = indicators(y_true), indicators(y_pred)
    both = _intersection(true, pred)
    rows, columns = _row_sizes(both), _column_sizes(both)
    return Tally(
        Counts(tp=rows, fp=_row_sizes(pred) - rows, fn=_row_sizes(true) - rows),
        Counts(tp=columns, fp=_column_sizes(pred) - columns, fn=_column_sizes(true) - columns),
    )


def counts(y_true: csr_array, y_pred: csr_array) -> Counts:
    """Count the codes of each certificate.

    Parameters
    ----------
    y_true, y_pred : (n, n_labels)
        Indicator matrices over the same columns; whatever is stored and not zero is set. A code that the model
        cannot give has its column too, in which nothing is ever predicted, so that it counts as missed.
    """
    true, pred = indicators(y_true), indicators(y_pred)
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
    return mean_f1(tally(y_true, y_pred).codes)


def mean_f1(codes: Counts) -> float | None:
    """Macro-F1 from the counts of each code, as :func:`macro_f1` defines it."""
    seen = codes.of(codes.tp + codes.fn > 0)
    return float(np.mean(_f1(seen))) if len(seen.tp) else None


def samples_f1(certificates: Counts) -> float | None:
    """Mean F1 of the certificates: each one's 2 tp / (2 tp + fp + fn).

    An empty reference met by an empty prediction is right and has an F1 of 1 (``zero_division=1`` of scikit-learn, whose
    default would call it 0); one of the two alone empty has 0.

    Returns
    -------
    The score in [0, 1], or None without certificates.

    References
    ----------
    Godbole, Sarawagi. Discriminative Methods for Multi-labeled Classification. PAKDD 2004.
    """
    return float(np.mean(_f1(certificates))) if len(certificates.tp) else None


def hamming_loss(certificates: Counts, n_labels: int) -> float | None:
    """Share of all n × n_labels pairs on which prediction and reference differ; lower is better.

    It is small wherever there are many codes: compare it between rows over the same codes alone.

    Parameters
    ----------
    n_labels : how many codes there are, those of the reference and of the model together

    Returns
    -------
    The loss in [0, 1], or None without certificates or codes.

    References
    ----------
    Schapire, Singer. Improved Boosting Algorithms Using Confidence-rated Predictions. Machine Learning 1999.
    """
    _, fp, fn = _totals(certificates)
    return _ratio(fp + fn, len(certificates.tp) * n_labels)


def exact(counts: Counts) -> BoolArray:
    """Whether the predicted set equals the true one; an empty set meets an empty set; shape (n,)."""
    right: BoolArray = (counts.fp == 0) & (counts.fn == 0)
    return right


def exact_match(counts: Counts) -> float | None:
    """Share of certificates whose predicted set equals the true one; None without certificates."""
    return _ratio(int(np.count_nonzero(exact(counts))), len(counts.tp))


def _totals(counts: Counts) -> tuple[int, int, int]:
    return int(counts.tp.sum()), int(counts.fp.sum()), int(counts.fn.sum())


def _f1(counts: Counts) -> npt.NDArray[np.float64]:
    """F1 of each certificate or code; 1 where there is neither a true nor a predicted one."""
    twice = 2.0 * counts.tp
    whole = twice + counts.fp + counts.fn
    f1: npt.NDArray[np.float64] = np.divide(twice, whole, out=np.ones(len(twice)), where=whole > 0)
    return f1


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def indicators(matrix: csr_array) -> csr_array:
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
