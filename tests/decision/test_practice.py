from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from harness.corpus.certificate import Corpus, LabelSet, Texts, indicator, strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.decision.practice import (
    Change,
    PastShare,
    PracticeReference,
    YearCounts,
    count,
    fisher,
    least_p_value,
    practice,
)
from harness.decision.watch import Watch
from harness.errors import BundleError

LIST = CodeList((CodeEntry("A", "smoke"), CodeEntry("B", "water", ("wet",)), CodeEntry("C", "fall", valid_from=2020)))
LABELS = LabelSet(("A", "B", "Z"))


def corpus(year: int, *certificates: tuple[str, str, str]) -> Corpus:
    """Each certificate: part I, part II, codes."""
    columns = np.array([LABELS.index[code] for *_, codes in certificates for code in codes], np.int64)
    first = np.cumsum([0, *(len(codes) for *_, codes in certificates)])
    texts = Texts(
        ids=strings([f"id-{i}" for i in range(len(certificates))]),
        years=np.full(len(certificates), year, np.int16),
        first_line=2 * np.arange(len(certificates) + 1, dtype=np.int64),
        lines=strings([text for one, other, _ in certificates for text in (one, other)]),
        parts=np.tile(np.array([1, 2], np.int8), len(certificates)),
        intervals=None,
        covariates={},
    )
    return Corpus(texts, LABELS, indicator(first, columns, len(LABELS)), None)


WATCH = Watch.learnt(corpus(2000), Knowledge(LIST))


def counts(year: int, *shares: tuple[int, int], part2: tuple[tuple[int, int], ...] = ()) -> YearCounts:
    """``shares``: coded and holders of A, B and C; missing ones are 0 of 0."""
    parts = [[*shares, *[(0, 0)] * (3 - len(shares))], [*part2, *[(0, 0)] * (3 - len(part2))]]
    return YearCounts(
        year,
        1000,
        np.array([[holders for _, holders in part] for part in parts]),
        np.array([[coded for coded, _ in part] for part in parts]),
    )


def oracle(a: int, b: int, c: int, d: int) -> float:
    return float(fisher_exact(np.array([[a, b], [c, d]])).pvalue)


def reference(*years: YearCounts) -> PracticeReference:
    return PracticeReference(WATCH, years)


def test_counts_by_hand() -> None:
    given_ = corpus(
        2018, ("smoke", "", "A"), ("smoke", "smoke wet", "B"), ("", "smoke", "AZ"), ("", "Water", ""), ("rest", "", "A")
    )
    found = count(WATCH, given_.texts, given_.labels, given_.codes, 2018)
    assert found.n == 5
    assert found.holders.tolist() == [[3, 2, 0], [1, 2, 0]]
    assert found.coded.tolist() == [[2, 1, 0], [1, 1, 0]]
    twice = found + found
    assert (twice.n, twice.holders.tolist()) == (10, [[6, 4, 0], [2, 4, 0]])


def test_a_changed_code_rings_and_the_others_do_not() -> None:
    past = [counts(year, (95, 100), (50, 100)) for year in (2016, 2017, 2018)]
    state = practice(reference(*past), counts(2019, (10, 60), (31, 60)))
    assert state.rings
    assert state.silent is None
    (change,) = state.changes
    assert (change.code, change.part, change.year, change.direction) == ("A", "all", 2019, -1)
    assert (change.holders, change.coded, change.share) == (60, 10, 10 / 60)
    assert [(p.year, p.holders, p.coded, p.share) for p in change.past] == [
        (y, 100, 95, 0.95) for y in (2016, 2017, 2018)
    ]
    assert change.words == ("smoke",)
    assert change.p_value == pytest.approx(oracle(10, 50, 95, 5))
    assert "10 of 60" in change.sentence
    assert "2018: 95 of 100" in change.sentence


def test_the_largest_p_value_counts() -> None:
    past = [counts(2016, (20, 100)), counts(2017, (98, 100)), counts(2018, (99, 100))]
    assert practice(reference(*past[1:]), counts(2019, (10, 60))).rings
    assert not practice(reference(*past), counts(2019, (10, 60))).rings


def test_part_two_is_tested_apart() -> None:
    past = counts(2018, (95, 100), part2=((48, 50),))
    state = practice(reference(past), counts(2019, (92, 100), part2=((5, 40),)))
    assert [(change.code, change.part) for change in state.changes] == [("A", "part2")]
    assert "part II only" in state.changes[0].sentence
    assert state.tests == 2


def test_the_level_is_shared_by_tests_and_looks() -> None:
    past, now = counts(2018, (50, 50), (40, 50)), counts(2019, (24, 30), (24, 30))
    p_value = oracle(24, 6, 50, 0)
    assert practice(reference(past), now, level=2.01 * p_value).rings
    assert not practice(reference(past), now, level=1.99 * p_value).rings
    state = practice(reference(past), now, level=7.9 * p_value, looks=4)
    assert (state.rings, state.tests) == (False, 8)
    assert practice(reference(past), now, level=8.1 * p_value, looks=4).rings


def test_codes_with_too_few_holders_to_ring_share_no_level() -> None:
    past, now = counts(2018, (50, 50), (3, 5)), counts(2019, (24, 30), (1, 1))
    assert practice(reference(past), now).tests == 1


def test_an_older_year_with_too_few_holders_is_left_out_but_not_the_newest() -> None:
    old, new = counts(2017, (1, 1)), counts(2018, (0, 80))
    state = practice(reference(old, new), counts(2019, (10, 10)))
    assert [past.year for past in state.changes[0].past] == [2018]
    swapped = practice(reference(counts(2017, (0, 80)), counts(2018, (0, 1))), counts(2019, (10, 10)))
    assert not swapped.rings
    assert swapped.tests == 0


def test_a_year_without_holders_is_passed_over() -> None:
    state = practice(reference(counts(2017, (0, 80)), counts(2018)), counts(2019, (30, 30)))
    assert [past.year for past in state.changes[0].past] == [2017]
    assert state.changes[0].direction == 1


def test_what_the_list_announces_does_not_ring() -> None:
    now = counts(2020, (0, 0), (0, 0), (30, 30))
    assert not practice(reference(counts(2019, (0, 0), (0, 0), (0, 80))), now).rings
    withheld = CodeList(tuple(CodeEntry(entry.code, entry.title, entry.synonyms) for entry in LIST.entries))
    blind = PracticeReference(Watch.learnt(corpus(2000), Knowledge(withheld)), (counts(2019, (0, 0), (0, 0), (0, 80)),))
    assert [change.code for change in practice(blind, now).changes] == ["C"]
    later = practice(reference(counts(2020, (0, 0), (0, 0), (80, 80))), counts(2021, (0, 0), (0, 0), (0, 30)))
    assert [change.code for change in later.changes] == ["C"]


@pytest.mark.parametrize(
    ("past", "now", "why"),
    [
        ((), counts(2019, (3, 30)), "no past year"),
        ((counts(2018, (30, 30)),), counts(2019), "no certificate holds"),
        ((counts(2018, (30, 30)),), counts(2019, (0, 0), (3, 30)), "had them in a past year"),
        ((counts(2018, (10, 10)),), counts(2019, (0, 1)), "too few"),
        ((counts(2019, (30, 30)),), counts(2019, (3, 30)), "no past year"),
    ],
)
def test_silence_has_a_reason(past: tuple[YearCounts, ...], now: YearCounts, why: str) -> None:
    state = practice(reference(*past), now)
    assert not state.rings
    assert state.tests == 0
    assert state.silent is not None
    assert why in state.silent


def test_the_most_significant_stands_first() -> None:
    past = counts(2018, (100, 100), (100, 100))
    state = practice(reference(past), counts(2019, (50, 100), (20, 100)))
    assert [change.code for change in state.changes] == ["B", "A"]
    assert state.changes[0].p_value < state.changes[1].p_value


def test_small_counts_stay_unsaid() -> None:
    state = practice(reference(counts(2018, (100, 100))), counts(2019, (3, 40)))
    assert "under 5 of 40" in state.changes[0].sentence
    assert " 3 of" not in state.changes[0].sentence
    state = practice(reference(counts(2018, (0, 100))), counts(2019, (297, 300)))
    assert "2019 that hold its own words, all but under 5 of 300 carry it (2018: 0 of 100; p unsaid" in (
        state.changes[0].sentence
    )
    state = practice(reference(counts(2018, (300, 300))), counts(2019, (0, 4)))
    assert "none of under 5 carry it (2018: 300 of 300; p unsaid, as a count is under 5)" in state.changes[0].sentence


def test_no_small_count_follows_from_a_sentence() -> None:
    """Whatever is said of a share or of the whole leaves several counts open where one is under five."""
    sentences: dict[str, set[tuple[int, int]]] = {}
    for holders in range(1, 40):
        for coded in range(holders + 1):
            said = Change(
                "A", "all", 2019, holders, coded, 0.0, (PastShare(2018, 90, 80),), coded / 7.0, 1, ()
            ).sentence
            sentences.setdefault(said, set()).add((coded, holders))
            past = Change(
                "A", "all", 2019, 90, 80, 0.0, (PastShare(2018, holders, coded),), coded / 7.0, 1, ()
            ).sentence
            assert ("p unsaid" in past) == ("p unsaid" in said)
    for said, counts_ in sentences.items():
        with_code, without = {coded for coded, _ in counts_}, {holders - coded for coded, holders in counts_}
        for open_ in (with_code, without):
            assert len(open_) > 1 or open_ == {0} or min(open_) >= 5, said
    assert any("words, 5 of 20 carry it (2018: 80 of 90; p = 0.71)" in said for said in sentences)


def test_learnt_counts_the_newest_years_of_all_corpora() -> None:
    train = [corpus(year, ("smoke", "", "A"), ("rest", "", "")) for year in (2014, 2015, 2016)]
    whole = Corpus(
        *(lambda texts, codes: (texts, LABELS, codes, None))(
            _joined([one.texts for one in train]),
            indicator(np.array([0, 1, 1, 2, 2, 3, 3]), np.zeros(3, np.int64), len(LABELS)),
        )
    )
    later = corpus(2016, ("water", "", ""))
    found = PracticeReference.learnt([whole, later, corpus(2017, ("", "wet", "B"))], Knowledge(LIST), past=3)
    assert [year.year for year in found.years] == [2015, 2016, 2017]
    assert [year.n for year in found.years] == [2, 3, 1]
    assert [year.holders[0].tolist() for year in found.years] == [[1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert [year.coded[1].tolist() for year in found.years] == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]


def _joined(parts: list[Texts]) -> Texts:
    lines = [line for part in parts for line in part.lines.to_pylist()]
    n = sum(map(len, parts))
    return Texts(
        strings([f"id-{i}" for i in range(n)]),
        np.concatenate([part.years for part in parts]),
        2 * np.arange(n + 1, dtype=np.int64),
        strings(lines),
        np.concatenate([part.parts for part in parts]),
        None,
        {},
    )


def test_saved_and_loaded(tmp_path: Path) -> None:
    made = reference(counts(2017, (3, 30)), counts(2018, (30, 30), part2=((1, 2),)))
    made.save(tmp_path / "practice")
    again = PracticeReference.load(tmp_path / "practice")
    now = counts(2019, (30, 30))
    assert practice(again, now) == practice(made, now)
    assert [year.holders.tolist() for year in again.years] == [year.holders.tolist() for year in made.years]


def test_counts_of_other_codes_are_refused(tmp_path: Path) -> None:
    reference(counts(2018, (3, 30))).save(tmp_path)
    path = tmp_path / "practice.json"
    said = json.loads(path.read_text())
    said["years"][0]["holders"] = said["years"][0]["coded"] = [[1], [1]]
    path.write_text(json.dumps(said))
    with pytest.raises(BundleError, match="3 watched codes"):
        PracticeReference.load(tmp_path)


TABLES = st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(0, 400)] * 2)


@given(st.lists(TABLES, min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_p_values_are_fishers(tables: list[tuple[int, int, int, int]]) -> None:
    a, b, c, d = np.array(tables, dtype=np.int64).T
    wanted = [oracle(w, x, y, z) for w, x, y, z in tables]
    np.testing.assert_allclose(fisher(a, a + b, c, c + d), wanted, rtol=1e-6, atol=1e-12)


def test_p_values_in_blocks_and_of_large_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    holders, past = rng.integers(1, 5000, 40), rng.integers(1, 90_000, 40)
    coded, before = rng.binomial(holders, 0.4), rng.binomial(past, 0.41)
    whole = fisher(coded, holders, before, past)
    monkeypatch.setattr("harness.decision.practice.BLOCK", 700)
    np.testing.assert_allclose(fisher(coded, holders, before, past), whole, rtol=1e-9)
    some = [oracle(coded[i], holders[i] - coded[i], before[i], past[i] - before[i]) for i in range(3)]
    np.testing.assert_allclose(whole[:3], some, rtol=1e-6)


@given(st.integers(0, 6), st.integers(0, 6))
@settings(max_examples=25, deadline=None)
def test_the_least_p_value_is_the_least_over_all_codes(holders: int, past: int) -> None:
    every = [oracle(a, holders - a, b, past - b) for a in range(holders + 1) for b in range(past + 1)]
    wanted = min(every) if holders and past else 1.0
    assert math.isclose(float(least_p_value(np.array([holders]), np.array([past]))[0]), wanted, rel_tol=1e-9)


def test_false_rings_keep_their_level() -> None:
    """Nothing changes, many rare codes and few frequent ones: the alarm rings in at most its level of seasons."""
    rng = np.random.default_rng(4)
    n_codes, draws, rung = 60, 250, 0
    code_list = CodeList(tuple(CodeEntry(f"K{i:02}", f"word{i}") for i in range(n_codes)))
    watch = Watch.learnt(corpus(2000), Knowledge(code_list))
    for _ in range(draws):
        mean = rng.lognormal(1.5, 1.5, (2, n_codes))
        share = rng.uniform(0, 1, (2, n_codes))

        def season(year: int, size: float, mean: object = mean, share: object = share) -> YearCounts:
            holders = rng.poisson(size * np.asarray(mean))
            return YearCounts(year, 0, holders, rng.binomial(holders, np.asarray(share)))

        found = PracticeReference(watch, (season(2018, 3.0),))
        rung += practice(found, season(2019, 1.0), level=0.2).rings
    assert 0 < rung / draws <= 0.2 + 3 * math.sqrt(0.2 * 0.8 / draws)
