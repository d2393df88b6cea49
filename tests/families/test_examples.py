from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from certificates import by_certificate, by_line
from hypothesis import given
from hypothesis import strategies as st

from harness.corpus.builder import Builder, RawLine
from harness.corpus.certificate import Corpus, Texts, strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.glued import Splitter
from harness.corpus.knowledge import Knowledge, Lexicon
from harness.errors import CorpusError
from harness.families.covariates import Covariates
from harness.families.examples import FrameParameters, Unit, distinct, examples, year_weights
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


# ---------------------------------------------------------------------------------- codes in order, and their wording

Entry = tuple[str, str | None]  # a code, and the expert's wording
Written = tuple[str, Sequence[Entry]]  # a line's text, and its entries in order


def in_words(*certificates: tuple[int, Sequence[Written]]) -> Corpus:
    """Certificates whose experts gave a wording with each code."""
    builder = Builder(files=("test.csv",), codes_by_line=True, has_standard=True)
    for number, (year, lines) in enumerate(certificates):
        raw = [
            RawLine(text, codes=[code for code, _ in own], standard=[wording for _, wording in own])
            for text, own in lines
        ]
        builder.add(str(number), year, raw, place=(0, number + 2))
    return builder.finish().corpus


def in_order(found: Examples) -> list[tuple[str, list[Entry]]]:
    """Each text with its codes in order and their wording."""
    assert found.entries is not None
    own = found.entries
    wording = [None] * len(own.columns) if own.standard is None else own.standard.to_pylist()
    return [
        (
            text,
            [
                (found.labels.codes[own.columns[place]], wording[place])
                for place in range(own.first_code[row], own.first_code[row + 1])
            ],
        )
        for row, text in enumerate(found.units.text.to_pylist())
    ]


def test_entries_are_made_only_where_they_are_asked_for() -> None:
    corpus = by_line((2012, [("flu", ["A"])]))
    assert examples(corpus, LINE).entries is None
    assert examples(corpus, LINE, in_order=True).entries is not None


def test_a_lines_codes_keep_their_order_and_their_words() -> None:
    corpus = in_words((2012, [("flu, fall", [("B", "Fall"), ("A", "Influenza")]), ("flu", [("A", "Grippe")])]))
    assert in_order(examples(corpus, LINE, in_order=True)) == [
        ("flu, fall", [("B", "Fall"), ("A", "Influenza")]),
        ("flu", [("A", "Grippe")]),
    ]


def test_a_certificates_lines_follow_each_other_and_a_code_stands_once() -> None:
    corpus = in_words(
        (2012, [("flu", [("C", "c"), ("A", "a")]), ("", [("D", "d")]), ("fall", [("A", "other"), ("B", "b")])]),
        (2012, [("", [])]),
        (2012, [("flu", [("A", "a")])]),
    )
    assert in_order(examples(corpus, WHOLE, in_order=True)) == [
        ("flu\nfall", [("C", "c"), ("A", "a"), ("D", "d"), ("B", "b")]),
        ("flu", [("A", "a")]),
    ]


def test_without_codes_by_line_a_certificate_has_them_in_the_order_of_the_labels() -> None:
    corpus = by_certificate((2012, ["flu", "fall"], ["B", "A"]), (2012, ["none"], []))
    assert in_order(examples(corpus, WHOLE, in_order=True)) == [
        ("flu\nfall", [("A", None), ("B", None)]),
        ("none", []),
    ]


def test_of_several_orders_the_most_frequent_one_wins() -> None:
    first, second = [("A", "a"), ("B", "b")], [("B", "b"), ("A", "a")]
    corpus = in_words(*((2012, [("x", own)]) for own in (first, second, second)), (2012, [("y", first)]))
    found = examples(corpus, LINE, in_order=True)
    assert in_order(found) == [("x", second), ("y", first)]
    assert found.times.tolist() == [3.0, 1.0]
    tied = in_words(*((2012, [("x", own)]) for own in (second, first)))
    assert in_order(examples(tied, LINE, in_order=True)) == [("x", second)]  # the first that stands there


def test_a_wording_counts_as_an_order_does() -> None:
    corpus = in_words(*((2012, [("x", [("A", wording)])]) for wording in ("one", "other", "other")))
    assert in_order(examples(corpus, LINE, in_order=True)) == [("x", [("A", "other")])]


TITLED = Knowledge(CodeList((CodeEntry("A", "Influenza", ("grippe",)), CodeEntry("B"), CodeEntry("Z", "Zoster"))))


def test_where_experts_gave_no_words_there_are_titles() -> None:
    corpus = in_words(
        (2012, [("x", [("A", None), ("B", None), ("C", None)])]), (2012, [("y", [("A", ""), ("B", "b")])])
    )
    assert in_order(examples(corpus, FrameParameters(unit="line", lexicon=0.0), TITLED, in_order=True)) == [
        ("x", [("A", "Influenza"), ("B", None), ("C", None)]),
        ("y", [("A", "Influenza"), ("B", "b")]),
    ]


@pytest.mark.parametrize("unit", ["line", "certificate"])
def test_terms_of_list_and_dictionaries_stand_below_with_their_titles(unit: Unit) -> None:
    corpus = in_words((2012, [("x", [("B", "b"), ("A", "own words")])]))
    knowledge = Knowledge(TITLED.code_list, Lexicon(strings(["shot", "grippe"]), strings(["B", "B"])))
    found = examples(corpus, FrameParameters(unit=unit), knowledge, in_order=True)
    assert in_order(found) == [
        ("x", [("B", "b"), ("A", "own words")]),
        ("Influenza", [("A", "Influenza")]),
        ("grippe", [("A", "Influenza"), ("B", None)]),
        ("shot", [("B", None)]),
    ]


def test_codes_that_are_not_valid_in_training_have_no_entries() -> None:
    knowledge = Knowledge(CodeList((CodeEntry("N", valid_from=2020), CodeEntry("A", "a"), CodeEntry("B", "b"))))
    corpus = in_words((2012, [("x", [("B", None), ("N", "new"), ("A", None)]), ("y", [("N", "new")])]))
    found = examples(corpus, FrameParameters(unit="line", lexicon=0.0), knowledge, in_order=True)
    assert found.labels.codes == ("A", "B")
    assert in_order(found) == [("x", [("B", "b"), ("A", "a")]), ("y", [])]


entry = st.tuples(st.sampled_from("ANOXY"), st.sampled_from([None, "", "one", "other"]))
line = st.tuples(st.sampled_from(["", "x", "y", "z"]), st.lists(entry, max_size=3))
certificates = st.lists(st.tuples(st.integers(2012, 2015), st.lists(line, max_size=3)), max_size=10)


@pytest.mark.parametrize("unit", ["line", "certificate"])
@given(certificates, st.booleans())
def test_entries_say_what_y_says_and_are_the_commonest_of_their_example(
    unit: Unit, made: list[tuple[int, list[Written]]], with_list: bool
) -> None:
    made = [(2014, [("w", [("A", "one")])]), *made]
    knowledge = CHANGING if with_list else Knowledge()
    found = examples(in_words(*made), FrameParameters(unit=unit), knowledge, in_order=True)
    assert found.entries is not None
    n = len(found.labels)
    np.testing.assert_array_equal(found.entries.matrix(n).toarray(), found.y.toarray())
    assert len(found.entries.columns) == found.y.nnz  # none twice
    counted: dict[tuple[str, frozenset[str], int], Counter[tuple[Entry, ...]]] = {}
    for year, lines in made:
        units = lines
        if unit == "certificate":
            written = [text for text, _ in lines if text]
            units = [("\n".join(written), [one for _, own in lines for one in own])]
        for text, own in units:
            once: dict[str, str | None] = {}
            for code, wording in own:
                if code in found.labels.index:
                    once.setdefault(code, wording or None)
            if text:
                era = int(year >= 2014) if with_list and found.unknown.shape[0] > 1 else 0
                counted.setdefault((text, frozenset(once), era), Counter())[tuple(once.items())] += 1
    for (text, own), era in zip(in_order(found), found.era.tolist(), strict=True):
        times = counted[text, frozenset(code for code, _ in own), era]
        assert times[tuple(own)] == max(times.values())


# ------------------------------------------------------------------------------- texts with the eras that bar codes

CODES = CodeList((CodeEntry("A"), CodeEntry("N", valid_from=2014), CodeEntry("O", valid_to=2012)))


def asked(*rows: tuple[int, Sequence[str]]) -> Texts:
    return by_line(*((year, [(text, ["A", "N", "O"]) for text in lines]) for year, lines in rows)).texts


def test_a_text_stands_once_for_each_era_that_bars_other_codes() -> None:
    corpus = by_line((2012, [("x", ["A", "N", "O"])]))
    validity = CODES.validity(corpus.labels)
    texts = asked((2012, ["x", "y"]), (2011, ["x"]), (2013, ["x"]), (2014, ["y"]), (2015, ["y", "x"]))
    found = distinct(texts, "line", validity=validity)
    assert found.seasons is not None
    barred = found.seasons.barred.toarray()
    rows = [
        (text, tuple(np.array(corpus.labels.codes)[barred[era] > 0].tolist()))
        for text, era in zip(found.text.to_pylist(), found.seasons.era.tolist(), strict=True)
    ]
    old, between, new = ("N",), ("N", "O"), ("O",)
    assert [rows[place] for place in found.position] == [
        ("x", old), ("y", old), ("x", old), ("x", between), ("y", new), ("y", new), ("x", new),
    ]  # fmt: skip
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize(
    "texts", [asked((2014, ["x"]), (2015, ["x"])), asked()], ids=["no code changes there", "no text"]
)
def test_where_no_code_is_barred_there_are_no_seasons(texts: Texts) -> None:
    corpus = by_line((2012, [("x", ["A", "N"])]))
    found = distinct(texts, "line", validity=CODES.validity(corpus.labels))
    assert found.seasons is None
    assert len(found.text) == min(1, len(texts))


years = st.integers(2010, 2016)
rows_of_texts = st.lists(
    st.tuples(years, st.sampled_from(["20", "85", None]), st.lists(st.sampled_from(["", "x", "y"]), max_size=3)),
    min_size=1,
    max_size=10,
)


@pytest.mark.parametrize("unit", ["line", "certificate"])
@given(rows_of_texts, st.booleans())
def test_each_line_finds_its_own_text_era_and_values(
    unit: Unit, given: list[tuple[int, str | None, list[str]]], reads: bool
) -> None:
    corpus = by_line((2012, [("x", ["A", "N", "O"])]))
    texts = replace(
        asked(*((year, lines) for year, _, lines in given)), covariates={"age": strings([age for _, age, _ in given])}
    )
    validity = CODES.validity(corpus.labels)
    covariates = None
    if reads:
        covariates = Covariates.learnt(
            replace(asked((2012, ["x"]), (2012, ["x"])), covariates={"age": strings(["20", "85"])})
        )
    found = distinct(texts, unit, covariates=covariates, validity=validity)
    own: list[tuple[int, str, int]] = []
    for row, (year, _, lines) in enumerate(given):
        texts_of = lines if unit == "line" else ["\n".join(text for text in lines if text)]
        own += [(year, text, row) for text in texts_of]
    assert len(found.position) == len(own)
    values = None if covariates is None else covariates.matrix(texts).toarray()
    seen = set()
    for place, (year, text, row) in zip(found.position.tolist(), own, strict=True):
        assert found.text[place].as_py() == text
        barred = np.zeros(3)
        if found.seasons is not None:
            barred = found.seasons.barred.toarray()[found.seasons.era[place]]
        allowed = validity.allows(np.full(3, year, np.int16), np.arange(3))
        np.testing.assert_array_equal(barred == 0, allowed)
        if values is not None:
            assert found.covariates is not None
            np.testing.assert_array_equal(found.covariates.toarray()[place], values[row])
        seen.add((text, tuple(barred.tolist()), None if values is None else tuple(values[row].tolist())))
    assert len(found.text) == len(seen)  # each once
