"""What was automatic, and how much of it wrong: on the held-out years, and in the windows of the back-test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from harness.files import Row
from harness.leaderboard.audit import LINE, State, judge
from harness.leaderboard.figures.looks import Interval, Look, interval
from harness.leaderboard.figures.promises import asked_first, asked_risk, is_made, picks, promise_of, shown_unit
from harness.leaderboard.language import say
from harness.leaderboard.reasons import reason
from harness.leaderboard.rows import Evidence, number

Source = Literal["heldout", "window", "refitted"]  # a held-out year; a window without the refit, and with it


@dataclass(frozen=True, slots=True)
class Audited:
    """One year of one source.

    Attributes
    ----------
    coverage, risk : None where no promise could be made, or nothing was automatic
    promised : the coverage on the calibration years at the certified threshold; None without a promise
    reason : why there is no risk; empty where there is one
    saw_later : whether the hyper-parameters were chosen on years that are later than the window's
    """

    year: str
    promised: float | None
    n: int | None
    coverage: float | None
    risk: Interval | None
    state: State
    reason: str
    saw_later: bool = False

    @property
    def impossible(self) -> bool:
        return self.state == "none"


@dataclass(frozen=True, slots=True)
class Series:
    """One model's years of one source, oldest first."""

    look: Look
    source: Source
    years: tuple[Audited, ...]


@dataclass(frozen=True, slots=True)
class Audits:
    """All of one unit.

    Attributes
    ----------
    unit : certificates or lines, whichever is promised
    risk : that was asked for, and ``made`` where it is promised of the pick
    other_unit : whether there is a back-test of the other unit, which is left out
    """

    unit: str
    risk: float | None
    made: bool
    years: tuple[str, ...]
    series: tuple[Series, ...]
    other_unit: bool

    @property
    def looks(self) -> tuple[Look, ...]:
        found = {one.look.group: one.look for one in self.series}
        return tuple(found.values())


def audits(evidence: Evidence, looks: Mapping[str, Look]) -> Audits:
    unit = shown_unit(evidence)
    same = asked_first(evidence) == unit
    series = [*_heldout(evidence, looks, unit), *(_windows(evidence, looks) if same else ())]
    return Audits(
        unit=unit,
        risk=asked_risk(evidence, unit),
        made=any(is_made(evidence, name, unit) for name in picks(evidence)),
        years=tuple(sorted({audited.year for one in series for audited in one.years})),
        series=tuple(sorted(series, key=lambda one: not one.look.picked)),
        other_unit=bool(evidence.backtest) and not same,
    )


def _heldout(evidence: Evidence, looks: Mapping[str, Look], unit: str) -> Iterable[Series]:
    """The pick and every other model with a promise of this unit."""
    for name, look in looks.items():
        if not look.picked and not is_made(evidence, name, unit):
            continue
        rows = [(year, evidence.row(name, "heldout", year, unit)) for year in evidence.years("heldout")]
        promise = promise_of(evidence, name, unit) or {}
        years = tuple(_year(year, row, unit, promise) for year, row in rows if row is not None)
        if any(one.coverage is not None for one in years):
            yield Series(look, "heldout", years)


def _year(year: str, row: Row, unit: str, promise: Row) -> Audited:
    found, coverage = interval(row, "risk"), number(row.get("coverage"))
    made, risk = bool(promise.get("made")), number(promise.get("risk"))
    state: State = "unaudited" if made else "none"
    if made and found and risk is not None:
        state = judge(risk, found.low, found.high)
    silent = say("no line reached the threshold") if unit == LINE else say("no certificate reached the threshold")
    return Audited(
        year=year,
        promised=number(promise.get("coverage")) if made else None,
        n=_whole(row.get("n")),
        coverage=coverage,
        risk=found,
        state=state,
        reason="" if found else _reason(row) or silent,
    )


def _windows(evidence: Evidence, looks: Mapping[str, Look]) -> Iterable[Series]:
    sources: tuple[tuple[Source, bool], ...] = (("window", False), ("refitted", True))
    for name, look in looks.items():
        for source, refit in sources:
            rows = [row for row in evidence.backtest if str(row["model"]) == name and bool(row["refit"]) == refit]
            if rows:
                years = tuple(_window(row) for row in sorted(rows, key=lambda row: str(row["audit"])))
                yield Series(look, source, years)


def _window(row: Row) -> Audited:
    made, found = row.get("made"), interval(row, "risk")
    verdicts: dict[str, State] = {"kept": "kept", "broken": "broken", "undecided": "undecided"}
    silent: State = "unaudited" if made else "none" if made is not None else "unfinished"
    why = _reason(row) or say("no reason was recorded")
    if made and number(row.get("coverage")) is not None:  # the reason is the promise's own: it was made
        why = say("nothing was automatic in the audit year")
    return Audited(
        year=str(row["audit"]),
        promised=number(row.get("promised_coverage")) if made else None,
        n=_whole(row.get("n")),
        coverage=number(row.get("coverage")),
        risk=found,
        state=verdicts.get(str(row.get("verdict")), silent),
        reason="" if found else why,
        saw_later=bool(row.get("hyper_parameters_saw_later")),
    )


def _reason(row: Row) -> str:
    return reason(row.get("reason")).rstrip(".")


def _whole(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)
