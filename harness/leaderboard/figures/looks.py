"""How models and families look, alike in every figure; scores with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from harness.files import Row
from harness.leaderboard.rows import Evidence, Model, number

COLOURS = 8


@dataclass(frozen=True, slots=True)
class Look:
    """How one model, or one family, looks in every figure: a colour, a shape and a dash each of its own."""

    group: str
    label: str
    colour: int | None
    shape: int
    picked: bool = False

    @property
    def floor(self) -> bool:
        return self.colour is None


@dataclass(frozen=True, slots=True)
class Interval:
    """A score, and its interval where it has one."""

    value: float
    low: float | None
    high: float | None


def looks(evidence: Evidence, models: Sequence[Model]) -> dict[str, Look]:
    """A look for each model; the first of a family has its family's, so that all figures agree."""
    free = family_looks(evidence)
    extra, floors = count(len(free)), count()
    found = {}
    for place, model in enumerate(models):
        group, picked = f"m{place}", model.name == evidence.picked or model.name in evidence.picks
        if model.floor:
            found[model.name] = Look(group, model.name, None, next(floors))
        else:
            shape = free.pop(model.family).shape if model.family in free else next(extra)
            found[model.name] = Look(group, model.name, shape % COLOURS, shape, picked)
    return found


def family_looks(evidence: Evidence) -> dict[str, Look]:
    names = [str(name) for name in evidence.meta.get("families") or []]
    names += sorted({str(row["family"]) for row in evidence.trials} - set(names))
    best = (evidence.pick or {}).get("family")
    return {name: Look(f"f{place}", name, place % COLOURS, place, name == best) for place, name in enumerate(names)}


def interval(row: Row, key: str) -> Interval | None:
    value = number(row.get(key))
    return None if value is None else Interval(value, number(row.get(f"{key}_low")), number(row.get(f"{key}_high")))
