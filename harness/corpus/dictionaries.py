"""Dictionaries: rows of a text and its code, such as CLEF's ``Dictionnaire2015.csv`` or ATIH's ``LIBCIM10MULTI.TXT``."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.corpus.certificate import strings
from harness.corpus.codes import DELIMITERS
from harness.corpus.formats.rows import Physical, codec, file_names, split_codes
from harness.corpus.knowledge import Lexicon
from harness.corpus.quarantine import Quarantine
from harness.errors import CorpusError

SHAPES = (
    "must have columns text and code, or DiagnosisText, Icd1 and Icd2 (CLEF), "
    "or be code|type|…|short title|long title without a header (ATIH)"
)
WITHOUT_TEXT = "a row of a dictionary must have a text"
WITHOUT_CODE = "a row of a dictionary must have a code"
BROKEN = "a row of a dictionary must be readable as delimited text"
WIDTH = "a row of a dictionary must have as many cells as the first row"
_ATIH_WIDTH, _ATIH_CODE = 6, re.compile(r"[a-z]\d\d")
_ICD = re.compile(r"[A-Za-z]\d\w\.?\w+", re.ASCII)  # a code of more than three characters, with its dot or without


@dataclass(frozen=True, slots=True)
class Dictionaries:
    """The rows of some dictionaries as they are written: distinct pairs of a text and a code."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    quarantine: Quarantine


@dataclass(frozen=True, slots=True)
class Matched:
    """Dictionaries with their codes as the corpus writes them.

    Attributes
    ----------
    respelt : how many rows have a code that was written with its dot, and is known without, or the reverse
    unknown : how many rows have a code that is not known at all; they are kept
    """

    lexicon: Lexicon
    respelt: int
    unknown: int


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which cells of a row are texts and which are codes; every text has every code."""

    texts: tuple[int, ...]
    codes: tuple[int, ...]  # of which the first must be there
    width: int
    header: bool


def read_dictionaries(paths: tuple[Path, ...], encoding: str, separator: str = ";") -> Dictionaries:
    """Read dictionaries; a bad row goes to the quarantine. A cell may hold several codes, with the separator between.

    Raises
    ------
    CorpusError
        A file is missing, in another encoding, or in none of the known forms.
    """
    quarantine, rows = Quarantine(), dict[tuple[str, str], None]()
    names = file_names(paths, "corpus.dictionaries")
    for path, name in zip(paths, names, strict=True):
        before = len(rows)
        rows.update(dict.fromkeys(_read(_text(path, name, encoding), name, separator, quarantine)))
        if len(rows) == before:
            raise CorpusError(f"a dictionary must have a text and code that no other one has, but {name} has none")
    return Dictionaries(names, tuple(rows), quarantine)


def match(given: Dictionaries, known: Collection[str]) -> Matched:
    """Write codes as the corpus and its code list do, where they differ by the dot or by small letters alone.

    ``known`` is the codes of training and of the code list. A code that is not among them, but one of them without
    dots, becomes that one if it is the only one; any other takes or loses its dot as all those of ``known`` do.
    """
    spelt: dict[str, set[str]] = {}
    for code in known:
        spelt.setdefault(_bare(code), set()).add(code)
    style = _style(known)

    def written(code: str) -> str:
        same = spelt.get(_bare(code), set())
        if code in known or len(same) > 1:
            return code
        return next(iter(same), style(code))

    found = {code: written(code) for code in dict.fromkeys(code for _, code in given.rows)}
    codes = [found[code] for _, code in given.rows]
    unknown = sum(code not in known for code in codes)
    respelt = sum(new in known and new != old for new, (_, old) in zip(codes, given.rows, strict=True))
    texts = [text for text, _ in given.rows]
    return Matched(Lexicon(strings(texts), strings(codes)), respelt, unknown)


def _bare(code: str) -> str:
    return code.replace(".", "").upper()


def _style(known: Collection[str]) -> Callable[[str], str]:
    """How a code of ICD's form that is not known would be written beside these."""
    long = [code for code in known if _ICD.fullmatch(code)]
    dotted = sum(code[3] == "." for code in long)

    def styled(code: str) -> str:
        if not long or dotted not in (0, len(long)) or not _ICD.fullmatch(code):
            return code
        plain = code.replace(".", "", 1) if code[3] == "." else code
        return f"{plain[:3]}.{plain[3:]}" if dotted else plain

    return styled


def _text(path: Path, name: str, encoding: str) -> str:
    """The content of a file in UTF-8, or else in the encoding of the corpus, or else in Latin-1."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorpusError(
            f"corpus.dictionaries must be readable files, but got {path} ({error.strerror or type(error).__name__})"
        ) from None
    other = codec(encoding)
    for candidate in ("utf-8-sig", "latin-1" if other == "utf-8-sig" else other):
        try:
            return content.decode(candidate)
        except UnicodeError:
            continue
    raise CorpusError(f"a dictionary must be in UTF-8 or in corpus.encoding ({encoding}), but {name} is in neither")


def _shape(first: str, name: str) -> tuple[_Shape, str]:
    """How the rows of a dictionary are to be read, and its delimiter, by its first line."""
    for delimiter in DELIMITERS:
        try:
            cells = [
                cell.strip().casefold() for cell in next(csv.reader([first], delimiter=delimiter, strict=True), [])
            ]
        except csv.Error:
            continue
        for text, *codes in (("text", "code"), ("diagnosistext", "icd1", "icd2")):
            if text in cells and codes[0] in cells:
                there = tuple(cells.index(code) for code in codes if code in cells)
                return _Shape((cells.index(text),), there, len(cells), header=True), delimiter
        if delimiter == "|" and len(cells) == _ATIH_WIDTH and _ATIH_CODE.match(cells[0]):
            return _Shape((4, 5), (0,), _ATIH_WIDTH, header=False), delimiter
    raise CorpusError(f"a dictionary {SHAPES}, but the first row of {name} is none of these")


def _read(text: str, name: str, separator: str, quarantine: Quarantine) -> Iterator[tuple[str, str]]:
    file = io.StringIO(text, newline="")
    shape, delimiter = _shape(file.readline().rstrip("\r\n"), name)
    file.seek(0)
    lines = Physical(file)
    if shape.header:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        next(reader)
    else:
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    while True:
        place = lines.begin()
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error:
            quarantine.add(name, place, BROKEN)
            lines.retry()
            continue
        if not any(cells):
            continue
        pairs = _pairs(cells, shape, separator)
        if isinstance(pairs, str):
            quarantine.add(name, place, pairs)
            continue
        yield from pairs


def _pairs(cells: Sequence[str], shape: _Shape, separator: str) -> list[tuple[str, str]] | str:
    """Each text of a row with each of its codes, or the rule that the row breaks."""
    if len(cells) > shape.width or len(cells) <= max(*shape.texts, shape.codes[0]):
        return WIDTH
    texts = [cells[position] for position in shape.texts if cells[position]]
    codes = [
        code for position in shape.codes for code in split_codes("".join(cells[position : position + 1]), separator)
    ]
    if not texts:
        return WITHOUT_TEXT
    return [(text, code) for text in texts for code in codes] or WITHOUT_CODE
