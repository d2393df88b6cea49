"""Both alarms on held-out years: their numbers against the alarms' own, and what may leave the office."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact, t

from harness.corpus.certificate import LabelSet
from harness.decision.drift import STATISTICS, DriftReference, words_alarm
from harness.decision.practice import FEWEST, PracticeReference, YearCounts, practice
from harness.decision.summaries import Pair, YearSummary
from harness.decision.watch import Owned, Watch
from harness.experiment.alarms import (
    MEASURES,
    NO_LATER,
    SHOWN,
    UNSAID,
    practice_rows,
    words_rows,
)
from harness.files import Row
from harness.production.predict import RATE

NAMES = "alarm year model measure code title expected found low high p_value rings n reason"
KEYS = NAMES.split()

# Words ----------------------------------------------------------------------------------------------------------------


def summary(year: int, words: int, texts: int, codes: Sequence[int] = (300, 200), n: int = 1000) -> YearSummary:
    return YearSummary(year, n, words, texts, np.array([n // 2, n - n // 2]), np.array(codes))


def drift(n_pairs: int = 6) -> DriftReference:
    pairs = []
    for place in range(n_pairs):
        shift = (place * 37) % 5
        before = summary(2000 + place, 40 + shift, 200 - shift, (300 + shift, 200))
        after = summary(2001 + place, 44 - shift, 210 + 2 * shift, (295, 210 - 3 * shift))
        pairs.append(Pair(before, after))
    edges = np.array([0.5])
    return DriftReference(summary(2010, 45, 205), LabelSet(("A", "B")), edges, 1.0, tuple(pairs))


@pytest.mark.parametrize("unseen", [0, 30, 60, 200, 1000])
def test_rows_of_words_say_what_the_alarm_says(unseen: int) -> None:
    now = summary(2011, unseen, 220, (310, 190))
    rows = words_rows("linear-0", drift(), now)
    state = words_alarm(drift(), now, RATE)
    assert all(list(row) == KEYS for row in rows)
    assert [row["measure"] for row in rows] == [STATISTICS[one.name] for one in state.statistics]
    assert any(row["rings"] for row in rows) == state.rings
    for row, one in zip(rows, state.statistics, strict=True):
        assert (row["alarm"], row["year"], row["model"], row["n"]) == ("words", 2011, "linear-0", 1000)
        assert (row["found"], row["expected"], row["rings"]) == (one.value, one.reference, one.rings)
        assert (row["code"], row["title"], row["low"]) == (None, None, None)
        if one.alarm_possible:
            assert one.standardised is not None
            assert t.isf(row["p_value"], one.pairs - 1) == pytest.approx(one.standardised)
        else:  # past years have true codes alone, and no confidence; 0 pairs
            assert (row["p_value"], row["rings"]) == (None, None)


def test_a_share_rings_beyond_its_limit_and_not_at_it() -> None:
    (limit,) = (row["high"] for row in words_rows("m", drift(), summary(2011, 45, 205)) if row["measure"] == WORDS)
    most = round(limit * 1000)
    assert limit == most / 1000
    assert 45 < most < 1000

    def rings(unseen: int) -> bool:
        rows = words_rows("m", drift(), summary(2011, unseen, 205))
        return next(bool(row["rings"]) for row in rows if row["measure"] == WORDS)

    assert [rings(most), rings(most + 1)] == [False, True]


WORDS, TEXTS, CODES = (STATISTICS[name] for name in ("words", "texts", "codes"))


def test_a_distance_has_a_p_value_and_no_limit() -> None:
    rows = {row["measure"]: row for row in words_rows("m", drift(), summary(2011, 45, 205, (900, 10)))}
    assert rows[CODES]["rings"] is True
    assert rows[CODES]["high"] is None
    assert rows[CODES]["p_value"] < 0.01
    assert rows[TEXTS]["high"] > rows[TEXTS]["found"]


def test_too_few_past_years_are_a_reason_and_no_silence() -> None:
    rows = words_rows("m", drift(4), summary(2011, 1000, 1000))
    assert {row["rings"] for row in rows} == {None}
    assert {row["high"] for row in rows} == {row["p_value"] for row in rows} == {None}
    assert all("4 of the 5 pairs" in row["reason"] for row in rows if row["measure"] in (WORDS, TEXTS, CODES))
    assert next(row["found"] for row in rows if row["measure"] == WORDS) == 1.0


def test_a_year_no_later_than_calibration_has_no_words_alarm() -> None:
    (row,) = words_rows("m", drift(), summary(2010, 45, 205))
    assert (row["measure"], row["rings"], row["reason"], row["n"]) == (None, None, NO_LATER, 1000)


# Practice -------------------------------------------------------------------------------------------------------------


def watch(*codes: str) -> Watch:
    """Of codes whose own words are their names."""
    listed = Owned.of(((code.lower(), column) for column, code in enumerate(codes)), len(codes))
    valid = np.tile(np.array([[-(2**15), 2**15 - 1]], dtype=np.int16), (len(codes), 1))
    return Watch(codes, listed, Owned.of((), len(codes)), np.ones(len(codes), dtype=np.int64), valid)


Shares = Sequence[tuple[int, int]]


def counts(year: int, shares: Shares, part2: Shares | None = None) -> YearCounts:
    """(coded, holders) of each code: anywhere; in part II only."""
    pairs = np.array([shares, part2 or [(0, 0)] * len(shares)], dtype=np.int64)
    return YearCounts(year, 5000, pairs[:, :, 1], pairs[:, :, 0])


def rows_of(
    past: Sequence[YearCounts], now: YearCounts, support: Sequence[int] | None = None, unsaid: Sequence[bool] = ()
) -> list[Row]:
    """With as many certificates of a code as hold its words and carry it, if left out."""
    n = now.holders.shape[1]
    reference = PracticeReference(watch(*(chr(ord("A") + place) for place in range(n))), tuple(past))
    many = now.coded[0] if support is None else np.array(support)
    return practice_rows(reference, now, many, np.array(unsaid or [False] * n), {"A": "Smoke"})


PAST = [counts(2016, [(80, 100), (50, 100)]), counts(2017, [(85, 100), (52, 100)])]


def test_rows_of_practice_by_hand() -> None:
    """A is given half as often as in any past year, B as ever."""
    first, second = rows_of(PAST, counts(2018, [(40, 100), (26, 50)]))
    assert list(first) == KEYS
    assert first == {
        "alarm": "practice",
        "year": 2018,
        "model": None,
        "measure": "its own words",
        "code": "A",
        "title": "Smoke",
        "expected": 165 / 200,
        "found": 0.4,
        "low": 0.8,
        "high": 0.85,
        "p_value": pytest.approx(fisher_exact(np.array([[40, 60], [80, 20]])).pvalue),  # the larger of both
        "rings": True,
        "n": 100,
        "reason": None,
    }
    assert (second["code"], second["rings"], second["found"], second["n"]) == ("B", False, 0.52, 50)
    assert second["p_value"] == pytest.approx(1.0)
    assert second["title"] is None


counted = st.integers(0, 60).flatmap(lambda holders: st.tuples(st.integers(0, holders), st.just(holders)))


@st.composite
def years(draw: st.DrawFn) -> list[YearCounts]:
    """Three years of four codes; what holds a code's words in part II only is a part of what holds them."""
    found = []
    for year in (2016, 2017, 2018):
        whole = draw(st.lists(counted, min_size=4, max_size=4))
        part2 = []
        for coded, holders in whole:
            mine = draw(st.integers(0, coded))
            part2.append((mine, mine + draw(st.integers(0, holders - coded))))
        found.append(counts(year, whole, part2))
    return found


@given(years())
@settings(max_examples=150)
def test_they_ring_as_the_alarm_does_with_its_p_values(drawn: list[YearCounts]) -> None:
    *past, now = drawn
    state = practice(PracticeReference(watch("A", "B", "C", "D"), tuple(past)), now)
    rows = rows_of(past, now)
    if state.silent is not None:
        assert [(row["measure"], row["rings"], row["reason"]) for row in rows] == [(None, None, state.silent)]
        return
    ringing = {(row["code"], row["measure"]): row for row in rows if row["rings"]}
    assert set(ringing) == {(change.code, MEASURES[change.part]) for change in state.changes}
    for change in state.changes:
        row = ringing[change.code, MEASURES[change.part]]
        assert row["p_value"] in (None, pytest.approx(change.p_value))
        assert row["found"] in (None, change.share)


@given(years(), st.lists(st.integers(0, 20), min_size=4, max_size=4))
@settings(max_examples=150)
def test_no_count_under_five_can_be_worked_out(drawn: list[YearCounts], elsewhere: list[int]) -> None:
    """By one who knows that a share is a fraction of n, and how many certificates carry the code."""
    *past, now = drawn
    support = now.coded[0] + np.array(elsewhere)
    known: dict[tuple[str, str], tuple[int, int]] = {}
    for row in rows_of(past, now, support.tolist()):
        if row["code"] is None:
            continue
        assert row["n"] is None or row["n"] >= FEWEST
        assert all(row[key] is not None for key in ("found", "expected", "low", "high")) or row["p_value"] is None
        if row["found"] is not None:
            coded = round(row["found"] * row["n"])
            known[row["code"], row["measure"]] = coded, row["n"]
            assert not any(0 < few < FEWEST for few in (coded, row["n"] - coded))
            assert not 0 < support["ABCD".index(row["code"])] - coded < FEWEST
    for code in "ABCD":
        both = [known.get((code, measure)) for measure in MEASURES.values()]
        if both[0] is not None and both[1] is not None:
            coded, holders = both[0][0] - both[1][0], both[0][1] - both[1][1]
            assert not any(0 < few < FEWEST for few in (coded, holders, holders - coded))


@pytest.mark.parametrize(
    ("past", "now", "support", "unsaid", "said"),
    [
        (80, 40, 40, False, {"found", "expected", "low", "high", "p_value", "n"}),
        (98, 40, 40, False, {"found", "n"}),  # two of a past year's do not carry it
        (80, 3, 3, False, {"expected", "low", "high", "n"}),
        (98, 3, 3, False, {"n"}),
        (80, 40, 43, False, set()),  # three carry the code without its words
        (80, 40, 45, False, {"found", "expected", "low", "high", "p_value", "n"}),
        (80, 40, 40, True, set()),  # few carry it in another held-out year
    ],
)
def test_small_counts_are_unsaid_and_the_alarm_rings_all_the_same(
    past: int, now: int, support: int, unsaid: bool, said: set[str]
) -> None:
    (row,) = rows_of([counts(2017, [(past, 100)])], counts(2018, [(now, 100)]), [support], [unsaid])
    assert row["rings"] is True
    assert row["code"] == "A"
    numbers = ("found", "expected", "low", "high", "p_value", "n")
    assert {name for name in numbers if row[name] is not None} == said
    assert row["reason"] == (None if len(said) == len(numbers) else UNSAID)


@pytest.mark.parametrize(("in_part1", "told"), [((0, 0), True), ((40, 80), True), ((3, 80), False), ((1, 3), False)])
def test_what_part_one_leaves_is_unsaid_too(in_part1: tuple[int, int], told: bool) -> None:
    """What holds the words anywhere, less what holds them in part II only."""
    part2 = [(30, 80)]
    whole = [(30 + in_part1[0], 80 + in_part1[1])]
    before = counts(2017, [(140, 200)], [(70, 90)])
    rows = {row["measure"]: row for row in rows_of([before], counts(2018, whole, part2))}
    assert rows[MEASURES["all"]]["found"] is not None
    assert (rows[MEASURES["part2"]]["found"] is not None) == told


def test_the_smallest_p_values_are_shown_and_all_that_ring() -> None:
    """Of 200 codes, of which 40 ring and one is held by too few to say anything."""
    past = counts(2017, [(500, 1000)] * 200)
    now = [(100, 1000)] * 40 + [(480 + place % 20, 1000) for place in range(160)]
    reference = PracticeReference(watch(*(f"C{place:03}" for place in range(200))), (past,))

    def shown(of: Shares) -> list[Row]:
        return practice_rows(reference, counts(2018, of), np.full(200, 10**4), np.zeros(200, dtype=bool), {})

    assert len(shown(now)) == 40
    assert all(row["rings"] for row in shown(now))
    found = shown([(500, 1000)] * 3 + now[40:43] + now[40:] + [(500, 1000)] * 34)
    assert len(found) == SHOWN
    assert [row["p_value"] for row in found] == sorted(row["p_value"] for row in found)
    assert not any(row["rings"] for row in found)
