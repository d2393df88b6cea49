from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.sparse import csr_array
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.decision.confidence import Evidence, Learnt, confidence
from harness.decision.confidence import learnt as module
from harness.errors import BundleError, ConfigError
from harness.metrics import selective

Array = npt.NDArray[np.float64]
Read = Callable[[Evidence], Array]
BoolArray = npt.NDArray[np.bool_]


def drawn(n: int, seed: int = 0) -> tuple[Evidence, BoolArray]:
    """Units whose codes are right where scores are clear, witnesses agree and no word is new."""
    rng = np.random.default_rng(seed)
    dense = rng.uniform(0.01, 0.99, (n, 4)).astype(np.float32)
    agreement = (rng.random(n) < 0.6).astype(np.float64)
    new_words = rng.poisson(0.5, n).astype(np.float64)
    clear = np.abs(logit(dense)).sum(axis=1)
    right = rng.random(n) < expit(clear - 5.0 + 3.0 * agreement - 2.0 * new_words)
    return Evidence(csr_array(dense), 0.5, agreement=agreement, unseen_words=new_words), right


def features(evidence: Evidence) -> Array:
    """What the evidence of :func:`drawn` offers, worked out from dense scores, with the usual guard for logarithms."""
    p = evidence.scores.toarray().astype(np.float64)
    chosen = p >= 0.5
    whole = np.where(chosen, p, 1 - p).prod(axis=1)
    edge = np.where(chosen, logit(p), np.inf).min(axis=1), np.where(chosen, -np.inf, logit(p)).max(axis=1)
    edge = np.where(np.isinf(edge[0]), 0.0, edge[0]), np.where(np.isinf(edge[1]), logit(1e-6), edge[1])
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(axis=1)
    assert evidence.unseen_words is not None
    assert evidence.agreement is not None
    columns = [
        logit(whole),
        edge[0] - edge[1],
        -np.log(entropy + 1e-6),
        np.log1p(chosen.sum(axis=1)),
        evidence.agreement,
        -np.log1p(evidence.unseen_words),
    ]
    return np.column_stack(columns)


def test_equals_scikit_learn_over_the_features_that_it_weighs() -> None:
    """An optimum within bounds is the free optimum over the weights that no bound holds."""
    (train, right), (new, _) = drawn(800), drawn(200, seed=1)
    found = Learnt.fit(train, right, seed=0)
    assert found.features == ("product", "margin", "entropy", "codes", "agreement", "unseen_words")
    assert found.needs == ("agreement", "unseen_words")
    weighed = np.flatnonzero(found.weights)
    assert {4, 5} < set(weighed.tolist())
    oracle = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, tol=1e-8, max_iter=5000))
    oracle.fit(features(train)[:, weighed], right)
    wanted = oracle.predict_proba(features(new)[:, weighed])[:, 1]
    assert confidence("learnt", new, found) == pytest.approx(wanted, abs=1e-4)


def test_chance_cannot_make_new_words_or_disagreement_a_sign_of_certainty() -> None:
    evidence, right = drawn(400)
    assert evidence.agreement is not None
    turned = replace(evidence, agreement=1 - evidence.agreement, unseen_words=5.0 * right)
    found = Learnt.fit(turned, right, seed=0)
    weights = dict(zip(found.features, found.weights, strict=True))
    assert weights["agreement"] == weights["unseen_words"] == 0
    assert max(weights.values()) > 0.3


def test_it_orders_better_than_any_single_estimator() -> None:
    (train, right), (new, came) = drawn(800), drawn(800, seed=1)
    areas = {
        name: selective.augrc(~came, confidence(name, new, Learnt.fit(train, right, seed=0)))
        for name in ("product", "margin", "entropy", "agreement", "learnt")
    }
    assert min(areas, key=lambda name: areas[name] or 1.0) == "learnt"


def test_the_same_seed_gives_the_same_and_looks_at_no_more_units_than_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence, right = drawn(600)
    whole = Learnt.fit(evidence, right, seed=0)
    assert Learnt.fit(evidence, right, seed=1) == whole
    monkeypatch.setattr(module, "MOST_ROWS", 300)
    part = Learnt.fit(evidence, right, seed=0)
    assert part == Learnt.fit(evidence, right, seed=0)
    assert part != whole
    assert part != Learnt.fit(evidence, right, seed=1)
    monkeypatch.setattr(module, "MOST_ROWS", 600)
    assert Learnt.fit(evidence, right, seed=1) == whole


@pytest.mark.parametrize(("n", "right", "wanted"), [(8, True, 0.9), (8, False, 0.1), (0, True, 0.5)])
def test_where_all_are_alike_it_is_a_constant(n: int, right: bool, wanted: float) -> None:
    evidence, _ = drawn(8)
    found = Learnt.fit(evidence.take(slice(0, n)), np.full(n, right), seed=0)
    assert found.features == ()
    assert confidence("learnt", evidence, found) == pytest.approx(np.full(8, wanted))


def test_features_that_never_vary_are_left_out() -> None:
    evidence, right = drawn(300)
    found = Learnt.fit(replace(evidence, agreement=np.ones(300), gap=np.full(300, np.inf)), right, seed=0)
    assert found.features == ("product", "margin", "entropy", "codes", "unseen_words")
    alike = Evidence(csr_array(np.full((4, 1), 0.9, np.float32)), 0.5)
    assert Learnt.fit(alike, np.array([True, True, True, False]), seed=0).features == ()


def test_units_of_which_something_is_not_known_teach_nothing() -> None:
    evidence, right = drawn(300)
    assert evidence.agreement is not None
    holes = np.where(np.arange(300) % 10 == 3, np.nan, evidence.agreement)
    known = np.flatnonzero(~np.isnan(holes))
    found = Learnt.fit(replace(evidence, agreement=holes), right, seed=0)
    assert found == Learnt.fit(evidence.take(known), right[known], seed=0)


def test_ends_stay_finite() -> None:
    rng = np.random.default_rng(0)
    n = 40
    dense = np.where(rng.random((n, 2)) < 0.5, 0.0, 1 - 2.0**-24).astype(np.float32)  # some have no score at all
    evidence = Evidence(csr_array(dense), 0.5, log_probability=np.r_[0.0, 1e-7, -np.inf, rng.normal(-3, 1, n - 3)])
    found = Learnt.fit(replace(evidence, gap=np.r_[np.inf, 0.0, np.ones(n - 2)]), rng.random(n) < 0.5, seed=0)
    assert {"log_probability", "gap"} <= set(found.features)
    assert np.isfinite([*found.mean, *found.scale, *found.weights, found.bias]).all()


def test_what_it_was_fitted_with_must_be_there() -> None:
    evidence, right = drawn(300)
    found = Learnt.fit(evidence, right, seed=0)
    with pytest.raises(ConfigError, match=r"^the estimator learnt was fitted with agreement, which is missing here$"):
        confidence("learnt", replace(evidence, agreement=None), found)


def test_comes_back_from_strict_json() -> None:
    evidence, right = drawn(300)
    for found in (Learnt.fit(evidence, right, seed=0), Learnt.fit(evidence, np.ones(300, dtype=bool), seed=0)):
        values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert Learnt.from_dict(values) == found
    with pytest.raises(BundleError, match=r"is one of product, margin, .*, gap, but got 'mood'"):
        Learnt.from_dict({**values, "features": ["mood"]})
