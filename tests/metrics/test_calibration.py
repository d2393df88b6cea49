from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import brier_score_loss

from harness.metrics.calibration import brier, expected_calibration_error

Floats = npt.NDArray[np.float64]


@st.composite
def cases(draw: st.DrawFn) -> tuple[npt.NDArray[np.bool_], Floats]:
    n = draw(st.integers(1, 40))
    values = st.sampled_from([0.0, 0.3, 0.3, 0.9, 1.0]) | st.floats(0, 1)
    return draw(arrays(np.bool_, n)), draw(arrays(np.float64, n, elements=values))


@given(cases())
def test_brier_equals_scikit_learn(case: tuple[npt.NDArray[np.bool_], Floats]) -> None:
    right, probability = case
    assert brier(right, probability) == pytest.approx(
        brier_score_loss(right.astype(int), probability, pos_label=1, scale_by_half=True), abs=1e-12
    )


@given(cases(), st.integers(1, 6))
def test_bins_have_equal_mass_and_whole_ties(case: tuple[npt.NDArray[np.bool_], Floats], bins: int) -> None:
    right, probability = case
    n = len(right)
    found: dict[int, list[int]] = {}
    for i in range(n):
        found.setdefault(int((probability < probability[i]).sum()) * bins // n, []).append(i)
    expected = sum(len(mine) / n * abs(probability[mine].mean() - right[mine].mean()) for mine in found.values())
    assert expected_calibration_error(right, probability, bins) == pytest.approx(expected, abs=1e-12)


@given(cases())
def test_the_order_changes_nothing(case: tuple[npt.NDArray[np.bool_], Floats]) -> None:
    right, probability = case
    order = np.random.default_rng(0).permutation(len(right))
    before = expected_calibration_error(right, probability)
    assert expected_calibration_error(right[order], probability[order]) == pytest.approx(before, abs=1e-12)


def test_by_hand() -> None:
    right = np.array([False, True, True, True])
    probability = np.array([0.2, 0.4, 0.9, 0.9])
    assert brier(right, probability) == pytest.approx((0.04 + 0.36 + 0.01 + 0.01) / 4)
    # two bins: (0.2, 0.4) with a half right, (0.9, 0.9) with all right
    assert expected_calibration_error(right, probability, 2) == pytest.approx((0.2 + 0.1) / 2)
    # one bin: on the mean they are right by chance
    assert expected_calibration_error(right, probability, 1) == pytest.approx(0.75 - 0.6)


def test_undefined_and_unknown() -> None:
    none = np.zeros(0, np.bool_), np.zeros(0)
    assert brier(*none) is None
    assert expected_calibration_error(*none) is None
    unknown = np.array([True, False]), np.array([np.nan, np.nan])
    assert brier(*unknown) == 0.5
    assert expected_calibration_error(*unknown) == 0.5
