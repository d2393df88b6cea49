from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.families.torch_parts import heads
from harness.families.torch_parts.heads import Head, Pooling, Sides

N, LENGTH, WIDTH, LABELS = 3, 5, 8, 4
BIAS = np.array([-1.0, -2.0, 0.5, 0.0], dtype=np.float32)


@pytest.fixture
def hidden() -> Any:
    import torch

    torch.manual_seed(0)
    return torch.randn(N, LENGTH, WIDTH)


@pytest.fixture
def mask() -> Any:
    import torch

    return torch.arange(LENGTH)[None] < torch.tensor([5, 3, 1])[:, None]


def head(pooling: Pooling | None = None, hits: tuple[int, float] = (0, 0.0), covariates: int = 0) -> Head:
    return heads.initial(BIAS, WIDTH, pooling, hits=hits, covariates=covariates)


def test_each_label_attends_on_its_own(hidden: Any, mask: Any) -> None:
    import torch

    found = head().settled()
    logits = found.logits(hidden, mask)
    for text in range(N):
        tokens = hidden[text][mask[text]]
        for label in range(LABELS):
            weights = torch.softmax(tokens @ found.tensors["queries"][label], 0)
            context = (weights[:, None] * tokens).sum(0)
            expected = context @ found.tensors["values"][label] + float(BIAS[label])
            assert float(logits[text, label]) == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_pooling_by_hand(pooling: Pooling, hidden: Any, mask: Any) -> None:
    found = head(pooling)
    logits = found.logits(hidden, mask).detach().numpy()
    for text in range(N):
        tokens = hidden[text][mask[text]].numpy()
        pooled = {"mean": tokens.mean(0), "cls": tokens[0], "max": tokens.max(0)}[pooling]
        np.testing.assert_allclose(logits[text], found.tensors["values"].detach().numpy() @ pooled + BIAS, rtol=1e-4)


@pytest.mark.parametrize("pooling", [None, "mean", "cls", "max"])
def test_padding_says_nothing(pooling: Pooling | None, hidden: Any, mask: Any) -> None:
    found = head(pooling)
    changed = hidden.clone()
    changed[~mask] = 1e3
    np.testing.assert_array_equal(
        found.logits(changed, mask).detach().numpy(), found.logits(hidden, mask).detach().numpy()
    )


def test_a_hit_adds_to_its_own_label_at_first(hidden: Any, mask: Any) -> None:
    import torch

    found = head(hits=(LABELS, 2.0))
    hits = torch.zeros(N, LABELS)
    hits[1, 2] = 1.0
    added = found.logits(hidden, mask, Sides(hits)) - found.logits(hidden, mask, Sides(torch.zeros(N, LABELS)))
    np.testing.assert_allclose(added.detach().numpy(), 2.0 * hits.numpy(), atol=1e-6)


def test_hits_and_covariates_learn_to_speak_for_other_labels(hidden: Any, mask: Any) -> None:
    import torch

    found = head(hits=(LABELS, 2.0), covariates=2)
    sides = Sides(torch.ones(N, LABELS), torch.ones(N, 2))
    found.logits(hidden, mask, sides)[:, 3].sum().backward()
    for name in ("hits", "covariates"):
        assert float(found.tensors[name].grad.abs().sum()) > 0.0


def test_dropout_is_asked_for(hidden: Any, mask: Any) -> None:
    found = head()
    plain = found.logits(hidden, mask).detach().numpy()
    np.testing.assert_array_equal(found.logits(hidden, mask).detach().numpy(), plain)
    assert np.abs(found.logits(hidden, mask, dropout=0.5).detach().numpy() - plain).max() > 0.01


# --------------------------------------------------------------------------------------------------- titles


@pytest.fixture
def titled() -> Head:
    """Labels 0 to 3 have examples, and 1 of them no title; 4 and 5 have a title alone."""
    titles = np.random.default_rng(0).normal(size=(6, WIDTH)).astype(np.float32)
    titles[1] = 0.0
    return heads.titled(head(), titles, -5.0)


def test_labels_without_examples_come_last(titled: Head, hidden: Any, mask: Any) -> None:
    assert titled.learning().logits(hidden, mask).shape == (N, LABELS)
    settled = titled.settled()
    assert settled.logits(hidden, mask).shape == (N, LABELS + 2)
    np.testing.assert_allclose(settled.tensors["bias"].numpy(), [*BIAS, -5.0, -5.0])
    assert "titles" not in settled.tensors  # what scores needs none of it
    assert not settled.trained


def test_a_label_is_its_title_and_its_offset(titled: Head) -> None:
    values, offsets = titled.settled().tensors["values"].numpy(), titled.tensors["values"].detach().numpy()
    assert (offsets[[0, 2, 3]] == 0.0).all()
    assert np.abs(offsets[1]).max() > 0.0  # without a title it has a learnt vector alone
    np.testing.assert_allclose(np.linalg.norm(values[[0, 2, 3, 4, 5]], axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(values[1], offsets[1])


def test_training_leaves_some_offsets_out_but_never_a_whole_label(titled: Head) -> None:
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        titled.tensors["values"].fill_(7.0)
    mapped = (titled.tensors["titles"][:LABELS] @ titled.tensors["value_map"]).detach()
    drawn = [(titled.learning().tensors["values"] - mapped).mean(1).round().tolist() for _ in range(200)]
    left_out = (np.array(drawn) == 0.0).mean(axis=0)
    assert left_out[1] == 0.0
    assert ((left_out[[0, 2, 3]] > 0.1) & (left_out[[0, 2, 3]] < 0.3)).all()


def test_without_any_title_nothing_is_undefined(hidden: Any, mask: Any) -> None:
    found = heads.titled(head(), np.zeros((5, WIDTH), np.float32), -5.0).settled().logits(hidden, mask)
    assert np.isfinite(found.numpy()).all()
