from __future__ import annotations

import numpy as np
import pytest
from certificates import by_certificate, by_line
from hypothesis import given
from hypothesis import strategies as st

from harness.corpus.certificate import strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.glued import Splitter
from harness.corpus.knowledge import Knowledge, Lexicon
from harness.errors import CorpusError
from harness.families.examples import FrameParameters, examples, year_weights
from harness.families.family import Examples

LINE, WHOLE = FrameParameters(unit="line"), FrameParameters(unit="certificate")
CHANGING = Knowledge(CodeList((CodeEntry("A"), CodeEntry("N", valid_from=2014), CodeEntry("O", valid_to=2013))))
LEXICON = Knowledge(lexicon=Lexicon(strings(["influenza", "grippe", "influenza"]), strings(["J11", "J11", "J10"])))


def rows(found: Examples) -> list[tuple[str, tuple[str, ...], float]]:
    dense = found.y.toarray()
    return [
        (text, tuple(np.array(found.labels.codes)[dense[row] > 0].tolist()), float(found.weights[row]))
        for row, text in enumerate(found.units.text.to_pylist())
    ]


def test_years_weigh_half_after_a_half_life() -> None:
    years, weights = year_weights(np.array([2012, 2014, 2012, 2015], np.int16), 2.0)
    assert years.tolist() == [2012, 2014, 2015]
    np.testing.assert_allclose(weights, [0.5**1.5, 0.5**0.5, 1.0])
    assert year_weights(np.array([2012, 2014], np.int16), 0.0)[1].tolist() == [1.0, 1.0]
    assert not len(year_weights(np.zeros(0, np.int16), 1.0)[1])


def test_weights_sum_the_years_of_a_text_and_times_count_it() -> None:
    corpus = by_line((2012, [("flu", ["A"])]), (2013, [("flu", ["A"]), ("flu", ["B"])]), (2013, [("flu", ["A"])]))
    found = examples(corpus, FrameParameters(unit="line", half_life=1.0))
    assert rows(found) == [("flu", ("A",), 2.5), ("flu", ("B",), 1.0)]
    assert found.times.tolist() == [3.0, 1.0]


def test_a_code_is_unknown_outside_its_years_unless_it_was_given() -> None:
    corpus = by_certificate(
        (2013, ["x"], ["A"]),
        (2014, ["x"], ["A"]),
        (2014, ["x"], ["N"]),
        (2013, ["y"], ["N", "O"]),
        (2015, ["x"], ["A"]),
    )
    found = examples(corpus, WHOLE, CHANGING)
    assert found.labels.codes == ("A", "N", "O")
    assert rows(found) == [("x", ("A",), 1.0), ("x", ("A",), 2.0), ("x", ("N",), 1.0), ("y", ("N", "O"), 1.0)]
    assert found.era.tolist() == [0, 1, 1, 0]
    assert found.unknown_at(slice(None)).toarray().tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0]]
    assert found.unknown_at(np.array([1, 0])).toarray().tolist() == [[0, 0, 1], [0, 1, 0]]
    unknown = [found.unknown_of(column) for column in range(3)]
    assert unknown[0] is None
    assert unknown[1] is not None
    assert unknown[1].tolist() == [True, False, False, False]
    assert unknown[2] is not None
    assert unknown[2].tolist() == [False, True, True, False]


def test_without_years_of_validity_there_is_one_era() -> None:
    found = examples(by_certificate((2012, ["x"], ["A"]), (2015, ["x"], ["A"])), WHOLE)
    assert rows(found) == [("x", ("A",), 2.0)]
    assert found.unknown.shape == (1, 1)
    assert found.unknown_at(slice(None)).nnz == 0


@pytest.mark.parametrize("parameters", [LINE, WHOLE])
def test_rows_of_dictionaries_are_examples_of_codes_that_have_some(parameters: FrameParameters) -> None:
    corpus = by_line((2012, [("flu", ["J11"])]), (2014, [("fall", ["W19"])]))
    found = examples(corpus, parameters, LEXICON)
    assert found.labels.codes == ("J11", "W19")
    assert rows(found) == [
        ("flu", ("J11",), 1.0),
        ("fall", ("W19",), 1.0),
        ("grippe", ("J11",), 1.0),
        ("influenza", ("J11",), 1.0),
    ]


def test_a_code_that_begins_after_training_is_not_learnt_from_a_stray_coding() -> None:
    corpus = by_certificate((2012, ["x"], ["A"]), (2013, ["y"], ["A", "N"]))
    found = examples(corpus, WHOLE, CHANGING)
    assert found.labels.codes == ("A",)
    assert rows(found) == [("x", ("A",), 1.0), ("y", ("A",), 1.0)]
    with pytest.raises(CorpusError, match="a code that is valid in its years"):
        examples(by_certificate((2012, ["x"], ["N"])), WHOLE, CHANGING)


def test_a_code_on_all_texts_of_its_years_is_told_apart_from_older_ones() -> None:
    corpus = by_certificate((2013, ["x"], ["A"]), (2013, ["z"], ["A"]), (2014, ["y"], ["A", "N"]))
    found = examples(corpus, WHOLE, CHANGING)
    assert found.labels.codes == ("A", "N")
    assert found.unknown_at(slice(None)).nnz == 0


def test_rows_of_dictionaries_count_as_the_newest_year_and_weigh_as_asked() -> None:
    corpus = by_certificate((2013, ["x"], ["A"]), (2014, ["y"], ["N"]), (2014, ["w"], ["A"]))
    knowledge = Knowledge(CHANGING.code_list, Lexicon(strings(["z"]), strings(["A"])))
    found = examples(corpus, FrameParameters(lexicon=0.3), knowledge)
    assert found.weights.tolist() == [1.0, 1.0, 1.0, 0.3]
    assert found.unknown_at(slice(None)).toarray().tolist() == [[0, 1], [0, 0], [0, 0], [0, 0]]
    without = examples(corpus, FrameParameters(lexicon=0.0), knowledge)
    assert len(without) == 3


def test_terms_of_the_list_are_examples_of_codes_that_have_some() -> None:
    entries = (CodeEntry("A", "Influenza", ("flu",)), CodeEntry("N", "New"))
    knowledge = Knowledge(CodeList(entries), Lexicon(strings(["z", "grippe"]), strings(["D", "A"])))
    found = examples(by_certificate((2012, ["flu"], ["A"])), WHOLE, knowledge)
    assert [text for text, _, _ in rows(found)] == ["flu", "Influenza", "flu", "grippe"]
    assert found.labels.codes == ("A",)
    assert found.times.tolist() == [1.0, 0.0, 0.0, 0.0]


@given(st.data())
def test_known_weight_counts_the_examples_at_which_a_code_is_known(data: st.DataObject) -> None:
    years = st.sampled_from([2012, 2013, 2014, 2015])
    codes = st.sets(st.sampled_from("ANO"), min_size=1).map(sorted)
    made = data.draw(st.lists(st.tuples(years, st.sampled_from("xyz").map(lambda word: [word]), codes), min_size=1))
    found = examples(by_certificate((2015, ["w"], ["A"]), *made), WHOLE, CHANGING)
    unknown = found.unknown_at(slice(None)).toarray()
    np.testing.assert_allclose(found.known_weight(found.weights), found.weights @ (1 - unknown))


def test_glued_words_are_parted_before_texts_are_compared() -> None:
    corpus = by_line((2012, [("of fluid", ["J11"]), ("offluid", ["J11"])]))
    splitter = Splitter.learnt(strings(["of fluid"]), np.array([50]), [])
    assert len(examples(corpus, LINE)) == 2
    assert rows(examples(corpus, LINE, splitter=splitter)) == [("of fluid", ("J11",), 2.0)]
