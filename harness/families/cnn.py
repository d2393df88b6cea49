"""CNN: convolutions over words or characters and the greatest value of each over the text (Keras on TensorFlow).

Kim. Convolutional Neural Networks for Sentence Classification. EMNLP 2014; here with one sigmoid a code.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from harness.families.family import Parameters
from harness.families.keras_parts import sequence
from harness.families.keras_parts.layers import layers
from harness.families.keras_parts.network import Shape
from harness.families.keras_parts.sequence import SequenceFamily, SequenceParameters


class CNNParameters(SequenceParameters):
    """Convolutions over each count of neighbouring words from 1 to ``widest``, or of characters 3, 5, … to 2 · widest + 1."""

    widest: int = Field(3, ge=1, le=5)
    width: int = Field(192, ge=4, le=1024)


class CNN(SequenceFamily[CNNParameters]):
    """A text is what its convolutions found anywhere in it."""

    name: ClassVar[str] = "cnn"
    Parameters: ClassVar[type[Parameters]] = CNNParameters

    def text_network(self, parameters: CNNParameters, shape: Shape) -> tuple[dict[str, Any], Any]:
        import keras

        entries, vectors = sequence.embedded(parameters, shape)
        windows = range(1, parameters.widest + 1)
        found = []
        for window in windows if parameters.input == "words" else (2 * window + 1 for window in windows):
            convolved = keras.layers.Conv1D(
                parameters.width,
                window,
                padding="same",
                activation="relu",
                dtype=shape.compute,
                name=f"window_{window}",
            )(vectors)
            found.append(layers().GreatestOverPlaces(dtype=shape.compute)([convolved, entries["places"]]))
        text = keras.layers.Dropout(parameters.dropout)(
            keras.layers.Concatenate()(found) if len(found) > 1 else found[0]
        )
        codes = keras.layers.Dense(
            shape.n_labels,
            kernel_initializer=keras.initializers.RandomNormal(stddev=text.shape[-1] ** -0.5, seed=shape.seed + 1),
            dtype="float32",
            name="codes",
        )
        return entries, codes(text)
