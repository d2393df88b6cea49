from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.corpus import words
from harness.corpus.certificate import strings
from harness.decision import fragments
from harness.decision.fragments import Fragments, unrolled

# As words.normalise leaves text: two scripts, one beyond 16 bits, marks, digits, single spaces.
LINES = st.lists(st.text("abcé कि𝒜0 ", max_size=9).map(lambda text: " ".join(text.split())), max_size=8)


def ngrams(line: str) -> list[str]:
    """One after the other, with a space at either end."""
    spaced = f" {line} "
    return [spaced[i : i + 4] for i in range(len(spaced) - 3)] if line else []


def looked(known: Fragments, lines: list[str]) -> tuple[list[int], list[int], list[bool]]:
    blocks = list(unrolled(strings(lines)))
    return (
        [n for block in blocks for n in block.n_ngrams.tolist()],
        [n for block in blocks for n in known.unseen_ngrams(block).tolist()],
        [new for block in blocks for new in known.unseen_lines(block).tolist()],
    )


def test_by_hand() -> None:
    known = Fragments.learnt(strings(["heart", "mi"]))
    # " hea" "hear" "eart" "art " and " mi "
    assert len(known.ngrams) == 5
    assert len(known.lines) == 2
    every, unseen, new = looked(known, ["heart", "hearts", "mi", "mi heart", "", "a", "ai"])
    assert every == [4, 5, 1, 7, 0, 0, 1]
    # "hearts": "arts" "rts "; "mi heart": "mi h" "i he"; "ai": " ai "
    assert unseen == [0, 2, 0, 2, 0, 0, 1]
    assert new == [False, True, False, True, False, True, True]


@given(LINES, LINES, st.sampled_from([1, 2, 3, 65_536]))
def test_equals_one_line_after_the_other(training: list[str], later: list[str], block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fragments, "BLOCK", block)
        known = Fragments.learnt(strings(training))
        found = looked(known, later)
    grams = {gram for line in training for gram in ngrams(line)}
    assert found[0] == [len(ngrams(line)) for line in later]
    assert found[1] == [sum(gram not in grams for gram in ngrams(line)) for line in later]
    assert found[2] == [line not in {*training, ""} for line in later]
    assert len(known.ngrams) == len(grams)
    assert len(known.lines) == len(set(training))


def splitmix(key: int) -> int:
    """The published C code, in whole numbers."""
    key = ((key ^ (key >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    key = ((key ^ (key >> 27)) * 0x94D049BB133111EB) % 2**64
    return key ^ (key >> 31)


@pytest.mark.parametrize("line", ["abc", "heart failure", "कि", "𝒜é"])
def test_hashes_stay_what_they_are(line: str) -> None:
    """A bundle written on one machine is read on another."""
    (block,) = unrolled(strings([line]))
    wanted = [
        splitmix((splitmix(a | b << 21 | c << 42) + d * 0x9E3779B97F4A7C15) % 2**64)
        for a, b, c, d in (map(ord, gram) for gram in ngrams(line))
    ]
    assert block.ngrams().tolist() == wanted
    places = sum(splitmix(ord(character) | place << 21) for place, character in enumerate(line, 1))
    assert block.hashes().tolist() == [splitmix(places % 2**64)]


def test_the_order_of_the_letters_matters() -> None:
    lines = ["abcd", "abdc", "dcba", "abc d", "ab cd", "abcdabcd"]
    assert len(Fragments.learnt(strings(lines)).lines) == len(lines)


def test_a_hundred_thousand_lines_have_as_many_hashes() -> None:
    lines = strings([f"{i} of {i * i % 997}" for i in range(100_000)])
    assert len(Fragments.learnt(lines).lines) == 100_000


def test_order_and_repeats_of_training_do_not_matter() -> None:
    one, other = Fragments.learnt(strings(["heart", "lung"])), Fragments.learnt(strings(["lung", "heart", "lung"]))
    assert one.ngrams.tolist() == other.ngrams.tolist() == sorted(set(one.ngrams.tolist()))
    assert one.lines.tolist() == other.lines.tolist() == sorted(set(one.lines.tolist()))


def test_a_slice_of_an_arrow_column_is_read_from_its_place() -> None:
    column = strings(["lung", "heart", "œdema"])[1:]
    assert Fragments.learnt(words.normalise(column)).lines.tolist() == (
        Fragments.learnt(strings(["oedema", "heart"])).lines.tolist()
    )
    assert Fragments.learnt(column[:1]).lines.tolist() == Fragments.learnt(strings(["heart"])).lines.tolist()


def test_saved_and_loaded_without_any_text(tmp_path: Path) -> None:
    known = Fragments.learnt(strings(["heart failure", "pneumonia"]))
    known.save(tmp_path / "fragments.npz")
    again = Fragments.load(tmp_path / "fragments.npz")
    assert again.ngrams.tolist() == known.ngrams.tolist()
    assert again.lines.tolist() == known.lines.tolist()
    assert again.ngrams.dtype == again.lines.dtype == np.uint64
    written = (tmp_path / "fragments.npz").read_bytes()
    assert b"heart" not in written
    assert "heart".encode("utf-32-le") not in written


def test_nothing_learnt_knows_nothing() -> None:
    known = Fragments.learnt(strings([]))
    assert looked(known, ["heart", ""]) == ([4, 0], [4, 0], [True, False])
    assert looked(known, []) == ([], [], [])
