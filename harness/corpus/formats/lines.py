"""``lines``: one row a line of a certificate, or a line and one of its codes."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from itertools import groupby, repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from harness.config import COVARIATES, CorpusConfig
from harness.corpus.builder import CHUNK, Builder, RawLine, ReadResult, StringColumn
from harness.corpus.formats.rows import file_names, read_rows, split_codes, year_of
from harness.errors import ConfigError

INCOMPLETE = "a certificate must have all its rows: it is left out whole with one that cannot be read"
_PARTS: Mapping[str, int] = {"": 1, "1": 1, "I": 1, "2": 2, "II": 2}


def read(paths: tuple[Path, ...], config: CorpusConfig, with_codes: bool) -> ReadResult:
    """Read certificates from their lines, which may stand in any order.

    The rows of one certificate share id, year and role; those of one line share its number too, and each gives
    one more code, or several with the separator. Without a line column each row is a line. A certificate of which a
    row cannot be read is left out whole: coded from what is left, it could be wrong and look sure.
    """
    columns = config.columns
    year_column = columns.year or columns.date
    if columns.id is None or year_column is None or len(columns.text) != 1:
        raise ConfigError("corpus.columns of the format lines must name id, year or date, and one text column")
    if with_codes and columns.codes is None:
        raise ConfigError("the format lines needs corpus.columns.codes")
    named = ["id", "line", "part", "interval"] + (["codes", "standard_text", "role", "coder"] if with_codes else [])
    optional = {name: column for name in named if (column := getattr(columns, name)) is not None}
    covariates = {name: column for name in COVARIATES if (column := getattr(columns, name)) is not None}
    of_certificate = {**covariates, **({"cluster": columns.cluster} if with_codes and columns.cluster else {})}
    builder = Builder(
        files=file_names(paths),
        codes_by_line=with_codes,
        has_standard="standard_text" in optional,
        has_intervals="interval" in optional,
        has_roles="role" in optional,
        has_clusters="cluster" in of_certificate,
        covariates=tuple(covariates),
    )
    certificates: dict[tuple[str, int, str], int] = {}
    known = [StringColumn() for _ in of_certificate]
    rows, begun = _Rows(), 0
    wanted = [year_column, columns.text[0], *optional.values(), *of_certificate.values()]
    incomplete: set[str] = set()
    left_out, before = 0, ""
    for row in read_rows(paths, config, wanted, builder.quarantine):
        more = dict(zip(optional, row.cells[2 : 2 + len(optional)], strict=True))
        name, year = builder.files[row.file], year_of(row.cells[0])
        number, part = more.get("line", ""), more.get("part", "").upper()
        if builder.quarantine.total > left_out:
            incomplete |= {before, more["id"]}  # a row between the two could not be read, and is of one of them
        problem = None
        if year is None:
            problem = f"{year_column} must hold a year"
        elif not more["id"]:
            problem = f"{columns.id} must not be empty"
        elif "line" in more and not (number.isdecimal() and len(number) < 10):
            problem = f"{columns.line} must be a whole number of at most nine digits"
        elif part not in _PARTS:
            problem = f"{columns.part} must be 1 or I, 2 or II"
        elif more.get("coder", "").casefold() == "model":
            problem = "codes that a model gave are neither learnt from nor scored against"
        if problem is not None or year is None:
            builder.quarantine.add(name, row.line, problem or "")
            incomplete.add(more["id"])
        if more["id"]:
            left_out, before = builder.quarantine.total, more["id"]
        if problem is not None or year is None:
            continue
        key = (more["id"], year, more.get("role", ""))
        certificate = certificates.setdefault(key, len(certificates))
        if len(certificates) > begun:
            begun = len(certificates)
            for column, cell in zip(known, row.cells[2 + len(optional) :], strict=True):
                column.append(cell or None)
        rows.certificate.append(certificate)
        rows.number.append(int(number) if number else len(rows.certificate))
        rows.file.append(row.file)
        rows.place.append(row.line)
        rows.part.append(2 if number in config.part2 else _PARTS[part])
        rows.text.append(row.cells[1])
        rows.codes.append(more.get("codes", ""))
        rows.standard.append(more.get("standard_text") or None)
        rows.interval.append(more.get("interval") or None)

    if builder.quarantine.total > left_out:
        incomplete.add(before)

    by_certificate = groupby(rows.ordered(), key=lambda row: row.certificate)
    for (id, year, role), (_, found), cells in zip(
        certificates, by_certificate, _columns(known, len(certificates)), strict=True
    ):
        own, said = list(found), dict(zip(of_certificate, cells, strict=True))
        file, place = own[0].file, own[0].place
        of_lines = [list(of_line) for _, of_line in groupby(own, key=lambda row: row.number)]
        if not _same_texts(builder, of_lines) or id in incomplete:
            builder.quarantine.add(builder.files[file], place, INCOMPLETE)
            continue
        lines = [_line(config, of_line) for of_line in of_lines]
        builder.add(
            id,
            year,
            [line for line in lines if line.text or line.codes],
            place=(file, place),
            role=role,
            cluster=said.pop("cluster", None),
            covariates=said,
        )
    return builder.finish()


class _Row(NamedTuple):
    certificate: int
    number: int
    file: int
    place: int
    part: int
    text: str
    codes: str
    standard: str | None
    interval: str | None


class _Rows:
    """The rows as they were read, in columns, so that millions of them stay small."""

    def __init__(self) -> None:
        self.certificate, self.number, self.file, self.place = (array("q") for _ in range(4))
        self.part = bytearray()
        self.text, self.codes, self.standard, self.interval = (StringColumn() for _ in range(4))

    def ordered(self) -> Iterator[_Row]:
        """By certificate, then by the number of the line, then as they were read."""
        numbers = [
            np.array(column, dtype=np.int64) for column in (self.certificate, self.number, self.file, self.place)
        ]
        order = np.lexsort((numbers[1], numbers[0]))
        parts = np.frombuffer(bytes(self.part), dtype=np.int8)
        strings = [column.finish() for column in (self.text, self.codes, self.standard, self.interval)]
        for start in range(0, len(order), CHUNK):
            chosen = order[start : start + CHUNK]
            whole: list[list[int]] = [column[chosen].tolist() for column in (*numbers, parts.astype(np.int64))]
            yield from map(_Row, *whole, *(column.take(pa.array(chosen)).to_pylist() for column in strings))


def _columns(columns: list[StringColumn], n: int) -> Iterator[tuple[str | None, ...]]:
    """The cells of each certificate's own columns."""
    if not columns:
        yield from repeat((), n)
        return
    whole = [column.finish() for column in columns]
    for start in range(0, n, CHUNK):
        yield from zip(*(column[start : start + CHUNK].to_pylist() for column in whole), strict=True)


def _same_texts(builder: Builder, of_lines: list[list[_Row]]) -> bool:
    """Whether the rows of each line have one text; those that have another go to the quarantine."""
    others = [row for rows in of_lines for row in rows if row.text != rows[0].text]
    for row in others:
        builder.quarantine.add(builder.files[row.file], row.place, "rows of one line must have the same text")
    return not others


def _line(config: CorpusConfig, rows: list[_Row]) -> RawLine:
    found: dict[str, str | None] = {}
    for row in rows:
        for code in split_codes(row.codes, config.code_separator):
            found.setdefault(code, row.standard)
    return RawLine(rows[0].text, rows[0].part, rows[0].interval, tuple(found), tuple(found.values()))
