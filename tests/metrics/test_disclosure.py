from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from harness.metrics.disclosure import LEAST, Counted, Hidden, complete, of_predicted, of_share, of_support

Bools = npt.NDArray[np.bool_]


def counted(rows: Bools, of: list[int]) -> Counted:
    """Chapters as the union of their codes; ``rows`` is dense, (n, n_codes)."""
    places = np.array(of)
    chapters = np.column_stack([rows[:, places == place].any(axis=1) for place in range(max(of) + 1)])
    return Counted(csr_array(rows.astype(np.int8)), csr_array(chapters.astype(np.int8)), places)


def apart(*counts: int) -> Bools:
    """Certificates of one code each."""
    return np.repeat(np.eye(len(counts), dtype=bool), counts, axis=0)


def hidden_codes(rows: Bools, of: list[int]) -> list[int]:
    return np.flatnonzero(of_support(counted(rows, of)).codes).tolist()


# by hand ----------------------------------------------------------------------------------------------------------


def test_what_is_large_is_shown() -> None:
    found = of_support(counted(apart(5, 8, 100), [0, 0, 1]))
    assert not found.codes.any()
    assert not found.chapters.any()


def test_a_code_that_is_hidden_alone_takes_the_next_smallest_with_it() -> None:
    # the chapter's 36 less 8 and 25 would give the 3 away; 8 is hidden, not 25
    assert hidden_codes(apart(3, 25, 8, 50), [0, 0, 0, 1]) == [0, 2]


def test_of_equal_codes_the_first_is_hidden() -> None:
    assert hidden_codes(apart(9, 3, 9, 50), [0, 0, 0, 1]) == [0, 1]


def test_two_codes_that_hold_fewer_than_five_pairs_are_not_enough() -> None:
    assert hidden_codes(apart(1, 3, 7, 30, 50), [0, 0, 0, 0, 1]) == [0, 1, 2]
    assert hidden_codes(apart(2, 3, 7, 30, 50), [0, 0, 0, 0, 1]) == [0, 1]


def test_many_pairs_of_few_certificates_are_not_enough() -> None:
    """Three certificates have the two rare codes: six pairs, but three people."""
    rows = apart(3, 0, 7, 30)
    rows[:3, 1] = True
    rows[3:8, 3] = True  # so that the chapter's 40 less 7 and 35 tell nothing
    assert hidden_codes(rows, [0, 0, 0, 0]) == [0, 1, 2]


def test_a_difference_that_only_looks_like_a_count_is_hidden_too() -> None:
    """20 certificates less 17 and 0 leave 3, though 6 pairs are hidden: the chapter's codes share certificates."""
    rows = np.zeros((20, 4), bool)
    rows[:9, 2] = True
    rows[9:17, 3] = True
    rows[17:20, 0] = True
    rows[14:17, 1] = True
    assert hidden_codes(rows, [0, 0, 0, 0]) == [0, 1, 3]


def test_a_small_chapter_hides_the_next_and_all_codes_of_both() -> None:
    found = of_support(counted(apart(2, 1, 6, 7, 40), [0, 0, 1, 1, 2]))
    assert found.chapters.tolist() == [True, True, False]
    assert found.codes.tolist() == [True, True, True, True, False]


def test_that_nobody_has_a_code_hides_nothing_else() -> None:
    found = of_support(counted(apart(0, 8, 100, 0), [0, 0, 1, 2]))
    assert found.codes.tolist() == [True, False, False, True]
    assert found.chapters.tolist() == [False, False, True]


def test_where_everything_is_small_everything_is_hidden() -> None:
    found = of_support(counted(apart(1, 2, 1), [0, 0, 1]))
    assert found.codes.all()
    assert found.chapters.all()


def test_no_certificates() -> None:
    found = of_support(counted(np.zeros((0, 3), bool), [0, 0, 1]))
    assert found.codes.all()
    assert found.chapters.all()


def test_what_a_model_gives_is_hidden_where_it_is_rare_or_the_support_is() -> None:
    support = Hidden(np.array([True, False, False, False, False]), np.zeros(2, bool))
    pred = counted(apart(9, 0, 3, 20, 30), [0, 0, 0, 0, 1])
    found = of_predicted(pred, support)
    assert found.codes.tolist() == [True, False, True, False, False]  # 0 is given; 9 and 3 are 12 in two cells
    assert not found.chapters.any()
    alone = of_predicted(counted(apart(9, 0, 3, 20, 30), [0, 0, 1, 1, 1]), support)
    assert alone.codes.tolist() == [True, False, True, True, False]


def test_a_share_is_hidden_where_either_part_is_small() -> None:
    rows = apart(10, 40, 50, 100)
    automatic = np.zeros(200, bool)
    automatic[[*range(3), *range(10, 30), *range(50, 60), *range(100, 150)]] = True  # 3, 20, 10 and 50
    true = counted(rows, [0, 0, 0, 1])
    found = of_share(true, automatic, of_support(true))
    assert found.codes.tolist() == [True, False, True, False]  # 3 of 10; and 10 is the next smallest automatic part
    assert not found.chapters.any()
    rest = of_share(true, ~automatic, of_support(true))  # 7, 20, 40 and 50 of the first part
    assert rest.codes.tolist() == [True, True, False, False]


def test_a_share_of_none_or_of_all_is_given() -> None:
    """It tells no more than the support does; 3 of 10 is hidden, and takes the next smallest of each part with it."""
    true = counted(apart(10, 40, 60, 90), [0, 0, 0, 1])
    support = of_support(true)
    for everybody in (False, True):
        assert not of_share(true, np.full(200, everybody), support).codes.any()
    automatic = np.zeros(200, bool)
    automatic[[*range(3), *range(50, 110)]] = True  # 3 of 10, none of 40, all of 60, none of 90
    found = of_share(true, automatic, support)
    assert found.codes.tolist() == [True, True, True, False]  # the 60 for the 3, the 40 for the 7
    assert not found.chapters.any()


def test_a_group_with_nothing_left_to_hide_stays_as_it_is() -> None:
    hidden = np.array([True, False])
    found = complete(np.array([3, 7]), np.array([0, 1]), hidden, np.array([3, 0]), np.array([[3, 7]]))
    assert found.tolist() == [True, False]
    assert hidden.tolist() == [True, False]  # its input is left as it is


# an attacker ------------------------------------------------------------------------------------------------------


def few(value: float) -> bool:
    return 0 < value < LEAST


def attack(rows: Bools, of: list[int], hidden: Hidden) -> Iterable[float]:
    """Whatever is told of counts between some and none by subtraction from what may be known."""
    places, n_chapters = np.array(of), max(of) + 1
    chapters = np.column_stack([rows[:, places == place].any(axis=1) for place in range(n_chapters)])
    codes, totals = rows.sum(axis=0), chapters.sum(axis=0)
    for place in np.flatnonzero(~hidden.chapters):
        mine = places == place
        shown, covered = mine & ~hidden.codes, with_any(rows, mine & hidden.codes)
        if covered.any():
            yield totals[place] - codes[shown].sum()  # certificates less pairs
            yield codes[mine].sum() - codes[shown].sum()  # pairs less pairs, were they known
            yield covered.sum()  # certificates with any of the hidden, were they known
    if not hidden.chapters.all():
        of_chapters = with_any(chapters, hidden.chapters)
        if of_chapters.any():
            for total in (len(rows), chapters.any(axis=1).sum(), totals.sum()):
                yield total - totals[~hidden.chapters].sum()
            yield of_chapters.sum()
    if not hidden.codes.all():
        yield codes[hidden.codes].sum()


def with_any(rows: Bools, cells: Bools) -> Bools:
    found: Bools = np.logical_or.reduce(rows[:, cells], axis=1)
    return found


@st.composite
def certificates(draw: st.DrawFn) -> tuple[Bools, list[int]]:
    """Up to 80 certificates of up to 9 codes in up to 4 chapters; rare and frequent codes, alone and together."""
    n_codes = draw(st.integers(1, 9))
    of = draw(st.lists(st.integers(0, 3), min_size=n_codes, max_size=n_codes))
    of = [sorted(set(of)).index(place) for place in of]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = rng.choice([0.0, 0.02, 0.05, 0.1, 0.3, 0.6], size=n_codes)
    rows: Bools = rng.random((draw(st.integers(0, 80)), n_codes)) < share
    if draw(st.booleans()):  # one code at most, so that every difference is exact
        rows &= np.cumsum(rows, axis=1) == 1
    return rows, of


@given(certificates())
@settings(max_examples=400)
def test_an_attacker_never_gets_a_small_number(case: tuple[Bools, list[int]]) -> None:
    rows, of = case
    hidden = of_support(counted(rows, of))
    places = np.array(of)
    totals = [rows[:, places == place].any(axis=1).sum() for place in range(max(of) + 1)]
    assert (rows.sum(axis=0)[~hidden.codes] >= LEAST).all()
    assert (np.array(totals)[~hidden.chapters] >= LEAST).all()
    assert hidden.codes[hidden.chapters[places]].all()
    assert not [value for value in attack(rows, of, hidden) if few(value)]
    for place in np.flatnonzero(~hidden.chapters):  # no hidden code that occurs is alone
        alone = (places == place) & hidden.codes & (rows.sum(axis=0) > 0)
        assert alone.sum() != 1


@given(certificates(), st.integers(0, 2**32 - 1))
@settings(max_examples=400)
def test_nor_of_the_automatic_ones_and_the_rest(case: tuple[Bools, list[int]], seed: int) -> None:
    rows, of = case
    random = np.random.default_rng(seed)
    automatic = random.random(len(rows)) < random.choice([0.0, 0.05, 0.5, 0.95, 1.0])
    if seed % 2:  # of some codes none, or all
        automatic = (automatic & ~rows[:, 0]) | rows[:, -1]
    true = counted(rows, of)
    support = of_support(true)
    hidden = of_share(true, automatic, support)
    assert hidden.codes[support.codes].all()
    for part in (automatic, ~automatic):
        assert not [count for count in rows[part].sum(axis=0)[~hidden.codes] if few(count)]
        assert not [value for value in attack(rows[part], of, hidden) if few(value)]


@given(certificates(), certificates())
@settings(max_examples=200)
def test_nor_of_what_a_model_gives(case: tuple[Bools, list[int]], other: tuple[Bools, list[int]]) -> None:
    rows, of = case
    support = of_support(counted(rows, of))
    pred = np.resize(other[0], rows.shape) if other[0].size else np.zeros_like(rows)
    hidden = of_predicted(counted(pred, of), support)
    assert not [count for count in pred.sum(axis=0)[~hidden.codes] if few(count)]
    assert not [value for value in attack(pred, of, hidden) if few(value)]


@given(certificates(), st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_neither_order_nor_codes_that_nobody_has_change_what_is_hidden(
    case: tuple[Bools, list[int]], seed: int
) -> None:
    rows, of = case
    before = of_support(counted(rows, of))
    order = np.random.default_rng(seed).permutation(len(rows))
    more = np.column_stack([rows[order], np.zeros((len(rows), 2), bool)])
    after = of_support(counted(more, [*of, 0, max(of) + 1]))
    assert after.codes[: len(of)].tolist() == before.codes.tolist()
    assert after.chapters[: max(of) + 1].tolist() == before.chapters.tolist()


@pytest.mark.parametrize("counts", list(itertools.product([2, 5, 6], repeat=3)))
def test_no_more_is_hidden_than_is_needed(counts: tuple[int, ...]) -> None:
    """Of three codes that share no certificate, beside a large chapter."""
    found = of_support(counted(apart(*counts, 90), [0, 0, 0, 1])).codes[:3]
    small = sum(count < LEAST for count in counts)
    assert found.sum() == {0: 0, 1: 2, 2: 3, 3: 3}[small]  # two of 2 hold 4 together: too few
