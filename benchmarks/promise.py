"""``python -m benchmarks.promise``: curves and promises for three million certificates of eight million lines.

Peers in the same run: scikit-learn's area under the ROC curve for the scores of the risk-coverage curve (augrc is a
function of that area: the values are asserted equal) and for lines, as many of them; MAPIE's fixed sequence for the
promise (the certificates accepted are asserted equal, but for its finer steps). Seconds are of the processor.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from mapie.risk_control import FWERFixedSequenceTesting
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from harness.decision.contrast import naive
from harness.decision.promise import STEP, Promise, certify
from harness.decision.promise_lines import certify_lines, line_curve
from harness.metrics.design import design_effect
from harness.metrics.selective import augrc, aurc, oracle_coverage, risk_coverage, working_point

RISK = 0.02
V = TypeVar("V")


@dataclass(frozen=True)
class Problem:
    """Units, certificates or lines, of which the more confident err less; ``certificate`` holds each line's."""

    errors: npt.NDArray[np.bool_]
    confidence: npt.NDArray[np.float64]
    eligible: npt.NDArray[np.bool_]
    certificate: npt.NDArray[np.int64]


def problem(n: int, certificates: int) -> Problem:
    rng = np.random.default_rng(0)
    confidence = rng.random(n)
    errors = rng.random(n) < 0.5 * (1.0 - confidence) ** 3
    return Problem(errors, confidence, rng.random(n) < 0.9, np.sort(rng.integers(0, certificates, n)))


def timed(call: Callable[[], V], times: int = 3) -> tuple[float, V]:
    """The least seconds of the processor that some calls take, whatever else runs, and the last value."""
    seconds = []
    for _ in range(times):
        started = time.process_time()
        value = call()
        seconds.append(time.process_time() - started)
    return min(seconds), value


def curves(given: Problem) -> None:
    """Each score of the curve, against scikit-learn's area under the ROC curve."""
    errors, confidence, n = given.errors, given.confidence, len(given.errors)
    seconds, area = timed(lambda: float(roc_auc_score(~errors, confidence)))
    right = 1.0 - errors.mean()
    scores: dict[str, Callable[[], Any]] = {
        "risk_coverage": lambda: risk_coverage(errors, confidence, given.eligible),
        "aurc": lambda: aurc(errors, confidence),
        "augrc": lambda: augrc(errors, confidence),
        "oracle_coverage": lambda: oracle_coverage(errors, confidence, RISK, given.eligible),
        "working_point": lambda: working_point(errors, confidence, 0.7, given.eligible),
        "naive": lambda: naive(errors, confidence, given.eligible, RISK),
        "design effect of 300 clusters": lambda: design_effect(errors, np.arange(n) % 300, given.eligible),
    }
    for name, score in scores.items():
        ours, value = timed(score)
        show(f"{name}, {n:,}", ours, seconds / ours)
        if name == "augrc":
            assert math.isclose(value, (1 - area) * right * (1 - right) + (1 - right) ** 2 / 2), (
                "augrc against the area"
            )


def promises(given: Problem) -> None:
    """The promise by certificate, against MAPIE's fixed sequence with scipy's tails, tested every five certificates."""

    def ours() -> Promise:
        return certify(
            given.errors,
            given.confidence,
            given.eligible,
            risk=RISK,
            confidence_level=0.95,
            candidates=3,
            expected_coverage=0.3,
        )

    def peer() -> int:
        rows = np.flatnonzero(given.eligible)
        wrong = np.cumsum(given.errors[rows][np.argsort(-given.confidence[rows])])
        accepted = np.arange(promise.start, len(rows) + 1, STEP)
        p_values = binom.cdf(wrong[accepted - 1], accepted, RISK)
        passed = FWERFixedSequenceTesting(n_starts=1).run(p_values, promise.delta)
        return int(accepted[passed[-1]])

    seconds, promise = timed(ours)
    theirs, accepted = timed(peer, 1)  # MAPIE takes time by the square of the tests
    assert abs(promise.accepted - accepted) <= max(50, accepted / 100), "the certificates accepted against MAPIE"
    show(f"certify, {promise.n:,}, {len(promise.steps):,} tests", seconds, theirs / seconds)


def by_line(given: Problem) -> None:
    """The promise by line, against scikit-learn's area under the ROC curve of as many lines."""

    def ours() -> Promise:
        return certify_lines(
            given.errors,
            given.confidence,
            given.eligible,
            given.certificate,
            risk=RISK,
            confidence_level=0.95,
            candidates=3,
            expected_coverage=expected,
            seed=1,
        )

    curve = line_curve(given.errors, given.confidence, given.eligible, given.certificate, seed=0)
    expected = curve.expected_coverage(RISK)
    seconds, promise = timed(ours)
    theirs, _ = timed(lambda: roc_auc_score(~given.errors, given.confidence))
    assert promise.made
    show(f"certify_lines, {len(given.errors):,}, {len(promise.steps):,} tests", seconds, theirs / seconds)


def show(name: str, seconds: float, times: float) -> None:
    print(f"{name:50s} {seconds:8.3f} s   {times:6.1f} x as fast")


def main(certificates: int = 3_000_000, lines: int = 8_000_000) -> None:
    given = problem(certificates, certificates)
    curves(given)
    promises(given)
    by_line(problem(lines, certificates))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
