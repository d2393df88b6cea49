"""Bag: a fastText-like network over hashed n-grams of words and characters (Keras on TensorFlow).

Joulin et al. Bag of Tricks for Efficient Text Classification. EACL 2017; here with one sigmoid a code.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field
from scipy.sparse import csr_array, hstack

from harness.corpus import words
from harness.corpus.knowledge import Knowledge
from harness.families.family import (
    Context,
    Examples,
    Parameters,
    Units,
    blocks,
    no_scores,
    probabilities,
    sparsify,
    stack,
)

ROWS = 1_024


class BagParameters(Parameters):
    """``buckets_log2`` rows of the table of n-grams, each of ``width`` numbers; characters 3 to ``char_ngrams``.

    ``hits``: how much a hit of the code list counts beside the n-grams, which have length 1 together; 0 leaves hits out.
    """

    width: int = Field(128, ge=4, le=1024)
    buckets_log2: int = Field(15, ge=8, le=22)
    char_ngrams: int = Field(5, ge=3, le=6)
    epochs: int = Field(10, ge=1, le=100)
    batch: int = Field(128, ge=8, le=4096)
    learning_rate: float = Field(1e-2, gt=0.0, le=1.0)
    dropout: float = Field(0.2, ge=0.0, lt=1.0)
    spread: float = Field(0.3, gt=0.0)
    hits: float = Field(0.5, ge=0.0)


class Bag:
    """Hashed n-grams, weighted and summed, then one layer."""

    name: ClassVar[str] = "bag"
    kind: ClassVar[str] = "baseline"
    needs: ClassVar[float] = 0.25
    reports: ClassVar[bool] = True
    Parameters: ClassVar[type[Parameters]] = BagParameters

    def fit(
        self,
        train: Examples,
        validation: Units | None,
        knowledge: Knowledge,
        parameters: BagParameters,
        context: Context,
    ) -> BagModel:
        import keras
        import tensorflow as tf

        from harness.families.lazy_adam import LazyAdam

        _settle(context.threads)
        keras.utils.set_random_seed(context.seed)
        features = bag_of(train.units, parameters)
        seen = None if validation is None else bag_of(validation, parameters)
        network = _network(parameters, features.shape[1], _bias(train), context.seed)
        variables = [variable.value for variable in network.trainable_variables]
        optimizer = LazyAdam(variables)
        weights = train.root_weights().astype(np.float32)
        weights /= weights.mean()
        batches = max(1, -(-len(train) // parameters.batch))
        total = parameters.epochs * batches
        rng = np.random.default_rng(context.seed)
        masked, everything = bool(train.unknown.nnz), np.ones((1, 1), np.float32)

        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
        def step(ids: Any, values: Any, y: Any, known: Any, weight: Any, rate: Any) -> None:
            with tf.GradientTape() as tape:
                logits = network([ids, values], training=True)
                entropy = known * tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits)
                loss = tf.reduce_mean(weight * tf.reduce_sum(entropy, axis=1))
            optimizer.apply(tape.gradient(loss, variables), rate)

        model = BagModel(network, parameters, 0)
        for epoch in range(context.steps or parameters.epochs):
            order = _by_length(features, rng, parameters.batch)
            for number, rows in enumerate(order):
                done = epoch * batches + number
                rate = parameters.learning_rate * min(1.0, (done + 1) / 100) * max(0.02, 1.0 - done / total)
                ids, values = _padded(features, rows)
                y = train.y[rows].toarray().astype(np.float32)
                known = 1.0 - train.unknown_at(rows).toarray().astype(np.float32) if masked else everything
                step(ids, values, y, known, weights[rows], np.float32(rate))
            model = BagModel(network, parameters, epoch + 1)
            if seen is not None and context.report is not None:
                context.report(epoch + 1, model.scores(seen))
            if context.deadline is not None and time.monotonic() > context.deadline:
                break
        return model

    def load(self, folder: Path, device: str) -> BagModel:
        import keras

        _layer()
        description = json.loads((folder / "bag.json").read_text(encoding="utf-8"))
        network = keras.saving.load_model(folder / "bag.keras", compile=False, safe_mode=True)
        return BagModel(network, BagParameters.model_validate(description["parameters"]), description["steps"])

    def most_steps(self, parameters: BagParameters) -> int:
        return parameters.epochs


@dataclass(frozen=True, slots=True)
class BagModel:
    """A Keras network from (ids, values), each (n, length), to logits (n, n_labels)."""

    network: Any
    parameters: BagParameters
    steps: int

    def predict(self, units: Units) -> csr_array:
        return self.scores(bag_of(units, self.parameters))

    def scores(self, features: csr_array) -> csr_array:
        """Scores of rows of n-grams; (n, n_labels)."""
        if not features.shape[0]:
            return no_scores(0, self.network.output_shape[-1])
        order = np.argsort(np.diff(features.indptr), kind="stable")
        found = [
            sparsify(
                probabilities(
                    np.asarray(self.network.predict_on_batch(list(_padded(features, order[rows]))), dtype=np.float64)
                )
            )
            for rows in blocks(len(order), ROWS)
        ]
        return csr_array(stack(found)[np.argsort(order, kind="stable")])

    def save(self, folder: Path) -> None:
        self.network.save(folder / "bag.keras")
        (folder / "bag.json").write_text(
            json.dumps({"parameters": self.parameters.model_dump(), "steps": self.steps}, sort_keys=True),
            encoding="utf-8",
        )


def bag_of(units: Units, parameters: BagParameters) -> csr_array:
    """N-grams, and beside them the hits of the code list; (n, buckets) or (n, buckets + n_labels)."""
    found = ngrams(units.text, parameters)
    if units.hits is None or not parameters.hits:
        return found
    return csr_array(hstack([found, parameters.hits * units.hits], format="csr", dtype=np.float32))


def ngrams(texts: pa.Array, parameters: BagParameters) -> csr_array:
    """Hashed n-grams of words (1, 2) and characters, each text scaled to length 1; (n, buckets)."""
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.preprocessing import normalize

    prepared = words.normalise(texts).to_pylist()
    buckets = 2**parameters.buckets_log2
    shared: dict[str, Any] = {
        "n_features": buckets,
        "alternate_sign": False,
        "norm": None,
        "lowercase": False,
        "token_pattern": r"\S+",
        "dtype": np.float32,
    }
    if not prepared:
        return no_scores(0, buckets)
    by_word = HashingVectorizer(analyzer="word", ngram_range=(1, 2), **shared).transform(prepared)
    by_character = HashingVectorizer(analyzer="char_wb", ngram_range=(3, parameters.char_ngrams), **shared).transform(
        prepared
    )
    features = csr_array(by_word + by_character)
    features.data = 1.0 + np.log(features.data)
    features.sort_indices()
    return csr_array(normalize(features))


def _by_length(features: csr_array, rng: np.random.Generator, batch: int) -> list[npt.NDArray[np.int64]]:
    """Shuffled batches of texts of like length, so that little of a batch is padding."""
    lengths = np.diff(features.indptr) * (1.0 + 0.2 * rng.random(features.shape[0]))
    order = np.argsort(lengths, kind="stable")
    cut = [order[rows] for rows in blocks(len(order), batch)]
    return [cut[position] for position in rng.permutation(len(cut))]


def _padded(features: csr_array, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Column numbers and values of some rows, padded with zeros to a multiple of 16; each (n, length)."""
    chosen = features[rows]
    lengths = np.diff(chosen.indptr)
    longest = max(16, -(-int(lengths.max(initial=1)) // 16) * 16)
    ids = np.zeros((len(rows), longest), dtype=np.int32)
    values = np.zeros((len(rows), longest), dtype=np.float32)
    filled = np.arange(longest)[None, :] < lengths[:, None]
    ids[filled] = chosen.indices
    values[filled] = chosen.data
    return ids, values


def _bias(train: Examples) -> npt.NDArray[np.float32]:
    """The log-odds of each label's share of the examples."""
    weights = train.root_weights()
    known = np.maximum(train.known_weight(weights), 1e-9)
    share = np.clip(np.asarray(weights @ train.y).ravel() / known, 1e-6, 1 - 1e-6)
    odds: npt.NDArray[np.float32] = np.log(share / (1 - share)).astype(np.float32)
    return odds


def _network(parameters: BagParameters, n_features: int, bias: npt.NDArray[np.float32], seed: int) -> Any:
    import keras

    ids = keras.Input((None,), dtype="int32", name="ids")
    values = keras.Input((None,), dtype="float32", name="values")
    bag = _layer()(n_features, parameters.width, parameters.spread, seed, name="ngrams")([ids, values])
    bag = keras.layers.Dropout(parameters.dropout)(bag)
    logits = keras.layers.Dense(
        len(bias),
        kernel_initializer=keras.initializers.RandomNormal(stddev=parameters.width**-0.5, seed=seed + 1),
        name="codes",
    )(bag)
    network = keras.Model([ids, values], logits)
    network.get_layer("codes").bias.assign(bias)
    return network


_LAYER: list[Any] = []


def _layer() -> Any:
    """The class of the embedding layer, made and registered once, when Keras is there."""
    if _LAYER:
        return _LAYER[0]
    import keras

    @keras.saving.register_keras_serializable("harness")
    class NgramBag(keras.layers.Layer):  # type: ignore[misc]
        """Weighted sum of the rows of a table."""

        def __init__(self, buckets: int, width: int, spread: float, seed: int, **more: Any) -> None:
            super().__init__(**more)
            self.buckets, self.width, self.spread, self.seed = buckets, width, spread, seed

        def build(self, shapes: Any) -> None:
            self.table = self.add_weight(
                shape=(self.buckets, self.width),
                initializer=keras.initializers.RandomNormal(stddev=self.spread, seed=self.seed),
                name="table",
            )

        def call(self, inputs: Any) -> Any:
            ids, values = inputs
            rows = keras.ops.take(self.table, ids, axis=0)
            return keras.ops.squeeze(keras.ops.matmul(keras.ops.expand_dims(values, 1), rows), 1)

        def compute_output_shape(self, shapes: Any) -> Any:
            return (shapes[0][0], self.width)

        def get_config(self) -> dict[str, Any]:
            return {
                **super().get_config(),
                "buckets": self.buckets,
                "width": self.width,
                "spread": self.spread,
                "seed": self.seed,
            }

    _LAYER.append(NgramBag)
    return NgramBag


def _settle(threads: int) -> None:
    """TensorFlow takes every core, and all of a GPU's memory, unless told otherwise before its first operation."""
    import tensorflow as tf

    with suppress(RuntimeError):  # an earlier fit in this process has begun already; its settings stay
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
