from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from harness.corpus.certificate import SEPARATOR, LineCodes, strings
from harness.families.family import Seasons
from harness.families.torch_parts import outputs
from harness.families.torch_parts.grammar import accepts
from harness.families.torch_parts.outputs import NO_TERM, Terms, Vocabulary, Writes

PAD, END, SEP, FIRST, CODES = 0, 1, 2, 40, 4
VOCABULARY = Vocabulary(PAD, END, SEP, FIRST, CODES)
WRITES: tuple[Writes, ...] = ("codes", "text", "pairs")
Entry = tuple[int, str | None]  # a code's column, its wording


def entries(*examples: Sequence[Entry]) -> LineCodes:
    first = np.cumsum([0, *map(len, examples)], dtype=np.int64)
    columns = np.array([column for example in examples for column, _ in example], dtype=np.int32)
    return LineCodes(first, columns, strings([wording for example in examples for _, wording in example]))


def spelt(text: str) -> list[int]:
    """A term's tokens: one a letter, whatever its case."""
    return [3 + ord(letter) - ord("a") for letter in text.lower() if "a" <= letter <= "z"]


def with_ids(found: Terms) -> Terms:
    return Terms(found.text, [[SEP], *(spelt(text) for text in found.text.to_pylist()[1:])], found.codes)


def plain(example: Sequence[tuple[int, Sequence[int]]], writes: Writes, most: int) -> list[int]:
    """An output as one would write it down: entry by entry, while the next one and the end have room."""
    found: list[int] = []
    for place, (column, term) in enumerate(example):
        code = [FIRST + column]
        more = {"codes": code, "text": [*([SEP] if place else []), *term], "pairs": [*term, *code]}[writes]
        if len(found) + len(more) + 1 > most:
            break
        found += more
    return [*found, END]


# ------------------------------------------------------------------------------------------------------- terms


def test_a_wording_is_spelt_as_most_examples_have_it() -> None:
    """Case, accents and punctuation make no other wording; an example counts as often as it stands in the corpus."""
    given = entries([(0, "Fièvre")], [(1, "fievre."), (2, "toux")], [(0, "FIEVRE")])
    found, term = outputs.terms(given, np.array([2.0, 3.0, 1.0]), 3)
    assert found.text.to_pylist() == ["", "fievre.", "toux"]
    assert term.tolist() == [1, 1, 2, 1]
    assert found.codes.toarray().tolist() == [[0, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert outputs.terms(given, np.array([4.0, 3.0, 1.0]), 3)[0].text.to_pylist()[1] == "Fièvre"


def test_spellings_are_counted_together_over_examples() -> None:
    given = entries([(0, "Flu")], [(0, "flu")], [(1, "flu")])
    assert outputs.terms(given, np.array([3.0, 2.0, 2.0]), 2)[0].text.to_pylist() == ["", "flu"]


def test_terms_of_the_list_give_way_to_what_experts_wrote() -> None:
    """They stand in no certificate: their title's spelling wins only where there is no other."""
    given = entries([(0, "INFLUENZA")], [(0, "INFLUENZA")], [(0, "influenza")], [(1, "Fall")])
    found, _ = outputs.terms(given, np.array([0.0, 0.0, 1.0, 0.0]), 2)
    assert found.text.to_pylist() == ["", "influenza", "Fall"]


@pytest.mark.parametrize("nothing", [None, "", "!? …"])
def test_a_code_without_wording_has_the_empty_term(nothing: str | None) -> None:
    found, term = outputs.terms(entries([(1, nothing), (0, "flu")]), np.ones(1), 2)
    assert found.text.to_pylist() == ["", "flu"]
    assert term.tolist() == [NO_TERM, 1]
    assert found.codes.toarray().tolist() == [[0, 1], [1, 0]]


def test_without_any_wording_every_code_has_the_empty_term() -> None:
    given = LineCodes(np.array([0, 1, 3]), np.array([1, 0, 1], dtype=np.int32), None)
    found, term = outputs.terms(given, np.ones(2), 2)
    assert found.text.to_pylist() == [""]
    assert term.tolist() == [NO_TERM] * 3
    assert found.codes.toarray().tolist() == [[1, 1]]


# --------------------------------------------------------------------------------------------------- sequences

wordings = st.sampled_from([None, "", "Flu", "flu", "flú", "heart failure", "heart", "sepsis", "?"])
examples = st.lists(
    st.lists(st.tuples(st.integers(0, CODES - 1), wordings), max_size=CODES, unique_by=lambda entry: entry[0]),
    min_size=1,
    max_size=8,
)


@given(examples, st.sampled_from(WRITES), st.integers(4, 40))
def test_sequences_are_what_one_would_write_down(given: list[list[Entry]], writes: Writes, most: int) -> None:
    known, term = outputs.terms(entries(*given), np.ones(len(given)), CODES)
    known = with_ids(known)
    ids, first, whole = outputs.sequences(entries(*given), term, known, VOCABULARY, writes, most)
    places = iter(term.tolist())
    for row, example in enumerate(given):
        own = [(column, known.ids[next(places)]) for column, _ in example]
        output = ids[first[row] : first[row + 1]].tolist()
        assert output == plain(own, writes, most)
        assert len(output) <= most
        shorter = [plain(own[:n], writes, 1000) for n in range(len(own) + 1)]
        kept = shorter.index(output)
        assert kept == len(own) or len(shorter[kept + 1]) > most  # no more is cut than must be
        if writes != "codes":
            assert whole[row] == all(tokens != [SEP] for _, tokens in own[:kept])
    assert first[-1] == len(ids)


@given(examples, st.sampled_from(WRITES))
def test_what_is_learnt_is_read_back_and_may_be_written(given: list[list[Entry]], writes: Writes) -> None:
    known, term = outputs.terms(entries(*given), np.ones(len(given)), CODES)
    known = with_ids(known)
    ids, first, whole = outputs.sequences(entries(*given), term, known, VOCABULARY, writes, 1000)
    grammar = outputs.allowed(writes, known, VOCABULARY, CODES, None)
    block = np.full((len(given), int(np.diff(first).max()) + 2), PAD)
    for row in range(len(given)):
        block[row, : first[row + 1] - first[row]] = ids[first[row] : first[row + 1]]
    found = outputs.read_back(block, known, VOCABULARY, writes)
    assert len(found) == len(given)
    spellings, places = known.text.to_pylist(), iter(term.tolist())
    for row, example in enumerate(given):
        texts = [spellings[next(places)] for _ in example]
        columns = found.columns[found.first[row] : found.first[row + 1]].tolist()
        assert columns == ([] if writes == "text" else [column for column, _ in example])
        if writes == "codes":
            assert found.text is None
        elif writes == "pairs" or whole[row]:
            assert found.text is not None
            assert found.text[row].as_py() == SEPARATOR.join(dict.fromkeys(text for text in texts if text))
        if whole[row] or writes != "text":
            assert accepts(grammar, ids[first[row] : first[row + 1]].tolist())


def test_no_examples_make_no_sequences() -> None:
    known = with_ids(outputs.terms(entries([(0, "flu")]), np.ones(1), CODES)[0])
    none = entries()
    for writes in WRITES:
        ids, first, whole = outputs.sequences(none, np.zeros(0, dtype=np.int64), known, VOCABULARY, writes, 8)
        assert (len(ids), first.tolist(), len(whole)) == (0, [0], 0)
        assert len(outputs.read_back(np.zeros((0, 3), dtype=np.int64), known, VOCABULARY, writes)) == 0


def test_a_code_that_is_written_twice_stands_once() -> None:
    known = with_ids(outputs.terms(entries([(0, "flu"), (1, "heart")]), np.ones(1), CODES)[0])
    flu, heart = spelt("flu"), spelt("heart")
    row = [*heart, FIRST + 1, *flu, FIRST, *heart, FIRST + 1, END, *flu, FIRST + 2]
    found = outputs.read_back(np.array([row]), known, VOCABULARY, "pairs")
    assert found.columns.tolist() == [1, 0]
    assert found.text is not None
    assert found.text.to_pylist() == ["heart; flu"]  # and what follows the end is passed over


# ----------------------------------------------------------------------------------------------------- allowed


def test_what_is_barred_may_not_be_written_in_its_era() -> None:
    given = entries([(0, "flu"), (1, "flu")], [(2, None)])
    known = with_ids(outputs.terms(given, np.ones(2), CODES)[0])
    barred = np.array([[0, 0, 0, 0, 0, 1], [1, 0, 1, 0, 1, 0]])  # two more columns are those that the list alone knows
    seasons = Seasons(np.array([0, 1]), csr_array(barred))
    flu = spelt("flu")
    for writes, output in {"codes": [FIRST, END], "pairs": [*flu, FIRST, END]}.items():
        grammar = outputs.allowed(writes, known, VOCABULARY, 3, seasons)  # type: ignore[arg-type]
        assert accepts(grammar, output, era=0)
        assert not accepts(grammar, output, era=1)
    pairs = outputs.allowed("pairs", known, VOCABULARY, 3, seasons)
    assert accepts(pairs, [*flu, FIRST + 1, SEP, FIRST + 2, END], era=0)
    assert not accepts(pairs, [SEP, FIRST + 2, END], era=1)
    assert not accepts(pairs, [*flu, FIRST + 2, END], era=0)  # another term's code


def test_the_decoder_is_told_what_to_write() -> None:
    assert VOCABULARY.start("text") != VOCABULARY.start("codes") == VOCABULARY.start("pairs")


def test_codes_are_told_by_what_their_terms_hold_and_most_by_what_few_hold() -> None:
    owners: Any = csr_array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]])
    known = Terms(strings(["", "a x", "b x", "a y"]), (), owners)
    held = csr_array(np.array([[0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 1, 0], [1, 0, 0, 1]], dtype=np.float64))
    told = outputs.told_by_terms(known, held).toarray()
    assert told.shape == (3, 4)
    np.testing.assert_allclose(np.linalg.norm(told, axis=1), [1, 1, 0], atol=1e-6)
    assert told[1, 1] > told[1, 2] > 0  # "b" is rarer than "x"
    assert told[0, 0] > told[0, 3] > 0  # both of its terms have "a"
