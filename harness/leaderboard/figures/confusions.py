"""Which codes each model gives in place of which others of their chapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard.figures.chapters import best_first
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.rows import Evidence

MOST_PAIRS = 25  # of a model


@dataclass(frozen=True, slots=True)
class Pair:
    """A code that was missed and one that was wrongly given, on the same ``n`` certificates."""

    chapter: str
    true: str
    true_title: str | None
    given: str
    given_title: str | None
    n: int


@dataclass(frozen=True, slots=True)
class Confused:
    """One model's pairs, the largest first; ``left_out`` are further ones that the rows have."""

    look: Look
    pairs: tuple[Pair, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Confusions:
    role: str
    models: tuple[Confused, ...]


def confusions(evidence: Evidence, looks: Mapping[str, Look]) -> Confusions:
    """The largest pairs of each model but the floors on the years that are shown, the pick first, then the best."""
    rows: dict[str, list[Row]] = {}
    for row in evidence.confusions:
        if row["role"] == evidence.shown_role:
            rows.setdefault(row["model"], []).append(row)
    ours = (name for name in best_first(evidence, looks) if not looks[name].floor)
    names = sorted(ours, key=lambda name: not looks[name].picked)
    return Confusions(evidence.shown_role, tuple(_confused(looks[name], rows[name]) for name in names if name in rows))


def _confused(look: Look, rows: list[Row]) -> Confused:
    pairs = [
        Pair(
            chapter=row["chapter"],
            true=row["true_code"],
            true_title=row["true_title"],
            given=row["predicted_code"],
            given_title=row["predicted_title"],
            n=row["n"],
        )
        for row in rows
    ]
    pairs.sort(key=lambda pair: (-pair.n, pair.true, pair.given))
    return Confused(look, tuple(pairs[:MOST_PAIRS]), max(len(pairs) - MOST_PAIRS, 0))
