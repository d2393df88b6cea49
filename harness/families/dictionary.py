"""Dictionary: the texts of the training years with their codes, found again as a whole, in parts, or nearly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array, save_npz, vstack

from harness.corpus import words
from harness.corpus.knowledge import Knowledge
from harness.families.family import (
    CEILING,
    KEPT_PER_ROW,
    Context,
    Examples,
    Parameters,
    Units,
    blocks,
    no_scores,
    stack,
)
from harness.families.lookups.calibrated import Calibration, Evidence, given
from harness.families.lookups.counts import FloatArray, IntArray, standing
from harness.families.lookups.lookup import LEVELS, Keys, Level
from harness.families.lookups.sources import Material, Places, Sources
from harness.families.lookups.stops import learnt_stops
from harness.families.lookups.vote import Voter

FOLDS = 5
ENOUGH = 4_000  # certificates or lines teach a calibration
MOST = 10_000  # in a fold
ROWS = 8_192  # whose evidence is weighed at once
AT_ONCE = 64 * ROWS  # texts that are looked for at once: each time, all tables are hashed


class DictionaryParameters(Parameters):
    """Where a text is looked for, and how far what is found is believed.

    ``loosest`` ends the levels of lookup: as written, case, accents and punctuation (``plain``), learnt stop words
    (``content``), word order (``sorted``), ``stems`` where the language has a stemmer. ``smoothing``: so many
    occurrences without any code are added to what was seen. ``purity``: words and pairs of words are learnt that stand
    with some code so often; 1 learns none. ``least``: they stand in so many texts. ``neighbour``: what lookup does
    not know asks the texts that are most alike. ``vote``: the linear classifier has a say.
    """

    loosest: Level = "stems"
    smoothing: float = Field(0.5, gt=0.0)
    purity: float = Field(0.5, gt=0.0, le=1.0)
    least: int = Field(4, ge=1)
    neighbour: bool = True
    vote: bool = False


class Dictionary:
    """Lookup, longest match, nearest texts; one calibrated probability from what they say."""

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
        learning = parameters.least if parameters.purity < 1.0 else None
        material = Material.of(
            train, _keys(train, knowledge, parameters), parameters.smoothing, learning, parameters.neighbour
        )

        def sources(kept: FloatArray, voter: Voter | None = None) -> Sources:
            return material.sources(kept, parameters.least, parameters.purity, voter)

        calibration = Calibration.believed()
        held = _held(train, context.seed)
        parts = [_lesson(train, material, rows, sources(_left(train, rows)), context) for rows in held]
        if parts:
            calibration = calibration.learnt(*_united(parts))
        whole, voter = np.ones(len(train)), None
        if parameters.vote and held:
            # The classifier is dear: one fold tells how far it changes what the others say.
            kept = _left(train, held[0])
            partly = sources(kept, Voter.fit(train, kept, knowledge, context))
            calibration = calibration.learnt(*_lesson(train, material, held[0], partly, context))
            voter = Voter.fit(train, whole, knowledge, context)
        return DictionaryModel(sources(whole, voter), calibration)

    def load(self, folder: Path, device: str) -> DictionaryModel:
        with np.load(folder / "calibration.npz", allow_pickle=False) as arrays:
            calibration = Calibration(arrays["known"], arrays["unknown"])
        return DictionaryModel(Sources.load(folder), calibration)

    def most_steps(self, parameters: DictionaryParameters) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class DictionaryModel:
    """What sources say, calibrated; a text of which none knows anything gets the codes' shares in training."""

    sources: Sources
    calibration: Calibration

    @property
    def steps(self) -> int:
        return 1

    def predict(self, units: Units) -> csr_array:
        n_labels = len(self.sources.usual)
        prior = self._prior()
        found = [no_scores(0, n_labels)]
        for many in blocks(len(units), AT_ONCE):
            sought = units.rows(many)
            places = self.sources.places(sought.text)
            for rows in blocks(len(sought), ROWS):
                found.append(self._scores(sought.rows(rows), places.part(rows), prior))
        return stack(found)

    def _scores(self, part: Units, places: Places, prior: csr_array) -> csr_array:
        n_labels = len(self.sources.usual)
        said = self.sources.evidence(part, places)
        scores = np.minimum(self.calibration.scores(said), CEILING).astype(np.float32)
        row, label = np.divmod(said.pair, n_labels)
        first = np.searchsorted(row, np.arange(len(part) + 1))
        block = csr_array((scores, label.astype(np.int32), first), shape=(len(part), n_labels))
        chosen = np.where(np.diff(first) == 0, len(part), np.arange(len(part)))
        return csr_array(vstack([block, prior], format="csr")[chosen])

    def save(self, folder: Path) -> None:
        self.sources.save(folder)
        np.savez(folder / "calibration.npz", known=self.calibration.known, unknown=self.calibration.unknown)
        save_npz(folder / "prior.npz", self._prior())

    def _prior(self) -> csr_array:
        """The most usual codes, (1, n_labels)."""
        usual = self.sources.usual
        columns = np.sort(np.argsort(-usual, kind="stable")[:KEPT_PER_ROW]).astype(np.int32)
        shares = np.minimum(usual[columns], CEILING).astype(np.float32)
        return csr_array((shares, columns, [0, len(columns)]), shape=(1, len(usual)))


def _keys(train: Examples, knowledge: Knowledge, parameters: DictionaryParameters) -> Keys:
    language = knowledge.language if knowledge.language in words.SNOWBALL else None
    levels = LEVELS[: LEVELS.index(parameters.loosest) + 1]
    if language is None:
        levels = tuple(level for level in levels if level != "stems")
    return Keys(levels, learnt_stops(train) if "content" in levels else (), language)


def _held(train: Examples, seed: int) -> list[IntArray]:
    """Folds of certificates' examples that answer in turn for themselves; as many folds as teach enough."""
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(train.times > 0))
    folds = [np.sort(rows[number::FOLDS][:MOST]) for number in range(FOLDS)]
    asked = min(FOLDS, -(-ENOUGH * FOLDS // max(1, len(rows))))
    return [fold for fold in folds[:asked] if len(fold) and _left(train, fold).any()]


def _left(train: Examples, rows: IntArray) -> FloatArray:
    """Which share of each example's occurrences is left where one of each of ``rows`` is taken away; (n,).

    So a text that stands often stays known, and one that stands once becomes unknown, as they will be next year.
    """
    kept = np.ones(len(train))
    kept[rows] -= 1.0 / standing(train)[rows]
    return kept


Lesson = tuple[Evidence, FloatArray, FloatArray]


def _lesson(train: Examples, material: Material, rows: IntArray, sources: Sources, context: Context) -> Lesson:
    """What sources that have not seen some examples say of them; whether it is right, and how much it counts."""
    units = train.units.take(rows)
    said = sources.evidence(units, sources.places(units.text, material.place[rows]), context.threads)
    y = given(said.pair, train.y[rows])
    row, label = np.divmod(said.pair, len(train.labels))
    weights = np.sqrt(train.weights[rows])[row]
    weights[train.silent(rows[row], label) & (y == 0.0)] = 0.0
    return said, y, weights


def _united(lessons: list[Lesson]) -> Lesson:
    said = Evidence(
        np.concatenate([lesson[0].pair for lesson in lessons]),
        np.concatenate([lesson[0].features for lesson in lessons]),
        np.concatenate([lesson[0].known for lesson in lessons]),
    )
    return said, np.concatenate([lesson[1] for lesson in lessons]), np.concatenate([lesson[2] for lesson in lessons])
