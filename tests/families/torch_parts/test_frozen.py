from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from harness.families.torch_parts import frozen
from harness.families.torch_parts.tokens import Tokens

WIDTH, MOST = 4, 16
LENGTHS = np.array([3, 20, 1, 9])
FOUND = Tokens(np.arange(LENGTHS.sum(), dtype=np.int32), np.r_[0, np.cumsum(LENGTHS)])


class Compute:
    """Each id times 0.37 in every place of its state; counts the rows that it was asked for."""

    def __init__(self) -> None:
        self.rows = 0

    def __call__(self, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
        self.rows += len(ids)
        return np.repeat(ids[:, :, None] * 0.37, WIDTH, axis=2)


def test_keeps_what_was_computed_and_computes_it_once(tmp_path: Path) -> None:
    compute = Compute()
    first, again = (frozen.kept(FOUND, MOST, 0, WIDTH, compute, "key", tmp_path) for _ in range(2))
    assert compute.rows == len(FOUND)
    rows = np.array([3, 1])
    mask = np.arange(16) < np.array([9, 16])[:, None]
    for hidden in (first, again):
        assert isinstance(hidden.states, np.memmap)
        assert hidden.states.dtype == np.float16
        states = hidden.padded(rows, mask)
        np.testing.assert_allclose(states[0, :9, 0], np.arange(24, 33) * 0.37, rtol=1e-3)
        assert states[1, 15, 0] == pytest.approx(22 * 0.37, rel=1e-3)  # the last token of a text that was cut
        assert (states[0, 9:] == 0.0).all()


@pytest.mark.parametrize("other", ["key", "length", "texts"])
def test_other_layers_lengths_or_texts_are_computed_anew(other: str, tmp_path: Path) -> None:
    compute = Compute()
    frozen.kept(FOUND, MOST, 0, WIDTH, compute, "key", tmp_path)
    tokens = Tokens(FOUND.ids + 1, FOUND.first) if other == "texts" else FOUND
    frozen.kept(
        tokens, 8 if other == "length" else MOST, 0, WIDTH, compute, "other" if other == "key" else "key", tmp_path
    )
    assert compute.rows == 2 * len(FOUND)


def test_a_computation_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails(ids: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
        raise MemoryError

    with pytest.raises(MemoryError):
        frozen.kept(FOUND, MOST, 0, WIDTH, fails, "key", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_too_much_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    n = int(np.minimum(LENGTHS, MOST).sum())
    monkeypatch.setattr(frozen, "MOST_BYTES", n * WIDTH * 2)
    assert frozen.fits(FOUND, MOST, WIDTH)
    assert not frozen.fits(FOUND, MOST, WIDTH + 1)
