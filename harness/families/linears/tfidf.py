"""TF-IDF of n-grams of words or characters (scikit-learn): made, and made again from what was saved."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harness.corpus import words

SHORTEST = {"word": 1, "char_wb": 2}


def prepared(texts: pa.Array) -> list[str]:
    """Normalised texts, none of them empty."""
    return [text or "-" for text in words.normalise(texts).to_pylist()]


def vectoriser(field: str, longest: int, **more: Any) -> Any:
    """One for n-grams up to ``longest`` of the ``field`` "word" or "char_wb"; each row has length 1."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    pattern = {"token_pattern": r"\S+"} if field == "word" else {}
    return TfidfVectorizer(
        analyzer=field,
        ngram_range=(SHORTEST[field], longest),
        lowercase=False,
        sublinear_tf=True,
        dtype=np.float32,
        **pattern,
        **more,
    )


def learnt(made: Any) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
    """The terms of a fitted one in the order of their columns, and their weights."""
    return tuple(made.get_feature_names_out().tolist()), np.asarray(made.idf_, dtype=np.float32)


def again(field: str, longest: int, terms: tuple[str, ...], idf: npt.NDArray[np.float32]) -> Any:
    """A fitted one from its terms and their weights."""
    ready = vectoriser(field, longest, vocabulary={term: column for column, term in enumerate(terms)})
    ready.idf_ = idf
    return ready
