"""Which of many trials are drawn: the best, and the others evenly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def best_and_even(scores: Sequence[float], most: int) -> tuple[int, ...]:
    """The places of at most so many scores: half of them the best, the others at even steps through the rest.

    Returns
    -------
    Places in their order. Of equal scores the earlier is the better.
    """
    if len(scores) <= most:
        return tuple(range(len(scores)))
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    best = order[: most - most // 2]
    rest = np.sort(order[len(best) :])
    even = rest[np.arange(most // 2) * len(rest) // max(most // 2, 1)]
    return tuple(np.sort(np.concatenate([best, even])).tolist())


def shares(sizes: Mapping[str, int], most: int) -> dict[str, int]:
    """How much of each group is shown, where at most so much of all can be: small groups wholly, the others alike."""
    found, left = {}, most
    for place, name in enumerate(sorted(sizes, key=lambda name: sizes[name])):
        found[name] = min(sizes[name], left // (len(sizes) - place))
        left -= found[name]
    return {name: found[name] for name in sizes}
