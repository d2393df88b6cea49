"""What networks over sequences share: texts as words or characters, embedded."""

from __future__ import annotations

from typing import Any, TypeVar

import pyarrow as pa
from pydantic import Field

from harness.families.keras_parts import pieces
from harness.families.keras_parts.batches import TextInputs
from harness.families.keras_parts.layers import layers
from harness.families.keras_parts.network import NetworkFamily, NetworkParameters, Shape
from harness.families.keras_parts.pieces import Input


class SequenceParameters(NetworkParameters):
    """Words are sums of parts hashed into 2 to the ``buckets_log2`` rows: themselves, and their characters 3 to ``char_ngrams``.

    ``longest``: how many words of a text are read, or six times as many characters; the rest is left out.
    """

    input: Input = "words"
    embedding: int = Field(128, ge=4, le=1024)
    buckets_log2: int = Field(15, ge=8, le=22)
    char_ngrams: int = Field(5, ge=3, le=6)
    longest: int = Field(128, ge=4, le=4096)


P = TypeVar("P", bound=SequenceParameters)


class SequenceFamily(NetworkFamily[P]):
    """A family whose network reads texts as sequences of words or characters."""

    def read(self, texts: pa.Array, parameters: P) -> TextInputs:
        if parameters.input == "characters":
            return pieces.characters(texts, parameters.longest)
        return pieces.words_in_parts(texts, parameters.longest, 2**parameters.buckets_log2, parameters.char_ngrams)


def embedded(parameters: SequenceParameters, shape: Shape) -> tuple[dict[str, Any], Any]:
    """The inputs of the texts, and their vectors (n, length, embedding), zero after a text's end."""
    import keras

    places = keras.Input((None,), dtype="int32", name="places")
    size: dict[str, Any] = {"width": parameters.embedding, "spread": parameters.spread, "seed": shape.seed}
    if parameters.input == "characters":
        vectors = layers().CharacterTable(pieces.CHARACTERS, dtype="float32", name="characters", **size)(places)
        return {"places": places}, vectors
    parts, word = (keras.Input((), dtype="int32", name=name) for name in ("parts", "word"))
    table = layers().WordParts(2**parameters.buckets_log2, dtype="float32", name="words", **size)
    return {"parts": parts, "word": word, "places": places}, table([parts, word, places])
