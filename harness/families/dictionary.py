"""Dictionary: the texts of the training years with their codes, found again by ever looser keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field
from scipy.sparse import csr_array, load_npz, save_npz, vstack

from harness.corpus import words
from harness.families.family import CEILING, KEPT_PER_ROW, Context, Examples, Knowledge, Parameters, Units

Level = Literal["exact", "case", "plain", "sorted"]
# From the strictest key to the loosest: as written; small letters; without accents and punctuation; in any word order.
LEVELS: Mapping[Level, Callable[[pa.Array], pa.Array]] = {
    "exact": lambda texts: texts,
    "case": words.lower,
    "plain": words.normalise,
    "sorted": lambda texts: words.sorted_words(words.normalise(texts)),
}


class DictionaryParameters(Parameters):
    """``loosest`` ends the back-off chain; a key needs ``least`` occurrences; ``smoothing`` doubts rare keys."""

    loosest: Level = "sorted"
    least: int = Field(1, ge=1)
    smoothing: float = Field(0.5, gt=0.0)


class Dictionary:
    """Exact texts, then a back-off chain over case, accents, punctuation and word order."""

    name: ClassVar[str] = "dictionary"
    kind: ClassVar[str] = "baseline"
    needs: ClassVar[float] = 0.0
    reports: ClassVar[bool] = False
    Parameters: ClassVar[type[Parameters]] = DictionaryParameters

    def fit(
        self,
        train: Examples,
        validation: Units | None,
        knowledge: Knowledge,
        parameters: DictionaryParameters,
        context: Context,
    ) -> DictionaryModel:
        levels = list(LEVELS)[: list(LEVELS).index(parameters.loosest) + 1]
        return DictionaryModel(
            tables=tuple(_table(level, train, parameters) for level in levels),
            prior=_prior(train),
        )

    def load(self, folder: Path, device: str) -> DictionaryModel:
        description = json.loads((folder / "dictionary.json").read_text(encoding="utf-8"))
        return DictionaryModel(
            tables=tuple(
                Table(
                    level,
                    pa.array(description["keys"][level], type=pa.large_string()),
                    csr_array(load_npz(folder / f"{level}.npz")),
                )
                for level in description["levels"]
            ),
            prior=csr_array(load_npz(folder / "prior.npz")),
        )

    def most_steps(self, parameters: DictionaryParameters) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Table:
    """Keys of one level; scores is (n_keys, n_labels)."""

    level: Level
    keys: pa.Array
    scores: csr_array


@dataclass(frozen=True, slots=True)
class DictionaryModel:
    """Looks each text up in one table after the other; an unknown text gets the labels' shares in training."""

    tables: tuple[Table, ...]
    prior: csr_array  # (1, n_labels)

    @property
    def steps(self) -> int:
        return 1

    def predict(self, units: Units) -> csr_array:
        n = len(units)
        table_of = np.full(n, len(self.tables), dtype=np.int64)
        row_of = np.zeros(n, dtype=np.int64)
        open_rows = np.arange(n)
        for number, table in enumerate(self.tables):
            keys = LEVELS[table.level](units.text.take(pa.array(open_rows)))
            found = pc.index_in(keys, value_set=table.keys).fill_null(-1).to_numpy(zero_copy_only=False)
            hit = found >= 0
            table_of[open_rows[hit]], row_of[open_rows[hit]] = number, found[hit]
            open_rows = open_rows[~hit]
        first_row = np.cumsum([0, *(table.scores.shape[0] for table in self.tables)])
        stacked = vstack([*(table.scores for table in self.tables), self.prior], format="csr")
        return csr_array(stacked[first_row[table_of] + row_of])

    def save(self, folder: Path) -> None:
        levels = [table.level for table in self.tables]
        keys = {table.level: table.keys.to_pylist() for table in self.tables}
        (folder / "dictionary.json").write_text(
            json.dumps({"levels": levels, "keys": keys}, ensure_ascii=False, sort_keys=True), encoding="utf-8"
        )
        for table in self.tables:
            save_npz(folder / f"{table.level}.npz", table.scores)
        save_npz(folder / "prior.npz", self.prior)


def _table(level: Level, train: Examples, parameters: DictionaryParameters) -> Table:
    encoded = LEVELS[level](train.units.text).dictionary_encode()
    key_of = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    gather = csr_array((train.weights, (key_of, np.arange(len(train)))), shape=(len(encoded.dictionary), len(train)))
    seen = np.asarray(gather.sum(axis=1)).ravel()
    counts = csr_array(gather @ train.y.astype(np.float64))
    kept = np.flatnonzero((seen >= parameters.least) & np.asarray(pc.not_equal(encoded.dictionary, "")))
    counts, seen = counts[kept], seen[kept]
    counts.data = np.minimum(counts.data / np.repeat(seen + parameters.smoothing, np.diff(counts.indptr)), CEILING)
    counts.sort_indices()
    return Table(level, encoded.dictionary.take(pa.array(kept)), counts.astype(np.float32))


def _prior(train: Examples) -> csr_array:
    shares = np.minimum(np.asarray(train.weights @ train.y).ravel() / (train.weights.sum() + 1.0), CEILING)
    columns = np.sort(np.argsort(-shares, kind="stable")[:KEPT_PER_ROW]).astype(np.int32)
    return csr_array((shares[columns].astype(np.float32), columns, [0, len(columns)]), shape=(1, len(shares)))
