"""A bundle: the folder in which a candidate is shipped; it refuses to load when one byte differs."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import CorpusConfig
from harness.decision.drift import DriftReference
from harness.decision.practice import PracticeReference
from harness.decision.rule import Candidate, DecisionRule
from harness.errors import BundleError
from harness.families import saved

FORMAT = 2
MANIFEST, SEAL = "manifest.json", "manifest.sha256"
WITNESSES, DRIFT, PRACTICE = "witnesses", "drift.json", "practice"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A candidate, how its input is written, and what ``bundle.json`` says of it.

    Attributes
    ----------
    drift, practice : what its two alarms compare later certificates with; None without calibration years
    seal : the hash of its manifest, which tells it from every other bundle
    """

    candidate: Candidate
    corpus: CorpusConfig
    description: Mapping[str, Any]
    drift: DriftReference | None = None
    practice: PracticeReference | None = None
    seal: str = ""


def write(
    out: Path,
    *,
    model: Mapping[str, bytes],
    witnesses: Mapping[str, Mapping[str, bytes]],
    rule: DecisionRule,
    corpus: CorpusConfig,
    labels: Mapping[str, str],
    card: str,
    description: Mapping[str, Any],
    drift: DriftReference | None = None,
    practice: PracticeReference | None = None,
) -> None:
    """Write a bundle whole or not at all; ``labels`` is each code with its title, ``witnesses`` each one's files.

    Raises
    ------
    BundleError
        ``out`` is there already, or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BundleError(f"a bundle needs a folder that is empty or not there, but {out} is not")
    with _replacing(out) as folder:
        for place, files in {"model": model, **{f"{WITNESSES}/{name}": its for name, its in witnesses.items()}}.items():
            for name, content in files.items():
                path = folder / place / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        rule.save(folder / "rule")
        if drift is not None:
            drift.save(folder / DRIFT)
        if practice is not None:
            practice.save(folder / PRACTICE)
        _json(folder / "input.json", _schema(corpus))
        _json(folder / "labels.json", dict(labels))
        _json(folder / "bundle.json", {**description, "format": FORMAT})
        (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
        _json(folder / MANIFEST, {"files": _hashes(folder)})
        (folder / SEAL).write_text(f"{_hash(folder / MANIFEST)}\n", encoding="ascii")


def load(folder: Path, device: str = "cpu") -> Bundle:
    """Check every hash, then load.

    Raises
    ------
    BundleError
        A file is missing, added or changed, or the bundle is of another version.
    """
    description = verified(folder)
    rule = DecisionRule.load(folder / "rule")
    witnesses = {witness.model: saved.load(folder / WITNESSES / witness.model, device) for witness in rule.witnesses}
    return Bundle(
        candidate=Candidate(saved.load(folder / "model", device), rule, witnesses),
        corpus=CorpusConfig.model_validate_json((folder / "input.json").read_text(encoding="utf-8")),
        description=description,
        drift=DriftReference.load(folder / DRIFT) if (folder / DRIFT).exists() else None,
        practice=practice_of(folder),
        seal=(folder / SEAL).read_text(encoding="ascii").strip(),
    )


def verified(folder: Path) -> dict[str, Any]:
    """Check every hash and the format; what ``bundle.json`` says. Nothing of the model is loaded.

    Raises
    ------
    BundleError
        As for :func:`load`.
    """
    if not (folder / MANIFEST).is_file():
        raise BundleError(f"BUNDLE must be a folder that harness export wrote, but {folder} has no {MANIFEST}")
    _verify(folder)
    description: dict[str, Any] = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    if description.get("format") != FORMAT:
        raise BundleError(
            f"a bundle must have the format {FORMAT} that this version reads, but {folder} has {description.get('format')}"
        )
    return description


def practice_of(folder: Path) -> PracticeReference | None:
    """What the practice alarm of a verified bundle compares with."""
    return PracticeReference.load(folder / PRACTICE) if (folder / PRACTICE).is_dir() else None


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A temporary folder beside ``out`` that takes its place when the block ends well, and vanishes when not."""
    folder = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
        yield folder
        folder.chmod(0o755)
        folder.replace(out)
    except OSError as error:
        raise BundleError(f"a bundle needs a folder that can be written, but {out} cannot ({error.strerror})") from None
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _verify(folder: Path) -> None:
    seal = folder / SEAL
    if not seal.is_file() or seal.read_bytes() != f"{_hash(folder / MANIFEST)}\n".encode():
        raise BundleError(f"a bundle must be as it was exported, but {MANIFEST} of {folder} was changed")
    listed: dict[str, str] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    there = _hashes(folder)
    for name in sorted({*listed, *there}):
        if name not in there:
            raise BundleError(f"a bundle must be as it was exported, but {name} of {folder} is missing")
        if name not in listed:
            raise BundleError(f"a bundle must be as it was exported, but {name} was added to {folder}")
        if listed[name] != there[name]:
            raise BundleError(f"a bundle must be as it was exported, but {name} of {folder} was changed")


def _schema(corpus: CorpusConfig) -> dict[str, Any]:
    """The configuration of the input without any path: where files lie is not the bundle's business."""
    values: dict[str, Any] = corpus.model_dump(mode="json", exclude={"path", "codes", "dictionaries", "synthetic"})
    return values


def _hashes(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): _hash(path)
        for path in paths
        if path.relative_to(folder).as_posix() not in (MANIFEST, SEAL)
    }


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(
        json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
