"""What a scored run leaves of single codes: rows by chapter and code, and pairs that were confused."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.run.folder import RunFolder

Row = dict[str, Any]

MODELS = {"linear-3": 0.82, "bag-1": 0.76, "dictionary-0": 0.68, "floor-exact_repeat": 0.3}
CHAPTERS = {  # name: title, letter of its codes, how many codes, certificates of the most frequent
    "I": ("Certain infectious and parasitic diseases", "A", 22, 160),
    "II": ("Neoplasms", "C", 80, 420),
    "IV": ("Endocrine, nutritional and metabolic diseases", "E", 18, 310),
    "VII": (None, "H", 3, 4),
    "IX": ("Diseases of the circulatory system", "I", 64, 700),
    "X": ("Diseases of the respiratory system", "J", 41, 380),
    "XX": ("External causes of morbidity and mortality", "X", 30, 120),
}
NOUNS = ("Disease", "Disorder of <b>tissue</b>", "Failure", "Sequelae & complications", "Poisoning by and exposure to")


def write_quality(run: RunFolder) -> None:
    """Add the figures of single codes to a run's folder."""
    run.write_figure("codes", code_rows())
    run.write_figure("confusions", confusion_rows())


def code_rows(role: str = "heldout") -> list[Row]:
    return [
        {"model": model, "role": role, **row} for place, model in enumerate(MODELS) for row in _of_model(model, place)
    ]


def _of_model(model: str, place: int) -> list[Row]:
    """The chapters, then the codes by name; a floor has no working point."""
    random = np.random.default_rng(place)
    rows = [
        _row("chapter", None, title, chapter, largest * n // 4 if largest > 4 else 3, model, random)
        for chapter, (title, _, n, largest) in CHAPTERS.items()
    ]
    for chapter, (_, letter, n, largest) in CHAPTERS.items():
        for number in range(n):
            support = round(largest / (1 + number) ** 0.8)
            title = f"{NOUNS[number % len(NOUNS)]}, site {number}"
            rows.append(_row("code", f"{letter}{number:02}.{number % 10}", title, chapter, support, model, random))
    return rows


def _row(
    level: str, code: str | None, title: str | None, chapter: str, support: int, model: str, random: np.random.Generator
) -> Row:
    few = support < 5
    recall = float(np.clip(MODELS[model] + random.normal(0, 0.1), 0.02, 1))
    precision = float(np.clip(MODELS[model] + random.normal(0, 0.1), 0.02, 1))
    automatic = float(np.clip(0.7 * recall, 0, 1))
    given = not few and support >= 8
    return {
        "level": level,
        "code": code,
        "title": title,
        "chapter": chapter,
        "support": None if few else support,
        "predicted": round(support * recall / precision) if given else None,
        "precision": precision if given else None,
        "recall": None if few else recall,
        "f1": 2 * precision * recall / (precision + recall) if given else None,
        "automatic": automatic if support >= 20 and not model.startswith("floor") else None,
        "suppressed": few,
    }


def confusion_rows(role: str = "heldout") -> list[Row]:
    """Neighbours taken for one another; fewer pairs of the better models."""
    return [
        {
            "model": model,
            "role": role,
            "chapter": "IX",
            "true_code": f"I{number:02}.{number % 10}",
            "predicted_code": f"I{number + 1:02}.{(number + 1) % 10}",
            "n": round((1 - right) * 400 / (1 + number)) + 5,
            "true_title": f"{NOUNS[number % len(NOUNS)]}, site {number}",
            "predicted_title": None if number == 4 else f"{NOUNS[(number + 1) % len(NOUNS)]}, site {number + 1}",
        }
        for place, (model, right) in enumerate(MODELS.items())
        for number in range(12 + 10 * place)
    ]


def code_row(model: str, code: str | None, support: int | None, **changes: Any) -> Row:
    """One row of ``codes`` with all its keys: of a code of chapter IX, or of the chapter itself where it is None."""
    given = support is not None
    row: Row = {
        "model": model,
        "role": "heldout",
        "level": "chapter" if code is None else "code",
        "code": code,
        "title": None,
        "chapter": "IX",
        "support": support,
        "predicted": support,
        "precision": 0.5 if given else None,
        "recall": 0.5 if given else None,
        "f1": 0.5 if given else None,
        "automatic": 0.25 if given else None,
        "suppressed": not given,
    }
    return row | changes


def card(model: str, **changes: Any) -> Row:
    """A score row of a held-out year with all years together."""
    kind = "floor" if model.startswith("floor") else "baseline"
    return {"model": model, "family": model, "kind": kind, "role": "heldout", "year": "all", **changes}
