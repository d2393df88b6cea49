"""Automation: what each candidate promised, what a back-test says of it, and why the others were not picked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.audit import CERTIFICATE, LINE, State, parts_of, unit_of
from harness.leaderboard.glossary import term_of
from harness.leaderboard.language import N_, say
from harness.leaderboard.reasons import reason
from harness.leaderboard.rows import Evidence, number

COUNTED: dict[State, str] = {
    "kept": N_("{n} kept"),
    "undecided": N_("{n} undecided"),
    "broken": N_("{n} broken"),
    "unaudited": N_("{n} promised but not audited"),
    "none": N_("{n} without a promise"),
    "unfinished": N_("{n} unfinished"),
}
_AUDITED: dict[str, State] = {"kept": "kept", "broken": "broken", "undecided": "undecided"}


@dataclass(frozen=True, slots=True)
class Threshold:
    """One threshold on the calibration years: a candidate's promise for one unit, or the naive threshold beside it.

    Attributes
    ----------
    kind : ``promise``, ``none`` where no promise could be made, ``naive``
    unit : what ``accepted`` and ``wrong`` count
    term : of the estimator, in the glossary; empty where it has none
    """

    model: str
    kind: str
    unit: str
    coverage: str
    accepted: str
    wrong: str
    risk: str
    estimator: str
    recalibration: str
    term: str = ""


@dataclass(frozen=True, slots=True)
class Promises:
    """What was asked, and what each candidate got.

    Attributes
    ----------
    shared : by how many candidates, and units of each, the confidence is shared
    naive : whether there are naive thresholds among ``thresholds``
    units : whether some of them are of lines, so that each must say its unit
    reasons : a candidate, its lines or its naive threshold, and why there is no such threshold
    """

    risk: str
    confidence: str
    shared: str
    thresholds: tuple[Threshold, ...]
    naive: bool
    units: bool
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a back-test, fitted with the refit or without; ``reason`` where there is no verdict."""

    trained: str
    validation: str
    calibration: str
    audit: str
    refit: bool
    promised: str
    n: str
    coverage: str
    risk: str
    interval: str
    state: State
    legal: bool
    saw_later: bool
    reason: str


@dataclass(frozen=True, slots=True)
class BackTest:
    """The windows of one model.

    Attributes
    ----------
    counts : how many windows ended how, without the refit and with it
    reasons : a window, and why it has no verdict
    """

    model: str
    family: str
    unit: str
    windows: tuple[Window, ...]
    counts: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Automation:
    """All of the section; what a run has no rows of is empty.

    Attributes
    ----------
    rejected : each model that was not picked, and why
    """

    promises: Promises | None
    backtests: tuple[BackTest, ...]
    rejected: tuple[tuple[str, str], ...]

    @property
    def shown(self) -> bool:
        return bool(self.promises or self.backtests or self.rejected)


def automation(evidence: Evidence) -> Automation:
    """The section as a pure function of the rows."""
    rejected = (evidence.pick or {}).get("rejected") or []
    return Automation(
        promises=_promises(evidence),
        backtests=tuple(_backtests(evidence)),
        rejected=tuple((str(row["model"]), _bare(row.get("reason")) or text.DASH) for row in rejected),
    )


def _promises(evidence: Evidence) -> Promises | None:
    certified = evidence.certified or {}
    promises: dict[str, Row] = certified.get("promises") or {}
    if not promises:
        return None
    naives: dict[str, Row] = certified.get("naive") or {}
    thresholds, reasons = [], []
    for name in sorted(promises, key=lambda name: (name != evidence.picked, name)):
        for promise in parts_of(promises[name]):
            unit, made = unit_of(promise), bool(promise.get("made"))
            thresholds.append(_threshold(evidence, name, "promise" if made else "none", unit, promise if made else {}))
            if not made:
                whose = name if unit == CERTIFICATE else say("{model}, lines", model=name)
                reasons.append((whose, _bare(promise.get("reason"))))
        if name in naives:
            point = naives[name] if number(naives[name].get("accepted")) else {}
            thresholds.append(_threshold(evidence, name, "naive", CERTIFICATE, point))
            if not point:
                reasons.append((say("{model}, naive", model=name), _bare(naives[name].get("sentence"))))
    asked = next(iter(promises.values()))
    risk, confidence, candidates = (number(asked.get(key)) for key in ("risk", "confidence", "candidates"))
    shared = text.number_of(len(promises) if candidates is None else candidates, "candidate")
    if number(asked.get("promises")) == 2:
        shared = say("{candidates}, each with a promise for certificates and one for lines", candidates=shared)
    return Promises(
        risk=text.DASH if risk is None else text.level(risk),
        confidence=text.DASH if confidence is None else text.level(confidence),
        shared=shared,
        thresholds=tuple(thresholds),
        naive=any(one.kind == "naive" for one in thresholds),
        units=any(one.unit == LINE for one in thresholds),
        reasons=tuple((whose, why or say("no reason was recorded")) for whose, why in reasons),
    )


def _threshold(evidence: Evidence, name: str, kind: str, unit: str, found: Row) -> Threshold:
    """``found`` has the counts; it is empty where there is no threshold."""
    keys = ("lines", "wrong_lines") if unit == LINE else ("accepted", "wrong")
    accepted, wrong, coverage = (number(found.get(key)) for key in (*keys, "coverage"))
    rows = evidence.lines if unit == LINE else evidence.scorecards
    row = next((row for row in rows if str(row["model"]) == name), {})
    return Threshold(
        model=name,
        kind=kind,
        unit=unit,
        coverage=text.share(coverage),
        accepted=text.count(accepted),
        wrong=text.count(wrong),
        risk=text.risk(wrong / accepted if accepted and wrong is not None else None),
        estimator=text.plain(row.get("estimator")).replace("_", " "),
        recalibration=text.plain(row.get("recalibration")),
        term=term_of(str(row.get("estimator") or "")),
    )


def _backtests(evidence: Evidence) -> Iterator[BackTest]:
    first = next(parts_of((evidence.pick or {}).get("promise")), {})
    for name in dict.fromkeys(str(row["model"]) for row in evidence.backtest):
        rows = [row for row in evidence.backtest if str(row["model"]) == name]
        windows = tuple(_window(row) for row in rows)
        counts = (_counts([one for one in windows if one.refit == refit], refit) for refit in (False, True))
        yield BackTest(
            model=name,
            family="" if evidence.is_ensemble(name) else str(rows[0].get("family") or ""),
            unit=unit_of(first),
            windows=windows,
            counts=tuple(count for count in counts if count),
            reasons=tuple(
                (
                    say("audit {year}, refit on", year=one.audit)
                    if one.refit
                    else say("audit {year}, refit off", year=one.audit),
                    one.reason,
                )
                for one in windows
                if one.reason
            ),
        )


def _window(row: Row) -> Window:
    made, verdict = row.get("made"), _AUDITED.get(str(row.get("verdict")))
    silent: State = "unaudited" if made else "none" if made is not None else "unfinished"
    why = _bare(row.get("reason")) or say("no reason was recorded")
    if made and number(row.get("coverage")) is not None:  # the reason is the promise's own: it was made
        why = say("nothing was automatic in the audit year")
    return Window(
        trained=_span(row.get("train_from"), row.get("train_to")),
        validation=text.plain(row.get("validation")),
        calibration=text.plain(row.get("calibration")),
        audit=text.plain(row.get("audit")),
        refit=bool(row.get("refit")),
        promised=text.share(number(row.get("promised_coverage")) if made else None),
        n=text.count(number(row.get("n"))),
        coverage=text.share(number(row.get("coverage"))),
        risk=text.risk(number(row.get("risk"))),
        interval=_interval(row),
        state=verdict or silent,
        legal=bool(row.get("legal")),
        saw_later=bool(row.get("hyper_parameters_saw_later")),
        reason="" if verdict else why,
    )


def _counts(windows: list[Window], refit: bool) -> str:
    """How many windows ended how, in words."""
    if not windows:
        return ""
    found = Counter(window.state for window in windows)
    said = [
        say(message, n=text.count(found[state]))
        for state, message in COUNTED.items()
        if found[state] or state == "broken"
    ]
    message = N_("With the refit, {windows}: {counts}.") if refit else N_("Without the refit, {windows}: {counts}.")
    return say(message, windows=text.number_of(len(windows), "window"), counts=", ".join(said))


def _interval(row: Row) -> str:
    low, high = number(row.get("risk_low")), number(row.get("risk_high"))
    return "" if low is None or high is None else text.interval(text.risk(low), text.risk(high))


def _span(first: object, last: object) -> str:
    return text.plain(first) if first == last else f"{text.plain(first)}–{text.plain(last)}"


def _bare(written: object) -> str:
    return reason(written).rstrip(".")
