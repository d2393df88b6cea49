"""Exact binomial tails: how many accepted certificates a promise takes, and how many of them may be wrong.

Where certificates err together (the same certifier, the same office), N of them tell no more than N/D independent ones,
D being the design effect. Then N/D and K/D take the places of N and K in the tail, which an incomplete beta function
continues to real numbers. That is an approximation, and made one-sided: a p-value is never below that of D = 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincc

from harness.metrics.selective import Float64Array

START = 0.7  # of the certificates that validation lets us expect: where the sequence starts at the latest
ENOUGH = 2**40  # more certificates than there will ever be


def tails(wrong: ArrayLike, accepted: ArrayLike, risk: float, design_effect: float = 1.0) -> Float64Array:
    """P(Bin(accepted, risk) ≤ wrong), element by element: the p-values of "the risk exceeds ``risk``"."""
    k, n = np.asarray(wrong, dtype=np.float64), np.asarray(accepted, dtype=np.float64)
    right = np.maximum(n - k, 0.0)
    p_values: Any = np.where(right > 0, betaincc(k + 1, right, risk), 1.0)
    if design_effect > 1:
        shrunk = betaincc(k / design_effect + 1, right / design_effect, risk)
        p_values = np.where(right > 0, np.maximum(p_values, shrunk), 1.0)
    return np.asarray(p_values, dtype=np.float64)


def tail(wrong: float, accepted: float, risk: float, design_effect: float = 1.0) -> float:
    """One p-value of :func:`tails`; apart, as searches for a count ask for many, one after the other."""
    right = accepted - wrong
    if right <= 0:
        return 1.0
    p_value = float(betaincc(wrong + 1, right, risk))
    if design_effect <= 1:
        return p_value
    return max(p_value, float(betaincc(wrong / design_effect + 1, right / design_effect, risk)))


def most_wrong(accepted: int, risk: float, delta: float, design_effect: float = 1.0) -> int:
    """The most wrong ones among ``accepted`` that still pass a test at ``delta``; -1 where even none fails."""
    low, high = -1, accepted  # low passes, high does not
    while high - low > 1:
        middle = (low + high) // 2
        if tail(middle, accepted, risk, design_effect) <= delta:
            low = middle
        else:
            high = middle
    return low


def fewest_accepted(errors_allowed: int, risk: float, delta: float, design_effect: float = 1.0) -> int:
    """The fewest accepted certificates that pass a test at ``delta`` with ``errors_allowed`` wrong ones among them."""
    low, high = errors_allowed, 2 * errors_allowed + 1  # low does not pass
    while tail(errors_allowed, high, risk, design_effect) > delta:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if tail(errors_allowed, middle, risk, design_effect) <= delta:
            high = middle
        else:
            low = middle
    return high


def start(expected_accepted: float, risk: float, delta: float, design_effect: float = 1.0) -> tuple[int, int]:
    """Where the sequence starts: a count of accepted certificates, and the wrong ones allowed among them.

    Starting at the fewest accepted of all is fragile: one early error would end the sequence. So as many errors are
    allowed as have their fewest count at no more than 0.7 of what is expected, and none where no count is.

    Parameters
    ----------
    expected_accepted
        What validation lets us expect: its coverage, in hindsight, at the risk to be promised, times n of calibration.
    """
    latest = math.floor(START * expected_accepted + 1e-9)  # rounding must not lose a whole certificate
    allowed = max(most_wrong(latest, risk, delta, design_effect), 0)
    return fewest_accepted(allowed, risk, delta, design_effect), allowed


def accepted_needed(true_risk: float, risk: float, delta: float, design_effect: float = 1.0) -> int | None:
    """The fewest accepted that pass a test at ``delta`` where just ``true_risk`` of them are wrong.

    Chance gives more wrong ones than that about as often as fewer: with this number a promise is made about every
    other time.

    Returns
    -------
    The count, or None where no number is enough: the true risk is not below the one to be promised.
    """
    if true_risk >= risk:
        return None
    low, high = 0, 1  # low does not pass
    while tail(true_risk * high, high, risk, design_effect) > delta:
        if high > ENOUGH:
            return None
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if tail(true_risk * middle, middle, risk, design_effect) <= delta:
            high = middle
        else:
            low = middle
    return high
