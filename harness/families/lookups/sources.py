"""Sources: all that answers for a text in the dictionary family, learnt from examples or from a part of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array

from harness.corpus.certificate import strings
from harness.corpus.terms import Found, Terms
from harness.families.family import Examples, Units
from harness.families.listed import right_hits
from harness.families.lookups import neighbour
from harness.families.lookups.calibrated import Evidence, evidence
from harness.families.lookups.counts import SOME, Answers, Counts, FloatArray, IntArray, usual_shares
from harness.families.lookups.entries import Candidates, Entries
from harness.families.lookups.lookup import LEVELS, Keys, Lookup
from harness.families.lookups.neighbour import Neighbours
from harness.families.lookups.vote import Voter

LIST_DOUBT = 2.0  # hits of a code that lean on the hits of all codes


@dataclass(frozen=True, slots=True)
class Places:
    """Where some texts stand in the tables of sources.

    Attributes
    ----------
    lookup : (n, n_levels), −1 where a level does not know a text
    """

    lookup: IntArray
    lines: Found
    words: Found | None

    def part(self, rows: slice) -> Places:
        """The same of consecutive texts."""
        return Places(
            self.lookup[rows], _part(self.lines, rows), None if self.words is None else _part(self.words, rows)
        )


def _part(found: Found, rows: slice) -> Found:
    kept = slice(*np.searchsorted(found.text, [rows.start, rows.stop]))
    return Found(found.text[kept] - rows.start, found.term[kept], found.covered[rows])


@dataclass(frozen=True)
class Sources:
    """What answers for a text.

    Attributes
    ----------
    near : counts of the neighbours' texts
    hits : (n_labels,) how often a hit of the code list is right, or None without a list
    usual : (n_labels,) each code's share of the certificates
    """

    lookup: Lookup
    lines: Entries
    words: Entries | None
    neighbours: Neighbours | None
    near: Counts | None
    voter: Voter | None
    hits: FloatArray | None
    usual: FloatArray

    def places(self, texts: pa.Array, lookup: IntArray | None = None) -> Places:
        """Where some texts stand; their places in the lookup may be known already."""
        return Places(
            self.lookup.places(texts) if lookup is None else lookup,
            self.lines.find(texts),
            None if self.words is None else self.words.find(texts),
        )

    def evidence(self, units: Units, places: Places, threads: int = 1) -> Evidence:
        """All that is said of some texts."""
        lookup = self.lookup.answer(places.lookup)
        said = {"lines": self.lines.answer(places.lines)}
        if self.words is not None and places.words is not None:
            said["words"] = self.words.answer(places.words)
        if self.neighbours is not None and self.near is not None:
            said["neighbours"] = self._neighbours(units, lookup, self.neighbours, self.near, threads)
        if self.voter is not None:
            said["classifier"] = self.voter.answer(units)
        if self.hits is not None and units.hits is not None:
            row = np.repeat(np.arange(len(units), dtype=np.int64), np.diff(units.hits.indptr))
            said["list"] = Answers(row * len(self.usual) + units.hits.indices, self.hits[units.hits.indices], {}, {})
        return evidence(self.usual, lookup, said)

    def _neighbours(self, units: Units, lookup: Answers, neighbours: Neighbours, near: Counts, threads: int) -> Answers:
        """Only what lookup does not know asks its neighbours."""
        nearest = np.full((len(units), neighbour.TAKEN), -1, dtype=np.int64)
        cosine = np.zeros((len(units), neighbour.TAKEN))
        asking = np.flatnonzero(lookup.of_row["level"] >= len(LEVELS))
        if len(asking):
            queries = neighbours.vectors(units.text.take(pa.array(asking)))
            nearest[asking], cosine[asking] = neighbours.nearest(queries, threads)
        return neighbour.answer(nearest, cosine, near, self.lookup.smoothing)

    def save(self, folder: Path) -> None:
        """Write all into a folder: JSON and npz."""
        entries = {"lines": self.lines, "words": self.words}
        there = {name: found for name, found in entries.items() if found is not None}
        description = {
            "lookup": self.lookup.description(),
            "entries": {name: found.terms.terms.to_pylist() for name, found in there.items()},
        }
        (folder / "dictionary.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
        arrays: dict[str, npt.NDArray[Any]] = {"usual": self.usual, "unknown": self.lines.counts.unknown.toarray()}
        arrays |= self.lookup.arrays()
        for name, found in there.items():
            arrays |= found.counts.arrays(name)
        if self.near is not None:
            arrays |= self.near.arrays("near")
        if self.hits is not None:
            arrays["hits"] = self.hits
        np.savez(folder / "dictionary.npz", **arrays)  # type: ignore[arg-type]
        if self.neighbours is not None:
            self.neighbours.save(folder)
        if self.voter is not None:
            self.voter.save(folder / "voter")

    @classmethod
    def load(cls, folder: Path) -> Sources:
        """What :meth:`save` wrote."""
        description = json.loads((folder / "dictionary.json").read_text(encoding="utf-8"))
        near = (folder / "neighbours.json").exists()
        with np.load(folder / "dictionary.npz", allow_pickle=False) as arrays:
            unknown = csr_array(arrays["unknown"])
            lookup = Lookup.load(description["lookup"], arrays, unknown)
            entries = {
                name: Entries(Terms(strings(terms)), Counts.load(arrays, name, unknown), lookup.smoothing)
                for name, terms in description["entries"].items()
            }
            return cls(
                lookup=lookup,
                lines=entries["lines"],
                words=entries.get("words"),
                neighbours=Neighbours.load(folder) if near else None,
                near=Counts.load(arrays, "near", unknown) if near else None,
                voter=Voter.load(folder / "voter") if (folder / "voter").exists() else None,
                hits=arrays["hits"] if "hits" in arrays.files else None,
                usual=arrays["usual"],
            )


@dataclass(frozen=True)
class Material:
    """What is made of the examples once, whatever part of them is counted.

    Attributes
    ----------
    place : (n, n_levels) of each example in the lookup
    of_text : (n_texts, n) 1 where an example has a text
    """

    train: Examples
    lookup: Lookup
    place: IntArray
    lines: Candidates
    words: Candidates | None
    neighbours: Neighbours | None
    of_text: csr_array

    @classmethod
    def of(cls, train: Examples, keys: Keys, smoothing: float, least: int | None, near: bool) -> Material:
        """``least``: in how many texts a word or pair must stand to be looked at; None looks at none."""
        lookup, place = Lookup.fit(train, keys, smoothing)
        texts = train.units.text.dictionary_encode()
        of_text = texts.indices.to_numpy(zero_copy_only=False)
        n = len(train)
        return cls(
            train=train,
            lookup=lookup,
            place=place,
            lines=Candidates.lines(train.units.text),
            words=None if least is None else Candidates.words(train.units.text, least),
            neighbours=Neighbours.fit(texts.dictionary) if near else None,
            of_text=csr_array((np.ones(n), (of_text, np.arange(n))), shape=(len(texts.dictionary), n)),
        )

    def sources(self, kept: FloatArray, least: int, purity: float, voter: Voter | None) -> Sources:
        """What the ``kept`` occurrences say; (n,) shares of each example's."""
        train, smoothing = self.train, self.lookup.smoothing
        near = left = None
        if self.neighbours is not None:
            near = Counts.of(self.of_text, train, kept)
            left = np.flatnonzero(near.times > SOME)
            near = near.take(left)
        return Sources(
            lookup=self.lookup.kept(train, self.place, kept),
            lines=Entries.fit(self.lines, train, kept, smoothing),
            words=None if self.words is None else Entries.fit(self.words, train, kept, smoothing, least, purity),
            neighbours=None if self.neighbours is None or left is None else self.neighbours.over(left),
            near=near,
            voter=voter,
            hits=None if train.units.hits is None else _right(train, train.units.hits, kept),
            usual=usual_shares(train, kept, doubt=1.0),
        )


def _right(train: Examples, hits: csr_array, kept: FloatArray) -> FloatArray:
    """How often a hit of each code is right where that is known, (n_labels,); rare ones lean on the hits of all."""
    known, right = right_hits(train, hits, train.weights * kept * (train.times > 0))
    overall = (right.sum() + 1.0) / (known.sum() + 2.0)
    shares: FloatArray = (right + LIST_DOUBT * overall) / (np.maximum(known, right) + LIST_DOUBT)
    return shares
