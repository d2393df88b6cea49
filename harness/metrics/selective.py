"""What may be coded without a person, and how often that is wrong.

Definitions of record. Certificates are accepted from the most confident on. Equal confidences share one point of every
curve: all of them are accepted or none, so that their order cannot matter. A certificate whose confidence is NaN, or
that a gate stopped, is never accepted, and counts in the coverage like any other. Without certificates every score
is None.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betainccinv, betaincinv

from harness.corpus.certificate import BoolArray, FloatArray

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """A point for each distinct confidence, the highest first.

    Attributes
    ----------
    threshold : (n_points,) the distinct confidences, falling
    coverage : (n_points,) accepted / n, rising
    risk : (n_points,) wrong / accepted
    accepted : (n_points,) certificates whose confidence is at least the threshold
    wrong : (n_points,) wrong certificates among these
    """

    threshold: Float64Array
    coverage: Float64Array
    risk: Float64Array
    accepted: Int64Array
    wrong: Int64Array


@dataclass(frozen=True, slots=True)
class WorkingPoint:
    """Coverage and risk at one threshold; the interval of the risk is exact, two-sided, of 95 %."""

    n: int
    accepted: int
    wrong: int
    coverage: float | None
    risk: float | None
    risk_low: float | None
    risk_high: float | None


def risk_coverage(
    errors: BoolArray | FloatArray, confidence: FloatArray, eligible: BoolArray | None = None
) -> RiskCoverage:
    """The risk-coverage curve.

    Parameters
    ----------
    errors : (n,)
        True or 1.0 where the predicted set of codes differs from the true one.
    confidence : (n,)
        Higher means surer; may be infinite.
    eligible : (n,)
        False where a gate stopped the certificate; None where there is no gate.
    """
    mine = may_be_accepted(confidence, eligible)
    values = np.asarray(confidence, dtype=np.float64)[mine]
    order = np.argsort(-values)
    values = values[order]
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True)) if len(values) else np.empty(0, np.int64)
    wrong = np.cumsum(np.asarray(errors, dtype=np.bool_)[mine][order], dtype=np.int64)[ends]
    accepted = (ends + 1).astype(np.int64)
    return RiskCoverage(
        threshold=values[ends],
        coverage=accepted / max(len(errors), 1),
        risk=wrong / accepted,
        accepted=accepted,
        wrong=wrong,
    )


def aurc(errors: BoolArray | FloatArray, confidence: FloatArray) -> float | None:
    """Area under the risk-coverage curve; lower is better.

    The mean over certificates of the risk at the point of their confidence: each certificate stands for 1/n of the
    coverage, and the curve is a step function of it. Without ties this is the textbook's (1/n) Σ_k (wrong among the
    k most confident) / k. A NaN confidence counts as -inf: the least sure.

    Parameters
    ----------
    errors, confidence : (n,)
        As for :func:`risk_coverage`.

    Returns
    -------
    The area in [0, 1], or None without certificates.

    References
    ----------
    Geifman, Uziel, El-Yaniv. Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers. ICLR 2019.
    """
    if not len(errors):
        return None
    curve = risk_coverage(errors, _whole(confidence))
    return float(np.diff(curve.accepted, prepend=0) @ curve.risk) / len(errors)


def augrc(errors: BoolArray | FloatArray, confidence: FloatArray) -> float | None:
    """Area under the generalised risk-coverage curve; lower is better.

    The generalised risk is the share of all certificates that are wrong and accepted. Its points, from (0, 0) on, are
    joined by straight lines (trapezoids), which is the mean over all orders within ties. Hence exactly, with a = share
    of right ones: augrc = (1 - AUROC) a (1 - a) + (1 - a)² / 2, AUROC being that of the confidence for "is right".
    A NaN confidence counts as -inf: the least sure.

    Parameters
    ----------
    errors, confidence : (n,)
        As for :func:`risk_coverage`.

    Returns
    -------
    The area in [0, 1/2], or None without certificates.

    References
    ----------
    Traub et al. Overcoming Common Flaws in the Evaluation of Selective Classification Systems. NeurIPS 2024.
    """
    if not len(errors):
        return None
    curve = risk_coverage(errors, _whole(confidence))
    sides = curve.wrong + np.append(0, curve.wrong[:-1])
    return int(np.diff(curve.accepted, prepend=0) @ sides) / (2 * len(errors) ** 2)


def oracle_coverage(
    errors: BoolArray | FloatArray, confidence: FloatArray, risk: float, eligible: BoolArray | None = None
) -> float | None:
    """The largest coverage over all thresholds, in hindsight, at which the empirical risk is at most ``risk``.

    Parameters
    ----------
    errors, confidence, eligible : (n,)
        As for :func:`risk_coverage`.

    Returns
    -------
    The coverage in [0, 1], 0.0 where no threshold passes, or None without certificates.
    """
    if not len(errors):
        return None
    curve = risk_coverage(errors, confidence, eligible)
    return float(np.max(curve.coverage[curve.risk <= risk], initial=0.0))


def working_point(
    errors: BoolArray | FloatArray, confidence: FloatArray, threshold: float, eligible: BoolArray | None = None
) -> WorkingPoint:
    """Coverage and risk where all are accepted whose confidence is at least ``threshold``.

    Parameters
    ----------
    errors, confidence, eligible : (n,)
        As for :func:`risk_coverage`.

    Returns
    -------
    The point; its coverage is None without certificates, its risk and interval where none is accepted.
    """
    covered = may_be_accepted(confidence, eligible) & (np.asarray(confidence, dtype=np.float64) >= threshold)
    return accepted_point(errors, covered)


def accepted_point(errors: BoolArray | FloatArray, covered: BoolArray) -> WorkingPoint:
    """Coverage and risk where those are accepted that ``covered``, (n,), says."""
    n = len(errors)
    accepted = int(np.count_nonzero(covered))
    wrong = int(np.count_nonzero(np.asarray(errors, dtype=np.bool_)[covered]))
    low, high = exact_interval(wrong, accepted) or (None, None)
    return WorkingPoint(
        n=n,
        accepted=accepted,
        wrong=wrong,
        coverage=accepted / n if n else None,
        risk=wrong / accepted if accepted else None,
        risk_low=low,
        risk_high=high,
    )


def exact_interval(wrong: float, n: float, confidence: float = 0.95) -> tuple[float, float] | None:
    """The exact two-sided interval of a share: ``wrong`` of ``n``, whole or effective numbers; None where ``n`` is 0.

    References
    ----------
    Clopper, Pearson. The use of confidence or fiducial limits illustrated in the case of the binomial. Biometrika 1934.
    """
    if not n:
        return None
    tail = (1.0 - confidence) / 2
    low = float(betaincinv(wrong, n - wrong + 1, tail)) if wrong else 0.0
    high = float(betainccinv(wrong + 1, n - wrong, tail)) if wrong < n else 1.0
    return low, high


def may_be_accepted(confidence: FloatArray, eligible: BoolArray | None) -> BoolArray:
    """Whether any threshold accepts the certificate: no gate stopped it, its confidence is no NaN; shape (n,)."""
    known: BoolArray = ~np.isnan(np.asarray(confidence, dtype=np.float64))
    return known if eligible is None else known & np.asarray(eligible, dtype=np.bool_)


def _whole(confidence: FloatArray) -> Float64Array:
    values = np.asarray(confidence, dtype=np.float64)
    return np.where(np.isnan(values), -np.inf, values)
