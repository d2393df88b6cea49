from __future__ import annotations

import json
import math
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.risk_control import FWERFixedSequenceTesting
from scipy.stats import binom, rankdata

from harness.decision.promise import Promise, Step, certify, risk_at_start
from harness.decision.tails import accepted_needed, fewest_accepted, most_wrong, start, tail
from harness.metrics.selective import risk_coverage

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


def test_confidence_that_knows_nothing_promises_nothing() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        promise = certify(rng.random(2_000) < 0.5, rng.random(2_000), rng.random(2_000) < 0.9, **USUAL)
        assert not promise.made
        assert promise.reason.startswith("impossible: to promise 2 %")


# a step is a thousandth where that is more, so that millions do not make a sequence of millions


def test_a_step_grows_with_what_is_accepted() -> None:
    n = 20_000
    promise = certify(with_errors_at(n), falling(n), everyone(n), **(USUAL | {"expected_coverage": 0.02}))
    accepted = [step.accepted for step in promise.steps]
    expected = [promise.start]
    while expected[-1] < n:
        expected.append(min(expected[-1] + max(5, expected[-1] // 1_000), n))
    assert accepted == expected
    steps = np.diff(accepted[:-1])
    assert (steps[0], steps[-1]) == (5, 19)
    assert (np.diff(steps) >= 0).all()


# two units at once; clusters; what would have been needed


def test_two_units_share_what_may_be_wrong() -> None:
    n = 1000
    one = certify(with_errors_at(n), falling(n), everyone(n), **(USUAL | {"expected_coverage": 0}))
    both = certify(with_errors_at(n), falling(n), everyone(n), **(USUAL | {"expected_coverage": 0, "promises": 2}))
    assert (one.promises, both.promises, both.candidates) == (1, 2, 3)
    assert both.delta == pytest.approx(0.05 / 6)
    assert (one.start, both.start) == (203, 237)  # ln(0.05 / 6) / ln(0.98) is 236.98
    assert both.reason.startswith("promised 2 % at 95 % for 3 candidates and 2 units: of 1,000")


@given(cases(), st.sampled_from([1.0, 1.3, 2.0, 5.0]))
def test_clusters_never_allow_more(case: tuple[Bools, Floats, Bools], effect: float) -> None:
    errors, confidence, eligible = case
    without = certify(errors, confidence, eligible, **(LOOSE | {"expected_coverage": 0}))
    # The same sequence, so that the two can be compared: expecting nothing, both start where none may be wrong.
    with_them = certify(errors, confidence, eligible, **(LOOSE | {"expected_coverage": 0, "design_effect": effect}))
    assert with_them.design_effect == effect
    assert with_them.start >= without.start
    assert all(
        step.p_value >= binom.cdf(step.wrong, step.accepted, 0.3) * (1 - 1e-9) and step.passed == (step.p_value <= 0.3)
        for step in with_them.steps
    )
    if effect == 1.0:
        assert with_them == without


def test_clusters_by_hand() -> None:
    n = 1000
    asked = USUAL | {"candidates": 1, "expected_coverage": 0, "design_effect": 2.5}
    promise = certify(with_errors_at(n), falling(n), everyone(n), **asked)
    assert promise.start == 371  # 2.5 * 148.28, rounded up
    assert promise.steps[0].p_value == pytest.approx(0.98 ** (371 / 2.5))
    assert "at 95 % for 1 candidate with a design effect of 2.50 for clusters: of" in promise.reason


def test_impossible_says_what_validations_risk_would_take() -> None:
    n = 1000
    errors = with_errors_at(n, 0, 7)
    asked = USUAL | {"expected_coverage": 0}
    assert certify(errors, falling(n), everyone(n), **asked).needed is None
    some = certify(errors, falling(n), everyone(n), **(asked | {"validation_risk": 0.005}))
    accepted = accepted_needed(0.005, 0.02, some.delta)
    assert accepted is not None
    assert some.needed == math.ceil(accepted * 1000 / 203) > n
    assert some.reason.endswith(
        f"but hold 2; at validation's risk of 0.5 % among its most confident about {some.needed:,} calibration "
        "certificates would be needed, and there are 1,000"
    )
    worse = certify(errors, falling(n), everyone(n), **(asked | {"validation_risk": 0.0}))
    assert worse.needed == 1000
    assert worse.reason.endswith("about 1,000 calibration certificates would do: calibration errs more")
    for hopeless in (0.02, 0.3):
        never = certify(errors, falling(n), everyone(n), **(asked | {"validation_risk": hopeless}))
        assert never.needed is None
        assert never.reason.endswith("among its most confident no number of certificates is enough")


def test_impossible_for_want_of_certificates_says_what_it_would_take() -> None:
    gate = np.arange(1000) < 100
    few = certify(with_errors_at(1000), falling(1000), gate, **(USUAL | {"validation_risk": 0.0}))
    assert (few.steps, few.needed) == ((), 2030)  # 203 where a tenth passes the gate
    none = certify(with_errors_at(1000), falling(1000), ~everyone(1000), **(USUAL | {"validation_risk": 0.0}))
    assert (none.made, none.needed) == (False, None)
    assert none.reason.endswith("203 would be enough, but the gate passes none")
    empty = certify(with_errors_at(0), falling(0), everyone(0), **USUAL)
    assert (empty.made, empty.coverage, empty.n) == (False, 0.0, 0)
    assert empty.reason.startswith("impossible: 0 certificates passed the gate")


def test_where_a_promise_is_made_nothing_is_needed() -> None:
    promise = certify(with_errors_at(1000), falling(1000), everyone(1000), **(USUAL | {"validation_risk": 0.3}))
    assert promise.made
    assert promise.needed is None


def test_risk_at_start() -> None:
    errors = with_errors_at(1000, 3, 500, 900, 901)
    curve = risk_coverage(errors, falling(1000))
    assert risk_at_start(curve, 0.5) == 1 / 350
    assert risk_at_start(curve, 1.0) == 2 / 700
    assert risk_at_start(curve, 0.0) == 0.0
    assert risk_at_start(risk_coverage(~errors, falling(1000)), 0.0) == 0.75  # 3 of the first 4
    gated = risk_coverage(errors, falling(1000), np.arange(1000) < 100)
    assert risk_at_start(gated, 0.5) == 1 / 100, "fewer than the start: all there are"
    assert risk_at_start(risk_coverage(errors, np.full(1000, np.nan)), 0.5) is None


def test_a_promise_written_before_there_were_units() -> None:
    promise = certify(with_errors_at(300), falling(300), everyone(300), **USUAL)
    written = promise.to_dict()
    for name in ("unit", "promises", "design_effect", "needed", "lines", "wrong_lines", "n_lines"):
        del written[name]
    assert Promise.from_dict(written) == promise
    assert promise.unit == "certificate"
