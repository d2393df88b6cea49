from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_rules import certificates as texts

from harness.corpus.certificate import strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge, Lexicon
from harness.decision.novelty import UnseenWords

TRAINING = texts(["Acute heart failure", "2 days"], ["PNEUMONIA (left)"], [], ["Sténose de l'œsophage"])
GATE = UnseenWords.learnt([TRAINING], Knowledge())


def stops(gate: UnseenWords, *lines: str) -> bool:
    return bool(gate.stops(texts(lines))[0])


def test_a_word_that_training_never_had_stops() -> None:
    assert not stops(GATE, "heart failure", "days of acute pneumonia")
    assert stops(GATE, "heart failure", "acute sepsis")
    assert stops(GATE, "hearts")
    assert GATE.known.to_pylist() == sorted(
        {"acute", "heart", "failure", "days", "pneumonia", "left", "stenose", "oesophage"}
    )


@pytest.mark.parametrize("text", ["12", "2019-03-04", "of", "MI", "b12", "12 mg", "q.d.", "", "  ", "-/-", "x2y3z"])
def test_numbers_and_words_of_two_letters_do_not_stop(text: str) -> None:
    assert not stops(GATE, text)


@pytest.mark.parametrize("text", ["tia", "B12TIA", "10mcg", "covid19"])
def test_three_letters_in_a_row_stop(text: str) -> None:
    assert stops(GATE, text)


@pytest.mark.parametrize(
    "text", ["HEART", "heart,failure", "Heart-Failure", "Pneumónia", "PNEUMONIA/left", "STENOSE oesophage", "Œsophage"]
)
def test_case_accents_and_punctuation_do_not_matter(text: str) -> None:
    assert not stops(GATE, text)


def test_vowel_signs_do_not_hide_a_word() -> None:
    assert stops(GATE, "हृदय")
    assert not stops(UnseenWords.learnt([texts(["हृदय रोग"])], Knowledge()), "हृदय")
    assert stops(GATE, "сердце")
    assert stops(GATE, "αίμα")


def test_words_of_dictionaries_are_known() -> None:
    lexicon = Lexicon(strings(["Blood-poisoning", "fever"]), strings(["A41.9", "R50"]))
    gate = UnseenWords.learnt([TRAINING], Knowledge(lexicon=lexicon))
    assert not stops(gate, "poisoning FEVER")
    assert stops(gate, "sepsisitis")


def test_words_of_the_code_list_are_known() -> None:
    code_list = CodeList((CodeEntry("A41.9", "Sepsis, unspecified", ("Blood poisoning", "Septicémie")), CodeEntry("X")))
    gate = UnseenWords.learnt([TRAINING], Knowledge(code_list))
    assert not stops(gate, "SEPSIS unspecified", "blood Poisoning of heart", "septicemie")
    assert stops(gate, "septic")
    assert stops(UnseenWords.learnt([TRAINING], Knowledge(CodeList(()))), "sepsis")


def test_certificates_without_lines_pass() -> None:
    found = GATE.stops(texts([], ["sepsis"], [], [""], ["heart"], []))
    assert found.tolist() == [False, True, False, False, False, False]
    assert found.dtype == np.bool_
    assert GATE.stops(texts([], [])).tolist() == [False, False]
    assert GATE.stops(texts()).tolist() == []


def test_a_gate_that_learnt_nothing_stops_every_word() -> None:
    gate = UnseenWords.learnt([texts([])], Knowledge())
    assert stops(gate, "heart")
    assert not stops(gate, "12")


def test_a_slice_of_certificates_is_judged_by_its_own_lines() -> None:
    whole = texts(["sepsis"], ["heart", "sepsis"], ["heart"], ["failure", "shock"], ["left"])
    for start in range(5):
        for stop in range(start, 6):
            part = whole.rows(start, stop)
            assert GATE.stops(part).tolist() == GATE.stops(whole)[start:stop].tolist()
    assert UnseenWords.learnt([whole.rows(1, 3)], Knowledge()).known.to_pylist() == ["heart", "sepsis"]


# Letters with and without case, accents and ligatures; marks of another script; digits; what separates words.
ALPHABET = "aebfAÉéœŒæßøŁñç" + "हदयृ" + "01" + " -.,'\n\t/"
LINES = st.text(ALPHABET, max_size=14)
CERTIFICATES = st.lists(st.lists(LINES, max_size=3), max_size=5)


def naive_words(line: str) -> set[str]:
    plain = unicodedata.normalize("NFKD", line).lower()
    plain = unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", plain))
    for letter, spelt in {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l"}.items():
        plain = plain.replace(letter, spelt)
    spaced = "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in plain)
    return {word for word in spaced.split() if _longest_run(word) >= 3}


def _longest_run(word: str) -> int:
    """Letters in a row; marks neither count nor part them."""
    letters = "".join(c for c in word if not unicodedata.category(c).startswith("M"))
    return max(map(len, "".join(c if c.isalpha() else " " for c in letters).split()), default=0)


@given(CERTIFICATES, CERTIFICATES)
@settings(max_examples=200, deadline=None)
def test_equals_one_certificate_after_the_other(training: list[list[str]], later: list[list[str]]) -> None:
    known = {word for certificate in training for line in certificate for word in naive_words(line)}
    gate = UnseenWords.learnt([texts(*training[:2]), texts(*training[2:])], Knowledge())
    assert set(gate.known.to_pylist()) == known
    wanted = [any(naive_words(line) - known for line in certificate) for certificate in later]
    assert gate.stops(texts(*later)).tolist() == wanted
    assert not gate.stops(texts(*training)).any()


def test_unseen_words_are_counted_with_repeats() -> None:
    normalised = strings(["heart sepsis sepsis", "", "mi 12", "acute shock", "heart"])
    assert GATE.count(normalised).tolist() == [2, 0, 0, 1, 0]
    assert GATE.count(strings([])).tolist() == []
    assert UnseenWords.of([normalised], Knowledge()).known.to_pylist() == ["acute", "heart", "sepsis", "shock"]
