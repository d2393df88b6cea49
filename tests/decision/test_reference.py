from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.corpus.certificate import strings
from harness.decision.fragments import Fragments, unrolled
from harness.decision.reference import Alphabet, Counts, Limits, Reference, count


def learnt(certificates: list[list[str]], terms: tuple[str, ...] = ()) -> Reference:
    lines = sorted({line for certificate in certificates for line in certificate})
    of_line = [lines.index(line) for certificate in certificates for line in certificate]
    first_line = np.cumsum([0, *map(len, certificates)]).astype(np.int64)
    return Reference.learnt(strings(lines), np.array(of_line, np.int64), first_line, strings(terms))


def counts(**columns: list[int]) -> Counts:
    n = len(next(iter(columns.values())))
    names = ("characters", "lines", "unknown_characters", "ngrams", "unseen_ngrams")
    return Counts(*(np.array(columns.get(name, [0] * n), np.int64) for name in names))


def unknown(alphabet: Alphabet, *lines: str) -> list[int]:
    return [n for block in unrolled(strings(lines)) for n in alphabet.unknown(block).tolist()]


def test_half_an_alphabet_makes_it_known_whole() -> None:
    half = "abcdefghijklm"  # 13 of 26
    assert unknown(Alphabet.learnt(strings([half])), "z", "xyz 7", "ж") == [0, 0, 1]
    assert unknown(Alphabet.learnt(strings([half[1:]])), "b", "z", "xyz 7", "ab") == [0, 1, 3, 1]


def test_characters_of_scripts_without_a_small_alphabet_are_known_one_by_one() -> None:
    alphabet = Alphabet.learnt(strings(["心不全", "肺炎"]))
    assert unknown(alphabet, "肺不全", "肺癌", "", "癌 癌") == [0, 1, 0, 2]
    assert alphabet.known == "".join(sorted("0123456789心不全肺炎"))


def test_lengths_beyond_one_and_a_half_times_the_longest() -> None:
    limits = Limits.learnt(counts(characters=[10, 21], lines=[1, 3]), parted=True)
    assert (limits.characters, limits.lines) == (32, 5)
    found = limits.too_long(counts(characters=[32, 33, 1, 1], lines=[1, 1, 5, 6]))
    assert found.tolist() == [False, True, False, True]


def test_a_rare_new_character_raises_no_limit_and_a_usual_one_does() -> None:
    once, twice = [0] * 999 + [4], [0] * 997 + [1, 1, 2]
    assert Limits.learnt(counts(unknown_characters=[*once, 0]), parted=True).unknown_characters == 0
    limits = Limits.learnt(counts(unknown_characters=twice), parted=True)
    assert limits.unknown_characters == 2  # of 1,000 none may be lost: 999 of 1,000 lie at or below the second highest
    assert limits.unknown_character(counts(unknown_characters=[0, 2, 3])).tolist() == [False, False, True]


def test_language_by_hand() -> None:
    # 10 of 1,000 are new; the strangest held-out text has 9 of 100: (9 - 1) / 10 = 0.8, and a tenth more is 0.88.
    limits = Limits.learnt(counts(ngrams=[100, 900], unseen_ngrams=[9, 1]), parted=True)
    assert limits.unseen_share == pytest.approx(0.01)
    assert limits.excess == pytest.approx(0.88)
    # (u - 0.01 n) / sqrt(n): 25 of 400 gives 1.05, 20 of 400 gives 0.8, 19 of 19 is too little text, 20 of 20 is not.
    found = limits.other_language(counts(ngrams=[400, 400, 19, 20, 0], unseen_ngrams=[25, 20, 19, 20, 0]))
    assert found.tolist() == [True, False, False, True, False]


def test_where_nothing_could_be_held_out_no_language_is_told() -> None:
    too_few: list[list[list[str]]] = [[], [[]], [["heart failure"]], [["heart failure"], ["heart failure"]]]
    for certificates in too_few:
        reference = learnt(certificates)
        assert reference.certificate.excess is None
        assert reference.certificate.unknown_characters == 0
        assert not reference.certificate.other_language(counts(ngrams=[90], unseen_ngrams=[90])).any()
    assert learnt([["heart failure"], ["lung failure"]]).certificate.excess is not None


def test_each_half_is_looked_at_from_the_other() -> None:
    """Two certificates: what one holds alone is what the other lacks; the line of both is new to neither."""
    reference = learnt([["abc", "shared line"], ["shared line", "ж xyz"]])
    # New are both 4-grams of "abc" and all four of "ж xyz"; "shared line" has ten, none of them new.
    assert reference.line.unseen_share == pytest.approx(6 / 16)
    assert reference.certificate.unseen_share == pytest.approx(6 / 26)
    # The first half lacks ж, x, y and z, the second b and c; neither has half of the letters a to z.
    assert reference.line.unknown_characters == 4
    assert reference.certificate.unknown_characters == 4


def test_terms_are_known_to_both_halves() -> None:
    reference = learnt([["abc", "shared line"], ["shared line", "ж xyz"]], ("ж xyz", "abc"))
    assert reference.line.unseen_share == 0
    assert reference.line.unknown_characters == 0


def test_certificates_of_the_same_lines_count_once() -> None:
    certificates = [["heart failure"], ["lung failure", "sepsis"], ["sepsis"]]
    assert learnt(certificates * 7) == learnt(certificates)
    assert learnt([*certificates, ["sepsis", "lung failure"]]) == learnt(certificates)


VOCABULARY = [
    a + b + c
    for a in ("car", "pul", "neph", "hep")
    for b in ("dio", "mon", "ro", "ati")
    for c in ("itis", "osis", "oma", "al")
]


def drawn(rng: np.random.Generator, n: int, vocabulary: list[str] = VOCABULARY) -> list[list[str]]:
    return [[" ".join(rng.choice(vocabulary, rng.integers(2, 6))) for _ in range(rng.integers(1, 4))] for _ in range(n)]


def flagged(
    reference: Reference, training: list[list[str]], later: list[list[str]]
) -> dict[str, npt.NDArray[np.bool_]]:
    fragments = Fragments.learnt(strings([line for certificate in training for line in certificate]))
    blocks = unrolled(strings([line for certificate in later for line in certificate]))
    lines = Counts.joined(count(block, fragments, reference.alphabet) for block in blocks)
    found = lines.summed(np.cumsum([0, *map(len, later)]).astype(np.int64))
    limits = reference.certificate
    return {
        "unknown_character": limits.unknown_character(found),
        "too_long": limits.too_long(found),
        "other_language": limits.other_language(found),
    }


@pytest.mark.parametrize("new_words", [0, 40])
def test_texts_drawn_like_trainings_are_hardly_ever_stopped_and_others_are(new_words: int) -> None:
    """Also where every year has words of its own, and a script in which unusual characters are usual."""
    rng = np.random.default_rng(new_words)
    letters = [chr(0x4E00 + i) for i in range(3000)]
    rare = [
        "".join(rng.choice(letters, 4, p=1 / np.arange(1, 3001) / sum(1 / np.arange(1, 3001))))
        for _ in range(new_words)
    ]
    training, later = drawn(rng, 800, VOCABULARY + rare), drawn(rng, 1500, VOCABULARY + rare)
    for stopped in flagged(learnt(training), training, later).values():
        assert stopped.mean() <= 0.003
    foreign = [[" ".join(word[::-1] for word in line.split()) for line in certificate * 3] for certificate in later]
    found = flagged(learnt(training), training, foreign)
    assert found["other_language"].mean() > 0.95
    longer = [certificate * 30 for certificate in later]
    assert flagged(learnt(training), training, longer)["too_long"].mean() > 0.9
    strange = [[f"{line} ѫѭ" for line in certificate] for certificate in later]
    assert flagged(learnt(training), training, strange)["unknown_character"].all()


def test_a_language_of_unusual_characters_raises_the_limit() -> None:
    """Held out, every tenth certificate has a character of its own: none of these may be stopped for one."""
    certificates = [[f"heart failure {i} {chr(0x5000 + i) if i % 10 == 0 else ''}".strip()] for i in range(2000)]
    assert learnt(certificates).certificate.unknown_characters == 1


@settings(max_examples=40)
@given(st.lists(st.lists(st.text("abж ", max_size=6).map(lambda t: " ".join(t.split())), max_size=3), max_size=6))
def test_training_itself_is_never_stopped(certificates: list[list[str]]) -> None:
    reference = learnt(certificates)
    assert not any(found.any() for found in flagged(reference, certificates, certificates).values())


def test_saved_and_loaded(tmp_path: Path) -> None:
    some: list[list[list[str]]] = [[["हृदय रोग"], ["心不全", "mi"]], []]
    for certificates in some:
        reference = learnt(certificates)
        reference.save(tmp_path / "reference.json")
        assert Reference.load(tmp_path / "reference.json") == reference


def test_counts_are_summed_and_taken() -> None:
    found = counts(characters=[1, 2, 4], ngrams=[8, 16, 32]).summed(np.array([0, 2, 2, 3]))
    assert found.characters.tolist() == [3, 0, 4]
    assert found.ngrams.tolist() == [24, 0, 32]
    assert found.take(np.array([2, 0])).ngrams.tolist() == [32, 24]
    assert Counts.joined([]).lines.tolist() == []
