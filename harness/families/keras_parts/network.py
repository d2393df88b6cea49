"""What the networks on TensorFlow share: their training, their model, and how hits and covariates come in."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import pyarrow as pa
from pydantic import Field
from scipy.sparse import csr_array

from harness.corpus.knowledge import Knowledge
from harness.families.family import (
    Context,
    CovariateParameters,
    Examples,
    Parameters,
    Units,
    no_scores,
    probabilities,
    sparsify,
    stack,
)
from harness.families.keras_parts import batches
from harness.families.keras_parts.batches import Inputs, TextInputs
from harness.families.keras_parts.layers import layers
from harness.families.losses import Loss, LossName

WARM_UP = 100  # steps, at most a tenth of all
LEAST_RATE = 0.02  # of the learning rate, at the end of the last epoch
WIDTH_OF_COVARIATES = 32


class NetworkParameters(CovariateParameters):
    """``width`` numbers a vector, ``spread`` the standard deviation of the embedding's at the start.

    ``hits``: what a term of the code list in a text adds to its code's log-odds before training; 0 leaves hits out.
    ``focus``: how much less codes count that are nearly right (focal and asymmetric loss). ``margin``: up to which
    probability a wrong code costs nothing (asymmetric loss).
    """

    width: int = Field(128, ge=4, le=1024)
    epochs: int = Field(8, ge=1, le=200)
    batch: int = Field(128, ge=8, le=4096)
    learning_rate: float = Field(5e-3, gt=0.0, le=1.0)
    dropout: float = Field(0.2, ge=0.0, lt=1.0)
    spread: float = Field(0.3, gt=0.0)
    hits: float = Field(1.0, ge=0.0)
    loss: LossName = "asymmetric"
    focus: float = Field(2.0, ge=0.0, le=5.0)
    margin: float = Field(0.05, ge=0.0, le=0.3)


P = TypeVar("P", bound=NetworkParameters)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a network is built for: ``compute`` is the precision of its large products, "float32" or "mixed_bfloat16"."""

    n_labels: int
    seed: int
    compute: str = "float32"


class NetworkFamily(ABC, Generic[P]):
    """A family whose network is built by ``text_network`` and reads what ``read`` makes of texts."""

    name: ClassVar[str]
    kind: ClassVar[str] = "baseline"
    needs: ClassVar[float] = 0.25
    reports: ClassVar[bool] = True
    Parameters: ClassVar[type[Parameters]]

    @abstractmethod
    def read(self, texts: pa.Array, parameters: P) -> TextInputs:
        """What the network reads of texts."""

    @abstractmethod
    def text_network(self, parameters: P, shape: Shape) -> tuple[dict[str, Any], Any]:
        """Keras inputs by their names, and logits (n, n_labels) from a layer called ``codes`` that has a bias."""

    def fit(
        self, train: Examples, validation: Units | None, knowledge: Knowledge, parameters: P, context: Context
    ) -> NetworkModel:
        import keras

        settle(context.device, context.threads)
        keras.utils.set_random_seed(context.seed)
        inputs = self.inputs(train.units, parameters)
        seen = None if validation is None else self.inputs(validation, parameters)
        loss = loss_of(parameters)
        network = self.network(parameters, Shape(len(train.labels), context.seed, precision()), inputs)
        network.get_layer("codes").bias.assign(loss.logits(train.log_odds()))
        training = Training(network, loss, inputs, train, parameters, context)
        model = NetworkModel(self._scoring(network, parameters, inputs), self, parameters, 0)
        for epoch in range(context.steps or parameters.epochs):
            began = time.monotonic()
            training.epoch(epoch)
            model.update(network, epoch + 1)
            if seen is not None and context.report is not None:
                context.report(epoch + 1, model.scores(seen))
            if not context.allows(time.monotonic() - began):
                break
        return model

    def load(self, folder: Path, device: str) -> NetworkModel:
        import keras

        settle(device)
        layers()
        description = json.loads((folder / "network.json").read_text(encoding="utf-8"))
        network = keras.saving.load_model(folder / "network.keras", compile=False, safe_mode=True)
        parameters = self.Parameters.model_validate(description["parameters"])
        return NetworkModel(network, self, parameters, description["steps"])

    def most_steps(self, parameters: P) -> int:
        return parameters.epochs

    def inputs(self, units: Units, parameters: P) -> Inputs:
        """What the network reads of units: their texts, and hits and covariates where the parameters ask for them."""
        return inputs_of(self.read(units.text, parameters), units, parameters.hits)

    def network(self, parameters: P, shape: Shape, inputs: Inputs) -> Any:
        """The whole network: that of the texts, and what covariates and hits add to its logits."""
        import keras

        entries, logits = self.text_network(parameters, shape)
        return keras.Model(entries, with_known(entries, logits, inputs, parameters.hits, parameters.dropout))

    def _scoring(self, network: Any, parameters: P, inputs: Inputs) -> Any:
        """The network in single precision, so that its scores do not depend on where it was trained."""
        if precision() == "float32":
            return network
        return self.network(parameters, Shape(network.output_shape[-1], 0), inputs)


def inputs_of(text: TextInputs, units: Units, hits: float) -> Inputs:
    """What a network reads of units, with their covariates, and with their hits unless these are worth nothing."""
    covariates = units.covariates
    if covariates is not None and not covariates.shape[1]:  # no value stands often enough
        covariates = None
    return Inputs(text, units.hits if hits else None, covariates)


def with_known(entries: dict[str, Any], logits: Any, inputs: Inputs, hits: float, dropout: float) -> Any:
    """Logits and what covariates and hits add to them, whose Keras inputs join ``entries``."""
    import keras

    if inputs.covariates is not None:
        entries["covariates"] = keras.Input((inputs.covariates.shape[1],), dtype="float32", name="covariates")
        projected = keras.layers.Dense(WIDTH_OF_COVARIATES, "relu", name="projected")(entries["covariates"])
        projected = keras.layers.Dropout(dropout)(projected)
        added = keras.layers.Dense(logits.shape[-1], use_bias=False, kernel_initializer="zeros", name="of_covariates")
        logits = keras.layers.Add()([logits, added(projected)])
    if inputs.hits is not None:
        entries["hits"] = keras.Input((2,), dtype="int32", name="hits")
        logits = layers().HitWeights(hits, name="of_hits")([logits, entries["hits"]])
    return logits


class Training:
    """One network's training, epoch by epoch."""

    def __init__(
        self,
        network: Any,
        loss: Loss,
        inputs: Inputs,
        train: Examples,
        parameters: NetworkParameters,
        context: Context,
    ) -> None:
        import tensorflow as tf

        from harness.families.keras_parts.lazy_adam import LazyAdam

        self._inputs, self._train, self._parameters, self._threads = inputs, train, parameters, context.threads
        weights = train.root_weights().astype(np.float32)
        self._weights = weights / weights.mean()
        self._rng = np.random.default_rng(context.seed)
        self._signature = signature(network)
        variables = [variable.value for variable in network.trainable_variables]
        optimizer, one, masked = LazyAdam(variables), tf.ones((1, 1)), bool(train.unknown.nnz)

        def step(texts: Any, codes: Any, unknown: Any, weight: Any, rate: Any) -> None:
            shape = tf.stack([tf.shape(weight)[0], len(train.labels)])
            y, known = _dense(codes, shape), 1.0 - _dense(unknown, shape) if masked else one
            with tf.GradientTape() as tape:
                value = loss(network(texts, training=True), y, known, weight)
            optimizer.apply(tape.gradient(value, variables), rate)

        self._step = tf.function(step, reduce_retracing=True)

    def epoch(self, number: int) -> None:
        """One pass over all texts, in batches drawn anew."""
        drawn = batches.by_length(self._inputs.text.lengths, self._rng, self._parameters.batch)
        total = self._parameters.epochs * len(drawn)
        passed = batches.epoch(self._inputs, self._train, self._weights, drawn, self._signature, self._threads)
        for done, batch in enumerate(passed, number * len(drawn)):
            self._step(*batch, np.float32(self._parameters.learning_rate * rate(done, total)))


def rate(done: int, total: int) -> float:
    """Of the learning rate after so many steps of all: up over the first of them, down to nearly nothing at the end."""
    return min(1.0, (done + 1) / max(1, min(WARM_UP, total // 10))) * max(LEAST_RATE, 1.0 - done / total)


def _dense(pairs: Any, shape: Any) -> Any:
    """1 at pairs of text and code; (n, n_labels)."""
    import tensorflow as tf

    return tf.scatter_nd(pairs, tf.ones(tf.shape(pairs)[:1]), shape)


class NetworkModel:
    """A fitted Keras network from what its family reads of texts to logits (n, n_labels)."""

    def __init__(self, network: Any, family: NetworkFamily[Any], parameters: Any, steps: int) -> None:
        import tensorflow as tf

        self.network, self.family, self.parameters, self._steps = network, family, parameters, steps
        self._loss = loss_of(parameters)
        self._logits = tf.function(lambda inputs: network(inputs, training=False), input_signature=[signature(network)])

    @property
    def steps(self) -> int:
        return self._steps

    def update(self, trained: Any, steps: int) -> None:
        """Take over the weights of the network that was trained for so many steps."""
        if trained is not self.network:
            self.network.set_weights(trained.get_weights())
        self._steps = steps

    def predict(self, units: Units) -> csr_array:
        return self.scores(self.family.inputs(units, self.parameters))

    def scores(self, inputs: Inputs) -> csr_array:
        """Scores of what the network reads; (n, n_labels)."""
        if not len(inputs):
            return no_scores(0, self.network.output_shape[-1])
        found, order = [], []
        for rows in inputs.in_blocks():
            logits = np.asarray(self._logits(inputs.batch(rows)), dtype=np.float64)
            found.append(sparsify(probabilities(self._loss.log_odds(logits))))
            order.append(rows)
        return csr_array(stack(found)[np.argsort(np.concatenate(order), kind="stable")])

    def save(self, folder: Path) -> None:
        self.network.save(folder / "network.keras")
        (folder / "network.json").write_text(
            json.dumps({"parameters": self.parameters.model_dump(), "steps": self.steps}, sort_keys=True),
            encoding="utf-8",
        )


def loss_of(parameters: NetworkParameters) -> Loss:
    return Loss(parameters.loss, parameters.focus, parameters.margin)


def signature(network: Any) -> dict[str, Any]:
    """The shapes and types of a network's inputs, by their names."""
    import tensorflow as tf

    return {name: tf.TensorSpec(entry.shape, entry.dtype) for name, entry in network.input.items()}


def precision() -> str:
    """Products in half precision where there is a GPU in use; sums and weights stay in single precision."""
    import tensorflow as tf

    return "mixed_bfloat16" if tf.config.get_visible_devices("GPU") else "float32"


def settle(device: str, threads: int = 1) -> None:
    """TensorFlow takes every core, and all of a GPU's memory, unless told otherwise before its first operation."""
    import tensorflow as tf

    with suppress(RuntimeError):  # an earlier fit in this process has begun already; its settings stay
        if device != "gpu":
            tf.config.set_visible_devices([], "GPU")
        for gpu in tf.config.get_visible_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
