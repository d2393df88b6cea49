"""Floors: trivial rows that every model must beat. They are scored like models and never searched or picked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array, load_npz, save_npz

from harness.families.dictionary import Dictionary as _Dictionary
from harness.families.dictionary import DictionaryModel, DictionaryParameters
from harness.families.family import Context, Examples, Knowledge, Parameters, Units, no_scores, sparsify


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
        shares = np.asarray(train.weights @ train.y).ravel() / train.weights.sum()
        return Constant(sparsify(shares[None, :]))


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
    ) -> DictionaryModel:
        found = _Dictionary().fit(train, None, knowledge, DictionaryParameters(loosest="exact"), context)
        return DictionaryModel(found.tables, no_scores(1, len(train.labels)))

    def load(self, folder: Path, device: str) -> DictionaryModel:  # type: ignore[override]
        return _Dictionary().load(folder, device)
