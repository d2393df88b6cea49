"""Certificates one by one into columns, and what every reader returns."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array

from harness.corpus.certificate import Corpus, LabelSet, LineCodes, Texts, indicator
from harness.corpus.codes import CodeList
from harness.corpus.quarantine import Quarantine

CHUNK = 100_000


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What a reader found.

    Attributes
    ----------
    corpus : certificates in the order of the files
    roles : (n,) strings of the role column, or None where the format or configuration has none
    files : the names of the files
    file, line : (n,) where each certificate begins
    quarantine : rows that were left out
    code_list : the list that the source brings with it, if any
    notes : what the office should know of its files, one line each
    """

    corpus: Corpus
    roles: pa.Array | None
    files: tuple[str, ...]
    file: npt.NDArray[np.int16]
    line: npt.NDArray[np.int64]
    quarantine: Quarantine
    code_list: CodeList | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RawLine:
    """One line as read: its text, its part, its codes in order with their standard wordings."""

    text: str
    part: int = 1
    interval: str | None = None
    codes: Sequence[str] = ()
    standard: Sequence[str | None] = ()


class StringColumn:
    """A growing Arrow column of strings that holds at most ``CHUNK`` Python strings at a time."""

    def __init__(self) -> None:
        self._pending: list[str | None] = []
        self._chunks: list[pa.Array] = []

    def append(self, value: str | None) -> None:
        self._pending.append(value)
        if len(self._pending) >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        self._chunks.append(pa.array(self._pending, type=pa.large_string()))
        self._pending = []

    def finish(self) -> pa.Array:
        self._flush()
        return pa.concat_arrays(self._chunks)


@dataclass
class Builder:
    """Collects certificates; ``codes_by_line`` says whether lines bring their codes or certificates do."""

    files: tuple[str, ...]
    codes_by_line: bool
    has_standard: bool = False
    has_intervals: bool = False
    has_roles: bool = False
    has_clusters: bool = False
    covariates: tuple[str, ...] = ()
    quarantine: Quarantine = field(default_factory=Quarantine)
    code_list: CodeList | None = None

    def __post_init__(self) -> None:
        self._ids, self._lines, self._intervals = StringColumn(), StringColumn(), StringColumn()
        self._standard, self._roles, self._clusters = StringColumn(), StringColumn(), StringColumn()
        self._covariates = {name: StringColumn() for name in self.covariates}
        self._years, self._n_lines, self._n_codes, self._codes = array("h"), array("i"), array("i"), array("i")
        self._parts = bytearray()
        self._known: dict[str, int] = {}
        self._places = array("q")

    def add(
        self,
        id: str,
        year: int,
        lines: Sequence[RawLine],
        *,
        place: tuple[int, int],
        codes: Sequence[str] = (),
        role: str | None = None,
        cluster: str | None = None,
        covariates: Mapping[str, str | None] | None = None,
    ) -> None:
        """Append one certificate; ``place`` is the position of its file and its line there."""
        self._ids.append(id)
        self._years.append(year)
        self._places.extend(place)
        self._n_lines.append(len(lines))
        for line in lines:
            self._lines.append(line.text)
            self._parts.append(line.part)
            if self.has_intervals:
                self._intervals.append(line.interval)
            if self.codes_by_line:
                self._append_codes(line.codes)
                if self.has_standard:
                    for wording in line.standard:
                        self._standard.append(wording)
        if not self.codes_by_line:
            self._append_codes(codes)
        if self.has_roles:
            self._roles.append(role)
        if self.has_clusters:
            self._clusters.append(cluster)
        for name, column in self._covariates.items():
            column.append((covariates or {}).get(name))

    def _append_codes(self, codes: Sequence[str]) -> None:
        self._n_codes.append(len(codes))
        self._codes.extend(self._known.setdefault(code, len(self._known)) for code in codes)

    def finish(self) -> ReadResult:
        texts = Texts(
            ids=self._ids.finish(),
            years=np.array(self._years, dtype=np.int16),
            first_line=_offsets(self._n_lines),
            lines=self._lines.finish(),
            parts=np.frombuffer(bytes(self._parts), dtype=np.int8),
            intervals=self._intervals.finish() if self.has_intervals else None,
            covariates={name: column.finish() for name, column in self._covariates.items()},
        )
        labels, columns = _sorted_labels(self._known, np.array(self._codes, dtype=np.int32))
        first_code = _offsets(self._n_codes)
        by_line = None
        if self.codes_by_line:
            by_line = LineCodes(first_code, columns, self._standard.finish() if self.has_standard else None)
        codes = certificate_codes(texts, first_code, columns, len(labels), by_line)
        clusters = self._clusters.finish() if self.has_clusters else None
        places = np.array(self._places, dtype=np.int64).reshape(-1, 2)
        return ReadResult(
            corpus=Corpus(texts, labels, codes, by_line, clusters),
            roles=self._roles.finish() if self.has_roles else None,
            files=self.files,
            file=places[:, 0].astype(np.int16),
            line=places[:, 1],
            quarantine=self.quarantine,
            code_list=self.code_list,
        )


def certificate_codes(
    texts: Texts,
    first_code: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int32],
    n_labels: int,
    by_line: LineCodes | None,
) -> csr_array:
    """The indicator matrix of certificates; lines' codes are united."""
    return indicator(first_code if by_line is None else first_code[texts.first_line], columns, n_labels)


def _offsets(lengths: array[int]) -> npt.NDArray[np.int64]:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _sorted_labels(known: Mapping[str, int], columns: npt.NDArray[np.int32]) -> tuple[LabelSet, npt.NDArray[np.int32]]:
    ordered = sorted(known)
    new_column = np.zeros(len(known), dtype=np.int32)
    for position, code in enumerate(ordered):
        new_column[known[code]] = position
    return LabelSet(tuple(ordered)), new_column[columns]
