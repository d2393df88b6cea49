"""How models and families look, alike in every figure; scores with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count

from harness.files import Row
from harness.leaderboard.rows import Evidence, Model, number

COLOURS, SHAPES = 8, 7  # no common factor: a colour meets the same shape again only after 56 looks
LOOKS = COLOURS * SHAPES


@dataclass(frozen=True, slots=True)
class Look:
    """How one model, or one family, looks in every figure.

    Attributes
    ----------
    colour : None of a floor
    shape : its number among looks; the shape and the dash are those of its rest by ``SHAPES``
    """

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
    taken = {look.shape for look in free.values()}
    extra, floors = count(len(free)), count()
    found = {}
    for place, model in enumerate(models):
        group, picked = f"m{place}", model.name == evidence.picked or model.name in evidence.picks
        if model.floor:
            found[model.name] = Look(group, model.name, None, next(floors))
        else:
            if model.family in free:
                shape = free.pop(model.family).shape
            else:
                wanted = evidence.places.get(model.name)
                shape = _free(next(extra) if wanted is None else wanted, taken)
            found[model.name] = Look(group, model.name, shape % COLOURS, shape, picked)
    return found


def family_looks(evidence: Evidence) -> dict[str, Look]:
    names = [str(name) for name in evidence.meta.get("families") or []]
    names += sorted({str(row["family"]) for row in evidence.trials} - set(names))
    best = (evidence.pick or {}).get("family")
    taken: set[int] = set()
    shapes = [_free(evidence.places.get(name, place), taken) for place, name in enumerate(names)]
    return {
        name: Look(f"f{place}", name, shape % COLOURS, shape, name == best)
        for place, (name, shape) in enumerate(zip(names, shapes, strict=True))
    }


def _free(wanted: int, taken: set[int]) -> int:
    """The wanted look, else one of its colour, else any that is free; the wanted one again where none is left."""
    alike = range(wanted, wanted + LOOKS, COLOURS)
    shape = next((one for one in chain(alike, range(LOOKS)) if one % LOOKS not in taken), wanted) % LOOKS
    taken.add(shape)
    return shape


def interval(row: Row, key: str) -> Interval | None:
    value = number(row.get(key))
    return None if value is None else Interval(value, number(row.get(f"{key}_low")), number(row.get(f"{key}_high")))
