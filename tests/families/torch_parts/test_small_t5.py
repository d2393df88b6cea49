from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array, eye_array

from harness.families.torch_parts import small_t5, word_parts
from harness.families.torch_parts.small_t5 import Sizes

SIZES = Sizes(tokens=12, width=32, layers=1, decoder_layers=1, dropout=0.0, first_code=8, n_codes=4)
WORDS = Sizes(tokens=12, width=32, layers=1, decoder_layers=1, dropout=0.0, features=16, first_code=8, n_codes=4)
PARTS = csr_array(np.eye(6, 16, dtype=np.float32))
both = pytest.mark.parametrize("sizes", [SIZES, WORDS], ids=["pieces", "words"])


def network(sizes: Sizes, seed: int = 0) -> Any:
    model = small_t5.fresh(sizes, pad=0, end=1, seed=seed).eval()
    word_parts.tell(model, PARTS if sizes.features else None)
    return model


def logits(model: Any, ids: list[list[int]]) -> Any:
    source = torch.tensor(ids)
    before = torch.zeros((len(ids), 1), dtype=torch.int64)
    with torch.no_grad():
        return model(input_ids=source, attention_mask=source > 0, decoder_input_ids=before, use_cache=False).logits[
            :, 0
        ]


@both
def test_weights_come_from_the_seed(sizes: Sizes) -> None:
    one, same, other = (network(sizes, seed) for seed in (3, 3, 4))
    assert torch.equal(logits(one, [[2, 3]]), logits(same, [[2, 3]]))
    assert not torch.equal(logits(one, [[2, 3]]), logits(other, [[2, 3]]))


@both
def test_loads_what_was_saved(sizes: Sizes, tmp_path: Path) -> None:
    model = network(sizes)
    model.save_pretrained(tmp_path)
    loaded = small_t5.load(tmp_path).eval()
    word_parts.tell(loaded, PARTS if sizes.features else None)
    assert torch.equal(logits(loaded, [[2, 3], [4, 0]]), logits(model, [[2, 3], [4, 0]]))
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".safetensors"}


@both
def test_a_text_is_read_alone_and_may_be_empty(sizes: Sizes) -> None:
    model = network(sizes)
    together = logits(model, [[2, 3, 4], [5, 0, 0], [0, 0, 0]])
    torch.testing.assert_close(together[1], logits(model, [[5, 0, 0]])[0])
    assert torch.isfinite(together).all()


@both
def test_codes_also_look_at_the_text_by_themselves(sizes: Sizes) -> None:
    model = network(sizes)
    before = logits(model, [[2, 3]])
    with torch.no_grad():
        model.alone.bias += torch.tensor([1.0, 2.0, 3.0, 4.0])
    added = logits(model, [[2, 3]]) - before
    torch.testing.assert_close(added[0], torch.tensor([0.0] * 8 + [1.0, 2.0, 3.0, 4.0]))


def test_begins_by_writing_what_it_reads() -> None:
    """Before a single step the code whose own word is read is the likeliest of all codes."""
    told: Any = csr_array(np.vstack([np.zeros((8, 16)), eye_array(4, 16).toarray()]).astype(np.float32))
    right = 0
    for seed in range(5):
        model = network(WORDS, seed)
        small_t5.begin_by_copying(model, told, np.zeros(4))
        found = logits(model, [[1], [2], [3], [4]])  # whose parts are the features 1 to 4
        right += int((found[:3, 8:].argmax(1) == torch.tensor([1, 2, 3])).sum())
    assert right >= 9  # of 15; by chance 3 or 4


def test_begins_with_the_shares_of_codes() -> None:
    model = network(WORDS)
    nothing: Any = csr_array((12, 16), dtype=np.float32)
    small_t5.begin_by_copying(model, nothing, np.log([0.1, 0.2, 0.3, 0.4]))
    np.testing.assert_allclose(model.alone.bias.detach().numpy(), np.log([0.1, 0.2, 0.3, 0.4]), rtol=1e-6)
