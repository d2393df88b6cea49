"""Bag: a fastText-like network over hashed n-grams of words and characters (Keras on TensorFlow).

Joulin et al. Bag of Tricks for Efficient Text Classification. EACL 2017; here with one sigmoid a code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field
from scipy.sparse import csr_array

from harness.corpus import words
from harness.families.family import Parameters
from harness.families.keras_parts.batches import Batch, Rows, TextInputs
from harness.families.keras_parts.layers import layers
from harness.families.keras_parts.network import NetworkFamily, NetworkParameters, Shape
from harness.families.keras_parts.pieces import hashed

STEP = 16  # padded lengths are its multiples


class BagParameters(NetworkParameters):
    """``buckets_log2`` rows of the table of n-grams, each of ``width`` numbers; characters 3 to ``char_ngrams``."""

    buckets_log2: int = Field(15, ge=8, le=22)
    char_ngrams: int = Field(5, ge=3, le=6)
    learning_rate: float = Field(1e-2, gt=0.0, le=1.0)


class Bag(NetworkFamily[BagParameters]):
    """Hashed n-grams, weighted and summed, then one layer."""

    name: ClassVar[str] = "bag"
    Parameters: ClassVar[type[Parameters]] = BagParameters

    def read(self, texts: pa.Array, parameters: BagParameters) -> TextInputs:
        return Ngrams(ngrams(texts, parameters))

    def text_network(self, parameters: BagParameters, shape: Shape) -> tuple[dict[str, Any], Any]:
        import keras

        ids = keras.Input((None,), dtype="int32", name="ids")
        values = keras.Input((None,), dtype="float32", name="values")
        bag = layers().NgramBag(
            2**parameters.buckets_log2, parameters.width, parameters.spread, shape.seed, dtype="float32", name="ngrams"
        )([ids, values])
        bag = keras.layers.Dropout(parameters.dropout)(bag)
        codes = keras.layers.Dense(
            shape.n_labels,
            kernel_initializer=keras.initializers.RandomNormal(stddev=parameters.width**-0.5, seed=shape.seed + 1),
            name="codes",
        )
        return {"ids": ids, "values": values}, codes(bag)


@dataclass(frozen=True, slots=True)
class Ngrams:
    """Texts as rows of weighted n-grams, (n, buckets)."""

    features: csr_array

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return np.diff(self.features.indptr).astype(np.int64)

    def batch(self, rows: Rows) -> Batch:
        """``ids`` and ``values`` of the n-grams, padded with zeros; each (n_rows, length)."""
        chosen = csr_array(self.features[rows])
        lengths = np.diff(chosen.indptr)
        longest = max(STEP, -(-int(lengths.max(initial=1)) // STEP) * STEP)
        ids = np.zeros((len(rows), longest), dtype=np.int32)
        values = np.zeros((len(rows), longest), dtype=np.float32)
        filled = np.arange(longest)[None, :] < lengths[:, None]
        ids[filled] = chosen.indices
        values[filled] = chosen.data
        return {"ids": ids, "values": values}


def ngrams(texts: pa.Array, parameters: BagParameters) -> csr_array:
    """Hashed n-grams of words (1, 2) and characters, each text scaled to length 1; (n, buckets)."""
    from sklearn.preprocessing import normalize

    prepared = words.normalise(texts).to_pylist()
    features = hashed(prepared, 2**parameters.buckets_log2, words=2, characters=parameters.char_ngrams)
    features.data = 1.0 + np.log(features.data)
    return csr_array(normalize(features)) if prepared else features
