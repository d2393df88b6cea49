"""Models as they lie on disk, whatever they are made of."""

from __future__ import annotations

import json
from pathlib import Path

from harness.families import committee, frame, normalised
from harness.families.committee import Committee
from harness.families.normalised import Normalised

Fitted = frame.Model | Committee | Normalised


def load(folder: Path, device: str = "cpu") -> Fitted:
    """The model that was saved into a folder: a family's, a committee, or one behind a normaliser."""
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    if description["family"] == committee.NAME:
        return committee.load(folder, description, device)
    if description["family"] == normalised.NAME:
        return normalised.load(folder, description, device)
    return frame.load(folder, device)
