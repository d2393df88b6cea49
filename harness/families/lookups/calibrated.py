"""Calibration: what lookup, entries, neighbours, a classifier and the code list say, as one probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit, logit

from harness.corpus.certificate import BoolArray
from harness.families.family import probabilities
from harness.families.lookups.counts import Answers, FloatArray, IntArray
from harness.families.lookups.lookup import LEVELS

STEPS, SHORTEST = 50, 1e-6  # of Newton's method
RIDGE = 1.0  # of each coefficient's distance from its belief
NARROW = 1e-4  # shares are kept so far from 0 and 1
SOURCES = ("lookup", "lines", "words", "neighbours", "classifier", "list")
NAMES = (
    "one",
    "usual",
    *(f"at_{level}" for level in LEVELS[1:]),
    *(f"{source}_{part}" for source in SOURCES for part in ("says", "odds", "often")),
    *(f"{source}_{part}" for source in ("lines", "words") for part in ("covered", "covered_odds")),
    *(f"neighbours_{part}" for part in ("cosine", "cosine_odds", "nearest", "part", "far")),
    "agreeing",
    "rival",
)
COLUMN = {name: column for column, name in enumerate(NAMES)}
KNOWN = {"lookup_odds": 1.0}
UNKNOWN = {"lines_odds": 0.4, "words_odds": 0.4, "neighbours_odds": 0.4}


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is said of some texts' codes.

    Attributes
    ----------
    pair : (n_pairs,) row · n_labels + label, ascending
    features : (n_pairs, n_features)
    known : (n_pairs,) whether lookup knows the text
    """

    pair: IntArray
    features: FloatArray
    known: BoolArray


def evidence(usual: FloatArray, lookup: Answers, sources: Mapping[str, Answers]) -> Evidence:
    """Numbers for each code that any source names for a text; ``usual`` (n_labels,) is each code's share in training."""
    said = {"lookup": lookup, **sources}
    pair = np.unique(np.concatenate([answers.pair for answers in said.values()]))
    row, label = np.divmod(pair, len(usual))
    features = np.zeros((len(pair), len(NAMES)))
    level = lookup.of_row["level"].astype(np.int64)[row]
    known = level < len(LEVELS)
    features[:, COLUMN["one"]] = 1.0
    features[:, COLUMN["usual"]] = _odds(usual[label])
    for number, at_level in enumerate(LEVELS[1:], start=1):
        features[:, COLUMN[f"at_{at_level}"]] = level == number
    shares = np.zeros(len(pair))
    for name, answers in said.items():
        at = np.searchsorted(pair, answers.pair)
        for part, values in _numbers(name, answers, row[at]).items():
            features[at, COLUMN[f"{name}_{part}"]] = values
        features[at, COLUMN["agreeing"]] += answers.share >= 0.5
        shares[at] = np.maximum(shares[at], answers.share)
    if "neighbours" in said:
        far = 1.0 - said["neighbours"].of_row["best"][row]
        features[:, COLUMN["neighbours_far"]] = np.where(known, 0.0, far)
    features[:, COLUMN["rival"]] = _rival(row, shares)
    # A known text is its own longest match: that says nothing anew, and much less where it is left out.
    of_lines = np.array([column for name, column in COLUMN.items() if name.startswith("lines_")])
    features[np.ix_(np.flatnonzero(known), of_lines)] = 0.0
    return Evidence(pair, features, known)


def _numbers(name: str, answers: Answers, row: IntArray) -> dict[str, FloatArray]:
    """What one source says, by pair."""
    odds = _odds(answers.share)
    found = {"says": np.ones(len(odds)), "odds": odds}
    seen = answers.of_row["seen"][row] if "seen" in answers.of_row else answers.of_pair.get("seen")
    if seen is not None:
        found["often"] = np.log1p(seen)
    if name in ("lines", "words"):
        covered = answers.of_row["covered"][row]
        found |= {"covered": covered, "covered_odds": covered * odds}
    if name == "neighbours":
        cosine, nearest, part = (answers.of_pair[key] for key in ("cosine", "nearest", "part"))
        found |= {"cosine": cosine, "cosine_odds": cosine * odds, "nearest": nearest, "part": part}
    return found


@dataclass(frozen=True, slots=True)
class Calibration:
    """Two logistic regressions: of texts that lookup knows, and of others; each (n_features,)."""

    known: FloatArray
    unknown: FloatArray

    @classmethod
    def believed(cls) -> Calibration:
        """Before anything is learnt a share is believed as it is."""
        return cls(_belief(KNOWN), _belief(UNKNOWN))

    def learnt(self, found: Evidence, y: FloatArray, weights: FloatArray) -> Calibration:
        """Drawn away from this one by evidence on examples that its sources have not seen; y, weights (n_pairs,)."""
        fitted = []
        for rows, belief in ((found.known, self.known), (~found.known, self.unknown)):
            fitted.append(_regression(found.features[rows], y[rows], weights[rows], belief))
        return Calibration(*fitted)

    def scores(self, found: Evidence) -> FloatArray:
        """Probabilities, (n_pairs,)."""
        logits = np.where(found.known, found.features @ self.known, found.features @ self.unknown)
        return probabilities(logits)


def _belief(values: Mapping[str, float]) -> FloatArray:
    belief = np.zeros(len(NAMES))
    for name, value in values.items():
        belief[COLUMN[name]] = value
    return belief


def _regression(x: FloatArray, y: FloatArray, weights: FloatArray, belief: FloatArray) -> FloatArray:
    """Logistic regression whose coefficients are drawn towards a belief (Newton)."""
    found = belief.copy()
    if not len(x):
        return found

    def loss(at: FloatArray) -> float:
        odds = x @ at
        return float(weights @ (np.logaddexp(0.0, odds) - y * odds)) + RIDGE / 2.0 * float(((at - belief) ** 2).sum())

    now = loss(found)
    for _ in range(STEPS):
        p = expit(x @ found)
        gradient = x.T @ (weights * (p - y)) + RIDGE * (found - belief)
        curvature = (x * (weights * p * (1.0 - p))[:, None]).T @ x + RIDGE * np.eye(x.shape[1])
        step = np.linalg.solve(curvature, gradient)
        length = 1.0
        while (then := loss(found - length * step)) > now and length > SHORTEST:
            length /= 2.0
        if then > now:
            break
        found, before, now = found - length * step, now, then
        if before - now <= 1e-9 * abs(before):
            break
    return found


def given(pair: IntArray, y: csr_array) -> FloatArray:
    """1 where a pair's code was given; (n_pairs,)."""
    flat = np.repeat(np.arange(y.shape[0], dtype=np.int64), np.diff(y.indptr)) * y.shape[1] + y.indices
    return np.isin(pair, flat).astype(np.float64)


def _odds(share: FloatArray) -> FloatArray:
    odds: Any = logit(np.clip(share, NARROW, 1.0 - NARROW))
    return np.asarray(odds, dtype=np.float64)


def _rival(row: IntArray, share: FloatArray) -> FloatArray:
    """The largest share among a text's other codes, (n_pairs,); rows ascend."""
    if not len(row):
        return np.zeros(0)
    order = np.lexsort((-share, row))
    first = np.searchsorted(row, row)
    ranked = share[order]
    second = np.where(np.r_[row[1:] == row[:-1], False][first], ranked[np.minimum(first + 1, len(ranked) - 1)], 0.0)
    is_best = np.zeros(len(row), dtype=bool)
    is_best[order[np.unique(first)]] = True
    return np.where(is_best, second, ranked[first])
