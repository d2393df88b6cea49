"""What arms gain over each other, with intervals: pure functions of counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.experiment.heldout import WHOLE
from harness.files import Row
from harness.metrics import bands, bootstrap
from harness.metrics.multilabel import Counts, exact_match, micro_f1
from harness.metrics.seeds import Estimate, over_seeds

# Counts of each slice of the codes, by seed.
BySeed = Mapping[int, Mapping[str, Counts]]
MEASURES = ((WHOLE, "micro_f1"), (WHOLE, "exact_match"), *((band, "micro_f1") for band in bands.BANDS))
_Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arms, of which the first may gain over the second."""

    gain: str
    first: str
    second: str


def between(tuned: Sequence[Row], asked: Sequence[tuple[str, str | None, str | None]]) -> list[Pair]:
    """What a study asks, as triples of gain, first and second arm, without the arms that could not be tuned."""
    there = {arm["arm"] for arm in tuned if arm["score"] is not None}
    return [
        Pair(gain, first, second)
        for gain, first, second in asked
        if first is not None and second is not None and {first, second} <= there
    ]


def best(tuned: Sequence[Row], names: Collection[str]) -> str | None:
    """The arm of some with the best score on validation; None where none of them could be tuned."""
    scored = [arm for arm in tuned if arm["arm"] in names and arm["score"] is not None]
    return max(scored, key=lambda arm: float(arm["score"]))["arm"] if scored else None


def compare(
    arms: Mapping[str, BySeed], wanted: Sequence[Pair], *, seed: int, draws: int = 1000
) -> tuple[list[Row], list[Row]]:
    """The scores of the arms at one training size, and their gains over each other, by slice and measure.

    Parameters
    ----------
    arms : of the same held-out certificates in the same order; seeds draw the same training certificates for all

    Returns
    -------
    A row for each arm and measure, and one for each pair of arms and measure; None where a score is undefined, or the
    arms have no seed in common.
    """
    scored = _scored(arms, seed, draws) if arms else {}
    scores, gains = [], []
    for part, measure in MEASURES:
        for arm, by_seed in arms.items():
            found = _estimate([scored[arm, one, part, measure] for one in by_seed], seed, (0.0, 1.0))
            scores.append({"arm": arm, "slice": part, "measure": measure, "n_seeds": len(by_seed), **_ends(found)})
        for pair in wanted:
            both = sorted(arms.get(pair.first, {}).keys() & arms.get(pair.second, {}).keys())
            differences = [
                scored[pair.first, one, part, measure].less(scored[pair.second, one, part, measure]) for one in both
            ]
            row = {"gain": pair.gain, "first": pair.first, "second": pair.second, "slice": part, "measure": measure}
            found = _estimate(differences, seed, (-1.0, 1.0)) if differences else None
            gains.append({**row, "n_seeds": len(both), **_ends(found)})
    return scores, gains


@dataclass(frozen=True, slots=True)
class _Score:
    """A score and its resamples, (draws,); NaN where undefined."""

    value: float
    resamples: _Array

    def less(self, other: _Score) -> _Score:
        return _Score(self.value - other.value, self.resamples - other.resamples)


def _scored(arms: Mapping[str, BySeed], seed: int, draws: int) -> dict[tuple[str, int, str, str], _Score]:
    """Every score of every fit, all in the same resamples of the certificates."""
    flat = {
        (arm, one, part): counts
        for arm, by_seed in arms.items()
        for one, parts in by_seed.items()
        for part, counts in parts.items()
    }
    resamples = bootstrap.resampled(list(flat.values()), seed=seed, draws=draws)
    found = {}
    for place, ((arm, one, part), counts) in enumerate(flat.items()):
        for measure, value in (("micro_f1", micro_f1(counts)), ("exact_match", exact_match(counts))):
            found[arm, one, part, measure] = _Score(
                np.nan if value is None else value, getattr(resamples, measure)[:, place]
            )
    return found


def _estimate(scores: Sequence[_Score], seed: int, bounds: tuple[float, float]) -> Estimate | None:
    values = np.array([score.value for score in scores])
    resamples = np.column_stack([score.resamples for score in scores])
    return over_seeds(values, resamples, seed=seed, bounds=bounds)


def _ends(found: Estimate | None) -> Row:
    return dict.fromkeys(("value", "low", "high")) if found is None else found._asdict()
