"""The stage alarms: what both alarms of the bundles would have said of each held-out year, each taken as a batch.

Held-out years were scored before, and nothing is chosen any more. Their codes are all known, so that the practice
alarm looks at every certificate that holds a code's own words, where an office has the codes of a sample alone.

These rows leave the office. A code's counts are unsaid where one under five could be read or worked out: of this year's
certificates with its words, of those of them with or without the code, of those with the code and without its words; of
the past years likewise; and of those that name it in part I, as what holds its words anywhere less what holds them
in part II only. Nor are they said of a code whose support the figure ``codes`` hides, be it for another code's sake. A p-value follows from the counts of all years, and is unsaid with any of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.stats import t

from harness.corpus.certificate import Corpus, LabelSet
from harness.corpus.store import Slice
from harness.decision.drift import LEAST_PAIRS, STATISTICS, DriftReference, Statistic, words_alarm
from harness.decision.practice import (
    FEWEST,
    PARTS,
    PracticeReference,
    YearCounts,
    count,
    fisher,
    is_small,
    least_p_value,
    practice,
)
from harness.decision.rule import DecisionRule, decide_seen
from harness.decision.summaries import YearSummary
from harness.experiment.watching import references_of
from harness.experiment.work import Work
from harness.files import Row
from harness.production.predict import RATE

SHOWN = 30  # tests of the practice alarm that are shown a year, those that ring besides
MEASURES: Mapping[str, str] = {"all": "its own words", "part2": "its own words in part II only"}
UNSAID = f"counts unsaid, as some are under {FEWEST}"
NO_LATER = "the year is no later than calibration"

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def alarms_stage(work: Work) -> None:
    """Write the figure ``alarms``; nothing without calibration years, or without held-out ones.

    A row has ``alarm`` (``words`` or ``practice``), ``year``, ``model``, ``measure``, ``code``, ``title``, ``expected``,
    ``found``, ``low``, ``high``, ``p_value``, ``rings``, ``n`` and ``reason``; see :func:`words_rows` and
    :func:`practice_rows`. One whose ``measure`` is None says why a year has no alarm.
    """
    run = work.run
    watched, years = run.stage("watch"), work.store.years.get("heldout", {})
    if watched is None or not years or run.stage("alarms") is not None:
        return
    asked = {model["model"]: model.get("witnesses", []) for model in work.models()}
    models = [
        name
        for name in watched["models"]
        if all(run.has_predictions(f"heldout/{part}") for part in (name, *asked.get(name, [])))
    ]
    rows = [row for name in models for row in _words(work, name, years)]
    rows += _practice(work, years)
    if rows:
        run.write_figure("alarms", rows)
    run.write_stage("alarms", {"rows": len(rows), "models": models, "rate": RATE})


def words_rows(model: str, reference: DriftReference, now: YearSummary) -> list[Row]:
    """The words alarm of one batch: a row a statistic; the alarm rings where one of them does.

    ``found`` is the batch's value, ``expected`` calibration's share, or the usual distance between past years.
    ``high`` is the largest share that would not have rung, None for a distance; ``low`` is None: less never rings.
    ``rings`` is None, with a ``reason``, where too few pairs of past years know the statistic.
    """
    if now.year <= reference.calibration.year:
        return [_row("words", now.year, model=model, n=now.n, reason=NO_LATER)]
    return [
        _row(
            "words",
            now.year,
            model=model,
            measure=STATISTICS[one.name],
            expected=one.reference,
            found=one.value,
            high=_high(reference, now, one),
            p_value=None if one.standardised is None else float(t.sf(one.standardised, one.pairs - 1)),
            rings=one.rings if one.alarm_possible else None,
            n=now.n,
            reason=None
            if one.alarm_possible
            else f"{one.pairs} of the {LEAST_PAIRS} pairs of past years that an alarm takes",
        )
        for one in words_alarm(reference, now, RATE).statistics
    ]


def practice_rows(
    reference: PracticeReference,
    now: YearCounts,
    support: Int64Array,
    unsaid: BoolArray,
    titles: Mapping[str, str],
) -> list[Row]:
    """The practice alarm of one year: a row a code and part, the smallest p-values first.

    ``found`` is the share of the ``n`` certificates that hold the code's own words (``measure`` says where) which carry
    it; ``expected`` that of all past years together that it is tested against, ``low`` and ``high`` the least and the
    largest of any of these. ``rings`` is never None in a row that names a code. At most ``SHOWN`` rows, and all that
    ring; one that does not ring and that fewer than five certificates hold is left out.

    Parameters
    ----------
    support : (n_codes,) this year's certificates with each watched code, whether or not they hold its words
    unsaid : (n_codes,) whether nothing may be said of a code's counts in any held-out year
    titles : of codes, where they are known
    """
    state = practice(reference, now)
    if state.silent is not None:
        return [_row("practice", now.year, n=now.n, reason=state.silent)]
    told = _Tests.of(reference, now, state.level / state.tests)
    order = told.tested[np.argsort(told.p_values[told.tested], kind="stable")]
    rings = {(change.part, change.code) for change in state.changes}
    rows: list[Row] = []
    for test in order.tolist():
        part, column = divmod(test, len(reference.watch.codes))
        code = reference.watch.codes[column]
        ringing = (PARTS[part], code) in rings
        if ringing or (len(rows) < SHOWN and told.holders[test] >= FEWEST):
            quiet = bool(unsaid[column]) or told.rest_is_small(test, int(support[column]))
            said = {"reason": UNSAID} if quiet else told.numbers(test)
            rows.append(
                _row(
                    "practice",
                    now.year,
                    measure=MEASURES[PARTS[part]],
                    code=code,
                    title=titles.get(code),
                    rings=ringing,
                    **said,
                )
            )
    return rows


@dataclass(frozen=True, slots=True)
class _Tests:
    """The tests of one year, as :func:`practice` makes them: all codes anywhere, then in part II only.

    Attributes
    ----------
    tested : those that share the level
    asked : (n_past, n_tests) whether a past year is held against
    p_values : (n_tests,) the largest over these years
    holders, coded : (n_tests,) of this year
    past_holders, past_coded : (n_past, n_tests)
    """

    tested: Int64Array
    asked: BoolArray
    p_values: Float64Array
    holders: Int64Array
    coded: Int64Array
    past_holders: Int64Array
    past_coded: Int64Array

    @classmethod
    def of(cls, reference: PracticeReference, now: YearCounts, each: float) -> _Tests:
        """``each`` is the level of one test."""
        past = [year for year in reference.years if year.year != now.year]
        valid = reference.watch.valid

        def allowed(year: int) -> BoolArray:
            return np.tile((valid[:, 0] <= year) & (year <= valid[:, 1]), len(PARTS))

        holders = np.where(allowed(now.year), now.holders.ravel(), 0)
        past_holders = np.stack([np.where(allowed(year.year), year.holders.ravel(), 0) for year in past])
        coded, past_coded = now.coded.ravel(), np.stack([year.coded.ravel() for year in past])
        least = least_p_value(holders, past_holders)
        asked, newest = least <= each, np.ones(len(holders))
        for one, there in zip(least, past_holders > 0, strict=True):
            newest = np.where(there, one, newest)
        tested = np.flatnonzero(newest <= each)
        p_values = np.zeros(len(holders))
        for year in range(len(past)):
            mine = tested[asked[year, tested]]
            one = fisher(coded[mine], holders[mine], past_coded[year, mine], past_holders[year, mine])
            p_values[mine] = np.maximum(p_values[mine], one)
        return cls(tested, asked, p_values, holders, coded, past_holders, past_coded)

    def rest_is_small(self, test: int, support: int) -> bool:
        """Whether a small count could be worked out from this row and others: of the code without its words, or part I."""
        if 0 < support - int(self.coded[test]) < FEWEST:
            return True
        whole = test - len(self.holders) // len(PARTS)
        if whole < 0:
            return False
        years = np.flatnonzero(self.asked[:, test])
        rest = [
            (int(coded[whole] - coded[test]), int(holders[whole] - holders[test]))
            for coded, holders in (
                (self.coded, self.holders),
                *((self.past_coded[year], self.past_holders[year]) for year in years),
            )
        ]
        return any(holders and is_small(coded, holders) for coded, holders in rest)

    def numbers(self, test: int) -> Row:
        """What may be said of a test's own counts."""
        years = np.flatnonzero(self.asked[:, test])
        coded, holders = self.past_coded[years, test], self.past_holders[years, test]
        mine, held = int(self.coded[test]), int(self.holders[test])
        now_small = is_small(mine, held)
        past_small = any(is_small(one, of) for one, of in zip(coded.tolist(), holders.tolist(), strict=True))
        said: Row = {"n": None if held < FEWEST else held, "reason": UNSAID if now_small or past_small else None}
        if not now_small:
            said["found"] = mine / held
        if not past_small:
            shares = coded / holders
            said |= {"low": float(shares.min()), "high": float(shares.max())}
            said["expected"] = int(coded.sum()) / int(holders.sum())
        if not now_small and not past_small:
            said["p_value"] = float(self.p_values[test])
        return said


def _words(work: Work, name: str, years: Mapping[int, Slice]) -> list[Row]:
    """The words alarm of a model on each held-out year, from its kept predictions."""
    reference, _ = references_of(work.run, name)
    if reference is None:
        return []
    texts, start = work.corpus("heldout").texts, work.store.roles["heldout"].start
    rule, predictions = DecisionRule.load(work.run.model(name) / "rule"), work.run.predictions(f"heldout/{name}")
    found = work.seen(rule, predictions, "heldout", texts)
    decisions, looked = decide_seen(rule, found, predictions, texts), found.certificates.looked
    rows: list[Row] = []
    for year, part in sorted(years.items()):
        mine = slice(part.start - start, part.stop - start)
        summary = reference.summary(
            year,
            looked.unseen_words[mine],
            looked.unseen_text[mine],
            decisions.confidence[mine],
            csr_array(decisions.codes[mine]),
        )
        rows += words_rows(name, reference, summary)
    return rows


def _high(reference: DriftReference, now: YearSummary, one: Statistic) -> float | None:
    """The largest share that would not have rung, were the batch otherwise the same."""
    if one.name not in ("words", "texts") or not one.alarm_possible:
        return None

    def rings(seen: int) -> bool:
        changed = replace(now, unseen_words=seen) if one.name == "words" else replace(now, unseen_texts=seen)
        return next(of for of in words_alarm(reference, changed, RATE).statistics if of.name == one.name).rings

    return (bisect_left(range(now.n + 1), True, key=rings) - 1) / now.n


def _practice(work: Work, years: Mapping[int, Slice]) -> list[Row]:
    """The practice alarm on each held-out year; of codes that few certificates of one of them carry nothing is said.

    For the page gives how many carry a code in all of them together, and what the other years' rows give could be
    taken off.
    """
    watched = (work.run.stage("watch") or {})["models"]
    _, reference = references_of(work.run, watched[0]) if watched else (None, None)
    if reference is None:
        return []
    parts = {year: work.store.corpus(rows) for year, rows in sorted(years.items())}
    supports = {year: _support(corpus, reference.watch.codes) for year, corpus in parts.items()}
    unsaid = np.any([(support > 0) & (support < FEWEST) for support in supports.values()], axis=0)
    unsaid |= _hidden(work.run.figure("codes"), reference.watch.codes)
    code_list = work.known().code_list
    titles = {} if code_list is None else {entry.code: entry.title for entry in code_list.entries if entry.title}
    newest = max(counted.year for counted in reference.years)
    rows: list[Row] = []
    for year, corpus in parts.items():
        if year <= newest:
            rows.append(_row("practice", year, n=len(corpus), reason=NO_LATER))
            continue
        now = count(reference.watch, corpus.texts, corpus.labels, corpus.codes, year)
        rows += practice_rows(reference, now, supports[year], unsaid, titles)
    return rows


def _hidden(scored: list[Row], codes: tuple[str, ...]) -> BoolArray:
    """Which codes have no number of certificates in the figure ``codes``; (n_codes,).

    Many of them are hidden for a neighbour's sake: a count of theirs, here, would tell the neighbour's by subtraction.
    """
    if not scored:
        return np.zeros(len(codes), dtype=np.bool_)
    told = {row["code"] for row in scored if row["level"] == "code" and row["support"] is not None}
    return np.array([code not in told for code in codes], dtype=np.bool_)


def _support(corpus: Corpus, codes: tuple[str, ...]) -> Int64Array:
    """How many certificates carry each of some codes; (n_codes,)."""
    given = np.bincount(corpus.codes.indices, weights=corpus.codes.data != 0, minlength=len(corpus.labels))
    columns = LabelSet(codes).columns_in(corpus.labels)
    found = np.zeros(len(codes), dtype=np.int64)
    known = columns >= 0
    found[known] = given[columns[known]]
    return found


def _row(alarm: str, year: int, **said: object) -> Row:
    """The keys that every row has, in their order; what is not said is None."""
    keys = (
        "model",
        "measure",
        "code",
        "title",
        "expected",
        "found",
        "low",
        "high",
        "p_value",
        "rings",
        "n",
        "reason",
    )
    return {"alarm": alarm, "year": year, **dict.fromkeys(keys), **said}
