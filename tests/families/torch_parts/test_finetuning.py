from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import by_line
from scipy.sparse import csr_array
from small_base import small_body

from harness.families.examples import FrameParameters, examples
from harness.families.family import Examples
from harness.families.torch_parts import heads
from harness.families.torch_parts.finetuning import Course, Material, TuningParameters
from harness.families.torch_parts.tokens import Tokens

FAST = TuningParameters(epochs=4, batch=8, learning_rate=1e-3, head_rate=1e-2)


def train() -> Examples:
    return examples(
        by_line(*((2012, [(f"text {number}", [f"C{number % 3}"])]) for number in range(40))),
        FrameParameters(unit="line"),
    )


def material(learnt: Examples | None = None) -> Material:
    """Each text is one token, told by its code, between two that all share."""
    learnt = train() if learnt is None else learnt
    code = np.asarray(learnt.y.argmax(axis=1)).ravel()
    ids = np.stack([np.full(len(code), 3), 10 + code, np.full(len(code), 4)], axis=1).astype(np.int32)
    return Material(learnt, Tokens(ids.ravel(), np.arange(0, 3 * len(code) + 1, 3)), most=8, pad=0)


def course(parameters: TuningParameters = FAST, data: Material | None = None, seed: int = 1) -> tuple[Course, Any]:
    import torch

    data = material() if data is None else data
    model = small_body("bert", layers=2)
    torch.manual_seed(0)
    head = heads.initial(np.zeros(3, np.float32), 16, None, hits=(0, 0.0), covariates=0)
    return Course(model, head.to("cpu"), data, 0, parameters, seed), model


def weights(of: Course, model: Any) -> list[Any]:
    return [tensor.detach().numpy().copy() for tensor in (*model.parameters(), *of.head.trained.values())]


def test_learns_what_its_tokens_tell() -> None:
    import torch

    found, model = course(FAST.model_copy(update={"epochs": 8, "head_rate": 0.05}))
    for epoch in range(8):
        found.epoch(epoch)
    ids = torch.tensor([[3, 10 + code, 4] for code in range(3)])
    mask = torch.ones_like(ids, dtype=torch.bool)
    with torch.no_grad():
        logits = found.head.logits(model(input_ids=ids, attention_mask=mask).last_hidden_state, mask)
    assert logits.argmax(1).tolist() == [0, 1, 2]


def test_goes_on_where_it_was_left(tmp_path: Path) -> None:
    whole, model = course()
    for epoch in range(3):
        whole.epoch(epoch)
    first, _ = course()
    assert first.restore(tmp_path) == 0
    assert first.restore(None) == 0
    first.epoch(0)
    first.save(tmp_path, 1)
    second, other = course()
    assert second.restore(tmp_path) == 1
    for epoch in (1, 2):
        second.epoch(epoch)
    for a, b in zip(weights(whole, model), weights(second, other), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [path.name for path in tmp_path.iterdir()] == ["epoch.safetensors"]


def test_epochs_differ_by_seed_and_number() -> None:
    found = []
    for seed, number in ((1, 0), (1, 0), (2, 0), (1, 1)):
        one, model = course(seed=seed)
        one.epoch(number)
        found.append(np.concatenate([part.ravel() for part in weights(one, model)]))
    np.testing.assert_array_equal(found[0], found[1])
    assert all(np.abs(found[0] - other).max() > 1e-4 for other in found[2:])


def test_two_small_batches_make_the_step_of_a_large_one() -> None:
    """Without dropout; half the batch, gathered twice, has the same texts, and bf16 rounds a little otherwise."""
    found = []
    for batch, accumulate in ((40, 1), (20, 2)):
        parameters = FAST.model_copy(update={"batch": batch, "accumulate": accumulate, "dropout": 0.0})
        one, model = course(parameters)
        before = weights(one, model)
        one.epoch(0)
        found.append([after - first for after, first in zip(weights(one, model), before, strict=True)])
    for large, small in zip(*found, strict=True):
        if np.abs(large).max() > 1e-5 and large.ndim > 1:
            assert np.corrcoef(large.ravel(), small.ravel())[0, 1] > 0.9


def test_rates_rise_then_fall() -> None:
    found, _ = course(FAST.model_copy(update={"warm_up": 0.25}))
    shares = [found._share_of_rate(step) for step in range(20)]  # 5 steps an epoch
    assert shares[0] == pytest.approx(0.2)
    assert np.argmax(shares) == 4
    assert (np.diff(shares[5:]) < 0).all()
    assert shares[-1] >= 0.02


def test_unknown_codes_neither_speak_for_nor_against() -> None:
    """Of a code that is unknown at all examples but its own, only these pull at its bias, and upwards."""
    learnt = train()
    masked = replace(learnt, unknown=csr_array(np.array([[0, 0, 1]], np.int8)))
    pull = []
    for data in (learnt, masked):
        found, _ = course(FAST.model_copy(update={"dropout": 0.0}), material(data))
        found._loss(np.arange(len(learnt))).backward()
        pull.append(found.head.tensors["bias"].grad.tolist())
    assert pull[0][2] > 0.0 > pull[1][2]
    assert pull[0][:2] == pytest.approx(pull[1][:2])
