from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decision.contrast import naive
from harness.metrics.selective import oracle_coverage, working_point


def test_by_hand() -> None:
    errors = np.array([False, True, False, False, True, True])
    point = naive(errors, np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]), None, 0.25)
    assert (point.threshold, point.accepted, point.wrong, point.n) == (0.6, 4, 1, 6)
    assert (point.coverage, point.risk) == (4 / 6, 0.25)
    assert point.sentence == (
        "no promise: of 6 calibration certificates, the 4 most confident hold 1 wrong one, "
        "which is 25 % at most there, and may be more on any others"
    )


def test_where_no_threshold_keeps_the_risk() -> None:
    point = naive(np.array([True, True]), np.array([0.9, 0.8]), None, 0.02)
    assert (point.threshold, point.accepted, point.coverage, point.risk) == (None, 0, 0.0, None)
    assert point.sentence == "no promise: no threshold keeps 2 % on 2 calibration certificates"
    assert naive(np.zeros(0, np.bool_), np.zeros(0), None, 0.02).coverage is None


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([0.02, 0.1, 0.4]))
def test_it_covers_what_hindsight_does(seed: int, n: int, risk: float) -> None:
    rng = np.random.default_rng(seed)
    errors, confidence, eligible = rng.random(n) < 0.2, rng.random(n).round(1), rng.random(n) < 0.8
    point = naive(errors, confidence, eligible, risk)
    assert point.coverage == oracle_coverage(errors, confidence, risk, eligible)
    if point.threshold is None:
        assert point.risk is None
    else:
        there = working_point(errors, confidence, point.threshold, eligible)
        assert (point.accepted, point.wrong) == (there.accepted, there.wrong)
        assert point.risk == pytest.approx(there.risk)
        assert point.risk is not None
        assert point.risk <= risk
