from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binomtest

from harness.decision.audit import Blame, blame, more_needed, verdict, verdict_of


@pytest.mark.parametrize(("n", "kept", "broken"), [(500, 3, 18), (700, 6, 23), (900, 9, 28)])
def test_how_many_wrong_ones_make_a_verdict_at_2_percent(n: int, kept: int, broken: int) -> None:
    names = [verdict(wrong, n, 0.02).name for wrong in (0, kept, kept + 1, broken - 1, broken, n)]
    assert names == ["kept", "kept", "undecided", "undecided", "broken", "broken"]


@given(st.integers(1, 3_000), st.floats(0, 1), st.sampled_from([0.01, 0.02, 0.05, 0.2]))
def test_verdict_from_the_binomial_tails(n: int, share: float, risk: float) -> None:
    wrong = round(share * share * n)
    found = verdict(wrong, n, risk)
    rarely_fewer = binomtest(wrong, n, risk, "less").pvalue
    rarely_more = binomtest(wrong, n, risk, "greater").pvalue
    if min(abs(rarely_fewer - 0.025), abs(rarely_more - 0.025)) > 1e-9:
        assert (found.name == "kept") == (rarely_fewer < 0.025)
        assert (found.name == "broken") == (rarely_more < 0.025)
    assert found.risk == wrong / n


def test_the_bounds_themselves() -> None:
    assert verdict_of(0.0, 0.02, 0.02) == "kept"
    assert verdict_of(0.02, 0.1, 0.02) == "undecided"
    assert verdict_of(0.0201, 0.1, 0.02) == "broken"


def test_sentences() -> None:
    assert verdict(3, 500, 0.02).sentence == (
        "kept: 3 of 500 automatic certificates are wrong: 0.60 %, exact 95 % interval 0.12 % to 1.74 %; "
        "the whole interval is at or below the promised 2 %"
    )
    assert "which is normal at some hundred certificates" in verdict(1, 100, 0.02).sentence
    assert verdict(1, 100, 0.02).sentence.startswith("undecided: 1 of 100 automatic certificates is wrong")
    assert verdict(90, 100, 0.02).sentence.endswith("the whole interval is above the promised 2 %")


def test_without_a_certificate_nothing_is_known() -> None:
    found = verdict(0, 0, 0.02)
    assert (found.name, found.risk, found.low, found.high) == ("undecided", None, None, None)
    assert found.sentence == "undecided: no automatic certificate was audited"
    more = more_needed(0, 0, 0.02)
    assert more.accepted is None
    assert more.reason == "no automatic certificate was audited, so the risk is not known at all"


def test_more_worked_by_hand() -> None:
    """Without a wrong one .98 ** n must come down to .025: 183 certificates."""
    assert more_needed(0, 50, 0.02).accepted == 133
    assert more_needed(0, 182, 0.02).accepted == 1
    assert more_needed(0, 183, 0.02).accepted == 0
    assert more_needed(18, 500, 0.02).accepted == 0
    same = more_needed(10, 500, 0.02)
    assert same.accepted is None
    assert same.reason == "the risk seen is the promised 2 % itself: no number would tell them apart"


@given(st.integers(20, 1_500), st.integers(0, 60), st.sampled_from([0.02, 0.05]))
def test_more_is_the_fewest_whose_interval_leaves_the_promise_out(n: int, wrong: int, risk: float) -> None:
    if wrong > n or wrong / n == risk or verdict(wrong, n, risk).name != "undecided":
        return
    found = more_needed(wrong, n, risk).accepted
    assert found is not None
    assert found > 0

    def told(total: int) -> bool:
        k = wrong / n * total
        low = beta.ppf(0.025, k, total - k + 1) if wrong else 0.0
        return bool(beta.ppf(0.975, k + 1, total - k) <= risk if wrong / n < risk else low > risk)

    assert told(n + found)
    assert not told(n + found - 1)


def test_blame_counts_each_code_and_names_the_most_frequent_first() -> None:
    pairs = [
        ({"A", "B"}, {"A", "B"}),
        ({"A"}, {"A", "C"}),
        ({"A", "B"}, {"C"}),
        (set(), {"D"}),
    ]
    assert blame(pairs) == (Blame("C", 2, 0), Blame("A", 0, 1), Blame("B", 0, 1), Blame("D", 1, 0))
    assert blame([]) == ()
