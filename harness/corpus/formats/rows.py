"""Rows of delimited or Parquet files, each with its line number; shared by the formats."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.config import CorpusConfig
from harness.corpus.quarantine import Quarantine
from harness.errors import CorpusError

_COMPACT = re.compile(r"(1[5-9]\d\d|20\d\d)(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its cells in the order of the columns that were asked for."""

    file: int
    line: int
    cells: Sequence[str]


def file_names(paths: Sequence[Path], key: str = "corpus.path") -> tuple[str, ...]:
    """Each file's name, after as many of its folders as it takes to tell it from the others.

    Raises
    ------
    CorpusError
        There is no file, or one is named twice.
    """
    if not paths:
        raise CorpusError(f"{key} must name at least one file")
    path, times = Counter(paths).most_common(1)[0]
    if times > 1:
        raise CorpusError(f"{key} must name each file once, but names {path} {times} times")
    names: dict[Path, str] = {}
    for length in range(1, max(len(path.parts) for path in paths) + 1):
        ends = Counter(path.parts[-length:] for path in paths)
        for path in paths:
            if ends[path.parts[-length:]] == 1:
                names.setdefault(path, Path(*path.parts[-length:]).as_posix())
    return tuple(names[path] for path in paths)


def read_rows(
    paths: tuple[Path, ...],
    config: CorpusConfig,
    columns: Sequence[str],
    quarantine: Quarantine,
    absent: Collection[str] = (),
) -> Iterator[Row]:
    """The rows of some files, in order; a row that cannot be parsed goes to the quarantine.

    Columns of ``absent`` may be missing from a file; their cells are empty then.

    Raises
    ------
    CorpusError
        A file is missing, in another encoding, or lacks one of the columns.
    """
    for number, (path, name) in enumerate(zip(paths, file_names(paths), strict=True)):
        try:
            if path.suffix.lower() == ".parquet":
                yield from _parquet(number, path, name, columns, absent)
            else:
                yield from _delimited(number, path, name, config, columns, absent, quarantine)
        except (OSError, pa.ArrowException, UnicodeError) as error:
            raise _unreadable(error, path, name, config) from None


def header_of(path: Path, name: str, config: CorpusConfig) -> list[str]:
    """The names of a file's columns.

    Raises
    ------
    CorpusError
        The file is missing, in another encoding, or has none.
    """
    try:
        if path.suffix.lower() == ".parquet":
            with pq.ParquetFile(path) as file:
                return list(file.schema_arrow.names)
        with path.open(encoding=codec(config.encoding), errors="surrogateescape", newline="") as text:
            return _header(csv.reader(text, delimiter=config.delimiter, strict=True), name)
    except (OSError, pa.ArrowException, UnicodeError) as error:
        raise _unreadable(error, path, name, config) from None


def _unreadable(error: Exception, path: Path, name: str, config: CorpusConfig) -> CorpusError:
    if isinstance(error, pa.ArrowException):
        return CorpusError(
            f"corpus.path must be a Parquet file with columns of plain values, but {name} is not ({type(error).__name__})"
        )
    if isinstance(error, OSError):
        return CorpusError(
            f"corpus.path must be a readable file, but got {path} ({error.strerror or type(error).__name__})"
        )
    return CorpusError(f"corpus.encoding must be that of the file, but {name} is not {config.encoding}")


def _positions(
    header: Sequence[str], columns: Sequence[str], absent: Collection[str], name: str, *, named: bool = False
) -> list[int | None]:
    missing = [column for column in columns if column not in header and column not in absent]
    if missing:
        if len(missing) == len(columns) and not named:  # then the first row is no header, and may be a certificate
            raise CorpusError(
                f"the first row of {name} must hold column names, but it has none of {', '.join(dict.fromkeys(missing))}"
            )
        there = ", ".join(" ".join(column.split()) for column in header)
        raise CorpusError(f"corpus.columns names {missing[0]!r}, but the columns of {name} are {there}")
    twice = [column for column in columns if header.count(column) > 1]
    if twice:
        raise CorpusError(f"corpus.columns must name columns that stand once, but {name} has {twice[0]!r} more often")
    return [header.index(column) if column in header else None for column in columns]


class Physical:
    """The lines of a file; those after the first of a record that turned out broken are given once more.

    So a stray quotation mark costs its own row, and not all rows up to the next one.
    """

    def __init__(self, file: TextIO) -> None:
        self._file, self._again, self._record = file, deque[str](), list[str]()
        self._number = 0

    def __iter__(self) -> Physical:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._file)
        self._record.append(line)
        self._number += 1
        return line

    def begin(self) -> int:
        """The number of the line at which the next record begins."""
        self._record.clear()
        return self._number + 1

    def retry(self) -> None:
        """Go back to the second line of the record."""
        self._again.extendleft(reversed(self._record[1:]))
        self._number -= max(0, len(self._record) - 1)


def codec(encoding: str) -> str:
    """The name of a codec; UTF-8 with or without a mark before it.

    Raises
    ------
    CorpusError
        There is no such encoding.
    """
    try:
        "".encode(encoding)
        known = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise CorpusError(
            f"corpus.encoding must be an encoding such as utf-8 or latin-1, but got {encoding!r}"
        ) from None
    return "utf-8-sig" if known == "utf-8" else encoding


def _header(reader: Iterator[list[str]], name: str) -> list[str]:
    try:
        header = [cell.strip() for cell in next(reader, [])]
    except csv.Error:
        header = []
    if not header:
        raise CorpusError(f"a file must begin with its column names, but {name} does not")
    return header


def _delimited(
    number: int,
    path: Path,
    name: str,
    config: CorpusConfig,
    columns: Sequence[str],
    absent: Collection[str],
    quarantine: Quarantine,
) -> Iterator[Row]:
    with path.open(encoding=codec(config.encoding), errors="surrogateescape", newline="") as file:
        lines = Physical(file)
        reader = csv.reader(lines, delimiter=config.delimiter, strict=True)
        header = _header(reader, name)
        wanted, width = _positions(header, columns, absent, name), len(header)
        while True:
            first = lines.begin()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                quarantine.add(name, first, "the row must be readable as delimited text")
                lines.retry()
                continue
            if not cells:
                continue
            if len(cells) != width:
                quarantine.add(name, first, f"the row must have as many cells as the header ({width})")
                continue
            chosen = ["" if position is None else cells[position].strip() for position in wanted]
            if not all(cell.isascii() or _decodable(cell) for cell in chosen):
                quarantine.add(name, first, f"the row must be text in {config.encoding}")
                continue
            yield Row(number, first, chosen)


def _decodable(cell: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in cell)


def _parquet(number: int, path: Path, name: str, columns: Sequence[str], absent: Collection[str]) -> Iterator[Row]:
    with pq.ParquetFile(path) as file:
        wanted = _positions(file.schema_arrow.names, columns, absent, name, named=True)
        there = dict.fromkeys(column for column, position in zip(columns, wanted, strict=True) if position is not None)
        line = 0
        for batch in file.iter_batches(batch_size=65_536, columns=list(there)):
            texts = []
            for column in columns:
                if column not in there:
                    texts.append([""] * batch.num_rows)
                    continue
                values = batch.column(column)
                text = pc.cast(
                    values.dictionary_decode() if pa.types.is_dictionary(values.type) else values, pa.large_string()
                )
                texts.append([(value or "").strip() for value in text.to_pylist()])
            for cells in zip(*texts, strict=True):
                line += 1
                yield Row(number, line, cells)


def year_of(cell: str) -> int | None:
    """The year in a year or date: its only run of four digits that can be one, or the first four of YYYYMMDD."""
    if compact := _COMPACT.fullmatch(cell):
        return int(compact[1])
    found = set(_YEAR.findall(cell))
    return int(found.pop()) if len(found) == 1 else None


def split_codes(cell: str, separator: str) -> list[str]:
    """The distinct codes of a cell, in order."""
    return list(dict.fromkeys(code for part in cell.split(separator) if (code := part.strip())))
