"""Parallel coordinates: what each trial of a family chose, and which score it had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from typing import Any, Literal

import numpy as np

from harness.files import Row
from harness.leaderboard.figures.looks import Look, family_looks
from harness.leaderboard.figures.sample import best_and_even, shares
from harness.leaderboard.rows import Evidence, number, ranks
from harness.leaderboard.text import plain

MOST_OF_FAMILY = 300
MOST = 1000  # trials of all families together: each has a place on every axis
BINS = 8
DECADES = 2  # values that span more than so many lie on a logarithmic axis
ABSENT = -0.1  # where an axis holds the trials to which its choice did not apply
Kind = Literal["linear", "logarithmic", "places"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One hyper-parameter, or the score; ``ticks`` are values from 0 to 1 with what stands there, in their order."""

    name: str
    kind: Kind
    ticks: tuple[tuple[float, float | str | bool], ...]
    absent: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One trial: its place on each axis, and in which eighth of the scores it lies, the best in the last."""

    name: str
    status: str
    score: float
    parameters: Mapping[str, Any]
    places: tuple[float, ...]
    bin: int


@dataclass(frozen=True, slots=True)
class Choices:
    """The trials of one family, the worst first; the axes by their names, the score last."""

    look: Look
    axes: tuple[Axis, ...]
    lines: tuple[Line, ...]
    n_scored: int


@dataclass(frozen=True, slots=True)
class Parallel:
    """Families in the order of their looks, that of the pick first; ``without``: those that have nothing to compare."""

    objective: str
    families: tuple[Choices, ...]
    without: tuple[str, ...]


def parallel(evidence: Evidence, most_of_family: int = MOST_OF_FAMILY, most: int = MOST) -> Parallel:
    """What was varied in each family: a hyper-parameter with one value in all trials has no axis."""
    scored: dict[str, list[Row]] = {name: [] for name in family_looks(evidence)}
    for row in evidence.trials:
        if ranks(row):
            plain_ones = {name: _plain(value) for name, value in (row.get("parameters") or {}).items()}
            scored[str(row["family"])].append({**row, "parameters": plain_ones})
    drawn = shares({name: min(len(rows), most_of_family) for name, rows in scored.items()}, most)
    families, without = [], []
    for name, look in family_looks(evidence).items():
        rows = scored[name]
        kept = [rows[place] for place in best_and_even([row["score"] for row in rows], drawn[name])]
        axes = _axes(kept)
        if axes and len(kept) > 1:
            families.append(Choices(look, (*axes, _score_axis(kept)), _lines(kept, axes), len(rows)))
        else:
            without.append(name)
    families.sort(key=lambda one: not one.look.picked)
    return Parallel(str(evidence.meta.get("objective") or "objective"), tuple(families), tuple(without))


def _plain(value: object) -> object:
    """A value that can be told from others: a list, say, by its words."""
    return value if value is None or isinstance(value, str | int | float) else plain(value)


def _axes(rows: Sequence[Row]) -> tuple[Axis, ...]:
    names = sorted({str(name) for row in rows for name in row.get("parameters") or {}})
    found = []
    for name in names:
        values = [row["parameters"][name] for row in rows if name in (row.get("parameters") or {})]
        distinct = {(type(value) is bool, value) for value in values}
        if len(distinct) > 1:
            found.append(_axis(name, values, absent=len(values) < len(rows)))
    return tuple(found)


def _axis(name: str, values: Sequence[Any], *, absent: bool) -> Axis:
    """Numbers by their size, on a logarithmic scale where they span many; anything else in places of equal distance."""
    numbers = [number(value) for value in values]
    if any(value is None for value in numbers):
        choices = sorted(set(values), key=lambda value: (str(type(value)), value))
        ticks = tuple((place / (len(choices) - 1), choice) for place, choice in enumerate(choices))
        return Axis(name, "places", ticks, absent)
    low, high = min(values), max(values)
    logarithmic = low > 0 and high > low * 10**DECADES
    return Axis(name, "logarithmic" if logarithmic else "linear", ((0.0, low), (1.0, high)), absent)


def _score_axis(rows: Sequence[Row]) -> Axis:
    scores = [row["score"] for row in rows]
    return Axis("score", "linear", ((0.0, min(scores)), (1.0, max(scores))), absent=False)


def _lines(rows: Sequence[Row], axes: Sequence[Axis]) -> tuple[Line, ...]:
    scores = np.array([row["score"] for row in rows], dtype=np.float64)
    # Equal scores share a rank, and so a colour.
    bins = np.searchsorted(np.sort(scores), scores, side="left") * BINS // len(scores)
    of_score = _score_axis(rows)
    lines = [
        Line(
            name=str(row["trial"]),
            status=str(row["status"]),
            score=float(row["score"]),
            parameters={axis.name: row["parameters"].get(axis.name) for axis in axes},
            places=(
                *(
                    place(axis, row["parameters"][axis.name]) if axis.name in row["parameters"] else ABSENT
                    for axis in axes
                ),
                place(of_score, row["score"]),
            ),
            bin=int(bins[at]),
        )
        for at, row in enumerate(rows)
    ]
    return tuple(sorted(lines, key=lambda line: line.score))


def place(axis: Axis, value: Any) -> float:
    """Where a value lies on its axis, from 0 to 1; all at its end where they are one."""
    if axis.kind == "places":
        return next(at for at, choice in axis.ticks if (type(choice), choice) == (type(value), value))
    low, high = (float(end) for _, end in axis.ticks)
    if low == high:
        return 1.0
    if axis.kind == "logarithmic":
        return (log10(value) - log10(low)) / (log10(high) - log10(low))
    return (float(value) - low) / (high - low)
