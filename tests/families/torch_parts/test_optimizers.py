from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_base import small_body

from harness.families.torch_parts import body
from harness.families.torch_parts.optimizers import Optimizers


def made(frozen: int = 0) -> tuple[Optimizers, Any, Any, dict[str, Any]]:
    import torch

    model = small_body("bert", layers=2)
    body.freeze(model, frozen)
    learning = body.upper(model, 0).eval()
    torch.manual_seed(0)
    head = {"values": torch.randn(3, 16).requires_grad_(), "bias": torch.zeros(3, requires_grad=True)}
    return (
        Optimizers(model, learning, head, rate=1e-3, decay=0.5, head_rate=1e-2, weight_decay=0.1),
        model,
        learning,
        head,
    )


def step(optimizers: Optimizers, learning: Any, head: dict[str, Any], token: int = 5) -> None:
    import torch

    hidden = learning(input_ids=torch.tensor([[3, token, 4]])).last_hidden_state.mean(1)
    (hidden @ head["values"].T + head["bias"]).square().sum().backward()
    optimizers.step(1.0)


def test_lower_layers_learn_more_slowly() -> None:
    optimizers, *_ = made()
    assert {rate for rates in optimizers.rates for rate in rates} == {1e-2, 1e-3, 5e-4, 2.5e-4}


def test_vectors_are_not_drawn_to_zero() -> None:
    optimizers, *_ = made()
    for group in optimizers._all[0].param_groups:
        assert {tensor.dim() > 1 for tensor in group["params"]} == {group["weight_decay"] > 0.0}


def test_of_the_table_only_the_rows_that_were_read_move() -> None:
    optimizers, model, learning, head = made()
    before = model.embeddings.word_embeddings.weight.detach().numpy().copy()
    step(optimizers, learning, head)
    after = model.embeddings.word_embeddings.weight.detach().numpy()
    assert np.flatnonzero(np.abs(after - before).max(axis=1)).tolist() == [3, 4, 5]
    assert not model.embeddings.word_embeddings.sparse  # what scores is as it was


def test_a_frozen_table_has_no_optimizer() -> None:
    optimizers, model, learning, head = made(frozen=1)
    before = model.embeddings.word_embeddings.weight.detach().numpy().copy()
    step(optimizers, learning, head)
    np.testing.assert_array_equal(model.embeddings.word_embeddings.weight.detach().numpy(), before)


@pytest.mark.parametrize("frozen", [0, 1])
def test_goes_on_with_the_state_that_was_kept(frozen: int) -> None:
    import torch

    whole, model, learning, head = made(frozen)
    step(whole, learning, head)
    kept = {name: tensor.clone() for name, tensor in whole.state().items()}
    weights = [tensor.detach().clone() for tensor in (*model.parameters(), *head.values())]
    again, other, other_learning, other_head = made(frozen)
    with torch.no_grad():
        for tensor, value in zip((*other.parameters(), *other_head.values()), weights, strict=True):
            tensor.copy_(value)
    again.restore(kept)
    step(whole, learning, head, token=6)
    step(again, other_learning, other_head, token=6)
    for a, b in zip((*model.parameters(), *head.values()), (*other.parameters(), *other_head.values()), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
