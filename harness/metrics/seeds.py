"""Scores over several seeds, with intervals that cover the draw of the certificates and that of the seeds.

A resample draws the certificates anew, and one seed fewer than there are: the mean of S − 1 draws of S values has the
variance of the mean of S values, where S draws would have (S − 1) / S of it. Each mean is taken within the resample. Two
predictions are compared in the same resamples: the same certificates and the same seeds.

References
----------
Rao, Wu. Resampling Inference with Complex Survey Data. JASA 1988.
Efron, Tibshirani. An Introduction to the Bootstrap. 1993, chapter 13.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.metrics.bootstrap import percentiles

Float64Array = npt.NDArray[np.float64]


class Estimate(NamedTuple):
    """A score or a difference of scores, and the ends of its interval."""

    value: float
    low: float
    high: float


def over_seeds(
    values: Float64Array, resamples: Float64Array, *, seed: int, confidence: float = 0.95
) -> Estimate | None:
    """The mean over seeds with its interval; None where a seed's score, or every resample, is undefined.

    Parameters
    ----------
    values : (n_seeds,) the score of each seed, or the difference of two scores
    resamples : (draws, n_seeds) the same in resamples of the certificates
    seed : of the draw of the seeds; the same one for everything that is compared
    """
    n_draws, n_seeds = resamples.shape
    drawn = np.random.default_rng(seed).integers(0, n_seeds, (n_draws, max(1, n_seeds - 1)))
    means = np.take_along_axis(resamples, drawn, axis=1).mean(axis=1)
    low, high = percentiles(means, confidence)
    if low is None or high is None or np.isnan(values).any():
        return None
    return Estimate(float(values.mean()), low, high)
