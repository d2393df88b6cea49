from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import by_certificate, by_line

from harness.corpus.certificate import Corpus, LabelSet, strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge, Lexicon
from harness.families import FAMILIES, FLOORS, frame
from harness.families.family import Context
from harness.families.listed import Listed, listed

LIST = CodeList(
    (
        CodeEntry("A", "Heroin", ("diamorphine",)),
        CodeEntry("B", "Fentanyl"),
        CodeEntry("N", "Xylazine", ("tranq",), valid_from=2014),
        CodeEntry("P", "Poisoning"),
        CodeEntry("P.1", "Poisoning by gas", parent="P"),
        CodeEntry("T"),
    )
)
KNOWN = Knowledge(LIST)


def office(*more: tuple[int, list[str], list[str]]) -> Corpus:
    """Two codes whose words are right in nine of ten certificates, and whatever else is asked for."""
    rows: list[tuple[int, list[str], list[str]]] = []
    for number in range(40):
        for word, code in (("heroin", "A"), ("fentanyl", "B")):
            text = f"{word} case {number}"
            rows.append((2012, [text], [code] if number % 10 else []))
    return by_certificate(*rows, *more)


def scores(model: frame.Model, year: int, *texts: str) -> list[dict[str, float]]:
    found = model.predict(by_certificate(*((year, [text], []) for text in texts)).texts)
    dense = found.scores.toarray()
    return [dict(zip(found.labels.codes, row.tolist(), strict=True)) for row in dense]


def fit(corpus: Corpus, knowledge: Knowledge = KNOWN, name: str = "linear", **more: Any) -> frame.Model:
    return frame.fit(name, corpus, None, knowledge, {"unit": "certificate", **more}, Context())


def test_labels_are_the_learnt_codes_and_then_the_leaves_that_have_a_term() -> None:
    found, labels = listed(KNOWN, LabelSet(("A", "B")))
    assert labels.codes == ("A", "B", "N", "P.1")
    assert found.n_learnt == 2
    assert found.terms.terms.to_pylist() == [
        "diamorphine",
        "fentanyl",
        "heroin",
        "poisoning by gas",
        "tranq",
        "xylazine",
    ]


def test_hits_are_terms_of_a_label() -> None:
    found, _ = listed(KNOWN, LabelSet(("A", "B")))
    assert found.hits(strings(["Heroin, diamorphine; TRANQ", "fentanyls", "poisoning"])).toarray().tolist() == [
        [1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0],
    ]  # fmt: skip


def test_a_code_without_examples_follows_the_list_in_its_years() -> None:
    model = fit(office())
    before, after = scores(model, 2013, "xylazine")[0], scores(model, 2014, "xylazine", "heroin")
    assert before["N"] == 0.0
    assert 0.75 < after[0]["N"] < 0.95
    assert after[1]["N"] == 0.0


def test_its_score_is_set_by_leaving_codes_out() -> None:
    """Where the hits of known codes are right less often, those of a new code are trusted less."""
    right = scores(fit(office()), 2014, "xylazine")[0]["N"]
    wrong = [(2012, [f"{word} elsewhere {n}"], ["C"]) for n in range(40) for word in ("heroin", "fentanyl")]
    doubted = scores(fit(office(*wrong)), 2014, "xylazine")[0]["N"]
    assert doubted < right - 0.3


def test_texts_that_never_got_the_code_speak_against_it_only_in_its_years() -> None:
    before = fit(office(*((2012, [f"xylazine {n}"], ["A"]) for n in range(30))))
    later = fit(office(*((2014, [f"xylazine {n}"], ["A"]) for n in range(30))))
    assert scores(before, 2014, "xylazine")[0]["N"] > 0.6
    assert scores(later, 2014, "xylazine")[0]["N"] < 0.4


def test_without_a_list_there_is_no_such_label() -> None:
    model = fit(office(), Knowledge())
    assert model.labels.codes == ("A", "B")
    assert model.listed is None


def test_without_any_hit_a_code_gets_even_odds() -> None:
    corpus = by_certificate((2012, ["flu"], ["J11"]))
    assert scores(fit(corpus), 2014, "tranq")[0]["N"] == pytest.approx(0.5)


def test_by_line_a_hit_is_united_like_any_score() -> None:
    corpus = by_line((2012, [("heroin", ["A"]), ("fentanyl", ["B"])]))
    model = frame.fit("linear", corpus, None, KNOWN, {"unit": "line"}, Context())
    found = model.predict(by_line((2014, [("xylazine", []), ("tranq", []), ("else", [])])).texts)
    column = found.labels.index["N"]
    assert found.line_scores is not None
    one = found.line_scores.toarray()[:, column]
    assert one[2] == 0.0
    assert found.scores.toarray()[0, column] == pytest.approx(1 - (1 - one[0]) * (1 - one[1]))


@pytest.mark.parametrize("name", list(FAMILIES))
def test_is_saved_with_the_model(name: str, tmp_path: Path) -> None:
    small: dict[str, Any] = {"bag": {"epochs": 2, "width": 8, "buckets_log2": 8}}.get(name, {})
    model = fit(office(), name=name, **small)
    model.save(tmp_path / "model")
    loaded = frame.load(tmp_path / "model")
    texts = ("heroin and tranq", "fentanyl", "poisoning by gas")
    assert scores(loaded, 2015, *texts) == scores(model, 2015, *texts)
    assert scores(loaded, 2015, *texts)[2]["P.1"] > 0.0


def test_codes_of_dictionaries_follow_them_in_their_years_too() -> None:
    """Neither the row of a dictionary nor a stray coding makes a code that begins later one that is learnt."""
    uncoded: list[tuple[int, list[str], list[str]]] = [(2012, [f"xylazine intoxication {n}"], []) for n in range(20)]
    plain = fit(office(*uncoded))
    more = Lexicon(strings(["tranq dope", "sedative"]), strings(["N", "D"]))
    found = fit(office(*uncoded, (2012, ["xylazine"], ["N"])), Knowledge(LIST, more))
    assert found.labels.codes == ("A", "B", "D", "N", "P.1")
    after = scores(found, 2014, "xylazine intoxication 77", "tranq dope", "a sedative")
    assert after[0]["N"] == pytest.approx(scores(plain, 2014, "xylazine intoxication 77")[0]["N"], rel=0.05)
    assert after[1]["N"] > 0.75
    assert after[2]["D"] > 0.75
    assert scores(found, 2013, "tranq dope")[0]["N"] == 0.0
    assert fit(office(), Knowledge(lexicon=more)).labels.codes == ("A", "B", "D", "N")


def test_a_compound_term_stays_whole_where_glued_words_are_parted() -> None:
    rows: list[tuple[int, list[str], list[str]]] = [(2012, [f"Nieren {n}"], ["A"]) for n in range(150)]
    rows += [(2012, [f"Versagen {n}"], ["B"]) for n in range(150)]
    known = Knowledge(CodeList((CodeEntry("N17", "Nierenversagen"),)))
    model = fit(by_certificate(*rows), known, glued=True)
    assert scores(model, 2013, "Nierenversagen")[0]["N17"] > 0.0


@pytest.mark.parametrize("name", list(FLOORS))
def test_floors_do_not_follow_the_list(name: str) -> None:
    model = fit(office(), name=name)
    assert model.labels.codes == ("A", "B")
    assert model.listed is None


def test_round_trip(tmp_path: Path) -> None:
    found, _ = listed(KNOWN, LabelSet(("A", "B")))
    found.save(tmp_path)
    again = Listed.load(tmp_path)
    assert again.terms.terms == found.terms.terms
    np.testing.assert_array_equal(again.owners.toarray(), found.owners.toarray())
    np.testing.assert_array_equal(again.only, found.only)
