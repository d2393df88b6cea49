"""A sample of coded certificates for a second coder: the blind file that is filled in, and the key that stays behind.

The file has the id, file and line of each certificate and an empty column of codes; nothing in it tells what was
predicted, what was decided or why a certificate was drawn. The key beside it holds just that, and no text.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from harness.errors import CorpusError
from harness.files import replacing, write_text

HEADER = ("id", "file", "line", "codes")
NO_CODE = "-"  # what the coder writes where a certificate has no code at all; an empty cell is not coded yet
DELIMITERS = ",;\t"

Codes = frozenset[str]
Listed = Annotated[tuple[str, ...], Field(strict=False)]  # JSON knows lists alone


def _numeric(value: str) -> str:
    float(value)
    return value


class Drawn(BaseModel):
    """One certificate of a sample.

    Attributes
    ----------
    line : where it begins in its file
    number : its uniform number in [0, 1)
    simple : whether it belongs to the simple random sample; the others were drawn for the words that they hold
    automatic, confidence, codes : what was predicted; the confidence as it was written
    held, held_part2 : the watched codes for which it counts as a holder of their words: anywhere; in part II only
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    id: str
    file: str
    line: int
    number: Annotated[float, Field(ge=0, lt=1)]
    simple: bool
    automatic: bool
    confidence: Annotated[str, AfterValidator(_numeric)]
    codes: Listed
    held: Listed = ()
    held_part2: Listed = ()


class Key(BaseModel):
    """What a report needs besides the coder's file.

    Attributes
    ----------
    predictions, sha256 : name and hash of the predictions' file
    bundle : hash of the manifest of the bundle that made them; None where that is not known
    n, seed, holders : as they were asked for
    most : certificates drawn for words at most; None where there was no such limit
    certificates : in the order of the file
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    format: Literal[1] = 1
    predictions: str
    sha256: str
    bundle: str | None
    n: int
    seed: int
    holders: int
    most: int | None = None
    certificates: Annotated[tuple[Drawn, ...], Field(strict=False)]


@dataclass(frozen=True, slots=True)
class Coded:
    """What the second coder wrote, certificate by certificate in the order of the key.

    Attributes
    ----------
    codes : (n_drawn,) None where nothing is written yet
    lines : (n_drawn,) where each certificate stands in the coder's file
    """

    codes: tuple[Codes | None, ...]
    lines: tuple[int, ...]


def key_path(path: Path) -> Path:
    """Where the key of the sample ``path`` lies."""
    return path.with_name(f"{path.name}.key.json")


def write_sample(path: Path, key: Key) -> None:
    """Write the blind file and its key.

    Raises
    ------
    CorpusError
        One of them is there already, or cannot be written.
    """
    for out in (path, key_path(path)):
        if out.exists():
            raise CorpusError(f"-o must name a new file, as a sample may hold a coder's work, but {out} is there")
    try:
        write_text(key_path(path), key.model_dump_json(indent=1) + "\n")
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(HEADER)
            writer.writerows((drawn.id, drawn.file, drawn.line, "") for drawn in key.certificates)
    except OSError as error:
        raise CorpusError(f"-o must name a file that can be written, but got {path} ({error.strerror})") from None


def read_key(path: Path) -> Key:
    """The key of the sample ``path``.

    Raises
    ------
    CorpusError
        It is missing, or not as it was written.
    """
    place = key_path(path)
    try:
        return Key.model_validate_json(place.read_bytes())
    except OSError as error:
        raise CorpusError(
            f"FILE must have its key beside it, as harness audit sample wrote it, but {place} cannot be read "
            f"({error.strerror})"
        ) from None
    except ValidationError:  # its message would quote the key
        raise CorpusError(f"a key must be as harness audit sample wrote it, but {place} is not") from None


def read_codes(path: Path, key: Key) -> Coded:
    """What the second coder wrote of each certificate of the key.

    Rows may stand in any order, further columns are passed over, and cells may be parted by commas, semicolons or tabs.

    Raises
    ------
    CorpusError
        The file cannot be read, or its certificates are not those of the key, each once.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            delimiter = max(DELIMITERS, key=first.count)
            rows = list(_cells(csv.reader(file, delimiter=delimiter, strict=True), path.name))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(
            f"FILE must be a readable UTF-8 CSV file, but {path.name} is not ({type(error).__name__})"
        ) from None
    place = {(drawn.file, str(drawn.line)): row for row, drawn in enumerate(key.certificates)}
    found: dict[int, tuple[Codes | None, int]] = {}
    for number, (id, name, line, codes) in rows:
        row = place.get((name, line))
        if row is None or key.certificates[row].id != id:
            raise CorpusError(f"FILE must hold the certificates of its key, but another stands at {path.name}:{number}")
        if row in found:
            raise CorpusError(f"FILE must hold each certificate once, but one is repeated at {path.name}:{number}")
        found[row] = _codes(codes, f"{path.name}:{number}"), number
    if len(found) < len(place):
        raise CorpusError(
            f"FILE must hold the {len(place):,} certificates of its key, but {path.name} has {len(found):,} of them"
        )
    ordered = [found[row] for row in range(len(place))]
    return Coded(tuple(codes for codes, _ in ordered), tuple(number for _, number in ordered))


def _cells(rows: Iterable[list[str]], name: str) -> Iterable[tuple[int, tuple[str, str, str, str]]]:
    """Each row's line in the file and its cells of the header."""
    columns: list[int] | None = None
    reader = iter(rows)
    for cells in reader:
        if columns is None:
            # Where the header is gone, the first row is a certificate: it is not quoted.
            for what, wrong in (
                ("lacks", [column for column in HEADER if column not in cells]),
                ("repeats", [column for column in HEADER if cells.count(column) > 1]),
            ):
                if wrong:
                    raise CorpusError(
                        f"FILE must have the columns {', '.join(HEADER)}, each once, "
                        f"but its first row {what} {', '.join(wrong)} ({name})"
                    )
            columns = [cells.index(column) for column in HEADER]
            continue
        number = int(getattr(reader, "line_num", 0))
        if not any(cells):
            continue
        if len(cells) <= max(columns):
            raise CorpusError(f"each row of FILE must have the cells of its header, but {name}:{number} has fewer")
        id, file, line, codes = (cells[column] for column in columns)
        yield number, (id, file, line.strip(), codes)
    if columns is None:
        raise CorpusError(f"FILE must begin with the columns {', '.join(HEADER)}, but {name} is empty")


def _codes(cell: str, place: str) -> Codes | None:
    codes = frozenset(code for part in cell.split(";") if (code := part.strip()))
    if NO_CODE in codes and len(codes) > 1:
        raise CorpusError(f'codes must be codes or "{NO_CODE}" for none at all, but both stand at {place}')
    return codes - {NO_CODE} if codes else None
