"""How far what an encoder-decoder wrote stands above what it would have written else."""

from __future__ import annotations

import numpy as np

from harness.decision.confidence.evidence import Array, Evidence


def read(evidence: Evidence) -> Array:
    """The log-probability of the surest output less that of the second; (n,)."""
    return np.asarray(evidence.gap, dtype=np.float64)
