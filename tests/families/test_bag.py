from __future__ import annotations

import numpy as np
import pytest
from certificates import Roles, by_line
from scipy.sparse import csr_array

from harness.corpus.certificate import strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.families import bag
from harness.families.bag import Bag, BagModel, BagParameters, ngrams
from harness.families.examples import FrameParameters, examples
from harness.families.family import Context, Examples, Units

SMALL = BagParameters(width=16, buckets_log2=10, epochs=2, batch=32)


def learn(train: Examples, seed: int = 0, parameters: BagParameters = SMALL) -> BagModel:
    return Bag().fit(train, None, Knowledge(), parameters, Context(seed=seed))


def of(*texts: str) -> csr_array:
    return ngrams(strings(texts), BagParameters())


def test_every_text_has_length_one() -> None:
    found = of("flu", "acute myocardial infarction", "a", "!?", "")
    np.testing.assert_allclose(np.sqrt(found.power(2).sum(axis=1)), [1, 1, 1, 0, 0], rtol=1e-6)
    assert found.shape == (5, 2**15)
    assert found.dtype == np.float32


def test_ngrams_see_words_pairs_and_parts_of_words() -> None:
    def likeness(a: str, b: str) -> float:
        rows = of(a, b)
        return float((rows[[0]] @ rows[[1]].T).toarray()[0, 0])

    assert likeness("Pneumonie aiguë", "PNEUMONIE, AIGUE") == pytest.approx(1.0)
    assert likeness("pneumonia", "pneumonai") > 0.3  # a typing error
    assert 0.5 < likeness("heart failure", "failure heart") < 0.99  # their order is seen in pairs
    assert likeness("heart failure", "femur") < 0.1


def test_no_text_has_no_row() -> None:
    assert of().shape == (0, 2**15)


def test_padding_holds_what_the_rows_hold() -> None:
    features = of("flu", "acute myocardial infarction", "", "heart failure")
    rows = np.array([3, 2, 1])
    ids, values = bag._padded(features, rows)
    assert ids.shape == values.shape
    assert ids.shape[1] % 16 == 0
    dense = np.zeros((3, features.shape[1]))
    for row in range(3):
        np.add.at(dense[row], ids[row], values[row])
    np.testing.assert_array_equal(dense, features[rows].toarray())


def test_batches_hold_every_text_once_in_another_order() -> None:
    features = of(*(f"text{number} " * (number % 7 + 1) for number in range(50)))
    rng = np.random.default_rng(0)
    first, second = (bag._by_length(features, rng, 8) for _ in range(2))
    for batches in (first, second):
        assert sorted(np.concatenate(batches).tolist()) == list(range(50))
        assert max(map(len, batches)) == 8
    assert np.concatenate(first).tolist() != np.concatenate(second).tolist()
    spread = [np.ptp(np.diff(features.indptr)[rows]) for rows in first]
    assert np.median(spread) < np.ptp(np.diff(features.indptr)) / 2


def test_begins_at_the_shares_of_the_codes() -> None:
    train = examples(
        by_line(*[(2012, [(f"text {n}", ["A"] if n else ["A", "B"])]) for n in range(10)]), FrameParameters(unit="line")
    )
    logits = bag._bias(train)
    assert 1 / (1 + np.exp(-logits[1])) == pytest.approx(0.1, rel=1e-3)
    assert np.isfinite(logits).all()  # A stands everywhere


def test_another_seed_gives_other_scores(tiny_roles: Roles) -> None:
    train = examples(tiny_roles.train, FrameParameters(unit="line"))
    one, other = (learn(train, seed).predict(train.units).toarray() for seed in (0, 1))
    assert np.abs(one - other).max() > 1e-4


def test_rows_in_blocks_are_the_same(tiny_roles: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
    train = examples(tiny_roles.train, FrameParameters(unit="line"))
    units = Units(train.units.text[:60])
    model = learn(train)
    whole = model.predict(units).toarray()
    monkeypatch.setattr(bag, "ROWS", 16)
    np.testing.assert_allclose(model.predict(units).toarray(), whole, rtol=1e-4, atol=1e-7)


def test_hits_of_the_list_stand_beside_the_ngrams() -> None:
    hits = csr_array(np.array([[0, 1], [0, 0]], np.float32))
    found = bag.bag_of(Units(strings(["flu", "fall"]), hits), BagParameters(hits=0.5))
    assert found.shape == (2, 2**15 + 2)
    assert found[:, [-2, -1]].toarray().tolist() == [[0.0, 0.5], [0.0, 0.0]]
    for units, parameters in (
        (Units(strings(["flu", "fall"])), BagParameters()),
        (Units(strings(["flu", "fall"]), hits), BagParameters(hits=0.0)),
    ):
        assert bag.bag_of(units, parameters).shape == (2, 2**15)


def test_begins_at_the_share_among_the_years_in_which_a_code_was_given() -> None:
    rows = [(2012, ["A"])] * 6 + [(2013, ["A", "N"]), (2013, ["A"])]
    corpus = by_line(*((year, [(f"x {n}", codes)]) for n, (year, codes) in enumerate(rows)))
    knowledge = Knowledge(CodeList((CodeEntry("N", valid_from=2013),)))
    masked, plain = (
        bag._bias(examples(corpus, FrameParameters(unit="line"), known)) for known in (knowledge, Knowledge())
    )
    assert 1 / (1 + np.exp(-masked[1])) == pytest.approx(1 / 2, rel=1e-3)
    assert 1 / (1 + np.exp(-plain[1])) == pytest.approx(1 / 8, rel=1e-3)
