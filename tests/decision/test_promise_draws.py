"""Monte Carlo: in at most δ of all calibration years the long-run risk exceeds what was promised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from harness.decision.contrast import naive
from harness.decision.promise import certify
from harness.decision.promise_lines import certify_lines
from harness.decision.tails import start
from harness.metrics.design import design_effect

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

USUAL: dict[str, Any] = {"risk": 0.02, "confidence_level": 0.95, "candidates": 3, "expected_coverage": 0.5}


DRAWS = 2_000
BOUND = 0.058  # 0.05 and 1.64 standard errors of 2,000 draws


def broken(
    certified: Callable[[Bools, Floats], float | None],
    risk_of: Callable[[Floats], Floats],
    long_run: Callable[[float], float],
    risk: float,
    n: int,
    seed: int,
) -> tuple[float, float]:
    """Shares of draws whose threshold has a long-run risk above ``risk``, and that have a threshold at all."""
    rng = np.random.default_rng(seed)
    thresholds = []
    for _ in range(DRAWS):
        confidence = rng.random(n)
        thresholds.append(certified(rng.random(n) < risk_of(confidence), confidence))
    made = [threshold for threshold in thresholds if threshold is not None]
    return sum(long_run(threshold) > risk for threshold in made) / DRAWS, len(made) / DRAWS


def ours(risk: float, expected_coverage: float) -> Callable[[Bools, Floats], float | None]:
    def certified(errors: Bools, confidence: Floats) -> float | None:
        usual = USUAL | {"candidates": 1, "risk": risk, "expected_coverage": expected_coverage}
        return certify(errors, confidence, None, **usual).threshold

    return certified


def last_passing(risk: float, expected_coverage: float) -> Callable[[Bools, Floats], float | None]:
    """The rule that is wrong: the same tests, but the last that passes counts whatever failed before it."""

    def certified(errors: Bools, confidence: Floats) -> float | None:
        order = np.argsort(-confidence)
        wrong = np.cumsum(errors[order])
        counts = np.arange(start(expected_coverage * len(errors), risk, 0.05)[0], len(errors) + 1, 5)
        passing = counts[binom.cdf(wrong[counts - 1], counts, risk) <= 0.05]
        return float(confidence[order[passing[-1] - 1]]) if len(passing) else None

    return certified


def steep(confidence: Floats) -> Floats:
    errors: Floats = (1 - confidence) ** 6
    return errors


def steep_long_run(threshold: float) -> float:
    return (1 - threshold) ** 6 / 7  # the mean of steep from the threshold to 1


def test_the_promise_holds_where_errors_gather_at_low_confidence() -> None:
    coverage = (7 * 0.02) ** (1 / 6)  # where the long-run risk is 2 %
    breaks, made = broken(ours(0.02, coverage), steep, steep_long_run, 0.02, n=1_000, seed=0)
    assert breaks <= BOUND
    assert made > 0.9, "a rule that never promises holds too"


def flat(confidence: Floats) -> Floats:
    return np.full(len(confidence), 0.0201)


def test_the_promise_holds_where_every_threshold_breaks_it() -> None:
    breaks, made = broken(ours(0.02, 0.3), flat, lambda _: 0.0201, 0.02, n=1_000, seed=1)
    assert breaks == made
    assert 0.03 <= breaks <= BOUND  # the first test fails to end it in 4.85 % of draws
    wrongly, _ = broken(last_passing(0.02, 0.3), flat, lambda _: 0.0201, 0.02, n=1_000, seed=1)
    assert wrongly > 2 * BOUND, "else this test could not fail"


# the whole procedure: three candidates, of which the certified one with the largest coverage is taken

Rule = Callable[[Bools, Floats], tuple[float, float] | None]  # coverage and threshold, where there is one


def certified(candidates: int, expected_coverage: float) -> Rule:
    def rule(errors: Bools, confidence: Floats) -> tuple[float, float] | None:
        asked = USUAL | {"candidates": candidates, "expected_coverage": expected_coverage}
        promise = certify(errors, confidence, None, **asked)
        return None if promise.threshold is None else (promise.coverage, promise.threshold)

    return rule


def by_eye(errors: Bools, confidence: Floats) -> tuple[float, float] | None:
    point = naive(errors, confidence, None, 0.02)
    return None if point.threshold is None or point.coverage is None else (point.coverage, point.threshold)


def broken_by_choice(rules: Sequence[Rule], powers: Sequence[float], scale: float, n: int, seed: int) -> list[float]:
    """For each rule the share of draws in which the chosen candidate's long-run risk is above 2 %.

    A certificate of confidence c is wrong with the probability scale (1 - c) ** power, so that the risk from a
    threshold t on is scale (1 - t) ** power / (power + 1). Certificates that are hard are so for all candidates.
    """
    rng = np.random.default_rng(seed)
    breaks = np.zeros(len(rules))
    for _ in range(DRAWS):
        hard = rng.random(n)
        confidence = [rng.random(n) for _ in powers]
        errors = [
            (hard if power else rng.random(n)) < scale * (1 - c) ** power
            for c, power in zip(confidence, powers, strict=True)
        ]
        for place, rule in enumerate(rules):
            found = [
                (*point, power)
                for e, c, power in zip(errors, confidence, powers, strict=True)
                if (point := rule(e, c)) is not None
            ]
            if found:
                _, threshold, power = max(found)
                breaks[place] += scale * (1 - threshold) ** power / (power + 1) > 0.02
    return [float(share) for share in breaks / DRAWS]


def test_the_choice_among_three_keeps_the_promise_where_errors_gather_at_low_confidence() -> None:
    expected = (7 * 0.02) ** (1 / 6)  # where the long-run risk of the middle one is 2 %
    ours_breaks, naive_breaks = broken_by_choice([certified(3, expected), by_eye], (5.5, 6, 6.5), 1.0, 800, seed=2)
    assert ours_breaks <= BOUND
    assert naive_breaks > 8 * BOUND


def test_the_choice_among_three_keeps_the_promise_where_every_threshold_breaks_it() -> None:
    rules = [certified(3, 0.5), certified(1, 0.5), by_eye]
    ours_breaks, unsplit_breaks, naive_breaks = broken_by_choice(rules, (0, 0, 0), 0.0201, 800, seed=3)
    assert 0.03 <= ours_breaks <= BOUND
    assert unsplit_breaks > 2 * BOUND, "without the split over three, choosing breaks it"
    assert naive_breaks > 8 * BOUND


# clusters and lines, where certificates or lines err together


def test_the_promise_holds_with_clusters_where_the_design_effect_is_known_from_validation() -> None:
    n, size, correlation, mean = 2_000, 40, 0.1, 0.0201
    clusters = np.repeat(np.arange(n // size), size)
    rng = np.random.default_rng(4)

    def draw() -> Bools:
        shape = 1 / correlation - 1
        risks = rng.beta(mean * shape, (1 - mean) * shape, n // size)
        return np.asarray(rng.random(n) < risks[clusters])

    asked = USUAL | {"candidates": 1, "expected_coverage": 0.9}
    with_effect = without = 0
    for _ in range(DRAWS):
        effect = design_effect(draw(), clusters) or 1.0
        errors, confidence = draw(), rng.random(n)
        with_effect += certify(errors, confidence, None, **asked, design_effect=effect).made
        without += certify(errors, confidence, None, **asked).made
    assert with_effect / DRAWS <= BOUND
    assert without / DRAWS > 2 * BOUND


def test_the_promise_by_line_holds_where_a_certificate_is_wrong_in_all_its_lines() -> None:
    n = 600
    rng = np.random.default_rng(5)
    asked = USUAL | {"candidates": 1, "expected_coverage": 0.9}
    by_line = as_independent = 0
    for draw in range(DRAWS):
        certificates = np.repeat(np.arange(n), rng.integers(1, 6, n))
        errors = (rng.random(n) < 0.0201)[certificates]
        confidence = rng.random(len(errors))
        by_line += certify_lines(errors, confidence, None, certificates, **asked, seed=draw).made
        as_independent += certify(errors, confidence, None, **asked).made
    assert by_line / DRAWS <= BOUND
    assert as_independent / DRAWS > 2 * BOUND
