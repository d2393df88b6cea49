"""Vote: the linear classifier at its defaults, as one more source of the dictionary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from harness.corpus.certificate import LabelSet
from harness.corpus.knowledge import Knowledge
from harness.families.family import Context, Examples, UnitModel, Units
from harness.families.linear import Linear, LinearParameters
from harness.families.lookups.counts import Answers, FloatArray, IntArray

LEAST = 0.02  # smaller scores say nothing


@dataclass(frozen=True, slots=True)
class Voter:
    """A classifier over those labels that its examples have.

    Attributes
    ----------
    columns : (n_own,) the dictionary's columns of its labels
    """

    model: UnitModel
    columns: IntArray
    n_labels: int

    @classmethod
    def fit(cls, train: Examples, kept: FloatArray, knowledge: Knowledge, context: Context) -> Voter:
        """From the examples' ``kept`` occurrences, (n,)."""
        rows = np.flatnonzero(kept > 0.0)
        columns = np.flatnonzero(np.bincount(train.y[rows].indices, minlength=train.y.shape[1])).astype(np.int64)
        part = Examples(
            units=_over(train.units.take(rows), columns),
            y=csr_array(train.y[rows][:, columns]),
            weights=(train.weights * kept)[rows],
            labels=LabelSet(tuple(train.labels.codes[column] for column in columns)),
            times=(train.times * kept)[rows],
            era=train.era[rows],
            unknown=csr_array(train.unknown[:, columns]),
        )
        return cls(Linear().fit(part, None, knowledge, LinearParameters(), context), columns, train.y.shape[1])

    def answer(self, units: Units) -> Answers:
        """Its scores as shares."""
        scores = self.model.predict(_over(units, self.columns))
        row = np.repeat(np.arange(len(units), dtype=np.int64), np.diff(scores.indptr))
        kept = np.flatnonzero(scores.data >= LEAST)
        pair = row[kept] * self.n_labels + self.columns[scores.indices[kept]]
        order = np.argsort(pair)
        return Answers(pair[order], scores.data[kept[order]].astype(np.float64), {}, {})

    def save(self, folder: Path) -> None:
        """Write it into a folder that does not exist yet."""
        folder.mkdir()
        self.model.save(folder)
        np.savez(folder / "columns.npz", columns=self.columns, n_labels=np.array(self.n_labels))

    @classmethod
    def load(cls, folder: Path) -> Voter:
        """What :meth:`save` wrote."""
        with np.load(folder / "columns.npz", allow_pickle=False) as arrays:
            return cls(Linear().load(folder, "cpu"), arrays["columns"], int(arrays["n_labels"]))


def _over(units: Units, columns: IntArray) -> Units:
    return units if units.hits is None else replace(units, hits=csr_array(units.hits[:, columns]))
