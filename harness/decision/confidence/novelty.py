"""How much of a certificate the model has never seen."""

from __future__ import annotations

import numpy as np

from harness.decision.confidence import product
from harness.decision.confidence.evidence import Array, Evidence

LEAST = 2.0**-20  # below any difference between shares of up to a thousand runs of four characters


def read(evidence: Evidence) -> Array:
    """Fewer unseen words are surer, then a smaller share of unseen 4-grams, then a larger product; (n,).

    Most certificates have neither, and would all be tied but for the product.
    """
    words = np.asarray(evidence.unseen_words, dtype=np.float64)
    share = np.asarray(evidence.unseen_ngrams, dtype=np.float64)
    return -words - share / 2 + LEAST * product.read(evidence)
