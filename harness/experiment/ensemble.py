"""The ensemble: which trials speak together, with which weights; chosen on validation before anything is certified.

Greedy selection with replacement from the trials' cached validation predictions: it begins with the best ones together
and draws, one after the other, the trial that makes the mean score best; a member's weight is its share of the draws.
A draw costs one vector a candidate, over the pairs of certificate and code that any candidate takes for possible.

References
----------
Caruana, Niculescu-Mizil, Crew, Ksikes. Ensemble Selection from Libraries of Models. ICML 2004.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.corpus.certificate import Corpus, FloatArray, IntArray, LabelSet
from harness.decision.confidence import PLAIN, confidence
from harness.decision.confidence.evidence import Evidence
from harness.decision.objective import OBJECTIVES, Aligned, Scored, align, chosen
from harness.families import committee
from harness.families.family import KEPT_ABOVE, Predictions, entries, stack
from harness.metrics import multilabel, selective

MEMBERS = 5  # at most, and so many fits and predictions more
CERTIFICATES = 10_000  # enough to choose a few weights on; the others of a larger validation year test them
DRAWS = 20
FOLDS = 5
# No threshold lies below; the confidence, by which augrc ranks, also looks at smaller scores.
POSSIBLE = {"micro_f1": 0.01, "macro_f1": 0.01, "exact_match": 0.01, "augrc": KEPT_ABOVE}
BETTER = 1e-9  # what is better by less is a matter of rounding
_PLACES = 32  # bits of a code's place in the key of a pair


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidates' scores of the same certificates.

    Attributes
    ----------
    objective : what they are compared by
    y_true : (n, n_labels) reference over the codes of the reference and of all candidates
    indices, first : the possible pairs, as a CSR matrix has them; (n_pairs,), (n + 1,)
    scores : (n_candidates, n_pairs) float32, 0 where a candidate has none
    """

    objective: str
    labels: LabelSet
    y_true: csr_array
    indices: IntArray
    first: IntArray
    scores: npt.NDArray[np.float32]

    def rows(self, rows: IntArray) -> Pool:
        """The same candidates on some certificates."""
        lengths = np.diff(self.first)
        kept = np.isin(np.repeat(np.arange(len(lengths)), lengths), rows)
        first = np.r_[0, np.cumsum(lengths[rows])]
        y_true = csr_array(self.y_true[rows])
        return Pool(self.objective, self.labels, y_true, self.indices[kept], first, self.scores[:, kept])

    def mean(self, weights: FloatArray) -> Aligned:
        """The candidates' weighted mean beside the reference, where it is possible.

        Parameters
        ----------
        weights : (n_candidates,) which need not add up to 1
        """
        some = np.flatnonzero(weights)
        data = (weights[some] / weights.sum()) @ self.scores[some].astype(np.float64)
        matrix = csr_array((data, self.indices, self.first), shape=self.y_true.shape)
        return Aligned(self.labels, self.y_true, entries(matrix, data >= POSSIBLE[self.objective]))

    def scored(self, weights: FloatArray) -> Scored:
        """The objective of the weighted mean."""
        return OBJECTIVES[self.objective](self.mean(weights))


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A mean of several candidates.

    Attributes
    ----------
    weights : (n_candidates,) which add up to 1
    crossfitted : scores of the validation certificates, each by weights that were chosen without its fold
    score : of these, each certificate decided by the threshold that was chosen without its fold
    score_in_sample : of the certificates on which ``weights`` were chosen; it flatters
    """

    weights: FloatArray
    crossfitted: Predictions
    score: float
    score_in_sample: float


@dataclass(frozen=True, slots=True)
class Fold:
    """What was chosen without some certificates.

    Attributes
    ----------
    rows : those certificates
    weights : (n_candidates,) which add up to 1
    estimator : of the confidence, by the least area under generalised risk and coverage
    """

    rows: IntArray
    weights: FloatArray
    threshold: float
    estimator: str


def ensemble(
    reference: Corpus, names: Sequence[str], load: Callable[[str], Predictions], objective: str, seed: int
) -> Ensemble | None:
    """The best mean of candidates, with its honest score; None where one candidate alone is as good.

    Parameters
    ----------
    reference : validation, in which some certificate has a code
    names : the candidates, the best first
    load : a candidate's predictions of ``reference``
    """
    order = np.random.default_rng(seed).permutation(len(reference))
    asked, rest = np.sort(order[:CERTIFICATES]), np.sort(order[CERTIFICATES:])
    pool = pooled(reference, asked, names, load, objective)
    weights = select(pool)
    if np.count_nonzero(weights) < 2:
        return None
    folds = [replace(fold, rows=asked[fold.rows]) for fold in crossfit(pool, seed)]
    folds += [_chosen_on(pool, weights, rest)] if len(rest) else []
    by_certificate = np.zeros((len(names), len(reference)))
    for fold in folds:
        by_certificate[:, fold.rows] = fold.weights[:, None]
    part = np.flatnonzero(by_certificate.any(axis=1)).tolist()
    labels = committee.union(load(names[one]).labels for one in part)
    predictions = (load(names[one]) for one in part)
    crossfitted = committee.mean(labels, reference.texts, by_certificate[part], predictions)
    score, in_sample = honest_score(reference, crossfitted, folds, objective), pool.scored(weights).score
    if score is None or in_sample is None:
        raise ValueError("the reference must have a code")
    return Ensemble(weights, crossfitted, score, in_sample)


def pooled(
    reference: Corpus, rows: IntArray, names: Sequence[str], load: Callable[[str], Predictions], objective: str
) -> Pool:
    """The pool of some candidates on some certificates; each is loaded twice, and never two at once."""
    columns = dict(reference.labels.index)
    keys = np.zeros(0, dtype=np.int64)
    for name in names:
        found = load(name)
        for code in found.labels.codes:
            columns.setdefault(code, len(columns))
        scores = csr_array(found.scores[rows])
        keys = np.union1d(keys, _keys(scores, found.labels, columns)[scores.data >= POSSIBLE[objective]])
    pool = np.zeros((len(names), len(keys)), dtype=np.float32)
    for row, name in enumerate(names):
        found = load(name)
        scores = csr_array(found.scores[rows])
        own = _keys(scores, found.labels, columns)
        there = np.isin(own, keys)
        pool[row, np.searchsorted(keys, own[there])] = scores.data[there]
    labels = LabelSet(tuple(columns))
    first = np.searchsorted(keys >> _PLACES, np.arange(len(rows) + 1))
    y_true = Predictions(reference.labels, csr_array(reference.codes[rows])).over(labels)
    return Pool(objective, labels, y_true, keys & ((1 << _PLACES) - 1), first, pool)


def _keys(scores: csr_array, labels: LabelSet, columns: Mapping[str, int]) -> npt.NDArray[np.int64]:
    """One number for each stored pair of certificate and code, rising with both; (nnz,)."""
    column = np.array([columns[code] for code in labels.codes], dtype=np.int64)
    row = np.repeat(np.arange(scores.shape[0], dtype=np.int64), np.diff(scores.indptr))
    keys: npt.NDArray[np.int64] = (row << _PLACES) | column[scores.indices]
    return keys


def select(pool: Pool) -> FloatArray:
    """The weights of the candidates, which add up to 1 and are 0 for all but a few; (n_candidates,).

    Of equal candidates the first is drawn, and of equally good draws the fewest are kept: where no mean is better than
    the best candidate, that one has all the weight.
    """

    def score(draws: FloatArray) -> float:
        found = pool.scored(draws).score
        return -np.inf if found is None else round(found / BETTER)

    draws, best = _begun(len(pool.scores), score)
    kept = draws
    while draws.sum() < DRAWS:
        open_to = np.flatnonzero(draws) if np.count_nonzero(draws) == MEMBERS else np.arange(len(draws))
        scores = {one: score(_with(draws, one)) for one in open_to.tolist()}
        drawn = max(scores, key=lambda one: (scores[one], -one))
        draws = _with(draws, drawn)
        if scores[drawn] > best:
            kept, best = draws, scores[drawn]
    weights: FloatArray = kept / kept.sum()
    return weights


def _begun(n: int, score: Callable[[FloatArray], float]) -> tuple[FloatArray, float]:
    """The best ones together, as many as are best; and how good that is."""
    alone = [score(_with(np.zeros(n), one)) for one in range(n)]
    order = sorted(range(n), key=lambda one: (-alone[one], one))
    draws = _with(np.zeros(n), order[0])
    kept, best = draws, alone[order[0]]
    for one in order[1:MEMBERS]:
        draws = _with(draws, one)
        found = score(draws)
        if found > best:
            kept, best = draws, found
    return kept, best


def _with(draws: FloatArray, one: int) -> FloatArray:
    more = draws.copy()
    more[one] += 1.0
    return more


def crossfit(pool: Pool, seed: int) -> list[Fold]:
    """Select once without each fold of the certificates, threshold and estimator too."""
    n = pool.y_true.shape[0]
    found = []
    for fold in np.array_split(np.random.default_rng(seed).permutation(n), min(FOLDS, n)):
        others = pool.rows(np.setdiff1d(np.arange(n), fold))
        found.append(_chosen_on(others, select(others), np.sort(fold)))
    return found


def _chosen_on(pool: Pool, weights: FloatArray, rows: IntArray) -> Fold:
    """What a pool says of certificates that are not in it."""
    mean = pool.mean(weights)
    threshold = OBJECTIVES[pool.objective](mean).threshold
    estimator = min(PLAIN, key=lambda name: _area(mean, threshold, name))
    return Fold(rows, weights, threshold, estimator)


def honest_score(reference: Corpus, crossfitted: Predictions, folds: Sequence[Fold], objective: str) -> float | None:
    """The objective over all certificates, each decided by what was chosen without its fold.

    Confidences of different folds are not of one scale: their areas are averaged, each fold by its size.
    """
    aligned = align(reference, crossfitted)
    parts = [
        Aligned(aligned.labels, csr_array(aligned.y_true[fold.rows]), csr_array(aligned.y_score[fold.rows]))
        for fold in folds
    ]
    if objective == "augrc":
        areas = [_area(part, fold.threshold, fold.estimator) for part, fold in zip(parts, folds, strict=True)]
        return -float(np.average(areas, weights=[len(fold.rows) for fold in folds]))
    y_pred = stack([chosen(part.y_score, fold.threshold) for part, fold in zip(parts, folds, strict=True)])
    return _MEASURES[objective](multilabel.tally(stack([part.y_true for part in parts]), y_pred))


_MEASURES: Mapping[str, Callable[[multilabel.Tally], float | None]] = {
    "micro_f1": lambda tally: multilabel.micro_f1(tally.certificates),
    "macro_f1": lambda tally: multilabel.mean_f1(tally.codes),
    "exact_match": lambda tally: multilabel.exact_match(tally.certificates),
}


def _area(aligned: Aligned, threshold: float, estimator: str) -> float:
    """Under generalised risk and coverage; there is some certificate."""
    errors = ~multilabel.exact(multilabel.counts(aligned.y_true, chosen(aligned.y_score, threshold)))
    area = selective.augrc(errors, confidence(estimator, Evidence(aligned.y_score, threshold)))
    return np.inf if area is None else area
