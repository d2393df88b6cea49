"""Batches of texts for networks: of like length, padded, with their codes as pairs and never as a dense matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.families.family import Examples, blocks

ROWS = 1_024  # texts scored at once
PLACES = 2**15  # of words, characters or n-grams scored at once, padding among them
Rows = npt.NDArray[np.integer[Any]]
Batch = dict[str, npt.NDArray[Any]]


class TextInputs(Protocol):
    """What a network reads of some texts."""

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """How long each text is; (n,)."""

    def batch(self, rows: Rows) -> Batch:
        """Arrays by the names of the network's inputs."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Texts with their hits (n, n_labels) and covariates (n, n_values), where the network reads these too."""

    text: TextInputs
    hits: csr_array | None = None
    covariates: csr_array | None = None

    def __len__(self) -> int:
        return len(self.text.lengths)

    def batch(self, rows: Rows) -> Batch:
        found = self.text.batch(rows)
        if self.hits is not None:
            found["hits"] = pairs(self.hits, rows)
        if self.covariates is not None:
            found["covariates"] = self.covariates[rows].toarray().astype(np.float32)
        return found

    def in_blocks(self, most: int | None = None) -> Iterator[Rows]:
        """Every text once, the short ones first, so many at a time as memory holds and no more than ``most``."""
        rows = ROWS if most is None else min(ROWS, most)
        order = np.argsort(self.text.lengths, kind="stable")
        start = 0
        while start < len(order):
            longest = int(self.text.lengths[order[min(start + rows, len(order)) - 1]])
            size = max(1, min(rows, PLACES // max(1, longest)))
            yield order[start : start + size]
            start += size


def pairs(matrix: csr_array, rows: Rows) -> npt.NDArray[np.int32]:
    """Rows and columns of the entries of some rows; (n_entries, 2)."""
    chosen = csr_array(matrix[rows])
    row = np.repeat(np.arange(len(rows)), np.diff(chosen.indptr))
    return np.stack([row, chosen.indices], axis=1).astype(np.int32)


def by_length(lengths: npt.NDArray[np.int64], rng: np.random.Generator, size: int) -> list[Rows]:
    """Shuffled batches of texts of like length, so that little of a batch is padding."""
    order = np.argsort(lengths * (1.0 + 0.2 * rng.random(len(lengths))) + rng.random(len(lengths)), kind="stable")
    cut = [order[rows] for rows in blocks(len(order), size)]
    return [cut[position] for position in rng.permutation(len(cut))]


def epoch(
    inputs: Inputs, train: Examples, weights: npt.NDArray[np.float32], batches: list[Rows], signature: Any, threads: int
) -> Any:
    """A tf.data set of the batches: inputs, pairs of texts and codes, pairs that are unknown, weights."""
    import tensorflow as tf

    def made() -> Iterator[tuple[Any, ...]]:
        for rows in batches:
            unknown = pairs(train.unknown_at(rows), np.arange(len(rows)))
            yield inputs.batch(rows), pairs(train.y, rows), unknown, weights[rows]

    of_pairs = tf.TensorSpec((None, 2), tf.int32)
    return fed(made, (signature, of_pairs, of_pairs, tf.TensorSpec((None,), tf.float32)), threads)


def fed(made: Callable[[], Iterator[tuple[Any, ...]]], signature: Any, threads: int) -> Any:
    """A tf.data set of what ``made`` yields, made ahead of its use."""
    import tensorflow as tf

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    return tf.data.Dataset.from_generator(made, output_signature=signature).prefetch(2).with_options(options)
