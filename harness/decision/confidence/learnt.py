"""A confidence that is learnt on validation from all that the evidence offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from harness.corpus.certificate import BoolArray
from harness.decision.confidence import entropy, margin, product
from harness.decision.confidence.evidence import UNSEEN, Array, Evidence
from harness.errors import BundleError, ConfigError

MOST_ROWS = 200_000  # a handful of weights is known well enough from these
FARTHEST = 30.0  # log-odds beyond it say no more
LEAST_RANGE = 1e-9  # what varies less is rounding


@dataclass(frozen=True, slots=True)
class Learnt:
    """The log-odds that a unit's codes are all right, as a weighted sum of standardised features.

    Attributes
    ----------
    features : names of ``FEATURES``; none where a constant is all that could be learnt
    mean, scale, weights : (n_features,)
    bias : the log-odds where every feature is at its mean
    """

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    @classmethod
    def fit(cls, evidence: Evidence, right: BoolArray, seed: int) -> Learnt:
        """Learn from units of which it is known whether all codes are right.

        A logistic regression, penalised as if each weight were drawn from a standard normal distribution. No weight is
        negative where it is known beforehand that more of the feature cannot make a unit less sure: else a few
        certificates with new words that happened to be right would make new words a sign of certainty. Where all units
        are right, or all wrong, nothing tells them apart: the confidence is then a constant, (right + 1)/(n + 2).
        Units with a feature that is NaN are left out, and features that never vary.

        Parameters
        ----------
        evidence, right : of n units; right is (n,), True where the chosen codes are exactly the true ones
        seed : which 200,000 units are looked at where there are more

        References
        ----------
        Gelman, Jakulin, Pittau, Su. A weakly informative default prior distribution for logistic and other regression
        models. Annals of Applied Statistics 2(4), 2008.
        """
        right = np.asarray(right, dtype=np.bool_)
        if len(right) > MOST_ROWS:
            rows = np.sort(np.random.default_rng(seed).choice(len(right), MOST_ROWS, replace=False))
            evidence, right = evidence.take(rows), right[rows]
        names = tuple(name for name, feature in FEATURES.items() if not evidence.lacks(feature.needs))
        values = _values(evidence, names)
        known = np.isfinite(values).all(axis=1)
        values, right = values[known], right[known]
        n, n_right = len(right), int(np.count_nonzero(right))
        varies = np.ptp(values, axis=0) > LEAST_RANGE if n else np.zeros(len(names), dtype=np.bool_)
        if n_right in (0, n) or not varies.any():
            return cls((), (), (), (), float(logit((n_right + 1) / (n + 2))))
        names = tuple(name for name, kept in zip(names, varies, strict=True) if kept)
        mean, scale = values[:, varies].mean(axis=0), values[:, varies].std(axis=0)
        weights, bias = _regression((values[:, varies] - mean) / scale, right, [FEATURES[name].rises for name in names])
        return cls(names, tuple(mean.tolist()), tuple(scale.tolist()), tuple(weights.tolist()), bias)

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns of the evidence that it reads."""
        return tuple(dict.fromkeys(need for name in self.features for need in FEATURES[name].needs))

    def read(self, evidence: Evidence) -> Array:
        """The probability that the unit's codes are all right; (n,), NaN where a feature is.

        Raises
        ------
        ConfigError
            The evidence lacks what it was fitted with.
        """
        if lacking := evidence.lacks(self.needs):
            raise ConfigError(f"the estimator learnt was fitted with {', '.join(lacking)}, which is missing here")
        if not self.features:
            return np.full(len(evidence), expit(self.bias))
        values = (_values(evidence, self.features) - np.array(self.mean)) / np.array(self.scale)
        return np.asarray(expit(values @ np.array(self.weights) + self.bias), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """What strict JSON can hold."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Learnt:
        """The inverse of :meth:`to_dict`.

        Raises
        ------
        BundleError
            A feature that this version does not know.
        """
        for name in values["features"]:
            if name not in FEATURES:
                raise BundleError(
                    f"a feature of the learnt confidence is one of {', '.join(FEATURES)}, but got {name!r}"
                )
        columns = {name: tuple(values[name]) for name in ("features", "mean", "scale", "weights")}
        return cls(**columns, bias=values["bias"])


@dataclass(frozen=True, slots=True)
class Feature:
    """A number of each unit, on a scale on which a straight line is a fair guess.

    Attributes
    ----------
    needs : columns of the evidence that must be known
    read : gives (n,)
    rises : whether more of it cannot make a unit less sure
    """

    needs: tuple[str, ...]
    read: Callable[[Evidence], Array]
    rises: bool = True


def _column(name: str, scale: Callable[[Array], Array] = np.asarray) -> Feature:
    return Feature((name,), lambda evidence: scale(np.asarray(getattr(evidence, name), dtype=np.float64)))


def _regression(values: Array, right: BoolArray, rises: list[bool]) -> tuple[Array, float]:
    """Weights, (n_features,), and bias of the penalised logistic regression; none negative where ``rises``."""

    def loss(line: Array) -> tuple[float, Array]:
        z = values @ line[:-1] + line[-1]
        gap = expit(z) - right
        total = np.logaddexp(0.0, z).sum() - z[right].sum() + line[:-1] @ line[:-1] / 2
        return float(total) / len(right), np.append(gap @ values + line[:-1], gap.sum()) / len(right)

    bounds = [(0.0 if one else None, None) for one in (*rises, False)]
    start = np.append(np.zeros(len(rises)), logit(right.mean()))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-8, "ftol": 1e-14})
    return np.asarray(found.x[:-1], dtype=np.float64), float(found.x[-1])


def _codes(evidence: Evidence) -> Array:
    stored = evidence.stored()
    return np.log1p(stored.sums(stored.chosen))


def _odds(logarithm: Array) -> Array:
    """The log-odds of a probability that is given by its logarithm."""
    logarithm = np.minimum(logarithm, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):  # a probability of 1 has infinite odds, and they are clipped
        odds = logarithm - np.log(-np.expm1(logarithm))
    return np.clip(odds, -FARTHEST, FARTHEST)


def _values(evidence: Evidence, names: tuple[str, ...]) -> Array:
    """Features by name; (n, n_features)."""
    return np.column_stack([FEATURES[name].read(evidence) for name in names])


FEATURES: Mapping[str, Feature] = {
    "product": Feature((), lambda evidence: _odds(product.logarithm(evidence))),
    "margin": Feature((), margin.read),
    "entropy": Feature((), lambda evidence: -np.log(UNSEEN - entropy.read(evidence))),
    "codes": Feature((), _codes, rises=False),
    "agreement": _column("agreement"),
    "unseen_words": _column("unseen_words", lambda number: -np.log1p(number)),
    "unseen_ngrams": _column("unseen_ngrams", np.negative),
    "log_probability": _column("log_probability", _odds),
    "gap": _column("gap", lambda gap: np.clip(gap, 0.0, FARTHEST)),
}
