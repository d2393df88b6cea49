"""The wordings and the codes of one year, for the generated corpus: what is written, and how experts code it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.config import Synthetic
from harness.corpus.certificate import BoolArray, FloatArray, IntArray
from harness.corpus.synthetic_deaths import Choice
from harness.corpus.synthetic_wordings import CLEAN, OWN, VAGUE, Cause, key

# How readily a certifier of each style takes a clean, an own and a vague wording.
_PREFERENCE = np.array([[1.0, 0.2, 0.05], [0.3, 0.7, 6.0], [0.05, 0.5, 40.0]])
_STYLES = np.array([0.32, 0.25, 0.43])
# The commonest meaning of a vague wording is at most so many times as common as the second.
_BALANCE = 1.5
_MOST_NOISE = 0.6


def year_of(share: float, parameters: Synthetic) -> int:
    """The year when a share of the years has passed, never the first."""
    return parameters.first_year + max(1, int(share * parameters.years))


def draw_styles(n: int, rng: np.random.Generator) -> IntArray:
    """How ``n`` certifiers write: careful, usual or hurried."""
    styles: IntArray = np.minimum(np.searchsorted(np.cumsum(_STYLES), rng.random(n)), len(_STYLES) - 1)
    return styles


@dataclass(frozen=True, slots=True)
class Preferences:
    """What certifiers write for a cause.

    Attributes
    ----------
    weights : (n_styles, n_causes, n_wordings) how often each wording is written
    vague : (n_causes, n_wordings) whether it is written for several causes
    """

    weights: FloatArray
    vague: BoolArray


def preferences(causes: Sequence[Cause], counts: IntArray) -> Preferences:
    """How often each wording is written by certifiers of each style, whatever the year.

    Where one meaning of a shared wording is far commoner than the others, nobody would find it vague: it is written
    less for the commonest, or, if it is that cause's own standard text, not at all for the others.

    Parameters
    ----------
    counts : (n_causes,) how often each cause occurs
    """
    weights = np.zeros((3, len(causes), max(len(cause.wordings) for cause in causes)))
    owners: dict[str, list[tuple[int, int]]] = {}
    for position, cause in enumerate(causes):
        ranks = {CLEAN: 0, OWN: 0, VAGUE: 0}
        for column, wording in enumerate(cause.wordings):
            weights[:, position, column] = _PREFERENCE[:, wording.kind] / (ranks[wording.kind] + 1.0)
            ranks[wording.kind] += 1
            if wording.kind == VAGUE:
                owners.setdefault(key(wording.text), []).append((position, column))
    usual = np.tensordot(_STYLES, weights / weights.sum(axis=2, keepdims=True), axes=1) * (counts + 1.0)[:, None]
    vague = np.zeros(weights.shape[1:], dtype=bool)
    for shared in owners.values():
        often = sorted(shared, key=lambda place: -usual[place])
        (position, column), second = often[0], usual[often[1]]
        wording = causes[position].wordings[column]
        if usual[position, column] > _BALANCE * second and wording.text == wording.standard:
            weights[:, position, column] = np.maximum(weights[:, position, column], _PREFERENCE[:, CLEAN])
            for other in often[1:]:
                weights[:, other[0], other[1]] = 0.0
            continue
        weights[:, position, column] *= min(1.0, _BALANCE * second / usual[position, column])
        for place in shared:
            vague[place] = True
    return Preferences(weights, vague)


class Year:
    """What is written and coded in one year.

    Attributes
    ----------
    year : the year
    coded : (n_causes,) for each cause the position of the cause whose code it gets
    """

    def __init__(self, causes: Sequence[Cause], written: Preferences, year: int, parameters: Synthetic) -> None:
        self.year = year
        index = {cause.code: position for position, cause in enumerate(causes)}
        self.coded = [index[_code(cause, year, parameters)] for cause in causes]
        weights = written.weights.copy()
        for position, cause in enumerate(causes):
            for column, wording in enumerate(cause.wordings):
                if wording.since and year < year_of(wording.since, parameters):
                    weights[:, position, column] = 0.0
        self._n_causes = len(causes)
        self._vague = written.vague
        self._wordings = Choice(weights.reshape(-1, weights.shape[2]))
        self._instead = _instead(causes, self.coded, written.vague)

    def wordings(self, causes: IntArray, styles: IntArray, rng: np.random.Generator) -> IntArray:
        """The wording of each condition; shape (n_conditions,)."""
        return self._wordings.draw(styles * self._n_causes + causes, rng)

    def miscoded(self, causes: IntArray, wordings: IntArray, noise: float, rng: np.random.Generator) -> IntArray:
        """For each condition the cause whose code an erring expert gives, or -1; a share of ``noise`` errs.

        Experts disagree about vague wordings, and hardly about others: these err only where the vague ones cannot
        hold all noise. The draws do not depend on ``noise``.
        """
        vague = self._vague[causes, wordings]
        share = vague.mean() if len(vague) else 0.0
        on_vague = min(_MOST_NOISE, noise / share) if share else 0.0
        elsewhere = max(0.0, (noise - on_vague * share) / (1 - share)) if share < 1 else 0.0
        errs = rng.random(len(causes)) < np.where(vague, on_vague, elsewhere)
        chance = rng.random(len(causes))
        result = np.full(len(causes), -1)
        for condition in np.flatnonzero(errs):
            others = self._instead[int(causes[condition])]
            if others:
                result[condition] = others[int(chance[condition] * len(others))]
        return result


def _code(cause: Cause, year: int, parameters: Synthetic) -> str:
    if cause.since and year < year_of(cause.since, parameters):
        return cause.before
    if cause.until < 1 and year >= year_of(cause.until, parameters):
        return cause.after
    return cause.code


def _instead(causes: Sequence[Cause], coded: Sequence[int], vague: BoolArray) -> list[tuple[int, ...]]:
    """What an expert might give in error for each cause: what shares a wording, else the category, else the chapter."""
    words: dict[str, list[int]] = {}
    categories: dict[str, list[int]] = {}
    chapters: dict[str, list[int]] = {}
    for position, cause in enumerate(causes):
        categories.setdefault(cause.code[:3], []).append(position)
        chapters.setdefault(cause.code[0], []).append(position)
        for column, wording in enumerate(cause.wordings):
            if vague[position, column]:
                words.setdefault(key(wording.text), []).append(position)
    found = []
    for position, cause in enumerate(causes):
        shared = [other for wording in cause.wordings for other in words.get(key(wording.text), ())]
        for candidates in (shared, categories[cause.code[:3]], chapters[cause.code[0]]):
            others = tuple(dict.fromkeys(coded[other] for other in candidates if coded[other] != coded[position]))
            if others:
                break
        found.append(others)
    return found
