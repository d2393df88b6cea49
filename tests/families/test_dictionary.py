from __future__ import annotations

import numpy as np
import pytest
from certificates import by_line

from harness.corpus.certificate import strings
from harness.families.dictionary import Dictionary, DictionaryModel, DictionaryParameters
from harness.families.family import Context, Examples, Knowledge, Units
from harness.families.frame import examples


def learn(train: Examples, **parameters: object) -> DictionaryModel:
    return Dictionary().fit(train, None, Knowledge(), DictionaryParameters.model_validate(parameters), Context())


def scores(model: DictionaryModel, *texts: str) -> list[list[float]]:
    found: list[list[float]] = model.predict(Units(strings(texts))).toarray().tolist()
    return found


LEVELS = examples(
    by_line(
        (2012, [("Pneumonie aiguë", ["A"])]),
        (2012, [("PNEUMONIE AIGUË", ["B"])]),
        (2012, [("pneumonie aigue.", ["C"])]),
        (2012, [("aigue pneumonie", ["D"])]),
    ),
    "line",
)
A, B, C, D = range(4)


def test_the_strictest_key_that_is_known_decides() -> None:
    model = learn(LEVELS)
    one, two, three, four = 1 / 1.5, 1 / 2.5, 1 / 3.5, 1 / 4.5
    expected = {
        "Pneumonie aiguë": {A: one},  # as written
        "PNEUMONIE AIGUË": {B: one},
        "pneumonie  aiguë": {A: two, B: two},  # in small letters
        "pneumonie-aigue": {A: three, B: three, C: three},  # without accents and punctuation
        "(aigue) pneumonie": {D: one},
        "aiguë, la pneumonie": {A: 1 / 5, B: 1 / 5, C: 1 / 5, D: 1 / 5},  # unknown: the codes' shares
    }
    for text, codes in expected.items():
        found = scores(model, text)[0]
        assert found == pytest.approx([codes.get(column, 0.0) for column in range(4)]), text
    swapped = scores(learn(LEVELS), "Aiguë! Pneumonie?")[0]
    assert swapped == pytest.approx([0, 0, 0, one])
    assert four < three < two < one


def test_word_order_is_the_loosest_key() -> None:
    train = examples(by_line((2012, [("a b c", ["A"])]), (2012, [("c b a", ["B"])])), "line")
    assert scores(learn(train), "b, c, a")[0] == pytest.approx([1 / 2.5, 1 / 2.5])
    shares = [1 / 3, 1 / 3]
    assert scores(learn(train, loosest="plain"), "b, c, a")[0] == pytest.approx(shares)


@pytest.mark.parametrize(
    ("loosest", "known"), [("exact", 1), ("case", 2), ("plain", 3), ("sorted", 4)], ids=lambda value: str(value)
)
def test_the_chain_ends_at_the_loosest_level(loosest: str, known: int) -> None:
    train = examples(by_line((2012, [("Côlon droit", ["A"])]), (2012, [("other", ["B"])])), "line")
    model = learn(train, loosest=loosest)
    found = scores(model, "Côlon droit", "CÔLON DROIT", "colon, droit", "droit colon")
    assert [row == pytest.approx([1 / 1.5, 0.0]) for row in found] == [True] * known + [False] * (4 - known)


def test_scores_are_shares_of_certificates() -> None:
    """Three times A, once A and B, counted by certificates and not by distinct pairs."""
    train = examples(by_line(*[(2012, [("flu", ["A"])])] * 3, (2012, [("flu", ["A", "B"])])), "line")
    assert scores(learn(train, smoothing=1.0), "flu")[0] == pytest.approx([4 / 5, 1 / 5])
    assert scores(learn(train, smoothing=1.0), "unknown")[0] == pytest.approx([4 / 5, 1 / 5])


def test_a_key_needs_its_least_number_of_certificates() -> None:
    train = examples(by_line(*[(2012, [("flu", ["A"])])] * 3, (2012, [("cough", ["B"])])), "line")
    shares = [3 / 5, 1 / 5]
    assert scores(learn(train, least=3), "flu", "cough") == [pytest.approx([3 / 3.5, 0]), pytest.approx(shares)]
    assert scores(learn(train, least=4), "flu", "cough") == [pytest.approx(shares)] * 2
    # together two rare ways of writing are frequent enough for the looser key
    train = examples(by_line((2012, [("Flu", ["A"])]), (2012, [("flu", ["A"])]), (2012, [("cough", ["B"])])), "line")
    assert scores(learn(train, least=2), "flu")[0] == pytest.approx([2 / 2.5, 0.0])


def test_texts_without_words_are_not_one_text() -> None:
    train = examples(by_line((2012, [("!!", ["A"])]), (2012, [("flu", ["B"])])), "line")
    assert scores(learn(train), "!!")[0] == pytest.approx([1 / 1.5, 0.0])
    assert scores(learn(train), "??")[0] == pytest.approx([1 / 3, 1 / 3])


def test_a_line_that_millions_wrote_is_not_quite_certain() -> None:
    """In single precision 3,000,000 of 3,000,000.05 is one, and odds of one are infinite."""
    train = examples(by_line((2012, [("flu", ["A"])]), (2012, [("cough", ["B"])])), "line")
    many = Examples(train.units, train.y, np.array([3e9, 1.0]), train.labels)
    model = learn(many, smoothing=0.05)
    for row in scores(model, "flu", "unknown"):
        assert 0.999 < row[0] < 1.0


def test_an_unknown_text_gets_the_20_most_frequent_codes() -> None:
    lines = [(2012, [(f"text {number}", [f"C{number:02}"])] * (number + 1)) for number in range(30)]
    found = scores(learn(examples(by_line(*lines), "line")), "unknown")[0]
    total = sum(range(1, 31)) + 1
    assert found == pytest.approx([0.0 if number < 10 else (number + 1) / total for number in range(30)])
