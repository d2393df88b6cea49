"""Scores by how often a code stood in the certificates that a model learned from.

Definitions of record. The frequency of a code is the number of training certificates that have it, in the fit behind the
scores. Four bands part the codes: ``unseen`` (0), ``1_9``, ``10_99``, ``100_up``. A band's scores are those of its codes
alone, over all certificates: a wrong code counts where its own frequency puts it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from harness.corpus.certificate import IntArray
from harness.metrics.multilabel import Counts, mean_f1, micro_f1, micro_recall

BANDS: Mapping[str, tuple[float, float]] = {
    "unseen": (0, 0),
    "1_9": (1, 9),
    "10_99": (10, 99),
    "100_up": (100, np.inf),
}


FEWEST = 5  # certificates of which something may be said
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


def untold(codes: csr_array, frequency: IntArray, parts: Iterable[slice]) -> frozenset[str]:
    """The bands of which no score is given: in some part fewer than five certificates, and one at least, have such a code.

    Scores are shares of these certificates' codes. From those of many models, and the scores over all codes, the number
    of pairs of each band can be solved; so one band is never untold alone, but with the one that has the fewest pairs.

    Parameters
    ----------
    codes : (n, n_labels) which certificate truly has which code
    frequency : (n_labels,) in how many training certificates each code stood
    parts : the certificates of each year, and all of them
    """
    columns = {name: (frequency >= least) & (frequency <= most) for name, (least, most) in BANDS.items()}
    pairs = {name: np.asarray(codes[:, np.flatnonzero(mine)].sum(axis=1)).ravel() for name, mine in columns.items()}
    few: set[str] = set()
    for part in parts:
        holders = {name: int(np.count_nonzero(of_band[part])) for name, of_band in pairs.items()}
        few |= {name for name, n in holders.items() if 0 < n < FEWEST}
    others = sorted((int(of_band.sum()), name) for name, of_band in pairs.items() if name not in few and of_band.any())
    if len(few) == 1 and others:
        few.add(others[0][1])
    return frozenset(few)


def columns(found: Mapping[str, Band], untold: Collection[str] = ()) -> dict[str, float | None]:
    """The scores of bands as the columns of a row, each named by its score and band; of an untold one its size alone."""
    return {
        f"{score}_{name}": None if name in untold and score != "n_codes" else getattr(band, score)
        for name, band in found.items()
        for score in SCORES
    }
