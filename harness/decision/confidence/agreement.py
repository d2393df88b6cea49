"""Whether other models, the dictionary above all, choose the same codes."""

from __future__ import annotations

import numpy as np

from harness.decision.confidence import product
from harness.decision.confidence.evidence import Array, Evidence

WITNESSES = 1024  # more than there ever are: shares of agreement differ by more than the product can add


def read(evidence: Evidence) -> Array:
    """The share of witnesses that agree; among equal shares the product decides; (n,) in [0, 1 + 1/1024]."""
    return np.asarray(evidence.agreement, dtype=np.float64) + product.read(evidence) / WITNESSES
