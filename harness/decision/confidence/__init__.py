"""How sure a model is that a unit's whole set of codes is right: estimators by name, larger is surer.

A unit is a certificate, or a line. Each estimator has its file; the learnt one is handled apart, since it is fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from harness.decision.confidence import agreement, beam_gap, entropy, margin, novelty, product, sequence
from harness.decision.confidence.evidence import UNSEEN, Array, Evidence
from harness.decision.confidence.learnt import Learnt
from harness.errors import ConfigError, UnknownName
from harness.families.family import blocks

__all__ = [
    "ESTIMATORS",
    "LEARNT",
    "PLAIN",
    "UNSEEN",
    "Array",
    "Estimator",
    "Evidence",
    "Learnt",
    "confidence",
    "offered",
]

LEARNT = "learnt"
ROWS = 1 << 18  # units that are read at a time: the scores of millions, in doubles, would not fit


@dataclass(frozen=True, slots=True)
class Estimator:
    """A way to read a confidence from evidence.

    Attributes
    ----------
    needs : columns of the evidence that must be known
    recalibrated : whether it reads probabilities of codes, so that their recalibration can matter
    read : gives (n,), larger is surer
    probability : makes the probability that all codes are right of what was read, or None where nothing does
    """

    name: str
    needs: tuple[str, ...]
    recalibrated: bool
    read: Callable[[Evidence], Array]
    probability: Callable[[Array], Array] | None


ESTIMATORS: Mapping[str, Estimator] = {
    estimator.name: estimator
    for estimator in (
        Estimator("product", (), True, product.read, np.asarray),
        Estimator("margin", (), True, margin.read, expit),
        Estimator("entropy", (), True, entropy.read, None),
        Estimator("sequence", ("log_probability",), False, sequence.read, np.exp),
        Estimator("beam_gap", ("gap",), False, beam_gap.read, expit),
        Estimator("agreement", ("agreement",), True, agreement.read, None),
        Estimator("novelty", ("unseen_words", "unseen_ngrams"), True, novelty.read, None),
    )
}
PLAIN = tuple(name for name, estimator in ESTIMATORS.items() if not estimator.needs)


def confidence(name: str, evidence: Evidence, learnt: Learnt | None = None) -> Array:
    """The confidence in each of n units; (n,), larger is surer, NaN where a column of the evidence is.

    Parameters
    ----------
    name : of ``ESTIMATORS``, or ``learnt``
    learnt : what ``learnt`` was fitted to; the others do not look at it

    Raises
    ------
    UnknownName
        There is no such estimator.
    ConfigError
        The evidence lacks what the estimator needs.
    """
    read = _reader(name, evidence, learnt)
    parts = [read(evidence.take(rows)) for rows in blocks(len(evidence), ROWS)]
    return np.concatenate(parts) if parts else np.empty(0)


def offered(evidence: Evidence) -> tuple[str, ...]:
    """The estimators whose needs are met, without the learnt one."""
    return tuple(name for name, estimator in ESTIMATORS.items() if not evidence.lacks(estimator.needs))


def _reader(name: str, evidence: Evidence, learnt: Learnt | None) -> Callable[[Evidence], Array]:
    if name == LEARNT:
        if learnt is None:
            raise ConfigError(f"the estimator {LEARNT} must be fitted on validation years first, but nothing was")
        return learnt.read
    if name not in ESTIMATORS:
        raise UnknownName(f"the estimator must be one of {', '.join((*ESTIMATORS, LEARNT))}, but got {name!r}")
    if lacking := evidence.lacks(ESTIMATORS[name].needs):
        raise ConfigError(
            f"the estimator {name} needs {' and '.join(lacking)}, which this model does not give; "
            f"it must be one of {', '.join(offered(evidence))}"
        )
    return ESTIMATORS[name].read
