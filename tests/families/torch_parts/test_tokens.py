from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_base import small_base

from harness.corpus.certificate import strings
from harness.families.torch_parts import pretrained
from harness.families.torch_parts import tokens as module
from harness.families.torch_parts.tokens import Tokens, batches, filled_batches, texts_key, tokenizer_key, tokens

TEXTS = ["acute myocardial infarction", "", "sepsis", "failure of the heart and the lung", "sepsis"]
RAGGED = Tokens(np.array([2, 5, 6, 3, 2, 3, 2, 7, 3], dtype=np.int32), np.array([0, 4, 6, 9]))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return pretrained.tokenizer(small_base(tmp_path_factory.mktemp("base")))


def _rows(found: Tokens) -> list[list[int]]:
    return [found.ids[a:b].tolist() for a, b in zip(found.first[:-1], found.first[1:], strict=True)]


def test_each_text_has_its_tokens_with_the_special_ones(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 2)
    found = tokens(strings(TEXTS), tokenizer, "", None)
    assert (found.ids.dtype.name, found.first.dtype.name, len(found)) == ("int32", "int64", 5)
    assert _rows(found) == [tokenizer(text)["input_ids"] for text in TEXTS]
    assert len(tokens(strings([]), tokenizer, "", None)) == 0


def test_texts_longer_than_the_model_reads_stay_whole(tokenizer: Any) -> None:
    found = tokens(strings(["sepsis " * 100]), tokenizer, "", None)
    assert len(found.ids) == 102


def test_equal_texts_are_read_from_the_cache(tokenizer: Any, tmp_path: Path) -> None:
    made = tokens(strings(TEXTS), tokenizer, "one", tmp_path)
    found = tokens(strings(["other", *TEXTS])[1:], None, "one", tmp_path)  # where there is no tokenizer, none is asked
    assert isinstance(found.ids.base, np.memmap) or isinstance(found.ids, np.memmap)
    assert _rows(found) == _rows(made) == _rows(tokens(strings(TEXTS), tokenizer, "", None))
    assert len(list((tmp_path / "tokens").iterdir())) == 1


@pytest.mark.parametrize(("texts", "key"), [(TEXTS, "two"), (TEXTS[::-1], "one"), (["acute ", *TEXTS[1:]], "one")])
def test_other_texts_or_another_tokenizer_are_made_anew(
    tokenizer: Any, tmp_path: Path, texts: list[str], key: str
) -> None:
    tokens(strings(TEXTS), tokenizer, "one", tmp_path)
    tokens(strings(texts), tokenizer, key, tmp_path)
    assert len(list((tmp_path / "tokens").iterdir())) == 2


def test_two_trials_at_once_leave_one(tokenizer: Any, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: _rows(tokens(strings(TEXTS), tokenizer, "one", tmp_path)), range(8)))
    assert all(rows == found[0] for rows in found)
    assert [path.name.startswith(".") for path in (tmp_path / "tokens").iterdir()] == [False]


def test_a_tokenizer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def broken(*_given: Any, **_more: Any) -> Any:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        tokens(strings(TEXTS), broken, "one", tmp_path)
    assert list((tmp_path / "tokens").iterdir()) == []


def test_a_saved_tokenizer_has_the_same_key(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path / "same")
    assert tokenizer_key(pretrained.tokenizer(tmp_path / "same")) == tokenizer_key(tokenizer)
    other = pretrained.tokenizer(small_base(tmp_path / "other", more=["fibrillation"]))
    assert tokenizer_key(other) != tokenizer_key(tokenizer)


@given(st.lists(st.text(max_size=5), max_size=6), st.integers(0, 3), st.integers(0, 3))
def test_the_key_of_texts_is_theirs_wherever_they_lie(texts: list[str], before: int, after: int) -> None:
    padded = pa.array(["ü"] * before + texts + ["x"] * after, pa.large_string())
    assert texts_key(padded[before : before + len(texts)]) == texts_key(pa.array(texts, pa.string()))


def test_texts_that_join_alike_have_different_keys() -> None:
    assert texts_key(strings(["ab", "c"])) != texts_key(strings(["a", "bc"]))


def test_a_block_is_as_wide_as_its_longest_text() -> None:
    assert RAGGED.padded(np.array([1, 0]), 10, 0).tolist() == [[2, 3, 0, 0], [2, 5, 6, 3]]
    assert RAGGED.padded(np.array([1]), 10, 0).tolist() == [[2, 3]]
    assert RAGGED.padded(np.array([], dtype=np.int64), 10, 0).shape == (0, 0)


def test_a_text_that_is_cut_keeps_its_end() -> None:
    assert RAGGED.padded(np.array([0, 1, 2]), 3, 0).tolist() == [[2, 5, 3], [2, 3, 0], [2, 7, 3]]
    assert RAGGED.lengths(3).tolist() == [3, 2, 3]


LENGTHS = st.lists(st.integers(1, 40), max_size=300).map(lambda lengths: np.array(lengths, dtype=np.int64))


@given(LENGTHS, st.integers(1, 20), st.integers(0, 3))
def test_batches_hold_every_text_once(lengths: Any, size: int, seed: int) -> None:
    found = list(batches(lengths, size, np.random.default_rng(seed)))
    assert sorted(np.concatenate([*found, []]).tolist()) == list(range(len(lengths)))
    assert len(found) == -(-len(lengths) // size)
    assert all(len(batch) <= size for batch in found)


@given(LENGTHS, st.integers(1, 200), st.integers(0, 3))
def test_filled_batches_hold_every_text_once_within_their_room(lengths: Any, most: int, seed: int) -> None:
    found = list(filled_batches(lengths, most, np.random.default_rng(seed)))
    assert sorted(np.concatenate([*found, []]).tolist()) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * lengths[batch].max() <= most for batch in found)


def test_batches_are_of_like_length_and_follow_the_seed() -> None:
    lengths = np.tile(np.arange(1, 41), 50)
    one, again, other = (list(batches(lengths, 20, np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(one, again, strict=True))
    assert any((a != b).any() for a, b in zip(one, other, strict=True))
    padding = sum(len(batch) * lengths[batch].max() for batch in one) / lengths.sum()
    assert padding < 1.05
    assert np.corrcoef(np.arange(len(one)), [lengths[batch].mean() for batch in one])[0, 1] < 0.5
