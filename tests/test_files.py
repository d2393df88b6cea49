from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.files import append_row, read_json, read_rows, replacing, write_json, write_rows, write_text

text = st.text(st.characters(exclude_categories=["Cs"]))
values: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text
)
rows = st.lists(st.dictionaries(text, values, max_size=4), max_size=5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "file.jsonl"


@given(rows, rows)
def test_rows_come_back_as_they_were_appended(
    tmp_path_factory: pytest.TempPathFactory, first: list[dict[str, Any]], more: list[dict[str, Any]]
) -> None:
    """Line separators of Unicode within a text are no ends of lines."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    write_rows(path, first)
    for row in more:
        append_row(path, row)
    assert read_rows(path) == first + more


@given(st.integers(0, 200), st.booleans())
def test_a_torn_last_line_counts_as_never_written(
    tmp_path_factory: pytest.TempPathFactory, cut: int, again: bool
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    whole = [{"n": number, "text": "é\u2028" * number} for number in range(5)]
    write_rows(path, whole)
    content = path.read_bytes()
    path.write_bytes(content[: max(0, len(content) - cut)])
    kept = content[: max(0, len(content) - cut)].count(b"\n")
    assert read_rows(path) == whole[:kept]
    if again:
        append_row(path, {"n": "next"})
        assert read_rows(path) == [*whole[:kept], {"n": "next"}]
        assert path.read_bytes().endswith(b'{"n": "next"}\n')


def test_no_file_has_no_rows(path: Path) -> None:
    assert read_rows(path) == []
    append_row(path, {"a": 1})
    assert read_rows(path) == [{"a": 1}]


def test_what_fails_leaves_the_old_and_nothing_else(path: Path) -> None:
    write_text(path, "old")

    def half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            assert path.read_text() == "old"  # until the block ends
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        append_row(path, {"a": float("inf")})
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_replaces_at_once(path: Path) -> None:
    write_text(path, "old")
    reader = path.open()
    write_text(path, "new\n\r\n")
    assert path.read_bytes() == b"new\n\r\n"  # line ends are left alone
    assert reader.read() == "old"  # who had opened the old file keeps it whole
    reader.close()
    assert list(path.parent.iterdir()) == [path]


def test_others_of_the_office_may_read_what_is_written(path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_json(path, {})
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_json_is_the_same_for_the_same_values(path: Path) -> None:
    write_json(path, {"b": "é", "a": [1, None]})
    first = path.read_bytes()
    write_json(path, {"a": [1, None], "b": "é"})
    assert path.read_bytes() == first
    assert "é".encode() in first
    assert read_json(path) == json.loads(first) == {"a": [1, None], "b": "é"}
