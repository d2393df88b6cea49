from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.corpus.certificate import strings
from harness.corpus.glued import Splitter

TEXTS = strings(["acute intoxication of heroin", "fentanyl and heroin intoxication", "cardiac arrest", "ofFentanyl"])
SPLITTER = Splitter.learnt(TEXTS, np.array([40, 30, 20, 1]), ["Para-fluorofentanyl", "pneumothorax"])


def split(splitter: Splitter, word: str) -> str:
    return splitter.parted(strings([word])).get(word, word)


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("ofFentanyl", "of Fentanyl"),
        ("HEROINANDFENTANYL", "HEROIN AND FENTANYL"),
        ("heroinfentanyl", "heroin fentanyl"),
        ("parafluorofentanyl", "para fluorofentanyl"),
        ("heroin", "heroin"),
        ("pneumothorax", "pneumothorax"),  # a word of the list
        ("heroinx", "heroinx"),  # a part is unknown
        ("xylazine", "xylazine"),
        ("heroin2", "heroin2"),
        ("of", "of"),
        ("", ""),
        ("Œdèmeheroin", "Œdèmeheroin"),  # letters that normalisation writes as two
        ("heroin" * 20, "heroin" * 20),
    ],
)
def test_a_glued_word_is_parted_and_keeps_its_letters(word: str, parts: str) -> None:
    assert split(SPLITTER, word) == parts


def test_words_of_known_terms_stay_whole_however_common_their_parts() -> None:
    texts, times = strings(["nieren versagen", "nierenversagen"]), np.array([500, 1])
    assert split(Splitter.learnt(texts, times, []), "Nierenversagen") == "Nieren versagen"
    assert split(Splitter.learnt(texts, times, ["Nierenversagen"]), "Nierenversagen") == "Nierenversagen"


def test_a_word_that_is_common_itself_stays_whole() -> None:
    splitter = Splitter.learnt(strings(["heart beat", "heartbeat"]), np.array([50, 20]), [])
    assert split(splitter, "heartbeat") == "heartbeat"
    rare = Splitter.learnt(strings(["heart beat", "heartbeat"]), np.array([50, 1]), [])
    assert split(rare, "heartbeat") == "heart beat"


def test_texts_change_only_where_a_word_was_glued() -> None:
    texts = strings(["Effects ofFentanyl, and so on", "nothing here", "", "ofFentanyl\nheroinfentanyl", "xofFentanyl"])
    assert SPLITTER.apply(texts).to_pylist() == [
        "Effects of Fentanyl, and so on",
        "nothing here",
        "",
        "of Fentanyl\nheroin fentanyl",
        "xofFentanyl",
    ]
    assert SPLITTER.apply(strings([])).to_pylist() == []


def test_is_saved_as_words_with_counts(tmp_path: Path) -> None:
    SPLITTER.save(tmp_path / "words.json")
    assert Splitter.load(tmp_path / "words.json") == SPLITTER
