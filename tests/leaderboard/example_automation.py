"""What a run leaves of thresholds, reliability and alarms: rows of the certificates that example_run simulates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from example_run import MODELS, PICK, SLICES, _certificates

from harness.corpus.store import Slice
from harness.decision.practice import FEWEST
from harness.experiment.figuring.reliability import reliability_rows
from harness.experiment.figuring.thresholds import threshold_rows
from harness.files import read_json, write_json
from harness.run.folder import RunFolder

Row = dict[str, Any]

YEARS = ("2020", "2021")
MINUTES = 3.0  # as in the hours of the score rows
CODES = (
    ("I25.1", "Atherosclerotic heart disease"),
    ("J18.9", "Pneumonia, unspecified"),
    ("C34.9", None),
    ("R54", "Senility"),
)


@dataclass(frozen=True, slots=True)
class Sure:
    """As much of decisions as the ladder of thresholds reads."""

    confidence: Any
    eligible: Any
    reason: Any = None


def write_automation(run: RunFolder) -> None:
    """Add them to a run that write_run made."""
    write_json(run.path / "run.json", read_json(run.path / "run.json") | {"minutes_per_certificate": MINUTES})
    run.write_figure("thresholds", threshold_rows_of(run.pick() or {}))
    run.write_figure("reliability", reliable_rows())
    run.write_figure("alarms", alarm_rows())
    cards = [
        row | ({"ece": None, "brier": None, "confidence_reason": NO_PROBABILITY} if row["model"] == UNSURE else {})
        for row in run.scorecards()
    ]
    run.write_scorecards(cards)


UNSURE = "dictionary-0"
NO_PROBABILITY = "the confidence margin is no probability"


def certificates(model: str) -> tuple[Any, Any]:
    """Errors and confidences of the held-out years, one after the other."""
    place, (_, _, _, accuracy, knows) = next((place, one) for place, one in enumerate(MODELS) if one[0] == model)
    parts = [
        _certificates(
            10 * place + SLICES.index(("heldout", year)), accuracy - 0.015 * SLICES.index(("heldout", year)), knows
        )
        for year in YEARS
    ]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def certified(pick: Row) -> dict[str, float]:
    """The certified thresholds by model."""
    return {
        one["model"]: one["promise"]["threshold"]
        for one in pick.get("shortlist", [])
        if (one["promise"] or {}).get("made")
    }


def threshold_rows_of(pick: Row) -> list[Row]:
    found: list[Row] = []
    for model, *_ in MODELS:
        errors, confidence = certificates(model)
        half = len(errors) // 2
        years = {"2020": Slice(0, half), "2021": Slice(half, len(errors))}
        decided: Any = Sure(confidence, np.ones(len(errors), bool))
        rows = threshold_rows(errors, decided, years, certified(pick).get(model))
        found += [{"model": model, "role": "heldout", **row} for row in rows]
    return found


def reliable_rows() -> list[Row]:
    found: list[Row] = []
    for model, *_ in MODELS:
        if model != UNSURE and not model.startswith("floor-"):
            errors, confidence = certificates(model)
            half = len(errors) // 2
            slices = {"all": Slice(0, 2 * half), "2020": Slice(0, half), "2021": Slice(half, 2 * half)}
            found += [
                {"model": model, "role": "heldout", **row} for row in reliability_rows(errors, confidence, slices)
            ]
    return found


def alarm_rows() -> list[Row]:
    """Words that ring in 2021 for the pick alone, a code that rings in 2021, one of whose counts may not be said."""
    rows: list[Row] = []
    for model in (PICK, "bag-1"):
        for year in (2020, 2021):
            later = year == 2021
            for measure, expected, value, high in (
                ("certificates with an unseen word", 0.08, 0.21 if later else 0.09, 0.13),
                ("certificates with an unseen text", 0.31, 0.36, 0.39),
                ("shift of the confidence", 0.004, 0.006, None),
                ("shift of the predicted codes' shares", None, 0.016, None),
            ):
                rings = None if expected is None else later and model == PICK and measure.endswith("word")
                reason = "0 of the 5 pairs of past years that an alarm takes" if rings is None else None
                said = {"expected": expected, "found": value, "high": high, "p_value": 0.001 if rings else 0.3}
                rows.append(
                    row("words", year, model=model, measure=measure, rings=rings, n=1200, reason=reason, **said)
                )
    for year in (2020, 2021):
        for place, (code, title) in enumerate(CODES):
            for measure in ("its own words", "its own words in part II only"):
                rings = year == 2021 and (code, measure) in (("R54", "its own words"), ("C34.9", "its own words"))
                named = {"measure": measure, "code": code, "title": title, "rings": rings}
                if code == "C34.9":
                    rows.append(
                        row("practice", year, n=7, reason=f"counts unsaid, as some are under {FEWEST}", **named)
                    )
                    continue
                expected = 0.8 - 0.1 * place
                said = {"expected": expected, "low": expected - 0.05, "high": expected + 0.04, "p_value": 0.2, "n": 90}
                rows.append(row("practice", year, found=0.97 if rings else expected + 0.01, **said, **named))
    return rows


def row(alarm: str, year: int, **said: Any) -> Row:
    keys = ("model", "measure", "code", "title", "expected", "found", "low", "high", "p_value", "rings", "n", "reason")
    return {"alarm": alarm, "year": year, **dict.fromkeys(keys), **said}
