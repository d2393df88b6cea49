"""Who read which years' codes: what makes a promise weaker than it says is written down where runs lie."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.config import RunConfig
from harness.corpus.certificate import Corpus
from harness.corpus.store import Store
from harness.files import append_row, read_json, read_rows
from harness.run.folder import HOME, RunFolder

READINGS = "readings.jsonl"
BLOCK = 65_536


def readings_of(folder: Path) -> Path:
    """Where the readings of a run in ``folder`` are noted: where runs lie.

    That is beside it, or in the folder of runs there, where a run that was rolled forward lies beside that one.
    """
    parent = folder.resolve().parent
    runs = parent / HOME
    return (runs if runs.is_dir() else parent) / READINGS


def fingerprint_of(corpus: Corpus) -> str:
    """Of some certificates, whatever their codes."""
    digest = hashlib.sha256()
    for start in range(0, len(corpus), BLOCK):
        part = corpus.texts.rows(start, min(start + BLOCK, len(corpus)))
        for text in (part.ids, part.whole()):
            digest.update("\0".join(text.to_pylist()).encode() + b"\0")
    return digest.hexdigest()[:16]


def fingerprints(store: Store, role: str) -> dict[int, str]:
    """Of each year of a role."""
    return {year: fingerprint_of(store.corpus(rows)) for year, rows in sorted(store.years.get(role, {}).items())}


def digest_of(run: RunFolder, config: RunConfig) -> str:
    """Of all in a run that may be changed in the light of results.

    Which years have which role, and where the files lie, is not; what the code list, the dictionaries and the search
    spaces say is.
    """
    excluded: dict[str, Any] = {
        "years": {"train", "validation", "calibration", "heldout"},
        "search": {"seeds", "gpus", "spaces"},
        "corpus": {"path", "codes", "dictionaries"},
    }
    spaces = run.path / "spaces.json"
    values = config.model_dump(mode="json", exclude=excluded) | {
        "knowledge": run.corpus().get("knowledge"),
        "spaces": read_json(spaces) if spaces.exists() else None,
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def record(path: Path, run: str, role: str, years: dict[int, str], digest: str) -> None:
    """Note that a run reads the codes of these years now: to certify on them, or to score held-out years."""
    for year, fingerprint in years.items():
        append_row(
            path,
            {
                "run": run,
                "role": role,
                "fingerprint": fingerprint,
                "years": [year],
                "config": digest,
                "when": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )


def earlier(path: Path, run: str, years: dict[int, str], digest: str) -> int:
    """How many other runs certified on one of these years, or scored it as held-out under another configuration."""
    known = set(years.values())
    return len(
        {
            row["run"]
            for row in read_rows(path)
            if row["fingerprint"] in known
            and row["run"] != run
            and (row.get("role", "calibration") == "calibration" or row.get("config") != digest)
        }
    )


def chose(path: Path, years: dict[int, str], digest: str, before: str) -> list[tuple[int, str]]:
    """Years that were scored as held-out under another configuration before a run began, each with such a run.

    What was changed since may have been changed in the light of that score: then the year has chosen something, and
    no promise may rest on it.

    Parameters
    ----------
    before : when the run began, as ``run.json`` says it
    """
    rows = [
        row
        for row in read_rows(path)
        if row.get("role") == "heldout" and row.get("config") != digest and row["when"] < before
    ]
    return [
        (year, next(row["run"] for row in rows if row["fingerprint"] == fingerprint))
        for year, fingerprint in years.items()
        if any(row["fingerprint"] == fingerprint for row in rows)
    ]
