"""The threshold slider: its counts as the page's script reads them, and the words around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from harness.leaderboard import marks
from harness.leaderboard.figures.curves import risk_coverage
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.figures.thresholds import Counts, Ladder, Thresholds, thresholds
from harness.leaderboard.language import say
from harness.leaderboard.rows import ALL, Evidence
from harness.leaderboard.text import level
from harness.leaderboard.text import years as spell_years


@dataclass(frozen=True, slots=True)
class Slider:
    """What the template shows.

    Attributes
    ----------
    rows : of the table of results: all years together where there are several, then each of them
    stops : of the first model; the others' come with the script
    risk : that was asked for, as it was chosen; empty without one
    marked : whether the rows mark a threshold, promised or not
    """

    models: tuple[str, ...]
    rows: tuple[str, ...]
    stops: int
    start: int
    risk: str
    made: bool
    marked: bool
    merged: bool
    of_lines: bool
    hours: bool
    grouped: bool
    heldout: bool
    data: dict[str, Any]


def slider(evidence: Evidence, looks: Mapping[str, Look]) -> Slider | None:
    """Nothing where no thresholds were kept."""
    value = thresholds(evidence, looks)
    if not value.ladders:
        return None
    several = len(value.years) > 1
    first = value.ladders[0]
    together = say("{years}, all together", years=spell_years(value.years))
    return Slider(
        models=tuple(ladder.look.label for ladder in value.ladders),
        rows=((together,) if several else ()) + value.years,
        stops=len(first.thresholds),
        start=first.certified or 0,
        risk="" if value.risk is None else level(value.risk),
        made=value.made,
        marked=any(ladder.certified is not None for ladder in value.ladders),
        merged=value.merged,
        of_lines=value.of_lines,
        hours=value.minutes is not None,
        grouped=value.grouped,
        heldout=value.role == "heldout",
        data={
            "models": [_model(ladder) for ladder in value.ladders],
            "minutes": value.minutes,
            "risk": None if value.of_lines else value.risk,
            "level": "" if value.risk is None else level(value.risk),
            "audited": value.role == "heldout",  # of other years no promise is judged
            "views": _views(evidence, looks, value),
        },
    )


def _model(ladder: Ladder) -> dict[str, Any]:
    return {
        "name": ladder.look.label,
        "group": ladder.look.group,
        "colour": marks.colour(ladder.look),
        "thresholds": [None if one is None else float(f"{one:.6g}") for one in ladder.thresholds],
        "certified": ladder.certified,
        "promised": ladder.promised,
        "years": [None if year is None else _counts(year) for year in ladder.years],
    }


def _counts(year: Counts) -> dict[str, Any]:
    return {"n": year.n, "accepted": _steps(year.accepted), "wrong": _steps(year.wrong)}


def _steps(counts: Sequence[int]) -> list[int]:
    """By how much each count is larger than the one before: a third of the digits."""
    return [after - before for before, after in pairwise((0, *counts))]


def _views(evidence: Evidence, looks: Mapping[str, Look], value: Thresholds) -> list[int | None]:
    """Of each view of the curves the row of the table that is about its certificates; None where none is."""
    several = len(value.years) > 1
    rows = {ALL: 0} | {year: place + several for place, year in enumerate(value.years)}
    return [rows.get(view.year) if view.role == value.role else None for view in risk_coverage(evidence, looks).views]
