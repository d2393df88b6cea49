"""Whether certificates are right as often as their confidence says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard.figures.looks import Interval, Look, interval
from harness.leaderboard.reasons import reason
from harness.leaderboard.rows import ALL, Evidence, number


@dataclass(frozen=True, slots=True)
class Group:
    """Certificates of like confidence: the least and the largest, their mean, and the share that is right."""

    low: float
    high: float
    confidence: float
    right: Interval
    n: int


@dataclass(frozen=True, slots=True)
class Model:
    """One model's groups, the least sure first.

    Attributes
    ----------
    estimator : what the probability is of
    chosen : whether this is the confidence by which the model decides
    ece, brier : as the score row has them; of another confidence than the chosen one, the error over these groups
    """

    look: Look
    groups: tuple[Group, ...]
    estimator: str
    chosen: bool
    ece: float | None
    brier: float | None


@dataclass(frozen=True, slots=True)
class Slice:
    """The certificates of one year, or of all years together."""

    year: str
    models: tuple[Model, ...]


@dataclass(frozen=True, slots=True)
class Reliability:
    """All years together first.

    Attributes
    ----------
    years : all of them, as the slice of all names them
    silent : models whose confidence is no probability and that have no groups, and why
    """

    role: str
    years: tuple[str, ...]
    slices: tuple[Slice, ...]
    looks: tuple[Look, ...]
    silent: tuple[tuple[str, str], ...]

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """Models that decide by another confidence, which is no probability."""
        models = (model for one in self.slices for model in one.models if not model.chosen)
        return tuple(dict.fromkeys(model.look.label for model in models))


def reliability(evidence: Evidence, looks: Mapping[str, Look]) -> Reliability:
    rows: dict[tuple[str, str], list[Row]] = {}
    role = evidence.shown_role
    for row in (row for row in evidence.reliability if row["role"] == role):
        rows.setdefault((str(row["year"]), str(row["model"])), []).append(row)
    years = sorted({year for year, _ in rows} - {ALL})
    kept = [ALL, *years] if len(years) != 1 else years  # one year is shown once
    slices = [Slice(year, _models(evidence, looks, rows, role, year)) for year in kept]
    shown = {model.look.group for one in slices for model in one.models}
    return Reliability(
        role=role,
        years=tuple(years),
        slices=tuple(one for one in slices if one.models),
        looks=tuple(look for look in looks.values() if look.group in shown),
        silent=tuple(_silent(evidence, looks, role, shown)),
    )


def _models(
    evidence: Evidence, looks: Mapping[str, Look], rows: Mapping[tuple[str, str], list[Row]], role: str, year: str
) -> tuple[Model, ...]:
    found = []
    for name, look in looks.items():
        if (year, name) in rows:
            card = evidence.row(name, role, year) or {}
            groups = tuple(map(_group, sorted(rows[year, name], key=lambda row: int(row["bin"]))))
            chosen = str(card.get("estimator") or "")
            shown = str(rows[year, name][0].get("estimator") or chosen)
            ece = number(card.get("ece")) if shown == chosen else _error(groups)
            found.append(Model(look, groups, shown, shown == chosen, ece, number(card.get("brier"))))
    return tuple(found)


def _error(groups: tuple[Group, ...]) -> float:
    """The expected calibration error: the mean of |confidence - right| over the certificates of the groups."""
    return sum(group.n * abs(group.confidence - group.right.value) for group in groups) / sum(one.n for one in groups)


def _group(row: Row) -> Group:
    right = interval(row, "right") or Interval(float(row["right"]), None, None)
    return Group(float(row["low"]), float(row["high"]), float(row["confidence"]), right, int(row["n"]))


def _silent(evidence: Evidence, looks: Mapping[str, Look], role: str, shown: set[str]) -> list[tuple[str, str]]:
    found = []
    for name, look in looks.items():
        why = reason((evidence.row(name, role) or {}).get("confidence_reason")).rstrip(".")
        if look.group not in shown and why:
            found.append((name, why))
    return found
