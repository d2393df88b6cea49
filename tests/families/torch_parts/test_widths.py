from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from harness.families.torch_parts import widths
from harness.families.torch_parts.tokens import Tokens

LENGTHS = np.array([3, 8, 9, 2, 30, 16, 17])
FOUND = Tokens(np.arange(LENGTHS.sum(), dtype=np.int32) + 100, np.r_[0, np.cumsum(LENGTHS)])


def test_every_row_stands_in_one_block_of_its_own_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widths, "BLOCK", 16)
    found = [rows.tolist() for rows in widths.alike(LENGTHS)]
    assert found == [[0, 1], [3], [2], [5], [6], [4]]


def test_many_labels_make_blocks_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widths, "PAIRS", 1_600)
    found = [rows.tolist() for rows in widths.alike(np.full(7, 8), 100)]
    assert found == [[0, 1], [2, 3], [4, 5], [6]]
    assert len(list(widths.alike(np.full(7, 8), 10_000))) == 7


@pytest.mark.parametrize(("row", "width"), [(0, 8), (1, 8), (2, 16), (4, 24)])
def test_a_width_depends_on_the_text_alone(row: int, width: int) -> None:
    ids, mask = widths.block(FOUND, np.array([row]), 24, pad=1)
    assert ids.shape == mask.shape == (1, width)
    assert mask.sum() == min(LENGTHS[row], 24)
    assert (ids[~mask] == 1).all()
    assert ids[0, 0] == FOUND.ids[FOUND.first[row]]
    assert ids[mask][-1] == FOUND.ids[FOUND.first[row + 1] - 1]  # a cut text keeps its last token


@pytest.mark.parametrize(("asked", "limit", "found"), [(64, 512, 64), (100, 512, 96), (512, 130, 128), (8, 10**30, 8)])
def test_reads_what_is_asked_for_and_what_the_model_can(asked: int, limit: int, found: int) -> None:
    assert widths.most_tokens(asked, SimpleNamespace(model_max_length=limit)) == found
