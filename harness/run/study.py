"""The folder of a study: a run's folder with rows of arms, at training sizes, instead of score rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.errors import RunError
from harness.files import Row, append_row, read_rows
from harness.run.folder import RunFolder

TRANSFER, NORMALISATION = "transfer study", "normalisation study"
KINDS = (TRANSFER, NORMALISATION)
CURVES, GAINS, WORDINGS = "study_curves", "study_gains", "study_wordings"
NORMALISER = "normaliser"  # the stage that makes it
NEAREST, CEILING = "nearest", "ceiling"  # beside arms, in the rows of wordings


@dataclass(frozen=True, slots=True)
class StudyFolder(RunFolder):
    """``study.jsonl`` has one row for an arm, a training size and a seed; trials carry their arm before their name."""

    def journal_of(self, arm: str) -> Path:
        """The journal of one arm's tuning; arms of the same family must not share one."""
        return self.path / f"study-{arm}.journal"

    def rows(self) -> list[Row]:
        return read_rows(self.path / "study.jsonl")

    def add_row(self, row: Row) -> None:
        append_row(self.path / "study.jsonl", row)

    def tuned(self) -> list[Row]:
        """What was frozen of each arm that is tuned, in the order of the arms."""
        found = [self.stage_of(arm) for arm in self.meta()["arms"]]
        return [row for row in found if row is not None]

    def stage_of(self, arm: str) -> Row | None:
        """What was frozen of one arm, or None where its tuning has not ended."""
        return self.stage(tuning_stage(arm))

    def trials_of(self, arm: str) -> list[Row]:
        """The trials of one arm under the names that its search gave them."""
        return [
            {key: _without(arm, value) if key in _NAMES else value for key, value in row.items() if key != "arm"}
            for row in self.trials()
            if row["arm"] == arm
        ]

    def add_trial_of(self, arm: str, row: Row) -> None:
        """Add a trial under a name that no trial of another arm has."""
        named = {key: f"{arm}/{row[key]}" for key in _NAMES if row[key] is not None}
        self.add_trial({**row, **named, "arm": arm})


_NAMES = ("trial", "retry_of")


def _without(arm: str, name: str | None) -> str | None:
    return None if name is None else name.removeprefix(f"{arm}/")


def tuning_stage(arm: str) -> str:
    return f"tune-{arm}"


def is_study(run: RunFolder) -> bool:
    return run.meta().get("kind") in KINDS


def not_a_study(run: RunFolder, asked: str) -> RunFolder:
    """The same run, where it is one that picks and exports.

    Raises
    ------
    RunError
        It is a study, of which there is nothing to ``asked``.
    """
    if is_study(run):
        raise RunError(
            f"a study compares arms and keeps no model, so there is nothing to {asked}, but {run.name} is one; "
            "harness search makes a run that picks"
        )
    return run


def prediction_name(arm: str, size: str, seed: int) -> str:
    """Where the codes lie that one fit gave the held-out certificates."""
    return f"study/{arm}/{size.replace('/', '-of-')}/{seed}"
