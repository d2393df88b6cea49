"""What the networks share: where they begin, how they learn, what covariates and hits change, and half precision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from certificates import Roles, by_line
from scipy.sparse import csr_array

from harness.corpus.certificate import strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.families.bag import Bag, BagParameters
from harness.families.cnn import CNN, CNNParameters
from harness.families.examples import FrameParameters, examples
from harness.families.family import Context, Examples, Units
from harness.families.keras_parts import batches, network
from harness.families.keras_parts.network import NetworkModel, Shape
from harness.families.label_attention import LabelAttention, LabelAttentionParameters

BAG = BagParameters(width=16, buckets_log2=10, epochs=2, batch=32)
SIZE: dict[str, Any] = {"width": 8, "embedding": 8, "buckets_log2": 10, "epochs": 2, "batch": 32}
NETWORKS = (
    (Bag(), BAG),
    (CNN(), CNNParameters(**SIZE)),
    (CNN(), CNNParameters(input="characters", **SIZE)),
    (LabelAttention(), LabelAttentionParameters(**SIZE)),
    (LabelAttention(), LabelAttentionParameters(encoder="conv", attention=4, **SIZE)),
    (LabelAttention(), LabelAttentionParameters(encoder="conv", input="characters", **SIZE)),
)
every_network = pytest.mark.parametrize(
    ("family", "parameters"), NETWORKS, ids=lambda part: getattr(part, "name", getattr(part, "input", ""))
)


@pytest.fixture(scope="module")
def train(tiny_roles: Roles) -> Examples:
    return examples(tiny_roles.train, FrameParameters(unit="line"))


def learn(train: Examples, parameters: BagParameters = BAG, seed: int = 0) -> NetworkModel:
    return Bag().fit(train, None, Knowledge(), parameters, Context(seed=seed))


def beside(units: Units, n_values: int = 2, n_labels: int = 0) -> Units:
    """The units with covariates, and with hits where there are labels; each text has one of both."""
    row = np.arange(len(units))
    covariates = csr_array((np.ones(len(row), np.float32), (row, row % n_values)), shape=(len(row), n_values))
    if not n_labels:
        return replace(units, covariates=covariates)
    hits = csr_array((np.ones(len(row), np.float32), (row, row % n_labels)), shape=(len(row), n_labels))
    return replace(units, covariates=covariates, hits=hits)


def test_begins_at_the_shares_of_the_codes() -> None:
    corpus = by_line(*[(2012, [(f"text {n}", ["A"] if n else ["A", "B"])]) for n in range(10)])
    odds = examples(corpus, FrameParameters(unit="line")).log_odds()
    assert 1 / (1 + np.exp(-odds[1])) == pytest.approx(0.1, rel=1e-3)
    assert np.isfinite(odds).all()  # A stands everywhere


def test_begins_at_the_share_among_the_years_in_which_a_code_was_given() -> None:
    rows = [(2012, ["A"])] * 6 + [(2013, ["A", "N"]), (2013, ["A"])]
    corpus = by_line(*((year, [(f"x {n}", codes)]) for n, (year, codes) in enumerate(rows)))
    knowledge = Knowledge(CodeList((CodeEntry("N", valid_from=2013),)))
    masked, plain = (
        examples(corpus, FrameParameters(unit="line"), known).log_odds() for known in (knowledge, Knowledge())
    )
    assert 1 / (1 + np.exp(-masked[1])) == pytest.approx(1 / 2, rel=1e-3)
    assert 1 / (1 + np.exp(-plain[1])) == pytest.approx(1 / 8, rel=1e-3)


def test_the_rate_goes_up_and_down() -> None:
    rates = [network.rate(done, 1_000) for done in range(1_000)]
    assert rates[0] == pytest.approx(0.01)
    assert int(np.argmax(rates)) == 99
    assert rates[500] == pytest.approx(0.5)
    assert min(rates[100:]) == network.LEAST_RATE
    assert network.rate(5_000, 1_000) == network.LEAST_RATE
    assert network.rate(0, 5) == 1.0  # few steps have no time to waste
    assert network.rate(4, 50) == pytest.approx(1.0 - 4 / 50)


def test_another_seed_gives_other_scores(train: Examples) -> None:
    one, other = (learn(train, seed=seed).predict(train.units).toarray() for seed in (0, 1))
    assert np.abs(one - other).max() > 1e-4


def test_rows_in_blocks_are_the_same(train: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    units = Units(train.units.text[:60])
    model = learn(train)
    whole = model.predict(units).toarray()
    monkeypatch.setattr(batches, "ROWS", 16)
    np.testing.assert_allclose(model.predict(units).toarray(), whole, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("loss", ["focal", "asymmetric"])
def test_scores_under_other_losses_are_shares_at_the_start(train: Examples, loss: Any) -> None:
    """Before it has learnt a network gives each code's share, whatever its loss calls a good logit."""
    parameters = BAG.model_copy(update={"loss": loss, "learning_rate": 1e-9, "spread": 1e-6})
    scores = learn(train, parameters).predict(train.units).toarray()[0]
    shares = 1 / (1 + np.exp(-train.log_odds()))
    np.testing.assert_allclose(scores, shares, rtol=0.03)


@every_network
def test_covariates_and_hits_change_scores(family: Any, parameters: Any, train: Examples) -> None:
    n_labels = len(train.labels)
    units = beside(train.units, n_labels=n_labels)
    parameters = parameters.model_copy(update={"covariates": True})
    model = family.fit(replace(train, units=units), None, Knowledge(), parameters, Context(seed=1))
    text = Units(strings(["severe cardio"] * 2), csr_array(np.zeros((2, n_labels), np.float32)), None)
    of_sex = model.predict(replace(text, covariates=csr_array(np.eye(2, dtype=np.float32)))).toarray()
    assert np.abs(of_sex[0] - of_sex[1]).max() > 1e-4
    hits = csr_array((np.ones(1, np.float32), ([1], [3])), shape=(2, n_labels))
    same = csr_array(np.array([[1, 0], [1, 0]], np.float32))
    of_hit = model.predict(replace(text, covariates=same, hits=hits)).toarray()
    np.testing.assert_allclose(np.delete(of_hit[0], 3), np.delete(of_hit[1], 3), rtol=1e-4)
    assert of_hit[1, 3] > of_hit[0, 3]


def test_a_covariate_that_decides_is_learnt() -> None:
    rows = [(2012, [(f"fall {n // 2}", ["MAN" if n % 2 else "WOMAN"])]) for n in range(60)]
    plain = examples(by_line(*rows), FrameParameters(unit="line"))
    woman = plain.y[:, [plain.labels.index["WOMAN"]]].toarray().ravel()
    covariates = csr_array(np.stack([woman, 1 - woman], axis=1).astype(np.float32))
    learnt = replace(plain, units=replace(plain.units, covariates=covariates))
    parameters = BAG.model_copy(update={"covariates": True, "epochs": 60, "batch": 16, "learning_rate": 0.02})
    scores = learn(learnt, parameters).predict(learnt.units).toarray()[:, plain.labels.index["WOMAN"]]
    assert scores[woman > 0].min() > 0.8
    assert scores[woman == 0].max() < 0.2


def test_hits_are_left_out_at_zero_and_covariates_without_values(train: Examples) -> None:
    units = beside(train.units, n_labels=len(train.labels))
    assert Bag().inputs(units, BAG).hits is not None
    assert Bag().inputs(units, BAG.model_copy(update={"hits": 0.0})).hits is None
    nothing = replace(train.units, covariates=csr_array(np.zeros((len(train), 0), np.float32)))
    assert Bag().inputs(nothing, BAG).covariates is None


@every_network
def test_half_precision_gives_nearly_the_same_logits(family: Any, parameters: Any, train: Examples) -> None:
    """As a GPU trains; its weights then score in single precision. Products alone are in half precision."""
    inputs = family.inputs(train.units, parameters)
    half, single = (
        family.network(parameters, Shape(len(train.labels), 0, compute), inputs)
        for compute in ("mixed_bfloat16", "float32")
    )
    single.set_weights(half.get_weights())
    batch = inputs.batch(np.arange(20))
    found, wanted = (np.asarray(each(batch, training=False)) for each in (half, single))
    assert found.dtype == np.float32
    assert all(str(weight.dtype) == "float32" for weight in half.weights)
    np.testing.assert_allclose(found, wanted, atol=0.1 * wanted.std() + 0.02)


@every_network
def test_what_stands_after_a_text_is_not_read(family: Any, parameters: Any, train: Examples) -> None:
    """What stands after a text in its batch, nothing, has no weight in its logits."""
    inputs = family.inputs(Units(strings(["cardio ro", " ".join(f"w{n}" for n in range(40))])), parameters)
    whole = family.network(parameters, Shape(5, 0), inputs)
    alone, together = (whole(inputs.batch(np.array(rows)), training=False).numpy()[0] for rows in ([0], [0, 1]))
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-5)
