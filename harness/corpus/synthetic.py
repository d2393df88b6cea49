"""Generated certificates: the embedded default corpus and the scale test.

A death is drawn from the outside in: age and sex, the underlying cause, what it brought about (the lines above it), what
else the person had (part II), and then how one certifier writes all that. Codes, their wordings and their changes over
the years come from :mod:`harness.corpus.synthetic_wordings`, habits of writing from
:mod:`harness.corpus.synthetic_writing`. Each run of ``BLOCK`` certificates of a year has a random stream of its own, so
a corpus with more certificates begins each year with the same ones.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from harness.config import Synthetic
from harness.corpus.builder import Builder, RawLine, ReadResult
from harness.corpus.certificate import FloatArray, IntArray
from harness.corpus.codes import COLUMNS, CodeEntry, CodeList
from harness.corpus.synthetic_wordings import BANDS, CLEAN, OWN, VAGUE, Cause, causes, unlisted
from harness.corpus.synthetic_writing import CAREFUL, HURRIED, Writer

BLOCK = 500
LINE_COLUMNS = ("id", "year", "line", "part", "text", "interval", "code", "standard_text", "age", "sex", "place")

_N_GROUPS = 2 * len(BANDS)
_DEATHS = (0.012, 0.012, 0.05, 0.23, 0.696)
_AGES = ((0, 0), (1, 17), (18, 44), (45, 69), (70, 99))
_STYLES = (0.42, 0.33, 0.25)
# How much more or less a certifier of each style uses clean, own and vague wordings.
_PREFERENCE = np.array([[1.0, 0.2, 0.02], [0.5, 0.8, 0.4], [0.2, 1.0, 1.3]])
_N_LINES = (0.34, 0.34, 0.22, 0.10)
# Chance of a second and a third condition on a line of part I, by style.
_EXTRA = np.array([[0.03, 0.0], [0.12, 0.02], [0.26, 0.06]])
_SECOND = (0.50, 0.25, 0.09)
_LINES, _PER_LINE, _SECONDS = 4, 3, 3
_PART2 = _LINES * _PER_LINE
_SLOTS = _PART2 + _SECONDS
_MOST_NOISE = 0.6
_PLACES = ("hospital", "home", "nursing home", "elsewhere")


def generate(parameters: Synthetic) -> ReadResult:
    """The corpus of some parameters; the same parameters give the same corpus, on every machine."""
    chosen = causes(parameters.seed, parameters.codes)
    builder = Builder(
        files=(), codes_by_line=True, has_standard=True, has_intervals=True, covariates=("age", "sex", "place")
    )
    builder.code_list = _code_list(chosen, parameters)
    chances, writer = _Chances(chosen), Writer()
    number = 0
    for offset in range(parameters.years):
        year = _Year(chosen, offset, parameters)
        n = parameters.certificates // parameters.years + (offset < parameters.certificates % parameters.years)
        for block in range(-(-n // BLOCK)):
            rng = np.random.default_rng([parameters.seed, 2, year.year, block])
            styles = np.minimum(np.searchsorted(np.cumsum(_STYLES), rng.random(BLOCK)), HURRIED)
            drawn = (styles, *chances.draw(styles, rng))
            stop = min(BLOCK, n - block * BLOCK)
            for position, (lines, covariates) in enumerate(_certificates(drawn, chosen, year, writer, parameters.noise, rng, stop)):
                number += 1
                builder.add(
                    f"S{year.year}-{block * BLOCK + position + 1:06d}",
                    year.year,
                    lines,
                    place=(0, number),
                    covariates=covariates,
                )
    return builder.finish()


def _year_of(share: float, parameters: Synthetic) -> int:
    """The year when a share of the years has passed, never the first."""
    return parameters.first_year + max(1, int(share * parameters.years))


def _code_list(chosen: Sequence[Cause], parameters: Synthetic) -> CodeList:
    """The codes as an office knows them: titles, a part of the wordings, years."""
    return CodeList(
        tuple(
            CodeEntry(
                code=cause.code,
                title=cause.title,
                synonyms=tuple(
                    wording.text
                    for wording in cause.wordings
                    if wording.kind != VAGUE and not wording.since and not unlisted(cause.code, wording, parameters.seed)
                ),
                parent=cause.parent,
                valid_from=_year_of(cause.since, parameters) if cause.since else None,
                valid_to=_year_of(cause.until, parameters) - 1 if cause.until < 1 else None,
            )
            for cause in chosen
        )
    )


class _Chances:
    """Who dies of what, and what it brings about, as tables that draw whole blocks at once."""

    def __init__(self, chosen: Sequence[Cause]) -> None:
        likely = np.array([[_likelihood(cause, group) for cause in chosen] for group in range(_N_GROUPS)])
        weight = likely * [cause.weight for cause in chosen]
        self._groups = _Choice([np.repeat(_DEATHS, 2) * weight.any(axis=1)])
        self._underlying = _Choice(weight)
        self._second = _Choice(likely * [cause.second for cause in chosen])
        index = {cause.code: position for position, cause in enumerate(chosen)}
        self._most = max(1, max(len(cause.leads) for cause in chosen))
        self._targets = np.full((len(chosen), self._most), -1)
        for position, cause in enumerate(chosen):
            self._targets[position, : len(cause.leads)] = [index[code] for code in cause.leads]
        rank = np.where(self._targets >= 0, 1 / (np.arange(self._most) + 1.5), 0.0)
        self._leads = [_Choice(rank * (likely[group][self._targets] > 0)) for group in range(_N_GROUPS)]

    def draw(self, styles: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
        """One block of deaths.

        Returns
        -------
        groups : (BLOCK,) age band and sex
        slots : (BLOCK, _SLOTS) positions of causes, -1 where none; ``_PER_LINE`` a line from the lowest line of part I
            upwards, then part II
        """
        groups = self._groups.draw(np.zeros(BLOCK, dtype=np.int64), rng)
        slots = np.full((BLOCK, _SLOTS), -1)
        n_lines = np.searchsorted(np.cumsum(_N_LINES), rng.random(BLOCK) * sum(_N_LINES)) + 1
        current = self._underlying.draw(groups, rng)
        for line in range(_LINES):
            slots[:, line * _PER_LINE] = np.where(line < n_lines, current, -1)
            current = self._led(slots[:, line * _PER_LINE], groups, rng)
        for line in range(_LINES):
            base = slots[:, line * _PER_LINE]
            for extra in range(1, _PER_LINE):
                chance = _EXTRA[styles, extra - 1]
                other = np.where(rng.random(BLOCK) < 0.5, self._led(base, groups, rng), self._second.draw(groups, rng))
                slots[:, line * _PER_LINE + extra] = np.where((base >= 0) & (rng.random(BLOCK) < chance), other, -1)
        present = rng.random(BLOCK)
        for second, chance in enumerate(_SECOND):
            slots[:, _LINES * _PER_LINE + second] = np.where(present < chance, self._second.draw(groups, rng), -1)
        for slot in range(1, _SLOTS):
            repeated = (slots[:, :slot] == slots[:, slot : slot + 1]).any(axis=1)
            slots[repeated, slot] = -1
        return groups, slots

    def _led(self, base: IntArray, groups: IntArray, rng: np.random.Generator) -> IntArray:
        """For each cause one that it brings about, or -1."""
        led = np.full(len(base), -1)
        chance = rng.random(len(base))
        for group in range(_N_GROUPS):
            rows = np.flatnonzero((groups == group) & (base >= 0))
            found = self._leads[group].pick(base[rows], chance[rows])
            led[rows] = np.where(found >= 0, self._targets[base[rows], found], -1)
        return led


def _likelihood(cause: Cause, group: int) -> float:
    sex = "FM"[group % 2]
    return 0.0 if cause.sex not in ("", sex) else cause.ages[group // 2]


class _Choice:
    """Draws columns of rows of weights; a row without weight gives -1."""

    def __init__(self, weights: FloatArray | Sequence[FloatArray]) -> None:
        table = np.asarray(weights, dtype=np.float64)
        total = table.sum(axis=1, keepdims=True)
        self._width = table.shape[1]
        self._empty = total[:, 0] <= 0
        cumulated = np.cumsum(table / np.where(total > 0, total, 1.0), axis=1)
        cumulated[:, -1] = 1.0
        self._flat = (cumulated + np.arange(len(table))[:, None]).ravel()

    def pick(self, rows: IntArray, chance: FloatArray) -> IntArray:
        columns = np.searchsorted(self._flat, rows + chance, side="right") - rows * self._width
        picked: IntArray = np.where(self._empty[rows], -1, np.minimum(columns, self._width - 1))
        return picked

    def draw(self, rows: IntArray, rng: np.random.Generator) -> IntArray:
        return self.pick(rows, rng.random(len(rows)))


class _Year:
    """The wordings and the codes of one year."""

    def __init__(self, chosen: Sequence[Cause], offset: int, parameters: Synthetic) -> None:
        self.year = parameters.first_year + offset
        index = {cause.code: position for position, cause in enumerate(chosen)}
        self.coded = [index[self._code(cause, parameters)] for cause in chosen]
        self.labels = [cause.code for cause in chosen]
        width = max(len(cause.wordings) for cause in chosen)
        weights = np.zeros((3, len(chosen), width))
        for position, cause in enumerate(chosen):
            weights[:, position, : len(cause.wordings)] = self._weights(cause, parameters)
        self.wordings = _Choice(weights.reshape(-1, width))
        self.siblings = _siblings(chosen, self.coded)

    def _code(self, cause: Cause, parameters: Synthetic) -> str:
        if cause.since and self.year < _year_of(cause.since, parameters):
            return cause.before
        if cause.until < 1 and self.year >= _year_of(cause.until, parameters):
            return cause.after
        return cause.code

    def _weights(self, cause: Cause, parameters: Synthetic) -> FloatArray:
        """How often each wording is written, by style; shape (3, n_wordings)."""
        ranks = {CLEAN: 0, OWN: 0, VAGUE: 0}
        weights = np.zeros((3, len(cause.wordings)))
        for position, wording in enumerate(cause.wordings):
            if wording.since and self.year < _year_of(wording.since, parameters):
                continue
            weights[:, position] = _PREFERENCE[:, wording.kind] / (ranks[wording.kind] + 1.0)
            ranks[wording.kind] += 1
        return weights


def _siblings(chosen: Sequence[Cause], coded: Sequence[int]) -> list[tuple[int, ...]]:
    """For each cause the codes that an expert might give instead: those that share a wording, else the category's."""
    words: dict[str, list[int]] = {}
    categories: dict[str, list[int]] = {}
    chapters: dict[str, list[int]] = {}
    for position, cause in enumerate(chosen):
        categories.setdefault(cause.code[:3], []).append(position)
        chapters.setdefault(cause.code[0], []).append(position)
        for wording in cause.wordings:
            if wording.kind == VAGUE:
                words.setdefault(wording.text.lower(), []).append(position)
    found = []
    for position, cause in enumerate(chosen):
        own = coded[position]
        shared = [o for w in cause.wordings if w.kind == VAGUE for o in words[w.text.lower()]]
        for candidates in (shared, categories[cause.code[:3]], chapters[cause.code[0]]):
            others = tuple(dict.fromkeys(coded[o] for o in candidates if coded[o] != own))
            if others:
                break
        found.append(others)
    return found


def _certificates(
    drawn: tuple[IntArray, IntArray, IntArray],
    chosen: Sequence[Cause],
    year: _Year,
    writer: Writer,
    noise: float,
    rng: np.random.Generator,
    stop: int,
) -> Iterator[tuple[list[RawLine], dict[str, str | None]]]:
    """The first ``stop`` certificates of a block, written and coded."""
    styles, groups, slots = drawn
    n_causes = len(chosen)
    low, high = np.array(_AGES)[groups // 2].T
    ages = low + (rng.beta(2.2, 1.8, BLOCK) * (high - low + 1)).astype(np.int64)
    habits = rng.random((BLOCK, 5))
    places = rng.random(BLOCK)
    row, slot = np.nonzero(slots >= 0)
    cause = slots[row, slot]
    wording = year.wordings.draw(styles[row] * n_causes + cause, rng)
    wrong = rng.random(len(row)) < _noise(noise, cause, wording, chosen)
    other = rng.random(len(row))
    noisy = np.full(len(row), -1)
    for entry in np.flatnonzero(wrong):
        siblings = year.siblings[cause[entry]]
        if siblings:
            noisy[entry] = siblings[int(other[entry] * len(siblings))]
    draws = _stream(rng)
    first = np.searchsorted(row, np.arange(stop + 1)).tolist()
    slot_list, cause_list, wording_list, noisy_list = slot.tolist(), cause.tolist(), wording.tolist(), noisy.tolist()
    for i in range(stop):
        by_line: dict[int, list[int]] = {}
        apart = styles[i] == CAREFUL
        for entry in range(first[i], first[i + 1]):
            by_line.setdefault(_line_of(slot_list[entry], apart), []).append(entry)
        lines = []
        style, habit = int(styles[i]), habits[i].tolist()
        capitals = 0 if habit[0] < 0.3 else 1 if habit[0] < 0.6 else 2
        for line in sorted(by_line):
            lines.append(
                _written(by_line[line], line, cause_list, wording_list, noisy_list, chosen, year, writer, style, habit, capitals, draws)
            )
        if habit[4] < 0.02:
            lines.insert(0, RawLine(writer.cased(writer.nothing(1, draws), capitals), 1))
        elif habit[4] > 0.97 and max(by_line) < _PART2:
            lines.append(RawLine(writer.cased(writer.nothing(2, draws), capitals), 2))
        yield (
            lines,
            {"age": str(ages[i]), "sex": "FM"[int(groups[i]) % 2], "place": _place(int(groups[i]) // 2, float(places[i]))},
        )


def _stream(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from rng.random(4096).tolist()


def _line_of(slot: int, apart: bool) -> int:
    """Lines in the order of the form: part I from its top (line a) to the underlying cause, then part II, whose conditions may stand apart."""
    if slot < _LINES * _PER_LINE:
        return _LINES - slot // _PER_LINE
    return slot if apart else _PART2


def _written(
    entries: Sequence[int],
    line: int,
    cause_of: Sequence[int],
    wording_of: Sequence[int],
    noisy_of: Sequence[int],
    chosen: Sequence[Cause],
    year: _Year,
    writer: Writer,
    style: int,
    habit: Sequence[float],
    capitals: int,
    draws: Iterator[float],
) -> RawLine:
    """One line: its text, interval, and its codes in order with the expert's standard texts."""
    texts, true, noisy, standards = [], [], [], []
    for entry in entries:
        wording = chosen[cause_of[entry]].wordings[wording_of[entry]]
        texts.append(writer.condition(wording.text, style, draws))
        code = year.coded[cause_of[entry]]
        if code not in true:
            true.append(code)
            noisy.append(noisy_of[entry])
            standards.append(wording.standard)
    text = writer.joined(texts, habit[1], draws)
    duration = writer.duration(chosen[cause_of[entries[0]]].lasts, draws)
    if habit[2] < 0.1 and next(draws) < 0.5:
        text = writer.with_duration(text, duration, draws)
    codes = list(true)
    for position, instead in enumerate(noisy):
        if instead >= 0 and instead not in codes:
            codes[position] = instead
    has_interval = habit[3] < 0.6 and next(draws) < 0.85
    return RawLine(
        writer.cased(text, capitals),
        2 if line >= _PART2 else 1,
        duration if has_interval else None,
        tuple(year.labels[code] for code in codes),
        tuple(standards),
    )


def _noise(noise: float, cause: IntArray, wording: IntArray, chosen: Sequence[Cause]) -> FloatArray:
    """Each condition's chance of a wrong code: experts disagree about vague wordings, hardly ever about others."""
    vague = np.array([chosen[c].wordings[w].kind == VAGUE for c, w in zip(cause.tolist(), wording.tolist(), strict=True)])
    share = vague.mean()
    on_vague = min(_MOST_NOISE, noise / share) if share else 0.0
    elsewhere = (noise - on_vague * share) / (1 - share) if share < 1 else 0.0
    return np.where(vague, on_vague, max(elsewhere, 0.0))


def _place(band: int, chance: float) -> str:
    bounds = ((0.9, 0.97, 0.97), (0.7, 0.85, 0.85), (0.45, 0.75, 0.75), (0.55, 0.9, 0.94), (0.45, 0.7, 0.97))[band]
    for place, bound in zip(_PLACES, bounds, strict=False):
        if chance < bound:
            return place
    return _PLACES[-1]


def write_lines(result: ReadResult, folder: Path) -> tuple[Path, Path]:
    """Write a generated corpus as ``certificates.csv`` (format ``lines``) and its ``codes.csv``; each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    certificates, codes = folder / "certificates.csv", folder / "codes.csv"
    _write(certificates, LINE_COLUMNS, _rows(result))
    entries = result.code_list.rows() if result.code_list is not None else []
    _write(codes, COLUMNS, ([entry[column] for column in COLUMNS] for entry in entries))
    return certificates, codes


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _rows(result: ReadResult) -> Iterator[list[str]]:
    """One row a line and code; a line without a code has one row with none."""
    corpus, step = result.corpus, 10_000
    for start in range(0, len(corpus), step):
        part = corpus.rows(start, min(start + step, len(corpus)))
        texts, by_line = part.texts, part.by_line
        if by_line is None or by_line.standard is None or texts.intervals is None:
            raise ValueError("only a generated corpus has codes, standard texts and intervals by line")
        ids, lines, intervals = texts.ids.to_pylist(), texts.lines.to_pylist(), texts.intervals.to_pylist()
        standard = by_line.standard.to_pylist()
        covariates = [texts.covariates[name].to_pylist() for name in ("age", "sex", "place")]
        for i in range(len(texts)):
            more = [column[i] or "" for column in covariates]
            for number, line in enumerate(range(texts.first_line[i], texts.first_line[i + 1]), start=1):
                known = [ids[i], str(texts.years[i]), str(number), str(texts.parts[line]), lines[line], intervals[line] or ""]
                entries = range(by_line.first_code[line], by_line.first_code[line + 1])
                for entry in entries:
                    yield [*known, part.labels.codes[by_line.columns[entry]], standard[entry] or "", *more]
                if not entries:
                    yield [*known, "", "", *more]
