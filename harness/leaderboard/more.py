"""The scores that the leaderboard itself has no room for: a few tables below it, of the same models and certificates."""

from __future__ import annotations

from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.columns import Column, Group, more_groups
from harness.leaderboard.rows import Evidence, number
from harness.leaderboard.table import Cell, Line, Table, shown

NOT_RECORDED = "no value, and no reason was recorded"


@dataclass(frozen=True, slots=True)
class MoreLine:
    """A model's row; ``line`` is the one of the leaderboard."""

    line: Line
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class MoreTable:
    """Some groups of scores.

    Attributes
    ----------
    groups : heading and number of columns of each
    reasons : a group, why it has no value, and of which models
    """

    title: str
    groups: tuple[tuple[str, int], ...]
    columns: tuple[Column, ...]
    lines: tuple[MoreLine, ...]
    reasons: tuple[tuple[str, str, str], ...]


def more(evidence: Evidence, table: Table) -> tuple[MoreTable, ...]:
    """The tables below the leaderboard, its lines in their order; none while no model is scored."""
    rows = {line.model.name: shown(evidence, line.model.name) for line in table.lines}
    return (
        tuple(_table(title, groups, table.lines, rows) for title, groups in more_groups(rows.values())) if rows else ()
    )


def _table(title: str, groups: tuple[Group, ...], lines: tuple[Line, ...], rows: dict[str, Row]) -> MoreTable:
    return MoreTable(
        title=title,
        groups=tuple((_heading(group, rows), len(group.columns)) for group in groups),
        columns=tuple(column for group in groups for column in group.columns),
        lines=tuple(
            MoreLine(
                line,
                tuple(_cell(column, group, rows[line.model.name]) for group in groups for column in group.columns),
            )
            for line in lines
        ),
        reasons=tuple(reason for group in groups for reason in _reasons(group, rows)),
    )


def _heading(group: Group, rows: dict[str, Row]) -> str:
    """The group's title, with the number of codes or lines that it is over: one for all models that have it."""
    counted = next((n for row in rows.values() if (n := number(row.get(group.counted))) is not None), None)
    return group.title if counted is None else f"{group.title} ({text.number_of(counted, group.thing)})"


def _cell(column: Column, group: Group, row: Row) -> Cell:
    value = number(row.get(column.key))
    if value is None or column.write is None:
        return Cell(text.DASH, None, reason=_why(column, group, row))
    return Cell(column.write(value), value)


def _why(column: Column, group: Group, row: Row) -> str:
    of_all = "" if "unit" in row else row.get("reason")  # a model that was not scored at all
    reason = of_all or row.get(group.reason) or (column.undefined if column.key in row else "")
    return text.public(str(reason)) or NOT_RECORDED


def _reasons(group: Group, rows: dict[str, Row]) -> list[tuple[str, str, str]]:
    """Why a whole group is missing, where its rows say so; single cells say it themselves."""
    found: dict[str, list[str]] = {}
    for name, row in rows.items():
        if all(number(row.get(column.key)) is None for column in group.columns):
            found.setdefault(_why(group.columns[0], group, row), []).append(name)
    return [
        (group.title, reason, "all models" if len(names) == len(rows) else ", ".join(names))
        for reason, names in found.items()
    ]
