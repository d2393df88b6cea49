"""The probability of the whole set of codes, if codes were independent."""

from __future__ import annotations

import numpy as np

from harness.decision.confidence.evidence import Array, Evidence


def read(evidence: Evidence) -> Array:
    """∏ p over the chosen, ∏ (1 − p) over the others; (n,) in [0, 1]."""
    return np.asarray(np.exp(logarithm(evidence)), dtype=np.float64)


def logarithm(evidence: Evidence) -> Array:
    """The same as a sum of logarithms, which stays apart from its neighbours where the product is all but 0; (n,)."""
    stored = evidence.stored()
    return stored.sums(np.where(stored.chosen, np.log(stored.p), np.log1p(-stored.p)))
