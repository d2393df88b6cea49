"""What was picked, what it promises, and whether the held-out years bear it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.rows import ALL, Evidence, number, shown_promise

State = Literal["kept", "broken", "undecided", "unaudited", "none", "unfinished"]
FIRST_STEPS, LAST_STEPS = 20, 40


@dataclass(frozen=True, slots=True)
class Audit:
    """The promise against one slice of held-out years.

    Attributes
    ----------
    state : ``kept`` where the whole interval of the risk is at most what was promised, ``broken`` where all of it is
        above, ``undecided`` between, ``unaudited`` where no certificate was automatic
    place : low, value, high and the promised risk on a scale from 0 to 100
    """

    label: str
    state: State
    n: float | None
    accepted: int | None
    wrong: int | None
    coverage: str
    risk: str
    interval: str
    place: tuple[float, float, float, float] | None
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    accepted: str
    wrong: str
    p_value: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Promise:
    """The promise in words, and the sequence of tests behind it; ``omitted`` steps in the middle are not shown."""

    made: bool
    unit: str
    risk: str
    confidence: str
    coverage: str
    accepted: str
    wrong: str
    reason: str
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
    state: State
    headline: str
    explanation: str
    model: str
    family: str
    promise: Promise | None
    audits: tuple[Audit, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    shortlist: tuple[Candidate, ...]
    earlier_readings: str


def verdict(evidence: Evidence) -> Verdict:
    pick = evidence.pick or {}
    promise = _promise(shown_promise(pick.get("promise")))
    audits = _audits(evidence)
    state = _state(evidence, audits)
    headline, explanation = _words(state, evidence, promise, audits)
    warnings = [text.public(str(warning)) for warning in pick.get("warnings") or []]
    if state != "broken":
        warnings += [
            f"The promise was broken on {audit.label} alone." for audit in audits[1:] if audit.state == "broken"
        ]
    earlier = number(pick.get("earlier_readings"))
    return Verdict(
        state=state,
        headline=headline,
        explanation=explanation,
        model=evidence.picked or "",
        family=str(pick.get("family") or ""),
        promise=promise,
        audits=audits,
        reasons=tuple(text.public(str(reason)) for reason in pick.get("reasons") or []),
        warnings=tuple(dict.fromkeys(warnings)),
        shortlist=tuple(_candidate(entry) for entry in pick.get("shortlist") or []),
        earlier_readings=text.number_of(earlier, "earlier run") if earlier else "",
    )


def judge(promised: float, low: float | None, high: float | None) -> State:
    """Whether an interval of the risk bears a promise out."""
    if low is None or high is None:
        return "unaudited"
    return "kept" if high <= promised else "broken" if low > promised else "undecided"


def _state(evidence: Evidence, audits: tuple[Audit, ...]) -> State:
    if evidence.pick is None:
        return "unfinished"
    if evidence.promise is None:
        return "none"
    return audits[0].state if audits else "unaudited"


def _words(state: State, evidence: Evidence, promise: Promise | None, audits: tuple[Audit, ...]) -> tuple[str, str]:
    """The headline and a sentence that says what it rests on."""
    if state == "unfinished":
        return (
            f"unfinished: {_missing(evidence)}",
            "This page is built again when the run goes on; resume it to end it.",
        )
    if evidence.picked is None:
        return "No model was picked.", "The reasons and the trials below say why."
    if promise is None or not promise.made:
        why = promise.reason if promise else "there are no calibration years to certify it on"
        return (
            "No promise is made: every certificate needs a person.",
            f"The pick is the best on validation. {why[:1].upper()}{why[1:]}.",
        )
    bound = f"the promised {promise.risk}"
    if state == "unaudited":
        why = (
            (audits[0].reason or f"no held-out {promise.unit} was automatic")
            if audits
            else "there are no held-out years"
        )
        return "A promise is made, and nothing confirms it yet.", f"It could not be audited: {why}."
    one = audits[0]
    fact = f"On {one.label}, {one.wrong:,} of {one.accepted:,} automatic {promise.unit}s were wrong: {one.risk} {one.interval}"
    if state == "kept":
        return "The held-out years bear the promise out.", f"{fact}, the whole interval at most {bound}."
    if state == "broken":
        return "The held-out years break the promise.", f"{fact}, the whole interval above {bound}. Do not rely on it."
    return (
        "The held-out years neither confirm nor refute the promise.",
        f"{fact}; the interval contains {bound}. With a few hundred automatic {promise.unit}s this is normal.",
    )


def _missing(evidence: Evidence) -> str:
    if not evidence.corpus:
        return "the certificates have not been read to the end"
    if not evidence.trials:
        return "no trial has ended yet"
    if not evidence.scorecards:
        return f"{text.number_of(len(evidence.trials), 'trial')} ended, no model is scored yet"
    return "models are scored, none is picked yet"


def _audits(evidence: Evidence) -> tuple[Audit, ...]:
    """All held-out years together first, then each year where there are several."""
    promised = number((evidence.promise or {}).get("risk"))
    if promised is None or evidence.picked is None:
        return ()
    years = evidence.years("heldout")
    slices = [(ALL, f"held-out {text.years(years)}"), *((year, year) for year in years if len(years) > 1)]
    unit = _unit(evidence.promise or {})
    rows = [(label, evidence.row(evidence.picked, "heldout", year, unit)) for year, label in slices]
    found = [(label, row) for label, row in rows if row is not None]
    highs = [number(row.get("risk_high")) or 0.0 for _, row in found]
    top = max([2 * promised, *(min(high, 10 * promised) for high in highs)])
    return tuple(_audit(label, row, promised, top) for label, row in found)


def _audit(label: str, row: Row, promised: float, top: float) -> Audit:
    n, coverage, risk = (number(row.get(key)) for key in ("n", "coverage", "risk"))
    low, high = number(row.get("risk_low")), number(row.get("risk_high"))
    accepted = None if n is None or coverage is None else round(n * coverage)
    drawn = risk is not None and low is not None and high is not None
    return Audit(
        label=label,
        state=judge(promised, low, high) if risk is not None else "unaudited",
        n=n,
        accepted=accepted,
        wrong=None if accepted is None or risk is None else round(accepted * risk),
        coverage=text.share(coverage),
        risk=text.risk(risk),
        interval=text.interval(text.risk(low), text.risk(high)) if drawn else "",
        place=_places((low or 0.0, risk or 0.0, high or 0.0, promised), top) if drawn else None,
        reason=text.public(str(row.get("reason") or "")),
    )


def _unit(promise: Row) -> str:
    """What is promised: certificates, or their lines."""
    return str(promise.get("unit") or "certificate")


def _places(values: tuple[float, float, float, float], top: float) -> tuple[float, float, float, float]:
    low, value, high, promised = (round(100 * min(part / top, 1.0), 2) for part in values)
    return low, value, high, promised


def _promise(row: Row | None) -> Promise | None:
    if not row:
        return None
    steps = [
        Step(text.count(accepted), text.count(wrong), f"{p:.2g}" if p is not None else text.DASH, bool(passed))
        for accepted, wrong, p, passed in row.get("steps") or []
    ]
    omitted = max(len(steps) - FIRST_STEPS - LAST_STEPS, 0)
    risk, confidence = number(row.get("risk")), number(row.get("confidence"))
    return Promise(
        made=bool(row.get("made")),
        unit=_unit(row),
        risk=text.DASH if risk is None else text.level(risk),
        confidence=text.DASH if confidence is None else text.level(confidence),
        coverage=text.share(number(row.get("coverage"))),
        accepted=text.count(number(row.get("accepted"))),
        wrong=text.count(number(row.get("wrong"))),
        reason=text.public(str(row.get("reason") or "")).rstrip("."),
        first=tuple(steps[:FIRST_STEPS] if omitted else steps),
        omitted=omitted,
        last=tuple(steps[-LAST_STEPS:] if omitted else ()),
    )


def _candidate(entry: Row) -> Candidate:
    promise = shown_promise(entry.get("promise")) or {}
    if promise.get("made"):
        words = f"{text.share(number(promise.get('coverage')))} coverage"
    else:
        words = text.public(str(promise.get("reason") or text.DASH))
    return Candidate(
        str(entry["model"]), bool(entry.get("shortlisted")), text.public(str(entry.get("reason") or "")), words
    )
