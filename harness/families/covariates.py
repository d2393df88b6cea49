"""Age, sex, place and source of a certificate as columns of zeros and ones; never its year."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from harness.config import COVARIATES
from harness.corpus.certificate import Texts

ENOUGH = 10  # certificates of training, from which on a value has a column
MOST = 200  # values of one covariate: places may be thousands
AGES = (0, 1, 5, 15, 25, 35, 45, 55, 65, 75, 85, 95)  # each band begins here


@dataclass(frozen=True, slots=True)
class Covariates:
    """The values that training shows often enough; ``values`` are pairs of a covariate and its value."""

    values: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def learnt(cls, texts: Texts) -> Covariates:
        """Values that stand on at least 10 certificates, at most the 200 most frequent of each covariate."""
        found: list[tuple[str, str]] = []
        for name in COVARIATES:
            if name in texts.covariates:
                counts = pc.value_counts(_values(name, texts.covariates[name]).drop_null())
                pairs = [(value["values"].as_py(), value["counts"].as_py()) for value in counts]
                often = sorted((-times, value) for value, times in pairs if times >= ENOUGH)[:MOST]
                found += sorted((name, value) for _, value in often)
        return cls(tuple(found))

    def matrix(self, texts: Texts) -> csr_array:
        """1 where a certificate has a value; nothing for values that are unknown or new; float32, (n, n_values)."""
        rows: list[npt.NDArray[np.int64]] = []
        columns: list[npt.NDArray[np.int64]] = []
        for name in dict.fromkeys(name for name, _ in self.values):
            if name not in texts.covariates:
                continue
            first = next(column for column, (other, _) in enumerate(self.values) if other == name)
            known = pa.array([value for other, value in self.values if other == name], type=pa.large_string())
            place = pc.fill_null(pc.index_in(_values(name, texts.covariates[name]), value_set=known), -1)
            column = np.asarray(place).astype(np.int64)
            rows.append(np.flatnonzero(column >= 0))
            columns.append(column[column >= 0] + first)
        row = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        column = np.concatenate(columns) if columns else np.zeros(0, np.int64)
        found = csr_array((np.ones(len(row), np.float32), (row, column)), shape=(len(texts), len(self)))
        found.sort_indices()
        return found

    def save(self, path: Path) -> None:
        path.write_text(json.dumps([list(pair) for pair in self.values], ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Covariates:
        return cls(tuple((name, value) for name, value in json.loads(path.read_text(encoding="utf-8"))))


def _values(name: str, column: pa.Array) -> pa.Array:
    """A covariate's values; ages in bands."""
    encoded = column.dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    written = [_band(value) if name == "age" else value.strip().lower() for value in encoded.dictionary.to_pylist()]
    values = pa.array([value or None for value in written], type=pa.large_string())
    return values.take(encoded.indices)


def _band(age: str) -> str | None:
    """The band of an age in years, by its first year; None where it is no age."""
    match = re.fullmatch(r"\s*(\d{1,3})(?:\.\d+)?\s*", age)
    if match is None or int(match[1]) > 130:
        return None
    return str(max(begin for begin in AGES if begin <= int(match[1])))
