"""What was picked, what it promises, and whether the held-out years bear it out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.audit import Audit, Audited, State, audited, unit_of
from harness.leaderboard.language import N_, say
from harness.leaderboard.reasons import reason
from harness.leaderboard.rows import ALL, Evidence, number, shown_promise
from harness.leaderboard.sentences import claim, missing, why

FIRST_STEPS, LAST_STEPS = 20, 40
FALL = 0.9  # of the promised coverage: a held-out year that is coded less often than that is one to watch

HEADLINES: dict[State, str] = {
    "kept": N_("The held-out years bear the promise out."),
    "broken": N_("The held-out years break the promise."),
    "undecided": N_("The held-out years neither confirm nor refute the promise."),
    "unaudited": N_("A promise is made, and nothing confirms it yet."),
    "none": N_("No promise is made: every certificate needs a person."),
}


@dataclass(frozen=True, slots=True)
class Step:
    accepted: str
    wrong: str
    p_value: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Promise:
    """The promise in words, and the sequence of tests behind it; ``omitted`` steps in the middle are not shown.

    Attributes
    ----------
    test : from which p-value on a test passes, and why
    """

    made: bool
    unit: str
    risk: str
    confidence: str
    coverage: str
    accepted: str
    wrong: str
    reason: str
    test: str
    first: tuple[Step, ...]
    omitted: int
    last: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    model: str
    shortlisted: bool
    reason: str
    promise: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The card on top of the page.

    Attributes
    ----------
    claim, why : the two sentences: what is automated at which promise and cost; why this model won
    watch : what to watch, each a sentence, the run's own warnings among them
    audits : by certificate and by line, the unit that is promised first
    family : of the model; empty of an ensemble, which is of several
    reasons : why this model, as the run's own rows put it
    note : what the score in them is, where the table has another
    """

    state: State
    headline: str
    claim: str
    why: str
    watch: tuple[str, ...]
    model: str
    family: str
    promise: Promise | None
    audits: tuple[Audited, ...]
    reasons: tuple[str, ...]
    note: str
    shortlist: tuple[Candidate, ...]


def verdict(evidence: Evidence) -> Verdict:
    pick = evidence.pick or {}
    row = shown_promise(pick.get("promise"))
    audits = audited(evidence)
    slices = next((one.slices for one in audits if one.promised), ())
    state = _state(evidence, slices)
    return Verdict(
        state=state,
        headline=_headline(evidence, state),
        claim=claim(evidence, row, slices),
        why=why(evidence),
        watch=tuple(_watch(evidence, slices, state)),
        model=evidence.picked or "",
        family="" if evidence.is_ensemble(evidence.picked or "") else str(pick.get("family") or ""),
        promise=_promise(row),
        audits=audits,
        reasons=tuple(reason(one) for one in pick.get("reasons") or []),
        note=_note(evidence),
        shortlist=tuple(_candidate(entry) for entry in pick.get("shortlist") or []),
    )


def _state(evidence: Evidence, audits: tuple[Audit, ...]) -> State:
    if evidence.pick is None:
        return "unfinished"
    if evidence.promise is None or evidence.picked is None:
        return "none"
    return audits[0].state if audits else "unaudited"


def _headline(evidence: Evidence, state: State) -> str:
    if evidence.pick is not None and evidence.picked is None:
        return say("No model was picked.")
    return missing(evidence) if state == "unfinished" else say(HEADLINES[state])


def _watch(evidence: Evidence, audits: tuple[Audit, ...], state: State) -> Iterator[str]:
    """What to watch, each a sentence, the gravest first."""
    pick = evidence.pick or {}
    singles = [one for one in audits if one.year != ALL]
    if state != "broken" and (broken := [one.year for one in singles if one.state == "broken"]):
        yield say("The promise was broken in {years}, looked at alone.", years=text.years(broken))
    promised = number((evidence.promise or {}).get("coverage"))
    for one in singles or list(audits):
        if promised is not None and one.share is not None and one.share < FALL * promised:
            yield say(
                "In {year} only {coverage} was automatic, where {promised} was promised.",
                year=one.label,
                coverage=one.coverage,
                promised=text.share(promised),
            )
    yield from _backtested(evidence)
    yield from _ringing(evidence)
    if (earlier := number(pick.get("earlier_readings"))) and evidence.promise is not None:
        yield say(
            "The same calibration certificates were read by {runs}; the confidence is that of a first reading, so the promise "
            "is weaker than it says.",
            runs=text.number_of(earlier, "earlier run"),
        )
    yield from dict.fromkeys(reason(warning) for warning in pick.get("warnings") or [])
    if evidence.corpus.get("generated"):
        yield say("The certificates are generated text: nothing here holds for real ones.")


def _backtested(evidence: Evidence) -> Iterator[str]:
    """That past years would have broken the pick's promise."""
    rows = [row for row in evidence.backtest if str(row["model"]) == evidence.picked]
    broken = [row for row in rows if row.get("verdict") == "broken"]
    if not broken:
        return
    values = {
        "years": text.years(sorted({str(row.get("audit")) for row in broken})),
        "n": text.count(len(broken)),
        "windows": text.number_of(len(rows), "window"),
    }
    if any(row.get("hyper_parameters_saw_later") for row in rows):
        yield say(
            "In the back-test the promise was broken in {years}: in {n} of {windows}, those included whose hyper-parameters "
            "saw later years, which flatters.",
            **values,
        )
    else:
        yield say("In the back-test the promise was broken in {years}: in {n} of {windows}.", **values)


def _ringing(evidence: Evidence) -> Iterator[str]:
    """The alarms that ring: that of words for the pick alone, that of practice for everyone."""
    rows = [row for row in evidence.alarms if row.get("rings")]
    words = {str(row["year"]) for row in rows if row["alarm"] == "words" and str(row.get("model")) == evidence.picked}
    practice = {str(row["year"]) for row in rows if row["alarm"] == "practice"}
    if words:
        yield say("The words alarm rings in {years}: the texts hold more that is new.", years=text.years(words))
    if practice:
        yield say("The practice alarm rings in {years}: some codes are given in a new way.", years=text.years(practice))


def _note(evidence: Evidence) -> str:
    """That a picked ensemble has one score in the reasons, and another in the table."""
    if not evidence.is_ensemble(evidence.picked or "") or not (evidence.pick or {}).get("reasons"):
        return ""
    return say(
        "The ensemble’s validation score in these reasons is cross-fitted, where they say so; the table’s validation column "
        "is of weights that saw these certificates, and flatters."
    )


def _test(row: Row) -> str:
    """At which p-value a test passes: the error, shared by all candidates and units."""
    share, confidence, candidates = (number(row.get(key)) for key in ("delta", "confidence", "candidates"))
    if share is None or confidence is None or candidates is None:
        return ""
    values = {
        "share": text.written(f"{share:.3g}"),
        "error": text.level(round(1.0 - confidence, 12)),
        "candidates": text.number_of(candidates, "candidate"),
    }
    if number(row.get("promises")) == 2:
        return say(
            "A test passes at a p-value of at most {share}: {error} shared by {candidates}, each with a promise for "
            "certificates and one for lines.",
            **values,
        )
    return say("A test passes at a p-value of at most {share}: {error} shared by {candidates}.", **values)


def _promise(row: Row | None) -> Promise | None:
    if not row:
        return None
    steps = [
        Step(
            text.count(accepted),
            text.count(wrong),
            text.written(f"{p:.2g}") if p is not None else text.DASH,
            bool(passed),
        )
        for accepted, wrong, p, passed in row.get("steps") or []
    ]
    omitted = max(len(steps) - FIRST_STEPS - LAST_STEPS, 0)
    risk, confidence = number(row.get("risk")), number(row.get("confidence"))
    return Promise(
        made=bool(row.get("made")),
        unit=unit_of(row),
        risk=text.DASH if risk is None else text.level(risk),
        confidence=text.DASH if confidence is None else text.level(confidence),
        coverage=text.share(number(row.get("coverage"))),
        accepted=text.count(number(row.get("accepted"))),
        wrong=text.count(number(row.get("wrong"))),
        reason=reason(row.get("reason")).rstrip("."),
        test=_test(row),
        first=tuple(steps[:FIRST_STEPS] if omitted else steps),
        omitted=omitted,
        last=tuple(steps[-LAST_STEPS:] if omitted else ()),
    )


def _candidate(entry: Row) -> Candidate:
    promise = shown_promise(entry.get("promise")) or {}
    if promise.get("made"):
        words = say("{share} coverage", share=text.share(number(promise.get("coverage"))))
    else:
        words = reason(promise.get("reason")) or text.DASH
    return Candidate(str(entry["model"]), bool(entry.get("shortlisted")), reason(entry.get("reason")), words)
