"""Scores by how often a code stood in the certificates that a model learned from.

Definitions of record. The frequency of a code is the number of training certificates that have it, in the fit behind the
scores. Four bands part the codes: ``unseen`` (0), ``1_9``, ``10_99``, ``100_up``. A band's scores are those of its codes
alone, over all certificates: a wrong code counts where its own frequency puts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.corpus.certificate import IntArray
from harness.metrics.multilabel import Counts, mean_f1, micro_f1, micro_recall

BANDS: Mapping[str, tuple[float, float]] = {
    "unseen": (0, 0),
    "1_9": (1, 9),
    "10_99": (10, 99),
    "100_up": (100, np.inf),
}


SCORES = ("n_codes", "micro_f1", "macro_f1", "recall")


@dataclass(frozen=True, slots=True)
class Band:
    """One band's scores, as :mod:`harness.metrics.multilabel` defines them; None where it does not define them.

    Attributes
    ----------
    n_codes : how many codes of the band occur in the reference
    """

    n_codes: int
    micro_f1: float | None
    macro_f1: float | None
    recall: float | None


def by_frequency(codes: Counts, frequency: IntArray) -> dict[str, Band]:
    """The scores of each band.

    Parameters
    ----------
    codes : counts of each code, (n_labels,)
    frequency : (n_labels,) in how many training certificates each stood
    """
    found = {}
    for name, (least, most) in BANDS.items():
        mine = codes.of((frequency >= least) & (frequency <= most))
        occur = int(np.count_nonzero(mine.tp + mine.fn))
        found[name] = Band(occur, micro_f1(mine), mean_f1(mine), micro_recall(mine))
    return found


def columns(found: Mapping[str, Band]) -> dict[str, float | None]:
    """The scores of bands as the columns of a row, each named by its score and band."""
    return {f"{score}_{name}": getattr(band, score) for name, band in found.items() for score in SCORES}
