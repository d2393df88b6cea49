"""Texts as a base model's tokens: made once per tokenizer and corpus, and mapped from then on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harness.corpus.store import once
from harness.families.family import blocks

_BLOCK = 16_384  # texts that are parted at a time
_POOL = 64  # batches that are sorted by length together


@dataclass(frozen=True, slots=True)
class Tokens:
    """Ragged rows of tokens with the special ones, neither padded nor cut.

    Attributes
    ----------
    ids : (n_tokens,)
    first : (n + 1,) text ``i`` has the tokens ``first[i]`` up to ``first[i + 1]``
    """

    ids: npt.NDArray[np.int32]
    first: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first) - 1

    def lengths(self, most: int) -> npt.NDArray[np.int64]:
        """How many tokens each text has after cutting, (n,)."""
        found: npt.NDArray[np.int64] = np.minimum(np.diff(self.first), most)
        return found

    def padded(self, rows: npt.NDArray[np.integer[Any]], most: int, pad: int) -> npt.NDArray[np.int64]:
        """Some texts as one block of their longest's width, (n_rows, width).

        A text that is cut to ``most`` tokens keeps its last one, which tells the model that it ends.
        """
        start, stop = self.first[rows], self.first[rows + 1]
        lengths = np.minimum(stop - start, most)
        column = np.arange(int(lengths.max(initial=0)))
        filled = column < lengths[:, None]
        block = np.full(filled.shape, pad, dtype=np.int64)
        block[filled] = self.ids[(start[:, None] + column)[filled]]
        cut = np.flatnonzero(stop - start > most)
        if len(cut):
            block[cut, -1] = self.ids[stop[cut] - 1]
        return block


def tokens(texts: pa.Array, tokenizer: Any, key: str, cache: Path | None) -> Tokens:
    """Each text's tokens.

    Parameters
    ----------
    texts : (n,) strings, none of them null
    tokenizer : a fast tokenizer of transformers
    key : what tells it from others, as :func:`tokenizer_key` does
    cache : under ``tokens`` there, equal texts find what was made before; two that make it at once leave one
    """
    if cache is None:
        return _made(texts, tokenizer)
    home = cache / "tokens"
    name = hashlib.sha256(f"{key} {texts_key(texts)}".encode()).hexdigest()[:32]
    if not (home / name).is_dir():
        with once(home) as (temporary, keep):
            made = _made(texts, tokenizer)
            (temporary / name).mkdir()
            np.save(temporary / name / "ids.npy", made.ids)
            np.save(temporary / name / "first.npy", made.first)
            keep(name, name)
    return Tokens(*(np.load(home / name / f"{part}.npy", mmap_mode="r") for part in ("ids", "first")))


def tokenizer_key(tokenizer: Any) -> str:
    """One name for all that a fast tokenizer does to a text; a base model's and its adapted form's are the same."""
    return hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()[:16]


def texts_key(texts: pa.Array) -> str:
    """One name for some texts in their order; 32 hexadecimal digits."""
    large = texts.cast(pa.large_string())
    _, places, written = large.buffers()
    offsets = np.frombuffer(places, dtype=np.int64)[large.offset : large.offset + len(large) + 1]
    digest = hashlib.sha256(np.diff(offsets).tobytes())
    if written is not None and len(offsets):
        digest.update(memoryview(written)[offsets[0] : offsets[-1]])
    return digest.hexdigest()[:32]


def batches(
    lengths: npt.NDArray[np.integer[Any]], size: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    """Every text once, in random batches of ``size`` texts that are about equally long."""
    return _shuffled(
        [alike[rows] for alike in _pools(lengths, size * _POOL, rng) for rows in blocks(len(alike), size)], rng
    )


def filled_batches(
    lengths: npt.NDArray[np.integer[Any]], room: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    """Every text once, in random batches of about equally long texts that take at most ``room`` tokens when padded.

    A text that is longer than that is a batch of its own.
    """
    cut: list[npt.NDArray[np.int64]] = []
    for alike in _pools(lengths, room, rng):
        while len(alike):
            taken = lengths[alike] * np.arange(1, len(alike) + 1)
            n = max(1, int(np.searchsorted(taken, room, side="right")))
            cut.append(alike[:n])
            alike = alike[n:]
    return _shuffled(cut, rng)


def _pools(
    lengths: npt.NDArray[np.integer[Any]], size: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    """Random texts, so many at a time, the shortest first."""
    order = rng.permutation(len(lengths))
    for pool in blocks(len(order), size):
        yield order[pool][np.argsort(lengths[order[pool]], kind="stable")]


def _shuffled(cut: list[npt.NDArray[np.int64]], rng: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    return (cut[batch] for batch in rng.permutation(len(cut)))


def _made(texts: pa.Array, tokenizer: Any) -> Tokens:
    parts: list[npt.NDArray[np.int32]] = []
    lengths: list[npt.NDArray[np.int64]] = []
    for rows in blocks(len(texts), _BLOCK):
        found = tokenizer(
            texts[rows].to_pylist(),
            truncation=False,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,  # texts longer than the model reads are cut later
        )["input_ids"]
        lengths.append(np.fromiter(map(len, found), dtype=np.int64, count=len(found)))
        parts += [np.array(row, dtype=np.int32) for row in found]
    none = np.zeros(0, dtype=np.int64)
    return Tokens(
        np.concatenate([none.astype(np.int32), *parts]), np.r_[np.int64(0), np.cumsum(np.concatenate([none, *lengths]))]
    )
