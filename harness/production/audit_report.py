"""What a second coder's codes say of a bundle: its promise, its codes, and whether coding practice has changed."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.decision.audit import Blame, More, Verdict, blame, more_needed, verdict
from harness.decision.practice import (
    FEWEST,
    PARTS,
    Change,
    PastShare,
    PracticeReference,
    PracticeState,
    YearCounts,
    is_small,
    practice,
)
from harness.decision.promise import number, percent
from harness.decision.rule import DecisionRule
from harness.errors import CorpusError
from harness.files import write_json
from harness.metrics.sequential import ALPHA, Call, call, evidence, expected_n
from harness.production import bundle
from harness.production.auditing import Coded, Codes, Drawn, Key, key_path, read_codes, read_key

SHOWN = 10  # codes to blame that are printed; all are in the JSON
CODE = re.compile(r"[A-Za-z][0-9][A-Za-z0-9.]{0,6}")  # what an ICD code may look like
NO_PRACTICE = "the bundle has no past years to compare with"


@dataclass(frozen=True, slots=True)
class Looks:
    """For offices that look every week: both e-processes, in the order of the uniform numbers.

    Attributes
    ----------
    kept, broken : the evidence for each
    more : how many more automatic certificates one of them takes on average, at the share of wrong ones seen so far;
        0 where one has called; None where no number would do, or none is known
    """

    kept: Call
    broken: Call
    more: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes
    ----------
    drawn, coded : certificates of the simple random sample, and those of them that the coder has coded
    drawn_holders, coded_holders : the same of those that were drawn for the words that they hold
    automatic, wrong : of the coded ones of the simple sample, those without a person, and the wrong ones among these
    verdict, more, looks : None where no promise was made for certificates; ``unpromised`` says why
    audited_more : what ``more`` means in certificates of a simple sample; None where it is not known
    blame_automatic, blame_persons : codes missed and wrongly given in automatic certificates, and in those for persons
    unknown : codes that the coder gave and the model does not have, the most frequent first
    no_code, no_code_lines : how many entries of the coder are no code, which may be anything and are not repeated, and
        the lines of the file in which they stand
    practice : None where it cannot be told; ``no_practice`` says why
    year : of death, as which the certificates were taken; None without a practice alarm
    """

    drawn: int
    coded: int
    drawn_holders: int
    coded_holders: int
    automatic: int
    wrong: int
    verdict: Verdict | None
    unpromised: str | None
    more: More | None
    audited_more: int | None
    looks: Looks | None
    blame_automatic: tuple[Blame, ...]
    blame_persons: tuple[Blame, ...]
    unknown: tuple[str, ...]
    no_code: int
    no_code_lines: tuple[int, ...]
    practice: PracticeState | None
    no_practice: str | None
    year: int | None


def report_file(
    folder: Path,
    path: Path,
    say: Callable[[str], None],
    *,
    out: Path | None = None,
    year: int | None = None,
    looks: int = 1,
) -> None:
    """Read the coder's file ``path`` and its key, say what they show, and write all numbers to ``out``.

    Parameters
    ----------
    folder : the bundle that made the predictions; its model is not loaded
    year : of death; by default the one after the newest that the bundle knows
    looks : how often this season's practice is looked at, fixed before the first look

    Raises
    ------
    BundleError
        The bundle is damaged.
    CorpusError
        The sample does not match its key or the bundle, or ``out`` cannot be written.
    """
    if looks < 1:
        raise CorpusError(f"--looks must be at least 1, but got {looks}")
    bundle.verified(folder)
    rule, labels = DecisionRule.load(folder / "rule"), json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    reference, key = bundle.practice_of(folder), read_key(path)
    seal = (folder / bundle.SEAL).read_text(encoding="ascii").strip()
    if misfit := misfit_of(key, seal, rule, frozenset(labels), reference):
        raise CorpusError(f"BUNDLE must be the one that made the predictions, but {misfit} ({key_path(path).name})")
    if out is not None and out.resolve() in {path.resolve(), key_path(path).resolve()}:
        raise CorpusError(f"--json must name another file than the sample and its key, but got {out}")
    found = report(key, read_codes(path, key), rule, frozenset(labels), reference, year=year, looks=looks)
    if out is not None:
        try:
            write_json(out, asdict(found))
        except OSError as error:
            raise CorpusError(
                f"--json must name a file that can be written, but got {out} ({error.strerror})"
            ) from None
    for line in lines(found, path.name):
        say(line)


def misfit_of(
    key: Key, seal: str, rule: DecisionRule, labels: Codes, reference: PracticeReference | None
) -> str | None:
    """Why predictions cannot be of this bundle; None where nothing speaks against it."""
    if key.bundle not in (None, seal):
        return "its hash is another"
    if any(not labels.issuperset(drawn.codes) for drawn in key.certificates):
        return "it does not have some of the predicted codes"
    watched = frozenset(() if reference is None else reference.watch.codes)
    if any(not watched.issuperset(drawn.held) for drawn in key.certificates):
        return "it does not watch some of the watched codes"
    sure = [float(drawn.confidence) for drawn in key.certificates if drawn.automatic]
    units = [rule.certificate] if rule.line is None else [rule.certificate, rule.line]
    if sure and all(unit.least_confidence is None for unit in units):
        return "it codes no certificate without a person"
    least = rule.certificate.least_confidence
    # The predictions' file has six digits of a confidence.
    if sure and least is not None and min(sure) < float(f"{least:.6g}"):
        return "some automatic certificates are less sure than it asks"
    return None


def report(
    key: Key,
    coded: Coded,
    rule: DecisionRule,
    labels: Codes,
    reference: PracticeReference | None,
    *,
    year: int | None = None,
    looks: int = 1,
) -> Report:
    """What the codes of a sample show.

    Parameters
    ----------
    coded : what the second coder wrote
    labels : the model's codes
    """
    pairs = [(drawn, codes) for drawn, codes in zip(key.certificates, coded.codes, strict=True) if codes is not None]
    simple = sorted((pair for pair in pairs if pair[0].simple), key=lambda pair: pair[0].number)
    automatic = [pair for pair in simple if pair[0].automatic]
    errors = np.array([frozenset(drawn.codes) != codes for drawn, codes in automatic], dtype=bool)
    wrong, n, drawn_simple = int(errors.sum()), len(errors), sum(drawn.simple for drawn in key.certificates)
    promise = rule.certificate.promise
    told, more, audited, weekly, unpromised = None, None, None, None, _unpromised(rule)
    if promise is not None and unpromised is None:
        told, more = verdict(wrong, n, promise.risk), more_needed(wrong, n, promise.risk)
        audited = None if more.accepted is None else math.ceil(more.accepted * len(simple) / n)
        weekly = _looks(errors, promise.risk)
    reason = NO_PRACTICE if reference is None or not reference.years else None
    state = None
    if reference is not None and reason is None:
        year = reference.years[-1].year + 1 if year is None else year
        state = practice(reference, counts(pairs, reference.watch.codes, year), looks=looks)
    given = Counter(code for _, codes in pairs for code in codes)
    watched = frozenset(() if reference is None else reference.watch.codes)
    odd = frozenset(code for code in given.keys() - labels - watched if not CODE.fullmatch(code))
    unknown = given.keys() - labels - odd
    return Report(
        drawn=drawn_simple,
        coded=len(simple),
        drawn_holders=len(key.certificates) - drawn_simple,
        coded_holders=len(pairs) - len(simple),
        automatic=n,
        wrong=wrong,
        verdict=told,
        unpromised=unpromised,
        more=more,
        audited_more=audited,
        looks=weekly,
        blame_automatic=_blame(automatic, odd),
        blame_persons=_blame([pair for pair in simple if not pair[0].automatic], odd),
        unknown=tuple(sorted(unknown, key=lambda code: (-given[code], code))),
        no_code=sum(given[code] for code in odd),
        no_code_lines=tuple(
            sorted(line for line, codes in zip(coded.lines, coded.codes, strict=True) if codes and codes & odd)
        ),
        practice=state,
        no_practice=reason,
        year=None if reason else year,
    )


def counts(pairs: Sequence[tuple[Drawn, Codes]], watched: Sequence[str], year: int) -> YearCounts:
    """How many coded certificates count as holders of each watched code's words, and how many of these carry it."""
    index = {code: column for column, code in enumerate(watched)}
    holders, coded = (np.zeros((len(PARTS), len(watched)), dtype=np.int64) for _ in range(2))
    for drawn, codes in pairs:
        for part, held in enumerate((drawn.held, drawn.held_part2)):
            for code in held:
                holders[part, index[code]] += 1
                coded[part, index[code]] += code in codes
    return YearCounts(year, len(pairs), holders, coded)


def lines(found: Report, name: str) -> list[str]:
    """The report on the coder's file ``name`` in words: short lines without a certificate's text or id."""
    said = [
        f"risk sample: {found.coded:,} of {number(found.drawn, 'certificate')} coded, {found.automatic:,} automatic"
    ]
    if found.drawn_holders:
        said.append(f"drawn for their words: {found.coded_holders:,} of {found.drawn_holders:,} coded")
    if found.coded < found.drawn or found.coded_holders < found.drawn_holders:
        said.append("  those not coded yet do not count; if they are the harder ones, the figures flatter")
    if found.verdict is None:
        rate = f": {found.wrong:,} of them wrong" if found.automatic else ""
        said.append(f"no verdict, as {found.unpromised}{rate}")
    else:
        said += [found.verdict.sentence, *_further(found)]
    for title, blamed in (("automatic", found.blame_automatic), ("persons'", found.blame_persons)):
        if blamed:
            said.append(f"codes to blame in {title} certificates ({min(SHOWN, len(blamed))} of {len(blamed):,}):")
            said += [
                f"  {one.code}: missed {one.missed:,}, wrongly given {one.wrongly_given:,}" for one in blamed[:SHOWN]
            ]
    if found.unknown:
        said.append(
            f"{number(len(found.unknown), 'code')} of the coder that the model does not have, "
            f"new ones or slips: {', '.join(found.unknown[:SHOWN])}"
        )
    if found.no_code:
        at = ", ".join(f"{line}" for line in found.no_code_lines[:SHOWN])
        more = len(found.no_code_lines) - SHOWN
        said.append(
            f"{found.no_code:,} {'entry' if found.no_code == 1 else 'entries'} of the coder that are no code, taken as "
            f"codes that the model missed: {name}, line {at}{f' and {more:,} more' if more > 0 else ''}"
        )
    return [*said, *_practice(found)]


def _unpromised(rule: DecisionRule) -> str | None:
    promise = rule.certificate.promise
    if promise is None and rule.line is not None and rule.line.promise is not None:
        return "the bundle's promise is by line, and this sample judges whole certificates"
    return None if promise is not None and promise.made else "the bundle makes no promise"


def _looks(errors: Any, risk: float) -> Looks:
    found, n, wrong = evidence(errors, risk), len(errors), int(errors.sum())
    kept, broken = call(found.kept), call(found.broken)
    if kept.at is not None or broken.at is not None:
        return Looks(kept, broken, 0)
    expected = expected_n(wrong, n, wrong / n, risk) if n else None
    return Looks(kept, broken, None if expected is None else expected - n)


def _blame(pairs: Sequence[tuple[Drawn, Codes]], odd: Codes) -> tuple[Blame, ...]:
    return blame((frozenset(drawn.codes), codes - odd) for drawn, codes in pairs)


def _further(found: Report) -> list[str]:
    said, more, looks = [], found.more, found.looks
    if more is not None and more.accepted is None:
        said.append(f"  more certificates: {more.reason}")
    elif more is not None and more.accepted:
        said.append(
            f"  at this share a verdict takes about {more.accepted:,} automatic certificates more, "
            f"which a simple sample larger by {found.audited_more:,} holds"
        )
    if looks is not None:
        said.append(
            f"for looks at any time (from {1 / ALPHA:g} on, at {percent(1 - ALPHA)}): evidence for kept "
            f"{looks.kept.largest:.3g}{_at(looks.kept)}, for broken {looks.broken.largest:.3g}{_at(looks.broken)}"
        )
        if looks.more:
            said.append(f"  at this share one of them takes about {looks.more:,} automatic certificates more")
    return said


def _at(found: Call) -> str:
    return "" if found.at is None else f" (called after {number(found.at, 'automatic certificate')})"


def _practice(found: Report) -> list[str]:
    state = found.practice
    if state is None:
        return [f"practice alarm: none, as {found.no_practice}"]
    if state.silent is not None:
        return [f"practice alarm: nothing could be tested, as {state.silent}"]
    asked = f"{number(state.tests, 'test')} share {percent(state.level)}, certificates taken as of {found.year}"
    if not state.rings:
        return [f"practice alarm: silent ({asked})"]
    return [f"practice alarm: RINGS ({asked})", *(f"  {_sentence(change, state.changes)}" for change in state.changes)]


def _sentence(change: Change, changes: Sequence[Change]) -> str:
    """What may be published of one change beside the others: the counts of both parts tell those of the rest as well."""
    whole = next((one for one in changes if one.code == change.code and one.part == PARTS[0]), None)
    if whole is None or whole is change:
        return change.sentence
    before = {past.year: past for past in whole.past}
    both: list[tuple[Change | PastShare, Change | PastShare]] = [
        (whole, change),
        *((before[past.year], past) for past in change.past if past.year in before),
    ]
    rest = [(one.coded - part.coded, one.holders - part.holders) for one, part in both]
    if not any(holders and is_small(coded, holders) for coded, holders in rest):
        return change.sentence
    return (
        f"{change.code}: so too where its own words stand in part II only (counts unsaid, as some are under {FEWEST})"
    )
