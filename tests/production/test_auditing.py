from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from audited_office import (
    Row,
    place,
    read,
    reference,
    sampled,
    write,
    write_batch,
    write_bundle,
)
from small_office import CANARY

from harness.errors import CorpusError
from harness.production.audit_report import report_file
from harness.production.auditing import HEADER, key_path, read_codes, read_key


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    return write_batch(tmp_path)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with past years of practice."""
    return write_bundle(tmp_path_factory.mktemp("office") / "bundle", practice=reference())


def test_what_a_coder_may_do_to_the_file(batch: Path) -> None:
    """Another order and delimiter, a mark of the byte order, a column of remarks, blanks, an empty row."""
    path, _ = sampled(batch)
    key = read_key(path)
    cells = {key.certificates[0].id: " I50 ;; X42", key.certificates[1].id: " - ", key.certificates[2].id: "  "}
    rows = [{"remark": "a;b", **place(d), "codes": cells.get(d.id, "I21")} for d in reversed(key.certificates)]
    write(path, rows)
    text = path.read_text(encoding="utf-8")
    for changed in (text, "\ufeff" + text.replace("\n", "\r\n"), text + ",,,,\n"):
        path.write_bytes(changed.encode())
        found = read_codes(path, key)
        assert found.lines == tuple(range(len(rows) + 1, 1, -1))
        assert found.codes[:4] == (frozenset({"I50", "X42"}), frozenset(), None, frozenset({"I21"}))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["codes", *HEADER[:3], "remark"], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    assert read_codes(path, key) == found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.pop(), "FILE must hold the 5 certificates of its key, but sample.csv has 4 of them"),
        (
            lambda rows: rows.append(rows[1]),
            "FILE must hold each certificate once, but one is repeated at sample.csv:7",
        ),
        (lambda rows: rows[1].update(id="other"), "but another stands at sample.csv:3"),
        (lambda rows: rows[1].update(line="77"), "but another stands at sample.csv:3"),
        (lambda rows: rows[1].update(codes="-;I50"), 'codes must be codes or "-" for none at all, but both stand at'),
        (lambda rows: [row.pop("codes") for row in rows], "FILE must have the columns id, file, line, codes"),
        (lambda rows: [row.pop("codes") for row in rows], r"but its first row lacks codes \(sample.csv\)"),
    ],
)
def test_a_file_that_does_not_match_its_key_is_refused(
    batch: Path, change: Callable[[list[Row]], Any], message: str
) -> None:
    path, _ = sampled(batch, n=5, holders=0)
    rows = read(path)
    change(rows)
    write(path, rows)
    with pytest.raises(CorpusError, match=message) as caught:
        read_codes(path, read_key(path))
    assert CANARY not in str(caught.value)


def test_files_that_cannot_be_read_are_refused(batch: Path, office: Path) -> None:
    path, _ = sampled(batch, n=5)
    for content, message in (
        (b"", "sample.csv is empty"),
        (b"\xff\xfe", "readable UTF-8"),
        (b'id,file\n"a', "columns|UTF-8"),
        (b"CANARY,a.csv,2,I50\n", r"each once, but its first row lacks id, file, line, codes \(sample.csv\)$"),
        (b"id,file,line,codes,line,CANARY\n", r"but its first row repeats line \(sample.csv\)$"),
    ):
        path.write_bytes(content)
        with pytest.raises(CorpusError, match=message) as caught:
            report_file(office, path, print)
        assert CANARY not in str(caught.value)
    path.write_text("id,file,line,codes\na,b\n")
    with pytest.raises(CorpusError, match=r"must have the cells of its header, but sample.csv:2 has fewer"):
        report_file(office, path, print)
    key = key_path(path)
    for damaged in (key.read_text().replace('"seed"', '"sead"'), "{", key.read_text().replace('"0.5"', '"much"')):
        key.write_text(damaged)
        with pytest.raises(CorpusError, match="a key must be as harness audit sample wrote it, but") as caught:
            report_file(office, path, print)
        assert CANARY not in str(caught.value)
    key.unlink()
    with pytest.raises(CorpusError, match="FILE must have its key beside it") as caught:
        report_file(office, path, print)
    assert "\n" not in str(caught.value)
