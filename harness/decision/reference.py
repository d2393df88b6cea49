"""The reference: what training's lines and certificates look like, and where the unlike begins.

How far a certificate may depart is not set by hand. Training's distinct certificates are parted into halves, and each
half is looked at as if only the other were known, which is how next year's certificates will be met.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harness.corpus.certificate import BoolArray, IntArray, lines_of
from harness.decision.fragments import EDGE, Fragments, Int64Array, Unrolled, per_line, unrolled
from harness.files import read_json, write_json

LEFT_OUT = 0.001  # share of the certificates that were left out (or lines) that a limit may stop
LONGER = 1.5  # times the longest of training
STRANGER = 1.1  # times the excess at LEFT_OUT: what is new next year is newer than another half
ENOUGH = 20  # unseen 4-grams, three words or so: by fewer no other language can be told from a new word
DIGITS = "0123456789"
# A small corpus lacks letters of its own alphabet: one of which half is known counts as known whole.
ALPHABETS = (
    ("a", "z"), ("α", "ω"), ("а", "я"), ("ա", "ֆ"), ("א", "ת"), ("ء", "ي"), ("ა", "ჰ"), ("ぁ", "ゖ"), ("ァ", "ヺ"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted of some normalised lines, or of certificates; each (n,).

    Attributes
    ----------
    characters : of the normalised text
    lines : 1 for a line that holds a letter or digit; of a certificate, how many of these it has
    unknown_characters, ngrams, unseen_ngrams : with repeats
    """

    characters: Int64Array
    lines: Int64Array
    unknown_characters: Int64Array
    ngrams: Int64Array
    unseen_ngrams: Int64Array

    @classmethod
    def joined(cls, parts: Iterable[Counts]) -> Counts:
        """One part after the other."""
        nothing = (np.zeros(0, dtype=np.int64),) * 5
        return cls(*map(np.concatenate, zip(nothing, *(part._columns for part in parts), strict=True)))

    def take(self, rows: IntArray) -> Counts:
        return Counts(*(column[rows] for column in self._columns))

    def summed(self, first_line: Int64Array) -> Counts:
        """Of certificates, from those of their lines."""
        return Counts(*(per_line(column, np.diff(first_line)) for column in self._columns))

    @property
    def _columns(self) -> tuple[Int64Array, ...]:
        return self.characters, self.lines, self.unknown_characters, self.ngrams, self.unseen_ngrams


@dataclass(frozen=True, slots=True)
class Alphabet:
    """Known letters, digits and marks."""

    known: str  # sorted, distinct

    @classmethod
    def learnt(cls, normalised: pa.Array) -> Alphabet:
        """Those of some normalised texts, the ten digits, and the rest of every alphabet of which half is known."""
        found = np.zeros(sys.maxunicode + 1, dtype=bool)
        for block in unrolled(normalised):
            found[block.characters] = True
        known = set(map(chr, np.flatnonzero(found))) - {" ", EDGE}
        for first, last in ALPHABETS:
            alphabet = {chr(point) for point in range(ord(first), ord(last) + 1)}
            known |= alphabet if 2 * len(alphabet & known) >= len(alphabet) else set()
        return cls("".join(sorted(known | set(DIGITS))))

    def unknown(self, block: Unrolled) -> Int64Array:
        """How many characters of each line are not known; (n,)."""
        points = np.frombuffer((self.known + " ").encode("utf-32-le"), dtype="<u4")
        unknown = ~np.isin(block.characters[block.inside], points, kind="table")
        return per_line(unknown.astype(np.int64), block.lengths)


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a line, or a certificate, is unlike training's; the limit itself is still like them."""

    characters: int
    lines: int
    unknown_characters: int
    unseen_share: float  # of the 4-grams, as is usual
    excess: float | None  # None where training is too small to tell

    @classmethod
    def learnt(cls, counts: Counts, *, parted: bool) -> Limits:
        """From training's lines or certificates, looked at as held out; ``parted`` unless there was but one half."""
        share = float(counts.unseen_ngrams.sum() / max(1, counts.ngrams.sum()))
        return cls(
            characters=math.ceil(LONGER * counts.characters.max(initial=0)),
            lines=math.ceil(LONGER * counts.lines.max(initial=0)),
            unknown_characters=int(_highest(counts.unknown_characters)),
            unseen_share=share,
            excess=STRANGER * max(0.0, float(_highest(_excess(counts, share)))) if parted else None,
        )

    def unknown_character(self, counts: Counts) -> BoolArray:
        return np.asarray(counts.unknown_characters > self.unknown_characters)

    def too_long(self, counts: Counts) -> BoolArray:
        return np.asarray((counts.characters > self.characters) | (counts.lines > self.lines))

    def other_language(self, counts: Counts) -> BoolArray:
        if self.excess is None:
            return np.zeros(len(counts.ngrams), dtype=bool)
        strange = _excess(counts, self.unseen_share) > self.excess
        return np.asarray(strange & (counts.unseen_ngrams >= ENOUGH))


@dataclass(frozen=True, slots=True)
class Reference:
    """What training's texts look like: their characters, and the limits for a line and for a certificate."""

    alphabet: Alphabet
    line: Limits
    certificate: Limits

    @classmethod
    def learnt(cls, lines: pa.Array, of_line: Int64Array, first_line: Int64Array, terms: pa.Array) -> Reference:
        """From training's certificates.

        Parameters
        ----------
        lines : (n_distinct,) distinct normalised lines
        of_line : (n_lines,) for each line its position among these
        first_line : (n + 1,) the lines of each certificate
        terms : normalised texts that are known besides
        """
        alphabet = Alphabet.learnt(pa.concat_arrays([lines, terms]))
        hashes = np.concatenate([np.zeros(0, np.uint64), *(block.hashes() for block in unrolled(lines))])
        # Certificates of the same lines count once, and fall into the same half.
        of_certificate = per_line(hashes[of_line], np.diff(first_line))
        _, rows, distinct = np.unique(of_certificate, return_index=True, return_inverse=True)
        halves = [of_line[np.repeat(distinct % 2 == half, np.diff(first_line))] for half in (0, 1)]
        parted = min(map(len, halves)) > 0
        left_out = _left_out(lines, halves if parted else (), terms)
        within, offsets = lines_of(first_line, rows)
        whole = left_out.take(of_line[within]).summed(offsets)
        return cls(alphabet, Limits.learnt(left_out, parted=parted), Limits.learnt(whole, parted=parted))

    def save(self, path: Path) -> None:
        values = {"characters": self.alphabet.known, "line": asdict(self.line), "certificate": asdict(self.certificate)}
        write_json(path, values)

    @classmethod
    def load(cls, path: Path) -> Reference:
        """What :meth:`save` wrote."""
        values = read_json(path)
        return cls(Alphabet(values["characters"]), Limits(**values["line"]), Limits(**values["certificate"]))


def count(block: Unrolled, fragments: Fragments | None = None, alphabet: Alphabet | None = None) -> Counts:
    """What is counted of each line of a block; nothing is unknown where it is not said what is known."""
    nothing = np.zeros(len(block.lengths), dtype=np.int64)
    return Counts(
        characters=block.lengths,
        lines=(block.lengths > 0).astype(np.int64),
        unknown_characters=nothing if alphabet is None else alphabet.unknown(block),
        ngrams=block.n_ngrams,
        unseen_ngrams=nothing if fragments is None else fragments.unseen_ngrams(block),
    )


def _left_out(lines: pa.Array, halves: Sequence[Int64Array], terms: pa.Array) -> Counts:
    """Counts of training's distinct lines, (n_distinct,), each looked at from the half that does not have it.

    ``halves`` are positions among ``lines``. In its own half a line finds nothing unknown, so the sum over both halves is
    what the other one lacks: nothing where both have it.
    """
    every = Counts.joined(count(block) for block in unrolled(lines))
    for half in halves:
        mine = np.zeros(len(lines), dtype=bool)
        mine[half] = True
        known = pa.concat_arrays([lines.filter(pa.array(mine)), terms])
        fragments, alphabet = Fragments.learnt(known), Alphabet.learnt(known)
        lacking = Counts.joined(count(block, fragments, alphabet) for block in unrolled(lines))
        every = replace(
            every,
            unknown_characters=every.unknown_characters + lacking.unknown_characters,
            unseen_ngrams=every.unseen_ngrams + lacking.unseen_ngrams,
        )
    return every


def _excess(counts: Counts, share: float) -> npt.NDArray[np.float64]:
    """Unseen 4-grams beyond the usual share, in roots of the 4-grams' number, by which chance grows; 0 without any."""
    beyond = counts.unseen_ngrams - share * counts.ngrams
    return np.asarray(beyond / np.sqrt(np.maximum(counts.ngrams, 1)), dtype=np.float64)


def _highest(values: npt.NDArray[Any]) -> Any:
    """The least value that at most a share LEFT_OUT of the values exceeds; 0 without any."""
    return np.quantile(values, 1 - LEFT_OUT, method="higher") if len(values) else 0
