from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_base import small_body

from harness.families.torch_parts import body
from harness.families.torch_parts.pretrained import layers_of


def inputs() -> tuple[Any, Any]:
    import torch

    ids = torch.randint(3, 50, (2, 8), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(8) < torch.tensor([[8], [5]])
    return ids.masked_fill(~mask, 0), mask


def hidden(model: Any, **more: Any) -> Any:
    _, mask = inputs()
    return model(attention_mask=mask, **more).last_hidden_state.detach()[mask].numpy()


@pytest.mark.parametrize("kind", ["bert", "roberta", "camembert", "distilbert", "electra", "modernbert"])
@pytest.mark.parametrize("frozen", [1, 2])
def test_lower_and_upper_part_are_the_whole(kind: str, frozen: int) -> None:
    model, (ids, mask) = small_body(kind), inputs()
    whole = hidden(model, input_ids=ids)
    states = body.lower(model, frozen)(ids, mask).detach()
    above = body.upper(model, frozen)
    np.testing.assert_allclose(hidden(above, inputs_embeds=states), whole, rtol=1e-4, atol=1e-5)
    assert np.abs(states[mask].numpy() - whole).max() > 1e-3
    np.testing.assert_array_equal(hidden(model, input_ids=ids), whole)  # which is untouched


def test_parts_share_their_weights_and_not_their_dropout() -> None:
    import torch

    model, (ids, _) = small_body("bert"), inputs()
    before = hidden(model, input_ids=ids)
    above = body.upper(model, 2)
    body.drop_out(above, 0.5, 0)
    np.testing.assert_array_equal(hidden(model, input_ids=ids), before)  # no dropout here
    with torch.no_grad():
        for weight in layers_of(above)[0].parameters():
            weight.mul_(1.5)
    assert np.abs(hidden(model, input_ids=ids) - before).max() > 1e-3


def test_frozen_layers_learn_nothing_and_drop_nothing_out() -> None:
    model = small_body("bert")
    body.freeze(model, 2)
    learns = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert learns
    assert all(name.startswith("encoder.layer.2.") for name in learns)
    body.drop_out(model, 0.3, 2)
    assert not model.embeddings.dropout.training
    assert [layer.training for layer in layers_of(model)] == [False, False, True]


def test_nothing_frozen_means_that_embeddings_learn_too() -> None:
    model = small_body("bert")
    body.freeze(model, 0)
    assert all(weight.requires_grad for weight in model.parameters())


def test_depth_counts_the_layers_above() -> None:
    above = body.depth(small_body("modernbert"))
    assert {name.partition("layers.")[2][:1]: place for name, place in above.items() if "layers." in name} == {
        "0": 2, "1": 1, "2": 0,
    }  # fmt: skip
    assert {place for name, place in above.items() if name.startswith("embeddings.")} == {3}
    assert {place for name, place in above.items() if name.startswith("final_norm")} == {0}


def test_low_rank_products_alone_learn_and_merge_into_plain_weights() -> None:
    import torch

    model, (ids, _) = small_body("bert"), inputs()
    names, before = list(model.state_dict()), hidden(model, input_ids=ids)
    assert body.merged(model) is model
    body.freeze(model, 1)
    body.low_rank(model, 2, 1)
    learns = [name for name, weight in model.named_parameters() if weight.requires_grad]
    assert learns
    assert all("lora_" in name and not name.startswith("encoder.layer.0.") for name in learns)
    np.testing.assert_allclose(hidden(model, input_ids=ids), before, atol=1e-6)  # at first they are nothing
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.normal_(std=0.3)
    tuned, plain = hidden(model, input_ids=ids), body.merged(model)
    assert list(plain.state_dict()) == names
    np.testing.assert_allclose(hidden(plain, input_ids=ids), tuned, rtol=1e-4, atol=1e-5)
    assert np.abs(tuned - before).max() > 1e-3
    np.testing.assert_array_equal(hidden(model, input_ids=ids), tuned)  # it may go on
