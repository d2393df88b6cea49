"""GRU: an encoder of words and a decoder that writes a text's codes one after the other (Keras on TensorFlow).

References
----------
Cho et al. Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation. EMNLP 2014.
Luong, Pham, Manning. Effective Approaches to Attention-based Neural Machine Translation. EMNLP 2015.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array

from harness.corpus.knowledge import Knowledge
from harness.families.family import (
    Context,
    Examples,
    Parameters,
    SequenceParameters,
    Units,
    Written,
    entries,
    no_scores,
    probabilities,
    sparsify,
    stack,
)
from harness.families.keras_parts import pieces
from harness.families.keras_parts.batches import Inputs, Rows
from harness.families.keras_parts.beginnings import decode
from harness.families.keras_parts.layers import layers
from harness.families.keras_parts.network import Shape, inputs_of, precision, settle, signature, with_known
from harness.families.keras_parts.teaching import Teaching, in_order, most_codes, start_logits

AT_ONCE = 2**22  # logits of a step in memory at the same time


class GruParameters(SequenceParameters):
    """Words are sums of parts in 2 to the ``buckets_log2`` rows: themselves, and their characters 3 to ``char_ngrams``.

    ``longest``: how many words of a text are read. ``most``: how many of its codes are learnt and written, the first
    ones. ``beams``: how many beginnings of what may be written are followed; 1 is greedy. ``by_code``: whether each
    code also looks at the words by itself, once for all steps (label attention). ``width`` numbers of a place and of
    the decoder's state, ``spread`` the standard deviation of embeddings at the start. ``hits``: what a term of the
    code list in a text adds to its code's logit at every step before training; 0 leaves hits out.
    """

    width: int = Field(192, ge=4, le=1024)
    embedding: int = Field(128, ge=4, le=1024)
    buckets_log2: int = Field(15, ge=8, le=22)
    char_ngrams: int = Field(5, ge=3, le=6)
    longest: int = Field(128, ge=4, le=4096)
    most: int = Field(32, ge=1, le=128)
    beams: int = Field(4, ge=1, le=16)
    by_code: bool = True
    hits: float = Field(1.0, ge=0.0)
    epochs: int = Field(8, ge=1, le=200)
    batch: int = Field(128, ge=8, le=4096)
    learning_rate: float = Field(5e-3, gt=0.0, le=1.0)
    dropout: float = Field(0.2, ge=0.0, lt=1.0)
    spread: float = Field(0.3, gt=0.0)


class Gru:
    """Words in their context, and what is written so far, say what comes next."""

    name: ClassVar[str] = "gru"
    kind: ClassVar[str] = "encoder-decoder"
    needs: ClassVar[float] = 0.25
    reports: ClassVar[bool] = True
    Parameters: ClassVar[type[Parameters]] = GruParameters

    def fit(
        self,
        train: Examples,
        validation: Units | None,
        knowledge: Knowledge,
        parameters: GruParameters,
        context: Context,
    ) -> GruModel:
        import keras

        settle(context.device, context.threads)
        keras.utils.set_random_seed(context.seed)
        inputs = read(train.units, parameters)
        seen = None if validation is None else read(validation, parameters)
        taught = Networks.made(parameters, Shape(len(train.labels), context.seed, precision()), inputs)
        taught.encoder.get_layer("codes").bias.assign(start_logits(train))
        teaching = Teaching([taught.encoder, taught.decoder], taught.logits, inputs, train, parameters, context)
        single = taught
        if precision() != "float32":
            single = Networks.made(parameters, Shape(len(train.labels), 0), inputs)
        model = GruModel(single, parameters, most_codes(in_order(train), parameters.most), 0)
        for epoch in range(context.steps or parameters.epochs):
            began = time.monotonic()
            teaching.epoch(epoch)
            single.take_over(taught)
            model.steps = epoch + 1
            if seen is not None and validation is not None and context.report is not None:
                context.report(epoch + 1, *model.written(seen, validation))
            if not context.allows(time.monotonic() - began):
                break
        return model

    def load(self, folder: Path, device: str) -> GruModel:
        import keras

        settle(device)
        layers()
        encoder, decoder = (
            keras.saving.load_model(folder / f"{part}.keras", compile=False, safe_mode=True)
            for part in ("encoder", "decoder")
        )
        description = json.loads((folder / "gru.json").read_text(encoding="utf-8"))
        parameters = GruParameters.model_validate(description["parameters"])
        return GruModel(Networks(encoder, decoder), parameters, description["most"], description["steps"])

    def most_steps(self, parameters: GruParameters) -> int:
        return parameters.epochs


def read(units: Units, parameters: GruParameters) -> Inputs:
    """What the encoder reads of units."""
    size = 2**parameters.buckets_log2
    text = pieces.words_in_parts(units.text, parameters.longest, size, parameters.char_ngrams)
    return inputs_of(text, units, parameters.hits)


@dataclass(frozen=True, slots=True)
class Networks:
    """Two Keras networks: one reads a text, the other writes its codes.

    Attributes
    ----------
    encoder : of a text its places in their context (n, length, width), the decoder's first state (n, width), and what
        it says of codes and end at every step (n, n_labels + 1)
    decoder : of tokens (n, steps) and what the encoder made: logits (n, steps, n_labels + 1) and its state
    """

    encoder: Any
    decoder: Any

    @classmethod
    def made(cls, parameters: GruParameters, shape: Shape, inputs: Inputs) -> Networks:
        return cls(_encoder(parameters, shape, inputs), _decoder(parameters, shape))

    def logits(self, texts: Any, before: Any, *, training: bool = True) -> Any:
        """Of texts and the tokens before each step; (n, steps, n_labels + 1)."""
        places, state, always = self.encoder(texts, training=training)
        return self._steps(texts["places"], places, state, always, before, training=training)[0]

    def _steps(
        self, words: Any, places: Any, state: Any, always: Any, before: Any, *, training: bool
    ) -> tuple[Any, Any]:
        given = {"before": before, "state": state, "features": places, "places": words}
        logits, state = self.decoder(given, training=training)
        return logits + always[:, None, :], state

    def next(self, words: Any, places: Any, always: Any, text: Any, last: Any, state: Any) -> tuple[Any, Any]:
        """One step of beginnings, of which ``text`` says whose they are; logits (m, n_labels + 1), states (m, width)."""
        import tensorflow as tf

        own = (tf.gather(words, text), tf.gather(places, text), state, tf.gather(always, text))
        logits, state = self._steps(*own, last[:, None], training=False)
        return logits[:, 0], state

    def take_over(self, taught: Networks) -> None:
        """The weights of other networks of the same shapes."""
        if taught is not self:
            self.encoder.set_weights(taught.encoder.get_weights())
            self.decoder.set_weights(taught.decoder.get_weights())


def _encoder(parameters: GruParameters, shape: Shape, inputs: Inputs) -> Any:
    import keras

    words = keras.Input((None,), dtype="int32", name="places")
    parts, word = (keras.Input((), dtype="int32", name=name) for name in ("parts", "word"))
    vectors = layers().WordParts(
        2**parameters.buckets_log2, parameters.embedding, parameters.spread, shape.seed, dtype="float32", name="words"
    )([parts, word, words])
    # Without biases zeros after a text's end leave the backward direction's state at zero, so that no mask is needed;
    # its last state knows the whole text, the forward one's also how much stands after it.
    recurrent = keras.layers.GRU(
        parameters.width // 2, return_sequences=True, return_state=True, use_bias=False, dtype=shape.compute
    )
    places, _, whole = keras.layers.Bidirectional(recurrent, dtype=shape.compute, name="context")(vectors)
    state = keras.layers.Dense(parameters.width, "tanh", dtype=shape.compute, name="state")(whole)
    places = keras.layers.Dropout(parameters.dropout)(places)
    if parameters.by_code:
        codes = layers().LabelAttention(shape.n_labels + 1, shape.seed + 1, dtype=shape.compute, name="codes")
        always = codes([places, places, words])
    else:
        always = keras.layers.Dense(shape.n_labels + 1, dtype="float32", name="codes")(whole)
    entries = {"parts": parts, "word": word, "places": words}
    always = with_known(entries, always, inputs, parameters.hits, parameters.dropout)
    return keras.Model(entries, [places, state, always])


def _decoder(parameters: GruParameters, shape: Shape) -> Any:
    import keras

    width, n_tokens = parameters.width, shape.n_labels + 1
    words = keras.Input((None,), dtype="int32", name="places")
    before = keras.Input((None,), dtype="int32", name="before")
    state = keras.Input((width,), dtype=shape.compute.removeprefix("mixed_"), name="state")
    features = keras.Input((None, width // 2 * 2), dtype=shape.compute.removeprefix("mixed_"), name="features")
    tokens = keras.layers.Embedding(
        n_tokens,
        parameters.embedding,
        keras.initializers.RandomNormal(stddev=parameters.spread, seed=shape.seed + 3),
        dtype="float32",
        name="tokens",
    )(before)
    recurrent = keras.layers.GRU(width, return_sequences=True, return_state=True, dtype=shape.compute, name="writing")
    states, last = recurrent(tokens, initial_state=state)
    queries = keras.layers.Dense(width // 2 * 2, use_bias=False, dtype=shape.compute, name="queries")(states)
    seen = layers().PlaceAttention(dtype=shape.compute, name="seen")([queries, features, words])
    both = keras.layers.Concatenate(dtype=shape.compute)([states, seen])
    both = keras.layers.Dense(width, "tanh", dtype=shape.compute, name="both")(both)
    both = keras.layers.Dropout(parameters.dropout)(both)
    logits = keras.layers.Dense(n_tokens, use_bias=False, dtype="float32", name="next")(both)
    return keras.Model({"before": before, "state": state, "features": features, "places": words}, [logits, last])


class GruModel:
    """A fitted encoder and decoder; ``most`` codes of a text are written at most."""

    def __init__(self, networks: Networks, parameters: GruParameters, most: int, steps: int) -> None:
        import tensorflow as tf

        self.networks, self.parameters, self.most, self.steps = networks, parameters, most, steps
        self._encode = tf.function(
            lambda texts: networks.encoder(texts, training=False), input_signature=[signature(networks.encoder)]
        )
        given = signature(networks.decoder)
        numbers = tf.TensorSpec((None,), tf.int32)
        always = tf.TensorSpec((None, self.n_labels + 1), tf.float32)
        self._next = tf.function(
            networks.next,
            input_signature=[given["places"], given["features"], always, numbers, numbers, given["state"]],
        )

    @property
    def n_labels(self) -> int:
        return int(self.networks.encoder.output_shape[-1][-1]) - 1

    def predict(self, units: Units) -> csr_array:
        return self.write(units)[0]

    def write(self, units: Units) -> tuple[csr_array, Written]:
        """Scores, and the codes in order."""
        return self.written(read(units, self.parameters), units)

    def written(self, inputs: Inputs, units: Units) -> tuple[csr_array, Written]:
        """Of what the encoder reads of units; these say what is barred."""
        n, n_labels = len(inputs), self.n_labels
        if not n:
            return no_scores(0, n_labels), Written(np.zeros(1, np.int64), np.zeros(0, np.int32))
        scores, found, order = [], [], []
        for rows in inputs.in_blocks(max(1, AT_ONCE // (self.parameters.beams * (n_labels + 1)))):
            of_rows, of_codes = self._block(inputs, rows, units)
            scores.append(of_rows)
            found.append(of_codes)
            order.append(rows)
        back = np.argsort(np.concatenate(order), kind="stable")
        whole = Written(
            np.r_[np.int64(0), np.cumsum(np.concatenate([np.diff(part.first) for part in found]))],
            np.concatenate([part.columns for part in found]),
            None,
            *(_joined([getattr(part, name) for part in found]) for name in ("log_probability", "gap")),
        )
        return csr_array(stack(scores)[back]), whole.take(back)

    def _block(self, inputs: Inputs, rows: Rows, units: Units) -> tuple[csr_array, Written]:
        import tensorflow as tf

        batch = inputs.batch(rows)
        places, state, always = self._encode(batch)
        words = tf.constant(batch["places"])

        def step(text: Any, last: Any, before: Any) -> tuple[Any, Any]:
            token, own = tf.constant(last, tf.int32), tf.constant(text, tf.int32)
            logits, new = self._next(words, places, always, own, token, tf.constant(before))
            return logits.numpy(), new.numpy()

        barred = None
        if units.seasons is not None:
            barred = units.seasons.barred[units.seasons.era[rows], : self.n_labels].toarray() > 0
        log_odds, codes = decode(step, state.numpy(), self.n_labels, self.most, self.parameters.beams, barred)
        scores = sparsify(probabilities(log_odds))
        if barred is not None:
            row = np.repeat(np.arange(len(rows)), np.diff(scores.indptr))
            scores = entries(scores, ~barred[row, scores.indices])
        return scores, codes

    def save(self, folder: Path) -> None:
        self.networks.encoder.save(folder / "encoder.keras")
        self.networks.decoder.save(folder / "decoder.keras")
        description = {"parameters": self.parameters.model_dump(), "most": self.most, "steps": self.steps}
        (folder / "gru.json").write_text(json.dumps(description, sort_keys=True), encoding="utf-8")


def _joined(parts: list[Any]) -> Any:
    return None if parts[0] is None else np.concatenate(parts)
