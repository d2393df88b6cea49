"""Certificates in columns: what a model may see (:class:`Texts`), and the codes that experts gave (:class:`Corpus`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

SEPARATOR = "; "  # between the terms of a line in standard wording


@dataclass(frozen=True)
class LabelSet:
    """Codes in a fixed order; column ``j`` of every label matrix is ``codes[j]``."""

    codes: tuple[str, ...]

    @cached_property
    def index(self) -> Mapping[str, int]:
        return {code: column for column, code in enumerate(self.codes)}

    def __len__(self) -> int:
        return len(self.codes)

    def columns_in(self, other: LabelSet) -> IntArray:
        """For each own code its column in ``other``, or -1; shape (n_labels,)."""
        return np.array([other.index.get(code, -1) for code in self.codes], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Texts:
    """All that a model may see of some certificates; nothing here tells a code.

    Attributes
    ----------
    ids : (n,) strings
    years : (n,) the year of death; it serves the validity of codes and nothing else
    first_line : (n + 1,) certificate ``i`` has the lines ``first_line[i]`` up to ``first_line[i + 1]``
    lines : (n_lines,) the text as it was written, never null
    parts : (n_lines,) 1 or 2: part I (the causal chain) or part II (other conditions)
    intervals : (n_lines,) how long the condition lasted, as written, or None where the source has none
    covariates : columns of length n (age, sex, place, source), strings, null where unknown
    """

    ids: pa.Array
    years: npt.NDArray[np.int16]
    first_line: npt.NDArray[np.int64]
    lines: pa.Array
    parts: npt.NDArray[np.int8]
    intervals: pa.Array | None
    covariates: Mapping[str, pa.Array]

    def __len__(self) -> int:
        return len(self.years)

    @property
    def certificate_of_line(self) -> npt.NDArray[np.int64]:
        """For each line the row of its certificate; shape (n_lines,)."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.first_line))

    def whole(self) -> pa.Array:
        """Each certificate's lines, joined by line feeds; shape (n,).

        Empty lines are passed over: a reader keeps them only where they have codes, and none in production.
        """
        first_line, lines = self.first_line, self.lines
        written = pc.not_equal(lines, "")
        if not pc.all(written).as_py():
            first_line = np.r_[np.int64(0), np.cumsum(np.asarray(written), dtype=np.int64)][first_line]
            lines = lines.filter(written)
        joined = pc.binary_join(
            pa.LargeListArray.from_arrays(pa.array(first_line), lines), pa.scalar("\n", pa.large_string())
        )
        return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined

    def rows(self, start: int, stop: int) -> Texts:
        """A run of certificates, without a copy of their text."""
        a, b = int(self.first_line[start]), int(self.first_line[stop])
        return Texts(
            ids=self.ids[start:stop],
            years=self.years[start:stop],
            first_line=self.first_line[start : stop + 1] - a,
            lines=self.lines[a:b],
            parts=self.parts[a:b],
            intervals=None if self.intervals is None else self.intervals[a:b],
            covariates={name: column[start:stop] for name, column in self.covariates.items()},
        )

    def take(self, rows: IntArray) -> Texts:
        """Some certificates, in the order of ``rows``."""
        lines, first_line = lines_of(self.first_line, rows)
        chosen = pa.array(lines)
        return Texts(
            ids=self.ids.take(pa.array(rows)),
            years=self.years[rows],
            first_line=first_line,
            lines=self.lines.take(chosen),
            parts=self.parts[lines],
            intervals=None if self.intervals is None else self.intervals.take(chosen),
            covariates={name: column.take(pa.array(rows)) for name, column in self.covariates.items()},
        )


@dataclass(frozen=True, slots=True)
class LineCodes:
    """The codes of each line in the order in which the expert gave them.

    Attributes
    ----------
    first_code : (n_lines + 1,) line ``i`` has the entries ``first_code[i]`` up to ``first_code[i + 1]``
    columns : (n_entries,) columns of the label set
    standard : (n_entries,) the expert's standard wording of each entry, or None where the source has none
    """

    first_code: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    standard: pa.Array | None

    def matrix(self, n_labels: int) -> csr_array:
        """The same as an indicator matrix; shape (n_lines, n_labels)."""
        return indicator(self.first_code, self.columns, n_labels)

    def rows(self, start: int, stop: int) -> LineCodes:
        a, b = int(self.first_code[start]), int(self.first_code[stop])
        return LineCodes(
            first_code=self.first_code[start : stop + 1] - a,
            columns=self.columns[a:b],
            standard=None if self.standard is None else self.standard[a:b],
        )

    def take(self, lines: IntArray) -> LineCodes:
        entries, first_code = lines_of(self.first_code, lines)
        return LineCodes(
            first_code=first_code,
            columns=self.columns[entries],
            standard=None if self.standard is None else self.standard.take(pa.array(entries)),
        )


@dataclass(frozen=True, slots=True)
class Corpus:
    """Certificates with the codes that experts gave them.

    Attributes
    ----------
    codes : (n, n_labels) indicator matrix; a certificate without any code is an empty row
    by_line : the codes of each line in order, where the source has them
    clusters : (n,) strings, who certified or which office it was, null where unknown; None where no column is named.
        It serves the promise, and stands apart from the texts so that no model can see it
    """

    texts: Texts
    labels: LabelSet
    codes: csr_array
    by_line: LineCodes | None
    clusters: pa.Array | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def rows(self, start: int, stop: int) -> Corpus:
        """A run of certificates."""
        by_line = self.by_line
        if by_line is not None:
            by_line = by_line.rows(int(self.texts.first_line[start]), int(self.texts.first_line[stop]))
        clusters = None if self.clusters is None else self.clusters[start:stop]
        return Corpus(self.texts.rows(start, stop), self.labels, self.codes[start:stop], by_line, clusters)

    def take(self, rows: IntArray) -> Corpus:
        """Some certificates, in the order of ``rows``."""
        by_line = self.by_line
        if by_line is not None:
            by_line = by_line.take(lines_of(self.texts.first_line, rows)[0])
        clusters = None if self.clusters is None else self.clusters.take(pa.array(rows))
        return Corpus(self.texts.take(rows), self.labels, self.codes[rows], by_line, clusters)

    def cluster_numbers(self) -> IntArray | None:
        """Which certificates belong together, as numbers from 0 on, (n,); one of which that is unknown stands alone."""
        return None if self.clusters is None else numbered(self.clusters)

    def with_codes(self, codes: csr_array) -> Corpus:
        """The same texts with other codes per certificate, and none by line."""
        return replace(self, codes=codes, by_line=None)


def numbered(clusters: pa.Array) -> IntArray:
    """Names as numbers from 0 on, (n,); each that is null or empty has a number of its own."""
    encoded = pc.if_else(pc.equal(clusters, ""), pa.scalar(None, pa.large_string()), clusters).dictionary_encode()
    known = np.asarray(encoded.indices.is_valid())
    found = np.zeros(len(clusters), dtype=np.int64)
    found[known] = encoded.indices.drop_null().to_numpy(zero_copy_only=False)
    found[~known] = len(encoded.dictionary) + np.arange(int((~known).sum()))
    return found


def lines_of(first: npt.NDArray[np.int64], rows: IntArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The inner positions of some rows of a ragged array, and their own offsets."""
    lengths = first[rows + 1] - first[rows]
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    inner = np.arange(offsets[-1], dtype=np.int64) - np.repeat(offsets[:-1], lengths) + np.repeat(first[rows], lengths)
    return inner, offsets


def indicator(first: IntArray, columns: IntArray, n_labels: int) -> csr_array:
    """A matrix of zeros and ones from ragged columns; shape (len(first) - 1, n_labels). The columns are copied."""
    matrix = csr_array(
        (np.ones(len(columns), dtype=np.int8), columns.astype(np.int32, copy=True), first.astype(np.int64, copy=True)),
        shape=(len(first) - 1, n_labels),
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def strings(values: Sequence[str | None]) -> pa.Array:
    """An Arrow column of strings that may grow beyond 2 GiB."""
    return pa.array(values, type=pa.large_string())
