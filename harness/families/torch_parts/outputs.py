"""What an encoder-decoder writes: the experts' wordings and codes as tokens, and what they mean when read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array, diags_array

from harness.corpus import words
from harness.corpus.certificate import SEPARATOR, LineCodes, lines_of, strings
from harness.families.family import Seasons, Written
from harness.families.torch_parts import grammar
from harness.families.torch_parts.grammar import Grammar
from harness.families.torch_parts.word_parts import normed

Task = Literal["code", "normalise", "joint"]
Writes = Literal["codes", "text", "pairs"]  # one output: codes; terms; each term followed by its code

NO_TERM = 0  # the wording of a code that has none: its one token is the separator


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens that a decoder writes: pieces of words, the separator, then one token a code.

    Attributes
    ----------
    pad, end, separator : single tokens
    first_code : the token of the first label; those of the others follow
    """

    pad: int
    end: int
    separator: int
    first_code: int
    n_labels: int

    def code(self, columns: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
        """The token of each column."""
        return self.first_code + columns.astype(np.int64)

    def start(self, writes: Writes) -> int:
        """The decoder's first token, which says what it is to write."""
        return self.separator if writes == "text" else self.pad


@dataclass(frozen=True)
class Terms:
    """The wordings that may be written.

    Attributes
    ----------
    text : (n_terms,) as people see them; the first is empty, for codes without any wording
    ids : each term's tokens
    codes : (n_terms, n_labels) 1 where a term may stand for a code
    """

    text: pa.Array
    ids: Sequence[Sequence[int]]
    codes: csr_array

    @cached_property
    def by_ids(self) -> dict[tuple[int, ...], int]:
        """Where each term's tokens lead to."""
        return {tuple(ids): place for place, ids in enumerate(self.ids)}


def terms(entries: LineCodes, times: npt.NDArray[np.float64], n_labels: int) -> tuple[Terms, npt.NDArray[np.int64]]:
    """The wordings of some examples, not yet as tokens, and which of them each entry has.

    Wordings that differ by case, accents or punctuation are one, written as most examples have it.

    Parameters
    ----------
    times : (n,) how often each example stands in the corpus

    Returns
    -------
    terms : without tokens
    term : (n_entries,) the place of each entry's wording
    """
    written = pc.fill_null(strings([]) if entries.standard is None else entries.standard, "")
    if entries.standard is None:
        written = strings([""] * len(entries.columns))
    spelt = written.dictionary_encode()
    spelling = spelt.indices.to_numpy(zero_copy_only=False)
    plain = words.normalise(spelt.dictionary).dictionary_encode()
    of_spelling = plain.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    often = np.bincount(
        spelling, weights=np.repeat(times + 1e-6, np.diff(entries.first_code)), minlength=len(spelt.dictionary)
    )
    best = np.lexsort((np.arange(len(often)), -often, of_spelling))
    first = best[np.r_[True, np.diff(of_spelling[best]) != 0]] if len(best) else best
    spellings, plains = spelt.dictionary.take(pa.array(first)), plain.dictionary
    kept = np.asarray(pc.not_equal(plains, ""), dtype=bool)
    place = np.where(kept, np.cumsum(kept), NO_TERM)
    term = place[of_spelling[spelling]] if len(spelling) else np.zeros(0, dtype=np.int64)
    text = pa.concat_arrays([strings([""]), spellings.filter(pa.array(kept))])
    owners = csr_array(
        (np.ones(len(term), dtype=np.int32), (term, entries.columns.astype(np.int64))), shape=(len(text), n_labels)
    )
    owners.sum_duplicates()
    owners.data[:] = 1
    return Terms(text, (), owners), term


def told_by_terms(known: Terms, held: csr_array) -> csr_array:
    """What the terms of each code hold, rare features more; rows of length 1 or 0; (n_labels, n_features).

    Parameters
    ----------
    held : (n_terms, n_features) of each term
    """
    often = np.bincount(held.indices, minlength=held.shape[1])
    rare = np.log((1 + held.shape[0]) / (1 + often))
    return normed(csr_array(known.codes.T.astype(np.float64) @ held @ diags_array(rare)))


def sequences(
    entries: LineCodes, term: npt.NDArray[np.int64], known: Terms, vocabulary: Vocabulary, writes: Writes, most: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Each example's output with its end, ragged; longer ones lose their last entries, so that ``most`` tokens suffice.

    Returns
    -------
    ids, first : (n_tokens,), (n + 1,)
    whole : (n,) False where a wording is missing, so that there is no text to learn
    """
    row = np.repeat(np.arange(len(entries.first_code) - 1), np.diff(entries.first_code))
    pieces_first = np.r_[np.int64(0), np.cumsum([len(ids) for ids in known.ids], dtype=np.int64)]
    pieces = np.fromiter((piece for ids in known.ids for piece in ids), dtype=np.int64, count=int(pieces_first[-1]))
    n_words = np.diff(pieces_first)[term] if writes != "codes" else np.zeros(len(term), dtype=np.int64)
    opens = np.zeros(len(row), dtype=bool)
    opens[entries.first_code[:-1][np.diff(entries.first_code) > 0]] = True
    # Text has a separator before each term but the first, the others a code after it.
    extra = (~opens).astype(np.int64) if writes == "text" else np.ones(len(row), dtype=np.int64)
    length = n_words + extra
    ends = np.cumsum(length)
    begins = np.r_[np.int64(0), ends][entries.first_code[:-1]][row] if len(row) else ends
    kept = ends - begins < most
    row, term_kept, opens, length, n_words = row[kept], term[kept], opens[kept], length[kept], n_words[kept]
    lengths = np.bincount(row, weights=length, minlength=len(entries.first_code) - 1).astype(np.int64) + 1
    first = np.r_[np.int64(0), np.cumsum(lengths)]
    ids = np.full(int(first[-1]), vocabulary.end, dtype=np.int64)
    at = np.r_[np.int64(0), np.cumsum(length)][:-1] + row  # the ends of the examples before lie between
    if writes != "codes":
        inner, offsets = lines_of(pieces_first, term_kept)
        skipped = (~opens).astype(np.int64) if writes == "text" else np.zeros(len(row), dtype=np.int64)
        ids[np.arange(offsets[-1]) - np.repeat(offsets[:-1], n_words) + np.repeat(at + skipped, n_words)] = pieces[
            inner
        ]
    if writes == "text":
        ids[at[~opens]] = vocabulary.separator
    else:
        ids[at + n_words] = vocabulary.code(entries.columns[kept])
    missing = np.bincount(row, weights=term_kept == NO_TERM, minlength=len(lengths)) > 0
    return ids, first, ~missing


def allowed(writes: Writes, known: Terms, vocabulary: Vocabulary, most_codes: int, seasons: Seasons | None) -> Grammar:
    """What may be written, and when; era ``i`` of the grammar is that of ``seasons``."""
    tokens = vocabulary.code(np.arange(vocabulary.n_labels))
    barred = grammar.NO_SEASONS
    if seasons is not None:
        barred = grammar.Seasons(tokens, seasons.barred[:, : vocabulary.n_labels].toarray() > 0)
    if writes == "codes":
        return grammar.codes(tokens, vocabulary.end, most_codes, barred)
    if writes == "text":
        return grammar.text(known.ids[1:], vocabulary.separator, vocabulary.end)
    first = known.codes.indptr
    given = vocabulary.code(known.codes.indices)
    of_term = [given[first[place] : first[place + 1]].tolist() for place in range(len(known.ids))]
    return grammar.text_and_codes(known.ids, of_term, vocabulary.end, barred)


def read_back(ids: npt.NDArray[np.int64], known: Terms, vocabulary: Vocabulary, writes: Writes) -> Written:
    """What some outputs say; what is said again is said once.

    Parameters
    ----------
    ids : (n, length) without the decoder's first token; what follows an end is passed over
    """
    columns: list[int] = []
    first, texts = [0], []
    spelling = known.text.to_pylist() if writes != "codes" else []
    for row in ids.tolist():
        found: dict[int, None] = {}
        said: list[str] = []
        term: list[int] = []
        for token in row:
            if token == vocabulary.end or (token == vocabulary.separator and writes == "text"):
                if term:
                    said.append(spelling[known.by_ids[tuple(term)]])
                    term = []
                if token == vocabulary.end:
                    break
            elif token >= vocabulary.first_code:
                found[token - vocabulary.first_code] = None
                if term and known.by_ids[tuple(term)] != NO_TERM:
                    said.append(spelling[known.by_ids[tuple(term)]])
                term = []
            else:
                term.append(token)
        columns += found
        first.append(len(columns))
        texts.append(SEPARATOR.join(dict.fromkeys(said)))
    text = None if writes == "codes" else strings(texts)
    return Written(np.array(first, dtype=np.int64), np.array(columns, dtype=np.int32), text)
