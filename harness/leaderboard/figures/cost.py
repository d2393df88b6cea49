"""What quality costs, and which models give the best of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor, log10

from harness.files import Row
from harness.leaderboard.figures.looks import Interval, Look, interval
from harness.leaderboard.rows import Evidence, number

MOST_TICKS = 5  # a narrow screen has room for these
COSTS = ("milliseconds", "bytes", "fit_seconds")
QUALITIES = ("micro_f1", "exact_match", "coverage")


@dataclass(frozen=True, slots=True)
class Point:
    """One model.

    Attributes
    ----------
    best : no other that it can be compared with is at least as good and as cheap, and better in one of both
    comparable : the set of models that it can be compared with, by number
    """

    look: Look
    cost: float
    quality: Interval
    best: bool
    comparable: int = 0


@dataclass(frozen=True, slots=True)
class CostView:
    """One quality over one cost; each set of models that can be compared has a front, its points in ascending cost."""

    cost: str
    quality: str
    points: tuple[Point, ...]

    @property
    def fronts(self) -> tuple[tuple[Point, ...], ...]:
        best = sorted(
            (one for one in self.points if one.best), key=lambda one: (one.comparable, one.cost, one.look.group)
        )
        return tuple(tuple(those) for _, those in groupby(best, key=lambda one: one.comparable))


@dataclass(frozen=True, slots=True)
class Spent:
    """One model's costs and qualities, each None where its row has none."""

    look: Look
    costs: Mapping[str, float | None]
    qualities: Mapping[str, Interval | None]
    comparable: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """Costs and qualities that any model has; a view for each of both, the qualities following one another."""

    role: str
    costs: tuple[str, ...]
    qualities: tuple[str, ...]
    models: tuple[Spent, ...]
    views: tuple[CostView, ...]


def cost(evidence: Evidence, looks: Mapping[str, Look]) -> Cost:
    """Cost and quality of every model on the years that are shown. Floors are points, but take no part in the front."""
    models = [_spent(look, _row(evidence, name), evidence.set_of(name)) for name, look in looks.items()]
    models = [one for one in models if any(one.costs.values()) and any(one.qualities.values())]
    costs = tuple(key for key in COSTS if any(one.costs[key] is not None for one in models))
    qualities = tuple(key for key in QUALITIES if any(one.qualities[key] is not None for one in models))
    views = tuple(_view(models, spent, quality) for spent in costs for quality in qualities)
    return Cost(evidence.shown_role, costs, qualities, tuple(models), views)


def front(costs: Sequence[float], qualities: Sequence[float]) -> tuple[bool, ...]:
    """Which points no other dominates.

    A point is dominated where another costs no more and is no worse, and is better in one of both; so of points that
    are alike in both, all are on the front or none is.

    Parameters
    ----------
    costs : lower is better
    qualities : of the same points; higher is better
    """
    found = [False] * len(costs)
    best = float("-inf")  # of all that cost less
    for _, alike in groupby(sorted(range(len(costs)), key=costs.__getitem__), key=costs.__getitem__):
        places = list(alike)
        highest = max(qualities[place] for place in places)
        for place in places:
            found[place] = qualities[place] == highest > best
        best = max(best, highest)
    return tuple(found)


def ticks(low: float, high: float) -> tuple[float, ...]:
    """Round numbers on a logarithmic axis from ``low`` to ``high``, both above 0.

    As many as there is room for: 1, 2 and 5 times the powers of ten, else 1 and 3 times, else every power of ten, or
    every second, third and so on.
    """
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        found = [_round(step, power) for power in powers for step in steps]
        found = [value for value in found if low <= value <= high]
        if len(found) <= MOST_TICKS:
            return tuple(found)
    return tuple(found[:: ceil(len(found) / MOST_TICKS)])


def _round(step: int, power: int) -> float:
    """Step times ten to the power, as it is written."""
    return float(f"{step}e{power}")


def _row(evidence: Evidence, model: str) -> Row:
    """The model's row of the years that are shown; where that has no speed or size, as calibration measured them."""
    row, calibration = evidence.row(model, evidence.shown_role) or {}, evidence.row(model, "calibration") or {}
    measured = {key: calibration.get(key) for key in ("certificates_per_second", "bytes") if row.get(key) is None}
    return {**row, **measured}


def _spent(look: Look, row: Row, comparable: int) -> Spent:
    speed = number(row.get("certificates_per_second"))
    costs = {"milliseconds": 1000 / speed if speed else None}
    return Spent(
        look,
        costs | {key: _positive(row.get(key)) for key in COSTS[1:]},
        {key: interval(row, key) for key in QUALITIES},
        comparable,
    )


def _positive(value: object) -> float | None:
    """A cost that has a place on a logarithmic axis; a floor may be fitted in no time."""
    found = number(value)
    return found if found is not None and found > 0 else None


def _view(models: Sequence[Spent], cost: str, quality: str) -> CostView:
    known = [
        (one, spent, score)
        for one in models
        if (spent := one.costs[cost]) is not None and (score := one.qualities[quality]) is not None
    ]
    best: set[str] = set()
    for comparable in {one.comparable for one in models}:
        ours = [entry for entry in known if entry[0].comparable == comparable and not entry[0].look.floor]
        flags = front([spent for _, spent, _ in ours], [score.value for _, _, score in ours])
        best |= {one.look.group for (one, _, _), flag in zip(ours, flags, strict=True) if flag}
    return CostView(
        cost,
        quality,
        tuple(Point(one.look, spent, score, one.look.group in best, one.comparable) for one, spent, score in known),
    )
