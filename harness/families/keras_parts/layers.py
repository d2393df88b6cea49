"""Keras layers of the networks, made and registered once, when Keras is there: ``layers().NgramBag``."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

AT_ONCE = 512  # labels whose attention is in memory at the same time
STEEPEST = 15.0  # of attention's scores before their exponential


@cache
def layers() -> SimpleNamespace:
    """The classes by name; a model that holds them loads in safe mode after this call."""
    import keras
    import tensorflow as tf

    registered = keras.saving.register_keras_serializable("harness")

    def table(layer: Any, rows: int, spread: float) -> Any:
        """Rows of normal numbers; used as it is, because a cast would make its gradient dense."""
        initializer = keras.initializers.RandomNormal(stddev=spread, seed=layer.seed)
        return layer.add_weight(shape=(rows, layer.width), initializer=initializer, name="table", autocast=False)

    class Table(keras.layers.Layer):  # type: ignore[misc]
        """A table of ``rows`` vectors."""

        def __init__(self, rows: int, width: int, spread: float, seed: int, **more: Any) -> None:
            super().__init__(**more)
            self.rows, self.width, self.spread, self.seed = rows, width, spread, seed

        def build(self, shapes: Any) -> None:
            self.table = table(self, self.rows, self.spread)

        def get_config(self) -> dict[str, Any]:
            own = {"rows": self.rows, "width": self.width, "spread": self.spread, "seed": self.seed}
            return {**super().get_config(), **own}

    @registered
    class NgramBag(Table):
        """Weighted sums of rows: ids and values (n, length) to (n, width)."""

        def call(self, inputs: Any) -> Any:
            ids, values = inputs
            return tf.squeeze(tf.matmul(tf.expand_dims(values, 1), tf.gather(self.table.value, ids)), 1)

        def compute_output_shape(self, shapes: Any) -> Any:
            return (shapes[0][0], self.width)

    @registered
    class WordParts(Table):
        """Words as sums of their parts by the root of their number: parts, word (n_parts,) and places (n, length).

        To (n, length, width), with zeros where no word stands. A word that many texts have is summed once.
        """

        def call(self, inputs: Any) -> Any:
            parts, word, places = inputs
            n_words = tf.reduce_max(places) + 1
            count = tf.math.unsorted_segment_sum(tf.ones_like(word, tf.float32), word, n_words)
            sums = tf.math.unsorted_segment_sum(tf.gather(self.table.value, parts), word, n_words)
            return tf.gather(sums * tf.math.rsqrt(tf.maximum(count, 1.0))[:, None], places)

        def compute_output_shape(self, shapes: Any) -> Any:
            return (*shapes[2], self.width)

    @registered
    class CharacterTable(Table):
        """Rows of the table at places (n, length), with zeros at 0; (n, length, width)."""

        def call(self, places: Any) -> Any:
            written = tf.cast(places > 0, tf.float32)[:, :, None]
            return tf.gather(self.table.value, places) * written

        def compute_output_shape(self, shape: Any) -> Any:
            return (*shape, self.width)

    @registered
    class GreatestOverPlaces(keras.layers.Layer):  # type: ignore[misc]
        """The greatest value of each feature over a text: features (n, length, width) >= 0 and places; (n, width)."""

        def call(self, inputs: Any) -> Any:
            features, places = inputs
            return tf.reduce_max(features * tf.cast(places > 0, features.dtype)[:, :, None], axis=1)

        def compute_output_shape(self, shapes: Any) -> Any:
            return (shapes[0][0], shapes[0][2])

    @registered
    class LabelAttention(keras.layers.Layer):  # type: ignore[misc]
        """Each label looks at the places of a text by itself (Mullenbach et al. 2018).

        Features (n, length, width), what attention looks at (n, length, width) and places (n, length) to logits
        (n, n_labels), always in single precision. A label's own document vector is never made: only its product with
        the label's weights. Of many labels some are done at a time, and again for the gradient, so that memory does
        not grow with them.
        """

        def __init__(self, n_labels: int, seed: int, **more: Any) -> None:
            super().__init__(**more)
            self.n_labels, self.seed = n_labels, seed

        def build(self, shapes: Any) -> None:
            self.values, self.queries = (
                self.add_weight(
                    shape=(shape[-1], self.n_labels),
                    initializer=keras.initializers.RandomNormal(stddev=shape[-1] ** -0.5, seed=self.seed + number),
                    name=name,
                )
                for number, (name, shape) in enumerate(zip(("values", "queries"), shapes, strict=False))
            )
            self.bias = self.add_weight(shape=(self.n_labels,), initializer="zeros", name="bias", autocast=False)

        def call(self, inputs: Any) -> Any:
            features, looked_at, places = inputs
            features, looked_at = (
                tf.transpose(part, (1, 0, 2)) for part in (features, looked_at)
            )  # time first: faster
            written = tf.transpose(tf.cast(places > 0, tf.float32))[:, :, None]
            values, queries = (tf.convert_to_tensor(weight) for weight in (self.values, self.queries))
            attended = attend if self.n_labels <= AT_ONCE else tf.recompute_grad(attend)
            cuts = [slice(start, start + AT_ONCE) for start in range(0, self.n_labels, AT_ONCE)]
            parts = [attended(features, looked_at, written, values[:, cut], queries[:, cut]) for cut in cuts]
            return tf.concat(parts, axis=1) + self.bias.value

        def compute_output_shape(self, shapes: Any) -> Any:
            return (shapes[0][0], self.n_labels)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "n_labels": self.n_labels, "seed": self.seed}

    def attend(features: Any, looked_at: Any, written: Any, values: Any, queries: Any) -> Any:
        """Logits without their biases; (n, n_labels)."""
        scores = tf.cast(tf.tensordot(looked_at, queries, 1), tf.float32)
        share = tf.exp(tf.clip_by_value(scores, -STEEPEST, STEEPEST)) * written
        value = tf.cast(tf.tensordot(features, values, 1), tf.float32)
        return tf.math.divide_no_nan(tf.reduce_sum(share * value, 0), tf.reduce_sum(share, 0))

    @registered
    class PlaceAttention(keras.layers.Layer):  # type: ignore[misc]
        """What queries see of a text (Luong et al. 2015): (n, steps, width), features (n, length, width) and places.

        To (n, steps, width). A text without words shows nothing.
        """

        def call(self, inputs: Any) -> Any:
            queries, features, places = inputs
            written = tf.cast(places > 0, tf.float32)[:, None, :]
            scores = tf.cast(tf.matmul(queries, features, transpose_b=True), tf.float32)
            share = tf.exp(tf.clip_by_value(scores, -STEEPEST, STEEPEST)) * written
            share = tf.math.divide_no_nan(share, tf.reduce_sum(share, axis=2, keepdims=True))
            return tf.matmul(tf.cast(share, features.dtype), features)

        def compute_output_shape(self, shapes: Any) -> Any:
            return shapes[0]

    @registered
    class HitWeights(keras.layers.Layer):  # type: ignore[misc]
        """What hits of the code list add to logits (n, n_labels): pairs of text and label (n_hits, 2)."""

        def __init__(self, value: float, **more: Any) -> None:
            super().__init__(**more)
            self.value = value

        def build(self, shapes: Any) -> None:
            self.weights_of_hits = self.add_weight(
                shape=(shapes[0][-1],), initializer=keras.initializers.Constant(self.value), name="weights"
            )

        def call(self, inputs: Any) -> Any:
            logits, pairs = inputs
            added = tf.gather(tf.convert_to_tensor(self.weights_of_hits), pairs[:, 1])
            return logits + tf.scatter_nd(pairs, added, tf.shape(logits))

        def compute_output_shape(self, shapes: Any) -> Any:
            return shapes[0]

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "value": self.value}

    found = (NgramBag, WordParts, CharacterTable, GreatestOverPlaces, LabelAttention, PlaceAttention, HitWeights)
    return SimpleNamespace(**{layer.__name__: layer for layer in found})
