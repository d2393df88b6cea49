from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

Array = npt.NDArray[np.float32]
BETA_1, BETA_2, EPSILON = 0.9, 0.99, 1e-7


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow")


def adam(start: Array, gradients: list[Array], rate: float) -> Array:
    """Kingma and Ba 2015, algorithm 1 with the efficient order of its section 2, in double precision."""
    value, mean, square = start.astype(float), np.zeros(start.shape), np.zeros(start.shape)
    for step, gradient in enumerate(gradients, 1):
        mean = BETA_1 * mean + (1 - BETA_1) * gradient
        square = BETA_2 * square + (1 - BETA_2) * gradient**2
        corrected = rate * np.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)
        value = value - corrected * mean / (np.sqrt(square) + EPSILON)
    return value.astype(np.float32)


def optimised(tf: Any, start: Array, gradients: list[Any], rate: float) -> Array:
    from harness.families.keras_parts.lazy_adam import LazyAdam

    variable = tf.Variable(start)
    optimizer = LazyAdam([variable], BETA_1, BETA_2, EPSILON)
    for gradient in gradients:
        optimizer.apply([gradient], tf.constant(rate))
    found: Array = variable.numpy()
    return found


def test_dense_gradients_are_adam(tf: Any) -> None:
    rng = np.random.default_rng(0)
    start = rng.normal(size=(5, 3)).astype(np.float32)
    gradients = [rng.normal(size=(5, 3)).astype(np.float32) for _ in range(6)]
    found = optimised(tf, start, [tf.constant(gradient) for gradient in gradients], 0.05)
    np.testing.assert_allclose(found, adam(start, gradients, 0.05), rtol=1e-4, atol=1e-5)


def test_slices_of_every_row_are_adam_and_repeated_rows_add_up(tf: Any) -> None:
    rng = np.random.default_rng(1)
    start = rng.normal(size=(4, 3)).astype(np.float32)
    rows = np.array([2, 0, 2, 1, 3, 2])
    values = [rng.normal(size=(6, 3)).astype(np.float32) for _ in range(5)]
    dense = []
    for value in values:
        total = np.zeros_like(start)
        np.add.at(total, rows, value)
        dense.append(total)
    found = optimised(tf, start, [tf.IndexedSlices(tf.constant(value), tf.constant(rows)) for value in values], 0.05)
    np.testing.assert_allclose(found, adam(start, dense, 0.05), rtol=1e-4, atol=1e-5)


def test_rows_that_a_batch_has_not_used_stay(tf: Any) -> None:
    start = np.ones((4, 2), dtype=np.float32)
    slices = tf.IndexedSlices(tf.ones((1, 2)), tf.constant([1]))
    found = optimised(tf, start, [slices], 0.1)
    assert (found[[0, 2, 3]] == 1.0).all()
    np.testing.assert_allclose(found[1], 0.9, rtol=1e-5)  # Adam's first step is the learning rate
    later = optimised(tf, start, [slices, tf.IndexedSlices(tf.ones((1, 2)), tf.constant([3]))], 0.1)
    assert (later[1] == found[1]).all()  # where Adam would move on by its momentum
