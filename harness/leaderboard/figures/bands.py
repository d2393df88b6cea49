"""Scores by how often training had the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.leaderboard.figures.looks import Look
from harness.leaderboard.rows import Evidence, number
from harness.metrics.bands import BANDS

MEASURES = ("micro_f1", "macro_f1", "recall")


@dataclass(frozen=True, slots=True)
class BandLine:
    """One model's scores.

    Attributes
    ----------
    n_codes : of each band, how many of its codes occur
    scores : by measure, a value of each band; None where no code of it occurs
    """

    look: Look
    n_codes: tuple[int | None, ...]
    scores: Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True, slots=True)
class ByBand:
    """Bands by their names in :mod:`harness.metrics.bands`, rare codes first.

    Attributes
    ----------
    n_codes : the least and the most over the models, which may have learned from different certificates
    """

    role: str
    bands: tuple[str, ...]
    n_codes: tuple[tuple[int, int] | None, ...]
    lines: tuple[BandLine, ...]


def by_band(evidence: Evidence, looks: Mapping[str, Look]) -> ByBand:
    """Scores by band on the years that are shown, of the models that have any."""
    role, bands, lines = evidence.shown_role, tuple(BANDS), []
    for name, look in looks.items():
        row = evidence.row(name, role) or {}
        scores = {measure: tuple(number(row.get(f"{measure}_{band}")) for band in bands) for measure in MEASURES}
        if any(value is not None for values in scores.values() for value in values):
            n_codes = (number(row.get(f"n_codes_{band}")) for band in bands)
            lines.append(BandLine(look, tuple(None if n is None else int(n) for n in n_codes), scores))
    return ByBand(
        role, bands, tuple(_span([line.n_codes[i] for line in lines]) for i in range(len(bands))), tuple(lines)
    )


def _span(values: list[int | None]) -> tuple[int, int] | None:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else None
