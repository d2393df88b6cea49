"""How undecided the model is of each code, whatever is chosen."""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from harness.decision.confidence.evidence import Array, Evidence


def read(evidence: Evidence) -> Array:
    """Minus the sum of −p ln p − (1 − p) ln(1 − p) over the stored codes; (n,), at most 0 nats."""
    stored = evidence.stored()
    return np.asarray(-stored.sums(entr(stored.p) + entr(1.0 - stored.p)), dtype=np.float64)
