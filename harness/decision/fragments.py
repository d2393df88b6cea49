"""What training's lines are made of, without their text: hashes of character 4-grams and of whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.corpus.certificate import BoolArray
from harness.files import replacing

Hashes = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]

N = 4  # characters of a fragment
BLOCK = 65_536  # lines whose characters are unrolled at once
EDGE = "\n"  # stands between lines; normalised text never holds it
_BITS = np.uint64(21)  # of a code point
_FOURTH = np.uint64(0x9E3779B97F4A7C15)  # odd, so that different fourth characters stay different


@dataclass(frozen=True, slots=True)
class Unrolled:
    """Some normalised lines, character by character.

    Attributes
    ----------
    characters : code points; every line stands between two EDGEs, and neighbours share one
    lengths : (n,) characters of each line
    """

    characters: npt.NDArray[np.uint32]
    lengths: Int64Array

    @property
    def inside(self) -> BoolArray:
        """Which characters belong to a line."""
        return np.asarray(self.characters != ord(EDGE))

    @property
    def n_ngrams(self) -> Int64Array:
        """The 4-grams of each line; (n,)."""
        return np.maximum(self.lengths + 2 - (N - 1), 0)

    def ngrams(self) -> Hashes:
        """The hashes of all 4-grams, line after line.

        A line has a space before and behind it, so that a word is made of the same 4-grams wherever it stands.
        """
        inside = self.inside
        whole = inside[1:-2] & inside[2:-1]
        spaced = np.where(inside, self.characters, np.uint32(ord(" "))).astype(np.uint64)
        first_three = spaced[:-3] | spaced[1:-2] << _BITS | spaced[2:-1] << (_BITS + _BITS)
        return _mixed(_mixed(first_three[whole]) + spaced[3:][whole] * _FOURTH)

    def hashes(self) -> Hashes:
        """The hash of each line: the sum of what its characters in their places give; (n,)."""
        characters = self.characters[self.inside].astype(np.uint64)
        ends = np.cumsum(self.lengths)
        place = 1 + np.arange(len(characters)) - np.repeat(ends - self.lengths, self.lengths)
        given = _mixed(characters | place.astype(np.uint64) << _BITS)
        return _mixed(per_line(given, self.lengths))


@dataclass(frozen=True, slots=True)
class Fragments:
    """Known 4-grams and known lines.

    The hashes are the same on every machine and in every run. That any of a million new lines is taken for one of a
    million known ones by its hash alone has a probability of 1 in 18 million.

    Attributes
    ----------
    ngrams, lines : sorted, distinct
    """

    ngrams: Hashes
    lines: Hashes

    @classmethod
    def learnt(cls, normalised: pa.Array) -> Fragments:
        """Those of some normalised texts (:func:`harness.corpus.words.normalise`)."""
        ngrams, lines = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
        for block in unrolled(normalised):
            ngrams.append(_distinct(block.ngrams()))
            lines.append(block.hashes())
        return cls(_distinct(np.concatenate(ngrams)), _distinct(np.concatenate(lines)))

    def unseen_ngrams(self, block: Unrolled) -> Int64Array:
        """How many 4-grams of each line are not known; (n,)."""
        unseen = ~_among(block.ngrams(), self.ngrams)
        return per_line(unseen.astype(np.int64), block.n_ngrams)

    def unseen_lines(self, block: Unrolled) -> BoolArray:
        """Which lines are not known; (n,). An empty line says nothing new."""
        return ~_among(block.hashes(), self.lines) & (block.lengths > 0)

    def save(self, path: Path) -> None:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, ngrams=self.ngrams, lines=self.lines)

    @classmethod
    def load(cls, path: Path) -> Fragments:
        """What :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(arrays["ngrams"], arrays["lines"])


def unrolled(normalised: pa.Array) -> Iterator[Unrolled]:
    """Normalised lines in blocks, for each character takes some 50 bytes on the way to its hash."""
    for start in range(0, len(normalised), BLOCK):
        block = normalised[start : start + BLOCK]
        lengths = pc.utf8_length(block).to_numpy(zero_copy_only=False).astype(np.int64)
        joined = EDGE.join(["", *block.to_pylist(), ""])
        yield Unrolled(np.frombuffer(joined.encode("utf-32-le"), dtype="<u4"), lengths)


def per_line(values: npt.NDArray[Any], lengths: Int64Array) -> npt.NDArray[Any]:
    """Sums over the ``lengths[i]`` values of each line; whole numbers wrap around, so that differences stay right."""
    sums = np.zeros(len(values) + 1, dtype=values.dtype)
    np.cumsum(values, out=sums[1:])
    ends = np.cumsum(lengths)
    return np.asarray(sums[ends] - sums[ends - lengths])


def _distinct(hashes: Hashes) -> Hashes:
    ordered = np.sort(hashes)  # ten times as fast as numpy.unique, which hashes them once more
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def _among(hashes: Hashes, known: Hashes) -> BoolArray:
    found: BoolArray = pc.is_in(pa.array(hashes), value_set=pa.array(known)).to_numpy(zero_copy_only=False)
    return found


def _mixed(key: Hashes) -> Hashes:
    """Every bit of the key moves every bit of the result: the finaliser of SplitMix64.

    References
    ----------
    Steele, Lea, Flood. Fast Splittable Pseudorandom Number Generators. OOPSLA 2014.
    """
    key = (key ^ key >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ key >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return key ^ key >> np.uint64(31)
