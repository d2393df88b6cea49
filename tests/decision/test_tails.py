from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom, binomtest

from harness.decision.tails import accepted_needed, fewest_accepted, most_wrong, start, tail, tails


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


def test_tails_are_the_tail_of_each() -> None:
    wrong, accepted = np.array([0, 3, 5, 5]), np.array([149, 386, 5, 900])
    assert tails(wrong, accepted, 0.02).tolist() == [tail(k, n, 0.02) for k, n in zip(wrong, accepted, strict=True)]
    assert tails([], [], 0.02).shape == (0,)
    assert tail(5, 5, 0.02) == tail(5, 5, 0.02, 3.0) == 1.0


# clusters


@given(st.integers(0, 300), st.integers(1, 300), st.floats(0.001, 0.999), st.floats(1, 50))
def test_a_design_effect_never_makes_a_p_value_smaller(wrong: int, accepted: int, risk: float, effect: float) -> None:
    wrong = min(wrong, accepted)
    assert tail(wrong, accepted, risk, effect) >= tail(wrong, accepted, risk)


def test_a_design_effect_divides_both_counts() -> None:
    assert tail(4, 600, 0.02, 2.0) == pytest.approx(binom.cdf(2, 300, 0.02))
    assert tail(5, 600, 0.02, 2.0) == pytest.approx(beta.sf(0.02, 3.5, 297.5))
    assert tail(0, 500, 0.02, 4.0) == pytest.approx(0.98**125)


@given(st.integers(0, 20), st.sampled_from([0.02, 0.3]), st.sampled_from([1.5, 4.9]))
def test_the_fewest_accepted_with_clusters_is_the_first_that_passes(allowed: int, risk: float, effect: float) -> None:
    count = fewest_accepted(allowed, risk, 0.05, effect)
    assert tail(allowed, count, risk, effect) <= 0.05 < tail(allowed, count - 1, risk, effect)
    assert most_wrong(count, risk, 0.05, effect) == allowed
    assert start(10 * count / 7 + 1, risk, 0.05, effect) == (count, allowed)


# how many would have been needed


@pytest.mark.parametrize("effect", [1.0, 3.0])
@pytest.mark.parametrize("true_risk", [0.0, 0.001, 0.005, 0.015])
def test_the_number_needed_is_the_first_that_passes(true_risk: float, effect: float) -> None:
    count = accepted_needed(true_risk, 0.02, 0.05 / 3, effect)
    assert count is not None

    def p_value(n: int) -> float:
        return float(beta.sf(0.02, true_risk * n / effect + 1, (1 - true_risk) * n / effect))

    assert p_value(count) <= 0.05 / 3 < p_value(count - 1)


def test_no_number_is_enough_where_the_risk_is_not_below() -> None:
    assert accepted_needed(0.0, 0.02, 0.05 / 3) == 203
    assert accepted_needed(0.02, 0.02, 0.05) is None
    assert accepted_needed(0.5, 0.02, 0.05) is None
    assert accepted_needed(0.02 * (1 - 1e-12), 0.02, 0.05) is None, "more than there will ever be"
