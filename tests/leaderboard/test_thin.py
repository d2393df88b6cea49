"""Curves with fewer points."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.leaderboard.figures.thin import thin


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200), st.sampled_from([1e-3, 0.05]))
def test_thinning_errs_by_no_more_than_its_tolerance(values: list[float], tolerance: float) -> None:
    x, y = np.arange(len(values)) / len(values), np.array(values)
    kept = thin(x, y, tolerance, most=1000)
    assert {0, len(values) - 1} <= set(kept.tolist())
    assert np.max(np.abs(np.interp(x, x[kept], y[kept]) - y)) <= tolerance + 1e-9


def test_thinning_keeps_to_its_number_of_points() -> None:
    random = np.random.default_rng(0)
    assert len(thin(np.arange(5000) / 5000, random.random(5000), most=300)) <= 300
