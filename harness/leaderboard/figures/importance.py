"""Which hyper-parameters the score of a family hung on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from harness.files import Row
from harness.leaderboard.figures.looks import Look, family_looks
from harness.leaderboard.rows import Evidence, number


@dataclass(frozen=True, slots=True)
class Shares:
    """The importances of one family, the largest first; they add up to 1."""

    look: Look
    parameters: tuple[tuple[str, float], ...]
    n_trials: int

    @property
    def n_best(self) -> int:
        """The trials of the best tenth, at least: equal scores stay together."""
        return ceil(self.n_trials / 10)


@dataclass(frozen=True, slots=True)
class Importances:
    """Families that have importances, that of the pick first; ``without``: the others, with their trials that ended."""

    families: tuple[Shares, ...]
    without: tuple[tuple[str, int], ...]


def importances(evidence: Evidence) -> Importances:
    rows: dict[str, list[Row]] = {}
    for row in evidence.importances:
        if number(row["importance"]) is not None:
            rows.setdefault(str(row["family"]), []).append(row)
    looks = family_looks(evidence)
    ended = _ended(evidence)
    found = [_shares(look, rows[name]) for name, look in looks.items() if name in rows]
    return Importances(
        families=tuple(sorted(found, key=lambda one: not one.look.picked)),
        without=tuple((name, ended.get(name, 0)) for name in looks if name not in rows),
    )


def _shares(look: Look, rows: list[Row]) -> Shares:
    by_size = sorted(rows, key=lambda row: (-row["importance"], row["parameter"]))
    return Shares(
        look, tuple((str(row["parameter"]), float(row["importance"])) for row in by_size), int(rows[0]["n_trials"])
    )


def _ended(evidence: Evidence) -> Mapping[str, int]:
    """Of each family the trials that ended with a score; those that were stopped do not count."""
    found: dict[str, int] = {}
    for row in evidence.trials:
        if row["status"] == "done" and number(row.get("score")) is not None:
            found[str(row["family"])] = found.get(str(row["family"]), 0) + 1
    return found
