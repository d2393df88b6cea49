"""What a search of several families leaves: many trials in slots, importances, conditional and logarithmic choices."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.run.folder import RunFolder

Row = dict[str, Any]

BEST = {"linear": 0.81, "bag": 0.79, "encoder": 0.83, "dictionary": 0.72}
KINDS = {"encoder": "transfer"}


def write_search(run: RunFolder, n: int = 120) -> None:
    """Add a search's trials and importances to a run's folder."""
    for row in search_rows(n):
        run.add_trial(row)
    run.write_figure("importances", importance_rows())


def search_rows(n: int, slots: int = 4, seed: int = 3) -> list[Row]:
    """Trials one after the other in slots; each family chooses in its own way."""
    random = np.random.default_rng(seed)
    free = [0.0] * slots
    rows: list[Row] = []
    for number in range(n):
        family = list(BEST)[number % len(BEST)]
        slot = int(np.argmin(free))
        seconds = round(float(random.gamma(3.0, {"encoder": 12.0, "bag": 5.0}.get(family, 2.0))) + 0.5, 3)
        status = str(random.choice(["done", "stopped", "failed"], p=[0.75, 0.2, 0.05]))
        score = BEST[family] - float(random.exponential(0.04)) - (0.08 if status == "stopped" else 0.0)
        rows.append(
            {
                "trial": f"{family}-{number // len(BEST) + 40}",
                "family": family,
                "kind": KINDS.get(family, "baseline"),
                "status": status,
                "reason": {
                    "stopped": "ASHA: behind other trials of its family at step 2",
                    "failed": "the worker's process ended",
                }.get(status),
                "parameters": parameters(family, random),
                "score": None if status == "failed" else round(score, 6),
                "threshold": None if status == "failed" else 0.3,
                "steps": 1,
                "seconds": seconds,
                "started": round(free[slot], 3),
                "slot": slot,
                "slot_seconds": round(seconds + 0.4, 3),
                "retry_of": None,
            }
        )
        free[slot] += seconds + 0.4 + float(random.exponential(0.8))
    return rows


def parameters(family: str, random: np.random.Generator) -> Row:
    if family == "dictionary":
        return {"unit": "line", "least": int(random.integers(1, 6)), "vote": bool(random.integers(2))}
    if family == "linear":
        words = int(random.integers(1, 4))
        return {
            "unit": str(random.choice(["line", "certificate"])),
            "cost": float(10 ** random.uniform(-2, 2)),
            "char_ngrams": int(random.integers(2, 7)),
            "word_ngrams": words,
            "weighting": str(random.choice(["root", "log", "none"])),
            "max_features": int(2 ** random.integers(12, 20)),
        }
    tuning = str(random.choice(["full", "partial"]))
    found = {
        "unit": "line",
        "learning_rate": float(10 ** random.uniform(-5, -2.5)),
        "dropout": round(float(random.uniform(0, 0.5)), 3),
        "epochs": int(random.integers(2, 9)),
        "loss": str(random.choice(["asymmetric", "cross_entropy", "focal"])),
        "head": str(random.choice(["label_attention", "mean"])),
        "half_life": float(random.choice([0.0, 2.0, 4.0])),
        "batch": int(2 ** random.integers(5, 9)),
        "tuning": tuning,
    }
    if tuning == "partial":  # a choice that applies to some trials alone
        found["frozen"] = int(random.integers(1, 4))
    return found


def importance_rows() -> list[Row]:
    known = {
        "linear": (28, {"cost": 0.61, "char_ngrams": 0.2, "unit": 0.12, "weighting": 0.04, "max_features": 0.03}),
        "bag": (24, {"learning_rate": 0.7, "loss": 0.18, "dropout": 0.12}),
        "encoder": (21, {"learning_rate": 0.5, "tuning": 0.25, "head": 0.15, "epochs": 0.06, "loss": 0.04}),
    }
    return [
        {"family": family, "parameter": name, "importance": value, "n_trials": n}
        for family, (n, found) in known.items()
        for name, value in found.items()
    ]
