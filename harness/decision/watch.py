"""The words that are a code's own: in which certificates they stand, whatever the code that was given.

A code's own words are its terms in the code list and the dictionaries, and words and pairs of neighbouring words that
training shows to be its own. The latter are found one after the other, each among the texts that hold no earlier one:
what only keeps company with the code's own words explains nothing that is left, and is passed over.

References
----------
Fürnkranz. Separate-and-Conquer Rule Learning. Artificial Intelligence Review 1999.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array
from scipy.special import betaincinv

from harness.corpus import words
from harness.corpus.certificate import Corpus, LabelSet, Texts, strings
from harness.corpus.codes import CodeList
from harness.corpus.knowledge import Knowledge
from harness.corpus.terms import Terms
from harness.families.lookups.entries import Candidates
from harness.files import read_json, write_json

SUPPORT = 20  # distinct texts in which a learnt word stands
PURE = 0.8  # of the texts with a learnt word carry the code, at least
GAIN = 5.0  # a learnt word makes the code's absence so many times as rare as it is among all texts
LEVEL = 0.05  # of all candidates together: that one passes for pure by chance
MOST = 10  # learnt words of a code
SHOWN = 10  # words that are shown of a code

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Owned:
    """Terms with the codes whose own they are.

    Attributes
    ----------
    terms : (n_terms,) normalised, distinct, in order
    owner : (n_terms, n_codes) 1 where a term is a code's own
    """

    terms: Terms
    owner: csr_array

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, int]], n_codes: int) -> Owned:
        """From normalised terms and the column of a code of each; empty terms are passed over."""
        kept = [(term, column) for term, column in pairs if term]
        terms = Terms.of(term for term, _ in kept)
        place = {term: position for position, term in enumerate(terms.terms.to_pylist())}
        row = np.array([place[term] for term, _ in kept], dtype=np.int64)
        column = np.array([column for _, column in kept], dtype=np.int64)
        return cls(terms, _ones(row, column, (len(terms), n_codes)))

    def held(self, texts: pa.Array) -> csr_array:
        """1 where a text holds a term; (n_texts, n_terms)."""
        return self.terms.find(texts).matrix(len(texts), len(self.terms))


@dataclass(frozen=True)
class Watch:
    """Finds the certificates that hold a code's own words.

    Attributes
    ----------
    codes : the watched codes, those that have words of their own
    listed : terms of the code list and the dictionaries; of overlapping ones the longest counts
    pure : words and pairs learnt from training; their texts are not to be published
    often : (n_listed,) how many training lines hold each listed term
    valid : (n_codes, 2) first and last year in which the code list has a code; holders do not depend on it
    """

    codes: tuple[str, ...]
    listed: Owned
    pure: Owned
    often: Int64Array
    valid: npt.NDArray[np.int16]

    @classmethod
    def learnt(cls, train: Corpus, knowledge: Knowledge, with_pure: bool = True) -> Watch:
        """The words of list and dictionaries, and those that training certificates show to be a code's own."""
        codes, terms = knowledge.terms()
        written = list(zip(words.normalise(strings(terms)).to_pylist(), codes, strict=True))
        everything = LabelSet(tuple(sorted({code for term, code in written if term} | set(train.labels.codes))))
        listed = Owned.of(((term, everything.index[code]) for term, code in written), len(everything))
        pure = Owned.of(_own_words(train, listed, everything) if with_pure else (), len(everything))
        used = np.flatnonzero(np.asarray(listed.owner.sum(axis=0) + pure.owner.sum(axis=0)).ravel())
        watched = LabelSet(tuple(everything.codes[column] for column in used))
        lines = train.texts.lines.dictionary_encode()
        times = np.bincount(lines.indices.to_numpy(zero_copy_only=False), minlength=len(lines.dictionary))
        return cls(
            codes=watched.codes,
            listed=Owned(listed.terms, csr_array(listed.owner[:, used])),
            pure=Owned(pure.terms, csr_array(pure.owner[:, used])),
            often=np.asarray(listed.held(lines.dictionary).astype(np.int64).T @ times, dtype=np.int64),
            valid=(knowledge.code_list or CodeList(())).validity(watched).years,
        )

    def holders(self, texts: Texts) -> tuple[csr_array, csr_array]:
        """Which certificates hold each code's own words: anywhere; and in lines of part II only.

        Returns
        -------
        anywhere, part2_only : (n, n_codes) each
            1 where a certificate is a holder.
        """
        lines = texts.lines.dictionary_encode()
        of_text = _united([owned.held(lines.dictionary) @ owned.owner for owned in (self.listed, self.pure)])
        index = lines.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        anywhere, part1 = (
            _united([_ones(texts.certificate_of_line[of], index[of], (len(texts), len(lines.dictionary))) @ of_text])
            for of in (np.ones(len(index), dtype=bool), texts.parts != 2)
        )
        return anywhere, _united([anywhere - anywhere.multiply(part1)])

    @cached_property
    def words(self) -> Mapping[str, tuple[str, ...]]:
        """Of each code up to ten terms of list and dictionaries, the most frequent first: these may be published."""
        found = self.listed.owner.T.tocsr()
        texts = self.listed.terms.terms
        result = {}
        for column, code in enumerate(self.codes):
            own = found.indices[found.indptr[column] : found.indptr[column + 1]]
            best = own[np.lexsort((own, -self.often[own]))][:SHOWN]
            result[code] = tuple(texts.take(pa.array(best)).to_pylist())
        return result

    def save(self, folder: Path) -> None:
        """Write it: words as JSON, whose they are as arrays."""
        folder.mkdir(parents=True, exist_ok=True)
        names = {"listed": self.listed, "pure": self.pure}
        said = {name: owned.terms.terms.to_pylist() for name, owned in names.items()}
        write_json(folder / "watch.json", {"codes": list(self.codes), **said})
        pairs = {name: np.stack(owned.owner.nonzero()) for name, owned in names.items()}
        arrays: dict[str, Any] = {**pairs, "often": self.often, "valid": self.valid}
        np.savez(folder / "watch.npz", **arrays)

    @classmethod
    def load(cls, folder: Path) -> Watch:
        """What :meth:`save` wrote."""
        said = read_json(folder / "watch.json")
        codes = tuple(said["codes"])
        with np.load(folder / "watch.npz", allow_pickle=False) as arrays:
            listed, pure = (
                Owned(
                    Terms(strings(said[name])),
                    _ones(arrays[name][0], arrays[name][1], (len(said[name]), len(codes))),
                )
                for name in ("listed", "pure")
            )
            return cls(codes, listed, pure, arrays["often"], arrays["valid"])


def _own_words(train: Corpus, listed: Owned, labels: LabelSet) -> list[tuple[str, int]]:
    """Learnt words and pairs, and the column of the code whose own each is.

    Looked at are lines where these have codes, else whole certificates; equal ones once.
    """
    texts, given, times = _units(train, labels)
    candidates = Candidates.words(texts, SUPPORT)
    keys = csr_array(candidates.keys.astype(np.float64))
    if not keys.shape[0]:
        return []
    usual = np.asarray(given.sum(axis=0)).ravel() / max(1.0, float(times.sum()))
    least = np.maximum(PURE, 1.0 - (1.0 - usual) / GAIN)
    first = csr_array(keys @ given).tocoo()
    pure = first.data >= least[first.col] * (keys @ times)[first.row]
    word, code = first.row[pure].astype(np.int64), first.col[pure].astype(np.int64)
    level = LEVEL / max(1, len(first.data))
    held = _united([listed.held(texts) @ listed.owner])
    chosen: list[tuple[int, int]] = []
    for _ in range(MOST):
        own = keys[word]
        left = np.asarray(own @ times).ravel() - _pairs(own, csr_array(held.multiply(times[:, None])), code)
        carry = np.maximum(0.0, _pairs(own, csr_array(given - given.multiply(held)), code))
        supported = np.diff(own.indptr) - _pairs(own, held, code) >= SUPPORT
        missing = np.maximum(0.0, left - carry)
        bound = np.where(carry > 0, betaincinv(np.maximum(carry, 1e-9), missing + 1.0, level), 0.0)
        passed = np.flatnonzero(supported & (bound >= least[code]))
        if not len(passed):
            break
        order = passed[np.lexsort((word[passed], -carry[passed], code[passed]))]
        best = order[np.unique(code[order], return_index=True)[1]]
        chosen += zip(word[best].tolist(), code[best].tolist(), strict=True)
        wider = _ones(np.arange(len(best)), code[best], (len(best), len(labels)))
        held = _united([held, csr_array(keys[word[best]].T) @ wider])
    return _closed([(candidates.texts[row].as_py(), column) for row, column in chosen])


def _closed(pairs: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The same, where a pair of words is also the own one of those codes whose own one of its words is.

    Of terms that overlap the longest is found, and must speak for those within.
    """
    columns: dict[str, list[int]] = {}
    for term, column in pairs:
        columns.setdefault(term, []).append(column)
    inner = [(term, column) for term in columns for word in term.split(" ") for column in columns.get(word, ())]
    return sorted({*pairs, *inner})


def _units(train: Corpus, labels: LabelSet) -> tuple[pa.Array, csr_array, npt.NDArray[np.float64]]:
    """Distinct texts, how often each has each code (n_texts, n_labels), and how often it stands (n_texts,)."""
    by_line = train.by_line
    encoded = (train.texts.whole() if by_line is None else train.texts.lines).dictionary_encode()
    given = train.codes if by_line is None else by_line.matrix(len(train.labels))
    index = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    columns = train.labels.columns_in(labels)
    shape = (len(encoded.dictionary), len(labels))
    row = index[np.repeat(np.arange(len(index)), np.diff(given.indptr))]
    counts = csr_array((np.ones(given.nnz), (row, columns[given.indices])), shape=shape)
    counts.sum_duplicates()
    return encoded.dictionary, counts, np.bincount(index, minlength=shape[0]).astype(np.float64)


def _pairs(left: csr_array, right: csr_array, column: Int64Array) -> npt.NDArray[np.float64]:
    """The products of each row of ``left`` with one column of ``right``; (n_rows,)."""
    product = csr_array(left @ right)
    product.sort_indices()
    row = np.repeat(np.arange(product.shape[0], dtype=np.int64), np.diff(product.indptr))
    flat = row * product.shape[1] + product.indices
    wanted = np.arange(product.shape[0], dtype=np.int64) * product.shape[1] + column
    if not len(flat):
        return np.zeros(len(wanted))
    place = np.minimum(np.searchsorted(flat, wanted), len(flat) - 1)
    return np.where(flat[place] == wanted, product.data[place], 0.0)


def _ones(row: npt.NDArray[Any], column: npt.NDArray[Any], shape: tuple[int, int]) -> csr_array:
    return _united([csr_array((np.ones(len(row), dtype=np.int32), (row, column)), shape=shape)])


def _united(parts: list[Any]) -> csr_array:
    """1 where any of some matrices is not zero."""
    total = csr_array(sum(parts[1:], parts[0]))
    total.eliminate_zeros()
    total.sum_duplicates()
    total.data = np.ones(len(total.data), dtype=np.int32)
    return total
