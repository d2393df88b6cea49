"""Losses against values worked by hand and an independent formula; log-odds against what minimises a loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from harness.families.losses import Loss

Array = npt.NDArray[np.float64]
LOSSES = (
    Loss("cross_entropy"),
    Loss("focal", 2.0),
    Loss("focal", 0.5),
    Loss("asymmetric", 4.0, 0.05),
    Loss("asymmetric", 2.0),
)
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.name}-{loss.focus}-{loss.margin}")


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow")


def plain(loss: Loss, p: Array, y: Array) -> Array:
    """As the papers write them, in probabilities and double precision."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if loss.name == "cross_entropy":
            return -np.where(y > 0, np.log(p), np.log(1 - p))
        if loss.name == "focal":
            right = np.where(y > 0, p, 1 - p)
            return -((1 - right) ** loss.focus) * np.log(right)
        shifted = np.maximum(p - loss.margin, 0)
        return -np.where(y > 0, np.log(p), shifted**loss.focus * np.log(1 - shifted))


def value(tf: Any, loss: Loss, logits: Array, y: Array, known: Any = ((1.0,),), weight: Any = None) -> float:
    weight = np.ones(len(logits)) if weight is None else weight
    arrays = (tf.constant(np.asarray(part, np.float32)) for part in (logits, y, known, weight))
    return float(loss(*arrays))


@every_loss
def test_is_the_papers_formula(tf: Any, loss: Loss) -> None:
    logits = np.linspace(-6, 6, 25)[None, :]
    for y in (np.zeros_like(logits), np.ones_like(logits)):
        assert value(tf, loss, logits, y) == pytest.approx(plain(loss, expit(logits), y).sum(), rel=1e-5)


def test_values_worked_by_hand(tf: Any) -> None:
    """p = 3/4 where a code is there, p = 1/4 where it is not; and p = 3/4 where it is not."""
    logits, y = np.log([[3.0, 1 / 3, 3.0]]), np.array([[1.0, 0.0, 0.0]])
    log = np.log
    assert value(tf, LOSSES[0], logits, y) == pytest.approx(log(4 / 3) * 2 + log(4))
    assert value(tf, LOSSES[1], logits, y) == pytest.approx(log(4 / 3) / 8 + log(4) * 9 / 16)
    asymmetric = log(4 / 3) - 0.2**4 * log(0.8) - 0.7**4 * log(0.3)
    assert value(tf, LOSSES[3], logits, y) == pytest.approx(asymmetric, rel=1e-5)


def test_a_margin_makes_small_probabilities_free(tf: Any) -> None:
    assert value(tf, LOSSES[3], logit([[0.01, 0.049]]), np.zeros((1, 2))) == 0.0


@every_loss
def test_unknown_codes_cost_nothing_and_weights_count(tf: Any, loss: Loss) -> None:
    logits, y = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    known, weight = np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([0.5, 2.0])
    each = plain(loss, expit(logits), y)
    wanted = (0.5 * each[0].sum() + 2.0 * each[1, 0]) / 2
    assert value(tf, loss, logits, y, known, weight) == pytest.approx(wanted, rel=1e-5)


@every_loss
def test_stays_finite_far_out_and_so_does_its_gradient(tf: Any, loss: Loss) -> None:
    logits = tf.Variable(np.array([[-200.0, -60.0, 0.0, 60.0, 200.0]], np.float32))
    for y in (tf.zeros((1, 5)), tf.ones((1, 5))):
        with tf.GradientTape() as tape:
            found = loss(logits, y, tf.ones((1, 1)), tf.ones(1))
        gradient = tape.gradient(found, logits)
        assert np.isfinite(found.numpy())
        assert np.isfinite(gradient.numpy()).all()
    assert found.numpy() >= 200.0  # a code that is there and got −200 still pulls


@every_loss
@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9])
def test_log_odds_are_those_of_the_share_whose_best_logit_it_is(loss: Loss, share: float) -> None:
    def risk(z: float) -> float:
        p = np.array([expit(z)])
        return float(share * plain(loss, p, np.ones(1))[0] + (1 - share) * plain(loss, p, np.zeros(1))[0])

    best = minimize_scalar(risk, bounds=(-12, 12), method="bounded", options={"xatol": 1e-7}).x
    assert float(loss.log_odds(np.array([best]))[0]) == pytest.approx(logit(share), abs=2e-3)
    assert float(loss.logits(np.array([logit(share)]))[0]) == pytest.approx(best, abs=5e-3)


@every_loss
def test_log_odds_keep_the_order_of_logits(loss: Loss) -> None:
    found = loss.log_odds(np.linspace(-60, 60, 2_001))
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()


@every_loss
def test_a_start_at_the_shares_is_taken_back(loss: Loss) -> None:
    shares = logit(np.array([1e-6, 1e-3, 0.2, 0.9]))
    np.testing.assert_allclose(loss.log_odds(loss.logits(shares)), shares, atol=1e-2)
