"""Counts: how often keys of any kind stand in examples, and with which codes; and the answers that shares give."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.corpus.certificate import BoolArray
from harness.families.family import Examples

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
SOME = 0.5  # occurrences: more than none, whatever rounding left
SLIGHT = 1e-9  # of all weights: rounding


@dataclass(frozen=True)
class Counts:
    """How often some keys stand in examples, and with which codes.

    Attributes
    ----------
    given : (n_keys, n_labels) weights of the examples with a key that have a code
    seen : (n_keys, n_eras) weights of the examples with a key, by era
    unknown : (n_eras, n_labels) codes whose absence in an era says nothing
    times : (n_keys,) occurrences
    """

    given: csr_array
    seen: FloatArray
    unknown: csr_array
    times: FloatArray

    @classmethod
    def of(cls, keys: csr_array, train: Examples, kept: FloatArray) -> Counts:
        """Of the examples, of whose occurrences a share is ``kept`` (n,); ``keys`` (n_keys, n) 1 where one has a key."""
        weighed = csr_array((keys.data * (train.weights * kept)[keys.indices], keys.indices, keys.indptr), keys.shape)
        given = csr_array(weighed @ train.y.astype(np.float64))
        given.eliminate_zeros()
        given.sort_indices()
        n = len(train)
        eras = csr_array((np.ones(n), (np.arange(n), train.era)), shape=(n, train.unknown.shape[0]))
        return cls(given, (weighed @ eras).toarray(), train.unknown, keys @ (standing(train) * kept))

    def take(self, keys: IntArray) -> Counts:
        """Some keys, in this order."""
        return Counts(csr_array(self.given[keys]), self.seen[keys], self.unknown, self.times[keys])

    def stand(self, keys: IntArray) -> BoolArray:
        """Whether keys stand in any example that is left; −1 is none; (len(keys),)."""
        if not len(self.times):
            return np.zeros(len(keys), dtype=bool)
        stands: BoolArray = (keys >= 0) & (self.times[keys] > SOME)
        return stands

    @cached_property
    def total(self) -> FloatArray:
        """Weights of all examples with a key, (n_keys,)."""
        return np.asarray(self.seen.sum(axis=1), dtype=np.float64)

    def known(self, keys: IntArray, labels: IntArray) -> FloatArray:
        """Weights of the examples with a key that say whether they have a code; (n_pairs,)."""
        if not self.unknown.nnz:
            return self.total[keys]
        silent: FloatArray = np.einsum("pe,ep->p", self.seen[keys], self._unknown[:, labels])
        return self.total[keys] - silent

    @cached_property
    def _unknown(self) -> FloatArray:
        return self.unknown.toarray().astype(np.float64)

    @cached_property
    def _flat(self) -> IntArray:
        key = np.repeat(np.arange(self.given.shape[0], dtype=np.int64), np.diff(self.given.indptr))
        return key * self.given.shape[1] + self.given.indices

    def weight(self, keys: IntArray, labels: IntArray) -> FloatArray:
        """Weights of the examples with a key that have a code; (n_pairs,)."""
        if not len(self._flat):
            return np.zeros(len(keys))
        wanted = keys * self.given.shape[1] + labels
        place = np.minimum(np.searchsorted(self._flat, wanted), len(self._flat) - 1)
        return np.where(self._flat[place] == wanted, self.given.data[place], 0.0)

    def pairs(self, keys: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
        """For each wanted key in turn its codes: position in ``keys``, label, weight; (n_pairs,)."""
        found = csr_array(self.given[keys])
        position = np.repeat(np.arange(len(keys), dtype=np.int64), np.diff(found.indptr))
        return position, found.indices.astype(np.int64), found.data

    def arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Plain arrays for an .npz file, without what all counts of a model share."""
        given = {part: getattr(self.given, part) for part in ("data", "indices", "indptr")}
        return {f"{name}_{part}": array for part, array in {**given, "seen": self.seen, "times": self.times}.items()}

    @classmethod
    def load(cls, arrays: Any, name: str, unknown: csr_array) -> Counts:
        data, indices, indptr, seen, times = (
            arrays[f"{name}_{part}"] for part in ("data", "indices", "indptr", "seen", "times")
        )
        return cls(csr_array((data, indices, indptr), shape=(len(indptr) - 1, unknown.shape[1])), seen, unknown, times)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a source says of some texts: pairs of a text and a code, ascending.

    Attributes
    ----------
    pair : (n_pairs,) row · n_labels + label
    share : (n_pairs,) how often the code was given where this was seen, in (0, 1)
    of_pair : further numbers by pair, each (n_pairs,)
    of_row : numbers by text, each (n,)
    """

    pair: IntArray
    share: FloatArray
    of_pair: dict[str, FloatArray]
    of_row: dict[str, FloatArray]


def standing(train: Examples) -> FloatArray:
    """How often each example stands anywhere, (n,): a term of list or dictionaries once."""
    return np.maximum(train.times, 1.0)


def usual_shares(train: Examples, kept: FloatArray, doubt: float) -> FloatArray:
    """Each code's share of the certificates that say whether they have it, (n_labels,); ``doubt`` cases count half.

    Where all of these have the code, or there are none, that tells little: then all certificates count.
    """
    weights = train.weights * kept * (train.times > 0)  # terms of list and dictionaries are no certificates
    given = np.asarray(weights @ train.y).ravel()
    known, total = train.known_weight(weights), weights.sum()
    known = np.where(known - given <= SLIGHT * total, total, known)
    shares: FloatArray = (given + doubt / 2.0) / np.maximum(known + doubt, 1e-12)
    return shares
