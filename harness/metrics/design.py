"""The design effect: how much less certificates tell that err together, such as those of one certifier or office.

References
----------
Kish. Survey Sampling. Wiley 1965 (deff = 1 + (m - 1) ICC; with unequal clusters, m is the size of the cluster that a
certificate stands in, on average over certificates).
Ridout, Demétrio, Firth. Estimating Intraclass Correlation for Binary Data. Biometrics 1999 (the ANOVA estimator).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.corpus.certificate import BoolArray, FloatArray


def intraclass_correlation(errors: BoolArray | FloatArray, clusters: npt.NDArray[Any]) -> float | None:
    """How alike the errors within one cluster are: 0 as if there were no clusters, 1 if each is all wrong or all right.

    Parameters
    ----------
    errors : (n,)
        True or 1.0 where the certificate is wrong.
    clusters : (n,)
        What names the cluster of each: numbers or strings.

    Returns
    -------
    The ANOVA estimate, at most 1, and below 0 where clusters differ less than chance would make them; None where it
    cannot be told: all are wrong or none, there is one cluster alone, or no cluster has two.
    """
    wrong = np.asarray(errors, dtype=np.float64)
    _, place = np.unique(clusters, return_inverse=True)
    sizes = np.bincount(place.ravel()).astype(np.float64)
    n, n_clusters = len(wrong), len(sizes)
    if n_clusters < 2 or n == n_clusters or not 0 < wrong.sum() < n:
        return None
    sums = np.bincount(place.ravel(), weights=wrong)
    between = (float(sums @ (sums / sizes)) - wrong.sum() ** 2 / n) / (n_clusters - 1)
    within = (float(wrong @ wrong) - float(sums @ (sums / sizes))) / (n - n_clusters)
    typical = (n - float(sizes @ sizes) / n) / (n_clusters - 1)
    return float((between - within) / (between + (typical - 1) * within))


def cluster_size(clusters: npt.NDArray[Any]) -> float | None:
    """The size of the cluster that a certificate stands in, on average over certificates; None without certificates."""
    _, sizes = np.unique(clusters, return_counts=True)
    return float((sizes.astype(np.float64) ** 2).sum() / sizes.sum()) if len(sizes) else None


def design_effect(
    errors: BoolArray | FloatArray,
    clusters: npt.NDArray[Any],
    automatic: BoolArray | None = None,
    later: npt.NDArray[Any] | None = None,
) -> float | None:
    """How many times as many certificates it takes to tell as much as independent ones would.

    Parameters
    ----------
    errors, clusters : (n,)
        As for :func:`intraclass_correlation`; all certificates of validation.
    automatic : (n,)
        Which of them validation would automate; None for all. Wrong ones are rare among these and their correlation is
        seen dimly, so that the larger of theirs and that of all certificates counts: the cautious choice.
    later : (n_later,)
        The clusters of the certificates that the effect is meant for, as calibration has them (no code is read for
        that); None where they are as large as among the automatic ones here.

    Returns
    -------
    1 + (m - 1) ICC, at least 1; None where the correlation cannot be told.
    """
    chosen = np.ones(len(errors), np.bool_) if automatic is None else np.asarray(automatic, dtype=np.bool_)
    wrong, named = np.asarray(errors, dtype=np.bool_), np.asarray(clusters)
    parts = [np.ones_like(chosen), chosen]
    told = [icc for part in parts if (icc := intraclass_correlation(wrong[part], named[part])) is not None]
    size = cluster_size(named[chosen] if later is None else later)
    if not told or size is None:
        return None
    return max(1.0, 1.0 + (size - 1.0) * max(told))
