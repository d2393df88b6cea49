"""Floors: trivial rows that every model must beat. They are scored like models and never searched or picked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_array, load_npz, save_npz

from harness.corpus.knowledge import Knowledge
from harness.families.family import CEILING, Context, Examples, Parameters, Units, no_scores, sparsify
from harness.families.lookups.counts import usual_shares
from harness.families.lookups.lookup import Keys, Lookup

SMOOTHING = 0.5  # occurrences without any code that are added to what was seen


@dataclass(frozen=True, slots=True)
class Constant:
    """The same scores for every text; scores is (1, n_labels)."""

    scores: csr_array

    @property
    def steps(self) -> int:
        return 1

    def predict(self, units: Units) -> csr_array:
        return csr_array(self.scores[np.zeros(len(units), dtype=np.int64)])

    def save(self, folder: Path) -> None:
        save_npz(folder / "scores.npz", self.scores)


class NoParameters(Parameters):
    """Nothing to choose."""


class _Floor:
    kind: ClassVar[str] = "floor"
    needs: ClassVar[float] = 0.0
    reports: ClassVar[bool] = False
    Parameters: ClassVar[type[Parameters]] = NoParameters

    def load(self, folder: Path, device: str) -> Constant:
        return Constant(csr_array(load_npz(folder / "scores.npz")))

    def most_steps(self, parameters: NoParameters) -> int:
        return 1


class Nothing(_Floor):
    """No code for anybody."""

    name: ClassVar[str] = "nothing"

    def fit(
        self,
        train: Examples,
        validation: Units | None,
        knowledge: Knowledge,
        parameters: NoParameters,
        context: Context,
    ) -> Constant:
        return Constant(no_scores(1, len(train.labels)))


class MostFrequent(_Floor):
    """Every code's share of the training certificates as its score: the threshold makes it the most frequent codes."""

    name: ClassVar[str] = "most_frequent"

    def fit(
        self,
        train: Examples,
        validation: Units | None,
        knowledge: Knowledge,
        parameters: NoParameters,
        context: Context,
    ) -> Constant:
        return Constant(sparsify(usual_shares(train, np.ones(len(train)), doubt=0.0)[None, :]))


@dataclass(frozen=True, slots=True)
class Repeats:
    """The shares of the codes that training certificates with the very same text have."""

    lookup: Lookup

    @property
    def steps(self) -> int:
        return 1

    def predict(self, units: Units) -> csr_array:
        answers = self.lookup.answer(self.lookup.places(units.text))
        row, label = np.divmod(answers.pair, n_labels := self.lookup.counts[0].given.shape[1])
        scores = np.minimum(answers.share, CEILING).astype(np.float32)
        first = np.searchsorted(row, np.arange(len(units) + 1))
        return csr_array((scores, label.astype(np.int32), first), shape=(len(units), n_labels))

    def save(self, folder: Path) -> None:
        description = json.dumps(self.lookup.description(), ensure_ascii=False)
        (folder / "repeats.json").write_text(description, encoding="utf-8")
        arrays: dict[str, Any] = self.lookup.arrays()
        np.savez(folder / "repeats.npz", unknown=self.lookup.counts[0].unknown.toarray(), **arrays)


class ExactRepeat(_Floor):
    """The codes of a training certificate with the very same text, else none."""

    name: ClassVar[str] = "exact_repeat"

    def fit(
        self,
        train: Examples,
        validation: Units | None,
        knowledge: Knowledge,
        parameters: NoParameters,
        context: Context,
    ) -> Repeats:
        lookup, place = Lookup.fit(train, Keys(("exact",)), SMOOTHING)
        certificates = (train.times > 0).astype(np.float64)  # terms of list and dictionaries are none
        return Repeats(lookup.kept(train, place, certificates))

    def load(self, folder: Path, device: str) -> Repeats:  # type: ignore[override]
        description = json.loads((folder / "repeats.json").read_text(encoding="utf-8"))
        with np.load(folder / "repeats.npz", allow_pickle=False) as arrays:
            return Repeats(Lookup.load(description, arrays, csr_array(arrays["unknown"])))
