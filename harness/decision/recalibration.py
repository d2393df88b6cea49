"""From scores to probabilities: rising maps, fitted on validation and then frozen.

A model's scores may order codes well and still be no probabilities. What is fitted here is fitted over the stored
scores, (certificate, code) pairs, since it is applied to no others: a code without a stored score counts as absent
whatever the map. The many pairs of tiny scores weigh little, since the likelihood hardly depends on them. No map ties
two scores, so that it takes no order from a promise, and none ever changes which codes are chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit

from harness.corpus.certificate import BoolArray, FloatArray
from harness.errors import UnknownName
from harness.families.family import CEILING

Array = npt.NDArray[np.float64]
UNSEEN = 1e-6  # the score of a code that has none
SOFT = 16.0  # log-odds beyond which they grow as their logarithm, so that doubles still tell probabilities near 1 apart
OWN = 1e-3  # the share of its own log-odds that a score keeps under a step function
BINS = 1 << 16


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A strictly rising map from a score to a probability.

    Attributes
    ----------
    kind : ``none``, ``temperature`` (log-odds times ``slope`` plus ``bias``) or ``isotonic``
    scores, shares : (n_knots,) of ``isotonic``: the share of right codes at a score, straight lines between them
    """

    kind: str = "none"
    slope: float = 1.0
    bias: float = 0.0
    scores: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ("none", *RECALIBRATIONS):
            raise UnknownName(
                f"the recalibration must be one of none, {', '.join(RECALIBRATIONS)}, but got {self.kind!r}"
            )

    def __call__(self, p: FloatArray) -> Array:
        """Scores, (nnz,), as probabilities strictly inside (0, 1)."""
        score = inside(p)
        if self.kind == "none":
            return score
        if self.kind == "temperature":
            odds = self.slope * logit(score) + self.bias
        else:
            odds = (1.0 - OWN) * logit(np.interp(score, self.scores, self.shares)) + OWN * logit(score)
        far = np.maximum(np.abs(odds) - SOFT, 0.0)
        return np.asarray(expit(np.sign(odds) * (np.abs(odds) - far + np.log1p(far))), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """What strict JSON can hold."""
        return {
            "kind": self.kind,
            "slope": self.slope,
            "bias": self.bias,
            "scores": list(self.scores),
            "shares": list(self.shares),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recalibration:
        """The inverse of :meth:`to_dict`."""
        return cls(**{**values, "scores": tuple(values["scores"]), "shares": tuple(values["shares"])})


def inside(p: FloatArray) -> Array:
    """Scores clipped to where log-odds are finite; one under ``UNSEEN`` counts as none."""
    return np.clip(np.asarray(p, dtype=np.float64), UNSEEN, CEILING)


def fit_temperature(p: FloatArray, hit: BoolArray, weights: FloatArray | None = None) -> Recalibration:
    """Slope (1/T) and bias of the log-odds by maximum likelihood; the identity where no rising map can be learnt.

    The aims of the likelihood are Platt's, (hits + 1)/(hits + 2) and 1/(misses + 2): without them the slope would be
    infinite for scores that part right and wrong codes. Scores are counted in 65,536 bins of their log-odds first,
    each with its mean, so that 60 million cost no more to fit than a few thousand.

    Parameters
    ----------
    p : (nnz,) the stored scores
    hit : (nnz,) whether the code is right
    weights : (nnz,) how often each counts, or None for once

    References
    ----------
    Platt. Probabilistic outputs for support vector machines. Advances in Large Margin Classifiers, 1999.
    Guo, Pleiss, Sun, Weinberger. On Calibration of Modern Neural Networks. ICML 2017.
    """
    count = np.ones(len(p)) if weights is None else np.asarray(weights, dtype=np.float64)
    hits, misses = float(count[hit].sum()), float(count[~hit].sum())
    if not hits or not misses:
        return IDENTITY
    odds = logit(inside(p))
    low, high = logit(np.array([UNSEEN, CEILING]))
    place = ((odds - low) * ((BINS - 1) / (high - low))).astype(np.int64)
    n = np.bincount(place, weights=count, minlength=BINS)
    right = np.bincount(place, weights=count * hit, minlength=BINS)
    filled = n > 0
    x = np.bincount(place, weights=count * odds, minlength=BINS)[filled] / n[filled]
    share = (right * (hits + 1) / (hits + 2) + (n - right) / (misses + 2))[filled] / n[filled]
    weight = n[filled] / (hits + misses)

    def loss(line: Array) -> tuple[float, Array]:
        z = line[0] * x + line[1]
        gap = weight * (expit(z) - share)
        return float(weight @ (np.logaddexp(0.0, z) - share * z)), np.array([gap @ x, gap.sum()])

    slope, bias = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    return Recalibration("temperature", float(slope), float(bias)) if slope > 0 else IDENTITY


def fit_isotonic(p: FloatArray, hit: BoolArray) -> Recalibration:
    """The rising step function of least squares; the identity where all or none is right.

    Its shares stay off 0 and 1 by Platt's aims (see :func:`fit_temperature`), so that odds are finite. Within a step
    the scores keep a thousandth of their own log-odds: enough to order them, too little to change a probability.

    Parameters
    ----------
    p, hit : (nnz,)
        As for :func:`fit_temperature`.

    References
    ----------
    Zadrozny, Elkan. Transforming classifier scores into accurate multiclass probability estimates. KDD 2002.
    """
    hits, misses = int(np.count_nonzero(hit)), int(np.count_nonzero(~hit))
    if not hits or not misses:
        return IDENTITY
    from sklearn.isotonic import IsotonicRegression  # only where something is fitted: predict needs no scikit-learn

    found = IsotonicRegression(y_min=1 / (misses + 2), y_max=(hits + 1) / (hits + 2)).fit(inside(p), hit)
    return Recalibration(
        "isotonic", scores=tuple(found.X_thresholds_.tolist()), shares=tuple(found.y_thresholds_.tolist())
    )


RECALIBRATIONS: Mapping[str, Callable[[FloatArray, BoolArray], Recalibration]] = {
    "temperature": fit_temperature,
    "isotonic": fit_isotonic,
}
IDENTITY = Recalibration()
