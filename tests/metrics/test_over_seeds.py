from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.metrics.bootstrap import intervals, paired_difference, resampled
from harness.metrics.multilabel import Counts
from harness.metrics.seeds import over_seeds


def some_counts(seed: int, n: int = 300) -> Counts:
    random = np.random.default_rng(seed)
    return Counts(*(random.integers(0, 3, n) for _ in range(3)))


def test_resamples_are_those_of_the_intervals_of_one() -> None:
    one = some_counts(0)
    found = resampled([one], seed=3)
    expected = intervals(one, seed=3)
    assert found.micro_f1.shape == found.exact_match.shape == (1000, 1)
    assert np.quantile(found.micro_f1, [0.025, 0.975]) == pytest.approx([expected.micro_f1_low, expected.micro_f1_high])
    assert np.quantile(found.exact_match, [0.025, 0.975]) == pytest.approx(
        [expected.exact_match_low, expected.exact_match_high]
    )


def test_resamples_of_two_are_taken_in_pairs() -> None:
    one, two = some_counts(0), some_counts(1)
    found = resampled([one, two], seed=3).micro_f1
    expected = paired_difference(one, two, seed=3)
    assert expected is not None
    low, high = np.quantile(found[:, 0] - found[:, 1], [0.025, 0.975])
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_a_resample_without_any_code_has_no_micro_f1() -> None:
    empty = Counts(*(np.zeros(4, np.int64) for _ in range(3)))
    found = resampled([empty, some_counts(0, 4)], seed=0, draws=20)
    assert np.isnan(found.micro_f1[:, 0]).all()
    assert (found.exact_match[:, 0] == 1.0).all()


def test_seeds_alone_have_the_interval_of_student() -> None:
    """Where all certificates are alike, the interval is that of the mean of a few values."""
    values = np.array([0.1, 0.2, 0.6])
    found = over_seeds(values, np.tile(values, (40_000, 1)), seed=0)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert found is not None
    assert found == pytest.approx((0.3, *expected), abs=0.03)


@pytest.mark.parametrize(("n_seeds", "spread"), [(3, 0.0), (3, 1.0), (3, 4.0), (5, 4.0)])
def test_intervals_hold_the_truth_as_often_as_they_say(n_seeds: int, spread: float) -> None:
    """``spread`` of the seeds, the standard error of the certificates being 1; both have the mean 0."""
    random = np.random.default_rng(7)
    held = []
    for trial in range(600):
        values = random.normal() + random.normal(0, spread, n_seeds)
        found = over_seeds(values, values + random.normal(size=(500, 1)), seed=trial, bounds=(-np.inf, np.inf))
        assert found is not None
        held.append(found.low <= 0 <= found.high)
    assert 0.93 <= np.mean(held) <= 0.99


def test_no_end_lies_where_no_score_can() -> None:
    values = np.array([0.9, 0.95, 1.0])
    found = over_seeds(values, np.tile(values, (1000, 1)), seed=0, bounds=(0.0, 1.0))
    assert found is not None
    assert found.low < 0.9
    assert found.high == 1.0


def test_certificates_alone_where_seeds_are_alike() -> None:
    draws = np.random.default_rng(0).normal(0.5, 0.1, 10_000)
    found = over_seeds(np.full(3, 0.5), np.column_stack([draws] * 3), seed=1)
    assert found == pytest.approx((0.5, *np.quantile(draws, [0.025, 0.975])))


def test_one_seed_has_the_interval_of_its_certificates() -> None:
    draws = np.linspace(0, 1, 1001)
    found = over_seeds(np.array([0.5]), draws[:, None], seed=1)
    assert found == pytest.approx((0.5, 0.025, 0.975))


def test_undefined_is_not_zero() -> None:
    assert over_seeds(np.array([np.nan, 0.5]), np.full((10, 2), 0.5), seed=0) is None
    assert over_seeds(np.array([0.5]), np.full((10, 1), np.nan), seed=0) is None
