"""Scores over several seeds, with intervals that cover the draw of the certificates and that of the seeds.

A resample draws the certificates anew for all seeds alike, takes the mean over the seeds, and moves it by a draw of what a
mean of S seeds may be off: s / √S times Student's t with S − 1 degrees of freedom, s being the seeds' standard deviation.
Seeds are few: an interval of resampled ones would lie between the lowest and the highest of them, which holds the mean
of all possible seeds in 75 % of cases where there are three, not in 95 %. Two predictions are compared by their
difference in each seed and resample.

References
----------
Student. The Probable Error of a Mean. Biometrika 1908.
Efron, Tibshirani. An Introduction to the Bootstrap. 1993, chapter 13.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.metrics.bootstrap import percentiles

Float64Array = npt.NDArray[np.float64]

OWN_STREAM = 1  # equal streams would tie this draw to that of the certificates


class Estimate(NamedTuple):
    """A score or a difference of scores, and the ends of its interval."""

    value: float
    low: float
    high: float


def over_seeds(
    values: Float64Array,
    resamples: Float64Array,
    *,
    seed: int,
    confidence: float = 0.95,
    bounds: tuple[float, float] = (-1.0, 1.0),
) -> Estimate | None:
    """The mean over seeds with its interval; None where a seed's score, or every resample, is undefined.

    One seed alone has the interval of its certificates.

    Parameters
    ----------
    values : (n_seeds,) the score of each seed, or the difference of two scores
    resamples : (draws, n_seeds) the same in resamples of the certificates
    seed : of the draw of t, a stream of its own beside that of the certificates
    bounds : what the mean cannot lie beyond
    """
    if np.isnan(values).any():
        return None
    n_draws, n_seeds = resamples.shape
    means = resamples.mean(axis=1)
    if n_seeds > 1:
        off = np.random.default_rng((seed, OWN_STREAM)).standard_t(n_seeds - 1, n_draws)
        means = means + values.std(ddof=1) / np.sqrt(n_seeds) * off
    low, high = percentiles(means, confidence)
    if low is None or high is None:
        return None
    return Estimate(float(values.mean()), float(np.clip(low, *bounds)), float(np.clip(high, *bounds)))
