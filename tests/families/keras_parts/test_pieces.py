"""Texts as words in parts and as characters, and what a batch of them holds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from harness.corpus.certificate import strings
from harness.families.keras_parts import pieces
from harness.families.keras_parts.pieces import LINE_END, Words

TEXTS = ("acute heart failure", "flu", "", "heart  Failure\nflu; FLU")


def words_of(*texts: str, longest: int = 128) -> Words:
    return pieces.words_in_parts(strings(texts), longest, 2**12, 5)


def parts_of(batch: dict[str, npt.NDArray[np.int32]], number: int) -> set[int]:
    return set(batch["parts"][batch["word"] == number].tolist())


def test_a_word_of_a_batch_stands_once_with_its_parts() -> None:
    found = words_of(*TEXTS)
    batch = found.batch(np.array([3, 0, 2]))
    places = batch["places"]
    assert places.shape == (3, 8)  # a multiple of four
    assert (places > 0).sum(axis=1).tolist() == [5, 3, 0]  # the end of a line is a word
    assert places[0, :2].tolist() == places[1, 1:3].tolist()  # heart failure
    assert places[0, 3] == places[0, 4]  # flu flu
    assert sorted(set(batch["word"].tolist())) == list(range(1, int(places.max()) + 1))
    alone = words_of("flu").batch(np.array([0]))
    assert parts_of(batch, places[0, 3]) == parts_of(alone, 1)
    assert parts_of(batch, places[0, 2]) == parts_of(words_of(LINE_END + "x\ny").batch(np.array([0])), places_of_end())


def places_of_end() -> int:
    return int(words_of("x\ny").batch(np.array([0]))["places"][0, 1])


def test_a_full_batch_has_no_padding_and_counts_words_from_one() -> None:
    batch = words_of("a b c d", "d c b a").batch(np.array([0, 1]))
    assert batch["places"].min() == 1
    assert batch["places"][0].tolist() == batch["places"][1, ::-1].tolist()


def test_parts_are_the_word_and_its_characters() -> None:
    def parts(word: str) -> set[int]:
        return set(words_of(word).batch(np.array([0]))["parts"].tolist())

    assert len(parts("feverish")) == 1 + 8 + 7 + 6  # itself; three, four and five of its ten signs with both ends
    assert len(parts("pneumonia") & parts("pneumonai")) > 8  # a typing error keeps most
    assert parts("Pneumonie") == parts("PNEUMONIE")
    assert not parts("flu") & parts("hip")


def test_only_the_first_words_are_read() -> None:
    many = " ".join(f"w{number}" for number in range(50))
    assert words_of(many, "w1", longest=10).lengths.tolist() == [10, 1]
    assert pieces.characters(strings([many, "w1"]), 10).lengths.tolist() == [60, 2]


def test_characters_are_numbered_alike_everywhere() -> None:
    found = pieces.characters(strings(["Ab", "", "b\na", "肺炎"]), 128)
    places = found.batch(np.arange(4))["places"]
    assert places.shape == (4, 8)
    assert places[0].tolist() == [ord("a") + 1, ord("b") + 1, 0, 0, 0, 0, 0, 0]
    assert places[1].tolist() == [0] * 8
    assert places[2, :5].tolist() == [1 + ord(sign) for sign in f"b {LINE_END} a"]
    assert (places[3, :2] > 0).all()
    assert places.max() < pieces.CHARACTERS


@pytest.mark.parametrize("texts", [(), ("",), ("!?", "…")])
def test_nothing_to_read(texts: tuple[str, ...]) -> None:
    rows = np.arange(len(texts))
    for found in (words_of(*texts), pieces.characters(strings(texts), 128)):
        assert len(found) == len(texts)
        batch = found.batch(rows)
        assert batch["places"].shape == (len(texts), 4)
        assert not batch["places"].any()
    assert len(words_of(*texts).batch(rows)["parts"]) == 0
