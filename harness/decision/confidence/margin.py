"""How far the codes that were chosen stand above those that were not."""

from __future__ import annotations

import numpy as np
from scipy.special import logit

from harness.decision.confidence.evidence import UNSEEN, Array, Evidence


def read(evidence: Evidence) -> Array:
    """The lowest chosen log-odds less the highest not chosen; (n,)."""
    stored = evidence.stored()
    odds = logit(stored.p)
    none, edge = logit(evidence.recalibration(np.array([UNSEEN, evidence.threshold])))
    lowest, highest = np.full(stored.n, np.inf), np.full(stored.n, none)
    np.minimum.at(lowest, stored.row[stored.chosen], odds[stored.chosen])
    np.maximum.at(highest, stored.row[~stored.chosen], odds[~stored.chosen])
    lowest[np.isinf(lowest)] = edge  # where nothing is chosen: how far the best stays below the threshold
    return np.asarray(lowest - highest, dtype=np.float64)
