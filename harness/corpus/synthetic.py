"""Generated certificates: the embedded default corpus and the scale test.

A death is drawn from the outside in: age and sex, the underlying cause, what it brought about (the lines above it) and
what else the person had (part II) come from :mod:`harness.corpus.synthetic_deaths`; the wordings of the causes, their
codes and how both change over the years from :mod:`harness.corpus.synthetic_wordings` and
:mod:`harness.corpus.synthetic_years`; how one certifier puts them on paper from
:mod:`harness.corpus.synthetic_writing`. Each run of ``BLOCK`` certificates of a year has a random stream of its own:
with more certificates each year begins with the same ones.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.config import Synthetic
from harness.corpus.builder import Builder, RawLine, ReadResult
from harness.corpus.certificate import IntArray
from harness.corpus.codes import COLUMNS, CodeEntry, CodeList
from harness.corpus.synthetic_deaths import AGES, BLOCK, LINES, PART2, PER_LINE, Deaths
from harness.corpus.synthetic_wordings import VAGUE, Cause, causes, unlisted
from harness.corpus.synthetic_writing import CAREFUL, LOWER, SENTENCE, UPPER, USUAL, Writer
from harness.corpus.synthetic_years import Year, draw_styles, preferences, year_of

LINE_COLUMNS = ("id", "year", "line", "part", "text", "interval", "code", "standard_text", "age", "sex", "place")

_COUNTED = 20
_PLACES = ("hospital", "home", "nursing home", "elsewhere")
# By age band, the chances of the places before each, summed up.
_PLACE_BOUNDS = ((0.9, 0.97, 0.97), (0.7, 0.85, 0.85), (0.45, 0.75, 0.75), (0.55, 0.9, 0.94), (0.45, 0.7, 0.97))


def generate(parameters: Synthetic, writer: Writer | None = None) -> ReadResult:
    """The corpus of some parameters; the same parameters give the same corpus in every process.

    Another ``writer`` writes other texts on the same certificates: their lines, codes and standard texts stay.
    """
    chosen = causes(parameters.seed, parameters.codes)
    deaths, writer = Deaths(chosen), writer or Writer()
    written = preferences(chosen, _counts(deaths, len(chosen), parameters.seed))
    builder = Builder(
        files=(),
        codes_by_line=True,
        has_standard=True,
        has_intervals=True,
        covariates=("age", "sex", "place"),
        code_list=_code_list(chosen, parameters),
    )
    total = 0
    for offset in range(parameters.years):
        year = Year(chosen, written, parameters.first_year + offset, parameters)
        n = parameters.certificates // parameters.years + (offset < parameters.certificates % parameters.years)
        for start in range(0, n, BLOCK):
            rng = np.random.default_rng([parameters.seed, 2, year.year, start // BLOCK])
            block = _block(deaths, year, parameters.noise, rng)
            for row in range(min(BLOCK, n - start)):
                total += 1
                builder.add(
                    f"S{year.year}-{start + row + 1:06d}",
                    year.year,
                    _lines(block, row, chosen, year, writer),
                    place=(0, total),
                    covariates={"age": block.ages[row], "sex": block.sexes[row], "place": block.places[row]},
                )
    return builder.finish()


def _counts(deaths: Deaths, n_causes: int, seed: int) -> IntArray:
    """How often each cause occurs in some blocks; shape (n_causes,)."""
    rng = np.random.default_rng([seed, 3])
    slots = np.concatenate([deaths.draw(draw_styles(BLOCK, rng), rng)[1].ravel() for _ in range(_COUNTED)])
    return np.bincount(slots[slots >= 0], minlength=n_causes)


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
                    if wording.kind != VAGUE
                    and not wording.since
                    and not unlisted(cause.code, wording, parameters.seed)
                ),
                parent=cause.parent,
                valid_from=year_of(cause.since, parameters) if cause.since else None,
                valid_to=year_of(cause.until, parameters) - 1 if cause.until < 1 else None,
            )
            for cause in chosen
        )
    )


@dataclass(frozen=True, slots=True)
class _Block:
    """What is drawn for a block of certificates before anything is written.

    Attributes
    ----------
    first : (BLOCK + 1,) certificate ``i`` has the conditions ``first[i]`` up to ``first[i + 1]``
    slots, causes, wordings, instead : (n_conditions,) where each stands, what it is, how it is worded, and the cause
        whose code it gets in error, or -1
    styles, habits : (BLOCK,) how its certifier writes; habits are numbers in [0, 1)
    draws : numbers in [0, 1) without end, for the writing of the block's certificates one after the other
    """

    ages: list[str]
    sexes: list[str]
    places: list[str]
    first: list[int]
    slots: list[int]
    causes: list[int]
    wordings: list[int]
    instead: list[int]
    styles: list[int]
    habits: list[list[float]]
    draws: Iterator[float]


def _block(deaths: Deaths, year: Year, noise: float, rng: np.random.Generator) -> _Block:
    styles = draw_styles(BLOCK, rng)
    groups, slots = deaths.draw(styles, rng)
    low, high = np.array(AGES)[groups // 2].T
    ages = low + (rng.beta(2.2, 1.8, BLOCK) * (high - low + 1)).astype(np.int64)
    bounds = np.array(_PLACE_BOUNDS)[groups // 2]
    places = (rng.random(BLOCK)[:, None] >= bounds).sum(axis=1)
    habits = rng.random((BLOCK, 5))
    row, slot = np.nonzero(slots >= 0)
    found = slots[row, slot]
    wordings = year.wordings(found, styles[row], rng)
    return _Block(
        ages=[str(age) for age in ages.tolist()],
        sexes=["FM"[group % 2] for group in groups.tolist()],
        places=[_PLACES[place] for place in places.tolist()],
        first=np.searchsorted(row, np.arange(BLOCK + 1)).tolist(),
        slots=slot.tolist(),
        causes=found.tolist(),
        wordings=wordings.tolist(),
        instead=year.miscoded(found, wordings, noise, rng).tolist(),
        styles=styles.tolist(),
        habits=habits.tolist(),
        draws=_stream(rng),
    )


def _stream(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from rng.random(4096).tolist()


def _lines(block: _Block, row: int, chosen: Sequence[Cause], year: Year, writer: Writer) -> list[RawLine]:
    """One certificate as its certifier wrote it and an expert coded it."""
    style = block.styles[row]
    habit = block.habits[row]
    capitals = UPPER if habit[0] < 0.3 else LOWER if habit[0] < 0.6 else SENTENCE
    apart = style == CAREFUL or (style == USUAL and habit[1] < 0.5)
    by_line: dict[int, list[int]] = {}
    for condition in range(block.first[row], block.first[row + 1]):
        by_line.setdefault(_line_of(block.slots[condition], apart), []).append(condition)
    lines = [
        _line(block, by_line[line], 2 if line >= PART2 else 1, style, habit, capitals, chosen, year, writer)
        for line in sorted(by_line)
    ]
    if habit[4] < 0.02:
        lines.insert(0, RawLine(writer.cased(writer.nothing(1, block.draws), capitals), 1))
    elif habit[4] > 0.97 and max(by_line) < PART2:
        lines.append(RawLine(writer.cased(writer.nothing(2, block.draws), capitals), 2))
    return lines


def _line_of(slot: int, apart: bool) -> int:
    """The form's order: part I from its top to the underlying cause, then part II, whose conditions may stand apart."""
    if slot < PART2:
        return LINES - slot // PER_LINE
    return slot if apart else PART2


def _line(
    block: _Block,
    conditions: Sequence[int],
    part: int,
    style: int,
    habit: Sequence[float],
    capitals: int,
    chosen: Sequence[Cause],
    year: Year,
    writer: Writer,
) -> RawLine:
    """One line: its text, its interval, its codes in order with the expert's standard texts.

    Two conditions of one code give one entry; an error that would repeat a code of the line is not made.
    """
    texts, codes, errors, standards = [], [], [], []
    for condition in conditions:
        cause = block.causes[condition]
        wording = chosen[cause].wordings[block.wordings[condition]]
        texts.append(writer.condition(wording.text, style, block.draws))
        code = year.coded[cause]
        if code not in codes:
            codes.append(code)
            errors.append(block.instead[condition])
            standards.append(wording.standard)
    text = writer.joined(texts, habit[1], block.draws)
    duration = writer.duration(chosen[block.causes[conditions[0]]].lasts, block.draws)
    if habit[2] < 0.1 and next(block.draws) < 0.5:
        text = writer.with_duration(text, duration, block.draws)
    for entry, instead in enumerate(errors):
        if instead >= 0 and instead not in codes:
            codes[entry] = instead
    return RawLine(
        writer.cased(text, capitals),
        part,
        duration if habit[3] < 0.6 and next(block.draws) < 0.85 else None,
        tuple(chosen[code].code for code in codes),
        tuple(standards),
    )


def write_lines(result: ReadResult, folder: Path) -> tuple[Path, Path]:
    """Write a generated corpus as ``certificates.csv`` (format ``lines``) and ``codes.csv``, each whole or not."""
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
                known = [
                    ids[i],
                    str(texts.years[i]),
                    str(number),
                    str(texts.parts[line]),
                    lines[line],
                    intervals[line] or "",
                ]
                entries = range(by_line.first_code[line], by_line.first_code[line + 1])
                for entry in entries:
                    yield [*known, part.labels.codes[by_line.columns[entry]], standard[entry] or "", *more]
                if not entries:
                    yield [*known, "", "", *more]
