"""What frozen layers make of each text: computed once, kept in half precision on disk, and mapped from then on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.corpus.store import once
from harness.families.torch_parts.tokens import Tokens
from harness.families.torch_parts.widths import alike, block

MOST_BYTES = 2**32  # outputs beyond are not kept, but computed in each epoch
SMALLEST, LARGEST = np.finfo(np.float16).min, np.finfo(np.float16).max


@dataclass(frozen=True, slots=True)
class Hidden:
    """Ragged rows of hidden states, one a token, as :class:`Tokens` has ids.

    Attributes
    ----------
    states : (n_tokens, width) in half precision
    first : (n + 1,)
    """

    states: npt.NDArray[np.float16]
    first: npt.NDArray[np.int64]

    def padded(self, rows: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """The states of some rows where ``mask`` has their tokens, else zeros; (n_rows, length, width)."""
        found = np.zeros((*mask.shape, self.states.shape[1]), dtype=np.float32)
        column = np.arange(mask.shape[1])
        found[mask] = self.states[(self.first[rows][:, None] + column)[mask]]
        return found


def fits(tokens: Tokens, most: int, width: int) -> bool:
    """Whether the hidden states of these texts may be kept."""
    return int(tokens.lengths(most).sum()) * width * 2 <= MOST_BYTES


def kept(
    tokens: Tokens,
    most: int,
    pad: int,
    width: int,
    compute: Callable[[Any, Any], npt.NDArray[Any]],
    key: str,
    home: Path,
) -> Hidden:
    """The hidden states of each text, as they lie under ``home`` or computed and laid there.

    Parameters
    ----------
    compute : hidden states (n, length, width) of ids and mask, each (n, length)
    key : what they depend on besides the tokens
    """
    digest = hashlib.sha256(f"{key} {most} {width}".encode())
    for part in (tokens.first, tokens.ids):
        digest.update(part.tobytes())
    name = digest.hexdigest()[:32]
    if not (home / name).is_dir():
        with once(home) as (temporary, keep):
            (temporary / name).mkdir()
            _write(temporary / name / "states.npy", tokens, most, pad, width, compute)
            keep(name, name)
    return Hidden(np.load(home / name / "states.npy", mmap_mode="r"), _first(tokens, most))


def _first(tokens: Tokens, most: int) -> npt.NDArray[np.int64]:
    first: npt.NDArray[np.int64] = np.r_[np.int64(0), np.cumsum(tokens.lengths(most))]
    return first


def _write(
    path: Path, tokens: Tokens, most: int, pad: int, width: int, compute: Callable[[Any, Any], npt.NDArray[Any]]
) -> None:
    first = _first(tokens, most)
    states = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(int(first[-1]), width))
    for rows in alike(tokens.lengths(most)):
        ids, mask = block(tokens, rows, most, pad)
        place = (first[rows][:, None] + np.arange(mask.shape[1]))[mask]
        states[place] = np.clip(compute(ids, mask)[mask], SMALLEST, LARGEST)
    states.flush()
