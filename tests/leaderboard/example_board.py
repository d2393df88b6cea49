"""What the table shows beyond a finished run's own rows: ties with the best, and thousands of trials."""

from __future__ import annotations

from typing import Any

import numpy as np
from example_search import parameters

from harness.run.folder import RunFolder

Row = dict[str, Any]

TIED = {"linear-3": (0.0, 0.0, 0.0), "bag-1": (0.052, -0.004, 0.071), "dictionary-0": (0.098, 0.07, 0.13)}


def write_ties(run: RunFolder, measure: str = "micro_f1") -> RunFolder:
    """Add who is told from the best, and who is not: of the floors nothing is known."""
    rows = [
        {
            "role": "heldout",
            "measure": measure,
            "model": model,
            "best": "linear-3",
            "difference": difference,
            "low": low,
            "high": high,
            "tied": low <= 0.0 <= high,
        }
        for model, (difference, low, high) in TIED.items()
    ]
    unknown = dict.fromkeys(("difference", "low", "high", "tied"))
    rows.append({"role": "heldout", "measure": measure, "model": "floor-nothing", "best": "linear-3", **unknown})
    run.write_figure("ties", rows)
    return run


def many_trials(n: int) -> list[Row]:
    """Trials of three families with up to fifteen hyper-parameters, no two scores alike."""
    random = np.random.default_rng(7)
    scores = random.permutation(n) / (1.25 * n)
    rows: list[Row] = []
    for number, score in enumerate(scores):
        family = ("dictionary", "linear", "encoder")[number % 3]
        status = "failed" if number % 23 == 0 else "stopped" if number % 5 == 0 else "done"
        own = parameters(family, random)
        if family == "encoder":
            own |= {f"rate_{place}": float(random.random()) for place in range(5)}
        rows.append(
            {
                "trial": f"{family}-{number}",
                "family": family,
                "kind": "baseline",
                "status": status,
                "reason": {"failed": "out of memory: the trial passed 6 GB"}.get(status),
                "parameters": own,
                "score": None if status == "failed" else float(score),
                "threshold": 0.3,
                "steps": 1,
                "seconds": float(random.gamma(3.0, 4.0)),
                "started": round(1.7 * number, 3),
                "slot": number % 4,
                "slot_seconds": 9.5,
                "retry_of": None,
            }
        )
    return rows
