"""What an encoder-decoder itself thinks of what it wrote."""

from __future__ import annotations

import numpy as np

from harness.decision.confidence.evidence import Array, Evidence


def read(evidence: Evidence) -> Array:
    """The log-probability of the output as a whole; (n,)."""
    return np.asarray(evidence.log_probability, dtype=np.float64)
