"""The rows of a run, read once, and how the page looks things up in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.language import N_, say
from harness.run.folder import RunFolder

ALL = "all"
# What models may know besides certificates: its unit, and how it is said that it is missing, there, and which it is.
_GIVEN = {
    "code_list": ("code", N_("without a code list"), N_("with a code list"), N_("with code list {what}")),
    "dictionaries": ("row", N_("without dictionaries"), N_("with dictionaries"), N_("with dictionaries {what}")),
}


@dataclass(frozen=True, slots=True)
class Model:
    """What a row of the leaderboard is about."""

    name: str
    family: str
    kind: str

    @property
    def floor(self) -> bool:
        return self.kind == "floor"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All rows that the page is a function of; what a run has not reached yet is empty or None.

    Attributes
    ----------
    seeds : finalists fitted with several seeds, where the run asked for them
    ensemble : how the ensemble came about, or why there is none
    lines : score rows whose unit is the line; ``scorecards`` are those by certificate
    certified : what the one reading of the calibration years left
    backtest : what would have been promised in past years
    picks : where several runs are shown as one, the pick of each
    sets : where some of these cannot be compared, the models' sets of those that can, by number from 0
    places : where several runs are shown as one, the look that each model and family has on its own run's page
    """

    meta: Row
    corpus: Row
    trials: tuple[Row, ...]
    scorecards: tuple[Row, ...]
    pick: Row | None
    curves: tuple[Row, ...]
    seeds: tuple[Row, ...] = ()
    ensemble: str = ""
    lines: tuple[Row, ...] = ()
    certified: Row | None = None
    backtest: tuple[Row, ...] = ()
    importances: tuple[Row, ...] = ()
    ties: tuple[Row, ...] = ()
    thresholds: tuple[Row, ...] = ()
    reliability: tuple[Row, ...] = ()
    alarms: tuple[Row, ...] = ()
    picks: frozenset[str] = frozenset()
    codes: tuple[Row, ...] = ()
    confusions: tuple[Row, ...] = ()
    sets: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)

    @property
    def picked(self) -> str | None:
        """The name of the picked model."""
        model = (self.pick or {}).get("model")
        return None if model is None else str(model)

    def set_of(self, model: str) -> int:
        """Which of the sets a model is in within which scores can be compared; 0 where all can."""
        return self.sets.get(model, 0)

    def is_ensemble(self, model: str) -> bool:
        return any(row.get("kind") == "ensemble" for row in self.scorecards if str(row["model"]) == model)

    @property
    def promise(self) -> Row | None:
        """The promise of the pick, only where one is made."""
        promise = shown_promise((self.pick or {}).get("promise"))
        return promise if promise and promise.get("made") else None

    @property
    def shown_role(self) -> str:
        """The role whose scores the page ranks by: held-out years where there are any, else validation."""
        return "heldout" if any(row["role"] == "heldout" for row in self.scorecards) else "validation"

    @property
    def known(self) -> str:
        """What the models knew besides certificates; a score with a code list and one without are not of one kind."""
        if not self.corpus or self.corpus.get("lists_differ"):
            return ""
        return ", ".join(_given(self.corpus.get(key), *words) for key, words in _GIVEN.items())

    def years(self, role: str) -> list[str]:
        """The single years that this role has scores of, oldest first."""
        return sorted({str(row["year"]) for row in self.scorecards if row["role"] == role and str(row["year"]) != ALL})

    def row(self, model: str, role: str, year: str = ALL, unit: str = "certificate") -> Row | None:
        """The score row; of a role with one year, that year's row stands for all years where there is no other."""
        cards = self.scorecards if unit == "certificate" else self.lines
        mine = [row for row in cards if row["model"] == model and row["role"] == role]
        found = [row for row in mine if str(row["year"]) == year]
        if not found and year == ALL and len(mine) == 1:
            found = mine
        return found[0] if found else None

    def models(self) -> list[Model]:
        """Finalists and floors, in the order of their rows; other trials have validation rows only and stay out.

        While nothing was scored beyond validation and nothing was picked, every scored model is in.
        """
        found = {
            str(row["model"]): Model(str(row["model"]), str(row["family"]), str(row["kind"])) for row in self.scorecards
        }
        final = {str(row["model"]) for row in self.scorecards if row["role"] != "validation"}
        final |= {str(entry["model"]) for entry in (self.pick or {}).get("shortlist") or []}
        final |= {self.picked} if self.picked else set()
        if not any(name in final and not model.floor for name, model in found.items()):
            return list(found.values())
        return [model for name, model in found.items() if name in final or model.floor or model.kind == "ensemble"]


def read(run: RunFolder) -> Evidence:
    try:
        corpus = run.corpus()
    except FileNotFoundError:  # a run that has only just begun
        corpus = {}
    cards = run.scorecards()
    return Evidence(
        meta=run.meta(),
        corpus=corpus,
        trials=tuple(run.trials()),
        scorecards=tuple(row for row in cards if row.get("unit", "certificate") == "certificate"),
        pick=run.pick(),
        curves=tuple(run.figure("risk_coverage")),
        seeds=tuple(run.figure("seeds")),
        ensemble=str(((run.stage("decide") or {}).get("ensemble") or {}).get("reason") or ""),
        lines=tuple(row for row in cards if row.get("unit") == "line"),
        certified=run.stage("certify"),
        backtest=tuple(run.figure("backtest")),
        importances=tuple(run.figure("importances")),
        ties=tuple(run.figure("ties")),
        thresholds=tuple(run.figure("thresholds")),
        reliability=tuple(run.figure("reliability")),
        alarms=tuple(run.figure("alarms")),
        codes=tuple(run.figure("codes")),
        confusions=tuple(run.figure("confusions")),
    )


def _given(row: Row | None, unit: str, without: str, some: str, these: str) -> str:
    if not row:
        return say(without)
    names = text.plain(row.get("names") or row.get("name") or [])
    n = number(row.get("n"))
    size = "" if n is None else f"({text.number_of(n, unit)})"
    what = f"{'' if names == text.DASH else names} {size}".strip()
    return say(these, what=what) if what else say(some)


def shown_promise(promise: Row | None) -> Row | None:
    """Of a promise of certificates and one of lines the first that is made, else the first."""
    units = [unit for unit in (promise, (promise or {}).get("line")) if unit]
    return next((unit for unit in units if unit.get("made")), units[0] if units else None)


def ranks(trial: Row) -> bool:
    """Whether a trial has a score that may win: one that failed may have reported some before."""
    return trial["status"] != "failed" and number(trial.get("score")) is not None


def number(value: Any) -> float | None:
    """A finite number, or None: undefined is not zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
