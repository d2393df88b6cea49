from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_rules import certificates as texts

from harness.corpus import words
from harness.corpus.certificate import Texts, strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge, Lexicon
from harness.decision.novelty import UnseenWords
from harness.decision.textgate import Looked, TextGate

TRAINING = texts(
    ["Acute heart failure", "PNEUMONIA (left)"],
    [],
    ["Acute myocardial infarction", "Diabetes mellitus type 2"],
    ["Subarachnoid haemorrhage"],
    ["Chronic kidney disease", "Hypertension", "Pneumonia, left"],
)
GATE = TextGate.learnt([TRAINING], Knowledge())
COLUMNS = ("unseen_words", "unseen_ngrams", "unseen_text", "unknown_character", "too_long", "other_language")


def columns(looked: Looked) -> dict[str, list[object]]:
    return {name: getattr(looked, name).tolist() for name in COLUMNS}


def whole(gate: TextGate, later: Texts) -> Looked:
    return gate.look(later).certificates(later.first_line)


def test_lines_by_hand() -> None:
    looked = GATE.look(texts(["heart pneumonia zebra zebra", "pneumonia - LEFT", "", "--"], ["left heart"]))
    assert looked.unseen_words.tolist() == [2, 0, 0, 0, 0]
    assert looked.unseen_text.tolist() == [True, False, False, False, True]
    grams = [" heart pneumonia zebra zebra "[i : i + 4] for i in range(26)]
    training = " ".join(f" {line} " for line in words.normalise(TRAINING.lines).to_pylist())
    assert looked.unseen_ngrams[0] == pytest.approx(np.mean([gram not in training for gram in grams]))
    assert looked.unseen_ngrams[1:4].tolist() == [0, 0, 0]
    assert looked.counts.ngrams.tolist() == [26, 13, 0, 0, 9]


def test_certificates_unite_their_lines() -> None:
    later = texts(["heart zebra", "heart"], [], ["zebra quagga", "yak"], ["Pneumonia left"])
    lines, found = GATE.look(later), whole(GATE, later)
    assert found.unseen_words.tolist() == [1, 0, 3, 0]
    assert found.unseen_text.tolist() == [True, False, True, False]
    counts = lines.counts
    assert found.unseen_ngrams[0] == pytest.approx(counts.unseen_ngrams[:2].sum() / counts.ngrams[:2].sum())
    assert found.unseen_ngrams[1] == found.unseen_ngrams[3] == 0.0


def test_training_is_wholly_known() -> None:
    for looked in (GATE.look(TRAINING), whole(GATE, TRAINING)):
        assert not any(np.any(getattr(looked, name)) for name in COLUMNS)


def test_length_is_judged_on_the_whole_certificate() -> None:
    assert GATE.reference.certificate.lines == 5  # the longest has 3, and half as many again is 4.5
    later = texts(["left"] * 5, ["left"] * 6, ["left", "", "-"] * 5)
    assert not GATE.look(later).too_long.any()
    assert whole(GATE, later).too_long.tolist() == [False, True, False]
    assert whole(GATE, texts(["left " * 50])).too_long.tolist() == [True]


def test_lines_share_the_language_of_their_certificate() -> None:
    """By itself no line holds enough letters to tell."""
    gate = TextGate.learnt([texts(*([f"acute heart failure {i}", "pneumonia"] for i in range(40)))], Knowledge())
    later = texts(["vergiftung", "schlaganfall", "darmverschluss"], ["pneumonia", "schlaganfall"])
    looked = gate.look(later)
    assert looked.other_language.tolist() == [True, True, True, False, False]
    assert looked.certificates(later.first_line).other_language.tolist() == [True, False]


def test_unknown_characters_stop() -> None:
    gate = TextGate.learnt([texts(*([f"the quick brown fox jumps over lazy dogs {i}"] for i in range(9)))], Knowledge())
    later = texts(["lazy fox", "ѫ fox"], ["FÖX — ‘é’ ½ µ"[:5]], ["狐"])
    assert gate.look(later).unknown_character.tolist() == [False, True, False, True]
    assert whole(gate, later).unknown_character.tolist() == [True, False, True]


def test_terms_of_list_and_dictionaries_are_known() -> None:
    lexicon = Lexicon(strings(["Blutvergiftung ѫ"]), strings(["A41.9"]))
    gate = TextGate.learnt([TRAINING], Knowledge(CodeList((CodeEntry("X", "Xylazine toxicity", ("Tranq",)),)), lexicon))
    later = texts(["XYLAZINE toxicity", "tranq", "blutvergiftung (ѫ)"])
    assert not any(np.any(getattr(gate.look(later), name)) for name in COLUMNS)
    before = GATE.look(later)
    assert before.unseen_text.all()
    assert before.unseen_words.tolist() == [2, 1, 1]
    assert before.unknown_character.tolist() == [False, False, True]


def test_words_are_those_of_the_gate_for_words_alone() -> None:
    alone = UnseenWords.learnt([TRAINING], Knowledge())
    assert GATE.words.known.to_pylist() == alone.known.to_pylist()
    later = texts(["heart zebra"], [], ["left", "yak mi"], ["mi"])
    assert (whole(GATE, later).unseen_words > 0).tolist() == alone.stops(later).tolist() == [True, False, True, False]


CERTIFICATES = st.lists(st.lists(st.text("abÉж1 -", max_size=8), max_size=3), max_size=6)


@given(CERTIFICATES, CERTIFICATES)
@settings(max_examples=30)
def test_every_certificate_is_looked_at_by_itself(training: list[list[str]], later: list[list[str]]) -> None:
    gate = TextGate.learnt([texts(*training)], Knowledge())
    together = columns(whole(gate, texts(*later)))
    one_by_one = [columns(whole(gate, texts(certificate))) for certificate in later]
    assert together == {name: [found[name][0] for found in one_by_one] for name in COLUMNS}


@given(CERTIFICATES, st.integers(0, 6))
@settings(max_examples=30)
def test_learnt_from_parts_as_from_the_whole(training: list[list[str]], cut: int) -> None:
    one = TextGate.learnt([texts(*training)], Knowledge())
    parts = TextGate.learnt((part for part in (texts(*training[:cut]), texts(*training[cut:]))), Knowledge())
    assert one.reference == parts.reference
    assert one.words.known.equals(parts.words.known)
    assert one.fragments.lines.tolist() == parts.fragments.lines.tolist()


def test_a_slice_of_certificates_is_looked_at_by_its_own_lines() -> None:
    later = texts(["zebra"], ["heart", "yak"], [], ["left", "emu shock"])
    every = columns(whole(GATE, later))
    for start in range(5):
        for stop in range(start, 5):
            part = later.rows(start, stop)
            assert columns(whole(GATE, part)) == {name: column[start:stop] for name, column in every.items()}


def test_nothing_to_look_at_and_nothing_learnt() -> None:
    assert columns(whole(GATE, texts())) == {name: [] for name in COLUMNS}
    assert columns(whole(GATE, texts([]))) == {
        "unseen_words": [0], "unseen_ngrams": [0.0], "unseen_text": [False], "unknown_character": [False],
        "too_long": [False], "other_language": [False],
    }  # fmt: skip
    nothing = TextGate.learnt([], Knowledge())
    found = whole(nothing, texts(["heart"], [""]))
    assert found.unseen_words.tolist() == [1, 0]
    assert found.unseen_text.tolist() == found.unknown_character.tolist() == found.too_long.tolist() == [True, False]


def test_saved_and_loaded(tmp_path: Path) -> None:
    gate = TextGate.learnt([texts(["Œdème aigu", "हृदय रोग"], ["心不全"], ["сердце 2"])], Knowledge())
    gate.save(tmp_path / "rule")
    again = TextGate.load(tmp_path / "rule")
    later = texts(["oedeme zebra", "हृदय"], ["сердце 心"], ["癌"])
    assert columns(again.look(later)) == columns(gate.look(later))
    assert again.reference == gate.reference
    assert sorted(path.name for path in (tmp_path / "rule").iterdir()) == [
        "fragments.npz",
        "reference.json",
        "words.txt",
    ]
    assert (tmp_path / "rule" / "words.txt").read_text(encoding="utf-8").split() == gate.words.known.to_pylist()
