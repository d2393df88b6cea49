"""Percentile bootstrap over certificates.

Certificates with the same counts are interchangeable, so a resample of ``n`` certificates is one multinomial draw over
the distinct counts: after these are found, time and memory no longer depend on ``n``.

References
----------
Efron, Tibshirani. An Introduction to the Bootstrap. 1993, chapter 13.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.metrics.multilabel import Counts, micro_f1

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

CELLS = 2_000_000  # of one block of draws: 16 MB
LARGEST_KEY = 2**62


@dataclass(frozen=True, slots=True)
class Intervals:
    """Ends of the bootstrap intervals; None where the score itself is undefined."""

    micro_f1_low: float | None
    micro_f1_high: float | None
    exact_match_low: float | None
    exact_match_high: float | None


class Difference(NamedTuple):
    """A difference of two models' micro-F1 (first minus second) and the ends of its interval."""

    difference: float
    low: float
    high: float


def intervals(counts: Counts, *, seed: int, draws: int = 1000, confidence: float = 0.95) -> Intervals:
    """Intervals of micro-F1 and exact match over the draw of the certificates.

    A resample in which no certificate has a true or a predicted code has no micro-F1, and is left out of its interval.
    The result does not depend on the order of the certificates.
    """
    if not len(counts.tp):
        return Intervals(None, None, None, None)
    rows, weights = distinct(counts.tp, counts.fp, counts.fn)
    right = (rows[:, 1] == 0) & (rows[:, 2] == 0)
    columns = np.column_stack([rows, right])
    totals = np.concatenate([block @ columns for block in _resamples(weights, draws, seed)])
    f1 = percentiles(_micro_f1(totals[:, :3]), confidence)
    exact_match = percentiles(totals[:, 3] / len(counts.tp), confidence)
    return Intervals(*f1, *exact_match)


def paired_difference(
    counts_a: Counts, counts_b: Counts, *, seed: int, draws: int = 1000, confidence: float = 0.95
) -> Difference | None:
    """Micro-F1 of the first less that of the second on the same certificates, resampled together.

    Parameters
    ----------
    counts_a, counts_b : of the same n certificates in the same order

    Returns
    -------
    The difference and its interval, or None where one of the two scores is undefined.
    """
    f1_a, f1_b = micro_f1(counts_a), micro_f1(counts_b)
    if f1_a is None or f1_b is None:
        return None
    rows, weights = distinct(*(getattr(counts, part) for counts in (counts_a, counts_b) for part in ("tp", "fp", "fn")))
    totals = np.concatenate([block @ rows for block in _resamples(weights, draws, seed)])
    low, high = percentiles(_micro_f1(totals[:, :3]) - _micro_f1(totals[:, 3:]), confidence)
    return None if low is None or high is None else Difference(f1_a - f1_b, low, high)


class Resampled(NamedTuple):
    """Scores of some predictions in the same resamples of their certificates, (draws, n_predictions) each.

    ``micro_f1`` is NaN where a resample has neither a true nor a predicted code.
    """

    micro_f1: Float64Array
    exact_match: Float64Array


def resampled(predictions: Sequence[Counts], *, seed: int, draws: int = 1000) -> Resampled:
    """Scores of several predictions of the same n ≥ 1 certificates in the same order, resampled together."""
    parts = ("tp", "fp", "fn")
    rows, weights = distinct(*(getattr(counts, part) for counts in predictions for part in parts))
    right = (rows[:, 1::3] == 0) & (rows[:, 2::3] == 0)
    columns = np.column_stack([rows, right]).astype(np.float64)  # the product of whole numbers is far slower
    totals = np.concatenate([block @ columns for block in _resamples(weights, draws, seed)])
    f1 = [_micro_f1(totals[:, place : place + 3]) for place in range(0, 3 * len(predictions), 3)]
    return Resampled(np.column_stack(f1), totals[:, 3 * len(predictions) :] / weights.sum())


def distinct(*columns: Int64Array) -> tuple[Int64Array, Int64Array]:
    """The distinct rows of some columns of numbers ≥ 0, and how often each occurs.

    Returns
    -------
    rows : (n_distinct, n_columns), in ascending order
    weights : (n_distinct,)
    """
    key, size = np.zeros(len(columns[0]), np.int64), 1
    for column in columns:
        width = int(column.max(initial=0)) + 1
        if size * width > LARGEST_KEY:
            seen, key = np.unique(key, return_inverse=True)
            size = len(seen)
        key, size = key * width + column, size * width
    _, first, weights = np.unique(key, return_index=True, return_counts=True)
    return np.column_stack([column[first] for column in columns]), weights.astype(np.int64)


def _resamples(weights: Int64Array, draws: int, seed: int) -> Iterator[Int64Array]:
    """Blocks of resamples, (n_block, n_distinct); the size of a block does not change what is drawn."""
    generator = np.random.default_rng(seed)
    n = int(weights.sum())
    block = max(1, CELLS // len(weights))
    for start in range(0, draws, block):
        yield generator.multinomial(n, weights / n, size=min(block, draws - start))


def _micro_f1(totals: Int64Array | Float64Array) -> Float64Array:
    """Micro-F1 of each resample, NaN where it is undefined; totals are tp, fp, fn."""
    twice = 2.0 * totals[:, 0]
    whole = twice + totals[:, 1] + totals[:, 2]
    f1: Float64Array = np.divide(twice, whole, out=np.full(len(totals), np.nan), where=whole > 0)
    return f1


def percentiles(values: Float64Array, confidence: float = 0.95) -> tuple[float, float] | tuple[None, None]:
    """The ends of the interval that holds this share of the draws that are defined; None where none is."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None, None
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
