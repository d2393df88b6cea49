"""Terms found in texts: every longest run of words that is a known term, in numpy and not word by word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from harness.corpus import words
from harness.corpus.certificate import strings

IntArray = npt.NDArray[np.int64]

BLOCK = 65_536  # texts that are walked at once


@dataclass(frozen=True, slots=True)
class Found:
    """Terms found in some texts, by text and place.

    Attributes
    ----------
    text : (n_found,) the position of the text
    term : (n_found,) the position of the term
    covered : (n_texts,) the share of each text's words that lie in a found term; 0 without words
    """

    text: IntArray
    term: IntArray
    covered: npt.NDArray[np.float64]

    def matrix(self, n_texts: int, n_terms: int) -> csr_array:
        """1 where a text holds a term; (n_texts, n_terms)."""
        found = csr_array((np.ones(len(self.text), np.float32), (self.text, self.term)), shape=(n_texts, n_terms))
        found.sum_duplicates()
        found.data[:] = 1.0
        return found


@dataclass(frozen=True)
class Terms:
    """A trie of normalised terms over numbered words, walked from all places of all texts at once.

    Attributes
    ----------
    terms : (n_terms,) distinct normalised terms, none of them empty, in order
    """

    terms: pa.Array

    @classmethod
    def of(cls, normalised: Iterable[str]) -> Terms:
        """The distinct terms among some normalised texts."""
        return cls(strings(sorted({term for term in normalised if term})))

    def __len__(self) -> int:
        return len(self.terms)

    @cached_property
    def _trie(self) -> tuple[pa.Array, IntArray, IntArray, IntArray]:
        """Words; sorted keys ``node * n_words + word`` with the node that each leads to; the term of each node or -1."""
        found, of_term = words.words_of(self.terms)
        encoded = found.dictionary_encode()
        vocabulary = encoded.dictionary
        word = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        first = np.searchsorted(np.asarray(of_term), np.arange(len(self.terms) + 1))
        lengths = np.diff(first)
        n_words = max(1, len(vocabulary))
        node = np.zeros(len(self.terms), dtype=np.int64)
        term_of_node = [np.array([-1], dtype=np.int64)]
        keys, targets, n_nodes = [], [], 1
        for depth in range(int(lengths.max(initial=0))):
            on = np.flatnonzero(lengths > depth)
            distinct, inverse = np.unique(node[on] * n_words + word[first[on] + depth], return_inverse=True)
            keys.append(distinct)
            targets.append(n_nodes + np.arange(len(distinct)))
            node[on] = n_nodes + inverse
            ends = np.full(len(distinct), -1, dtype=np.int64)
            ending = on[lengths[on] == depth + 1]
            ends[node[ending] - n_nodes] = ending
            term_of_node.append(ends)
            n_nodes += len(distinct)
        key = np.concatenate(keys) if keys else np.zeros(0, dtype=np.int64)
        target = np.concatenate(targets) if targets else np.zeros(0, dtype=np.int64)
        order = np.argsort(key)
        return vocabulary, key[order], target[order], np.concatenate(term_of_node)

    def find(self, texts: pa.Array) -> Found:
        """The terms of some texts as they were written; a term does not reach over a line feed.

        Of terms at the same place, and of those that lie within another, the longest counts.
        """
        found = []
        for start in range(0, len(texts), BLOCK):
            block = texts[start : start + BLOCK]
            part = self._find(*split_lines(block), len(block))
            found.append(Found(part.text + start, part.term, part.covered))
        return Found(
            *(
                np.concatenate([np.zeros(0, kind), *(getattr(part, name) for part in found)])
                for name, kind in (("text", np.int64), ("term", np.int64), ("covered", np.float64))
            )
        )

    def _find(self, lines: pa.Array, text_of_line: IntArray, n_texts: int) -> Found:
        """The same for lines that are normalised already; ``text_of_line`` (n_lines,) says whose each is."""
        vocabulary, keys, targets, term_of_node = self._trie
        found, of_line = words.words_of(lines)
        line = np.asarray(of_line).astype(np.int64)
        n_words = np.bincount(text_of_line[line], minlength=n_texts)
        if not len(found) or not len(keys):
            return Found(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(n_texts))
        word = pc.index_in(found, value_set=vocabulary).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        start, end, term = _walk(word, line, keys, targets, term_of_node, max(1, len(vocabulary)))
        reach = np.maximum.accumulate(np.r_[-1, end])[:-1]  # starts ascend: what ends no later lies within another
        kept = end > reach
        start, end, term = start[kept], end[kept], term[kept]
        text = text_of_line[line[start]]
        inside = np.zeros(len(word) + 1, dtype=np.int64)
        np.add.at(inside, start, 1)
        np.add.at(inside, end, -1)
        covered = np.bincount(text_of_line[line], weights=np.cumsum(inside[:-1]) > 0, minlength=n_texts)
        return Found(text, term, covered / np.maximum(1, n_words))


def _walk(
    word: IntArray, line: IntArray, keys: IntArray, targets: IntArray, term_of_node: IntArray, n_words: int
) -> tuple[IntArray, IntArray, IntArray]:
    """The longest term from each place on: first word, word after the last, term; by ascending place."""
    place = np.flatnonzero(word >= 0)
    node = np.zeros(len(place), dtype=np.int64)
    best = np.full(len(word), -1, dtype=np.int64)
    length = np.zeros(len(word), dtype=np.int64)
    for depth in range(len(word)):
        at = place + depth
        there = at < len(word)
        there[there] &= (word[at[there]] >= 0) & (line[at[there]] == line[place[there]])
        place, node = place[there], node[there]
        key = node * n_words + word[place + depth]
        position = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        goes = keys[position] == key
        place, node = place[goes], targets[position[goes]]
        if not len(place):
            break
        ends = term_of_node[node]
        best[place[ends >= 0]] = ends[ends >= 0]
        length[place[ends >= 0]] = depth + 1
    start = np.flatnonzero(best >= 0)
    return start, start + length[start], best[start]


def split_lines(texts: pa.Array) -> tuple[pa.Array, IntArray]:
    """The normalised lines of some texts, and the text of each."""
    parts = pc.split_pattern(texts, "\n")
    return words.normalise(pc.list_flatten(parts)), np.asarray(pc.list_parent_indices(parts)).astype(np.int64)
