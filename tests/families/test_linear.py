from __future__ import annotations

import warnings

import numpy as np
import pytest
from certificates import Roles, by_certificate, by_line

from harness.corpus import words
from harness.corpus.certificate import strings
from harness.families import linear
from harness.families.family import Context, Examples, Knowledge, Units
from harness.families.frame import examples
from harness.families.linear import Features, Linear, LinearModel, LinearParameters


def learn(train: Examples, seed: int = 0, **parameters: object) -> LinearModel:
    return Linear().fit(train, None, Knowledge(), LinearParameters.model_validate(parameters), Context(seed=seed))


@pytest.fixture(scope="module")
def lines(tiny_roles: Roles) -> Examples:
    return examples(tiny_roles.train, "line")


def test_features_of_a_saved_vocabulary_are_those_of_the_fit(lines: Examples) -> None:
    features, x = Features.fitted(lines.units.text, LinearParameters())
    texts = [text or "-" for text in words.normalise(lines.units.text).to_pylist()]
    again = [vectoriser.transform(texts).toarray() for vectoriser in features.vectorisers()]
    np.testing.assert_allclose(np.hstack(again), x.toarray(), rtol=1e-5, atol=1e-7)
    assert x.shape[1] == sum(map(len, features.terms))


def test_rows_in_blocks_are_the_same(lines: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    model = learn(lines, epochs=1)
    whole = model.predict(lines.units).toarray()
    monkeypatch.setattr(linear, "ROWS", 7)
    np.testing.assert_allclose(model.predict(lines.units).toarray(), whole, rtol=1e-6, atol=1e-12)


def test_weighting_says_how_much_a_repeated_text_counts() -> None:
    """One text, coded A in 1 of 2 ways: what it is worth depends on how often each way stands."""
    corpus = by_line(*[(2012, [("flu", ["A"])])] * 81, (2012, [("flu", ["B"])]), (2012, [("fall", ["B"])]))
    train = examples(corpus, "line")
    found = {
        weighting: float(learn(train, weighting=weighting, alpha=0.01, epochs=50).predict(train.units)[0, 0])
        for weighting in ("once", "root", "count")
    }
    assert found["once"] < found["root"] < found["count"]


def test_another_seed_shuffles_otherwise(lines: Examples) -> None:
    one, same, other = (learn(lines, seed, epochs=1).coefficients for seed in (0, 0, 1))
    assert (one == same).all()
    assert (one != other).any()


def test_a_code_on_every_text_is_nearly_certain() -> None:
    train = examples(by_line((2012, [("flu", ["A", "B"])]), (2012, [("fall", ["A"])])), "line")
    scores = learn(train).predict(Units(strings(["something else"]))).toarray()[0]
    assert scores[0] == pytest.approx(0.8)  # 2n to 1
    assert scores[1] < 0.8


def test_rare_terms_are_dropped_only_from_large_corpora() -> None:
    few = by_certificate(*((2012, [f"only{number} common"], ["A"]) for number in range(20)))
    many = by_certificate(*((2012, [f"only{number} common"], ["A"]) for number in range(200)))
    terms = [
        Features.fitted(examples(corpus, "certificate").units.text, LinearParameters(min_df=2))[0].terms[0]
        for corpus in (few, many)
    ]
    assert "only7" in terms[0]
    assert "only7" not in terms[1]
    assert "common" in terms[1]


def test_terms_are_capped_in_each_field(lines: Examples) -> None:
    features, _ = Features.fitted(lines.units.text, LinearParameters(max_features=100))
    assert [len(terms) for terms in features.terms] == [100, 100]


def test_fits_without_a_warning(lines: Examples) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learn(lines, epochs=1)
