"""Whether a confidence means what it says: that the predicted set of codes is right with this probability.

Definitions of record. The confidence is one probability a certificate, of the event that the whole predicted set of
codes equals the true one (no code too many, none missing), not of single codes. A NaN counts as 0: the least sure.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.corpus.certificate import BoolArray, FloatArray

Float64Array = npt.NDArray[np.float64]
BINS = 15


def brier(right: BoolArray, probability: FloatArray) -> float | None:
    """Mean squared difference of the probability and what came (1 right, 0 wrong); lower is better.

    Parameters
    ----------
    right : (n,) whether the predicted set equals the true one
    probability : (n,) in [0, 1]

    Returns
    -------
    The score in [0, 1], or None without certificates.

    References
    ----------
    Brier. Verification of forecasts expressed in terms of probability. Monthly Weather Review 78(1), 1950.
    """
    if not len(right):
        return None
    return float(np.mean(np.square(_known(probability) - right)))


def expected_calibration_error(right: BoolArray, probability: FloatArray, bins: int = BINS) -> float | None:
    """Mean over bins, by size, of |mean probability - share right|; lower is better.

    The bins hold equally many certificates, from the least to the most sure, because confidences crowd at both ends,
    where bins of equal width would see nothing of what matters for automation. Equal probabilities stay together, in the
    bin where the first of them falls, so that their order cannot matter. With few certificates a bin the error is too
    high by chance alone: compare it between slices of like size.

    Parameters
    ----------
    right, probability : (n,)
        As for :func:`brier`.

    Returns
    -------
    The error in [0, 1], or None without certificates.

    References
    ----------
    Naeini, Cooper, Hauskrecht. Obtaining Well Calibrated Probabilities Using Bayesian Binning. AAAI 2015;
    of equal mass: Nguyen, O'Connor. Posterior calibration and exploratory analysis for NLP models. EMNLP 2015.
    """
    n = len(right)
    if not n:
        return None
    known = _known(probability)
    order = np.argsort(known, kind="stable")
    values, came = known[order], np.asarray(right, dtype=np.float64)[order]
    place = np.searchsorted(values, values) * bins // n
    return float(np.abs(np.bincount(place, weights=values - came)).sum() / n)


def _known(probability: FloatArray) -> Float64Array:
    return np.nan_to_num(np.asarray(probability, dtype=np.float64), nan=0.0)
