"""Texts as sequences: of words made of hashed parts, or of characters.

Bojanowski, Grave, Joulin, Mikolov. Enriching Word Vectors with Subword Information. TACL 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from harness.corpus import words
from harness.families.family import no_scores

Input = Literal["words", "characters"]
Rows = npt.NDArray[np.integer[Any]]
Array = npt.NDArray[Any]

LINE_END = "|"  # a word of its own between the lines of a certificate; normalised texts have no such sign
CHARACTERS = 4_096  # rows of the table of characters
CHARACTERS_A_WORD = 6
STEP = 4  # padded lengths are its multiples


@dataclass(frozen=True)
class Sequences:
    """Numbers of words or characters, one text after the other.

    Attributes
    ----------
    tokens : (n_tokens,)
    first : (n + 1,) where each text begins in tokens
    """

    tokens: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first) - 1

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        return np.diff(self.first)

    def padded(self, rows: Rows) -> npt.NDArray[np.int64]:
        """The tokens of some texts, and −1 after their ends; (n_rows, length), at least one step long."""
        lengths = self.lengths[rows]
        longest = max(STEP, -(-int(lengths.max(initial=1)) // STEP) * STEP)
        place = np.arange(longest)[None, :]
        found = np.full((len(rows), longest), -1, dtype=np.int64)
        filled = place < lengths[:, None]
        found[filled] = self.tokens[(self.first[rows][:, None] + place)[filled]]
        return found


@dataclass(frozen=True)
class Characters:
    """Texts as characters, numbered by their code points."""

    sequences: Sequences

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return self.sequences.lengths

    def batch(self, rows: Rows) -> dict[str, Array]:
        """``places`` (n_rows, length): rows of the table of characters, 0 after a text's end."""
        return {"places": (self.sequences.padded(rows) + 1).astype(np.int32)}


@dataclass(frozen=True)
class Words:
    """Texts as words, each of which is the sum of its hashed parts.

    Attributes
    ----------
    sequences : of positions in a vocabulary
    parts : (n_vocabulary, n_buckets) 1 where a word has a part
    """

    sequences: Sequences
    parts: csr_array

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return self.sequences.lengths

    def batch(self, rows: Rows) -> dict[str, Array]:
        """The distinct words of some texts, each once, and where they stand.

        Returns
        -------
        parts : (n_parts,) buckets, one word after the other
        word : (n_parts,) the word of each part, counted from 1
        places : (n_rows, length) words, 0 after a text's end
        """
        places = self.sequences.padded(rows)
        present, position = np.unique(places, return_inverse=True)
        padding = int(present[:1].sum() < 0)  # whether the first is −1
        parts = self.parts[present[padding:]]
        word = np.repeat(np.arange(1, parts.shape[0] + 1), np.diff(parts.indptr))
        return {
            "parts": parts.indices.astype(np.int32),
            "word": word.astype(np.int32),
            "places": (position.reshape(places.shape) + 1 - padding).astype(np.int32),
        }


def characters(texts: pa.Array, longest: int) -> Characters:
    """The first ``longest`` words' worth of characters of each text, six a word."""
    most = CHARACTERS_A_WORD * longest
    cut = [text[:most] for text in _with_line_ends(texts).to_pylist()]
    points = np.frombuffer("".join(cut).encode("utf-32-le"), dtype="<u4").astype(np.int64)
    return Characters(Sequences(points % (CHARACTERS - 1), _starts([len(text) for text in cut])))


def words_in_parts(texts: pa.Array, longest: int, buckets: int, char_ngrams: int) -> Words:
    """The first ``longest`` words of each text; parts are the word itself and its characters 3 to ``char_ngrams``."""
    found, of_text = words.words_of(_with_line_ends(texts))
    vocabulary = found.dictionary_encode()
    text = np.asarray(of_text).astype(np.int64)
    place = np.arange(len(text)) - np.searchsorted(text, text)
    kept = place < longest
    tokens = vocabulary.indices.to_numpy(zero_copy_only=False).astype(np.int64)[kept]
    starts = _starts(np.bincount(text[kept], minlength=len(texts)))
    return Words(Sequences(tokens, starts), _parts(vocabulary.dictionary.to_pylist(), buckets, char_ngrams))


def _parts(vocabulary: list[str], buckets: int, char_ngrams: int) -> csr_array:
    found = hashed(vocabulary, buckets, words=1, characters=char_ngrams)
    found.data[:] = 1.0
    return found


def hashed(texts: list[str], buckets: int, *, words: int, characters: int) -> csr_array:
    """How often each n-gram of up to so many words, or of 3 up to so many characters, stands in texts; (n, buckets)."""
    from sklearn.feature_extraction.text import HashingVectorizer

    shared: dict[str, Any] = {
        "n_features": buckets,
        "alternate_sign": False,
        "norm": None,
        "lowercase": False,
        "token_pattern": r"\S+",
        "dtype": np.float32,
    }
    if not texts:
        return no_scores(0, buckets)
    by_word = HashingVectorizer(analyzer="word", ngram_range=(1, words), **shared).transform(texts)
    by_character = HashingVectorizer(analyzer="char_wb", ngram_range=(3, characters), **shared).transform(texts)
    found = csr_array(by_word + by_character)
    found.sort_indices()
    return found


def _with_line_ends(texts: pa.Array) -> pa.Array:
    """Normalised texts with a sign where a line ends and another follows."""
    lines = pc.split_pattern(texts, "\n")
    normalised = words.normalise(pc.list_flatten(lines))
    offsets = np.r_[0, np.cumsum(np.asarray(pc.list_value_length(lines)).astype(np.int64))].astype(np.int32)
    ends = pa.scalar(f" {LINE_END} ", type=pa.large_string())
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), normalised), ends)


def _starts(lengths: npt.ArrayLike) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = np.r_[0, np.cumsum(np.asarray(lengths, dtype=np.int64))].astype(np.int64)
    return found
