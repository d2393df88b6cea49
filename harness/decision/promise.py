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
from typing import Any, Literal, NamedTuple

import numpy as np

from harness.corpus.certificate import BoolArray, FloatArray
from harness.decision.tails import START, accepted_needed, most_wrong, start, tails
from harness.metrics.selective import Int64Array, RiskCoverage, risk_coverage

STEP = 5  # accepted certificates from one test of the sequence to the next
FINEST = 1_000  # a step is never less than this part of what is accepted: millions would make a sequence of millions

Unit = Literal["certificate", "line"]


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
    risk : at most this share of the automatic certificates, or lines, is wrong in the long run
    confidence : with this probability, over all candidates together
    candidates : M, how many candidates share this confidence
    delta : δ/M, or δ/2M where both units are promised: the level of each test
    start : the count of accepted certificates at which the sequence starts
    allowed : the wrong ones that may be among the first ``start``
    threshold : the least confidence of an automatic certificate or line; None where no promise is made
    accepted : calibration certificates that are automatic (by line: that have an automatic line); 0 without a promise
    wrong : wrong ones among these (by line: whose one line that was drawn is wrong)
    coverage : accepted / n (by line: lines / n_lines)
    n : calibration certificates, those that the gate stopped included
    p_value : of the last test that passed; None where none did
    reason : one sentence
    steps : the whole sequence that was tested; where it ends in a failure, that is its last step
    unit : what is automatic, and what the risk is a share of
    promises : how many units are promised together, each at a share of δ
    design_effect : accepted and wrong ones were divided by it before each test; 1 without clusters
    needed : calibration certificates that it would have taken, at validation's risk; None where a promise is made,
        where validation's risk is not known, or where no number is enough
    lines, wrong_lines, n_lines : by line: the automatic lines, the wrong ones among them, and all lines; else None
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
    unit: Unit = "certificate"
    promises: int = 1
    design_effect: float = 1.0
    needed: int | None = None
    lines: int | None = None
    wrong_lines: int | None = None
    n_lines: int | None = None

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


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be promised, and what validation lets us expect; its fields are arguments of :func:`certify`."""

    risk: float
    confidence_level: float
    candidates: int
    expected_coverage: float
    promises: int = 1
    design_effect: float = 1.0
    validation_risk: float | None = None
    unit: Unit = "certificate"

    @property
    def delta(self) -> float:
        """The level of each test."""
        return (1.0 - self.confidence_level) / (self.candidates * self.promises)

    def start(self, expected_accepted: float) -> tuple[int, int]:
        """Where the sequence starts: see :func:`harness.decision.tails.start`."""
        return start(expected_accepted, self.risk, self.delta, self.design_effect)

    def __str__(self) -> str:
        line = " by line" if self.unit == "line" else ""
        shared = f"{percent(self.risk)}{line} at {percent(self.confidence_level)}"
        together = f" and {self.promises} units" if self.promises > 1 else ""
        effect = f" with a design effect of {self.design_effect:.2f} for clusters" if self.design_effect > 1 else ""
        return f"{shared} for {number(self.candidates, 'candidate')}{together}{effect}"


class Tested(NamedTuple):
    """The sequence as it was tested: its start, its steps, the last point that passed, and why there is none."""

    start: int
    allowed: int
    steps: tuple[Step, ...]
    last: int | None
    reason: str
    needed: int | None

    @property
    def best(self) -> Step | None:
        """The last step that passed."""
        return None if self.last is None else self.steps[-1] if self.steps[-1].passed else self.steps[-2]


def certify(
    errors: BoolArray | FloatArray,
    confidence: FloatArray,
    eligible: BoolArray | None,
    *,
    risk: float,
    confidence_level: float,
    candidates: int,
    expected_coverage: float,
    promises: int = 1,
    design_effect: float = 1.0,
    validation_risk: float | None = None,
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
        Coverage on validation, in hindsight, at ``risk``: it places the start of the sequence (see
        :func:`harness.decision.tails.start`). Where the gate passes fewer calibration certificates than that start asks
        for, their number is what is expected: it too is known before a code is read.
    promises
        How many promises share the confidence for each candidate: 2 where certificates and lines are promised both.
    design_effect
        At least 1; found on validation (:func:`harness.metrics.design.design_effect`) where certificates err together.
    validation_risk
        The risk among validation's most confident, where the sequence starts (:func:`risk_at_start`): says how many
        certificates would have been needed where no promise can be made.
    """
    asked = Asked(risk, confidence_level, candidates, expected_coverage, promises, design_effect, validation_risk)
    curve = risk_coverage(errors, confidence, eligible)
    found = follow(curve, curve.accepted, len(errors), asked)
    best = found.best
    reason = found.reason
    if best is not None:
        reason = (
            f"promised {asked}: of {number(len(errors), 'calibration certificate')}, the {best.accepted:,} most "
            f"confident that passed the gate hold {number(best.wrong, 'wrong one')}"
        )
    return promise_of(found, asked, curve, len(errors), reason, 0.0 if best is None else best.accepted / len(errors))


def promise_of(
    found: Tested, asked: Asked, curve: RiskCoverage, n: int, reason: str, coverage: float, **more: Any
) -> Promise:
    """The promise that a tested sequence allows; ``more`` are fields of it that have a default."""
    best = found.best
    return Promise(
        made=best is not None,
        risk=asked.risk,
        confidence=asked.confidence_level,
        candidates=asked.candidates,
        delta=asked.delta,
        start=found.start,
        allowed=found.allowed,
        threshold=None if found.last is None else float(curve.threshold[found.last]),
        accepted=0 if best is None else best.accepted,
        wrong=0 if best is None else best.wrong,
        coverage=coverage,
        n=n,
        p_value=None if best is None else best.p_value,
        reason=reason,
        steps=found.steps,
        unit=asked.unit,
        promises=asked.promises,
        design_effect=asked.design_effect,
        needed=found.needed,
        **more,
    )


def follow(curve: RiskCoverage, automatic: Int64Array, n: int, asked: Asked) -> Tested:
    """Test the fixed sequence along a curve.

    Parameters
    ----------
    curve
        Its ``accepted`` and ``wrong`` are what is tested.
    automatic : (n_points,)
        What is coded without a person at each point, rising: steps are counted in it.
    n
        Calibration certificates.
    """
    passed = int(curve.accepted[-1]) if len(curve.accepted) else 0
    count, allowed = asked.start(asked.expected_coverage * n)
    if count > passed:
        count, allowed = asked.start(passed)
    points = np.fromiter(_sequence(curve.accepted, automatic, count), np.int64)
    accepted, wrong = curve.accepted[points], curve.wrong[points]
    p_values = tails(wrong, accepted, asked.risk, asked.design_effect)
    passes = p_values <= asked.delta
    tested = len(points) if passes.all() else int(np.argmin(passes)) + 1
    columns = (values[:tested].tolist() for values in (accepted, wrong, p_values, passes))
    steps = tuple(Step(*values) for values in zip(*columns, strict=True))
    n_passed = int(np.count_nonzero(passes[:tested]))
    if n_passed:
        return Tested(count, allowed, steps, int(points[n_passed - 1]), "", None)
    if steps:
        first = steps[0]
        most = most_wrong(first.accepted, asked.risk, asked.delta, asked.design_effect)
        drawn = ", by one line drawn from each," if asked.unit == "line" else ""
        why = (
            f"impossible: to promise {asked}, the first {number(first.accepted, 'certificate')} (most confident first)"
            f"{drawn} may hold {number(most, 'wrong one')} at most, but hold {first.wrong:,}"
        )
    else:
        passing = "passed the gate" if asked.unit == "certificate" else "with a line that passed the gate"
        why = (
            f"impossible: {number(passed, 'certificate')} {passing}, and at least {count:,} are needed to promise "
            f"{asked}"
        )
    advice, needed = _needed(steps[0].accepted if steps else passed, n, asked)
    return Tested(count, allowed, steps, None, why + advice, needed)


def risk_at_start(curve: RiskCoverage, expected_coverage: float) -> float | None:
    """Validation's risk among its most confident, where a sequence starts at the latest.

    Parameters
    ----------
    curve
        Of validation.
    expected_coverage
        As for :func:`certify`; where it is 0 no threshold keeps the risk, and the least risk of all is what there is.

    Returns
    -------
    The risk, or None where validation has no certificate that passed its gate.
    """
    if not len(curve.risk):
        return None
    if expected_coverage <= 0:
        return float(curve.risk.min())
    point = int(np.searchsorted(curve.coverage, START * expected_coverage))
    return float(curve.risk[min(point, len(curve.risk) - 1)])


def _needed(accepted: int, n: int, asked: Asked) -> tuple[str, int | None]:
    """Half a sentence on how many certificates it would take at validation's risk, and that number."""
    if asked.validation_risk is None:
        return "", None
    at = f"at validation's risk of {percent(round(asked.validation_risk, 4))} among its most confident"
    enough = accepted_needed(asked.validation_risk, asked.risk, asked.delta, asked.design_effect)
    if enough is None:
        return f"; {at} no number of certificates is enough", None
    if not accepted:
        return f"; {at} {enough:,} would be enough, but the gate passes none", None
    needed = math.ceil(enough * n / accepted)
    if needed > n:
        return f"; {at} about {number(needed, 'calibration certificate')} would be needed, and there are {n:,}", needed
    return f"; {at} about {number(needed, 'calibration certificate')} would do: calibration errs more", needed


def _sequence(accepted: Int64Array, automatic: Int64Array, count: int) -> Iterator[int]:
    """Points: the first that accepts ``count``, then every five certificates' worth more, and at last the end."""
    if not len(accepted) or count > accepted[-1]:
        return
    worth = automatic[-1] / accepted[-1]  # what is automatic for each certificate accepted: 1, but for lines
    last = len(accepted) - 1
    point = int(np.searchsorted(accepted, count))
    yield point
    while point < last:
        step = math.ceil(max(STEP, int(accepted[point]) // FINEST) * worth)  # a float would copy the whole curve
        point = min(int(automatic.searchsorted(int(automatic[point]) + step)), last)
        yield point


def percent(share: float) -> str:
    return f"{100 * share:g} %"


def number(n: int, thing: str) -> str:
    return f"{n:,} {thing}{'' if n == 1 else 's'}"
