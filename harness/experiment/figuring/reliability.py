"""Whether certificates are right as often as their confidence says, in the groups of the calibration error."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.corpus.certificate import BoolArray, FloatArray
from harness.corpus.store import Slice
from harness.decision.confidence import product
from harness.decision.confidence.evidence import Evidence
from harness.experiment.scoring import Said, probability
from harness.files import Row
from harness.metrics.calibration import BINS
from harness.metrics.selective import exact_interval

PRODUCT = "product"


def read_probability(said: Said, threshold: float) -> tuple[str, FloatArray]:
    """The probability that all codes of each certificate are right, (n,), and the estimator that it is of.

    Where the estimator that validation chose is no probability, it is the product over the codes: it decides nothing,
    but it says what the model's own scores are worth.

    Parameters
    ----------
    threshold : from which score on a code is chosen
    """
    sure = probability(said)
    if sure is not None:
        return said.certificate.estimator, sure
    evidence = Evidence(said.predictions.scores, threshold, said.certificate.recalibration)
    return PRODUCT, product.read(evidence)


def reliability_rows(errors: BoolArray, sure: FloatArray, slices: Mapping[str, Slice]) -> list[Row]:
    """Mean confidence and share right of each group of each slice, with the exact 95 % interval of the share.

    The groups are those of :func:`harness.metrics.calibration.expected_calibration_error`, which is the mean of
    |confidence - right| over these rows, each weighted by its ``n``. ``low`` and ``high`` are the least and the largest
    confidence in the group. A group that ties left empty has no row.

    Parameters
    ----------
    errors : (n,)
    sure : (n,) the probability that all codes of the certificate are right
    """
    return [
        {"year": year, **row}
        for year, where in slices.items()
        for row in _groups(~errors[where.start : where.stop], sure[where.start : where.stop])
    ]


def _groups(right: BoolArray, probability: FloatArray) -> list[Row]:
    n = len(right)
    known = np.nan_to_num(np.asarray(probability, dtype=np.float64), nan=0.0)
    order = np.argsort(known, kind="stable")
    values, came = known[order], right[order]
    bins, first, sizes = np.unique(
        np.searchsorted(values, values) * BINS // max(n, 1), return_index=True, return_counts=True
    )
    rows = []
    for number, start, size in zip(bins.tolist(), first.tolist(), sizes.tolist(), strict=True):
        mine = slice(start, start + size)
        n_right = int(np.count_nonzero(came[mine]))
        low, high = exact_interval(n_right, size) or (None, None)
        rows.append(
            {
                "bin": number,
                "low": float(values[start]),
                "high": float(values[start + size - 1]),
                "confidence": float(values[mine].mean()),
                "right": n_right / size,
                "right_low": low,
                "right_high": high,
                "n": size,
            }
        )
    return rows
