"""The one text normalisation: families, gates and metrics see the same words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# Letters that decomposition leaves whole although writers interchange them.
_LIGATURES = {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "ς": "σ"}
# Accents; and what stands unseen within a word: soft hyphen, (non-)joiners, word joiner, byte-order mark.
_DROPPED = r"[\x{0300}-\x{036F}\x{00AD}\x{200C}\x{200D}\x{2060}\x{FEFF}]+"

# Languages (ISO 639-1) that the Snowball stemmer knows, and its names for them.
SNOWBALL: Mapping[str, str] = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian", "nl": "dutch",
    "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish",
    "tr": "turkish",
}  # fmt: skip


def lower(texts: pa.Array) -> pa.Array:
    """Small letters and single spaces; accents and punctuation stay."""
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.utf8_lower(texts), r"[\s\p{Z}]+", " "))


def normalise(texts: pa.Array) -> pa.Array:
    """Small letters without accents; everything but letters and digits becomes one space.

    Only the combining marks of Latin, Greek and Cyrillic are dropped (U+0300 to U+036F): in other scripts
    the marks are vowels.
    """
    result = pc.utf8_lower(pc.utf8_normalize(texts, form="NFKD"))
    result = pc.replace_substring_regex(result, _DROPPED, "")
    result = pc.utf8_normalize(result, form="NFC")
    for letter, plain in _LIGATURES.items():
        result = pc.replace_substring(result, letter, plain)
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(result, r"[^\p{L}\p{N}\p{M}]+", " "))


def accented(texts: pa.Array) -> pa.Array:
    """Small letters with their accents; everything but letters and digits becomes one space."""
    result = pc.utf8_lower(pc.utf8_normalize(texts, form="NFKC"))
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(result, r"[^\p{L}\p{N}\p{M}]+", " "))


def words_of(normalised: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The words of normalised texts.

    Returns
    -------
    words : (n_words,) strings, never empty
    text_of_word : (n_words,) the position of each word's text
    """
    parts = pc.split_pattern(normalised, " ")
    words = pc.list_flatten(parts)
    texts = pc.list_parent_indices(parts)
    kept = pc.not_equal(words, "")
    return words.filter(kept), texts.filter(kept)


def sorted_words(normalised: pa.Array) -> pa.Array:
    """Each text's words in alphabetical order, so that their order no longer matters."""
    distinct = normalised.dictionary_encode()
    ordered = pa.array(
        [" ".join(sorted(text.split(" "))) for text in distinct.dictionary.to_pylist()], type=pa.large_string()
    )
    return ordered.take(distinct.indices)


def stems(texts: pa.Array, language: str) -> pa.Array:
    """Normalised texts whose words are cut to their stems (Snowball; Porter 2001), for a language of SNOWBALL.

    Words are stemmed with their accents, which tell endings apart, and lose them afterwards.
    """
    from snowballstemmer import stemmer

    found, text_of_word = words_of(accented(texts))
    encoded = found.dictionary_encode()
    cut = stemmer(SNOWBALL[language]).stemWords(encoded.dictionary.to_pylist())
    return joined(normalise(pa.array(cut, type=pa.large_string())).take(encoded.indices), text_of_word, len(texts))


def joined(found: pa.Array, text_of_word: npt.NDArray[np.integer[Any]] | pa.Array, n_texts: int) -> pa.Array:
    """Texts of some words with single spaces between; ``text_of_word`` ascends."""
    first = np.searchsorted(np.asarray(text_of_word), np.arange(n_texts + 1)).astype(np.int32)
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(first), found), pa.scalar(" ", type=pa.large_string()))
