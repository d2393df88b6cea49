"""The one text normalisation: families, gates and metrics see the same words."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

# Letters that decomposition leaves whole although writers interchange them.
_LIGATURES = {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "ς": "σ"}
# Accents; and what stands unseen within a word: soft hyphen, (non-)joiners, word joiner, byte-order mark.
_DROPPED = r"[\x{0300}-\x{036F}\x{00AD}\x{200C}\x{200D}\x{2060}\x{FEFF}]+"


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
