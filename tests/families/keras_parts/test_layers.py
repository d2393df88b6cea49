"""Layers against plain numpy, and label attention in pieces against the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from harness.corpus.certificate import strings
from harness.families.keras_parts import layers as module
from harness.families.keras_parts import pieces
from harness.families.keras_parts.layers import layers

Array = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow")


def drawn(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_a_word_is_the_sum_of_its_parts_by_the_root_of_their_number(tf: Any) -> None:
    batch = pieces.words_in_parts(strings(["acute flu", "flu"]), 128, 2**10, 4).batch(np.array([0, 1]))
    layer = layers().WordParts(2**10, 8, 0.3, 0)
    found = layer([batch[name] for name in ("parts", "word", "places")]).numpy()
    table = layer.table.numpy()
    wanted = np.zeros((2, 4, 8), np.float32)
    for text, place in np.argwhere(batch["places"] > 0):
        parts = batch["parts"][batch["word"] == batch["places"][text, place]]
        wanted[text, place] = table[parts].sum(axis=0) / np.sqrt(len(parts))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert not found[1, 1:].any()


def test_gradients_of_tables_are_slices(tf: Any) -> None:
    """A dense gradient would make each step as dear as the table is large, in half precision too."""
    batch = pieces.words_in_parts(strings(["acute flu"]), 128, 2**10, 4).batch(np.array([0]))
    for layer, inputs in (
        (layers().WordParts(2**10, 8, 0.3, 0), [batch[name] for name in ("parts", "word", "places")]),
        (layers().CharacterTable(64, 8, 0.3, 0), batch["places"]),
        (layers().NgramBag(64, 8, 0.3, 0), [np.array([[3, 5]], np.int32), np.array([[0.5, 2.0]], np.float32)]),
    ):
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(layer(inputs) ** 2)
        assert isinstance(tape.gradient(value, layer.table.value), tf.IndexedSlices)


def test_the_greatest_value_is_of_a_place_that_is_written(tf: Any) -> None:
    features = np.array([[[1.0, 0.0], [2.0, 3.0], [9.0, 9.0]], [[4.0, 1.0], [9.0, 9.0], [9.0, 9.0]]], np.float32)
    places = np.array([[5, 6, 0], [7, 0, 0]], np.int32)
    assert layers().GreatestOverPlaces()([features, places]).numpy().tolist() == [[2.0, 3.0], [4.0, 1.0]]


def test_queries_see_the_places_that_are_like_them_and_nothing_of_no_text(tf: Any) -> None:
    queries, features = drawn(2, 3, 4), drawn(2, 5, 4, seed=1)
    places = np.array([[5, 6, 7, 0, 0], [0, 0, 0, 0, 0]], np.int32)
    found = layers().PlaceAttention()([queries, features, places]).numpy()
    share = np.exp(queries[0] @ features[0, :3].T)
    np.testing.assert_allclose(found[0], share / share.sum(axis=1, keepdims=True) @ features[0, :3], rtol=1e-4)
    assert not found[1].any()


def attention_of(layer: Any, features: Array, looked_at: Array, places: npt.NDArray[np.int32]) -> Array:
    """Softmax over the written places of each text, label by label."""
    values, queries, bias = (part.numpy() for part in (layer.values, layer.queries, layer.bias))
    found = np.tile(bias, (len(features), 1))
    for text in range(len(features)):
        written = places[text] > 0
        if written.any():
            scores = np.exp(looked_at[text, written] @ queries)
            document = (scores / scores.sum(axis=0)).T @ features[text, written]  # (n_labels, width)
            found[text] += (document * values.T).sum(axis=1)
    return found


@pytest.mark.parametrize("at_once", [512, 3])
def test_each_label_attends_by_softmax_over_its_own_scores(
    tf: Any, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    layer = layers().LabelAttention(8, seed=0)
    features, looked_at = drawn(3, 5, 6), drawn(3, 5, 4, seed=1)
    places = np.array([[1, 1, 1, 1, 1], [2, 2, 0, 0, 0], [0, 0, 0, 0, 0]], np.int32)
    found = layer([features, looked_at, places]).numpy()
    np.testing.assert_allclose(found, attention_of(layer, features, looked_at, places), rtol=1e-4, atol=1e-5)


def test_labels_in_pieces_have_the_gradient_of_the_whole(tf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = layers().LabelAttention(8, seed=0)
    features, places = tf.Variable(drawn(3, 5, 6)), np.ones((3, 5), np.int32)

    @tf.function  # type: ignore[untyped-decorator]
    def gradients() -> Any:
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(layer([features, features, places]) ** 2)
        return tape.gradient(value, [features, layer.values.value, layer.queries.value, layer.bias.value])

    layer([features, features, places])
    monkeypatch.setattr(module, "AT_ONCE", 8)
    whole = [part.numpy() for part in gradients()]
    monkeypatch.setattr(module, "AT_ONCE", 3)
    for part, wanted in zip(gradients.python_function(), whole, strict=True):
        np.testing.assert_allclose(part.numpy(), wanted, rtol=1e-3, atol=1e-5)
        assert np.abs(wanted).max() > 0.0


def test_a_hit_adds_its_labels_weight(tf: Any) -> None:
    layer = layers().HitWeights(1.5)
    found = layer([np.zeros((2, 3), np.float32), np.array([[0, 2], [1, 0]], np.int32)]).numpy()
    assert found.tolist() == [[0.0, 0.0, 1.5], [1.5, 0.0, 0.0]]
    none = layer([np.ones((2, 3), np.float32), np.zeros((0, 2), np.int32)]).numpy()
    assert none.tolist() == [[1.0] * 3] * 2
