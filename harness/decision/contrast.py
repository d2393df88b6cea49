"""The naive threshold: what a promise is set against. It promises nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.corpus.certificate import BoolArray, FloatArray
from harness.decision.promise import number, percent
from harness.metrics.selective import risk_coverage


@dataclass(frozen=True, slots=True)
class NaivePoint:
    """Where the empirical risk on calibration is just kept; later certificates break it about every other time.

    Attributes
    ----------
    threshold : the least confidence of an automatic certificate; None where no threshold keeps the risk
    accepted : certificates whose confidence is at least the threshold
    wrong : wrong ones among these
    coverage : accepted / n; None without certificates
    risk : wrong / accepted; None where none is accepted
    n : certificates
    sentence : the point in words, which say that it is no promise
    """

    threshold: float | None
    accepted: int
    wrong: int
    coverage: float | None
    risk: float | None
    n: int
    sentence: str


def naive(
    errors: BoolArray | FloatArray, confidence: FloatArray, eligible: BoolArray | None, risk: float
) -> NaivePoint:
    """The last threshold whose empirical risk is at most ``risk``.

    Parameters
    ----------
    errors, confidence, eligible : (n,)
        As for :func:`harness.decision.promise.certify`.
    """
    n = len(errors)
    curve = risk_coverage(errors, confidence, eligible)
    keeping = np.flatnonzero(curve.risk <= risk)
    if not len(keeping):
        sentence = f"no promise: no threshold keeps {percent(risk)} on {number(n, 'calibration certificate')}"
        return NaivePoint(None, 0, 0, 0.0 if n else None, None, n, sentence)
    last = keeping[-1]
    accepted, wrong = int(curve.accepted[last]), int(curve.wrong[last])
    sentence = (
        f"no promise: of {number(n, 'calibration certificate')}, the {accepted:,} most confident hold "
        f"{number(wrong, 'wrong one')}, which is {percent(risk)} at most there, and may be more on any others"
    )
    return NaivePoint(float(curve.threshold[last]), accepted, wrong, accepted / n, wrong / accepted, n, sentence)
