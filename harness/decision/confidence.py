"""How sure a model is of a certificate's whole set of codes: estimators by name, larger is surer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.errors import UnknownName

Array = npt.NDArray[np.float64]
UNSEEN = 1e-6  # the score of a code that has none


def confidence(name: str, y_score: csr_array, threshold: float) -> Array:
    """The estimator called ``name`` for scores (n, n_labels) of which those from ``threshold`` on are chosen; (n,)."""
    if name not in ESTIMATORS:
        raise UnknownName(f"the estimator must be one of {', '.join(ESTIMATORS)}, but got {name!r}")
    data = np.clip(y_score.data.astype(np.float64), UNSEEN, 1.0 - 2.0**-24)
    row = np.repeat(np.arange(y_score.shape[0]), np.diff(y_score.indptr))
    return ESTIMATORS[name](data, row, y_score.data.astype(np.float64) >= threshold, y_score.shape[0], threshold)


def _product(data: Array, row: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_], n: int, threshold: float) -> Array:
    """The probability of the whole set if codes were independent: ∏ p over the chosen, ∏ (1 − p) over the others."""
    logs = np.bincount(row, weights=np.where(chosen, np.log(data), np.log1p(-data)), minlength=n)
    return np.asarray(np.exp(logs), dtype=np.float64)


def _margin(data: Array, row: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_], n: int, threshold: float) -> Array:
    """The lowest chosen log-odds less the highest not chosen."""
    odds = np.log(data) - np.log1p(-data)
    edge = float(np.clip(threshold, UNSEEN, 1.0 - 2.0**-24))
    lowest = np.full(n, np.inf)
    highest = np.full(n, np.log(UNSEEN) - np.log1p(-UNSEEN))
    np.minimum.at(lowest, row[chosen], odds[chosen])
    np.maximum.at(highest, row[~chosen], odds[~chosen])
    # Where nothing is chosen: how far the best stays below the threshold.
    lowest[np.isinf(lowest)] = np.log(edge) - np.log1p(-edge)
    return np.asarray(lowest - highest, dtype=np.float64)


Estimator = Callable[[Array, npt.NDArray[np.int64], npt.NDArray[np.bool_], int, float], Array]
ESTIMATORS: Mapping[str, Estimator] = {"product": _product, "margin": _margin}
