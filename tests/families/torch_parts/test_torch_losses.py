from __future__ import annotations

import math

import numpy as np
import pytest

from harness.families.losses import LossName
from harness.families.torch_parts.torch_losses import LOSSES, MEANT, asymmetric, cross_entropy, focal


def cost(loss: LossName, probability: float, given: float) -> float:
    import torch

    logit = torch.tensor([[math.log(probability / (1 - probability))]], dtype=torch.float64)
    return float(LOSSES[loss](logit, torch.tensor([[given]], dtype=torch.float64)))


@pytest.mark.parametrize("given", [0.0, 1.0])
def test_by_hand(given: float) -> None:
    p = 0.3
    right = p if given else 1 - p
    assert cost("cross_entropy", p, given) == pytest.approx(-math.log(right))
    assert cost("focal", p, given) == pytest.approx(-((1 - right) ** 2) * math.log(right))
    expected = -math.log(p) if given else -((p - 0.05) ** 4) * math.log(1 - (p - 0.05))
    assert cost("asymmetric", p, given) == pytest.approx(expected)


def test_what_is_surely_absent_costs_nothing_in_the_asymmetric_loss() -> None:
    assert cost("asymmetric", 0.049, 0.0) == 0.0
    assert cost("asymmetric", 0.06, 0.0) > 0.0
    assert cost("asymmetric", 0.049, 1.0) == pytest.approx(-math.log(0.049))


@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "asymmetric"])
@pytest.mark.parametrize("share", [0.07, 0.3, 0.8])
def test_what_a_logit_means_is_where_the_loss_is_least(loss: LossName, share: float) -> None:
    """Of texts that cannot be told apart, a share has the code: the best logit stands for that share."""
    import torch

    odds = math.log(share / (1 - share))
    best = float(MEANT[loss].logits(np.array(odds)))
    logit = torch.tensor([best, best], dtype=torch.float64, requires_grad=True)
    costs = LOSSES[loss](logit, torch.tensor([1.0, 0.0], dtype=torch.float64))
    (costs @ torch.tensor([share, 1 - share], dtype=torch.float64)).backward()
    assert logit.grad is not None
    assert float(logit.grad.sum()) == pytest.approx(0.0, abs=1e-4)
    assert float(MEANT[loss].log_odds(np.array(best))) == pytest.approx(odds, abs=1e-2)


@pytest.mark.parametrize("loss", [cross_entropy, focal, asymmetric])
def test_extreme_logits_have_finite_gradients(loss: object) -> None:
    import torch

    assert callable(loss)
    logits = torch.tensor([[-80.0, 80.0, -80.0, 80.0]], requires_grad=True)
    loss(logits, torch.tensor([[0.0, 0.0, 1.0, 1.0]])).sum().backward()
    assert logits.grad is not None
    assert np.isfinite(logits.grad.numpy()).all()
