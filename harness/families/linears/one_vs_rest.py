"""One-vs-rest support vector machines over sparse features, and one sigmoid for all of their margins.

Each code has a problem of its own: its texts against the others. Of many texts only those count that lie near the
border, so each problem is first solved on few negatives, then once more with those that the first solution does not
put safely away. A text that the final solution puts safely away could be left out without any change, so little is lost.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csc_array, csr_array, csr_matrix, vstack
from scipy.special import expit

from harness.corpus.certificate import BoolArray, IntArray
from harness.families.family import blocks

Floats = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]

SMALL = 5_000  # up to so many rows every problem has all of them: choosing some would take longer
ROWS, LABELS = 2_048, 256  # of one dense block of margins
MARGINS = 2**27  # of all texts for some codes at once: half a GB; with more rows a block has fewer codes
# Negatives of the first and second solution: at least so many, and so many for each positive.
NEAR, RANDOM, SAFE = (600, 2), (600, 1), (2_000, 4)
SAFELY = -1.0  # a negative below this margin has no loss, and no say in its problem's solution

FOLDS = 5  # the sigmoid is fitted on one fold of the texts, on each in turn where there are at most FEW rows
FEW = 2_000
SIGMOID_CODES = 128  # at most so many codes stand for all in that fit
WIDEST, STEPS = 4.0, 1_600  # margins are counted in bins from -WIDEST to WIDEST
# Margins of support vector machines are no log-odds: one straight line is too sure of small and of large margins.
BENDS = (-0.8, 0.0, 0.8)
STIFF = 0.3  # nats for a bend by 1
LEAST = 2.0  # the flattest stretch
ENDLESS = 1e4


@dataclass(frozen=True, slots=True)
class Planes:
    """One hyperplane a code.

    Attributes
    ----------
    coefficients : (n_labels, n_features) float32; what is not stored is exactly zero
    intercepts : (n_labels,) infinite where a code stands on every text, or on none
    """

    coefficients: csr_array
    intercepts: Floats

    def __len__(self) -> int:
        return len(self.intercepts)

    def dense(self, labels: slice) -> Single:
        """The coefficients of some codes as columns; (n_features, n_some)."""
        some: Single = self.coefficients[labels].toarray().T
        return np.ascontiguousarray(some)

    def margins(self, x: csr_array, labels: slice = slice(None), dense: Single | None = None) -> Single:
        """How far each text lies on the codes' side; (n, n_some). A row's margins do not depend on the other rows."""
        found = x @ (self.dense(labels) if dense is None else dense)
        return np.asarray(found + self.intercepts[labels], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Problem:
    """What the problems of all codes share.

    Attributes
    ----------
    x : (n, n_features) float32
    y : (n, n_labels) indicator matrix
    weights : (n,)
    positive_weights : (n_labels,) by how much more a code's own texts count
    unknown_of : at which rows a code is neither positive nor negative, (n,); None where it is known at all
    cost : what an error costs beside wide margins, the C of support vector machines
    """

    x: csr_array
    y: csr_array
    weights: Floats
    positive_weights: Floats
    unknown_of: Callable[[int], BoolArray | None]
    cost: float = 1.0
    seed: int = 0

    def part(self, rows: IntArray, columns: IntArray) -> Problem:
        """Some texts and some codes."""

        def unknown_of(column: int) -> BoolArray | None:
            unknown = self.unknown_of(int(columns[column]))
            return None if unknown is None else unknown[rows]

        return Problem(
            self.x[rows],
            self.y[rows][:, columns],
            self.weights[rows],
            self.positive_weights[columns],
            unknown_of,
            self.cost,
            self.seed,
        )


def fit(problem: Problem, small: int = SMALL) -> Planes:
    """Solve each code's problem, exactly where there are at most ``small`` rows.

    References
    ----------
    Fan, Chang, Hsieh, Wang, Lin. LIBLINEAR: A Library for Large Linear Classification. JMLR 2008.
    """
    n, n_labels = problem.y.shape
    solver = _Solver(problem, csr_matrix(problem.x.astype(np.float64)) if n <= small else None)
    found: list[csr_array] = []
    intercepts = np.zeros(n_labels)
    for labels in blocks(n_labels, _at_once(n)):
        columns = range(labels.start, labels.stop)
        if n <= small:
            solved = [solver.on_all(column) for column in columns]
        else:
            near = _margins(problem.x, _centroids(problem, labels), np.zeros(len(columns)))
            rows = [solver.first_rows(column, near[place]) for place, column in enumerate(columns)]
            del near
            solved = [solver.on(column, some) for column, some in zip(columns, rows, strict=True)]
            first = _planes(solved, problem.x.shape[1])
            seen = _margins(problem.x, first.dense(slice(None)), first.intercepts)
            rows = [solver.more_rows(column, seen[place], rows[place]) for place, column in enumerate(columns)]
            del seen
            solved = [solver.on(column, some) for column, some in zip(columns, rows, strict=True)]
        planes = _planes(solved, problem.x.shape[1])
        found.append(planes.coefficients)
        intercepts[labels] = planes.intercepts
    return Planes(csr_array(vstack(found, format="csr")), intercepts)


@dataclass(frozen=True, slots=True)
class _Plane:
    columns: npt.NDArray[np.int32]
    values: Single
    intercept: float


def _planes(solved: list[_Plane], n_features: int) -> Planes:
    first = np.r_[0, np.cumsum([len(plane.columns) for plane in solved])]
    coefficients = csr_array(
        (
            np.concatenate([plane.values for plane in solved]),
            np.concatenate([plane.columns for plane in solved]),
            first,
        ),
        shape=(len(solved), n_features),
    )
    return Planes(coefficients, np.array([plane.intercept for plane in solved]))


def _centroids(problem: Problem, labels: slice) -> Single:
    """The mean text of each code, as columns; (n_features, n_some). Its length does not matter."""
    sums: csr_array = problem.y[:, labels].T.astype(np.float32) @ problem.x
    return np.ascontiguousarray(sums.toarray().T)


def _at_once(n: int) -> int:
    """How many codes' margins of so many texts are held together."""
    return max(1, min(LABELS, MARGINS // max(n, 1)))


def _margins(x: csr_array, dense: Single, intercepts: Floats) -> Single:
    """Margins of all texts, a row a code; (n_some, n)."""
    found = np.empty((dense.shape[1], x.shape[0]), dtype=np.float32)
    added = intercepts.astype(np.float32)
    for rows in blocks(x.shape[0], ROWS):
        found[:, rows] = (x[rows] @ dense + added).T
    return found


class _Solver:
    """Fits one code at a time; ``everything`` is x in double precision where every problem has all rows."""

    def __init__(self, problem: Problem, everything: csr_matrix | None) -> None:
        self.problem = problem
        self.everything = everything
        self.y: csc_array = problem.y.tocsc()
        self.stands = np.zeros(problem.x.shape[1], dtype=np.bool_)
        self.place = np.zeros(problem.x.shape[1], dtype=np.int32)

    def positives(self, column: int) -> IntArray:
        rows: IntArray = self.y.indices[self.y.indptr[column] : self.y.indptr[column + 1]]
        return rows

    def negatives(self, column: int) -> BoolArray:
        """The rows against a code, (n,): those without it, unless it is unknown there.

        A code that stands wherever it is known has no such row. That it stands on every text would be too much to
        conclude, so its unknown rows are against it then.
        """
        negative = np.ones(self.problem.x.shape[0], dtype=np.bool_)
        negative[self.positives(column)] = False
        unknown = self.problem.unknown_of(column)
        if unknown is None:
            return negative
        known = negative & ~unknown
        return known if known.any() else negative

    def first_rows(self, column: int, near: Single) -> IntArray:
        """Negatives near the code's centroid, and some of all."""
        positives, negatives = self.positives(column), np.flatnonzero(self.negatives(column))
        if not len(negatives):
            return negatives
        rng = np.random.default_rng([self.problem.seed, column])
        drawn = negatives[rng.integers(len(negatives), size=_many(RANDOM, positives))]
        return np.union1d(_largest(near, negatives, _many(NEAR, positives)), drawn)

    def more_rows(self, column: int, margins: Single, before: IntArray) -> IntArray:
        """The negatives that the first solution does not put safely away, besides those that it learnt from."""
        unsafe = np.flatnonzero(self.negatives(column) & (margins > SAFELY))
        return np.union1d(_largest(margins, unsafe, _many(SAFE, self.positives(column))), before)

    def on_all(self, column: int) -> _Plane:
        positive = np.zeros(self.problem.x.shape[0], dtype=np.bool_)
        positive[self.positives(column)] = True
        counts = positive | self.negatives(column)
        if counts.all():
            return self._solve(column, self.everything, positive, self.problem.weights)
        rows = np.flatnonzero(counts)
        return self._solve(
            column,
            None if self.everything is None else self.everything[rows],
            positive[rows],
            self.problem.weights[rows],
        )

    def on(self, column: int, negatives: IntArray) -> _Plane:
        """Solve on some rows, in the columns that stand there alone: the solver's time and memory grow with both."""
        positives = self.positives(column)
        rows = np.r_[positives, negatives]
        some = self.problem.x[rows]
        self.stands[:] = False
        self.stands[some.indices] = True
        active = np.flatnonzero(self.stands).astype(np.int32)
        self.place[active] = np.arange(len(active), dtype=np.int32)
        narrow = csr_matrix(
            (some.data.astype(np.float64), self.place[some.indices], some.indptr), shape=(len(rows), len(active))
        )
        found = self._solve(column, narrow, np.arange(len(rows)) < len(positives), self.problem.weights[rows])
        return _Plane(active[found.columns], found.values, found.intercept)

    def _solve(self, column: int, x: csr_matrix | None, positive: BoolArray, weights: Floats) -> _Plane:
        from sklearn import config_context
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import LinearSVC

        if x is None or positive.all() or not positive.any():
            nothing = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
            return _Plane(*nothing, np.inf if positive.any() else -np.inf)
        # What solves the same problem to more digits has the same F1; the warning would say so of rare hard problems.
        machine = LinearSVC(C=self.problem.cost, dual=True, tol=0.1, random_state=self.problem.seed)
        # Checking its arguments takes scikit-learn longer than solving a small problem.
        with config_context(assume_finite=True, skip_parameter_validation=True), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            machine.fit(x, positive, np.where(positive, self.problem.positive_weights[column] * weights, weights))
        values = machine.coef_[0].astype(np.float32)
        columns = np.flatnonzero(values).astype(np.int32)
        return _Plane(columns, values[columns], float(machine.intercept_[0]))


def _many(numbers: tuple[int, int], positives: IntArray) -> int:
    least, each = numbers
    return max(least, each * len(positives))


def _largest(scores: Single, among: IntArray, n: int) -> IntArray:
    """Those of some rows with the largest scores, at most ``n``."""
    if len(among) <= n:
        return among
    return among[np.argpartition(scores[among], len(among) - n)[-n:]]


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """From margins to log-odds, the same for all codes: straight between ``BENDS``, and rising everywhere.

    Attributes
    ----------
    slopes : one a stretch, before, between and after the bends
    offset : the log-odds of margin 0
    """

    slopes: tuple[float, ...] = (6.0,) * (len(BENDS) + 1)
    offset: float = 0.0

    def logits(self, margins: npt.NDArray[Any], certain: float) -> Floats:
        """Log-odds; ``certain`` is that of a code that stands on every text, whose margin is infinite."""
        ends = np.array([-ENDLESS, *BENDS, ENDLESS])
        logits = np.interp(margins, ends, _stretches(ends) @ np.array(self.slopes) + self.offset)
        return np.asarray(np.where(np.isinf(margins), np.copysign(certain, margins), logits), dtype=np.float64)


def _stretches(margins: Floats) -> Floats:
    """How much of the way from 0 to each margin lies in each stretch; (n, len(BENDS) + 1)."""
    low, high = np.array([-np.inf, *BENDS]), np.array([*BENDS, np.inf])
    ways: Floats = np.clip(margins[:, None], low, high) - np.clip(0.0, low, high)
    return ways


def sigmoid(problem: Problem, text: IntArray, written: BoolArray | None = None) -> Sigmoid:
    """Fit the sigmoid on training texts that a fit of its own has left out; validation has no part in it.

    Codes of all frequencies stand for the others, where there are many. Terms of list and dictionaries are learnt
    from, but it is on texts of certificates, and on their codes, that the sigmoid has to be right. Margins are counted in bins, so that
    hundreds of millions of them cost no memory.

    Parameters
    ----------
    text : (n,) rows of one text have the same number, and are left out together
    written : (n,) rows that stand in a certificate, the others are terms; None, or without a code on any: all do

    References
    ----------
    Platt. Probabilistic Outputs for Support Vector Machines. 1999.
    """
    fold = np.random.default_rng(problem.seed).integers(FOLDS, size=int(text.max()) + 1)[text]
    if written is None or not _often(problem.y, written).any():
        written = np.ones(len(text), dtype=np.bool_)
    times = _often(problem.y, written)
    often = np.argsort(-times, kind="stable")[: np.count_nonzero(times)]
    columns = np.sort(often[:: max(1, -(-len(often) // SIGMOID_CODES))])
    counts = np.zeros((2, STEPS))
    for number in range(FOLDS if written.sum() <= FEW else 1):
        out = written & (fold == number)
        kept, left = np.flatnonzero(~out), np.flatnonzero(out)
        if len(columns) and len(kept) and len(left):
            planes = fit(problem.part(kept, columns))
            for some in _counted(planes, problem.part(left, columns)):
                counts += some
    return _fitted(counts)


def _often(y: csr_array, rows: BoolArray) -> IntArray:
    """On how many of some rows each code stands; (n_labels,)."""
    often: IntArray = np.bincount(y.indices[np.repeat(rows, np.diff(y.indptr))], minlength=y.shape[1])
    return often


def _counted(planes: Planes, left: Problem) -> Iterator[Floats]:
    """Weights of codes that stand there, and of those that do not, by margin; (2, STEPS).

    Codes that a fit never saw, or saw everywhere, tell nothing of margins.
    """
    for labels in blocks(len(planes), _at_once(left.x.shape[0])):
        margins = _margins(left.x, planes.dense(labels), planes.intercepts[labels])
        given = left.y[:, labels].toarray().T > 0
        for place in np.flatnonzero(np.isfinite(planes.intercepts[labels])):
            unknown = left.unknown_of(int(labels.start + place))
            weights = left.weights if unknown is None else np.where(unknown, 0.0, left.weights)
            steps = (np.clip(margins[place], -WIDEST, WIDEST) + WIDEST) * ((STEPS - 1) / (2 * WIDEST))
            bins = steps.round().astype(np.int64)
            yield np.stack(
                [
                    np.bincount(bins, weights * given[place], minlength=STEPS),
                    np.bincount(bins, weights * ~given[place], minlength=STEPS),
                ]
            )


def _fitted(counts: Floats) -> Sigmoid:
    right, wrong = counts.sum(axis=1)
    if right < 1.0 or wrong < 1.0:
        return Sigmoid()
    # Platt's targets: not quite certain, so that classes without overlap do not give an endless slope.
    high, low = (right + 1.0) / (right + 2.0), 1.0 / (wrong + 2.0)
    yes = high * counts[0] + low * counts[1]
    every = counts.sum(axis=0)
    ways = np.c_[_stretches(np.linspace(-WIDEST, WIDEST, STEPS)), np.ones(STEPS)]

    def loss(slopes_and_offset: Floats) -> tuple[float, Floats]:
        logits = ways @ slopes_and_offset
        bent = np.diff(slopes_and_offset[:-1])
        of_bends = np.r_[2.0 * STIFF * (np.r_[0.0, bent] - np.r_[bent, 0.0]), 0.0]
        return (
            float((every * np.logaddexp(0.0, logits) - yes * logits).sum() + STIFF * (bent**2).sum()),
            ways.T @ (every * expit(logits) - yes) + of_bends,
        )

    n_slopes = len(BENDS) + 1
    usual = np.r_[np.full(n_slopes, 6.0), 0.0]
    bounds = [(LEAST, 30.0)] * n_slopes + [(-20.0, 20.0)]
    found = minimize(loss, usual, jac=True, method="L-BFGS-B", bounds=bounds)
    return Sigmoid(tuple(found.x[:-1].tolist()), float(found.x[-1]))
