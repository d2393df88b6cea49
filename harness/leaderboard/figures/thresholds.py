"""What each threshold of each model would have made automatic, and how much of it wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.figures.promises import CERTIFICATE, LINE, asked_risk, is_made, picks, shown_unit
from harness.leaderboard.rows import Evidence, number
from harness.metrics.selective import exact_interval


@dataclass(frozen=True, slots=True)
class Counts:
    """One year's certificates that each stop makes automatic, and the wrong ones among them."""

    n: int
    accepted: tuple[int, ...]
    wrong: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The stops of one model, from the one that makes nothing automatic to the one that makes all it can.

    Attributes
    ----------
    thresholds : falling; None where nothing is automatic
    years : counts by year; a year without rows of this model is None
    certified : the stop at the threshold that was in force; None where the rows mark none
    promised : whether a promise is made of it: rows of an unfinished run mark a stop before anything is promised
    """

    look: Look
    thresholds: tuple[float | None, ...]
    years: tuple[Counts | None, ...]
    certified: int | None
    promised: bool = False


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a reader may move through.

    Attributes
    ----------
    role : held-out years, or validation where there are none
    ladders : the pick's first
    minutes : of a person's work on one certificate; None where the run does not say, or runs side by side differ
    merged : whether several runs are side by side
    risk : that was asked for of certificates; None where no promise was asked for
    of_lines : whether what is promised is the risk of lines
    grouped : whether the audits count certificates that err together for fewer, as these intervals do not
    """

    role: str
    years: tuple[str, ...]
    ladders: tuple[Ladder, ...]
    minutes: float | None
    merged: bool
    risk: float | None
    of_lines: bool
    grouped: bool

    @property
    def made(self) -> bool:
        return any(ladder.promised for ladder in self.ladders)


def thresholds(evidence: Evidence, looks: Mapping[str, Look]) -> Thresholds:
    rows: dict[str, list[Row]] = {}
    for row in (row for row in evidence.thresholds if row["role"] == evidence.shown_role):
        rows.setdefault(str(row["model"]), []).append(row)
    years = tuple(sorted({str(row["year"]) for some in rows.values() for row in some}))
    ladders = [
        _ladder(look, rows[name], years, promised=is_made(evidence, name, CERTIFICATE))
        for name, look in looks.items()
        if name in rows
    ]
    ladders.sort(key=lambda ladder: not ladder.look.picked)
    return Thresholds(
        role=evidence.shown_role,
        years=years,
        ladders=tuple(ladders),
        minutes=number(evidence.meta.get("minutes_per_certificate")),
        merged=bool(evidence.picks),
        risk=asked_risk(evidence, CERTIFICATE),
        of_lines=shown_unit(evidence) == LINE and any(is_made(evidence, name, LINE) for name in picks(evidence)),
        grouped=any(_grouped(evidence, ladder) for ladder in ladders),
    )


def _ladder(look: Look, rows: Sequence[Row], years: Sequence[str], *, promised: bool) -> Ladder:
    by_stop = sorted(rows, key=lambda row: float("-inf") if row["threshold"] is None else -row["threshold"])
    of_year = {year: [row for row in by_stop if str(row["year"]) == year] for year in years}
    stops = next(of_year[year] for year in years if of_year[year])
    certified = next((place for place, row in enumerate(stops) if row["certified"]), None)
    return Ladder(
        look=look,
        thresholds=tuple(number(row["threshold"]) for row in stops),
        years=tuple(_counts(of_year[year]) for year in years),
        certified=certified,
        promised=promised and certified is not None,
    )


def _counts(rows: Sequence[Row]) -> Counts | None:
    if not rows:
        return None
    return Counts(
        n=int(rows[0]["n"]),
        accepted=tuple(int(row["accepted"]) for row in rows),
        wrong=tuple(int(row["wrong"]) for row in rows),
    )


def _grouped(evidence: Evidence, ladder: Ladder) -> bool:
    """Whether the score row at the certified threshold has another interval than certificates that stand alone would."""
    if ladder.certified is None:
        return False
    counts = [year for year in ladder.years if year]
    accepted = sum(year.accepted[ladder.certified] for year in counts)
    wrong = sum(year.wrong[ladder.certified] for year in counts)
    alone = exact_interval(wrong, accepted)
    high = number((evidence.row(ladder.look.label, evidence.shown_role) or {}).get("risk_high"))
    return alone is not None and high is not None and abs(high - alone[1]) > 1e-9
