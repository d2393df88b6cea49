"""The table of models: rows become cells that are ready to be written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.board.cells import Cell, Scale, cell, scale_of, tied, why
from harness.leaderboard.board.columns import FIRST, MODEL, VALIDATION, Column, Group
from harness.leaderboard.board.groups import BY_LINE, LINE, MORE
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.language import N_, say
from harness.leaderboard.rows import Evidence, Model, number, shown_promise

NOT_BY_LINE = N_("not scored by line")
NOT_SCORED = {
    "heldout": N_("not scored on held-out years"),
    "validation": N_("not scored on validation years"),
}
_PLACE = ("role", "year", "code_list", "dictionaries")
_FROM_CALIBRATION = ("promised_coverage", "certificates_per_second", "bytes")

Raw = float | str | dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Line:
    """A model's row.

    Attributes
    ----------
    cells : one for each column of the table, in their order
    raw : what the download holds
    search : what a reader may look for in it, besides its name
    comparable : the set of models that its scores can be compared with, by number
    """

    model: Model
    look: Look
    cells: tuple[Cell, ...]
    raw: tuple[Raw, ...]
    search: str
    comparable: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """Columns under one heading, as the table shows them."""

    name: str
    title: str
    columns: tuple[Column, ...]

    @property
    def n_first(self) -> int:
        """How many of its columns are shown before anybody chooses."""
        return sum(column.first for column in self.columns)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some models have no value under a heading; ``first`` where one of its columns is shown at first."""

    part: Part
    names: str
    words: str

    @property
    def first(self) -> bool:
        return self.part.n_first > 0


@dataclass(frozen=True, slots=True)
class Table:
    """The table.

    Attributes
    ----------
    kinds, families : as they occur
    raw_columns : those of the download
    tested : the measures in which models were held against the best, in words; empty where no tie was found
    """

    parts: tuple[Part, ...]
    lines: tuple[Line, ...]
    caption: str
    kinds: tuple[str, ...]
    families: tuple[str, ...]
    raw_columns: tuple[str, ...]
    reasons: tuple[Reason, ...]
    tested: str

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(column for part in self.parts for column in part.columns)

    def has(self, name: str) -> bool:
        """Whether it has the columns of a group."""
        return any(part.name == name for part in self.parts)


def leaderboard(evidence: Evidence, models: Sequence[Model], looks: Mapping[str, Look]) -> Table:
    """One line a model, the best micro-F1 first; on held-out years, or on validation where there are none."""
    rows = {model.name: shown(evidence, model) for model in models}
    ranked = sorted(
        models,
        key=lambda model: (evidence.set_of(model.name), *best_first(number(rows[model.name].get("micro_f1")))),
    )
    groups = _groups(evidence, rows.values())
    scales = {
        comparable: _scales(
            evidence,
            groups,
            [rows[one.name] for one in models if not one.floor and evidence.set_of(one.name) == comparable],
        )
        for comparable in {evidence.set_of(model.name) for model in models}
    }
    ties = {(row["measure"], row["model"]): row for row in evidence.ties if row["role"] == evidence.shown_role}
    keys = _raw_keys(groups)
    parts = tuple(_part(group, rows.values()) for group in groups)
    lines = tuple(
        Line(
            model,
            looks[model.name],
            tuple(
                _cell(
                    column,
                    group,
                    model,
                    rows[model.name],
                    scales[evidence.set_of(model.name)].get(column.key),
                    ties.get((column.key, model.name)),
                )
                for group in groups
                for column in group.columns
            ),
            tuple(_raw(rows[model.name], key) for key in keys),
            text.pairs(rows[model.name]["parameters"]) if rows[model.name]["parameters"] else "",
            evidence.set_of(model.name),
        )
        for model in ranked
    )
    return Table(
        parts=parts,
        lines=lines,
        caption=_caption(evidence, rows.values()),
        kinds=tuple(dict.fromkeys(model.kind for model in ranked)),
        families=tuple(dict.fromkeys(model.family for model in ranked)),
        raw_columns=keys,
        reasons=tuple(
            found
            for group, part in zip(groups, parts, strict=True)
            for found in _reasons(group, part, [model.name for model in ranked], rows)
        ),
        tested=_tested(lines, parts, {measure for measure, _ in ties}),
    )


def _tested(lines: Sequence[Line], parts: Sequence[Part], measures: Collection[str]) -> str:
    if not any(one.tie for line in lines for one in line.cells):
        return ""
    labels = (say(column.label) for part in parts for column in part.columns if column.key in measures)
    return reduce(lambda one, other: say("{one} and {other}", one=one, other=other), labels)


def shown(evidence: Evidence, model: Model) -> Row:
    """The model's scores on the shown role, with what calibration, validation and its lines say about it."""
    role, name = evidence.shown_role, model.name
    row: Row = dict(evidence.row(name, role) or {"reason": NOT_SCORED[role]})
    row |= {"model": name, "family": model.family, "kind": model.kind, "parameters": _parameters(evidence, name)}
    validation, calibration = evidence.row(name, "validation") or {}, evidence.row(name, "calibration") or {}
    row["validation_micro_f1"] = validation.get("micro_f1")
    for key in _FROM_CALIBRATION:
        if row.get(key) is None:
            row[key] = calibration.get(key)
    return row | _by_line(evidence, name, row)


def best_first(value: float | None) -> tuple[bool, float]:
    """A key that sorts the best first, and what is undefined last."""
    return value is None, -(value or 0.0)


def _parameters(evidence: Evidence, model: str) -> dict[str, Any]:
    """The hyper-parameters of the trial that the model was; none of a floor or an ensemble."""
    trial = next((row for row in evidence.trials if row["trial"] == model), {})
    return public_parameters(trial.get("parameters") or {})


def public_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters as they may leave the office: a path without its folders."""
    return {name: text.public(value) if isinstance(value, str) else value for name, value in sorted(parameters.items())}


def _by_line(evidence: Evidence, model: str, row: Row) -> Row:
    """The model's scores by line, under keys of their own."""
    found = dict(evidence.row(model, evidence.shown_role, unit="line") or {})
    if not found:
        return {f"{LINE}reason": row.get("lines_reason") or NOT_BY_LINE}
    if found.get("promised_coverage") is None:
        found["promised_coverage"] = (evidence.row(model, "calibration", unit="line") or {}).get("promised_coverage")
    return {f"{LINE}{key}": value for key, value in found.items()}


def _groups(evidence: Evidence, rows: Iterable[Row]) -> tuple[Group, ...]:
    """The groups of columns; one that only some runs have is left out where no row has a value of it."""
    there = {key for row in rows for key in row if number(row[key]) is not None}
    validation = (VALIDATION,) if evidence.shown_role == "heldout" else ()
    every = (*FIRST, *validation, *MORE)
    return tuple(one for one in every if one.always or any(column.key in there for column in one.columns))


def _part(group: Group, rows: Iterable[Row]) -> Part:
    """The group with the number of codes or lines that it is over: one for all models that have it."""
    counted = next((n for row in rows if (n := number(row.get(group.counted))) is not None), None)
    title = say(group.title)
    return Part(
        group.name,
        title if counted is None else f"{title} ({text.number_of(counted, group.thing)})",
        group.columns,
    )


def _scales(evidence: Evidence, groups: Iterable[Group], rows: Sequence[Row]) -> dict[str, Scale | None]:
    promised = _promised(evidence)
    return {
        column.key: scale_of(column, rows, promised.get(group.name))
        for group in groups
        for column in group.columns
        if column.has_interval
    }


def _promised(evidence: Evidence) -> dict[str, float | None]:
    """The promised risk, for the group of columns that it is a promise of."""
    risk = number((evidence.promise or {}).get("risk"))
    whole = (evidence.pick or {}).get("promise")
    return {"automation" if shown_promise(whole) is whole else BY_LINE.name: risk}


def _cell(column: Column, group: Group, model: Model, row: Row, scale: Scale | None, tie: Row | None) -> Cell:
    if group is not MODEL:
        return tied(cell(column, group, row, scale), column, tie)
    if column.key == "parameters":
        found = text.pairs(row["parameters"]) if row["parameters"] else ""
        return Cell(found, found) if found else Cell(text.DASH, None, reason=say("not a trial of the search"))
    name = str({"model": model.name, "family": model.family, "kind": model.kind}[column.key])
    return Cell(say(name) if column.key == "kind" else name, name)


def _reasons(group: Group, part: Part, names: Sequence[str], rows: Mapping[str, Row]) -> list[Reason]:
    """Why values under a heading are missing: of models without any; of automation where one is missing."""
    if group is MODEL:
        return []
    found: dict[str, list[str]] = {}
    for name in names:
        row = rows[name]
        gaps = [column for column in group.columns if number(row.get(column.key)) is None]
        if len(gaps) == len(group.columns) or (gaps and group.name == "automation"):
            found.setdefault(why(gaps[0], group, row), []).append(name)
    return [
        Reason(part, say("all models") if len(mine) == len(rows) else ", ".join(mine), words)
        for words, mine in found.items()
    ]


def _caption(evidence: Evidence, rows: Iterable[Row]) -> str:
    years = text.years(evidence.years(evidence.shown_role))
    heldout = evidence.shown_role == "heldout"
    counts = {row["n"] for row in rows if row.get("n") is not None}
    n = counts.pop() if len(counts) == 1 else None  # several runs may be scored on different certificates
    scored = say("Held-out years {years}", years=years) if heldout else say("Validation years {years}", years=years)
    if n is not None:
        scored = f"{scored}, {text.number_of(n, 'certificate')}"
    apart = (
        say("sets of runs that cannot be compared follow one another, each with bars on its own scale")
        if evidence.sets
        else ""
    )
    return text.parted(part for part in (scored, evidence.known, apart) if part)


def _raw_keys(groups: Iterable[Group]) -> tuple[str, ...]:
    keys: list[str] = []
    counts: list[str] = []
    for group in groups:
        for column in group.columns:
            keys += [column.key, f"{column.key}_low", f"{column.key}_high"] if column.has_interval else [column.key]
        counts += [group.counted] if group.counted else []
    return (*keys, *counts, *_PLACE, "n", "reason")


def _raw(row: Row, key: str) -> Raw:
    if key == "parameters":
        found: dict[str, Any] = row[key]
        return found or None
    if key in (*_PLACE, "reason", "model", "family", "kind"):
        return text.public(str(row.get(key) or ""))
    return number(row.get(key))
