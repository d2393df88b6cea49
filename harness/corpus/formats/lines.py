"""``lines``: one row a line of a certificate, or a line and one of its codes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from harness.config import COVARIATES, CorpusConfig
from harness.corpus.builder import Builder, RawLine, ReadResult, StringColumn
from harness.corpus.formats.rows import file_names, read_rows, split_codes, year_of
from harness.errors import ConfigError

_PARTS: Mapping[str, int] = {"": 1, "1": 1, "I": 1, "2": 2, "II": 2}


def read(paths: tuple[Path, ...], config: CorpusConfig, with_codes: bool) -> ReadResult:
    """Read certificates from their lines, which may stand in any order.

    The rows of one certificate share id, year and role; those of one line share its number too, and each gives
    one more code, or several with the separator. Without a line column each row is a line.
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
    builder = Builder(
        files=file_names(paths),
        codes_by_line=with_codes,
        has_standard="standard_text" in optional,
        has_intervals="interval" in optional,
        has_roles="role" in optional,
        covariates=tuple(covariates),
    )
    certificates: dict[tuple[str, int, str], int] = {}
    of_row: list[int] = []
    line_numbers: list[int] = []
    places: list[tuple[int, int]] = []
    parts = bytearray()
    text, codes, standard, interval = (StringColumn() for _ in range(4))
    known: list[dict[str, str | None]] = []
    wanted = [year_column, columns.text[0], *optional.values(), *covariates.values()]
    for row in read_rows(paths, config, wanted, builder.quarantine):
        more = dict(zip(optional, row.cells[2 : 2 + len(optional)], strict=True))
        name, year = builder.files[row.file], year_of(row.cells[0])
        number, part = more.get("line", ""), more.get("part", "").upper()
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
            continue
        key = (more["id"], year, more.get("role", ""))
        certificate = certificates.setdefault(key, len(certificates))
        if certificate == len(known):
            known.append(dict(zip(covariates, (cell or None for cell in row.cells[2 + len(optional) :]), strict=True)))
        of_row.append(certificate)
        line_numbers.append(int(number) if number else len(of_row))
        places.append((row.file, row.line))
        parts.append(2 if number in config.part2 else _PARTS[part])
        text.append(row.cells[1])
        codes.append(more.get("codes", ""))
        standard.append(more.get("standard_text") or None)
        interval.append(more.get("interval") or None)

    order = (
        np.lexsort((np.arange(len(of_row)), np.array(line_numbers), np.array(of_row)))
        if of_row
        else np.zeros(0, dtype=np.int64)
    )
    _assemble(
        builder,
        config,
        keys=list(certificates),
        known=known,
        order=order,
        of_row=np.array(of_row, dtype=np.int64)[order],
        line_of_row=np.array(line_numbers, dtype=np.int64)[order],
        places=places,
        parts=bytes(parts),
        columns=tuple(column.finish().take(pa.array(order)) for column in (text, codes, standard, interval)),
    )
    return builder.finish()


def _assemble(
    builder: Builder,
    config: CorpusConfig,
    *,
    keys: list[tuple[str, int, str]],
    known: list[dict[str, str | None]],
    order: np.ndarray,
    of_row: np.ndarray,
    line_of_row: np.ndarray,
    places: list[tuple[int, int]],
    parts: bytes,
    columns: tuple[pa.Array, ...],
) -> None:
    """Walk the sorted rows, certificate by certificate, in slices that bound the memory of Python's strings."""
    starts = np.flatnonzero(np.r_[True, of_row[1:] != of_row[:-1]]) if len(of_row) else np.zeros(0, dtype=np.int64)
    ends = np.r_[starts[1:], len(of_row)]
    cut = np.unique(np.r_[np.arange(0, len(starts), 20_000), len(starts)])
    for first, last in itertools.pairwise(cut):
        base = int(starts[first])
        text, codes, standard, interval = (column[base : int(ends[last - 1])].to_pylist() for column in columns)
        for start, end in zip(starts[first:last], ends[first:last], strict=True):
            lines: list[RawLine] = []
            row = int(start)
            while row < end:
                stop = row
                while stop < end and line_of_row[stop] == line_of_row[row]:
                    stop += 1
                lines.append(
                    _line(
                        builder, config, range(row, stop), base, text, codes, standard, interval, order, places, parts
                    )
                )
                row = stop
            certificate = int(of_row[start])
            id, year, role = keys[certificate]
            builder.add(
                id,
                year,
                [line for line in lines if line.text or line.codes],
                place=places[int(order[start])],
                role=role,
                covariates=known[certificate],
            )


def _line(
    builder: Builder,
    config: CorpusConfig,
    rows: range,
    base: int,
    text: list[str],
    codes: list[str],
    standard: list[str | None],
    interval: list[str | None],
    order: np.ndarray,
    places: list[tuple[int, int]],
    parts: bytes,
) -> RawLine:
    found: dict[str, str | None] = {}
    for row in rows:
        if text[row - base] != text[rows[0] - base]:
            file, line = places[int(order[row])]
            builder.quarantine.add(builder.files[file], line, "rows of one line must have the same text")
            continue
        for code in split_codes(codes[row - base], config.code_separator):
            found.setdefault(code, standard[row - base])
    first = rows[0] - base
    return RawLine(text[first], parts[int(order[rows[0]])], interval[first], tuple(found), tuple(found.values()))
