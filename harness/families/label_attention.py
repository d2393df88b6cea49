"""Label attention: words or characters in their context, at which each code looks by itself (Keras on TensorFlow).

References
----------
Mullenbach, Wiegreffe, Duke, Sun, Eisenstein. Explainable Prediction of Medical Codes from Clinical Text. NAACL 2018.
Vu, Nguyen, Nguyen. A Label Attention Model for ICD Coding from Clinical Text. IJCAI 2020.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from harness.families.family import Parameters
from harness.families.keras_parts import sequence
from harness.families.keras_parts.layers import layers
from harness.families.keras_parts.network import Shape
from harness.families.keras_parts.sequence import SequenceFamily, SequenceParameters


class LabelAttentionParameters(SequenceParameters):
    """``encoder``: a convolution over ``window`` neighbours (CAML), or a recurrent network in both directions (LAAT).

    ``attention``: how many numbers of a place, through tanh, its attention looks at (LAAT); 0 takes the place's own.
    """

    encoder: Literal["conv", "gru"] = "gru"
    window: int = Field(3, ge=1, le=11)
    attention: int = Field(0, ge=0, le=1024)
    width: int = Field(256, ge=4, le=1024)


class LabelAttention(SequenceFamily[LabelAttentionParameters]):
    """A text is, for each code, the places that speak of it."""

    name: ClassVar[str] = "label_attention"
    Parameters: ClassVar[type[Parameters]] = LabelAttentionParameters

    def text_network(self, parameters: LabelAttentionParameters, shape: Shape) -> tuple[dict[str, Any], Any]:
        import keras

        entries, vectors = sequence.embedded(parameters, shape)
        features = encoded(vectors, parameters, shape)
        features = keras.layers.Dropout(parameters.dropout)(features)
        looked_at = features
        if parameters.attention:
            looked_at = keras.layers.Dense(
                parameters.attention, "tanh", use_bias=False, dtype=shape.compute, name="looked_at"
            )(features)
        codes = layers().LabelAttention(shape.n_labels, shape.seed + 1, dtype=shape.compute, name="codes")
        return entries, codes([features, looked_at, entries["places"]])


def encoded(vectors: Any, parameters: LabelAttentionParameters, shape: Shape) -> Any:
    """Each place in its context; (n, length, width)."""
    import keras

    if parameters.encoder == "conv":
        return keras.layers.Conv1D(
            parameters.width, parameters.window, padding="same", activation="tanh", dtype=shape.compute, name="context"
        )(vectors)
    # Without biases zeros after a text's end leave the backward direction's state at zero, so that no mask is needed.
    recurrent = keras.layers.GRU(parameters.width // 2, return_sequences=True, use_bias=False, dtype=shape.compute)
    return keras.layers.Bidirectional(recurrent, dtype=shape.compute, name="context")(vectors)
