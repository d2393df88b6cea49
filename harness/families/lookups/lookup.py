"""Lookup: texts that training knows, by ever looser keys, each level leaning on the looser one below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from harness.corpus import words
from harness.corpus.certificate import strings
from harness.families.family import Examples
from harness.families.lookups.counts import Answers, Counts, FloatArray, IntArray

Level = Literal["exact", "case", "plain", "content", "sorted", "stems"]
# As written; small letters; without accents and punctuation; without stop words; in any word order; stems.
LEVELS: tuple[Level, ...] = ("exact", "case", "plain", "content", "sorted", "stems")


@dataclass(frozen=True, slots=True)
class Keys:
    """How texts become keys; ``stops`` are the words that the content of a text leaves out."""

    levels: tuple[Level, ...]
    stops: tuple[str, ...] = ()
    language: str | None = None

    def of(self, texts: pa.Array) -> list[pa.Array]:
        """The keys of some texts at each level; a text without words has none from "plain" on, which is null."""
        plain = words.normalise(texts)
        nothing = pc.equal(plain, "")
        make: dict[Level, Callable[[], pa.Array]] = {
            "exact": lambda: texts,
            "case": lambda: words.lower(texts),
            "plain": lambda: plain,
            "content": lambda: self._content(plain),
            "sorted": lambda: words.sorted_words(self._content(plain)),
            "stems": lambda: words.sorted_words(words.stems(self._written_content(texts), str(self.language))),
        }
        found = [make[level]() for level in self.levels]
        return [
            keys if level in ("exact", "case") else pc.if_else(nothing, pa.scalar(None, keys.type), keys)
            for level, keys in zip(self.levels, found, strict=True)
        ]

    def _content(self, plain: pa.Array) -> pa.Array:
        if not self.stops:
            return plain
        found, text_of_word = words.words_of(plain)
        kept = pc.invert(pc.is_in(found, value_set=pa.array(self.stops, type=found.type)))
        content = words.joined(found.filter(kept), text_of_word.filter(kept), len(plain))
        return pc.if_else(pc.equal(content, ""), plain, content)  # a text of stop words alone keeps them

    def _written_content(self, texts: pa.Array) -> pa.Array:
        """The same with accents, which a stemmer needs."""
        if not self.stops:
            return texts
        found, text_of_word = words.words_of(words.accented(texts))
        encoded = found.dictionary_encode()
        stops = pa.array(self.stops, type=found.type)
        stop = np.asarray(pc.is_in(words.normalise(encoded.dictionary), value_set=stops))
        kept = pa.array(~stop[encoded.indices.to_numpy(zero_copy_only=False)])
        content = words.joined(found.filter(kept), text_of_word.filter(kept), len(texts))
        return pc.if_else(pc.equal(content, ""), texts, content)


@dataclass(frozen=True)
class Lookup:
    """Tables of keys, one a level from the strictest on."""

    keys: Keys
    tables: tuple[pa.Array, ...]
    counts: tuple[Counts, ...]
    smoothing: float

    @classmethod
    def fit(cls, train: Examples, keys: Keys, smoothing: float) -> tuple[Lookup, IntArray]:
        """The tables, and each example's place in them: (n, n_levels), −1 where it has no key."""
        tables, places = [], []
        for of_level in keys.of(train.units.text):
            encoded = of_level.dictionary_encode()
            tables.append(encoded.dictionary)
            places.append(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64))
        place = np.column_stack(places)
        sizes = [len(table) for table in tables]
        kept = np.ones(len(train))
        return cls(keys, tuple(tables), _counts(place, sizes, train, kept), smoothing), place

    def kept(self, train: Examples, place: IntArray, kept: FloatArray) -> Lookup:
        """The same tables with counts of the occurrences that are ``kept`` (n,)."""
        return Lookup(
            self.keys, self.tables, _counts(place, [len(t) for t in self.tables], train, kept), self.smoothing
        )

    def description(self) -> dict[str, Any]:
        """All but the counts, for a JSON file."""
        return {
            "levels": self.keys.levels,
            "stops": self.keys.stops,
            "language": self.keys.language,
            "smoothing": self.smoothing,
            "tables": [table.to_pylist() for table in self.tables],
        }

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The counts, for an .npz file."""
        parts = [counts.arrays(level) for level, counts in zip(self.keys.levels, self.counts, strict=True)]
        return {name: array for part in parts for name, array in part.items()}

    @classmethod
    def load(cls, description: Mapping[str, Any], arrays: Any, unknown: csr_array) -> Lookup:
        """What :meth:`description` and :meth:`arrays` gave."""
        levels = tuple(description["levels"])
        return cls(
            Keys(levels, tuple(description["stops"]), description["language"]),
            tuple(strings(table) for table in description["tables"]),
            tuple(Counts.load(arrays, level, unknown) for level in levels),
            description["smoothing"],
        )

    def places(self, texts: pa.Array) -> IntArray:
        """Each text's place in each table, (n, n_levels); −1 where it is unknown.

        Each call hashes the whole tables: ask for many texts at once.
        """
        found = [
            pc.index_in(keys, value_set=table, skip_nulls=True).fill_null(-1).to_numpy(zero_copy_only=False)
            for keys, table in zip(self.keys.of(texts), self.tables, strict=True)
        ]
        return np.column_stack(found).astype(np.int64)

    def answer(self, place: IntArray) -> Answers:
        """Shares at the strictest level that knows a text; few occurrences lean on the looser levels."""
        n, n_labels = len(place), self.counts[0].given.shape[1]
        known = np.column_stack([counts.stand(at) for at, counts in zip(place.T, self.counts, strict=True)])
        level = np.where(known.any(axis=1), known.argmax(axis=1), len(LEVELS))
        loosest = len(self.counts) - 1 - known[:, ::-1].argmax(axis=1)
        seen = np.zeros(n)
        pairs: list[IntArray] = []
        for number, counts in enumerate(self.counts):
            rows = np.flatnonzero((loosest == number) & known[:, number])
            position, label, _ = counts.pairs(place[rows, number])
            pairs.append(rows[position] * n_labels + label)
            first = level == number
            seen[first] = counts.total[place[first, number]]
        pair = np.sort(np.concatenate(pairs))
        row, label = np.divmod(pair, n_labels)
        share = np.zeros(len(pair))
        for number in reversed(range(len(self.counts))):
            counts, on = self.counts[number], known[row, number]
            at, code = place[row[on], number], label[on]
            weight = counts.weight(at, code)
            size = np.maximum(counts.known(at, code), weight)
            share[on] = (weight + self.smoothing * share[on]) / (size + self.smoothing)
        return Answers(pair, share, {}, {"level": level.astype(np.float64), "seen": seen})


def _counts(place: IntArray, sizes: Sequence[int], train: Examples, kept: FloatArray) -> tuple[Counts, ...]:
    found = []
    for at, size in zip(place.T, sizes, strict=True):
        has = np.flatnonzero(at >= 0)
        keys = csr_array((np.ones(len(has)), (at[has], has)), shape=(size, len(train)))
        found.append(Counts.of(keys, train, kept))
    return tuple(found)
