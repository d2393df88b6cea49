from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from certificates import Roles, by_certificate, by_line
from scipy.sparse import block_diag, csr_array, eye_array

from harness.corpus import words
from harness.corpus.certificate import Corpus, LabelSet, strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.families import frame, linear
from harness.families.examples import FrameParameters, Unit, examples
from harness.families.family import Context, Examples, Units
from harness.families.linear import Features, Linear, LinearModel, LinearParameters, inverse_propensity


def learn(train: Examples, seed: int = 0, **parameters: object) -> LinearModel:
    return Linear().fit(train, None, Knowledge(), LinearParameters.model_validate(parameters), Context(seed=seed))


def of(corpus: Corpus, unit: Unit = "line", knowledge: Knowledge | None = None) -> Examples:
    return examples(corpus, FrameParameters(unit=unit), knowledge or Knowledge())


@pytest.fixture(scope="module")
def lines(tiny_roles: Roles) -> Examples:
    return of(tiny_roles.train)


@pytest.fixture(scope="module")
def model(lines: Examples) -> LinearModel:
    return learn(lines)


def with_hits(train: Examples, *pairs: tuple[int, int]) -> Examples:
    """Examples whose texts (rows) hold terms of codes (columns)."""
    rows, columns = np.array(pairs).T
    hits = csr_array((np.ones(len(pairs), np.float32), (rows, columns)), shape=train.y.shape)
    return replace(train, units=Units(train.units.text, hits))


# ------------------------------------------------------------------------------------------------------ features


def test_features_of_a_saved_vocabulary_are_those_of_the_fit(lines: Examples) -> None:
    features, x = Features.fitted(lines.units, LinearParameters())
    texts = [text or "-" for text in words.normalise(lines.units.text).to_pylist()]
    again = [vectoriser.transform(texts).toarray() for vectoriser in features.vectorisers()]
    np.testing.assert_allclose(np.hstack(again), x.toarray(), rtol=1e-5, atol=1e-7)
    assert x.shape[1] == sum(map(len, features.terms))


def test_hits_of_the_code_list_are_columns_of_their_own(lines: Examples) -> None:
    listed = with_hits(lines, (0, 3), (2, 5))
    features, x = Features.fitted(listed.units, LinearParameters(hits=0.25))
    n_terms = sum(map(len, features.terms))
    assert x.shape[1] == n_terms + len(lines.labels)
    assert x[:, n_terms:].nnz == 2
    assert x[0, n_terms + 3] == x[2, n_terms + 5] == 0.25
    (whole,) = features.matrices(listed.units, len(lines))
    np.testing.assert_allclose(whole.toarray(), x.toarray(), rtol=1e-5, atol=1e-7)
    assert Features.fitted(listed.units, LinearParameters(hits=0.0))[1].shape[1] == n_terms


def test_a_hit_tells_codes_of_equal_words_apart() -> None:
    """Texts whose words say nothing: what the list found decides."""
    train = of(by_line((2012, [("aa bb", ["A"])]), (2012, [("aa bb cc", ["B"])])))
    listed = with_hits(train, (0, 0), (1, 1))
    fitted = learn(listed)
    one, other = (
        fitted.predict(Units(strings(["aa bb"]), csr_array(np.eye(2, dtype=np.float32)[[column]]))).toarray()[0]
        for column in (0, 1)
    )
    assert one[0] > other[0]
    assert one[1] < other[1]


def test_rare_terms_are_dropped_only_from_large_corpora() -> None:
    few = by_certificate(*((2012, [f"only{number} common"], ["A"]) for number in range(20)))
    many = by_certificate(*((2012, [f"only{number} common"], ["A"]) for number in range(200)))
    terms = [
        Features.fitted(of(corpus, "certificate").units, LinearParameters(min_df=2))[0].terms[0]
        for corpus in (few, many)
    ]
    assert "only7" in terms[0]
    assert "only7" not in terms[1]
    assert "common" in terms[1]


def test_terms_are_capped_in_each_field(lines: Examples) -> None:
    features, _ = Features.fitted(lines.units, LinearParameters(max_features=100))
    assert [len(terms) for terms in features.terms] == [100, 100]


# ---------------------------------------------------------------------------------------------- what it learns


def test_rows_and_codes_in_blocks_are_the_same(
    lines: Examples, model: LinearModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model.predict(lines.units).toarray()
    monkeypatch.setattr(linear, "ROWS", 56)
    monkeypatch.setattr(linear, "LABELS", 7)
    monkeypatch.setattr(linear, "AT_ONCE", 0)
    np.testing.assert_array_equal(model.predict(lines.units).toarray(), whole)


def test_weighting_says_how_much_a_repeated_text_counts() -> None:
    """One text, coded A in 1 of 2 ways: what it is worth depends on how often each way stands."""
    corpus = by_line(*[(2012, [("flu", ["A"])])] * 81, (2012, [("flu", ["B"])]), (2012, [("fall", ["B"])]))
    train = of(corpus)
    found = {
        weighting: float(learn(train, weighting=weighting, cost=0.01).predict(train.units)[0, 0])
        for weighting in ("once", "root", "count")
    }
    assert found["once"] < found["root"] < found["count"]


def test_texts_of_rare_codes_count_more_if_asked() -> None:
    corpus = by_line(*[(2012, [(f"common {number}", ["A"])]) for number in range(40)], (2012, [("rare", ["B"])]))
    train = of(corpus)
    more = inverse_propensity(train)
    # by hand: 1 + (log 41 - 1) (1.5 + 1)^.55 (count + 1.5)^-.55
    np.testing.assert_allclose(more, 1.0 + (np.log(41) - 1.0) * (2.5 / np.array([41.5, 2.5])) ** 0.55)
    rare = [float(learn(train, propensity=power, cost=0.01).predict(train.units)[40, 1]) for power in (0.0, 1.0)]
    assert rare[0] < rare[1]


def test_years_before_a_code_are_not_against_it() -> None:
    """The same text, without the new code in old years and with it since: only an unmasked model doubts it."""
    old = [(2012, [("xylazine toxicity", ["T"]), (f"fall {number}", ["F"])]) for number in range(20)]
    corpus = by_line(*old, (2013, [("xylazine toxicity", ["T", "X"]), ("fall", ["F"])]))
    known = Knowledge(code_list=CodeList((CodeEntry("X", valid_from=2013),)))
    masked, unmasked = (of(corpus, knowledge=knowledge) for knowledge in (known, Knowledge()))
    column = masked.labels.index["X"]
    asked = Units(strings(["xylazine toxicity"]))
    sure, unsure = (float(learn(train).predict(asked)[0, column]) for train in (masked, unmasked))
    assert sure > 0.5 > unsure


def test_a_code_on_every_text_is_nearly_certain() -> None:
    train = of(by_line((2012, [("flu", ["A", "B"])]), (2012, [("fall", ["A"])])))
    scores = learn(train).predict(Units(strings(["something else"]))).toarray()[0]
    assert scores[0] == pytest.approx(0.8)  # 2n to 1
    assert scores[1] < 0.8


def test_scores_are_probabilities(tiny_roles: Roles) -> None:
    """On validation, about as many codes are right as the scores add up to."""
    fitted = frame.fit("linear", tiny_roles.train, None, Knowledge(), {"unit": "line"}, Context())
    validation = tiny_roles.validation
    predictions = fitted.predict(validation.texts)
    right = validation.codes[:, [validation.labels.index[code] for code in predictions.labels.codes]].sum()
    assert predictions.scores.sum() == pytest.approx(right, rel=0.1)


def test_scores_are_probabilities_beside_many_terms(tiny_roles: Roles, lines: Examples) -> None:
    """Beside 1,500 terms of as many codes that no certificate has: the sigmoid is fitted on certificates alone."""
    n, n_labels = lines.y.shape
    n_terms = 1_500
    rng = np.random.default_rng(0)
    used = sorted({word for text in lines.units.text.to_pylist() for word in text.split()})
    terms = [" ".join((*rng.choice(used, 2), f"foreign{number}")) for number in range(n_terms)]
    foreign = [f"foreign{number:04}" for number in range(n_terms)]
    train = Examples(
        units=Units(strings([*lines.units.text.to_pylist(), *terms])),
        y=csr_array(block_diag([lines.y, eye_array(n_terms, dtype=np.int8)], format="csr")),
        weights=np.r_[lines.weights, np.ones(n_terms)],
        labels=LabelSet((*lines.labels.codes, *foreign)),
        times=np.r_[lines.times, np.zeros(n_terms)],
        era=np.zeros(n + n_terms, dtype=np.int64),
        unknown=csr_array(np.zeros((1, n_labels + n_terms), np.int8)),
    )
    asked = of(tiny_roles.validation)
    column = {code: place for place, code in enumerate(asked.labels.codes)}
    right, found = 0.0, 0.0
    scores = learn(train).predict(asked.units)
    for place, code in enumerate(lines.labels.codes):
        if code in column:
            right += float(asked.times @ asked.y[:, [column[code]]].toarray()[:, 0])
            found += float(asked.times @ scores[:, [place]].toarray()[:, 0])
    assert found == pytest.approx(right, rel=0.02)


def test_languages_without_spaces() -> None:
    train = of(by_line(*[(2012, [("急性心筋梗塞", ["A"]), ("肺炎", ["B"])])] * 3, (2012, [("誤嚥性肺炎", ["B"])])))
    scores = learn(train).predict(Units(strings(["肺炎疑い"]))).toarray()[0]
    assert scores[1] > scores[0]


# ------------------------------------------------------------------------------------------- seeded and quiet


def test_a_seed_repeats_it(lines: Examples, model: LinearModel) -> None:
    same = learn(lines)
    assert same.sigmoid == model.sigmoid
    np.testing.assert_array_equal(same.planes.coefficients.toarray(), model.planes.coefficients.toarray())
    assert learn(lines, seed=1).sigmoid != model.sigmoid


def test_fits_without_a_warning(lines: Examples) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learn(lines)
