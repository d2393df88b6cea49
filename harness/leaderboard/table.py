"""The leaderboard itself, and the trials: rows become cells that are ready to be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.columns import AUTOMATION, COST, SCORES, TEXTS, VALIDATION, Column, more_groups
from harness.leaderboard.figures import Look
from harness.leaderboard.rows import Evidence, Model, number, ranks

BAR = 84.0  # width of the bar in a cell, in pixels
MOST_TRIALS = 200
MOST_FAILED = 60
_PLACE = ("role", "year", "code_list", "dictionaries")


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval on its column's scale, in pixels from 0 to ``BAR``; ``outside`` where the scale ends before it."""

    low: float
    high: float
    value: float
    mark: float | None
    outside: str


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    value: float | str | None
    interval: str = ""
    bar: Bar | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A model's row; ``raw`` is what the download holds."""

    model: Model
    look: Look
    cells: tuple[Cell, ...]
    raw: tuple[float | str | None, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    groups: tuple[tuple[str, int], ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    caption: str
    kinds: tuple[str, ...]
    raw_columns: tuple[str, ...]
    reasons: tuple[tuple[str, tuple[str, ...]], ...]


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
    lines: tuple[TrialLine, ...]
    families: tuple[FamilyLine, ...]
    statuses: tuple[str, ...]
    total: int


def leaderboard(evidence: Evidence, models: list[Model], looks: dict[str, Look]) -> Table:
    """One line a model, the best micro-F1 first; on held-out years, or on validation where there are none."""
    role = evidence.shown_role
    heldout = role == "heldout"
    years = text.years(evidence.years(role))
    rows = {model.name: shown(evidence, model.name) for model in models}
    columns = (*TEXTS, *((VALIDATION,) if heldout else ()), *SCORES, *AUTOMATION, *COST)
    raw_columns = _raw_keys(columns, rows.values())
    scales = {column.key: _scale(column, evidence, models, rows) for column in columns if column.has_interval}
    lines = []
    for model in models:
        row = rows[model.name]
        reason = text.public(str(row.get("reason") or ""))
        cells = tuple(_cell(column, row, model, scales.get(column.key), evidence) for column in columns)
        raw = tuple(_raw(row, model, key) for key in raw_columns)
        lines.append(Line(model, looks[model.name], cells, raw, reason))
    lines.sort(key=lambda line: _best_first(number(rows[line.model.name].get("micro_f1"))))
    scored = f"{'Held-out' if heldout else 'Validation'} years"
    n = next((row["n"] for row in rows.values() if row.get("n") is not None), None)
    missing: dict[str, list[str]] = {}
    for line in lines:
        if line.reason and any(cell.value is None for cell in line.cells):
            missing.setdefault(line.reason, []).append(line.model.name)
    return Table(
        groups=(
            ("", len(TEXTS)),
            *((("validation", 1),) if heldout else ()),
            (f"{scored.lower()}: codes and confidence", len(SCORES)),
            ("automation", len(AUTOMATION)),
            ("cost", len(COST)),
        ),
        columns=columns,
        lines=tuple(lines),
        caption=f"{scored} {years}"
        + (f", {text.number_of(n, 'certificate')}" if n is not None else "")
        + (f"; {evidence.known}" if evidence.known else ""),
        kinds=tuple(dict.fromkeys(line.model.kind for line in lines)),
        raw_columns=raw_columns,
        reasons=tuple((reason, tuple(names)) for reason, names in missing.items()),
    )


def trials(evidence: Evidence) -> Trials:
    """The best trials, and those that failed with their reasons."""
    rows = sorted(evidence.trials, key=lambda row: (not ranks(row), *_best_first(number(row.get("score")))))
    lines = [
        TrialLine(
            name=str(row["trial"]),
            family=str(row["family"]),
            status=str(row["status"]),
            score=number(row.get("score")),
            seconds=number(row.get("seconds")),
            started=number(row.get("started")),
            parameters=text.pairs(row.get("parameters") or {}),
            reason=text.public(str(row.get("reason") or "")),
        )
        for row in rows
    ]
    good = sum(ranks(row) for row in rows)
    failed = lines[good:][:MOST_FAILED]
    statuses = tuple(dict.fromkeys(["done", "stopped", "failed", *(line.status for line in lines)]))
    families = dict.fromkeys(str(name) for name in evidence.meta.get("families") or [])
    families |= dict.fromkeys(str(row["family"]) for row in evidence.trials)
    return Trials(
        lines=tuple(lines[: min(good, MOST_TRIALS - len(failed))] + failed),
        families=tuple(_family_line(name, evidence, statuses) for name in families),
        statuses=statuses,
        total=len(lines),
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


def shown(evidence: Evidence, model: str) -> Row:
    """The model's scores on the shown role, with what calibration and validation say about it."""
    role = evidence.shown_role
    row: Row = dict(
        evidence.row(model, role) or {"reason": f"not scored on {'held-out' if role == 'heldout' else role} years"}
    )
    validation, calibration = evidence.row(model, "validation") or {}, evidence.row(model, "calibration") or {}
    row["validation_micro_f1"] = validation.get("micro_f1")
    for key in ("promised_coverage", "certificates_per_second", "bytes"):
        if row.get(key) is None:
            row[key] = calibration.get(key)
    return row


def _why(column: Column, row: Row) -> str:
    """Why a value is missing. A row has one reason: where automation is missing, the reason is about that."""
    reason = text.public(str(row.get("reason") or ""))
    about_automation = "unit" in row and any(number(row.get(other.key)) is None for other in AUTOMATION)
    if not reason or (about_automation and column not in AUTOMATION):
        return "no value, and no reason was recorded"
    return reason


def _raw_keys(columns: tuple[Column, ...], rows: Iterable[Row]) -> tuple[str, ...]:
    keys: list[str] = []
    for column in columns:
        keys += [column.key, f"{column.key}_low", f"{column.key}_high"] if column.has_interval else [column.key]
    groups = [group for _, of_table in more_groups(rows) for group in of_table]
    more = [column.key for group in groups for column in group.columns]
    counts = [group.counted for group in groups if group.counted]
    return (*keys, *more, *counts, *_PLACE, "n", "reason")


def _raw(row: Row, model: Model, key: str) -> float | str | None:
    if key in _words(model):
        return _words(model)[key]
    if key in (*_PLACE, "reason"):
        return text.public(str(row.get(key) or ""))
    return number(row.get(key))


def _words(model: Model) -> dict[str, str]:
    return {"model": model.name, "family": model.family, "kind": model.kind}


def _cell(column: Column, row: Row, model: Model, scale: tuple[float, float] | None, evidence: Evidence) -> Cell:
    if column.write is None:
        name = _words(model)[column.key]
        return Cell(name, name)
    value = number(row.get(column.key))
    if value is None:
        return Cell(text.DASH, None, reason=_why(column, row))
    low, high = number(row.get(f"{column.key}_low")), number(row.get(f"{column.key}_high"))
    if not column.has_interval or low is None or high is None:
        return Cell(column.write(value), value)
    mark = number((evidence.promise or {}).get("risk")) if column.key == "risk" else None
    bar = None if scale is None else _bar(low, high, value, mark, scale)
    return Cell(column.write(value), value, text.interval(column.write(low), column.write(high)), bar)


def _scale(column: Column, evidence: Evidence, models: list[Model], rows: dict[str, Row]) -> tuple[float, float] | None:
    """The column's scale: that of the models; floors may lie outside."""
    ends: list[float] = []
    for model in models:
        if not model.floor:
            keys = (column.key, f"{column.key}_low", f"{column.key}_high")
            ends += [value for key in keys if (value := number(rows[model.name].get(key))) is not None]
    if not ends:
        return None
    if column.from_zero:
        promised = number((evidence.promise or {}).get("risk")) or 0.0
        return 0.0, max(*ends, 1.5 * promised, 1e-6)
    return min(ends), max(max(ends), min(ends) + 1e-6)


def _bar(low: float, high: float, value: float, mark: float | None, scale: tuple[float, float]) -> Bar:
    first, last = scale

    def place(share: float) -> float:
        inside = min(max((share - first) / (last - first), 0.0), 1.0)
        return round(4 + (BAR - 8) * inside, 1)

    outside = "below" if high < first else "above" if low > last else ""
    return Bar(place(low), place(high), place(value), None if mark is None else place(mark), outside)


def _best_first(value: float | None) -> tuple[bool, float]:
    return value is None, -(value or 0.0)
