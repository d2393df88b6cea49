"""Which models the shown certificates do not tell from the best one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.files import Row
from harness.metrics import multilabel
from harness.metrics.bootstrap import paired_difference
from harness.metrics.multilabel import Counts

MICRO_F1, EXACT_MATCH = "micro_f1", "exact_match"
# Objectives that are no mean over certificates are compared by the measure next to them, which can be resampled.
MEASURES: Mapping[str, str] = {
    "micro_f1": MICRO_F1,
    "macro_f1": MICRO_F1,
    "exact_match": EXACT_MATCH,
    "augrc": EXACT_MATCH,
}
_Small = npt.NDArray[np.int32] | npt.NDArray[np.int8]


def measures(objective: str) -> tuple[str, ...]:
    """What models are compared by: the objective's measure, and exact match."""
    return tuple(dict.fromkeys((MEASURES[objective], EXACT_MATCH)))


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a model's certificates: counts whose micro-F1 is its value; (n,) each."""

    tp: _Small
    fp: _Small
    fn: _Small

    @classmethod
    def of(cls, measure: str, certificates: Counts) -> Kept:
        """The counts for a measure; of exact match they are a/(a + b) = 2a/(2a + b + b), a and b being right and wrong."""
        if measure == EXACT_MATCH:
            right = multilabel.exact(certificates)
            others = (~right).astype(np.int8)
            return cls(right.astype(np.int8), others, others)
        return cls(*(part.astype(np.int32) for part in (certificates.tp, certificates.fp, certificates.fn)))

    @property
    def counts(self) -> Counts:
        return Counts(*(part.astype(np.int64) for part in (self.tp, self.fp, self.fn)))


def tie_rows(models: Mapping[str, Kept], *, seed: int) -> list[Row]:
    """How far each model stands behind the best, with the 95 % interval of the paired bootstrap.

    Parameters
    ----------
    models : by name, of the same certificates in the same order

    Returns
    -------
    ``difference`` is the best model's value less this one's, at least 0; a model is tied where 0 lies in its interval.
    All four are None where its value is undefined; no rows where every model's is. Of equally good ones the first by
    name is called the best.
    """
    values = {name: multilabel.micro_f1(models[name].counts) for name in sorted(models)}
    defined = {name: value for name, value in values.items() if value is not None}
    if not defined:
        return []
    best = max(defined, key=defined.__getitem__)
    return [{"model": name, "best": best, **_behind(models, best, name, seed)} for name in models]


def _behind(models: Mapping[str, Kept], best: str, name: str, seed: int) -> Row:
    if name == best:
        return {"difference": 0.0, "low": 0.0, "high": 0.0, "tied": True}
    found = paired_difference(models[best].counts, models[name].counts, seed=seed)
    if found is None:
        return dict.fromkeys(("difference", "low", "high", "tied"))
    return {**found._asdict(), "tied": found.low <= 0.0 <= found.high}
