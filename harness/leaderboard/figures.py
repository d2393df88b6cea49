"""The numbers behind the figures: plain frozen values, ready to draw; nothing here knows Plotly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from harness.files import Row
from harness.leaderboard.rows import ALL, Evidence, Model, number, ranks
from harness.leaderboard.text import years as spell_years

COLOURS = 8
GRID = tuple(step / 10 for step in range(1, 11))  # coverages at which the table beside the curves reads the risk
FEW_POINTS = 20
MOST_POINTS = 700  # of one curve as it is drawn
FINEST = 1 / 6000  # half a pixel of 300 where the risk axis shows a tenth
_Array = npt.NDArray[np.float64]


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


@dataclass(frozen=True, slots=True)
class Point:
    """A working point."""

    coverage: float
    risk: Interval


@dataclass(frozen=True, slots=True)
class Curve:
    """One model's risk-coverage curve, thinned for drawing; ``at`` reads the whole curve at ``GRID``."""

    look: Look
    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    at: tuple[float | None, ...]

    @property
    def has_steps(self) -> bool:
        """Whether it has so few thresholds that each is drawn as a point."""
        return 0 < len(self.coverage) <= FEW_POINTS


@dataclass(frozen=True, slots=True)
class CurveView:
    """The curves on one slice of certificates."""

    label: str
    curves: tuple[Curve, ...]
    point: Point | None
    picked: Look | None


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """Curves of every slice, and the risk that was asked for; ``made`` where it is promised."""

    views: tuple[CurveView, ...]
    looks: tuple[Look, ...]
    promised: float | None
    made: bool

    @property
    def near(self) -> float:
        """The upper end of the risk axis that shows the promise closely."""
        return 0.1 if self.promised is None else min(5 * self.promised, 1.0)

    @property
    def has_point(self) -> bool:
        return any(view.point for view in self.views)

    @property
    def has_steps(self) -> bool:
        return any(curve.has_steps for view in self.views for curve in view.curves)

    @property
    def has_ends(self) -> bool:
        """Whether a curve ends before it covers all certificates."""
        return any(curve.at[-1] is None for view in self.views for curve in view.curves)


@dataclass(frozen=True, slots=True)
class YearLine:
    """One model's scores, a value or None for each year."""

    look: Look
    micro_f1: tuple[Interval | None, ...]
    exact_match: tuple[Interval | None, ...]


@dataclass(frozen=True, slots=True)
class ByYear:
    role: str
    years: tuple[str, ...]
    n: tuple[int | None, ...]
    lines: tuple[YearLine, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    name: str
    end: float
    score: float
    status: str


@dataclass(frozen=True, slots=True)
class Race:
    """A family's scored trials by the time of their end, and the times at which its best score improved."""

    look: Look
    trials: tuple[Trial, ...]
    best: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    objective: str
    end: float
    races: tuple[Race, ...]


def looks(evidence: Evidence, models: Sequence[Model]) -> dict[str, Look]:
    """A look for each model; the first of a family has its family's, so that all figures agree."""
    free = family_looks(evidence)
    extra, floors = count(len(free)), count()
    found = {}
    for place, model in enumerate(models):
        group, picked = f"m{place}", model.name == evidence.picked
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


def risk_coverage(evidence: Evidence, looks: dict[str, Look]) -> RiskCoverage:
    """Curves of every slice: held-out years first, then calibration and validation."""
    rows: dict[tuple[str, str, str], list[Row]] = {}
    for row in evidence.curves:
        rows.setdefault((str(row["role"]), str(row["year"]), str(row["model"])), []).append(row)
    found = {key[:2] for key in rows}
    alone = {role for role, _ in found if (role, ALL) in found and len({year for r, year in found if r == role}) == 2}
    slices = sorted((one for one in found if one[1] == ALL or one[0] not in alone), key=_slice_order)
    promise = (evidence.pick or {}).get("promise") or {}
    views = []
    for role, year in slices:
        curves = tuple(
            _curve(rows[role, year, name], look) for name, look in looks.items() if (role, year, name) in rows
        )
        picked = looks.get(evidence.picked or "")
        if any(curve.coverage for curve in curves):
            views.append(CurveView(_slice_label(evidence, role, year), curves, _point(evidence, role, year), picked))
    shown = {curve.look.group for view in views for curve in view.curves}
    return RiskCoverage(
        views=tuple(views),
        looks=tuple(look for look in looks.values() if look.group in shown),
        promised=number(promise.get("risk")),
        made=evidence.promise is not None,
    )


def by_year(evidence: Evidence, looks: dict[str, Look]) -> ByYear:
    """Scores on each held-out year; on each validation year where there is none held out."""
    role = evidence.shown_role
    years = evidence.years(role)
    lines, n = [], [None] * len(years)
    for name, look in looks.items():
        found = [evidence.row(name, role, year) or {} for year in years]
        n = [old if old is not None else row.get("n") for old, row in zip(n, found, strict=True)]
        micro, exact = (tuple(_interval(row, key) for row in found) for key in ("micro_f1", "exact_match"))
        if any(micro) or any(exact):
            lines.append(YearLine(look, micro, exact))
    return ByYear(role, tuple(years), tuple(n), tuple(lines))


def progress(evidence: Evidence) -> Progress:
    """Every trial whose score counts, at the second of the search at which it ended."""
    races = []
    for name, look in family_looks(evidence).items():
        trials = sorted(
            _scored(row for row in evidence.trials if str(row["family"]) == name), key=lambda trial: trial.end
        )
        best: list[Trial] = []
        for trial in trials:
            if not best or trial.score > best[-1].score:
                best.append(trial)
        if trials:
            races.append(Race(look, tuple(trials), tuple(best)))
    ends = [trial.end for race in races for trial in race.trials]
    end = max([*ends, number(evidence.meta.get("search_seconds")) or 0.0])
    return Progress(str(evidence.meta.get("objective") or "objective"), end, tuple(races))


def thin(x: _Array, y: _Array, tolerance: float = FINEST, most: int = MOST_POINTS) -> npt.NDArray[np.int64]:
    """Points enough that straight lines between them err by at most ``tolerance`` in ``y`` (Douglas-Peucker).

    Where these are more than ``most``, the tolerance is doubled until they are not.
    """
    while True:
        kept = _simplified(x, y, tolerance)
        if len(kept) <= max(most, 2):
            return kept
        tolerance *= 2


def _simplified(x: _Array, y: _Array, tolerance: float) -> npt.NDArray[np.int64]:
    keep = np.zeros(len(x), dtype=np.bool_)
    keep[[0, -1]] = True
    spans = [(0, len(x) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        inner = slice(first + 1, last)
        slope = (y[last] - y[first]) / max(x[last] - x[first], 1e-12)
        error = np.abs(y[inner] - (y[first] + slope * (x[inner] - x[first])))
        worst = int(np.argmax(error))
        if error[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return np.flatnonzero(keep)


def _curve(rows: list[Row], look: Look) -> Curve:
    points = sorted(
        (coverage, risk)
        for row in rows
        if (coverage := number(row["coverage"])) is not None and (risk := number(row["risk"])) is not None
    )
    if not points:
        return Curve(look, (), (), (None,) * len(GRID))
    coverage, risk = np.array(points).T
    places = np.searchsorted(coverage, np.array(GRID) - 1e-9)
    at = tuple(float(risk[place]) if place < len(risk) else None for place in places)
    kept = thin(coverage, risk)
    return Curve(look, tuple(coverage[kept].tolist()), tuple(risk[kept].tolist()), at)


def _point(evidence: Evidence, role: str, year: str) -> Point | None:
    row = evidence.row(evidence.picked or "", role, year) or {}
    coverage, risk = number(row.get("coverage")), _interval(row, "risk")
    return None if coverage is None or risk is None else Point(coverage, risk)


def _interval(row: Row, key: str) -> Interval | None:
    value = number(row.get(key))
    return None if value is None else Interval(value, number(row.get(f"{key}_low")), number(row.get(f"{key}_high")))


def _scored(rows: Iterable[Row]) -> list[Trial]:
    return [
        Trial(
            str(row["trial"]),
            (number(row.get("started")) or 0.0)
            + (number(row.get("slot_seconds")) or number(row.get("seconds")) or 0.0),
            score,
            row["status"],
        )
        for row in rows
        if ranks(row) and (score := number(row.get("score"))) is not None
    ]


def _slice_order(key: tuple[str, str]) -> tuple[int, bool, str]:
    roles = ("heldout", "calibration", "validation")
    role, year = key
    return roles.index(role) if role in roles else len(roles), year != ALL, year


def _slice_label(evidence: Evidence, role: str, year: str) -> str:
    words = {"heldout": "held-out"}.get(role, role)
    if year != ALL:
        return f"{words} {year}"
    years = evidence.years(role)
    return f"{words} {spell_years(years)}{', all together' if len(years) > 1 else ''}" if years else words
