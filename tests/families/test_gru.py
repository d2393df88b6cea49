"""GRU: codes in the order in which experts gave them, none twice, none out of season, and lines without any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import by_line
from scipy.sparse import csr_array

from harness.corpus.certificate import strings
from harness.corpus.knowledge import Knowledge
from harness.families.examples import FrameParameters, examples
from harness.families.family import Context, Examples, Seasons, Units, Writer, Written
from harness.families.gru import Gru, GruModel, GruParameters, Networks, read
from harness.families.keras_parts.network import Shape

SIZE: dict[str, Any] = {"width": 32, "embedding": 32, "buckets_log2": 12, "batch": 16, "learning_rate": 0.02}
DISEASES = ("cardiosis", "nephritis", "gastralgia", "pulmonia", "hepatoma", "dermatosis")
PAIRS = [(one, (one + step) % 6) for step in range(1, 6) for one in range(6)]  # the last ones are not learnt


def learnt(keep: int = 25) -> Examples:
    """Of two diseases the later one has the first code; a line may also have one alone, or none."""
    rows = [(2012, [(f"{DISEASES[a]} due to {DISEASES[b]}", [f"C{b}", f"C{a}"])]) for a, b in PAIRS[:keep]]
    rows += [(2012, [(f"{word} {DISEASES[a]}", [f"C{a}"])]) for a in range(6) for word in ("old", "acute", "")]
    rows += [(2012, [(f"unknown {word}", [])]) for word in ("", "cause", "reason", "age", "since days")]
    return examples(by_line(*rows), FrameParameters(unit="line"), in_order=True)


@pytest.fixture(scope="module")
def model() -> GruModel:
    return Gru().fit(learnt(), None, Knowledge(), GruParameters(**SIZE, epochs=30), Context(seed=1))


def asked(*texts: str) -> Units:
    return Units(strings(texts))


def codes(written: Written) -> list[list[int]]:
    return [part.tolist() for part in np.split(written.columns, written.first[1:-1])]


def test_writes_codes_in_the_order_of_the_experts(model: GruModel) -> None:
    assert isinstance(model, Writer)
    texts = [f"{DISEASES[a]} due to {DISEASES[b]}" for a, b in PAIRS]
    scores, written = model.write(asked(*texts))
    right = [found == [b, a] for found, (a, b) in zip(codes(written), PAIRS, strict=True)]
    assert np.mean(right[:25]) > 0.9
    assert np.mean(right[25:]) >= 0.4
    np.testing.assert_array_equal(scores.toarray(), model.predict(asked(*texts)).toarray())
    assert written.text is None


def test_scores_say_what_was_written(model: GruModel) -> None:
    units = learnt().units
    scores, written = model.write(units)
    chosen = [np.flatnonzero(row >= 0.5).tolist() for row in scores.toarray()]
    assert np.mean([sorted(found) == row for found, row in zip(codes(written), chosen, strict=True)]) > 0.9


def test_writes_nothing_where_nothing_is_to_be_coded(model: GruModel) -> None:
    scores, written = model.write(asked("unknown", "unknown cause", "nephritis"))
    assert codes(written) == [[], [], [1]]
    assert scores.toarray()[:2].max() < 0.5 < scores.toarray()[2, 1]


def test_a_code_out_of_season_is_neither_written_nor_scored(model: GruModel) -> None:
    units = asked(*["gastralgia due to nephritis"] * 2)
    # After its own labels stand those that only a code list knows.
    barred = csr_array(np.array([[0] * 8, [0, 1, 0, 0, 0, 0, 0, 1]], dtype=np.int8))
    seasons = Seasons(np.array([0, 1]), barred)
    scores, written = model.write(Units(units.text, seasons=seasons))
    assert codes(written)[0] == [1, 2]
    assert codes(written)[1][0] == 2
    assert scores.toarray()[1, 1] == 0.0
    assert np.diff(scores.indptr).tolist() == [6, 5]


def test_units_come_back_in_their_order(model: GruModel) -> None:
    """Texts are scored by their lengths, whatever their order."""
    texts = ["hepatoma due to gastralgia", "nephritis", "unknown", "old cardiosis"]
    scores, written = model.write(asked(*texts))
    again, other = model.write(asked(*texts[::-1]))
    assert codes(other) == codes(written)[::-1]
    np.testing.assert_allclose(again.toarray()[::-1], scores.toarray(), rtol=1e-5)


def test_a_loaded_model_writes_the_same(model: GruModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    loaded = Gru().load(tmp_path, "cpu")
    units = learnt().units
    (scores, written), (own_scores, own) = loaded.write(units), model.write(units)
    np.testing.assert_array_equal(scores.toarray(), own_scores.toarray())
    assert codes(written) == codes(own)
    assert (loaded.steps, loaded.most) == (model.steps, 2)


def test_nothing_is_written_of_no_text(model: GruModel) -> None:
    scores, written = model.write(asked())
    assert (scores.shape, len(written)) == ((0, 6), 0)


def networks(compute: str = "float32", *, by_code: bool = True) -> Networks:
    parameters = GruParameters(by_code=by_code, **SIZE)
    return Networks.made(parameters, Shape(4, 0, compute), read(asked("a"), parameters))


def logits_of(found: Networks, texts: list[str], before: list[list[int]]) -> Any:
    """Of texts, in one batch, after the same tokens."""
    import tensorflow as tf

    batch = read(asked(*texts), GruParameters(**SIZE)).batch(np.arange(len(texts)))
    tokens = tf.constant(before * len(texts), tf.int32)
    given = {name: tf.constant(part) for name, part in batch.items()}
    return found.logits(given, tokens, training=False).numpy()


@pytest.mark.parametrize("by_code", [False, True])
def test_what_stands_after_a_text_is_not_read(by_code: bool) -> None:
    found = networks(by_code=by_code)
    texts = ["cardiosis due to nephritis", " ".join(f"w{n}" for n in range(40))]
    alone, together = (logits_of(found, some, [[4, 1, 2]])[0] for some in (texts[:1], texts))
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 1e-3  # what has been written matters


def test_half_precision_gives_nearly_the_same_logits() -> None:
    """As a GPU trains; its weights then score in single precision."""
    half, single = networks("mixed_bfloat16"), networks()
    single.take_over(half)
    texts = learnt().units.text[:20].to_pylist()
    found, wanted = (logits_of(each, texts, [[4, 1]]) for each in (half, single))
    assert found.dtype == np.float32
    assert all(str(weight.dtype) == "float32" for weight in (*half.encoder.weights, *half.decoder.weights))
    np.testing.assert_allclose(found, wanted, atol=0.1 * wanted.std() + 0.02)
