from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from certificates import Roles, by_certificate, by_line

from harness.corpus.certificate import Corpus, strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge, Lexicon
from harness.families import dictionary, frame
from harness.families.dictionary import Dictionary, DictionaryModel, DictionaryParameters, _held, _left
from harness.families.examples import FrameParameters, Unit, examples
from harness.families.family import Context, Examples, Predictions, Units
from harness.families.lookups.counts import IntArray
from harness.families.lookups.lookup import Lookup


def learnt(corpus: Corpus, unit: Unit = "line") -> Examples:
    return examples(corpus, FrameParameters(unit=unit))


def learn(train: Examples, knowledge: Knowledge | None = None, **parameters: object) -> DictionaryModel:
    own = DictionaryParameters.model_validate(parameters)
    return Dictionary().fit(train, None, knowledge or Knowledge(), own, Context())


def scores(model: DictionaryModel, *texts: str) -> np.ndarray:
    found: np.ndarray = model.predict(Units(strings(texts))).toarray()
    return found


def predict(train: Corpus, later: Corpus, knowledge: Knowledge, parameters: Mapping[str, object]) -> Predictions:
    return frame.fit("dictionary", train, None, knowledge, parameters, Context()).predict(later.texts)


LINES = by_line(
    *[(2012, [("Pneumonie aiguë", ["J18"]), ("grippe", ["J11"])])] * 6,
    *[(2012, [("choc septique", ["R57"]), ("grippe A", ["J11"])])] * 6,
    *[(2012, [("infarctus du myocarde", ["I21"])])] * 6,
)


def test_a_known_text_is_surer_than_one_that_is_only_alike() -> None:
    model = learn(learnt(LINES))
    known, loose, part, alike, nothing = scores(
        model, "grippe", "AIGUE, pneumonie", "choc septique sur grippe", "infarctuss myocarde", "zzzz"
    )
    I21, J11, J18, R57 = range(4)
    assert known.argmax() == J11
    assert loose.argmax() == J18
    assert set(np.argsort(part)[-2:]) == {J11, R57}
    assert alike.argmax() == I21
    assert known.max() > alike.max()
    assert nothing == pytest.approx([6.5 / 31, 12.5 / 31, 6.5 / 31, 6.5 / 31])  # the codes' shares


def test_without_neighbours_what_has_no_entry_gets_the_shares() -> None:
    model = learn(learnt(LINES), neighbour=False, purity=1.0)
    assert scores(model, "infarctuss myocardee")[0] == pytest.approx(scores(model, "zzzz")[0])


def test_leaving_out_takes_one_occurrence_of_each_held_example() -> None:
    train = learnt(LINES)
    knowledge = Knowledge(None, Lexicon(strings(["flu"]), strings(["J11"])))
    train = examples(LINES, FrameParameters(unit="line"), knowledge)
    assert train.times.tolist() == [6, 6, 6, 6, 6, 0]
    folds = _held(train, 0)
    assert sorted(np.concatenate(folds).tolist()) == [0, 1, 2, 3, 4]  # a dictionary's row is nobody's certificate
    assert _left(train, np.array([0, 3])) == pytest.approx([5 / 6, 1, 1, 5 / 6, 1, 1])


def test_many_examples_need_few_folds() -> None:
    many = learnt(by_line(*((2012, [(f"text {number}", ["A"])]) for number in range(12_000))))
    assert [len(fold) for fold in _held(many, 0)] == [2400, 2400]


def test_certificates_are_read_by_lines_and_words() -> None:
    drugs = ("heroin", "cocaine", "ethanol", "methadone")
    rng = np.random.default_rng(0)
    certificates = []
    for number in range(200):
        taken = rng.choice(drugs, 2, replace=False)
        text = f"{('acute', 'fatal', 'severe')[number % 3]} intoxication by {taken[0]} and {taken[1]}"
        certificates.append((2012, [text, "drug use"], sorted(taken)))
    model = learn(learnt(by_certificate(*certificates), "certificate"))
    found = scores(model, "methadone found beside\nethanol bottle", "heroin, then cocaine")
    assert (found > 0.5).tolist() == [
        [False, True, False, True],
        [True, False, True, False],
    ]  # cocaine ethanol heroin methadone


def test_hits_of_the_list_count_as_often_as_they_are_right() -> None:
    listed = CodeList(
        tuple(CodeEntry(code, word) for code, word in (("H", "heroin"), ("C", "cocaine"), ("N", "tranq")))
    )
    train = by_certificate(
        *((2012, [f"text {number} of heroin"], ["H"]) for number in range(40)),
        *((2012, [f"note {number} on cocaine"], ["C"] if number % 2 else []) for number in range(40)),
    )
    later = by_certificate((2013, ["heroin unheard"], []), (2013, ["cocaine unheard"], []), (2013, ["tranq"], []))
    found = predict(train, later, Knowledge(listed), {})
    table = {code: found.scores.toarray()[:, column] for column, code in enumerate(found.labels.codes)}
    assert table["H"][0] > 0.9
    assert 0.25 < table["C"][1] < 0.75
    assert table["N"][2] > 0.3  # has no example: the list alone gives it


def test_a_code_is_not_denied_by_years_before_it() -> None:
    listed = Knowledge(CodeList((CodeEntry("F", "fentanyl"), CodeEntry("X", "xylazine", valid_from=2020))))
    rng = np.random.default_rng(0)
    certificates = [
        (2018 + number % 3, [f"fentanyl and xylazine {rng.integers(40)}"], ["F", "X"] if number % 3 == 2 else ["F"])
        for number in range(150)
    ]
    certificates += [(2020, [f"fentanyl {rng.integers(40)}"], ["F"]) for _ in range(20)]
    train, later = by_certificate(*certificates), by_certificate((2021, ["xylazine and fentanyl 99"], []))
    with_list = predict(train, later, listed, {})
    without = predict(train, later, Knowledge(), {})
    assert with_list.scores.toarray()[0, with_list.labels.index["X"]] > 0.8
    assert without.scores.toarray()[0, without.labels.index["X"]] < 0.6


def test_rows_of_dictionaries_are_looked_up() -> None:
    knowledge = Knowledge(None, Lexicon(strings(["maladie de Lyme"]), strings(["R57"])), "fr")
    found = predict(LINES, by_line((2013, [("Maladies de LYME", [])])), knowledge, {"unit": "line"})
    assert found.labels.codes[int(found.scores.toarray()[0].argmax())] == "R57"


def test_stems_need_a_language() -> None:
    later = by_line((2013, [("chocs septiques", [])]))
    options = {"unit": "line", "neighbour": False, "purity": 1.0}
    french = predict(LINES, later, Knowledge(None, None, "fr"), options)
    assert french.scores.toarray()[0].argmax() == french.labels.index["R57"]
    for language in (None, "xx"):
        unstemmed = predict(LINES, later, Knowledge(None, None, language), options)
        assert unstemmed.scores.toarray()[0].argmax() == unstemmed.labels.index["J11"]  # the most usual code


def test_a_line_that_millions_wrote_is_not_quite_certain() -> None:
    """In single precision 3,000,000 of 3,000,000.05 is one, and odds of one are infinite."""
    train = learnt(by_line((2012, [("flu", ["A"])]), (2012, [("cough", ["B"])])))
    many = replace(train, weights=np.array([3e9, 1.0]), times=np.array([3e9, 1.0]))
    for row in scores(learn(many, smoothing=0.05), "flu", "unknown"):
        assert 0.99 < row[0] < 1.0


def test_an_unknown_text_gets_the_20_most_frequent_codes() -> None:
    lines = [(2012, [(f"text {number}", [f"C{number:02}"])] * (number + 1)) for number in range(30)]
    found = scores(learn(learnt(by_line(*lines))), "zzzz")[0]
    total = sum(range(1, 31)) + 1
    assert found == pytest.approx([0.0 if number < 10 else (number + 1.5) / total for number in range(30)])


@pytest.mark.parametrize("unit", ["line", "certificate"])
def test_a_vote_asks_the_classifier_too(unit: Unit, tiny_roles: Roles, tmp_path: Path) -> None:
    train = learnt(tiny_roles.train, unit)
    model = learn(train, vote=True)
    found = model.predict(Units(tiny_roles.validation.texts.whole()))
    model.save(tmp_path)
    again = Dictionary().load(tmp_path, "cpu").predict(Units(tiny_roles.validation.texts.whole()))
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(again, part), getattr(found, part))
    plain = learn(train).predict(Units(tiny_roles.validation.texts.whole()))
    assert abs(found - plain).max() > 0.01


def test_a_vote_over_a_code_that_one_fold_lacks() -> None:
    rare = by_line(*[(2012, [(f"flu {number}", ["A"])]) for number in range(20)], (2012, [("gout", ["B"])]))
    for seed in range(5):
        own = DictionaryParameters(vote=True)
        model = Dictionary().fit(learnt(rare), None, Knowledge(), own, Context(seed=seed))
        assert scores(model, "gout")[0].argmax() == 1


@pytest.mark.parametrize("options", [{}, {"neighbour": False, "purity": 1.0}, {"loosest": "exact"}], ids=str)
def test_saves_and_loads_with_equal_scores(options: dict[str, object], tiny_roles: Roles, tmp_path: Path) -> None:
    model = learn(learnt(tiny_roles.train), Knowledge(None, None, "en"), **options)
    model.save(tmp_path)
    units = Units(strings([*tiny_roles.validation.texts.lines.to_pylist(), "", "!!"]))
    ours, theirs = Dictionary().load(tmp_path, "cpu").predict(units), model.predict(units)
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(ours, part), getattr(theirs, part))


def test_scores_are_calibrated_on_texts_that_were_left_out(tiny_roles: Roles) -> None:
    """Over all pairs of validation the scores sum up to about as many codes as there are."""
    found = predict(tiny_roles.train, tiny_roles.validation, Knowledge(), {"unit": "line"})
    assert 0.8 < found.scores.sum() / tiny_roles.validation.codes.sum() < 1.25


def test_texts_without_words_are_learnt_and_scored(tmp_path: Path) -> None:
    model = learn(learnt(by_line((2012, [("!!", ["A"])]), (2012, [("??", ["B"])]))), Knowledge(None, None, "en"))
    known, other, unknown = scores(model, "!!", "??", "flu")
    assert known.argmax() == 0
    assert other.argmax() == 1
    assert known[0] > unknown[0]
    model.save(tmp_path)
    again = Dictionary().load(tmp_path, "cpu").predict(Units(strings(["!!", "??", "flu"])))
    np.testing.assert_array_equal(again.toarray(), np.array([known, other, unknown]))


def test_blocks_do_not_change_scores_and_tables_are_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = CodeList((CodeEntry("J11", "grippe"), CodeEntry("I21", "infarctus")))
    train = examples(LINES, FrameParameters(unit="line"), Knowledge(listed))
    model = learn(train)
    texts = [
        "grippe",
        "zzzz",
        "",
        "choc septique sur grippe",
        "infarctuss",
        "AIGUE, pneumonie",
        "grippe et choc septique",
    ]
    whole = scores(model, *texts)
    calls = []
    places = Lookup.places

    def counted(self: Lookup, asked: pa.Array) -> IntArray:
        calls.append(len(asked))
        return places(self, asked)

    monkeypatch.setattr(Lookup, "places", counted)
    monkeypatch.setattr(dictionary, "ROWS", 2)
    np.testing.assert_array_equal(scores(model, *texts), whole)
    assert calls == [len(texts)]
    monkeypatch.setattr(dictionary, "AT_ONCE", 3)
    np.testing.assert_array_equal(scores(model, *texts), whole)
    assert calls[1:] == [3, 3, 1]
