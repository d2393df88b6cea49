"""What stands in a cell of the table: a value as it is written, its interval, its bar, or why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.board.columns import AUTOMATION, Column, Group
from harness.leaderboard.language import N_, say
from harness.leaderboard.reasons import reason
from harness.leaderboard.rows import number

BAR = 84.0  # width of the bar in a cell, in pixels
NOT_RECORDED = N_("no value, and no reason was recorded")
NOT_DEFINED = N_("not defined here")  # of a row that was scored: its numbers do not give this one


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
    """A value as it is written.

    Attributes
    ----------
    reason : why there is no value
    tie : where chance may explain the distance from the best model: how far it is, in words
    """

    text: str
    value: float | str | None
    interval: str = ""
    bar: Bar | None = None
    reason: str = ""
    tie: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """What the bars of a column are drawn on; ``mark`` is where the promise stands."""

    first: float
    last: float
    mark: float | None = None


def cell(column: Column, group: Group, row: Row, scale: Scale | None) -> Cell:
    """A number of a model's row, which may be missing."""
    value = number(row.get(column.key))
    if value is None or column.write is None:
        return Cell(text.DASH, None, reason=why(column, group, row))
    low, high = number(row.get(f"{column.key}_low")), number(row.get(f"{column.key}_high"))
    if not column.has_interval or low is None or high is None:
        return Cell(column.write(value), value)
    bar = None if scale is None else _bar(low, high, value, scale)
    return Cell(column.write(value), value, text.interval(column.write(low), column.write(high)), bar)


def why(column: Column, group: Group, row: Row) -> str:
    """Why a value is missing.

    A row has one reason of its own: that it was not scored at all; where automation is missing, why; else why a score is.
    """
    own = row.get("reason")
    if (
        "unit" in row
        and group is not AUTOMATION
        and any(number(row.get(one.key)) is None for one in AUTOMATION.columns)
    ):
        own = None
    of_group = row.get(group.reason) if "unit" in row else None
    undefined = say(column.undefined) if column.key in row and column.undefined else ""
    none = NOT_DEFINED if "unit" in row and column.key in row else NOT_RECORDED
    return reason(of_group) or undefined or reason(own) or say(none)


def scale_of(column: Column, rows: Iterable[Row], promised: float | None) -> Scale | None:
    """The scale of a column: that of the given rows; what stands elsewhere lies outside. ``promised`` is of the risk."""
    keys = (column.key, f"{column.key}_low", f"{column.key}_high")
    ends = [value for row in rows for key in keys if (value := number(row.get(key))) is not None]
    if not ends:
        return None
    if column.from_zero:
        return Scale(0.0, max(*ends, 1.5 * (promised or 0.0), 1e-6), promised)
    return Scale(min(ends), max(max(ends), min(ends) + 1e-6))


def tied(found: Cell, column: Column, row: Row | None) -> Cell:
    """The cell with how far its model is from the best, where a figure row says that chance may explain it."""
    if row is None or not row.get("tied") or row["model"] == row["best"] or column.write is None:
        return found
    low, high = number(row.get("low")), number(row.get("high"))
    behind = number(row.get("difference"))
    if behind is None or low is None or high is None:
        return found
    said = say(
        "tie with the best, {best}: {difference} behind it, {interval} with 95 % confidence on the same certificates",
        best=row["best"],
        difference=column.write(behind),
        interval=text.interval(column.write(low), column.write(high)),
    )
    return replace(found, tie=said)


def _bar(low: float, high: float, value: float, scale: Scale) -> Bar:
    def place(share: float) -> float:
        inside = min(max((share - scale.first) / (scale.last - scale.first), 0.0), 1.0)
        return round(4 + (BAR - 8) * inside, 1)

    outside = "below" if high < scale.first else "above" if low > scale.last else ""
    mark = None if scale.mark is None else place(scale.mark)
    return Bar(place(low), place(high), place(value), mark, outside)
