"""A point of a learning curve, in a worker's own process: fit, set the threshold on validation, code what is held out."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.corpus.store import Slice, open_store
from harness.decision.objective import chosen, objective
from harness.families.family import Predictions
from harness.search.worker import FitResult, FitSpec, PredictSpec, run_fit, run_predict


@dataclass(frozen=True, slots=True)
class MeasureSpec:
    """One fit and what it is measured on.

    Attributes
    ----------
    fit : without validation, as nothing of it is chosen there: its number of steps is frozen
    validation : sets the threshold
    heldout : is coded with it
    hard_seconds : after so long this process ends, whatever holds it up; None where a caller waits for as long as it takes
    """

    fit: FitSpec
    validation: Slice
    heldout: Slice
    hard_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one fit.

    Attributes
    ----------
    fit : without its model
    score, threshold, reason : of validation, as the objective has them
    codes : (n, n_labels) the codes that the held-out certificates were given, as an indicator matrix; and what was
        written of them
    """

    fit: FitResult
    score: float | None
    threshold: float
    reason: str | None
    codes: Predictions


def run_measure(spec: MeasureSpec) -> Measured:
    """Fit, and measure the model as it is saved."""
    with _ended_after(spec.hard_seconds):
        return _measured(spec)


@contextmanager
def _ended_after(seconds: float | None) -> Iterator[None]:
    """End this process when the block takes longer: a hang may hold the interpreter's lock, so the C library watches."""
    if seconds is None:
        yield
        return
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def _measured(spec: MeasureSpec) -> Measured:
    fitted = run_fit(replace(spec.fit, keep=True))
    validation, heldout = (
        run_predict(PredictSpec(fitted.model, spec.fit.store, (rows,), spec.fit.device)).predictions
        for rows in (spec.validation, spec.heldout)
    )
    reference = open_store(Path(spec.fit.store)).corpus(spec.validation)
    found = objective(spec.fit.objective, reference, validation)
    codes = Predictions(heldout.labels, chosen(heldout.scores, found.threshold), written=heldout.written)
    return Measured(replace(fitted, model={}), found.score, found.threshold, found.reason, codes)
