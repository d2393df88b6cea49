from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.corpus.certificate import strings
from harness.families.torch_parts import own_tokens
from harness.families.torch_parts.grammar import accepts, text
from harness.families.torch_parts.own_tokens import END, PAD, SEPARATOR, UNKNOWN, Pieces

LINES = ("Acute myocardial infarction", "acute heart failure", "heart failure", "Pneumonie aiguë", "sepsis (E. coli)")
SCRIPT = """
import hashlib
from harness.corpus.certificate import strings
from harness.families.torch_parts import own_tokens
made = own_tokens.learnt([strings([f"{a}{b} {b}{a} {a}" for a in "abcdefgh" for b in "ijklmnop"])], "subwords", 90)
print(hashlib.sha256(made.backend_tokenizer.to_str().encode()).hexdigest())
"""


def pieces_of(tokenizer: object, line: str) -> list[str]:
    found: list[str] = tokenizer.convert_ids_to_tokens(ids_of(tokenizer, line))  # type: ignore[attr-defined]
    return found


def ids_of(tokenizer: object, line: str) -> list[int]:
    found: list[int] = tokenizer(line, add_special_tokens=False)["input_ids"]  # type: ignore[operator]
    return found


def test_equal_texts_make_equal_tokenizers_in_every_process() -> None:
    """All pairs of letters are equally frequent: ties must not fall by chance."""
    made = {
        subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    own = own_tokens.learnt(
        [strings([f"{a}{b} {b}{a} {a}" for a in "abcdefgh" for b in "ijklmnop"])], "subwords", 90
    ).backend_tokenizer.to_str()
    assert made == {hashlib.sha256(own.encode()).hexdigest() + "\n"}


def test_special_tokens_come_first_and_a_text_ends_with_its_end() -> None:
    found = own_tokens.learnt([strings(LINES)], "subwords", 100)
    assert found.convert_ids_to_tokens([0, 1, 2, 3]) == [PAD, END, SEPARATOR, UNKNOWN]
    assert (found.pad_token_id, found.eos_token_id, found.sep_token_id) == (0, 1, 2)
    ids = found("heart failure")["input_ids"]
    assert ids == [*ids_of(found, "heart failure"), 1]
    assert found("")["input_ids"] == [1]


def test_letters_are_small_and_without_accents() -> None:
    found = own_tokens.learnt([strings(LINES)], "subwords", 60)
    assert ids_of(found, "PNEUMONIE AIGUE") == ids_of(found, "pneumonie aiguë")


def test_words_that_often_stand_are_one_piece() -> None:
    found = own_tokens.learnt([strings(LINES)], "subwords", 300)
    assert pieces_of(found, "Heart failure") == ["▁heart", "▁failure"]
    assert len(found) <= 300


def test_characters_are_one_piece_each() -> None:
    found = own_tokens.learnt([strings(LINES)], "characters", 300)
    assert pieces_of(found, "Heart") == ["▁", *"heart"]
    assert all(len(piece) == 1 for piece in found.get_vocab() if piece not in {PAD, END, SEPARATOR, UNKNOWN})


@pytest.mark.parametrize("pieces", ["subwords", "characters"])
def test_scripts_without_spaces_are_parted(pieces: Pieces) -> None:
    found = own_tokens.learnt([strings(["急性心筋梗塞", "心筋梗塞", "急性肺炎"] * 5)], pieces, 40)
    ids = ids_of(found, "急性肺炎")
    assert found.unk_token_id not in ids
    assert "".join(pieces_of(found, "急性肺炎")).replace("▁", "") == "急性肺炎"
    assert ids_of(found, "心筋梗塞") != ids


def test_unknown_letters_are_unknown_and_nothing_learns_from_no_text() -> None:
    found = own_tokens.learnt([strings(LINES)], "subwords", 100)
    assert found.unk_token_id in ids_of(found, "ж")
    for none in ([], [strings([])], [strings(["", " "])]):
        empty = own_tokens.learnt(none, "subwords", 100)
        assert len(empty) == 4
        assert set(ids_of(empty, "heart failure")) <= {empty.unk_token_id}


def test_no_more_texts_are_read_than_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_tokens, "MOST_TEXTS", 2)
    found = own_tokens.learnt([strings(["ab", "ab"]), strings(["cd"])], "subwords", 100)
    assert found.unk_token_id in ids_of(found, "cd")


@pytest.mark.parametrize("pieces", ["subwords", "characters"])
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=12),
        min_size=1,
        max_size=5,
        unique=True,
    )
)
def test_terms_that_are_parted_alone_are_joined_in_the_grammar(pieces: Pieces, terms: list[str]) -> None:
    """No piece spans the separator, and none is a special token."""
    found = own_tokens.learnt([strings(terms)], pieces, 60)
    ids = [row for row in (ids_of(found, term) for term in terms) if row]
    grammar = text(ids, found.sep_token_id, found.eos_token_id)
    joined = [token for row in ids for token in (*row, found.sep_token_id)]
    assert accepts(grammar, [*joined[:-1], found.eos_token_id])


@pytest.mark.parametrize("special", [PAD, END, SEPARATOR])
def test_a_text_that_looks_like_a_special_token_is_none_where_asked(special: str) -> None:
    found = own_tokens.learnt([strings([*LINES, special])], "characters", 100)
    ids = found(f"heart {special}", add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert set(ids).isdisjoint(found.convert_tokens_to_ids([PAD, END, SEPARATOR, UNKNOWN]))
