from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta

from harness.metrics.sequential import call, evidence, expected_n, fewest, log_broken, log_kept

Log = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64], float], npt.NDArray[np.float64]]
LOG_20 = math.log(20)


def value(log: Log, wrong: float, n: float, risk: float) -> float:
    return float(np.exp(log(np.array([wrong]), np.array([n]), risk)[0]))


def test_worked_by_hand() -> None:
    """At r = 1/2 the bet is spread evenly: kept after a right one is ∫ 2 (1 − q) / (1/2) dq over [0, 1/2]."""
    assert value(log_kept, 0, 1, 0.5) == pytest.approx(1.5)
    assert value(log_kept, 1, 1, 0.5) == pytest.approx(0.5)
    assert value(log_broken, 1, 1, 0.5) == pytest.approx(1.5)
    assert value(log_broken, 0, 1, 0.5) == pytest.approx(0.5)
    assert value(log_kept, 1, 2, 0.5) == pytest.approx(2 / 3)


@pytest.mark.parametrize("risk", [0.01, 0.02, 0.05, 0.3])
@pytest.mark.parametrize(("wrong", "n"), [(0, 0), (0, 40), (1, 40), (5, 90), (30, 60), (2.5, 70.5)])
def test_equals_the_integral(risk: float, wrong: float, n: float) -> None:
    prior = beta(1, 1 / risk - 1)

    def ratio(q: float) -> float:
        bet = wrong * math.log(q / risk) + (n - wrong) * math.log((1 - q) / (1 - risk))
        return float(prior.pdf(q)) * math.exp(bet)

    peak = [min(max(wrong / max(n, 1), 1e-6), 1 - 1e-6)]
    low = quad(ratio, 1e-300, risk, points=[p for p in peak if p < risk] or None, epsabs=0, limit=200)[0]
    high = quad(ratio, risk, 1 - 1e-12, points=[p for p in peak if p > risk] or None, epsabs=0, limit=200)[0]
    assert value(log_kept, wrong, n, risk) == pytest.approx(low / prior.cdf(risk), rel=1e-6)
    assert value(log_broken, wrong, n, risk) == pytest.approx(high / prior.sf(risk), rel=1e-6)


@given(st.integers(0, 400), st.integers(0, 60), st.floats(0.005, 0.5), st.floats(0, 1))
def test_no_bet_is_expected_to_win_while_its_hypothesis_holds(
    right: int, wrong: int, risk: float, share: float
) -> None:
    n = right + wrong
    for log, true_risk in ((log_kept, risk + share * (1 - risk)), (log_broken, share * risk)):
        now = value(log, wrong, n, risk)
        won, lost = value(log, wrong + 1, n + 1, risk), value(log, wrong, n + 1, risk)
        assert true_risk * won + (1 - true_risk) * lost <= now * (1 + 1e-9)
        assert risk * won + (1 - risk) * lost == pytest.approx(now, rel=1e-9)


def crossing(log: Log, true_risk: float, risk: float, n: int) -> npt.NDArray[np.float64]:
    """The exact probability that 20 is reached by each count up to n, step by step over the number of wrong ones."""
    most = int(true_risk * n + 12 * math.sqrt(true_risk * n) + 20)
    wrong = np.arange(most + 1)
    still = np.zeros(most + 1)
    still[0] = 1.0
    crossed, found = 0.0, np.empty(n)
    for step in range(1, n + 1):
        still[1:] = still[1:] * (1 - true_risk) + still[:-1] * true_risk
        still[0] *= 1 - true_risk
        there = wrong <= step
        over = np.zeros(most + 1, dtype=bool)
        over[there] = log(wrong[there].astype(float), np.full(there.sum(), float(step)), risk) >= LOG_20
        crossed += float(still[over].sum())
        still[over] = 0.0
        found[step - 1] = crossed
    return found


@pytest.mark.parametrize("log", [log_kept, log_broken])
@pytest.mark.parametrize("risk", [0.02, 0.05])
def test_the_boundary_is_crossed_by_at_most_a_twentieth_of_all_streams(log: Log, risk: float) -> None:
    reached = crossing(log, risk, risk, 3_000)[-1]
    assert 0.015 < reached <= 0.05  # a bet that never wins would pass too


@pytest.mark.parametrize(
    ("log", "true_risk", "median", "nine_tenths"),
    [
        (log_kept, 0.005, 325, 808),
        (log_kept, 0.01, 972, 2_468),
        (log_broken, 0.04, 394, 972),
        (log_broken, 0.08, 78, 170),
    ],
)
def test_how_soon_it_calls(log: Log, true_risk: float, median: int, nine_tenths: int) -> None:
    """Another program found these by simulation."""
    reached = crossing(log, true_risk, 0.02, int(nine_tenths * 1.3))
    assert int(np.searchsorted(reached, 0.5)) + 1 == pytest.approx(median, rel=0.08)
    assert int(np.searchsorted(reached, 0.9)) + 1 == pytest.approx(nine_tenths, rel=0.12)


@given(st.lists(st.booleans(), max_size=30), st.floats(0.01, 0.5))
def test_a_sequence_is_its_counts(errors: list[bool], risk: float) -> None:
    found = evidence(np.array(errors, dtype=bool), risk)
    for n in range(1, len(errors) + 1):
        assert math.exp(found.kept[n - 1]) == pytest.approx(value(log_kept, sum(errors[:n]), n, risk))
        assert math.exp(found.broken[n - 1]) == pytest.approx(value(log_broken, sum(errors[:n]), n, risk))


def test_a_call_stands_once_it_was_made() -> None:
    found = call(np.log([2.0, 25.0, 19.0, 30.0, 4.0]))
    assert (found.value, found.largest) == pytest.approx((4.0, 30.0))
    assert found.at == 2
    assert call(np.log([0.5, 19.9])).at is None
    assert call(np.log([0.5, 0.4])).largest == 1.0
    nothing = call(np.empty(0))
    assert (nothing.value, nothing.largest, nothing.at) == (1.0, 1.0, None)


def test_millions_stay_finite() -> None:
    found = evidence(np.zeros(3_000_000, dtype=bool), 0.02)
    kept, broken = call(found.kept), call(found.broken)
    assert math.isfinite(kept.largest)
    assert kept.at == int(np.flatnonzero(found.kept >= LOG_20)[0]) + 1
    assert broken.value == 0.0
    assert broken.at is None


@pytest.mark.parametrize(("wrong", "n", "log"), [(1, 100, log_kept), (4, 100, log_broken), (0, 0, log_kept)])
def test_expected_is_the_first_of_the_mean_sequence(wrong: int, n: int, log: Log) -> None:
    rate = wrong / n if n else 0.005
    found = expected_n(wrong, n, rate, 0.02)
    assert found is not None
    more = found - n
    assert value(log, wrong + rate * more, n + more, 0.02) >= 20
    assert value(log, wrong + rate * (more - 1), n + more - 1, 0.02) < 20


def test_expected_where_it_is_there_or_never_will_be() -> None:
    assert expected_n(0, 500, 0.0, 0.02) == 500
    assert expected_n(2, 100, 0.02, 0.02) is None
    assert expected_n(2, 100, 0.02 + 1e-9, 0.02) is None


@given(st.integers(0, 1_000), st.integers(0, 1_000))
def test_fewest(first: int, most: int) -> None:
    assert fewest(lambda n: n >= first, most) == (first if first <= max(most, 1) else None)
