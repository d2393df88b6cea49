"""Curves with fewer points that look the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MOST_POINTS = 700  # of one curve as it is drawn
FINEST = 1 / 6000  # half a pixel of 300 where the risk axis shows a tenth
_Array = npt.NDArray[np.float64]


def thin(x: _Array, y: _Array, tolerance: float = FINEST, most: int = MOST_POINTS) -> npt.NDArray[np.int64]:
    """Points enough that straight lines between them err by at most ``tolerance`` in ``y`` (Douglas-Peucker).

    Where these are more than ``most``, the tolerance is doubled until they are not.
    """
    while True:
        kept = _simplified(x, y, tolerance)
        if len(kept) <= max(most, 2):
            return kept
        tolerance *= 2


def _simplified(x: _Array, y: _Array, tolerance: float) -> npt.NDArray[np.int64]:
    keep = np.zeros(len(x), dtype=np.bool_)
    keep[[0, -1]] = True
    spans = [(0, len(x) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        inner = slice(first + 1, last)
        slope = (y[last] - y[first]) / max(x[last] - x[first], 1e-12)
        error = np.abs(y[inner] - (y[first] + slope * (x[inner] - x[first])))
        worst = int(np.argmax(error))
        if error[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return np.flatnonzero(keep)
