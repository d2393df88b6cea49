"""Risk over coverage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.files import Row
from harness.leaderboard.figures.looks import Interval, Look, interval
from harness.leaderboard.figures.promises import CERTIFICATE, LINE, asked_risk, is_made, picks, shown_unit
from harness.leaderboard.figures.thin import FINEST, thin
from harness.leaderboard.language import N_, say
from harness.leaderboard.rows import ALL, Evidence, number
from harness.leaderboard.text import years as spell_years

GRID = tuple(step / 10 for step in range(1, 11))  # coverages at which the whole curve is read
FEW_POINTS = 20
MOST = 120  # points of one curve as it is drawn; a page has dozens of curves
SLICES = {
    "heldout": (N_("held-out"), N_("held-out {years}"), N_("held-out {years}, all together")),
    "calibration": (N_("calibration"), N_("calibration {years}"), N_("calibration {years}, all together")),
    "validation": (N_("validation"), N_("validation {years}"), N_("validation {years}, all together")),
}


@dataclass(frozen=True, slots=True)
class Point:
    """A working point at a certified threshold."""

    look: Look
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
    """The curves on one slice of certificates, and the working points there, the pick's last."""

    role: str
    year: str
    label: str
    curves: tuple[Curve, ...]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """Curves of every slice, and the risk that was asked for of a certificate.

    Attributes
    ----------
    made : whether this risk is promised of the pick
    of_lines : whether what is promised is the risk of lines, to which these curves of whole certificates say nothing
    """

    views: tuple[CurveView, ...]
    looks: tuple[Look, ...]
    promised: float | None
    made: bool
    of_lines: bool

    @property
    def near(self) -> float:
        """The upper end of the risk axis that shows the promise closely."""
        return 0.1 if self.promised is None else min(5 * self.promised, 1.0)

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(point for view in self.views for point in view.points)

    @property
    def has_steps(self) -> bool:
        return any(curve.has_steps for view in self.views for curve in view.curves)

    @property
    def has_ends(self) -> bool:
        """Whether a curve ends before it covers all certificates."""
        return any(curve.at[-1] is None for view in self.views for curve in view.curves)


def risk_coverage(evidence: Evidence, looks: Mapping[str, Look]) -> RiskCoverage:
    """Curves of every slice: held-out years first, then calibration and validation."""
    rows: dict[tuple[str, str, str], list[Row]] = {}
    for row in evidence.curves:
        rows.setdefault((str(row["role"]), str(row["year"]), str(row["model"])), []).append(row)
    found = {key[:2] for key in rows}
    alone = {role for role, _ in found if (role, ALL) in found and len({year for r, year in found if r == role}) == 2}
    slices = sorted((one for one in found if one[1] == ALL or one[0] not in alone), key=_slice_order)
    views = []
    for role, year in slices:
        curves = tuple(
            _curve(rows[role, year, name], look) for name, look in looks.items() if (role, year, name) in rows
        )
        if any(curve.coverage for curve in curves):
            label = _slice_label(evidence, role, year)
            views.append(CurveView(role, year, label, curves, _points(evidence, looks, role, year)))
    shown = {curve.look.group for view in views for curve in view.curves}
    return RiskCoverage(
        views=tuple(views),
        looks=tuple(look for look in looks.values() if look.group in shown),
        promised=asked_risk(evidence, CERTIFICATE),
        made=any(is_made(evidence, name, CERTIFICATE) for name in picks(evidence)),
        of_lines=shown_unit(evidence) == LINE and any(is_made(evidence, name, LINE) for name in picks(evidence)),
    )


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
    kept = thin(coverage, risk, FINEST, MOST)
    return Curve(look, tuple(coverage[kept].tolist()), tuple(risk[kept].tolist()), at)


def _points(evidence: Evidence, looks: Mapping[str, Look], role: str, year: str) -> tuple[Point, ...]:
    """The pick's working point, and those of the other models of which something is promised."""
    found = []
    for name, look in looks.items():
        promised = any(is_made(evidence, name, unit) for unit in (CERTIFICATE, LINE))
        if look.picked or promised:
            row = evidence.row(name, role, year) or {}
            coverage, risk = number(row.get("coverage")), interval(row, "risk")
            if coverage is not None and risk is not None:
                found.append(Point(look, coverage, risk))
    return tuple(sorted(found, key=lambda point: point.look.picked))


def _slice_order(key: tuple[str, str]) -> tuple[int, bool, str]:
    roles = ("heldout", "calibration", "validation")
    role, year = key
    return roles.index(role) if role in roles else len(roles), year != ALL, year


def _slice_label(evidence: Evidence, role: str, year: str) -> str:
    years = evidence.years(role) if year == ALL else [year]
    bare, of_years, together = SLICES.get(role, (role,) * 3)
    return say(together if len(years) > 1 else of_years if years else bare, years=spell_years(years))
