"""How the search went on: every trial at its end, and the best score so far of each family."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard.figures.looks import Look, family_looks
from harness.leaderboard.figures.sample import best_and_even, shares
from harness.leaderboard.rows import Evidence, number, ranks

MOST_POINTS = 2000  # of all families together


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial whose score counts.

    Attributes
    ----------
    end : second of the search at which it ended
    used : seconds of slots that its family had taken when it ended, failed trials and its own among them
    nth : the how-manieth trial of its family it was to end, failed ones among them
    """

    name: str
    end: float
    used: float
    nth: int
    score: float
    status: str


@dataclass(frozen=True, slots=True)
class Race:
    """One family.

    Attributes
    ----------
    trials : those that are drawn, in the order of their ends: the best, and an even sample of the others
    best : those that had a better score than all before; every one of them
    n_scored : trials whose score counts, drawn or not
    used, n : seconds of slots and trials of the family in all, failed ones too
    """

    look: Look
    trials: tuple[Trial, ...]
    best: tuple[Trial, ...]
    n_scored: int
    used: float
    n: int


@dataclass(frozen=True, slots=True)
class Progress:
    """``end``: the second at which the search ended, or its last trial."""

    objective: str
    end: float
    races: tuple[Race, ...]

    @property
    def n_scored(self) -> int:
        return sum(race.n_scored for race in self.races)

    @property
    def n_drawn(self) -> int:
        return sum(len(race.trials) for race in self.races)


def progress(evidence: Evidence, most: int = MOST_POINTS) -> Progress:
    """The race of each family that has a score, by three clocks."""
    of_family: dict[str, list[Row]] = {}
    for row in evidence.trials:
        of_family.setdefault(str(row["family"]), []).append(row)
    scored = {name: _scored(of_family.get(name, ())) for name in family_looks(evidence)}
    drawn = shares({name: len(trials) for name, trials in scored.items()}, most)
    races = tuple(
        _race(look, scored[name], of_family[name], drawn[name])
        for name, look in family_looks(evidence).items()
        if scored[name]
    )
    ends = [end_of(row) for row in evidence.trials]
    end = max([*ends, number(evidence.meta.get("search_seconds")) or 0.0])
    return Progress(str(evidence.meta.get("objective") or "objective"), end, races)


def end_of(row: Row) -> float:
    """The second of the search at which a trial ended."""
    return (number(row.get("started")) or 0.0) + taken_by(row)


def taken_by(row: Row) -> float:
    """The seconds that a trial took of its slot; of its fit, where no more is known."""
    return number(row.get("slot_seconds")) or number(row.get("seconds")) or 0.0


def _race(look: Look, trials: Sequence[Trial], rows: Sequence[Row], most: int) -> Race:
    best: list[Trial] = []
    for trial in trials:
        if not best or trial.score > best[-1].score:
            best.append(trial)
    kept = best_and_even([trial.score for trial in trials], most)
    return Race(
        look=look,
        trials=tuple(trials[place] for place in kept),
        best=tuple(best),
        n_scored=len(trials),
        used=sum(map(taken_by, rows)),
        n=len(rows),
    )


def _scored(rows: Iterable[Row]) -> list[Trial]:
    """A family's trials whose score counts, in the order of their ends."""
    found, used = [], 0.0
    for place, row in enumerate(sorted(rows, key=end_of)):
        used += taken_by(row)
        score = number(row.get("score"))
        if ranks(row) and score is not None:
            found.append(Trial(str(row["trial"]), end_of(row), used, place + 1, score, str(row["status"])))
    return found
