from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import f_oneway

from harness.metrics.design import cluster_size, design_effect, intraclass_correlation


def test_clusters_that_are_all_wrong_or_all_right() -> None:
    clusters = np.repeat(np.arange(10), 5)
    assert intraclass_correlation(clusters < 3, clusters) == pytest.approx(1.0)
    assert design_effect(clusters < 3, clusters) == pytest.approx(5.0)


def test_clusters_that_are_all_alike() -> None:
    clusters = np.repeat(np.arange(10), 5)
    errors = np.tile([True, False, False, False, False], 10)
    assert intraclass_correlation(errors, clusters) == pytest.approx(-0.25)  # -1 / (m - 1): the least there is
    assert design_effect(errors, clusters) == 1.0


def test_equals_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(0)
    clusters = rng.integers(0, 12, 300)
    errors = rng.random(300) < 0.1 + 0.3 * (clusters % 3 == 0)
    groups = [errors[clusters == c].astype(float) for c in np.unique(clusters)]
    sizes = np.array([len(group) for group in groups])
    typical = (300 - (sizes**2).sum() / 300) / 11
    f = f_oneway(*groups).statistic  # the mean square between, divided by the one within
    assert intraclass_correlation(errors, clusters) == pytest.approx((f - 1) / (f + typical - 1))
    names = np.array([f"office {c}" for c in clusters])
    assert intraclass_correlation(errors, names) == intraclass_correlation(errors, clusters)


def test_what_cannot_be_told() -> None:
    clusters = np.repeat(np.arange(4), 3)
    assert intraclass_correlation(np.zeros(12), clusters) is None
    assert intraclass_correlation(np.ones(12), clusters) is None
    assert intraclass_correlation(np.arange(12) < 3, np.zeros(12, int)) is None
    assert intraclass_correlation(np.arange(12) < 3, np.arange(12)) is None
    assert design_effect(np.zeros(12), clusters) is None
    assert design_effect(np.zeros(0), np.zeros(0, int)) is None
    assert cluster_size(np.zeros(0, int)) is None


def test_a_certificate_stands_more_often_in_a_large_cluster() -> None:
    assert cluster_size(np.array(["a"] * 9 + ["b"])) == (81 + 1) / 10


def test_the_size_is_that_of_later_certificates() -> None:
    clusters = np.repeat(np.arange(10), 5)
    assert design_effect(clusters < 3, clusters, None, np.repeat(np.arange(4), 20)) == pytest.approx(20.0)


def test_the_larger_correlation_counts() -> None:
    clusters = np.repeat(np.arange(10), 6)
    sure = np.tile(np.arange(6) < 3, 10)
    errors = np.where(sure, np.tile(np.arange(6) == 0, 10), clusters < 5)  # alike among the sure ones, not elsewhere
    alone = intraclass_correlation(errors[sure], clusters[sure])
    whole = intraclass_correlation(errors, clusters)
    assert alone is not None
    assert whole is not None
    assert alone < 0 < whole
    assert design_effect(errors, clusters, sure) == pytest.approx(1 + 2 * whole)
    no_error = errors & ~sure
    expected = intraclass_correlation(no_error, clusters)
    assert expected is not None
    assert design_effect(no_error, clusters, sure) == pytest.approx(1 + 2 * expected), "none among the sure ones"
    assert design_effect(errors & sure, clusters, ~sure) == 1.0


def test_it_finds_the_correlation_that_was_drawn() -> None:
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(4_000), 10)
    risks = rng.beta(0.9, 8.1, 4_000)  # a tenth wrong, with an intraclass correlation of 1 / (1 + 9)
    errors = rng.random(40_000) < risks[clusters]
    assert intraclass_correlation(errors, clusters) == pytest.approx(0.1, abs=0.01)
