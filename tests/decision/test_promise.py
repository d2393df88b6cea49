from __future__ import annotations

import json
import math
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.risk_control import FWERFixedSequenceTesting
from scipy.stats import binom, binomtest, rankdata

from harness.decision.promise import Promise, Step, certify, fewest_accepted, most_wrong, start, tail

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

USUAL: dict[str, Any] = {"risk": 0.02, "confidence_level": 0.95, "candidates": 3, "expected_coverage": 0.5}
LOOSE: dict[str, Any] = {"risk": 0.3, "confidence_level": 0.7, "candidates": 1, "expected_coverage": 0.5}


def everyone(n: int) -> Bools:
    return np.ones(n, np.bool_)


def falling(n: int) -> Floats:
    return np.linspace(1, 0.5, n)


def with_errors_at(n: int, *places: int) -> Bools:
    errors = np.zeros(n, np.bool_)
    errors[list(places)] = True
    return errors


# how many are needed


@pytest.mark.parametrize(
    ("risk", "delta", "errors_allowed", "count"),
    [
        *((0.02, 0.05, e, n) for e, n in zip((0, 1, 3, 10), (149, 236, 386, 845), strict=True)),
        *((0.05, 0.05, e, n) for e, n in zip((0, 1, 3, 10), (59, 93, 153, 336), strict=True)),
        *((0.02, 0.05 / 3, e, n) for e, n in zip((0, 1, 3), (203, 300, 464), strict=True)),
        *((0.02, 0.05 / m, 0, n) for m, n in zip((2, 5, 7), (183, 228, 245), strict=True)),
    ],
)
def test_fewest_accepted_as_counted_elsewhere(risk: float, delta: float, errors_allowed: int, count: int) -> None:
    assert fewest_accepted(errors_allowed, risk, delta) == count


@given(
    st.integers(0, 60), st.sampled_from([0.005, 0.02, 0.05, 0.3, 0.9]), st.sampled_from([0.1, 0.05, 0.05 / 3, 0.0025])
)
def test_fewest_accepted_is_the_first_that_passes(errors_allowed: int, risk: float, delta: float) -> None:
    count = fewest_accepted(errors_allowed, risk, delta)
    assert binom.cdf(errors_allowed, count, risk) <= delta
    assert binom.cdf(errors_allowed, count - 1, risk) > delta
    assert binom.cdf(most_wrong(count, risk, delta), count, risk) <= delta
    assert binom.cdf(most_wrong(count, risk, delta) + 1, count, risk) > delta


@given(st.integers(0, 300), st.integers(1, 300), st.floats(0.001, 0.999))
def test_tail_equals_scipy(wrong: int, accepted: int, risk: float) -> None:
    wrong = min(wrong, accepted)
    assert tail(wrong, accepted, risk) == pytest.approx(binom.cdf(wrong, accepted, risk), rel=1e-9)
    assert tail(wrong, accepted, risk) == pytest.approx(binomtest(wrong, accepted, risk, "less").pvalue, rel=1e-9)


def test_start_by_hand() -> None:
    delta = 0.05 / 3  # 203, 300 and 464 for 0, 1 and 3 errors
    assert start(0, 0.02, delta) == (203, 0)
    assert start(289, 0.02, delta) == (203, 0)
    assert start(428, 0.02, delta) == (203, 0)  # 299.6
    assert start(429, 0.02, delta) == (300, 1)  # 300.3
    assert start(0.429 * 1000, 0.02, delta) == (300, 1)
    assert start(663, 0.02, delta) == (464, 3)  # 464.1
    assert start(170, 0.05, delta) == (119, 1)  # 119 exactly, though 0.7 * 170 is less in floating point


@given(st.integers(0, 1_500), st.sampled_from([0.02, 0.05]), st.sampled_from([1, 3]))
def test_start_is_the_largest_count_within_seven_tenths(expected: int, risk: float, candidates: int) -> None:
    delta = 0.05 / candidates
    counts = [fewest_accepted(e, risk, delta) for e in range(90)]
    fitting = [e for e, count in enumerate(counts) if 10 * count <= 7 * expected]
    allowed = max(fitting, default=0)
    assert len(fitting) < 90
    assert start(expected, risk, delta) == (counts[allowed], allowed)


# the procedure, from its definition


def slow_sequence(errors: Bools, confidence: Floats, eligible: Bools, count: int) -> list[tuple[float, int, int]]:
    """All (threshold, accepted, wrong) that would be tested if none failed."""
    mine = sorted(
        (float(c) for c, e in zip(confidence, eligible, strict=True) if e and not math.isnan(c)), reverse=True
    )
    sequence: list[tuple[float, int, int]] = []
    k = count
    while mine and count <= len(mine):
        threshold = mine[min(k, len(mine)) - 1]
        inside = [i for i in range(len(errors)) if eligible[i] and confidence[i] >= threshold]
        sequence.append((threshold, len(inside), int(errors[inside].sum())))
        if len(inside) == len(mine):
            break
        k = len(inside) + 5
    return sequence


@st.composite
def cases(draw: st.DrawFn) -> tuple[Bools, Floats, Bools]:
    n = draw(st.integers(1, 80))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    confidence = rng.random(n)
    errors = rng.random(n) < draw(st.sampled_from([0.0, 0.05, 0.3, 1.0])) * (1.2 - confidence)
    decimals = draw(st.sampled_from([1, 2, 16]))
    confidence = confidence.round(decimals)
    confidence[rng.random(n) < draw(st.sampled_from([0.0, 0.2]))] = -np.inf
    confidence[rng.random(n) < draw(st.sampled_from([0.0, 0.1]))] = np.nan
    return errors, confidence, rng.random(n) < draw(st.sampled_from([0.7, 1.0]))


@given(cases(), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([1, 2]))
def test_equals_mapie_on_the_sequence_of_the_definition(
    case: tuple[Bools, Floats, Bools], expected_coverage: float, candidates: int
) -> None:
    errors, confidence, eligible = case
    asked = LOOSE | {"candidates": candidates, "expected_coverage": expected_coverage}
    promise = certify(errors, confidence, eligible, **asked)
    delta = (1 - 0.7) / candidates
    passed = int((eligible & ~np.isnan(confidence)).sum())
    count, allowed = start(expected_coverage * len(errors), 0.3, delta)
    if count > passed:
        count, allowed = start(passed, 0.3, delta)
    assert (promise.start, promise.allowed, promise.delta) == (count, allowed, delta)

    sequence = slow_sequence(errors, confidence, eligible, count)
    p_values = [float(binom.cdf(wrong, accepted, 0.3)) for _, accepted, wrong in sequence]
    rejected = FWERFixedSequenceTesting(n_starts=1).run(np.array(p_values), delta).tolist() if sequence else []
    tested = sequence[: len(rejected) + 1]
    assert [(step.accepted, step.wrong) for step in promise.steps] == [point[1:] for point in tested]
    assert [step.p_value for step in promise.steps] == pytest.approx(p_values[: len(tested)], rel=1e-9)
    assert [step.passed for step in promise.steps] == [k in rejected for k in range(len(tested))]
    assert promise.n == len(errors)
    assert promise.made == bool(rejected)
    if rejected:
        threshold, accepted, wrong = sequence[rejected[-1]]
        assert (promise.threshold, promise.accepted, promise.wrong) == (threshold, accepted, wrong)
        assert promise.coverage == accepted / len(errors)
        assert promise.p_value == pytest.approx(p_values[rejected[-1]], rel=1e-9)
    else:
        assert (promise.threshold, promise.accepted, promise.wrong) == (None, 0, 0)
        assert (promise.coverage, promise.p_value) == (0.0, None)
    assert promise.reason.startswith("promised" if rejected else "impossible")


@given(cases(), st.randoms(use_true_random=False))
def test_order_and_scale_cannot_matter(case: tuple[Bools, Floats, Bools], random: Random) -> None:
    errors, confidence, eligible = case
    ours = certify(errors, confidence, eligible, **LOOSE)
    order = list(range(len(errors)))
    random.shuffle(order)
    assert certify(errors[order], confidence[order], eligible[order], **LOOSE) == ours
    ranks = np.where(np.isnan(confidence), np.nan, rankdata(np.nan_to_num(confidence, nan=-9.0), method="dense"))
    assert certify(errors, ranks, eligible, **LOOSE).steps == ours.steps


@given(cases(), st.integers(0, 2**32 - 1))
def test_only_eligible_certificates_count(case: tuple[Bools, Floats, Bools], seed: int) -> None:
    errors, confidence, eligible = case
    rng = np.random.default_rng(seed)
    elsewhere = ~eligible | np.isnan(confidence)
    errors_too = np.where(elsewhere, rng.random(len(errors)) < 0.5, errors)
    confidence_too = np.where(~eligible, rng.random(len(errors)), confidence)
    assert certify(errors_too, confidence_too, eligible, **LOOSE) == certify(errors, confidence, eligible, **LOOSE)


@given(cases())
def test_what_is_promised_is_what_a_threshold_accepts(case: tuple[Bools, Floats, Bools]) -> None:
    errors, confidence, eligible = case
    promise = certify(errors, confidence, eligible, **LOOSE)
    if promise.threshold is not None:
        accepted = eligible & (confidence >= promise.threshold)
        assert (promise.accepted, promise.wrong) == (accepted.sum(), errors[accepted].sum())


# cases by hand, at 2 % and 95 % for three candidates: 203, 300, 387, 464 … for 0, 1, 2, 3 wrong ones


def test_it_ends_at_the_first_failure_even_if_later_ones_would_pass() -> None:
    n = 1000
    errors = with_errors_at(n, 215, 216)
    promise = certify(errors, falling(n), everyone(n), **(USUAL | {"expected_coverage": 0.3}))
    assert promise.made
    assert (promise.start, promise.allowed) == (203, 0)
    assert [step[:2] for step in promise.steps] == [(203, 0), (208, 0), (213, 0), (218, 2)]
    assert [step.passed for step in promise.steps] == [True, True, True, False]
    assert (promise.accepted, promise.wrong, promise.coverage) == (213, 0, 0.213)
    assert promise.threshold == falling(n)[212]
    assert promise.p_value == pytest.approx(0.98**213)
    assert binom.cdf(2, n, 0.02) < promise.delta, "all thousand together would pass"
    assert promise.reason == (
        "promised 2 % at 95 % for 3 candidates: of 1,000 calibration certificates, "
        "the 213 most confident that passed the gate hold 0 wrong ones"
    )


def test_a_p_value_at_the_level_itself_passes() -> None:
    assert fewest_accepted(0, 0.5, 0.25) == 2
    assert most_wrong(2, 0.5, 0.25) == 0
    assert certify(
        with_errors_at(2), falling(2), everyone(2), **(USUAL | {"risk": 0.5, "confidence_level": 0.75, "candidates": 1})
    ).made


def test_a_later_start_forgives_an_early_error() -> None:
    n = 1000
    errors = with_errors_at(n, 10)
    assert not certify(errors, falling(n), everyone(n), **(USUAL | {"expected_coverage": 0.42})).made
    late = certify(errors, falling(n), everyone(n), **(USUAL | {"expected_coverage": 0.43}))
    assert (late.start, late.allowed, late.accepted, late.wrong) == (300, 1, 1000, 1)


@pytest.mark.parametrize(("n", "last"), [(203, [203]), (206, [203, 206]), (208, [203, 208]), (209, [203, 208, 209])])
def test_the_end_is_tested_too(n: int, last: list[int]) -> None:
    promise = certify(with_errors_at(n), falling(n), everyone(n), **USUAL)
    assert [step.accepted for step in promise.steps] == last
    assert (promise.accepted, promise.coverage, promise.threshold) == (n, 1.0, 0.5)


def test_ties_are_whole() -> None:
    n = 300
    confidence = np.repeat([0.9, 0.8, 0.7], 100)  # the 203rd stands among the last hundred
    promise = certify(with_errors_at(n, 299), confidence, everyone(n), **USUAL)
    assert [step[:2] for step in promise.steps] == [(300, 1)]
    assert (promise.made, promise.threshold) == (True, 0.7)
    two = certify(with_errors_at(n, 298, 299), confidence, everyone(n), **USUAL)
    assert two.reason == (
        "impossible: to promise 2 % at 95 % for 3 candidates, the first 300 certificates (most confident first) "
        "may hold 1 wrong one at most, but hold 2"
    )


def test_impossible_at_the_start() -> None:
    n = 1000
    promise = certify(
        with_errors_at(n, 0, 7, 100, 202, 203), falling(n), everyone(n), **(USUAL | {"expected_coverage": 0})
    )
    assert promise.steps == (Step(203, 4, tail(4, 203, 0.02), False),)
    assert (promise.made, promise.threshold, promise.accepted, promise.p_value) == (False, None, 0, None)
    assert promise.reason == (
        "impossible: to promise 2 % at 95 % for 3 candidates, the first 203 certificates (most confident first) "
        "may hold 0 wrong ones at most, but hold 4"
    )


def test_impossible_for_want_of_certificates() -> None:
    n = 1000
    gate = np.arange(n) % 2 == 0
    gate[303:] = False
    promise = certify(with_errors_at(n), falling(n), gate, **USUAL)
    assert (promise.made, promise.steps, promise.start) == (False, (), 203)
    assert promise.reason == (
        "impossible: 152 certificates passed the gate, and at least 203 are needed to promise "
        "2 % at 95 % for 3 candidates"
    )
    none = certify(with_errors_at(n), np.full(n, np.nan), everyone(n), **(USUAL | {"candidates": 1, "risk": 0.025}))
    assert none.reason == (
        "impossible: 0 certificates passed the gate, and at least 119 are needed to promise 2.5 % at 95 % for 1 candidate"
    )


def test_where_the_gate_passes_less_than_expected_it_starts_earlier() -> None:
    n = 1000
    gate = np.arange(n) < 450  # the expected 900 would start at 620
    promise = certify(with_errors_at(n), falling(n), gate, **(USUAL | {"expected_coverage": 0.9}))
    assert (promise.start, promise.allowed) == start(450, 0.02, promise.delta) == (300, 1)
    assert (promise.made, promise.accepted, promise.coverage) == (True, 450, 0.45)


def test_minus_infinity_is_a_confidence() -> None:
    n = 400
    confidence = falling(n)
    confidence[250:] = -np.inf
    promise = certify(with_errors_at(n), confidence, everyone(n), **USUAL)
    assert (promise.threshold, promise.accepted) == (-math.inf, 400)
    stopped = certify(with_errors_at(n, *range(250, 400)), confidence, everyone(n), **USUAL)
    assert [step.accepted for step in stopped.steps[-2:]] == [248, 400]
    assert stopped.threshold == confidence[247]


@pytest.mark.parametrize("lowest", [0.25, -np.inf])
@pytest.mark.parametrize("places", [(), (3, 9), (215, 216)])
def test_round_trip_through_strict_json(lowest: float, places: tuple[int, ...]) -> None:
    n = 230
    confidence = falling(n)
    confidence[-10:] = lowest
    promise = certify(with_errors_at(n, *places), confidence, everyone(n), **USUAL)
    text = json.dumps(promise.to_dict(), allow_nan=False)
    again = Promise.from_dict(json.loads(text))
    assert again == promise
    assert all(isinstance(step, Step) and type(step.passed) is bool for step in again.steps)
    assert type(again.made) is bool


# Monte Carlo: in at most δ of all calibration years the long-run risk exceeds what was promised

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


def test_confidence_that_knows_nothing_promises_nothing() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        promise = certify(rng.random(2_000) < 0.5, rng.random(2_000), rng.random(2_000) < 0.9, **USUAL)
        assert not promise.made
        assert promise.reason.startswith("impossible: to promise 2 %")
