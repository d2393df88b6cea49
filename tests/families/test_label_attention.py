"""Label attention: words in their context, more labels than are looked at once, long certificates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from certificates import by_line

from harness.corpus.certificate import strings
from harness.corpus.knowledge import Knowledge
from harness.families.examples import FrameParameters, examples
from harness.families.family import Context, Units
from harness.families.keras_parts.layers import AT_ONCE
from harness.families.keras_parts.network import Shape
from harness.families.label_attention import LabelAttention, LabelAttentionParameters

SIZE: dict[str, Any] = {"width": 8, "embedding": 8, "buckets_log2": 10, "epochs": 1, "batch": 64}


def logits_of(parameters: LabelAttentionParameters, *texts: str) -> Any:
    inputs = LabelAttention().inputs(Units(strings(texts)), parameters)
    found = LabelAttention().network(parameters, Shape(4, 0), inputs)
    return found(inputs.batch(np.arange(len(texts))), training=False).numpy()


@pytest.mark.parametrize("encoder", ["conv", "gru"])
def test_words_are_read_in_their_order(encoder: Any) -> None:
    one, other = logits_of(LabelAttentionParameters(encoder=encoder, **SIZE), "no heart failure", "heart failure no")
    assert np.abs(one - other).max() > 1e-3


def test_a_window_of_one_word_knows_no_order() -> None:
    parameters = LabelAttentionParameters(encoder="conv", window=1, **SIZE)
    one, other = logits_of(parameters, "no heart failure", "heart failure no")
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_only_the_first_words_of_a_certificate_are_read() -> None:
    parameters = LabelAttentionParameters(longest=4, **SIZE)
    one, other = logits_of(parameters, "a b\nc d", "a b\nc e")  # the end of a line is the third word
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_learns_more_labels_than_it_looks_at_at_once() -> None:
    """A code a text, on more codes than are in memory at the same time; the last ones are learnt too."""
    n = AT_ONCE + 40
    train = examples(
        by_line(*((2012, [(f"word{number}x", [f"C{number:04}"])]) for number in range(n))), FrameParameters(unit="line")
    )
    parameters = LabelAttentionParameters(
        width=32, embedding=32, buckets_log2=13, epochs=25, batch=64, learning_rate=0.03, dropout=0.0, encoder="conv"
    )
    scores = LabelAttention().fit(train, None, Knowledge(), parameters, Context()).predict(train.units).toarray()
    right = scores.argmax(axis=1) == train.y.toarray().argmax(axis=1)
    assert right[-40:].mean() > 0.8
