"""Evidence that may be looked at after every certificate: is the long-run risk below r, or above it?

Two e-processes over a sequence of audited automatic certificates. Each is a bet against one hypothesis, "the risk is at
least r" or "the risk is at most r". While that hypothesis is true its value is not expected to grow, and it ever reaches
1/α with a probability of at most α (Ville), however often one looks and whenever one stops. An interval at a fixed n has
no such guarantee under repeated looks.

The bet is the likelihood ratio to r, averaged over risks q below r (or above it) by a Beta(1, 1/r − 1) that is cut off
at r: its mean is r, and it weighs as much as the 1/r certificates in which one error is expected. The value depends on
the counts alone, not on the order of the certificates.

References
----------
Ville. Étude critique de la notion de collectif. 1939.
Robbins. Statistical methods related to the law of the iterated logarithm. Annals of Mathematical Statistics 1970.
Ramdas, Grünwald, Vovk, Shafer. Game-theoretic statistics and safe anytime-valid inference. Statistical Science 2023.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincc, betaln

from harness.corpus.certificate import BoolArray, FloatArray, IntArray

Float64Array = npt.NDArray[np.float64]
ALPHA = 0.05
FARTHEST = 10**9  # certificates; what would take more counts as out of reach


@dataclass(frozen=True, slots=True)
class Evidence:
    """Natural logarithms of both e-processes after each certificate; -inf where a value is too small for a float.

    Attributes
    ----------
    kept : (n,) against "the risk is at least r"
    broken : (n,) against "the risk is at most r"
    """

    kept: Float64Array
    broken: Float64Array


@dataclass(frozen=True, slots=True)
class Call:
    """What one e-process says at the end of a sequence.

    Attributes
    ----------
    value : the e-value after the last certificate; 1.0 before the first
    largest : the largest that was reached, 1.0 before the first included
    at : after how many certificates it first reached 1/α; None where it never did
    """

    value: float
    largest: float
    at: int | None


def evidence(errors: BoolArray, risk: float) -> Evidence:
    """Both e-processes along a sequence.

    Parameters
    ----------
    errors : (n,)
        Whether each audited automatic certificate is wrong, in an order that does not depend on its codes.
    risk
        The promised r, within (0, 1).
    """
    wrong = np.cumsum(errors, dtype=np.int64)
    n = np.arange(1, len(wrong) + 1)
    return Evidence(log_kept(wrong, n, risk), log_broken(wrong, n, risk))


def log_kept(wrong: IntArray | FloatArray, n: IntArray | FloatArray, risk: float) -> Float64Array:
    """The logarithm of the evidence against "the risk is at least ``risk``" for ``wrong`` of ``n``; same shape.

    The counts may be fractions: means over many sequences.
    """
    return _log_mixture(wrong, n, risk, betainc)


def log_broken(wrong: IntArray | FloatArray, n: IntArray | FloatArray, risk: float) -> Float64Array:
    """The same against "the risk is at most ``risk``"."""
    return _log_mixture(wrong, n, risk, betaincc)


def call(logs: Float64Array, alpha: float = ALPHA) -> Call:
    """The end, the maximum and the first crossing of one e-process; ``logs`` has shape (n,)."""
    crossed = np.flatnonzero(logs >= -math.log(alpha))
    with np.errstate(over="ignore"):
        value = float(np.exp(logs[-1])) if len(logs) else 1.0
        largest = max(1.0, float(np.exp(np.max(logs)))) if len(logs) else 1.0
    most = float(np.finfo(np.float64).max)
    return Call(min(value, most), min(largest, most), int(crossed[0]) + 1 if len(crossed) else None)


def expected_n(wrong: int, n: int, rate: float, risk: float, alpha: float = ALPHA) -> int | None:
    """At how many certificates one of the two reaches 1/α, if ``rate`` of those after the first ``n`` are wrong.

    It follows the mean sequence; a real one calls earlier or later. Which of the two calls depends on the side of
    ``risk`` that ``rate`` lies on.

    Returns
    -------
    ``n`` itself where it has been reached; None where the rate is ``risk`` itself or so near that a billion
    certificates do not suffice.
    """
    if rate == risk:
        return None
    log_evidence = log_kept if rate < risk else log_broken

    def reached(more: int) -> bool:
        found = log_evidence(np.array([wrong + rate * more]), np.array([n + more]), risk)
        return bool(found[0] >= -math.log(alpha))

    more = fewest(reached, FARTHEST)
    return None if more is None else n + more


def fewest(enough: Callable[[int], bool], most: int) -> int | None:
    """The fewest of 0 … ``most`` that are enough, where more always are; None where even ``most`` are not."""
    if enough(0):
        return 0
    low, high = 0, 1
    while not enough(high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _log_mixture(
    wrong: IntArray | FloatArray,
    n: IntArray | FloatArray,
    risk: float,
    part: Callable[..., Any],  # of a Beta distribution: below r, or above it
) -> Float64Array:
    """∫ q^wrong (1 − q)^right dπ(q) / (r^wrong (1 − r)^right), with the Beta density π cut to one side of r."""
    a, b = 1.0, 1.0 / risk - 1.0
    s = np.asarray(wrong, dtype=np.float64)
    f = np.asarray(n, dtype=np.float64) - s
    own = np.array([a]), np.array([b])
    with np.errstate(divide="ignore"):
        mass = betaln(a + s, b + f) + np.log(part(a + s, b + f, risk))
    prior = betaln(a, b) + math.log(float(part(*own, risk)[0]))
    found: Float64Array = mass - prior - s * math.log(risk) - f * math.log1p(-risk)
    return found
