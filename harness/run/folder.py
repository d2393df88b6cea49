"""A run's folder: its paths and its rows."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.corpus.certificate import FloatArray
from harness.errors import RunError
from harness.families.family import Predictions
from harness.files import Row, append_row, read_json, read_rows, replacing, write_json, write_rows

FORMAT = 1
HOME = "leaderboards"
FROZEN = "frozen"  # the stage that says what is fitted again, in a run that was rolled forward


@dataclass(frozen=True, slots=True)
class RunFolder:
    """``leaderboards/<run>/``: rows and page are public, predictions, models and cache are private."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        return self.path / "search.toml"

    @property
    def page(self) -> Path:
        return self.path / "leaderboard.html"

    @property
    def journal(self) -> Path:
        return self.path / "study.journal"

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    def model(self, name: str) -> Path:
        return self.path / "models" / name

    # rows -------------------------------------------------------------------------------------------------------

    def meta(self) -> Row:
        """Version, commit, hardware, library versions, seed, start: what every row of this run shares."""
        return read_json(self.path / "run.json")

    def corpus(self) -> Row:
        return read_json(self.path / "corpus.json")

    def trials(self) -> list[Row]:
        return read_rows(self.path / "trials.jsonl")

    def scorecards(self) -> list[Row]:
        return read_rows(self.path / "scorecards.jsonl")

    def stage(self, name: str) -> Row | None:
        """What a stage of the pipeline left behind, or None where it has not ended."""
        path = self.path / "stages" / f"{name}.json"
        return read_json(path) if path.exists() else None

    def pick(self) -> Row | None:
        path = self.path / "pick.json"
        return read_json(path) if path.exists() else None

    def figure(self, name: str) -> list[Row]:
        """The numbers behind a figure, or nothing where it was not drawn."""
        path = self.path / "figures" / f"{name}.parquet"
        rows: list[Row] = pq.read_table(path).to_pylist() if path.exists() else []
        return rows

    def add_trial(self, row: Row) -> None:
        append_row(self.path / "trials.jsonl", row)

    def write_scorecards(self, rows: list[Row]) -> None:
        write_rows(self.path / "scorecards.jsonl", rows)

    def write_stage(self, name: str, value: Row) -> None:
        write_json(self.path / "stages" / f"{name}.json", value)

    def write_pick(self, value: Row) -> None:
        write_json(self.path / "pick.json", value)

    def write_figure(self, name: str, rows: list[Row]) -> None:
        with replacing(self.path / "figures" / f"{name}.parquet") as temporary:
            pq.write_table(pa.Table.from_pylist(rows), temporary)

    # predictions ------------------------------------------------------------------------------------------------

    def save_predictions(self, name: str, predictions: Predictions) -> None:
        """Keep predictions under a name such as ``validation/linear-3``."""
        with replacing(self.path / "predictions" / f"{name}.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, **cast(dict[str, Any], predictions.arrays()))

    def predictions(self, name: str) -> Predictions:
        with np.load(self.path / "predictions" / f"{name}.npz", allow_pickle=False) as arrays:
            return Predictions.of_arrays(arrays)

    def has_predictions(self, name: str) -> bool:
        return (self.path / "predictions" / f"{name}.npz").exists()

    def save_confidence(self, model: str, unit: str, confidence: FloatArray) -> None:
        """Keep how sure a model's rule is of each validation certificate or line, out of its fold."""
        with replacing(self._confidence(model, unit)) as temporary, temporary.open("wb") as file:
            np.save(file, confidence)

    def confidence(self, model: str, unit: str) -> FloatArray:
        found: FloatArray = np.load(self._confidence(model, unit), allow_pickle=False)
        return found

    def _confidence(self, model: str, unit: str) -> Path:
        return self.path / "predictions" / "confidence" / unit / f"{model}.npy"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing this run; the lock goes with the process, however it ends."""
        with (self.path / ".lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RunError(
                    f"a run can be worked on by one process at a time, and another holds {self.path}"
                ) from None
            yield


def new_run(home: Path, now: datetime) -> RunFolder:
    """Make an empty folder whose name sorts by time."""
    home.mkdir(parents=True, exist_ok=True)
    stamp = now.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 1000))):
        try:
            (home / f"{stamp}{suffix}").mkdir()
        except FileExistsError:
            continue
        return RunFolder(home / f"{stamp}{suffix}")
    raise RunError(f"a run needs a folder name that is free, but {home / stamp} and its successors are taken")


def open_run(name: str) -> RunFolder:
    """The run at a path, or of that name under ``leaderboards/``.

    Raises
    ------
    RunError
        There is none; the message names those there are.
    """
    for path in (Path(name), Path(HOME) / name):
        if (path / "run.json").exists():
            folder = RunFolder(path.resolve())
            if folder.meta().get("format") != FORMAT:
                raise RunError(
                    f"a run must have the format {FORMAT} that this version reads, but {path} has {folder.meta().get('format')}"
                )
            return folder
    known = sorted((path.parent.name for path in Path(HOME).glob("*/run.json")), reverse=True)
    raise RunError(
        f"RUN must be a run's folder or its name under {HOME}/, but got {name!r}; there are: {', '.join(known[:5]) or 'none'}"
    )
