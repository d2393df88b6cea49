"""How many certificates each threshold would have made automatic, and how many of them wrong."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.corpus.certificate import BoolArray
from harness.corpus.store import Slice
from harness.decision.rule import Decided
from harness.experiment.scoring import told_to
from harness.files import Row
from harness.metrics.selective import Float64Array, RiskCoverage, may_be_accepted, risk_coverage

EVEN, DENSE = 300, 100  # stops: at equal distances, and at distances that grow from one certificate on
LARGEST = float(np.finfo(np.float64).max)  # JSON knows no infinity


def threshold_rows(
    errors: BoolArray, decided: Decided, years: Mapping[str, Slice], certified: float | None
) -> list[Row]:
    """Stops of a threshold, the same for all years.

    They are order statistics of all years' confidences, ties whole, of certificates that no gate stopped; a year's
    counts hold for its own certificates, so that they add up over years.

    Parameters
    ----------
    errors : (n,) of all years
    years : where each year's certificates stand among them
    certified : the threshold that a promise was made for, which is a stop of its own

    Returns
    -------
    For each year rows by rising threshold, from the stop that accepts all who may be accepted on; in the last one
    nobody is accepted, and the threshold is None. An infinite threshold is written as the largest number there is.
    """
    able = may_be_accepted(decided.confidence, decided.eligible)
    stops = ladder(risk_coverage(errors, decided.confidence, decided.eligible), certified)
    most = told_to(decided)
    if most is not None:
        stops = stops[(_reaching(decided.confidence[able], stops) <= most) | (stops == certified)]
    rows: list[Row] = []
    for year, where in years.items():
        part = slice(where.start, where.stop)
        sure = decided.confidence[part][able[part]]
        accepted = _reaching(sure, stops)
        wrong = _reaching(sure[errors[part][able[part]]], stops)
        rows += [
            {
                "year": year,
                "threshold": float(np.clip(stop, -LARGEST, LARGEST)),
                "accepted": int(accepted[place]),
                "wrong": int(wrong[place]),
                "n": len(where),
                "certified": bool(stop == certified),
            }
            for place, stop in enumerate(stops)
        ]
        rows.append({"year": year, "threshold": None, "accepted": 0, "wrong": 0, "n": len(where), "certified": False})
    return rows


def ladder(curve: RiskCoverage, certified: float | None) -> Float64Array:
    """At most 400 points of a curve, and the certified threshold; rising."""
    stops = curve.threshold
    if len(stops) > EVEN + DENSE:
        most = int(curve.accepted[-1])
        asked = np.rint(np.r_[np.linspace(1, most, EVEN), np.geomspace(1, most, DENSE)]).clip(1, most)
        stops = stops[np.unique(np.searchsorted(curve.accepted, asked))]
    return np.unique(stops if certified is None else np.append(stops, certified))


def _reaching(confidence: Float64Array, stops: Float64Array) -> np.ndarray:
    """How many confidences are at least each stop; (n_stops,)."""
    return len(confidence) - np.searchsorted(np.sort(confidence), stops)
