"""CNN: its windows over words and over characters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.corpus.certificate import strings
from harness.families.cnn import CNN, CNNParameters
from harness.families.family import Units
from harness.families.keras_parts.network import Shape
from harness.families.keras_parts.pieces import Characters, Words

SIZE: dict[str, Any] = {"width": 8, "embedding": 8, "buckets_log2": 10}


def network_of(parameters: CNNParameters, *texts: str) -> tuple[Any, Any]:
    inputs = CNN().inputs(Units(strings(texts)), parameters)
    return CNN().network(parameters, Shape(3, 0), inputs), inputs


@pytest.mark.parametrize(("kind", "windows"), [("words", [1, 2]), ("characters", [3, 5])])
def test_windows_are_odd_over_characters(kind: Any, windows: list[int]) -> None:
    found, inputs = network_of(CNNParameters(input=kind, widest=2, **SIZE), "acute flu")
    assert isinstance(inputs.text, Words if kind == "words" else Characters)
    layers = [layer for layer in found.layers if layer.name.startswith("window_")]
    assert [layer.kernel_size[0] for layer in layers] == windows


def test_pairs_of_words_are_seen_where_the_window_is_two() -> None:
    for widest, equal in ((1, True), (2, False)):
        found, inputs = network_of(CNNParameters(widest=widest, **SIZE), "heart failure flu", "flu heart failure")
        one, other = found(inputs.batch(np.arange(2)), training=False).numpy()
        assert np.allclose(one, other, atol=1e-6) is equal
