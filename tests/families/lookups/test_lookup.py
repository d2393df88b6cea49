from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from certificates import by_line
from scipy.sparse import csr_array

from harness.corpus.certificate import Corpus, strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.families.examples import FrameParameters, examples
from harness.families.family import Examples
from harness.families.lookups.counts import FloatArray, usual_shares
from harness.families.lookups.lookup import LEVELS, Keys, Lookup

SMOOTHING = 0.5


def learnt(corpus: Corpus, knowledge: Knowledge | None = None) -> Examples:
    return examples(corpus, FrameParameters(unit="line"), knowledge or Knowledge())


def fitted(train: Examples, stops: tuple[str, ...] = (), language: str | None = None) -> Lookup:
    levels = LEVELS if language else LEVELS[:-1]
    return Lookup.fit(train, Keys(levels, stops, language), SMOOTHING)[0]


def found(lookup: Lookup, text: str) -> tuple[str, list[float]]:
    """The level that knows a text, and each code's share."""
    answers = lookup.answer(lookup.places(strings([text])))
    shares = np.zeros(lookup.counts[0].given.shape[1])
    shares[answers.pair] = answers.share
    level = int(answers.of_row["level"][0])
    return (LEVELS[level] if level < len(LEVELS) else "unknown"), shares.tolist()


def test_each_level_is_looser_than_the_one_before() -> None:
    train = learnt(by_line((2012, [("Infección de las Vías, aguda", ["A"])])))
    lookup = fitted(train, ("de", "las"), "es")
    for text, level in {
        "Infección de las Vías, aguda": "exact",
        "infección  DE LAS vías, aguda": "case",
        "Infeccion de las vias: aguda!": "plain",
        "infeccion vias aguda": "content",
        "aguda infección de vías": "sorted",
        "infecciones agudas de la vías": "unknown",  # "la" is no stop word here
        "infecciones agudas de vías": "stems",
        "infección": "unknown",
    }.items():
        assert found(lookup, text)[0] == level, text
    # the key of each level has one occurrence: every looser one that agrees adds to its weight
    assert found(lookup, "infecciones agudas de vías")[1] == pytest.approx([1 / 1.5])
    assert found(lookup, "aguda infección de vías")[1] == pytest.approx([(1 + 0.5 * 1 / 1.5) / 1.5])


def test_a_rare_key_leans_on_the_looser_ones() -> None:
    train = learnt(by_line((2012, [("FLU", ["A"])]), *[(2012, [("flu", ["B"])])] * 8))
    loose = np.zeros(2)
    for _ in range(4):  # from sorted to case all know both ways of writing
        loose = (np.array([1, 8]) + 0.5 * loose) / 9.5
    assert found(fitted(train), "Flu")[1] == pytest.approx(loose)
    assert found(fitted(train), "FLU")[1] == pytest.approx((np.array([1, 0]) + 0.5 * loose) / 1.5)


def test_a_text_without_words_is_only_itself() -> None:
    lookup = fitted(learnt(by_line((2012, [("!!", ["A"])]), (2012, [("flu", ["B"])]))))
    assert found(lookup, "!!")[0] == "exact"
    assert found(lookup, "??")[0] == "unknown"


def test_a_text_of_stop_words_alone_keeps_them() -> None:
    lookup = fitted(learnt(by_line((2012, [("sin de", ["A"])]), (2012, [("de", ["B"])]))), ("de", "sin"))
    assert found(lookup, "DE sin")[0] == "sorted"
    assert found(lookup, "sin")[0] == "unknown"


def test_leaving_one_occurrence_out_keeps_repeats() -> None:
    train = learnt(by_line(*[(2012, [("flu", ["A"])])] * 3, (2012, [("cough", ["B"])])))
    lookup, place = Lookup.fit(train, Keys(("exact", "case")), SMOOTHING)
    kept: FloatArray = 1.0 - 1.0 / train.times
    left = lookup.kept(train, place, kept)
    answers = left.answer(place)
    assert answers.of_row["level"].tolist() == [0, len(LEVELS)]  # cough stood once: it is unknown without itself
    assert answers.of_row["seen"].tolist() == [2, 0]
    assert answers.pair.tolist() == [0]
    assert answers.share == pytest.approx([(2 + 0.5 * 2 / 2.5) / 2.5])
    assert lookup.answer(place).of_row["level"].tolist() == [0, 0]  # the whole is as it was


def test_years_in_which_a_code_was_not_given_say_nothing_of_it() -> None:
    """Three texts of 2018 without the code that came in 2019 do not halve its share."""
    corpus = by_line(*[(2018, [("tranq", ["A"])])] * 3, (2019, [("tranq", ["A", "X"])]), (2019, [("flu", ["A"])]))
    listed = Knowledge(CodeList((CodeEntry("X", valid_from=2019), CodeEntry("A"))))
    for knowledge, share in ((listed, 1 / 1.5), (Knowledge(), 1 / 4.5)):
        train = learnt(corpus, knowledge)
        lookup, place = Lookup.fit(train, Keys(("exact",)), SMOOTHING)
        shares = lookup.answer(place[:1]).share
        assert shares == pytest.approx([4 / 4.5, share])
        assert usual_shares(train, np.ones(len(train)), 0.0) == pytest.approx(
            [1.0, 1 / 2 if knowledge is listed else 1 / 5]
        )


@pytest.mark.parametrize("unknown", [[1, 1], [1, 0]], ids=["never valid", "valid in one certificate"])
def test_a_code_that_no_certificate_denies_has_its_share_of_all(unknown: list[int]) -> None:
    """Else a stray early coding, or the first of a new year, would make it certain for everybody."""
    corpus = by_line(*[(2018, [("flu", ["A"])])] * 3, (2019, [("tranq", ["X"])]), (2019, [("tranq", ["X"])]))
    train = learnt(corpus, Knowledge(CodeList((CodeEntry("X", valid_from=2019), CodeEntry("A")))))
    train = replace(train, unknown=csr_array(np.array([[0, unknown[0]], [0, unknown[1]]], dtype=np.int8)))
    assert usual_shares(train, np.ones(len(train)), 0.0) == pytest.approx([3 / 5, 2 / 5])
    none = np.array([1.0, 0.0])  # all of its certificates left out
    assert usual_shares(train, none, 1.0) == pytest.approx([3.5 / 4, 0.5 / 4])


def test_a_given_code_of_early_years_is_a_known_one() -> None:
    corpus = by_line(
        (2018, [("tranq", ["X"])]), (2018, [("flu", [])]), (2019, [("flu", [])]), (2019, [("fall", ["A"])])
    )
    train = learnt(corpus, Knowledge(CodeList((CodeEntry("X", valid_from=2019), CodeEntry("A")))))
    assert usual_shares(train, np.ones(len(train)), 0.0) == pytest.approx([1 / 4, 1 / 3])


@pytest.mark.parametrize("language", [None, "es"])
def test_texts_without_words_leave_tables_empty(language: str | None) -> None:
    lookup = fitted(learnt(by_line((2012, [("!!", ["A"])]), (2012, [("??", ["B"])]))), language=language)
    assert [len(table) for table in lookup.tables][2:] == [0] * (len(lookup.tables) - 2)
    assert found(lookup, "!!")[0] == "exact"
    assert found(lookup, "flu") == ("unknown", [0, 0])


def test_a_code_given_before_its_years_counts_at_most_whole() -> None:
    corpus = by_line((2018, [("tranq", ["X"])]), (2019, [("flu", ["A"])]))
    train = learnt(corpus, Knowledge(CodeList((CodeEntry("X", valid_from=2019), CodeEntry("A")))))
    lookup, place = Lookup.fit(train, Keys(("exact",)), SMOOTHING)
    assert lookup.answer(place).share == pytest.approx([1 / 1.5, 1 / 1.5])


def test_its_description_and_arrays_are_all_of_it() -> None:
    train = learnt(by_line((2012, [("Vías agudas", ["A"])]), (2012, [("!!", ["B"])])))
    lookup = fitted(train, ("de",), "es")
    again = Lookup.load(lookup.description(), lookup.arrays(), train.unknown)
    for text in ("Vías agudas", "aguda de la vías", "vías agudas", "!!"):
        assert found(again, text) == found(lookup, text)
