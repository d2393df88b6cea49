"""The promise: how much may be coded without a person, and at most how wrong it is in the long run.

With probability at least ``confidence_level`` over the draw of the calibration certificates, the long-run share of
wrong ones among the automatic certificates is at most ``risk``, for all candidates together, if later certificates are
drawn, and coded, as calibration's were.

A fixed sequence of hypotheses "the risk at this threshold exceeds r" is tested from the most confident certificates on,
each at δ/M for M candidates, with the exact binomial tail p = P(Bin(N, r) ≤ K) of K wrong ones among N accepted. The
first that cannot be refuted ends it; the last that was refuted is the promise. The thresholds are order statistics of
the eligible confidences, ties whole. Where the sequence starts is fixed before the codes of calibration are read.

References
----------
Angelopoulos, Bates, Candès, Jordan, Lei. Learn then Test: Calibrating Predictive Algorithms to Achieve Risk Control.
Annals of Applied Statistics 2025 (arXiv:2110.01052).
Bauer. Multiple testing in clinical trials. Statistics in Medicine 1991.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betaincc

from harness.corpus.certificate import BoolArray, FloatArray
from harness.metrics.selective import RiskCoverage, may_be_accepted, risk_coverage

STEP = 5  # accepted certificates from one test of the sequence to the next
START = 0.7  # of the certificates that validation lets us expect: where the sequence starts at the latest


class Step(NamedTuple):
    """One test of the sequence; it passed where its p-value is at most δ/M."""

    accepted: int
    wrong: int
    p_value: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Promise:
    """What calibration allows to promise for one candidate.

    Attributes
    ----------
    made : whether there is a promise at all
    risk : at most this share of the automatic certificates is wrong in the long run
    confidence : with this probability, over all candidates together
    candidates : M, how many candidates share this confidence
    delta : δ/M, the level of each test
    start : the count of accepted certificates at which the sequence starts
    allowed : the wrong ones that may be among the first ``start``
    threshold : the least confidence of an automatic certificate; None where no promise is made
    accepted : calibration certificates that are automatic; 0 where no promise is made
    wrong : wrong ones among these
    coverage : accepted / n
    n : calibration certificates, those that the gate stopped included
    p_value : of the last test that passed; None where none did
    reason : one sentence
    steps : the whole sequence that was tested; where it ends in a failure, that is its last step
    """

    made: bool
    risk: float
    confidence: float
    candidates: int
    delta: float
    start: int
    allowed: int
    threshold: float | None
    accepted: int
    wrong: int
    coverage: float
    n: int
    p_value: float | None
    reason: str
    steps: tuple[Step, ...]

    def to_dict(self) -> dict[str, Any]:
        """The promise as strict JSON can hold it: an infinite threshold is a string."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.threshold is not None and math.isinf(self.threshold):
            values["threshold"] = str(self.threshold)
        return values | {"steps": [list(step) for step in self.steps]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Promise:
        """The inverse of :meth:`to_dict`."""
        threshold = None if values["threshold"] is None else float(values["threshold"])
        steps = tuple(Step(*step) for step in values["steps"])
        return cls(**{**values, "threshold": threshold, "steps": steps})


def tail(wrong: int, accepted: int, risk: float) -> float:
    """P(Bin(accepted, risk) ≤ wrong): the p-value of "the risk exceeds ``risk``"."""
    if wrong >= accepted:
        return 1.0
    return float(betaincc(wrong + 1, accepted - wrong, risk))


def most_wrong(accepted: int, risk: float, delta: float) -> int:
    """The most wrong ones among ``accepted`` that still pass a test at ``delta``; -1 where even none fails."""
    low, high = -1, accepted  # low passes, high does not
    while high - low > 1:
        middle = (low + high) // 2
        if tail(middle, accepted, risk) <= delta:
            low = middle
        else:
            high = middle
    return low


def fewest_accepted(errors_allowed: int, risk: float, delta: float) -> int:
    """The fewest accepted certificates that pass a test at ``delta`` with ``errors_allowed`` wrong ones among them."""
    low, high = errors_allowed, 2 * errors_allowed + 1  # low does not pass
    while tail(errors_allowed, high, risk) > delta:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if tail(errors_allowed, middle, risk) <= delta:
            high = middle
        else:
            low = middle
    return high


def start(expected_accepted: float, risk: float, delta: float) -> tuple[int, int]:
    """Where the sequence starts: a count of accepted certificates, and the wrong ones allowed among them.

    Starting at the fewest accepted of all is fragile: one early error would end the sequence. So as many errors are
    allowed as have their fewest count at no more than 0.7 of what is expected, and none where no count is.

    Parameters
    ----------
    expected_accepted
        What validation lets us expect: its coverage, in hindsight, at the risk to be promised, times n of calibration.
    """
    latest = math.floor(START * expected_accepted + 1e-9)  # rounding must not lose a whole certificate
    allowed = max(most_wrong(latest, risk, delta), 0)
    return fewest_accepted(allowed, risk, delta), allowed


def certify(
    errors: BoolArray | FloatArray,
    confidence: FloatArray,
    eligible: BoolArray | None,
    *,
    risk: float,
    confidence_level: float,
    candidates: int,
    expected_coverage: float,
) -> Promise:
    """Certify one of ``candidates`` frozen candidates on the calibration certificates.

    Parameters
    ----------
    errors : (n,)
        True or 1.0 where the predicted set of codes differs from the true one.
    confidence : (n,)
        Higher means surer; may be infinite. A NaN is not eligible.
    eligible : (n,)
        False where a gate stopped the certificate; None where there is no gate.
    expected_coverage
        Coverage on validation, in hindsight, at ``risk``: it places the start of the sequence (see :func:`start`).
        Where the gate passes fewer calibration certificates than that start asks for, their number is what is expected:
        it too is known before a code is read.
    """
    n, passed = len(errors), int(np.count_nonzero(may_be_accepted(confidence, eligible)))
    delta = (1.0 - confidence_level) / candidates
    count, allowed = start(expected_coverage * n, risk, delta)
    if count > passed:
        count, allowed = start(passed, risk, delta)
    curve = risk_coverage(errors, confidence, eligible)
    steps, last = [], None
    for point in _sequence(curve, count):
        accepted, wrong = int(curve.accepted[point]), int(curve.wrong[point])
        p_value = tail(wrong, accepted, risk)
        steps.append(Step(accepted, wrong, p_value, p_value <= delta))
        if not steps[-1].passed:
            break
        last = point

    best = None if last is None else steps[-1] if steps[-1].passed else steps[-2]
    ask = f"{_percent(risk)} at {_percent(confidence_level)} for {_number(candidates, 'candidate')}"
    if best is not None:
        reason = (
            f"promised {ask}: of {_number(n, 'calibration certificate')}, the {best.accepted:,} most confident "
            f"that passed the gate hold {_number(best.wrong, 'wrong one')}"
        )
    elif not steps:
        reason = (
            f"impossible: {_number(passed, 'certificate')} passed the gate, "
            f"and at least {count:,} are needed to promise {ask}"
        )
    else:
        first = steps[0]
        reason = (
            f"impossible: to promise {ask}, the first {_number(first.accepted, 'certificate')} (most confident first) "
            f"may hold {_number(most_wrong(first.accepted, risk, delta), 'wrong one')} at most, but hold {first.wrong:,}"
        )
    return Promise(
        made=best is not None,
        risk=risk,
        confidence=confidence_level,
        candidates=candidates,
        delta=delta,
        start=count,
        allowed=allowed,
        threshold=None if last is None else float(curve.threshold[last]),
        accepted=0 if best is None else best.accepted,
        wrong=0 if best is None else best.wrong,
        coverage=0.0 if best is None else best.accepted / n,
        n=n,
        p_value=None if best is None else best.p_value,
        reason=reason,
        steps=tuple(steps),
    )


def _sequence(curve: RiskCoverage, count: int) -> Iterator[int]:
    """Points of the curve: the first that accepts ``count``, then every five more, and at last the end."""
    end = int(curve.accepted[-1]) if len(curve.accepted) else 0
    if count > end:
        return
    accepted = 0
    while accepted < end:
        point = int(np.searchsorted(curve.accepted, min(count, end)))
        accepted = int(curve.accepted[point])
        count = accepted + STEP
        yield point


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _number(n: int, thing: str) -> str:
    return f"{n:,} {thing}{'' if n == 1 else 's'}"
