"""Whether validation tells certified models apart: paired bootstrap of the shares that each would make automatic.

The certified one with the largest calibration coverage is the leader; another whose share of automatic validation
certificates is not shown to be smaller is in a tie with it, and then cost decides (:func:`harness.experiment.selection.pick`).
Each model's certified threshold is applied to its validation confidences, so the same threshold is compared that would
be shipped; coverage in hindsight is no mean over certificates, and its bootstrap would be biased.

References
----------
Efron, Tibshirani. An Introduction to the Bootstrap. 1993, chapter 13.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from harness.corpus.certificate import BoolArray, IntArray
from harness.files import Row
from harness.metrics.bootstrap import paired_difference
from harness.metrics.multilabel import Counts


def ties(automatic: Mapping[str, BoolArray], *, seed: int, groups: IntArray | None = None) -> list[Row]:
    """The difference of the automatic shares of each two models on validation, with its 95 % interval.

    Parameters
    ----------
    automatic : by model, (n_units,) True where its certified rule needs no person
    groups : (n_units,) numbers from 0 on; units of one group are resampled together: the lines of a certificate, or
        the certificates of a cluster. None where each unit stands alone

    Returns
    -------
    Rows of ``first``, ``second``, ``difference`` (share of the first less that of the second), ``low``, ``high``; none
    without units. The order of the models changes nothing.
    """
    counts = {name: _counts(automatic[name], groups) for name in sorted(automatic)}
    rows = []
    for first, second in combinations(counts, 2):
        found = paired_difference(counts[first], counts[second], seed=seed)
        if found is not None:
            rows.append({"first": first, "second": second, **found._asdict()})
    return rows


def _counts(automatic: BoolArray, groups: IntArray | None) -> Counts:
    """Counts by group whose micro-F1 is the automatic share: a/(a + b) = 2a/(2a + b + b)."""
    if groups is None:
        groups = np.arange(len(automatic))
    size = int(groups.max(initial=-1)) + 1
    own = np.bincount(groups[automatic], minlength=size)
    others = np.bincount(groups[~automatic], minlength=size)
    return Counts(own, others, others)
