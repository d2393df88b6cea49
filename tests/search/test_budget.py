from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.search.budget import Budget

SECONDS, SLOTS = 600.0, 2


def simulate(
    budget: Budget,
    length: Callable[[str, int], float],
    *,
    trials: Mapping[str, int] | None = None,
    fails: str = "",
    fits: Callable[[str, Budget], bool] = lambda name, budget: True,
) -> list[tuple[float, float, str]]:
    """Run trials as the search does, on a clock of its own; (start, end, family) of each."""
    ending: list[tuple[float, str, str]] = []
    done: list[tuple[float, float, str]] = []
    now, number = 0.0, itertools.count()
    begun = dict.fromkeys(budget.families, 0)
    while True:
        while budget.running() < budget.slots:
            for name, most in (trials or {}).items():
                if begun[name] >= most:
                    budget.families[name].closed = "all its trials were begun"
            left = budget.seconds - now
            chosen = budget.next(now, left, lambda name: fits(name, budget))
            if chosen is None:
                break
            trial = f"{chosen}-{next(number)}"
            budget.start(chosen, trial, now)
            heapq.heappush(ending, (now + length(chosen, begun[chosen]), chosen, trial))
            begun[chosen] += 1
        if not ending:
            assert budget.spent(now, budget.seconds - now)
            return done
        now, name, trial = heapq.heappop(ending)
        taken = budget.end(name, trial, now, finished=name != fails)
        done.append((now - taken, now, name))
        assert len(done) < 10_000


def used(budget: Budget) -> dict[str, float]:
    return {name: ledger.used for name, ledger in budget.families.items()}


# equal shares


@pytest.mark.parametrize("lengths", [(6, 25, 60), (1, 1, 8), (3, 30, 45), (60, 40, 20), (50, 50, 50), (2, 90, 3)])
def test_families_of_different_trial_lengths_end_within_one_trial_of_equal_shares(
    lengths: tuple[float, float, float],
) -> None:
    budget, of = Budget.of(SECONDS, SLOTS, "abc"), dict(zip("abc", lengths, strict=True))
    done = simulate(budget, lambda name, number: of[name])
    for name, spent in used(budget).items():
        assert abs(spent - SECONDS * SLOTS / 3) <= max(lengths), name
    assert max(end for _, end, _ in done) <= SECONDS


@given(st.lists(st.floats(5.0, 60.0), min_size=3, max_size=3), st.sampled_from([1, 2, 8]))
@settings(max_examples=60)
def test_no_family_uses_more_than_its_share_what_others_left_and_half_a_trial(lengths: list[float], slots: int) -> None:
    """However many of its trials run side by side, and although the end of the time may cost it some."""
    budget, of = Budget.of(SECONDS, slots, "abc"), dict(zip("abc", lengths, strict=True))
    done = simulate(budget, lambda name, number: of[name])
    share = SECONDS * slots / 3
    spent = used(budget)
    for name in spent:
        left = sum(max(0.0, share - spent[other]) for other in spent if other != name)
        assert share - slots * max(lengths) <= spent[name] <= share + left + of[name] / 2 + 1e-6
    assert max(end for _, end, _ in done) <= SECONDS + 1e-6


def test_what_a_family_cannot_use_passes_on() -> None:
    """A second trial of the slow family would not end in time, and the quick one goes on in its place."""
    budget = Budget.of(110.0, 2, "ab")
    simulate(budget, lambda name, number: {"a": 1.0, "b": 73.5}[name])
    assert used(budget)["b"] == 73.5
    assert used(budget)["a"] > 130.0


def test_slots_that_are_free_at_once_go_to_all_families() -> None:
    budget = Budget.of(SECONDS, 9, "abc")
    for name in "abc":
        budget.start(name, f"{name}-0", 0.0)
    for name in "abc":
        budget.end(name, f"{name}-0", 10.0, finished=True)
    begun = []
    for number in range(9):
        chosen = budget.next(10.0, SECONDS - 10.0)
        assert chosen is not None
        budget.start(chosen, f"{chosen}-{number}", 10.0)
        begun.append(chosen)
    assert sorted(begun) == list("aaabbbccc")


def test_the_first_trials_go_round_before_any_family_has_a_second() -> None:
    budget = Budget.of(SECONDS, 1, ("a", "b", "c"))
    done = simulate(budget, lambda name, number: 10.0)
    assert [name for _, _, name in done[:3]] == ["a", "b", "c"]


def test_a_family_waits_for_its_first_trial_before_it_has_a_second() -> None:
    budget = Budget.of(SECONDS, 4, ("a", "b"))
    assert budget.next(0.0, SECONDS) == "a"
    budget.start("a", "a-0", 0.0)
    assert budget.next(0.0, SECONDS) == "b"
    budget.start("b", "b-0", 0.0)
    assert budget.next(0.0, SECONDS) is None
    assert not budget.spent(0.0, SECONDS)
    budget.end("a", "a-0", 5.0, finished=True)
    assert budget.next(5.0, SECONDS - 5.0) == "a"


def test_running_trials_count_as_long_as_they_probably_take() -> None:
    budget = Budget.of(SECONDS, SLOTS, ("a", "b"))
    ledger = budget.families["a"]
    budget.start("a", "a-0", 10.0)
    assert ledger.expected(25.0) == 15.0  # nothing is known of it yet
    assert budget.end("a", "a-0", 30.0, finished=True) == 20.0
    budget.start("a", "a-1", 30.0)
    budget.start("a", "a-2", 40.0)
    assert ledger.expected(45.0) == 20.0 + 20.0 + 20.0
    assert ledger.expected(65.0) == 20.0 + 35.0 + 25.0
    assert ledger.used == 20.0
    assert budget.running() == 2


# what a family leaves


def test_what_a_closed_family_leaves_passes_on_in_equal_parts() -> None:
    budget = Budget.of(SECONDS, SLOTS, ("a", "b", "c"))
    assert budget.share() == 400.0
    budget.start("a", "a-0", 0.0)
    budget.end("a", "a-0", 100.0, finished=True)
    assert budget.share() == 400.0
    budget.families["a"].closed = "every choice of its space was tried"
    assert budget.share() == 550.0
    budget.families["b"].closed = "too"
    assert budget.share() == 1100.0
    budget.families["c"].closed = "too"
    assert budget.next(100.0, 500.0) is None
    assert budget.spent(100.0, 500.0)


def test_the_others_use_what_a_family_with_few_trials_leaves() -> None:
    budget = Budget.of(SECONDS, SLOTS, ("a", "b", "c"))
    simulate(budget, lambda name, number: 12.0, trials={"a": 3})
    spent = used(budget)
    assert spent["a"] == 36.0
    for name in "bc":
        assert abs(spent[name] - (SECONDS * SLOTS - 36) / 2) <= 12.0


# first trials


def test_every_family_may_try_once_however_late_it_is() -> None:
    budget = Budget.of(SECONDS, 1, ("a", "b"))
    done = simulate(budget, lambda name, number: 700.0)
    assert [name for _, _, name in done] == ["a", "b"]
    assert budget.next(1400.0, -800.0) is None


def test_a_trial_that_would_probably_not_end_in_time_is_not_begun() -> None:
    budget = Budget.of(SECONDS, 1, ("a",))
    for number, taken in enumerate((10.0, 30.0, 200.0)):  # the median is likely
        budget.start("a", f"a-{number}", 0.0)
        budget.end("a", f"a-{number}", taken, finished=True)
    assert budget.next(0.0, 30.0) == "a"
    assert budget.next(0.0, 29.0) is None


def test_a_trial_is_begun_where_at_least_half_of_it_is_within_the_share() -> None:
    budget = Budget.of(100.0, 1, ("a",))
    for number in range(2):
        budget.start("a", f"a-{number}", 0.0)
        budget.end("a", f"a-{number}", 40.0, finished=True)
    assert budget.families["a"].used == 80.0
    assert budget.next(40.0, 60.0) is None
    budget.seconds = 101.0
    assert budget.next(40.0, 60.0) == "a"


# room in the cluster


def test_a_family_that_does_not_fit_is_passed_over_and_loses_nothing() -> None:
    budget = Budget.of(SECONDS, SLOTS, ("gpu", "cpu"))
    assert budget.next(0.0, SECONDS, lambda name: name == "cpu") == "cpu"
    assert budget.next(0.0, SECONDS, lambda name: False) is None
    assert not budget.spent(0.0, SECONDS)  # there will be room when others end

    def one_at_a_time(name: str, budget: Budget) -> bool:
        return name != "gpu" or not budget.families["gpu"].running

    done = simulate(budget, lambda name, number: 20.0, fits=one_at_a_time)
    on_gpu = sorted((start, end) for start, end, name in done if name == "gpu")
    assert all(a_end <= b_start for (_, a_end), (b_start, _) in itertools.pairwise(on_gpu))
    for spent in used(budget).values():
        assert abs(spent - SECONDS) <= 20.0


# failures


def test_trials_that_fail_are_charged() -> None:
    budget = Budget.of(SECONDS, SLOTS, ("bad", "good"))
    done = simulate(budget, lambda name, number: 15.0, fails="bad")
    assert budget.families["bad"].finished == 0
    assert budget.families["bad"].failures == [name for _, _, name in done].count("bad") > 3
    for spent in used(budget).values():
        assert abs(spent - SECONDS) <= 15.0


def test_a_failed_trial_says_nothing_of_how_long_one_takes() -> None:
    budget = Budget.of(SECONDS, 1, ("a",))
    budget.start("a", "a-0", 0.0)
    budget.end("a", "a-0", 100.0, finished=False)
    assert (budget.families["a"].seconds, budget.families["a"].failures) == ([], 1)
    assert budget.next(100.0, 1.0) == "a"


@pytest.mark.parametrize("seconds", [0.0, 100.0])
def test_a_trial_that_never_began_cannot_end(seconds: float) -> None:
    budget = Budget.of(SECONDS, 1, ("a",))
    with pytest.raises(KeyError):
        budget.end("a", "a-0", seconds, finished=True)


def test_a_family_alone_need_not_wait_for_its_first_trial() -> None:
    alone = Budget.of(100.0, 2, ["a"])
    alone.start("a", "a-0", 0.0)
    assert alone.next(0.0, 100.0) == "a"
    two = Budget.of(100.0, 2, ["a", "b"])
    two.start("a", "a-0", 0.0)
    two.start("b", "b-0", 0.0)
    assert two.next(0.0, 100.0) is None
