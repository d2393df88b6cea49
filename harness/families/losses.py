"""Losses of many codes at once from logits; what a logit then says of a code's probability.

References
----------
Lin, Goyal, Girshick, He, Dollár. Focal Loss for Dense Object Detection. ICCV 2017.
Ridnik, Ben-Baruch, Zamir, Noy, Friedman, Protter, Zelnik-Manor. Asymmetric Loss for Multi-Label Classification. ICCV 2021.
Charoenphakdee, Vongkulbhisal, Chairatanakul, Sugiyama. On Focal Loss for Class-Posterior Probability Estimation: A
Theoretical Perspective. CVPR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_expit

LossName = Literal["cross_entropy", "focal", "asymmetric"]
Logits = npt.NDArray[np.float64]
GRID = np.linspace(-40.0, 40.0, 16_001)


@dataclass(frozen=True, slots=True)
class Loss:
    """Cross-entropy, or one in which codes that are nearly right already count less.

    ``focus`` is the exponent of that (γ): of all codes where the loss is focal, of those that a text lacks where it is
    asymmetric. ``margin`` (m, asymmetric alone): a code that a text lacks costs nothing up to that probability.
    """

    name: LossName
    focus: float = 0.0
    margin: float = 0.0

    def __call__(self, logits: Any, y: Any, known: Any, weight: Any) -> Any:
        """The mean over texts of the sum over codes; a scalar tensor.

        Parameters
        ----------
        logits, y : (n, n_labels) tensors
        known : (n, n_labels) or (1, 1); 0 where a text says nothing of a code
        weight : (n,)
        """
        import tensorflow as tf

        return tf.reduce_mean(weight * tf.reduce_sum(known * self._each(logits, y), axis=1))

    def _each(self, logits: Any, y: Any) -> Any:
        """The loss of each text and code; from logits, because probabilities round to 0 and 1."""
        import tensorflow as tf

        if self.name == "cross_entropy":
            return tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits)
        has, lacks = tf.math.softplus(-logits), tf.math.softplus(logits)  # −log p, −log(1 − p)
        if self.name == "focal":
            return y * tf.exp(-self.focus * lacks) * has + (1.0 - y) * tf.exp(-self.focus * has) * lacks
        shifted = tf.nn.relu(tf.sigmoid(logits) - self.margin)
        costs = shifted > 0.0
        safe = tf.where(costs, shifted, 0.5)  # else 0 ** γ has no gradient
        cost = -tf.math.log(tf.sigmoid(-logits) + self.margin) if self.margin else lacks
        return y * has + (1.0 - y) * tf.where(costs, safe**self.focus * cost, 0.0)

    def log_odds(self, logits: npt.NDArray[Any]) -> Logits:
        """The log-odds of codes whose best logits under this loss are these; ascending, of the same shape.

        A loss that is no cross-entropy is least at another logit than the log-odds. Where its derivatives for a code
        that is there and for one that is not are A and B, the odds are B / A (Charoenphakdee et al. 2021, theorem 11).
        Where an asymmetric loss says next to nothing, a logit counts as what it adds to the last that says something.
        """
        z = np.asarray(logits, dtype=np.float64)
        if self.name == "cross_entropy":
            return z
        if self.name == "focal":
            return _focal(z, self.focus) - _focal(-z, self.focus)
        low, high = (_logit(1.5 * self.margin), _logit(1.0 - self.margin)) if self.margin else (-30.0, 30.0)
        inner = np.clip(z, low, high)
        shifted = expit(inner) - self.margin
        slope = 1.0 / (1.0 - shifted) - self.focus * np.log1p(-shifted) / shifted
        found: Logits = log_expit(inner) + self.focus * np.log(shifted) + np.log(slope) + (z - inner)
        return found

    def logits(self, log_odds: npt.NDArray[Any]) -> Logits:
        """The best logits of codes with these log-odds; the inverse of :meth:`log_odds`."""
        if self.name == "cross_entropy":
            return np.asarray(log_odds, dtype=np.float64)
        return np.asarray(np.interp(log_odds, self.log_odds(GRID), GRID), dtype=np.float64)


def _focal(z: Logits, focus: float) -> Logits:
    """The logarithm of the focal loss's derivative for a code that a text lacks."""
    found: Logits = focus * log_expit(z) + np.log(expit(z) - focus * expit(-z) * log_expit(-z))
    return found


def _logit(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))
