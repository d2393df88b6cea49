from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.corpus import words
from harness.corpus.certificate import strings

# Arrow knows the characters of an older Unicode than Hypothesis may; surrogates are no text.
texts = st.text(st.characters(exclude_categories=("Cs", "Cn", "Co")), max_size=20)


def normalise(text: str) -> str:
    found: str = words.normalise(strings([text]))[0].as_py()
    return found


def lower(text: str) -> str:
    found: str = words.lower(strings([text]))[0].as_py()
    return found


@given(texts)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(texts)
def test_only_letters_digits_marks_and_single_spaces_remain(text: str) -> None:
    found = normalise(text)
    assert "  " not in found
    assert found == found.strip()
    assert all(character == " " or unicodedata.category(character)[0] in "LNM" for character in found)


@given(texts)
def test_composed_and_decomposed_writing_are_one(text: str) -> None:
    assert normalise(unicodedata.normalize("NFD", text)) == normalise(unicodedata.normalize("NFC", text))


@given(texts)
def test_lower_twice_changes_nothing(text: str) -> None:
    once = lower(text)
    assert lower(once) == once
    assert not once[:1].isspace()
    assert not once[-1:].isspace()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Insuffisance Cardiaque aiguë, à J+3", "insuffisance cardiaque aigue a j 3"),
        ("ŒDÈME aigu du poumon", "oedeme aigu du poumon"),
        ("cœur; æquo", "coeur aequo"),
        ("Straße / STRAẞE / STRASSE", "strasse strasse strasse"),
        ("Łódź, Đakovo, Ørsted", "lodz dakovo orsted"),
        ("ﬁbrillation ﬂutter", "fibrillation flutter"),  # ligatures of typesetting
        ("H₂O, 5 µg, N°2, ½", "h2o 5 μg n 2 1 2"),
        ("İSTANBUL ısı ISI", "istanbul isi isi"),
        ("  tabs\tand\nline feeds \u00a0 \u2003here ", "tabs and line feeds here"),
        ("I21.9", "i21 9"),
        ("---", ""),
        ("", ""),
    ],
)
def test_latin(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ΚΑΡΚΙΝΟΣ Καρκίνος", "καρκινοσ καρκινοσ"),  # the final sigma is a sigma
        ("Острый Инфаркт, миокарда", "острыи инфаркт миокарда"),
        ("ЁЛКА ёлка", "елка елка"),
        ("احتشاء عضلة القلب", "احتشاء عضلة القلب"),
        ("مُحَمَّد", "مُحَمَّد"),  # vowels are marks above 036F and stay
        ("हृदय गति रुकना।", "हृदय गति रुकना"),  # vowel signs are no accents
        ("心筋梗塞、急性", "心筋梗塞 急性"),
        ("심근경색", "심근경색"),
        ("ภาวะหัวใจล้มเหลว", unicodedata.normalize("NFC", unicodedata.normalize("NFKD", "ภาวะหัวใจล้มเหลว"))),
        ("เสียชีวิต", "เสียชีวิต"),
    ],
)
def test_other_scripts_are_not_destroyed(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize("unseen", ["\u00ad", "\u200c", "\u200d", "\u2060", "\ufeff"])
def test_what_stands_unseen_within_a_word_does_not_part_it(unseen: str) -> None:
    """A soft hyphen of a typesetter, or a joiner of Hindi or Persian."""
    assert normalise(f"myo{unseen}cardial") == "myocardial"
    assert normalise(f"क्{unseen}ष") == normalise("क्ष")


def test_lower_keeps_accents_and_punctuation() -> None:
    assert lower("  Œdème   AIGU,\tdu\u00a0poumon ") == "œdème aigu, du poumon"


def test_words_of() -> None:
    found, text_of_word = words.words_of(strings(["heart failure", "", "flu", "a b c"]))
    assert found.to_pylist() == ["heart", "failure", "flu", "a", "b", "c"]
    assert text_of_word.to_pylist() == [0, 0, 2, 3, 3, 3]
    assert [len(part) for part in words.words_of(strings([]))] == [0, 0]


@given(st.lists(st.lists(st.sampled_from(["heart", "failure", "acute"]), max_size=4), max_size=6))
def test_sorted_words_know_no_order(texts: list[list[str]]) -> None:
    found = words.sorted_words(strings([" ".join(text) for text in texts])).to_pylist()
    assert found == [" ".join(sorted(text)) for text in texts]
    backwards = words.sorted_words(strings([" ".join(reversed(text)) for text in texts])).to_pylist()
    assert backwards == found


def test_works_on_a_slice_of_a_column() -> None:
    column = strings(["ONE", "Two", "tHree"])[1:]
    assert words.normalise(column).to_pylist() == ["two", "three"]
    assert words.lower(column).to_pylist() == ["two", "three"]
    assert isinstance(words.normalise(column), pa.Array)


def test_stems_cut_endings_before_accents() -> None:
    found = words.stems(strings(["Infección, renal", "INFECCIONES renales", "", "?!"]), "es").to_pylist()
    assert found == ["infeccion renal", "infeccion renal", "", ""]
    assert words.stems(strings([]), "fr").to_pylist() == []
    assert words.stems(strings(["cœurs brisés"]), "fr").to_pylist() == ["coeur bris"]


@pytest.mark.parametrize("language", sorted(words.SNOWBALL))
def test_every_language_has_its_stemmer(language: str) -> None:
    assert len(words.stems(strings(["one two 3"]), language)[0].as_py().split(" ")) == 3


@given(st.lists(texts, max_size=4))
def test_joining_words_again_changes_nothing(several: list[str]) -> None:
    normalised = words.normalise(strings(several))
    found, text_of_word = words.words_of(normalised)
    assert words.joined(found, text_of_word, len(several)).to_pylist() == normalised.to_pylist()


def test_accented_keeps_accents() -> None:
    assert words.accented(strings(["Aiguë;  À j+3"]))[0].as_py() == "aiguë à j 3"
