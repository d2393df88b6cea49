"""All trials: columns for the page's script, counts by family, and the best for pages that list a few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.board.table import best_first, public_parameters
from harness.leaderboard.reasons import reason
from harness.leaderboard.rows import Evidence, number, ranks

MOST_TRIALS = 200
MOST_FAILED = 60


@dataclass(frozen=True, slots=True)
class TrialLine:
    name: str
    family: str
    status: str
    score: float | None
    seconds: float | None
    started: float | None
    parameters: str
    reason: str


@dataclass(frozen=True, slots=True)
class FamilyLine:
    family: str
    kind: str
    statuses: tuple[int, ...]
    best: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Trials:
    """The best trials, then those that failed; and all, counted by family and status."""

    lines: tuple[TrialLine, ...]
    families: tuple[FamilyLine, ...]
    statuses: tuple[str, ...]
    total: int


def trials(evidence: Evidence) -> Trials:
    """The best trials, and those that failed with their reasons."""
    rows = ranked(evidence.trials)
    good = sum(map(ranks, rows))
    failed = rows[good:][:MOST_FAILED]
    listed = rows[: min(good, MOST_TRIALS - len(failed))] + failed
    statuses = tuple(dict.fromkeys(["done", "stopped", "failed", *(str(row["status"]) for row in rows)]))
    families = dict.fromkeys(str(name) for name in evidence.meta.get("families") or [])
    families |= dict.fromkeys(str(row["family"]) for row in evidence.trials)
    return Trials(
        lines=tuple(map(_line, listed)),
        families=tuple(_family_line(name, evidence, statuses) for name in families),
        statuses=statuses,
        total=len(rows),
    )


def ranked(rows: Sequence[Row]) -> list[Row]:
    """The best score first; those that failed, and those without a score, last."""
    return sorted(rows, key=lambda row: (not ranks(row), *best_first(number(row.get("score")))))


def trial_columns(evidence: Evidence) -> dict[str, Any]:
    """All trials as columns, the best first: short enough for ten thousand of them in a page, and no digit is lost.

    A column is a list of values; or, where values are texts or come often, ``of``, what occurs, and ``at``, which of it
    each trial has, -1 for none. Hyper-parameters are columns of their family, over its trials alone, in their order.
    Reasons are as the rows have them, without folders: a file of them is the same in every language.
    """
    rows = ranked(evidence.trials)
    parameters: dict[str, dict[str, Any]] = {}
    for family in dict.fromkeys(str(row["family"]) for row in rows):
        mine = [public_parameters(row.get("parameters") or {}) for row in rows if str(row["family"]) == family]
        names = sorted({name for one in mine for name in one})
        parameters[family] = {name: _column([one.get(name) for one in mine]) for name in names}
    return {
        "trial": [str(row["trial"]) for row in rows],
        "family": _column([str(row["family"]) for row in rows]),
        "status": _column([str(row["status"]) for row in rows]),
        "score": [number(row.get("score")) for row in rows],
        "seconds": [number(row.get("seconds")) for row in rows],
        "started": [number(row.get("started")) for row in rows],
        "reason": _column([text.public(str(row.get("reason") or "")) or None for row in rows]),
        "parameters": parameters,
    }


def _column(values: Sequence[Any]) -> Any:
    """Values as they are, or by what occurs of them where that is shorter."""
    plain = [_plain(value) for value in values]
    # 1, 1.0 and True are equal in Python: what occurs is told apart by its type as well.
    occurring = dict.fromkeys((type(value), value) for value in plain if value is not None)
    texts = any(isinstance(value, str) for value in plain)
    if not texts and 2 * len(occurring) > len(plain):
        return plain
    places = {key: place for place, key in enumerate(occurring)}
    return {
        "of": [value for _, value in occurring],
        "at": [-1 if value is None else places[type(value), value] for value in plain],
    }


def _plain(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, str | bool | int):
        return value
    return number(value) if isinstance(value, float) else text.plain(value)


def _line(row: Row) -> TrialLine:
    return TrialLine(
        name=str(row["trial"]),
        family=str(row["family"]),
        status=str(row["status"]),
        score=number(row.get("score")),
        seconds=number(row.get("seconds")),
        started=number(row.get("started")),
        parameters=text.pairs(row.get("parameters") or {}),
        reason=reason(row.get("reason")),
    )


def _family_line(name: str, evidence: Evidence, statuses: tuple[str, ...]) -> FamilyLine:
    mine = [row for row in evidence.trials if str(row["family"]) == name]
    counts = Counter(str(row["status"]) for row in mine)
    scores = [row["score"] for row in mine if ranks(row)]
    return FamilyLine(
        family=name,
        kind=next((str(row["kind"]) for row in mine if row.get("kind")), ""),
        statuses=tuple(counts[status] for status in statuses),
        best=max(scores, default=None),
        seconds=sum(number(row.get("slot_seconds")) or 0.0 for row in mine),
    )
