from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from harness.families.torch_parts import torch_runtime
from harness.families.torch_parts.optimizers import LEAST_RATE
from harness.families.torch_parts.outputs import Vocabulary
from harness.families.torch_parts.tokens import Tokens
from harness.families.torch_parts.translating import CODES, PAIRS, TEXT, Course, Pairs, WritingParameters

PAD, END, SEP, FIRST, LABELS, SIZE = 0, 1, 2, 8, 4, 12
VOCABULARY = Vocabulary(PAD, END, SEP, FIRST, LABELS)
TEXTS = [[3, 4, END], [5, END], [6, 3, 3, 4, END], [4, END]]
TARGETS = [  # of each text its codes, then each text's wording, then pairs of both
    [FIRST, END], [FIRST + 1, FIRST + 2, END], [END], [FIRST + 3, END],
    [3, SEP, 4, END], [5, END], [6, END], [3, END],
    [3, FIRST, END], [5, FIRST + 1, 3, FIRST + 2, END], [END], [4, FIRST + 3, END],
]  # fmt: skip
KINDS = np.repeat([CODES, TEXT, PAIRS], 4)
UNKNOWN = csr_array(np.array([[0, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]))
FAST = {"epochs": 3, "batch": 30, "fresh_rate": 0.01, "learning_rate": 0.001, "dropout": 0.2}


def tokens(rows: list[list[int]]) -> Tokens:
    first = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return Tokens(np.array([token for row in rows for token in row], dtype=np.int32), first)


def pairs(unknown: csr_array | None = None) -> Pairs:
    start = np.where(KINDS == TEXT, SEP, PAD)
    weights = np.linspace(0.5, 2.0, len(TARGETS))
    text = np.tile(np.arange(4), 3)
    return Pairs(tokens(TEXTS), 8, PAD, text, tokens(TARGETS), start, KINDS.astype(np.int8), weights, unknown)


def network(seed: int = 0, dropout: float = 0.0) -> Any:
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = T5ForConditionalGeneration(
            T5Config(
                vocab_size=SIZE, d_model=32, d_kv=16, d_ff=48, num_layers=1, num_heads=2, dropout_rate=dropout,
                pad_token_id=PAD, eos_token_id=END, decoder_start_token_id=PAD,
            )
        )  # fmt: skip
    with torch.no_grad():
        model.shared.weight.mul_(0.3)
    return model


def course(model: Any, unknown: csr_array | None = None, fresh: frozenset[str] | None = None, **more: Any) -> Course:
    names = frozenset(name for name, _ in model.named_parameters()) if fresh is None else fresh
    return Course(model, names, pairs(unknown), VOCABULARY, WritingParameters(**{**FAST, **more}), seed=5)


def weights(model: Any) -> Mapping[str, Any]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


# ----------------------------------------------------------------------------------------------------- the loss


def plain_loss(model: Any, learnt: Pairs, rows: list[int]) -> float:
    """Text by text and token by token."""
    import torch

    total, n = 0.0, 0
    for row in rows:
        text, target = TEXTS[learnt.text[row]], TARGETS[row]
        with torch.no_grad():
            logits = model(
                input_ids=torch.tensor([text]), decoder_input_ids=torch.tensor([[learnt.start[row], *target[:-1]]])
            ).logits[0]
        allowed = np.ones(SIZE, dtype=bool)
        if learnt.kind[row] == CODES:
            allowed[[PAD, SEP, *range(3, FIRST)]] = False
        if learnt.kind[row] == TEXT:
            allowed[FIRST:] = False
        if learnt.unknown is not None:
            allowed[FIRST + learnt.unknown.toarray()[learnt.text[row]].nonzero()[0]] = False
        for place, token in enumerate(target):
            own = logits[place].double().numpy()
            total += (np.log(np.exp(own[allowed]).sum()) - own[token]) * learnt.weights[row] / learnt.weights.mean()
            n += 1
    return total / n


@pytest.mark.parametrize("unknown", [None, csr_array(np.array([[0, 1, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0] * 4]))])
@pytest.mark.parametrize("rows", [[0, 5, 10], [9], list(range(12))])
def test_the_loss_is_of_the_tokens_that_could_stand_there(
    rows: list[int], unknown: csr_array | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_runtime, "fast_bf16", lambda device: False)
    model = network()
    found = course(model.eval(), unknown)._loss(np.array(rows)).detach()
    assert float(found) == pytest.approx(plain_loss(model, pairs(unknown), rows), rel=1e-4)


def test_a_code_that_a_text_says_nothing_of_learns_nothing_there() -> None:
    for row, unknown in ((0, (1, 2)), (2, (0,)), (8, (1, 2))):
        model = network()
        course(model, UNKNOWN)._loss(np.array([row])).backward()
        gradient = model.shared.weight.grad[FIRST:].abs().sum(1)
        for code in range(LABELS):
            assert (float(gradient[code]) == 0.0) == (code in unknown)


def test_what_an_output_can_never_have_learns_nothing_from_it() -> None:
    for row, learns in ((0, [END, *range(FIRST, SIZE)]), (5, list(range(FIRST))), (9, list(range(SIZE)))):
        model = network()
        course(model)._loss(np.array([row])).backward()
        moved = model.shared.weight.grad.abs().sum(1) > 0
        read = {*TEXTS[pairs().text[row]], *TARGETS[row][:-1], int(pairs().start[row])}
        assert set(np.flatnonzero(moved.numpy()).tolist()) - read == set(learns) - read


# ----------------------------------------------------------------------------------------------------- the course


def test_a_course_that_was_cut_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    import torch

    whole = course(network(dropout=0.2), UNKNOWN)
    for number in range(3):
        whole.epoch(number)
    cut = course(network(dropout=0.2), UNKNOWN)
    assert cut.restore(tmp_path) == 0
    cut.epoch(0)
    cut.save(tmp_path, 1)
    cut.epoch(1)  # and then it is cut, without another checkpoint
    torch.manual_seed(99)
    resumed = course(network(seed=9, dropout=0.2), UNKNOWN)
    assert resumed.restore(tmp_path) == 1
    resumed.epoch(1)
    resumed.epoch(2)
    for name, weight in weights(whole.model).items():
        assert torch.equal(weight, weights(resumed.model)[name]), name


def test_it_learns_and_every_epoch_draws_anew() -> None:
    model = network()
    own = course(model, epochs=30, dropout=0.0)
    before = plain_loss(model, pairs(), list(range(12)))
    batches = [tuple(map(tuple, (rows.tolist() for rows in own._batches(number)))) for number in range(4)]
    assert len(set(batches)) > 1
    assert all(sorted(row for rows in one for row in rows) == list(range(12)) for one in batches)
    for number in range(30):
        own.epoch(number)
    assert not model.training
    assert plain_loss(model, pairs(), list(range(12))) < before / 3


def test_a_seed_says_all() -> None:
    import torch

    found: list[Any] = []
    for seed in (5, 5, 6):
        model = network(dropout=0.2)
        torch.manual_seed(len(found))  # another state each time
        one = Course(model, frozenset(weights(model)), pairs(), VOCABULARY, WritingParameters(**FAST), seed=seed)
        one.epoch(0)
        found.append(weights(model))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert not all(torch.equal(found[0][name], found[2][name]) for name in found[0])


def test_fresh_and_pretrained_weights_have_their_own_rates_and_frozen_ones_stay() -> None:
    model = network()
    model.encoder.final_layer_norm.requires_grad_(False)
    before = weights(model)
    decoder = frozenset(name for name in before if name.startswith("decoder."))
    course(model, fresh=decoder, learning_rate=1e-9, fresh_rate=0.01, weight_decay=0.0).epoch(0)
    for name, weight in weights(model).items():
        moved = float((weight - before[name]).abs().max())
        if name.startswith("encoder.final"):
            assert moved == 0.0
        else:
            assert (moved > 1e-4) == (name in decoder), name


def test_rates_rise_and_then_fall_in_a_line() -> None:
    own = course(network(), epochs=5, warm_up=0.4, fresh_rate=0.01)
    total = own._steps * 5
    assert total >= 10
    rates = []
    for done in range(total):
        own._step(done)
        rates.append(max(group["lr"] for group in own._optimizer.param_groups))
    rising = round(0.4 * total)
    assert rates[:rising] == sorted(rates[:rising])
    assert rates[rising:] == sorted(rates[rising:], reverse=True)
    steps = np.arange(total)
    expected = 0.01 * np.minimum(1.0, (steps + 1) / (0.4 * total)) * np.maximum(LEAST_RATE, 1.0 - steps / total)
    np.testing.assert_allclose(rates, expected)


def test_an_output_longer_than_a_batch_is_learnt_alone() -> None:
    learnt = replace(pairs(), target=tokens([*TARGETS[:-1], [*([4, FIRST] * 30), END]]))
    model = network()
    own = Course(model, frozenset(), learnt, VOCABULARY, WritingParameters(**FAST), seed=0)
    assert [11] in [rows.tolist() for rows in own._batches(0)]
    own.epoch(0)
    assert all(np.isfinite(weight.numpy()).all() for weight in weights(model).values())
