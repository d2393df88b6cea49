"""How a decoder learns codes in their order: the token after each beginning, as the experts gave it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_expit

from harness.corpus.certificate import LineCodes
from harness.families.family import Context, Examples
from harness.families.keras_parts import batches
from harness.families.keras_parts.batches import Batch, Inputs, Rows
from harness.families.keras_parts.network import rate, signature

BARRED = 1e9  # below every logit


def in_order(train: Examples) -> LineCodes:
    """The examples' codes in order; they have them where the parameters are ``SequenceParameters``."""
    if train.entries is None:
        raise ValueError("a decoder needs examples with their codes in order")
    return train.entries


def targets(entries: LineCodes, rows: Rows, end: int, most: int) -> npt.NDArray[np.int32]:
    """The codes of some texts, then ``end``, then −1; ``most`` codes at most, of which the last has no end after it.

    Shape (n_rows, steps).
    """
    first, lengths = entries.first_code[rows], np.diff(entries.first_code)[rows]
    steps = min(most, int(lengths.max(initial=0)) + 1)
    place = np.arange(steps)[None, :]
    found = np.full((len(rows), steps), -1, dtype=np.int32)
    given = place < lengths[:, None]
    found[given] = entries.columns[(first[:, None] + place)[given]]
    found[place == lengths[:, None]] = end
    return found


def most_codes(entries: LineCodes, most: int) -> int:
    """How many codes a text has at most, and never more than ``most``; 1 at least."""
    return max(1, min(most, int(np.diff(entries.first_code).max(initial=1))))


def start_logits(train: Examples) -> npt.NDArray[np.float64]:
    """Logits of codes and end that a decoder begins with: how often each stands on a text; (n_labels + 1,)."""
    found: npt.NDArray[np.float64] = np.r_[log_expit(train.log_odds()), 0.0]
    return found


def loss(logits: Any, wanted: Any, unknown: Any, weight: Any) -> Any:
    """The mean over texts of the sum over steps of the cross-entropy; a scalar tensor.

    Parameters
    ----------
    logits : (n, steps, n_labels + 1)
    wanted : (n, steps) tokens as :func:`targets` has them
    unknown : (n_unknown, 2) pairs of text and code of which the text says nothing: never next, and no mistake
    weight : (n,)
    """
    import tensorflow as tf

    shape = tf.shape(logits)
    before = tf.cumsum(tf.one_hot(wanted, shape[2]), axis=1, exclusive=True)  # what has come does not come again
    silent = tf.scatter_nd(unknown, tf.ones(tf.shape(unknown)[:1]), tf.stack([shape[0], shape[2]]))
    barred = tf.minimum(before + silent[:, None, :], 1.0)
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(wanted, 0), logits - BARRED * barred)
    return tf.reduce_mean(weight * tf.reduce_sum(tf.where(wanted >= 0, each, 0.0), axis=1))


class Teaching:
    """A decoder's training, epoch by epoch; ``logits`` makes (n, steps, n_labels + 1) of texts and tokens before."""

    def __init__(
        self, networks: list[Any], logits: Any, inputs: Inputs, train: Examples, parameters: Any, context: Context
    ) -> None:
        import tensorflow as tf

        from harness.families.keras_parts.lazy_adam import LazyAdam

        self._inputs, self._train, self._entries = inputs, train, in_order(train)
        self._parameters, self._threads = parameters, context.threads
        weights = train.root_weights().astype(np.float32)
        self._weights = weights / weights.mean()
        self._rng = np.random.default_rng(context.seed)
        self._most = most_codes(self._entries, parameters.most)
        variables = [variable.value for network in networks for variable in network.trainable_variables]
        optimizer, end = LazyAdam(variables), len(train.labels)

        def step(texts: Any, wanted: Any, unknown: Any, weight: Any, rate: Any) -> None:
            begin = tf.fill(tf.stack([tf.shape(wanted)[0], 1]), end)
            before = tf.concat([begin, tf.maximum(wanted[:, :-1], 0)], axis=1)
            with tf.GradientTape() as tape:
                value = loss(logits(texts, before), wanted, unknown, weight)
            optimizer.apply(tape.gradient(value, variables), rate)

        pairs, numbers = tf.TensorSpec((None, 2), tf.int32), tf.TensorSpec((None,), tf.float32)
        self._signature = (signature(networks[0]), tf.TensorSpec((None, None), tf.int32), pairs, numbers)
        self._step = tf.function(step, input_signature=(*self._signature, tf.TensorSpec((), tf.float32)))

    def epoch(self, number: int) -> None:
        """One pass over all texts, in batches drawn anew."""
        drawn = batches.by_length(self._inputs.text.lengths, self._rng, self._parameters.batch)
        total = self._parameters.epochs * len(drawn)

        def made() -> Iterator[tuple[Batch, Any, Any, Any]]:
            for rows in drawn:
                unknown = batches.pairs(self._train.unknown_at(rows), np.arange(len(rows)))
                wanted = targets(self._entries, rows, len(self._train.labels), self._most)
                yield self._inputs.batch(rows), wanted, unknown, self._weights[rows]

        for done, batch in enumerate(batches.fed(made, self._signature, self._threads), number * len(drawn)):
            self._step(*batch, np.float32(self._parameters.learning_rate * rate(done, total)))
