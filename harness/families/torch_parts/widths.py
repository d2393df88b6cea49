"""Blocks of token rows that are padded to a width that depends on each text alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.families.family import blocks
from harness.families.torch_parts.tokens import Tokens

STEP = 8  # widths are multiples of it
BLOCK = 8_192  # tokens that are looked at together
PAIRS = 2**25  # of tokens and labels that are, where each token has a score of each label: 128 MiB


def most_tokens(asked: int, tokenizer: Any) -> int:
    """How many tokens of a text are read: what is asked for, what the model can, and a whole number of steps."""
    return max(STEP, min(asked, int(tokenizer.model_max_length)) // STEP * STEP)


def alike(lengths: npt.NDArray[np.int64], labels: int = 1) -> Iterator[npt.NDArray[np.int64]]:
    """Every row once, in blocks of one padded width and about ``BLOCK`` tokens; narrow ones first.

    Where each token has a score of each of many ``labels``, blocks are smaller.
    """
    widths = _padded_width(lengths)
    for width in np.unique(widths):
        rows = np.flatnonzero(widths == width)
        for some in blocks(len(rows), max(1, min(BLOCK, PAIRS // labels) // int(width))):
            yield rows[some]


def block(
    tokens: Tokens, rows: npt.NDArray[np.int64], most: int, pad: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Ids of some rows and where they are, each (n_rows, width); as wide as the longest of them is padded alone."""
    ids = tokens.padded(rows, most, pad)
    width = int(_padded_width(np.array([ids.shape[1]]))[0])
    mask = np.arange(width) < np.minimum(tokens.first[rows + 1] - tokens.first[rows], most)[:, None]
    return np.pad(ids, ((0, 0), (0, width - ids.shape[1])), constant_values=pad), mask


def _padded_width(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    widths: npt.NDArray[np.int64] = np.maximum(-(-lengths // STEP), 1) * STEP
    return widths
