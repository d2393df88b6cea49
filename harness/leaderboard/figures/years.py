"""Scores by year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.leaderboard.figures.looks import Interval, Look, interval
from harness.leaderboard.rows import Evidence, number

MEASURES = ("micro_f1", "exact_match", "coverage", "risk")


@dataclass(frozen=True, slots=True)
class YearLine:
    """One model's scores: by measure, a value or None for each year."""

    look: Look
    scores: Mapping[str, tuple[Interval | None, ...]]


@dataclass(frozen=True, slots=True)
class ByYear:
    """Scores of models by year.

    Attributes
    ----------
    n : certificates of each year
    measures : those that any model has
    promised : the risk that is promised of certificates, where a promise is made
    """

    role: str
    years: tuple[str, ...]
    n: tuple[int | None, ...]
    measures: tuple[str, ...]
    lines: tuple[YearLine, ...]
    promised: float | None


def by_year(evidence: Evidence, looks: Mapping[str, Look]) -> ByYear:
    """Scores on each held-out year; on each validation year where there is none held out."""
    role = evidence.shown_role
    years = evidence.years(role)
    lines: list[YearLine] = []
    of_years: list[list[int | None]] = []
    for name, look in looks.items():
        found = [evidence.row(name, role, year) or {} for year in years]
        of_years.append([row.get("n") for row in found])
        scores = {key: tuple(interval(row, key) for row in found) for key in MEASURES}
        if any(any(values) for values in scores.values()):
            lines.append(YearLine(look, scores))
    return ByYear(
        role=role,
        years=tuple(years),
        n=tuple(_one(column) for column in zip(*of_years, strict=True)) if of_years else (None,) * len(years),
        measures=tuple(key for key in MEASURES if any(any(line.scores[key]) for line in lines)),
        lines=tuple(lines),
        promised=_promised(evidence),
    )


def _one(found: Sequence[int | None]) -> int | None:
    """The number that all who have one agree on; None where models were scored on different certificates."""
    known = {n for n in found if n is not None}
    return known.pop() if len(known) == 1 else None


def _promised(evidence: Evidence) -> float | None:
    """The risk promised by certificate, which is the unit of these scores; a promise by line is another."""
    promise = (evidence.pick or {}).get("promise") or {}
    return number(promise.get("risk")) if promise.get("made") else None
