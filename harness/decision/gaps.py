"""How far two samples of certificates lie apart, and how often chance brings a later one as far from an earlier one.

How far counts have shifted: G, the likelihood ratio of two samples that differ against two that do not, which is the
generalised Jensen-Shannon divergence times 2 · (n1 + n2). Its mean under no shift is taken off, and what is left is
divided by the harmonic size n1 · n2 / (n1 + n2): samples of any size can then be compared.

References
----------
Lin. Divergence Measures Based on the Shannon Entropy. IEEE Transactions on Information Theory 1991.
Rao, Scott. The Analysis of Categorical Data from Complex Sample Surveys. JASA 1981 (codes of one certificate hang
together: their G varies more than its degrees of freedom say).
Hahn, Meeker. Statistical Intervals. 1991 (one future value after m past ones: the factor sqrt(1 + 1/m)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit, xlogy
from scipy.stats import binom, chi2, ncx2, norm, t

from harness.decision.summaries import Float64Array, Int64Array, YearSummary

FREQUENT = 5.0  # certificates of the smaller sample that carry a code, for it to have a cell of its own


@dataclass(frozen=True, slots=True)
class Gap:
    """Two samples in one statistic.

    Attributes
    ----------
    value : share or distance of the later one
    log : log of the share's ratio to the earlier one, or of the distance; never infinite
    seen, size : what was counted, and of how many: certificates; or G and the harmonic size
    base : the earlier share; None for a distance
    freedom, design : of G; 0 for a share
    noise : variance of a share's ``log`` by sampling; 0 for a distance
    """

    value: float
    log: float
    seen: float
    size: float
    base: float | None
    freedom: float
    design: float
    noise: float


def gap_of(name: str, before: YearSummary, after: YearSummary, design: float) -> Gap | None:
    """None where either does not know the statistic, or has no certificate."""
    if not before.n or not after.n:
        return None
    if name in ("words", "texts"):
        one, other = (getattr(summary, f"unseen_{name}") for summary in (before, after))
        return _share_gap(one, before.n, other, after.n)
    one, other = getattr(before, name), getattr(after, name)
    if one is None or other is None:
        return None
    if name == "codes":
        return _distance_gap(*_code_g(one, before.n, other, after.n), before.n, after.n, design)
    return _distance_gap(*_bin_g(one, before.n, other, after.n), before.n, after.n, 1.0)


def _share_gap(k1: int, n1: int, k2: int, n2: int) -> Gap:
    base, value = (k1 + 0.5) / (n1 + 1.0), (k2 + 0.5) / (n2 + 1.0)
    noise = _share_noise(base, n1) + _share_noise(value, n2)
    return Gap(k2 / n2, math.log(value / base), k2, n2, base, 0.0, 0.0, noise)


def _share_noise(share: float, n: int | float) -> float:
    """The variance of the log of a share that is counted over n certificates."""
    return (1.0 - share) / (n * share)


def _distance_gap(g: float, freedom: int, n1: int, n2: int, design: float) -> Gap:
    size = n1 * n2 / (n1 + n2)
    free = max(1, freedom)
    excess = max(g - free, math.sqrt(2.0 * free * design))  # less cannot be told from none
    return Gap(max(0.0, g - free) / size, math.log(excess / size), g, size, None, free, design, 0.0)


def _bin_g(one: Int64Array, n1: int, other: Int64Array, n2: int) -> tuple[float, int]:
    """G of two samples that are parted into bins, and its degrees of freedom."""
    both = one + other
    g = 2.0 * float(np.sum(_part(one, n1, both, n1 + n2) + _part(other, n2, both, n1 + n2)))
    return max(0.0, g), int(np.count_nonzero(both)) - 1


def _code_g(one: Int64Array, n1: int, other: Int64Array, n2: int) -> tuple[float, int]:
    """The sum of G over codes, each of which a certificate has or has not; the rare ones' occurrences share a cell."""
    both, n = one + other, n1 + n2
    frequent = (both * min(n1, n2) >= FREQUENT * n) & (both < n)
    g = 0.0
    for a, b in ((one[frequent], other[frequent]), (n1 - one[frequent], n2 - other[frequent])):
        g += 2.0 * float(np.sum(_part(a, n1, a + b, n) + _part(b, n2, a + b, n)))
    rare1, rare2 = (np.array([counts[~frequent & (both < n)].sum()]) for counts in (one, other))
    g += 2.0 * float(np.sum(_part(rare1, n1, rare1 + rare2, n) + _part(rare2, n2, rare1 + rare2, n)))
    return max(0.0, g), int(np.count_nonzero(frequent)) + int((rare1 + rare2)[0] > 0)


def _part(counts: Int64Array, n: int, both: Int64Array, n_both: int) -> Float64Array:
    """Counts times the log of how many times as frequent they are as in both samples together."""
    return np.asarray(xlogy(counts, np.where(counts > 0, counts * n_both / (n * np.maximum(both, 1)), 1.0)))


def p_value(now: Gap, usual: float, past: Sequence[Gap]) -> float:
    """How often a year like the past ones, counted over as many certificates, shows at least what was seen.

    The true gap is foreseen by the past ones, with their spread; and what is counted, given the true gap, by the
    binomial, or by the noncentral chi-squared distribution of G. From a share's spread the new one's sampling noise is
    taken off, as far as the past ones have it too: the binomial brings it in. A distance's stays whole: its log is far
    from normal where it is little more than noise.
    """
    m = len(past)
    spread = float(np.var([gap.log for gap in past], ddof=1))
    scale = math.sqrt(spread * (1.0 + 1.0 / m))
    if now.base is not None:
        counted = _share_noise((now.seen + 0.5) / (now.size + 1.0), now.size)
        expected = _share_noise(min(1.0 - 0.5 / now.size, now.base * math.exp(usual)), now.size)
        more = max(0.0, now.noise - counted + expected - float(np.mean([gap.noise for gap in past])))
        scale = math.sqrt(max(scale**2 + more - expected, spread / m))
    places, weight = _t(m - 1)
    with np.errstate(over="ignore"):
        true = np.exp(np.minimum(usual + scale * places, 300.0))
    if now.base is not None:
        chance = binom.sf(now.seen - 1, int(now.size), np.minimum(1.0, now.base * true))
    else:
        chance = _g_tail(now.seen / now.design, now.freedom / now.design, true * now.size / now.design)
    return float(np.clip(weight @ chance, 1e-12, 1.0))


@cache
def _t(freedom: int) -> tuple[Float64Array, Float64Array]:
    """Places of a t distribution, dense in both tails, and the probability of each."""
    logit = np.linspace(-30.0, 30.0, 601)
    weight = expit(logit) * expit(-logit)
    places = np.where(logit < 0, t.ppf(expit(logit), freedom), t.isf(expit(-logit), freedom))
    return places, weight / weight.sum()


def _g_tail(g: float, freedom: float, shift: Float64Array) -> Float64Array:
    """P(a noncentral chi-squared variable ≥ g), where the shift is large by the normal distribution."""
    result = np.ones(len(shift))
    near = shift < 1e4
    result[near] = np.where(shift[near] > 1e-9, ncx2.sf(g, freedom, np.maximum(shift[near], 1e-9)), chi2.sf(g, freedom))
    far = shift[~near]
    result[~near] = norm.sf((g - freedom - far) / np.sqrt(2.0 * freedom + 4.0 * far))
    return result


def design_of(codes: csr_array) -> float:
    """How many times more G over these codes varies than over independent ones: the mean sum of squared correlations.

    Rare codes, which share a cell, are passed over; 1 where there are none else.
    """
    counts = np.bincount(codes.indices, weights=codes.data != 0, minlength=codes.shape[1])
    n = codes.shape[0]
    kept = np.flatnonzero((counts >= FREQUENT) & (counts < n))
    if not len(kept):
        return 1.0
    mine = csr_array(codes[:, kept]).astype(np.bool_).astype(np.float64)
    share = counts[kept] / n
    spread = np.sqrt(share * (1.0 - share))
    both = csr_array(mine.T @ mine).tocoo()
    expected = share[both.row] * share[both.col]
    seen = (both.data / n - expected) ** 2 - expected**2  # pairs that never meet: their part is in the next line
    squares = float(np.sum(seen / (spread[both.row] * spread[both.col]) ** 2))
    squares += float(np.sum(share**2 / spread**2)) ** 2
    return max(1.0, squares / len(kept))
