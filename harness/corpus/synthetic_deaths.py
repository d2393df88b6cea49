"""Who dies of what, for the generated corpus: age and sex, the chain of causes, other conditions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.corpus.certificate import FloatArray, IntArray
from harness.corpus.synthetic_wordings import BANDS, Cause

BLOCK = 500
LINES, PER_LINE, SECONDS = 4, 3, 3
PART2 = LINES * PER_LINE
SLOTS = PART2 + SECONDS
AGES = ((0, 0), (1, 17), (18, 44), (45, 69), (70, 99))

_DEATHS = (0.012, 0.012, 0.05, 0.23, 0.696)
_N_GROUPS = 2 * len(BANDS)
_N_LINES = (0.34, 0.34, 0.22, 0.10)
_SECOND = (0.50, 0.25, 0.09)
# Chance of a second and a third condition on a line of part I, by style of writing.
_EXTRA = np.array([[0.05, 0.01], [0.30, 0.10], [0.70, 0.40]])


class Choice:
    """Draws columns of a table by the weights of its rows; a row without weight gives -1."""

    def __init__(self, weights: npt.ArrayLike) -> None:
        table = np.asarray(weights, dtype=np.float64)
        total = table.sum(axis=1, keepdims=True)
        self._width = table.shape[1]
        self._empty = total[:, 0] <= 0
        cumulated = np.cumsum(table / np.where(total > 0, total, 1.0), axis=1)
        last = self._width - 1 - np.argmax(table[:, ::-1] > 0, axis=1)
        cumulated[np.arange(self._width) >= last[:, None]] = 1.0
        self._flat = (cumulated + np.arange(len(table))[:, None]).ravel()

    def pick(self, rows: IntArray, chance: FloatArray) -> IntArray:
        """For each row the column at its chance in [0, 1)."""
        columns = np.searchsorted(self._flat, rows + chance, side="right") - rows * self._width
        picked: IntArray = np.where(self._empty[rows], -1, columns.clip(0, self._width - 1))
        return picked

    def draw(self, rows: IntArray, rng: np.random.Generator) -> IntArray:
        return self.pick(rows, rng.random(len(rows)))


class Deaths:
    """Draws blocks of deaths; a group is an age band and a sex, ``2 * band + (sex is M)``."""

    def __init__(self, causes: Sequence[Cause]) -> None:
        likely = np.array([[_likelihood(cause, group) for cause in causes] for group in range(_N_GROUPS)])
        weight = likely * [cause.weight for cause in causes]
        self._groups = Choice([np.repeat(_DEATHS, 2) * weight.any(axis=1)])
        self._underlying = Choice(weight)
        self._second = Choice(likely * [cause.second for cause in causes])
        index = {cause.code: position for position, cause in enumerate(causes)}
        most = max(1, max(len(cause.leads) for cause in causes))
        self._targets = np.full((len(causes), most), -1)
        for position, cause in enumerate(causes):
            self._targets[position, : len(cause.leads)] = [index[code] for code in cause.leads]
        rank = np.where(self._targets >= 0, 1 / (np.arange(most) + 1.5), 0.0)
        self._leads = Choice(np.concatenate([rank * (row[self._targets] > 0) for row in likely]))
        self._n_causes = len(causes)

    def draw(self, styles: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
        """One block of deaths, whose certifiers write in some styles.

        Returns
        -------
        groups : (BLOCK,)
        slots : (BLOCK, SLOTS) positions of causes, -1 where none; ``PER_LINE`` a line from the lowest line of part I,
            the underlying cause, upwards; then part II
        """
        groups = self._groups.draw(np.zeros(BLOCK, dtype=np.int64), rng)
        slots = np.full((BLOCK, SLOTS), -1)
        n_lines = np.searchsorted(np.cumsum(_N_LINES), rng.random(BLOCK) * sum(_N_LINES)) + 1
        current = self._underlying.draw(groups, rng)
        for line in range(LINES):
            slots[:, line * PER_LINE] = np.where(line < n_lines, current, -1)
            current = self._led(slots[:, line * PER_LINE], groups, rng)
        for line in range(LINES):
            base = slots[:, line * PER_LINE]
            for extra in range(1, PER_LINE):
                led, second = self._led(base, groups, rng), self._second.draw(groups, rng)
                other = np.where(rng.random(BLOCK) < 0.5, led, second)
                there = (base >= 0) & (rng.random(BLOCK) < _EXTRA[styles, extra - 1])
                slots[:, line * PER_LINE + extra] = np.where(there, other, -1)
        present = rng.random(BLOCK)
        for place, chance in enumerate(_SECOND, start=PART2):
            slots[:, place] = np.where(present < chance, self._second.draw(groups, rng), -1)
        for slot in range(1, SLOTS):
            slots[(slots[:, :slot] == slots[:, slot : slot + 1]).any(axis=1), slot] = -1
        return groups, slots

    def _led(self, base: IntArray, groups: IntArray, rng: np.random.Generator) -> IntArray:
        """For each cause one that it brings about in that group, or -1."""
        column = self._leads.draw(groups * self._n_causes + base.clip(0), rng)
        led: IntArray = np.where((base >= 0) & (column >= 0), self._targets[base, column], -1)
        return led


def _likelihood(cause: Cause, group: int) -> float:
    return 0.0 if cause.sex not in ("", "FM"[group % 2]) else cause.ages[group // 2]
