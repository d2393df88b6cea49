"""How much the finalists' validation scores depend on the seed of their fit."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.language import say
from harness.leaderboard.reasons import reason
from harness.leaderboard.rows import Evidence, number


@dataclass(frozen=True, slots=True)
class SpreadLine:
    """One finalist over its seeds; ``candidate`` is the score of the fit that was a candidate, itself one of them."""

    model: str
    seeds: str
    candidate: str
    mean: str
    range: str
    micro_f1: str
    exact_match: str
    reasons: tuple[str, ...]


def spread(evidence: Evidence) -> tuple[SpreadLine, ...]:
    """A line for each finalist, the best mean first; none where the run asked for one seed alone."""
    models = dict.fromkeys(str(row["model"]) for row in evidence.seeds)
    rows = {name: [row for row in evidence.seeds if str(row["model"]) == name] for name in models}
    return tuple(_line(name, rows[name]) for name in sorted(rows, key=lambda name: _best_first(rows[name])))


def _line(name: str, rows: list[Row]) -> SpreadLine:
    scores = _values(rows, "score")
    candidate = next((number(row["score"]) for row in rows if row["candidate"]), None)
    return SpreadLine(
        model=name,
        seeds=say("{n} of {all}", n=len(scores), all=len(rows)),
        candidate=_score(candidate),
        mean=_mean(scores),
        range=f"{_score(min(scores))}–{_score(max(scores))}" if scores else text.DASH,
        micro_f1=_mean(_values(rows, "micro_f1")),
        exact_match=_mean(_values(rows, "exact_match")),
        reasons=tuple(
            say("{model} with the seed {seed}: {reason}", model=name, seed=row["seed"], reason=reason(row["reason"]))
            for row in rows
            if row["reason"]
        ),
    )


def _values(rows: list[Row], key: str) -> list[float]:
    return [value for row in rows if (value := number(row[key])) is not None]


def _mean(values: list[float]) -> str:
    """Mean and standard deviation; one value has none."""
    if not values:
        return text.DASH
    deviation = f" ± {_score(statistics.stdev(values))}" if len(values) > 1 else ""
    return f"{_score(statistics.fmean(values))}{deviation}"


def _score(value: float | None) -> str:
    return text.area(value)


def _best_first(rows: list[Row]) -> float:
    scores = _values(rows, "score")
    return -statistics.fmean(scores) if scores else float("inf")
