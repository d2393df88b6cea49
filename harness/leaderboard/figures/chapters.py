"""How well each model codes each chapter, and each code of it, without what the rows do not give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from harness.files import Row
from harness.leaderboard.chapters import chapter_title
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.language import say
from harness.leaderboard.rows import Evidence, number

MOST_OF_CHAPTER = 60  # codes
MOST_CODES = 600
MOST_CELLS = 1_500  # codes times models: what the page has room for


class Untold(Enum):
    """A number of certificates could be told from the value: the rows do not give it."""

    HIDDEN = "hidden"


Told = float | Untold | None  # None is undefined


@dataclass(frozen=True, slots=True)
class Cell:
    """One model's scores; all hidden where the support is."""

    recall: Told
    precision: Told
    f1: Told
    automatic: Told


@dataclass(frozen=True, slots=True)
class Line:
    """A chapter, or a code.

    Attributes
    ----------
    code : None for a chapter
    chapter : its Roman number; None for a code that has none
    support : certificates that have it; None where hidden
    cells : of each model; None for one that has no row of it
    """

    code: str | None
    title: str | None
    chapter: str | None
    support: int | None
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The codes of one chapter that are shown, those with the most certificates first."""

    chapter: str | None
    title: str | None
    codes: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Chapters:
    """Chapters and codes by model.

    Attributes
    ----------
    models : the best first; floors only where there is nothing else
    chapters : in the order of the classification; none where the codes have no chapters
    groups : the chapters of which codes are shown, in the same order; codes without a chapter come last
    left_out : codes that would be shown if there were room
    hidden : codes whose number of certificates is not given: they are never shown
    mixed : whether models were scored on different certificates, in runs that are shown together: a support is then
        that of some models alone
    """

    role: str
    models: tuple[Look, ...]
    chapters: tuple[Line, ...]
    groups: tuple[Group, ...]
    left_out: int
    hidden: int
    mixed: bool = False


_Key = tuple[str, str | None, str | None]  # level, chapter, code
_Found = Mapping[_Key, Mapping[str, Row]]  # rows by model


def chapters(evidence: Evidence, looks: Mapping[str, Look]) -> Chapters:
    """What the rows ``codes`` say of the years that are shown."""
    role = evidence.shown_role
    found: dict[_Key, dict[str, Row]] = {}
    for row in evidence.codes:
        if row["role"] == role and row["model"] in looks:
            found.setdefault((row["level"], row["chapter"], row["code"]), {})[row["model"]] = row
    there = {model for rows in found.values() for model in rows}
    names = [name for name in best_first(evidence, looks) if name in there]
    names = [name for name in names if not looks[name].floor] or names
    working = [_has_working_point(evidence, name, role) for name in names]
    lines = [_line(key, rows, names, working) for key, rows in found.items()]
    codes = [line for line in lines if line.code is not None]
    given = [line for line in codes if line.support is not None]
    whole = _in_order([line for line in lines if line.code is None], codes)
    shown = _chosen(given, len(names))
    return Chapters(
        role=role,
        models=tuple(looks[name] for name in names),
        chapters=whole,
        groups=_groups(whole, shown),
        left_out=len(given) - len(shown),
        hidden=len(codes) - len(given),
        mixed=any(len({row["support"] for row in rows.values()}) > 1 for rows in found.values()),
    )


def best_first(evidence: Evidence, looks: Mapping[str, Look]) -> list[str]:
    """Models by their micro-F1 on the years that are shown, floors after all others; one without a score is the last."""

    def place(name: str) -> tuple[bool, bool, float]:
        score = number((evidence.row(name, evidence.shown_role) or {}).get("micro_f1"))
        return looks[name].floor, score is None, -(score or 0.0)

    return sorted(looks, key=place)


def _in_order(whole: Sequence[Line], codes: Sequence[Line]) -> tuple[Line, ...]:
    """Chapters in the order of their first codes."""
    first: dict[str | None, str] = {}
    for line in codes:
        code = line.code or ""
        first[line.chapter] = min(first.get(line.chapter, code), code)
    return tuple(sorted(whole, key=lambda line: (line.chapter not in first, first.get(line.chapter, ""))))


def _has_working_point(evidence: Evidence, model: str, role: str) -> bool:
    return number((evidence.row(model, role) or {}).get("coverage")) is not None


def _line(key: _Key, rows: Mapping[str, Row], names: Sequence[str], working: Sequence[bool]) -> Line:
    _, chapter, code = key
    first = next(iter(rows.values()))
    cells = tuple(
        _cell(rows[name], works) if name in rows else None for name, works in zip(names, working, strict=True)
    )
    own = first["title"]
    title = own if code else say(own) if own else chapter_title(chapter or "")
    return Line(code, title, chapter, first["support"], cells)


def _cell(row: Row, works: bool) -> Cell:
    """Where a model gave a code to nobody its precision is undefined; without a working point nothing is automatic."""
    if row["suppressed"]:
        return Cell(*(Untold.HIDDEN,) * 4)
    given = row["predicted"] is not None
    return Cell(
        recall=_told(row["recall"], False),
        precision=_told(row["precision"], given),
        f1=_told(row["f1"], given),
        automatic=_told(row["automatic"], not works),
    )


def _told(value: Any, undefined: bool) -> Told:
    found = number(value)
    return found if found is not None else None if undefined else Untold.HIDDEN


def _chosen(given: Sequence[Line], n_models: int) -> list[Line]:
    """The codes with the most certificates that there is room for, in that order."""
    room = min(MOST_CODES, MOST_CELLS // max(n_models, 1))
    kept: list[Line] = []
    taken: dict[str | None, int] = {}
    for line in sorted(given, key=lambda line: (-(line.support or 0), line.code or "")):
        n = taken.get(line.chapter, 0)
        if len(kept) < room and n < MOST_OF_CHAPTER:
            kept.append(line)
            taken[line.chapter] = n + 1
    return kept


def _groups(whole: Sequence[Line], shown: Sequence[Line]) -> tuple[Group, ...]:
    titles = {line.chapter: line.title for line in whole}
    for line in shown:
        titles.setdefault(line.chapter, None)  # codes without a chapter
    mine = {name: tuple(line for line in shown if line.chapter == name) for name in titles}
    return tuple(Group(name, title, mine[name]) for name, title in titles.items() if mine[name])
