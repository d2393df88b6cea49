"""The promise held against held-out years: the one audit table of the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from harness.decision.audit import verdict_of
from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.language import say
from harness.leaderboard.reasons import reason
from harness.leaderboard.rows import ALL, Evidence, number

State = Literal["kept", "broken", "undecided", "unaudited", "none", "unfinished"]
CERTIFICATE, LINE = "certificate", "line"


@dataclass(frozen=True, slots=True)
class Audit:
    """The pick on one slice of held-out years.

    Attributes
    ----------
    year : ``all`` where it is all of them together
    state : ``kept`` where the whole interval of the risk is at most what was promised, ``broken`` where all of it is
        above, ``undecided`` between, ``unaudited`` where nothing was automatic, ``none`` where nothing is promised of
        this unit
    place : low, value, high and the promised risk on a scale from 0 to 100
    """

    year: str
    label: str
    state: State
    n: float | None
    accepted: int | None
    wrong: int | None
    share: float | None
    coverage: str
    risk: str
    interval: str
    place: tuple[float, float, float, float] | None
    hours: str
    reason: str


@dataclass(frozen=True, slots=True)
class Audited:
    """The pick on held-out years by one unit: all of them together first, then each where there are several.

    Attributes
    ----------
    promised : what was promised of this unit, written; empty where nothing was
    reason : why nothing was automatic in any year, else empty
    """

    unit: str
    promised: str
    slices: tuple[Audit, ...]
    reason: str


def parts_of(promise: Row | None) -> Iterator[Row]:
    """The promise of the unit that is promised first, and that of lines where both are."""
    if promise:
        yield promise
        if promise.get("line"):
            yield promise["line"]


def unit_of(promise: Row) -> str:
    """What is promised: certificates, or their lines."""
    return LINE if promise.get("unit") == LINE else CERTIFICATE


def judge(promised: float, low: float | None, high: float | None) -> State:
    """Whether an interval of the risk bears a promise out."""
    if low is None or high is None:
        return "unaudited"
    return verdict_of(low, high, promised)


def audited(evidence: Evidence) -> tuple[Audited, ...]:
    """The tables of the pick, the unit that is promised first; none without held-out years or a pick."""
    if evidence.picked is None:
        return ()
    promises = {unit_of(one): one for one in parts_of((evidence.pick or {}).get("promise")) if one.get("made")}
    units = sorted((CERTIFICATE, LINE), key=lambda unit: unit not in promises)
    found = (_audited(evidence, unit, number(promises.get(unit, {}).get("risk"))) for unit in units)
    return tuple(one for one in found if one is not None)


def _audited(evidence: Evidence, unit: str, promised: float | None) -> Audited | None:
    years = evidence.years("heldout")
    together = say("held-out {years}", years=text.years(years))
    slices = [(ALL, together), *((year, year) for year in years if len(years) > 1)]
    found = [
        (year, label, row)
        for year, label in slices
        if (row := evidence.row(evidence.picked or "", "heldout", year, unit)) is not None
    ]
    if promised is None:  # a unit that nothing is promised of is shown where the rule was asked about it at all
        found = [one for one in found if number(one[2].get("risk")) is not None]
    if not found:
        return None
    highs = [number(row.get("risk_high")) or 0.0 for _, _, row in found]
    top = max([2 * promised, *(min(high, 10 * promised) for high in highs)]) if promised else None
    silent = all(number(row.get("risk")) is None for _, _, row in found)
    return Audited(
        unit=unit,
        promised="" if promised is None else text.level(promised),
        slices=tuple(_audit(*one, promised, top) for one in found),
        reason=(reason(found[0][2].get("reason")).rstrip(".") or _nothing(unit)) if silent else "",
    )


def _nothing(unit: str) -> str:
    return say("no line reached the threshold") if unit == LINE else say("no certificate reached the threshold")


def _audit(year: str, label: str, row: Row, promised: float | None, top: float | None) -> Audit:
    n, coverage, risk = (number(row.get(key)) for key in ("n", "coverage", "risk"))
    low, high, hours = (number(row.get(key)) for key in ("risk_low", "risk_high", "hours_saved"))
    accepted = None if n is None or coverage is None else round(n * coverage)
    drawn = risk is not None and low is not None and high is not None
    state: State = "none"
    if promised is not None:
        state = judge(promised, low, high) if risk is not None else "unaudited"
    return Audit(
        year=year,
        label=label,
        state=state,
        n=n,
        accepted=accepted,
        wrong=None if accepted is None or risk is None else round(accepted * risk),
        share=coverage,
        coverage=text.share(coverage),
        risk=text.risk(risk),
        interval=text.interval(text.risk(low), text.risk(high)) if drawn else "",
        place=_places((low or 0.0, risk or 0.0, high or 0.0, promised or 0.0), top) if drawn and top else None,
        hours=text.DASH if hours is None else text.written(f"{hours:,.1f}"),
        reason=reason(row.get("reason")),
    )


def _places(values: tuple[float, float, float, float], top: float) -> tuple[float, float, float, float]:
    low, value, high, promised = (round(100 * min(part / top, 1.0), 2) for part in values)
    return low, value, high, promised
