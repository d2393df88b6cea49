"""The practice alarm: a code is given in a new way while the words stay.

For each watched code, among the certificates that hold its own words, the share that carry it; and apart for those
that name it in part II only. This year's share is tested against each of up to four past years (Fisher's exact test,
two-sided). Shares move a little every year: so the largest of these p-values counts, a change that no past year shares.
It needs codes of the new year, those of a small random sample; holders come from persons' and automatic streams alike.

How many tests share the level is fixed by the words alone, before any code is looked at: a test takes no part whose
holders, now or in the newest past year that has any, are too few to ring whatever their codes (Tarone, with the least
p-value over all codes that could have been given). An older year with too few is left out. The level is split once
more over the looks.

References
----------
Fisher. The Logic of Inductive Inference. Journal of the Royal Statistical Society 1935.
Tarone. A Modified Bonferroni Method for Discrete Data. Biometrics 1990.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import gammaln

from harness.corpus.certificate import Corpus, LabelSet, Texts
from harness.corpus.knowledge import Knowledge
from harness.decision.watch import Watch
from harness.errors import BundleError
from harness.files import read_json, write_json

PARTS = ("all", "part2")
PAST = 4  # years that this year is tested against
BLOCK = 4_000_000  # probabilities that are held at once
SAME = 1e-7  # in logs: two tables are equally likely
FEWEST = 5  # smaller counts of certificates with a code, or without it, stay unsaid

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class YearCounts:
    """What some certificates of one year say; counts of batches of the same year can be added.

    Attributes
    ----------
    n : certificates that were looked at
    holders : (2, n_codes) those that hold a code's own words: anywhere; in part II only
    coded : (2, n_codes) those of them that carry the code
    """

    year: int
    n: int
    holders: Int64Array
    coded: Int64Array

    def __add__(self, other: YearCounts) -> YearCounts:
        return YearCounts(self.year, self.n + other.n, self.holders + other.holders, self.coded + other.coded)


@dataclass(frozen=True, slots=True)
class PastShare:
    """Of a past year: how many certificates hold a code's own words, and how many of them carry it."""

    year: int
    holders: int
    coded: int

    @property
    def share(self) -> float:
        return self.coded / self.holders


@dataclass(frozen=True, slots=True)
class Change:
    """A code whose share has changed.

    Attributes
    ----------
    part : "all", or "part2" for certificates that name it in part II only
    holders, coded, share : of this year
    past : the past years that it was tested against, the newest last
    p_value : the largest over these
    direction : 1 where the code is given more often now than in all of them, −1 less often, 0 where they differ
    words : up to ten of its words that stand in the code list or a dictionary, the most frequent first
    """

    code: str
    part: str
    year: int
    holders: int
    coded: int
    share: float
    past: tuple[PastShare, ...]
    p_value: float
    direction: int
    words: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """One line that may be published: no small count can be read or worked out, no word is but of list or dictionary.

        The p-value follows from the counts, and so would they from it: where one is small, it stays unsaid as well.
        """
        where = "its own words" if self.part == "all" else "its own words in part II only"
        before = "; ".join(f"{past.year}: {_of(past.coded, past.holders)}" for past in self.past)
        named = f" ({', '.join(self.words)})" if self.words else ""
        small = any(is_small(coded, holders) for coded, holders in self._counts)
        p_value = f"p unsaid, as a count is under {FEWEST}" if small else f"p = {self.p_value:.2g}"
        return (
            f"{self.code}{named}: of the certificates of {self.year} that hold {where}, "
            f"{_of(self.coded, self.holders)} carry it ({before}; {p_value})"
        )

    @property
    def _counts(self) -> list[tuple[int, int]]:
        return [(self.coded, self.holders), *((past.coded, past.holders) for past in self.past)]


@dataclass(frozen=True, slots=True)
class PracticeState:
    """Whether coding practice has changed.

    Attributes
    ----------
    level : with at most this probability anything rings where nothing has changed, over all tests and looks
    tests : how many tests share it: codes and parts with enough holders, times looks
    changes : what rings, the most significant first
    silent : why nothing could be tested; None where something was
    """

    rings: bool
    level: float
    tests: int
    changes: tuple[Change, ...]
    silent: str | None = None


@dataclass(frozen=True, slots=True)
class PracticeReference:
    """What a later year is held against.

    Attributes
    ----------
    years : the newest past years, the newest last
    """

    watch: Watch
    years: tuple[YearCounts, ...]

    @classmethod
    def learnt(cls, corpora: Sequence[Corpus], knowledge: Knowledge, past: int = PAST) -> PracticeReference:
        """From training, which teaches the words, and later certificates, which do not.

        Parameters
        ----------
        corpora
            Training certificates first; the newest ``past`` years of all are counted.
        """
        watch = Watch.learnt(corpora[0], knowledge)
        there = np.unique(np.concatenate([corpus.texts.years for corpus in corpora]))
        counts: dict[int, YearCounts] = {}
        for corpus in corpora:
            for year in np.intersect1d(there[-past:], corpus.texts.years).tolist():
                part = corpus.take(np.flatnonzero(corpus.texts.years == year))
                found = count(watch, part.texts, part.labels, part.codes, year)
                counts[year] = counts[year] + found if year in counts else found
        return cls(watch, tuple(counts[year] for year in sorted(counts)))

    def save(self, folder: Path) -> None:
        """Write it: the watched words, and counts."""
        self.watch.save(folder)
        write_json(folder / "practice.json", {"years": [_written(year) for year in self.years]})

    @classmethod
    def load(cls, folder: Path) -> PracticeReference:
        """What :meth:`save` wrote.

        Raises
        ------
        BundleError
            The counts are of other codes than the watched ones.
        """
        watch = Watch.load(folder)
        years = tuple(
            YearCounts(
                year=said["year"],
                n=said["n"],
                holders=np.array(said["holders"], dtype=np.int64).reshape(2, -1),
                coded=np.array(said["coded"], dtype=np.int64).reshape(2, -1),
            )
            for said in read_json(folder / "practice.json")["years"]
        )
        for year in years:
            if not year.holders.shape == year.coded.shape == (2, len(watch.codes)):
                raise BundleError(
                    f"counts of practice must be of the {len(watch.codes)} watched codes, "
                    f"but those of {year.year} are of {year.holders.shape[1]} (practice.json)"
                )
        return cls(watch, years)


def count(watch: Watch, texts: Texts, labels: LabelSet, codes: csr_array, year: int) -> YearCounts:
    """How many of some certificates hold each watched code's own words, and how many of these carry it.

    Parameters
    ----------
    codes : (n, n_labels) indicator matrix over ``labels``
    """
    columns = LabelSet(watch.codes).columns_in(labels)
    known = np.flatnonzero(columns >= 0)
    place = np.full(len(labels), -1, dtype=np.int64)
    place[columns[known]] = known
    row = np.repeat(np.arange(len(texts), dtype=np.int64), np.diff(codes.indptr))
    column = place[codes.indices]
    kept = (column >= 0) & (codes.data != 0)
    shape = (len(texts), len(watch.codes))
    given = csr_array((np.ones(int(kept.sum()), np.int32), (row[kept], column[kept])), shape=shape)
    found = watch.holders(texts)
    return YearCounts(
        year=year,
        n=len(texts),
        holders=np.stack([np.bincount(held.indices, minlength=shape[1]) for held in found]).astype(np.int64),
        coded=np.stack([np.asarray(held.multiply(given).sum(axis=0)).ravel() for held in found]).astype(np.int64),
    )


def practice(reference: PracticeReference, now: YearCounts, level: float = 0.05, looks: int = 1) -> PracticeState:
    """Hold this year against each of the past years.

    A code without past holders is not tested: there is nothing that it could have changed from. Nor is a year in which
    the code list does not have the code: that its instructions begin or end is known.

    Parameters
    ----------
    level
        Probability that anything rings where nothing has changed.
    looks
        How often the same season is looked at; fixed before the first look.
    """
    past = tuple(year for year in reference.years if year.year != now.year)
    n_tests = 2 * len(reference.watch.codes)
    holders = np.stack([np.zeros(n_tests, np.int64), *(year.holders.ravel() for year in past)])[1:]
    coded = np.stack([np.zeros(n_tests, np.int64), *(year.coded.ravel() for year in past)])[1:]
    valid = np.stack([_valid(reference.watch, year.year) for year in (now, *past)])
    holders = np.where(valid[1:], holders, 0)
    held, given = np.where(valid[0], now.holders.ravel(), 0), now.coded.ravel()

    least = least_p_value(held, holders)
    newest = _newest(least, holders)
    shared = _shared(newest, level / looks)
    each = level / (looks * max(1, shared))
    asked = least <= each
    tested = np.flatnonzero(newest <= each)
    if not len(tested):
        return PracticeState(False, level, 0, (), _silent(held, holders))
    largest = np.zeros(n_tests)
    still = tested
    for year in reversed(range(len(past))):
        mine = still[asked[year, still]]
        p_values = fisher(given[mine], held[mine], coded[year, mine], holders[year, mine])
        largest[mine] = np.maximum(largest[mine], p_values)
        still = still[largest[still] <= each]
    rings = still[np.argsort(largest[still], kind="stable")]
    changes = tuple(
        _change(reference.watch, now, past, int(test), asked[:, test], float(largest[test])) for test in rings
    )
    return PracticeState(bool(changes), level, shared * looks, changes)


def fisher(coded: Int64Array, holders: Int64Array, past_coded: Int64Array, past_holders: Int64Array) -> Float64Array:
    """Two-sided p-values of Fisher's exact test, pair by pair; (n,).

    The probability, given both margins, of all tables that are at most as likely as the one seen.
    """
    total = coded + past_coded
    low, high = np.maximum(0, total - past_holders), np.minimum(total, holders)
    result = np.ones(len(coded))
    open_ = np.flatnonzero(high > low)
    sizes = (high - low + 1)[open_]
    for part in np.split(open_, np.flatnonzero(np.diff(np.cumsum(sizes) // BLOCK)) + 1):
        if len(part):
            width = (high - low + 1)[part]
            first = np.cumsum(width) - width
            which = np.repeat(part, width)
            table = np.arange(int(width.sum())) - np.repeat(first, width) + low[which]
            log = _log_probability(table, holders[which], total[which] - table, past_holders[which])
            log -= np.repeat(np.maximum.reduceat(log, first), width)
            seen = np.repeat(log[first + coded[part] - low[part]], width)
            chance = np.exp(log)
            extreme = log <= seen + SAME
            result[part] = np.add.reduceat(np.where(extreme, chance, 0.0), first) / np.add.reduceat(chance, first)
    return np.minimum(result, 1.0)


def least_p_value(holders: Int64Array, past_holders: Int64Array) -> Float64Array:
    """The least p-value that any codes of so many holders could have; 1 where either has none."""
    both = np.minimum(holders, past_holders)
    least = np.exp(-_log_choose(holders + past_holders, holders))
    return np.where(both > 0, np.where(holders == past_holders, 2.0, 1.0) * least, 1.0).clip(max=1.0)


def _shared(least: Float64Array, level: float) -> int:
    """Tarone: the fewest tests k, of which no more than k can ring at level / k."""
    ordered = np.sort(least[least <= level])
    for k in range(1, len(ordered) + 1):
        if np.searchsorted(ordered, level / k, side="right") <= k:
            return k
    return len(ordered)


def _newest(least: Float64Array, holders: Int64Array) -> Float64Array:
    """The least p-values against the newest year with holders; 1 where no year has any; (n_tests,)."""
    result = np.ones(least.shape[1])
    for year in range(len(least)):
        result = np.where(holders[year] > 0, least[year], result)
    return result


def _valid(watch: Watch, year: int) -> npt.NDArray[np.bool_]:
    allowed = (watch.valid[:, 0] <= year) & (year <= watch.valid[:, 1])
    return np.tile(allowed, 2)


def _change(
    watch: Watch, now: YearCounts, past: tuple[YearCounts, ...], test: int, asked: npt.NDArray[np.bool_], p_value: float
) -> Change:
    part, column = divmod(test, len(watch.codes))
    code = watch.codes[column]
    shares = tuple(
        PastShare(year.year, int(year.holders[part, column]), int(year.coded[part, column]))
        for year, told in zip(past, asked, strict=True)
        if told
    )
    holders, coded = int(now.holders[part, column]), int(now.coded[part, column])
    signs = {int(np.sign(coded * past.holders - past.coded * holders)) for past in shares}
    return Change(
        code=code,
        part=PARTS[part],
        year=now.year,
        holders=holders,
        coded=coded,
        share=coded / holders,
        past=shares,
        p_value=p_value,
        direction=signs.pop() if len(signs) == 1 else 0,
        words=watch.words[code],
    )


def _silent(held: Int64Array, holders: Int64Array) -> str:
    if not len(holders):
        return "there is no past year to hold this one against"
    if not held.any():
        return "no certificate holds a watched code's own words"
    if not (held * holders).any():
        return "no code whose own words stand in these certificates had them in a past year"
    return "too few certificates hold a watched code's own words to tell a change from chance"


def _log_choose(n: Int64Array, k: Int64Array) -> Float64Array:
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0), dtype=np.float64)


def _log_probability(a: Int64Array, n: Int64Array, b: Int64Array, m: Int64Array) -> Float64Array:
    """Of a table with ``a`` of ``n`` and ``b`` of ``m``, but for the margins' own factor."""
    return _log_choose(n, a) + _log_choose(m, b)


def _of(coded: int, holders: int) -> str:
    """A share in words, from which no count under five of certificates with or without a code follows."""
    if not is_small(coded, holders):
        return f"{coded:,} of {holders:,}"
    if holders < 2 * FEWEST:  # to say which of both is small would tell it
        some = "none" if coded == 0 else "all" if coded == holders else "some"
        return f"{some} of {f'under {FEWEST}' if holders < FEWEST else holders}"
    return f"{'' if coded < FEWEST else 'all but '}under {FEWEST} of {holders:,}"


def is_small(coded: int, holders: int) -> bool:
    """Whether these counts of certificates would tell of under five with a code, or of under five without it."""
    return holders < FEWEST or 0 < coded < FEWEST or 0 < holders - coded < FEWEST


def _written(year: YearCounts) -> dict[str, Any]:
    return {"year": year.year, "n": year.n, "holders": year.holders.tolist(), "coded": year.coded.tolist()}
