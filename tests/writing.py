"""A fitted model that writes, without any network: it says of each text what a table has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from harness.corpus.certificate import LabelSet, strings
from harness.corpus.codes import CodeList
from harness.families import frame
from harness.families.examples import Unit
from harness.families.family import Units, Written


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of a text: scores of codes, the codes that are written in order, the text in standard wording."""

    scores: Mapping[str, float]
    codes: Sequence[str]
    standard: str


NOTHING = Entry({}, (), "")


@dataclass(frozen=True)
class Scribe:
    """``table`` has an entry for each text that it knows; it learnt no wording where ``words`` is False."""

    labels: LabelSet
    table: Mapping[str, Entry]
    words: bool = True

    @property
    def steps(self) -> int:
        return 1

    def predict(self, units: Units) -> csr_array:
        return self.write(units)[0]

    def write(self, units: Units) -> tuple[csr_array, Written]:
        said = [self.table.get(text, NOTHING) for text in units.text.to_pylist()]
        dense = [[entry.scores.get(code, 0.0) for code in self.labels.codes] for entry in said]
        scores = csr_array(np.array(dense, dtype=np.float32).reshape(len(said), len(self.labels)))
        first = np.cumsum([0, *(len(entry.codes) for entry in said)], dtype=np.int64)
        columns = np.array([self.labels.index[code] for entry in said for code in entry.codes], dtype=np.int32)
        text = strings([entry.standard for entry in said]) if self.words else None
        return scores, Written(first, columns, text)

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def scribe(codes: Sequence[str], table: Mapping[str, Entry], unit: Unit = "line", *, words: bool = True) -> frame.Model:
    """Such a model in its frame."""
    labels = LabelSet(tuple(codes))
    return frame.Model("scribe", unit, {}, labels, CodeList(()).validity(labels), Scribe(labels, table, words))
