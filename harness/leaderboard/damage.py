"""What is wrong with a run whose rows cannot be read: which file, and which line of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import RunError
from harness.files import Row, read_rows
from harness.run.folder import HOME, RunFolder, open_run

# What reading rows that are not rows can end in; a defect of the program ends in these too, and is told apart by a look
# at the files themselves.
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, pa.ArrowException)
_NEEDED = {
    "trials.jsonl": ("trial", "family", "status"),
    "scorecards.jsonl": ("model", "family", "kind", "role", "year"),
    "study.jsonl": ("arm",),
}


def opened(name: str) -> RunFolder:
    """The run at a path, or of that name.

    Raises
    ------
    RunError
        There is none, or its ``run.json`` cannot be read, or its score rows, which are written at once, are cut short.
    """
    try:
        run = open_run(name)
        cards = run.path / "scorecards.jsonl"
        if cards.exists() and (rows := cards.read_bytes()) and not rows.endswith(b"\n"):
            raise RunError(f"score rows must end with their line, but the last line of {_place(cards)} is cut short")
        return run
    except UNREADABLE as error:
        for path in (Path(name), Path(HOME) / name):
            if (path / "run.json").exists():
                raise RunError(damage(path) or _no_row(path / "run.json")) from error
        raise


@contextmanager
def readable(*runs: RunFolder) -> Iterator[None]:
    """Build a page of these runs inside.

    Raises
    ------
    RunError
        A file of theirs is damaged; the message names it, and its line.
    """
    try:
        yield
    except UNREADABLE as error:
        found = next((found for run in runs if (found := damage(run.path)) is not None), None)
        if found is None:
            raise
        raise RunError(found) from error


def damage(folder: Path) -> str | None:
    """The first public file of a run that cannot be read, in one line; None where all can."""
    whole = [folder / "run.json", *(path for name in ("corpus", "pick") if (path := folder / f"{name}.json").exists())]
    for path in (*whole, *sorted((folder / "stages").glob("*.json"))):
        if (found := _whole(path)) is not None:
            return found
    for name, keys in _NEEDED.items():
        if (found := _lines(folder / name, keys)) is not None:
            return found
    for path in sorted((folder / "figures").glob("*.parquet")):
        try:
            pq.read_table(path)
        except (ValueError, OSError, pa.ArrowException):
            return f"a figure of a run must be a Parquet file, but {_place(path)} is damaged or cut short"
    return None


def _whole(path: Path) -> str | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"a run must have a {path.name}, but {path.parent.name} has none"
    except UnicodeDecodeError:
        return f"a row of a run must be JSON in UTF-8, but {_place(path)} is not"
    except json.JSONDecodeError as error:
        return f"a row of a run must be JSON, but {_place(path)} is not ({error.msg.lower()}, line {error.lineno})"
    except OSError as error:
        return f"{_place(path)} cannot be read ({type(error).__name__})"
    return None if isinstance(value, dict) else _no_row(path)


def _lines(path: Path, keys: tuple[str, ...]) -> str | None:
    """The first line that is no row; a torn last one counts as never written, as in :func:`harness.files.read_rows`."""
    if not path.exists():
        return None
    try:
        rows: list[Row] = read_rows(path)
        if all(isinstance(row, dict) and all(key in row for key in keys) for row in rows):
            return None
    except (ValueError, OSError):
        pass  # found again below, line by line
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    for number, line in enumerate(whole.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            return f"a row of a run must be JSON, but line {number} of {_place(path)} is not"
        if not isinstance(row, dict):
            return f"a row of a run must be a JSON object, but line {number} of {_place(path)} is not"
        missing = [key for key in keys if key not in row]
        if missing:
            return f"a row must have {', '.join(keys)}, but line {number} of {_place(path)} has no {missing[0]}"
    return None


def _no_row(path: Path) -> str:
    return f"a row of a run must be a JSON object, but {_place(path)} is not"


def _place(path: Path) -> str:
    """The file from the run's folder on: other folders name people and shares of an office."""
    parts = path.parts[-3:] if path.parent.name in ("stages", "figures") else path.parts[-2:]
    return "/".join(parts)
