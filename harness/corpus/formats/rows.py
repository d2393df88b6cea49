"""Rows of delimited or Parquet files, each with its line number; shared by the formats."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.config import CorpusConfig
from harness.corpus.quarantine import Quarantine
from harness.errors import CorpusError

_YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its cells in the order of the columns that were asked for."""

    file: int
    line: int
    cells: Sequence[str]


def read_rows(
    paths: tuple[Path, ...], config: CorpusConfig, columns: Sequence[str], quarantine: Quarantine
) -> Iterator[Row]:
    """The rows of some files, in order; a row that cannot be parsed goes to the quarantine.

    Raises
    ------
    CorpusError
        A file is missing, or lacks one of the columns.
    """
    for number, path in enumerate(paths):
        try:
            yield from (_parquet if path.suffix.lower() == ".parquet" else _delimited)(
                number, path, config, columns, quarantine
            )
        except OSError as error:
            raise CorpusError(
                f"corpus.path must be a readable file, but got {path} ({error.strerror or type(error).__name__})"
            ) from None
        except pa.ArrowException as error:
            raise CorpusError(
                f"corpus.path must be a Parquet file, but {path.name} is not ({type(error).__name__})"
            ) from None


def _positions(header: Sequence[str], columns: Sequence[str], name: str) -> list[int]:
    missing = [column for column in columns if column not in header]
    if missing:
        raise CorpusError(f"corpus.columns names {missing[0]!r}, but the columns of {name} are {', '.join(header)}")
    return [header.index(column) for column in columns]


def _delimited(
    number: int, path: Path, config: CorpusConfig, columns: Sequence[str], quarantine: Quarantine
) -> Iterator[Row]:
    encoding = "utf-8-sig" if config.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else config.encoding
    try:
        "".encode(encoding)
    except LookupError:
        raise CorpusError(
            f"corpus.encoding must be an encoding such as utf-8 or latin-1, but got {config.encoding!r}"
        ) from None
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=config.delimiter)
        header = next(reader, None)
        if header is None:
            raise CorpusError(f"a file must begin with its column names, but {path.name} is empty")
        wanted = _positions([cell.strip() for cell in header], columns, path.name)
        width, last = len(header), reader.line_num
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                quarantine.add(path.name, last + 1, "the row must be readable as delimited text")
                last = reader.line_num
                continue
            first, last = last + 1, reader.line_num
            if not cells:
                continue
            if len(cells) != width:
                quarantine.add(path.name, first, f"the row must have as many cells as the header ({width})")
                continue
            chosen = [cells[position].strip() for position in wanted]
            if not all(cell.isascii() or _decodable(cell) for cell in chosen):
                quarantine.add(path.name, first, f"the row must be text in {config.encoding}")
                continue
            yield Row(number, first, chosen)


def _decodable(cell: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in cell)


def _parquet(
    number: int, path: Path, config: CorpusConfig, columns: Sequence[str], quarantine: Quarantine
) -> Iterator[Row]:
    with pq.ParquetFile(path) as file:
        _positions(file.schema_arrow.names, columns, path.name)
        line = 0
        for batch in file.iter_batches(batch_size=65_536, columns=list(dict.fromkeys(columns))):
            texts = []
            for column in columns:
                values = batch.column(column)
                text = pc.cast(
                    values.dictionary_decode() if pa.types.is_dictionary(values.type) else values, pa.large_string()
                )
                texts.append([(value or "").strip() for value in text.to_pylist()])
            for cells in zip(*texts, strict=True):
                line += 1
                yield Row(number, line, cells)


def year_of(cell: str) -> int | None:
    """The year in a year or date: its only run of four digits that can be one."""
    found = set(_YEAR.findall(cell))
    return int(found.pop()) if len(found) == 1 else None


def split_codes(cell: str, separator: str) -> list[str]:
    """The distinct codes of a cell, in order."""
    return list(dict.fromkeys(code for part in cell.split(separator) if (code := part.strip())))
