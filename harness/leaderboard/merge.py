"""Several runs as one: their rows side by side, every model's name with its run's, and what may not be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.figures.looks import family_looks, looks
from harness.leaderboard.language import say
from harness.leaderboard.rows import Evidence, number

_MODELS = ("model", "best", "trial", "retry_of", "first", "second")  # the keys of a row that name a model or a trial
_UNSHARED = ("ties",)  # rows that hold a model against the best of its own run, and say nothing among several


@dataclass(frozen=True, slots=True)
class Merged:
    """Runs to show on one page.

    Attributes
    ----------
    evidence : all rows of all runs, every model and family under a name of its own
    parts : the same run by run, under the same names; their order is that of the names of ``runs``
    notices : what may not be compared, each a sentence
    """

    evidence: Evidence
    parts: tuple[Evidence, ...]
    runs: tuple[str, ...]
    notices: tuple[str, ...]


def merged(found: Sequence[tuple[str, Evidence]]) -> Merged:
    """Put runs side by side; one alone is left as it is.

    Parameters
    ----------
    found : the name of each run, no two alike, with its rows
    """
    runs = tuple(name for name, _ in found)
    if len(found) == 1:
        return Merged(found[0][1], (found[0][1],), runs, ())
    parts = _apart(found)
    sets = _sets(parts)
    together = replace(_together(parts), sets=sets, places=_places(parts))
    if sets:
        alarms = (_of_run(row, run) for run, part in zip(runs, parts, strict=True) for row in part.alarms)
        together = replace(together, alarms=tuple(alarms))
    return Merged(together, parts, runs, tuple(_notices(found)))


# names ---------------------------------------------------------------------------------------------------------------


def _apart(found: Sequence[tuple[str, Evidence]]) -> tuple[Evidence, ...]:
    """The rows of each run under names that say it: of every model, and of a family that another run has too."""
    families = Counter(name for _, evidence in found for name in _family_names(evidence))
    parts, slots = [], 0
    for run, evidence in found:
        own = {name: f"{name} · {run}" for name in _model_names(evidence)}
        its = {name: f"{name} · {run}" for name in _family_names(evidence) if families[name] > 1}
        parts.append(_renamed(evidence, own, its, slots))
        slots += 1 + max((int(number(row.get("slot")) or 0) for row in evidence.trials), default=0)
    return tuple(parts)


def _model_names(evidence: Evidence) -> set[str]:
    names = {str(row["model"]) for row in (*evidence.scorecards, *evidence.lines)}
    names |= {str(row["trial"]) for row in evidence.trials}
    names |= {str(one["model"]) for one in (evidence.pick or {}).get("shortlist") or []}
    return names | ({evidence.picked} if evidence.picked else set())


def _family_names(evidence: Evidence) -> set[str]:
    names = {str(row["family"]) for row in (*evidence.scorecards, *evidence.lines, *evidence.trials)}
    return names | {str(name) for name in evidence.meta.get("families") or []}


def _renamed(evidence: Evidence, models: Mapping[str, str], families: Mapping[str, str], slots: int) -> Evidence:
    """The run under other names; its slots come after those of the runs before it."""

    def row_of(row: Row) -> Row:
        named: Row = {key: models.get(str(row[key]), row[key]) for key in _MODELS if row.get(key) is not None}
        if row.get("family") is not None:
            named["family"] = families.get(str(row["family"]), row["family"])
        return {**row, **named}

    changes: dict[str, Any] = {name: tuple(row_of(row) for row in rows) for name, rows in _rows(evidence).items()}
    changes["trials"] = tuple(_moved(row, slots) for row in changes["trials"])
    changes["meta"] = _with_families(evidence.meta, families)
    changes["pick"] = None if evidence.pick is None else _pick_of(evidence.pick, row_of)
    changes["certified"] = None if evidence.certified is None else _certified_of(evidence.certified, models, row_of)
    return replace(evidence, **changes)


def _rows(evidence: Evidence) -> dict[str, tuple[Row, ...]]:
    """The fields that hold rows, by name: what a later version adds comes along."""
    values = {one.name: getattr(evidence, one.name) for one in fields(evidence)}
    return {name: value for name, value in values.items() if isinstance(value, tuple)}


def _moved(row: Row, slots: int) -> Row:
    slot = number(row.get("slot"))
    return row if slot is None else {**row, "slot": int(slot) + slots}


def _with_families(meta: Row, families: Mapping[str, str]) -> Row:
    if "families" not in meta:
        return meta
    return {**meta, "families": [families.get(str(name), str(name)) for name in meta["families"] or []]}


def _pick_of(pick: Row, row_of: Any) -> Row:
    named: Row = row_of(pick)
    for key in ("shortlist", "rejected"):
        named[key] = [row_of(one) for one in pick.get(key) or []]
    return named


def _certified_of(certified: Row, models: Mapping[str, str], row_of: Any) -> Row:
    """Its promises, naive thresholds, speeds and losses are by model."""
    named = {
        key: {models.get(name, name): value for name, value in certified[key].items()}
        for key in ("promises", "naive", "speeds", "lost")
        if isinstance(certified.get(key), Mapping)
    }
    return {**certified, **named, "ties": [row_of(one) for one in certified.get("ties") or []]}


def _of_run(row: Row, run: str) -> Row:
    """A row of the practice alarm, which names no model, with its run beside the year: others looked at other texts."""
    return row if row["model"] is not None else {**row, "year": f"{row['year']} · {run}"}


# together ------------------------------------------------------------------------------------------------------------


def _together(parts: Sequence[Evidence]) -> Evidence:
    """All rows in one; no run's pick or promise stands for all, so that the marks of one are not drawn for others."""
    rows: dict[str, Any] = {
        name: tuple(row for part in parts for row in _rows(part).get(name, ())) for name in _rows(parts[0])
    }
    rows |= {name: () for name in _UNSHARED if name in rows}
    shortlist = [one for part in parts for one in (part.pick or {}).get("shortlist") or []]
    return replace(
        parts[0],
        **rows,
        meta=_common([part.meta for part in parts])
        | {"families": [name for part in parts for name in part.meta.get("families") or []]},
        corpus=_common([part.corpus for part in parts])
        | {
            "generated": any(part.corpus.get("generated") for part in parts),
            "lists_differ": len({_scored_on(part)[2] for part in parts}) > 1,
        },
        pick={"model": None, "shortlist": shortlist} if any(part.pick for part in parts) else None,
        certified=None,
        ensemble="",
        picks=frozenset(part.picked for part in parts if part.picked),
    )


def _sets(parts: Sequence[Evidence]) -> dict[str, int]:
    """Of each model the set of those that its scores can be compared with; nothing where all of them can."""
    keys = list(dict.fromkeys(map(_scored_on, parts)))
    if len(keys) == 1:
        return {}
    return {name: keys.index(_scored_on(part)) for part in parts for name in _model_names(part)}


def _places(parts: Sequence[Evidence]) -> dict[str, int]:
    """The look that each model and family has on the page of its own run, so that it may keep its colour."""
    found: dict[str, int] = {}
    for part in parts:
        seen = {**looks(part, part.models()), **family_looks(part)}
        found |= {name: look.shape for name, look in seen.items() if not look.floor}
    return found


def _common(rows: Sequence[Row]) -> Row:
    """What all say alike."""
    return {key: value for key, value in rows[0].items() if all(key in row and row[key] == value for row in rows[1:])}


def _notices(found: Sequence[tuple[str, Evidence]]) -> Iterable[str]:
    """What the runs do not share, so that their scores cannot be compared, and which of them do."""
    keys = {name: _scored_on(evidence) for name, evidence in found}
    groups: dict[tuple[object, ...], list[str]] = {}
    for name, key in keys.items():
        groups.setdefault(key, []).append(name)
    if len(groups) == 1:
        return
    certificates, years, lists = ({key[place] for key in groups} for place in range(3))
    if len(certificates) > 1:
        yield say("These runs were made from different certificates: their scores cannot be compared.")
    elif len(years) > 1:
        yield say("These runs hold out different years: their scores cannot be compared.")
    if len(lists) > 1:
        yield say(
            "These runs have different code lists or dictionaries: a score with one and a score without are not of one kind."
        )
    yield say("In the table, runs that cannot be compared follow one another, the best of each set first.")
    shared = [names for names in groups.values() if len(names) > 1]
    for names in shared:
        yield say("Scored on the same certificates, and comparable: {runs}.", runs=", ".join(names))
    if not shared:
        yield say("No two of them are comparable.")


def _scored_on(evidence: Evidence) -> tuple[object, ...]:
    """Which certificates a run's scores are of, and what its models knew besides."""
    corpus = evidence.corpus
    roles = corpus.get("roles") or {}
    shown = roles.get("heldout") or roles.get("validation") or {}
    lists = tuple(str((corpus.get(key) or {}).get("fingerprint") or "") for key in ("code_list", "dictionaries"))
    return corpus.get("fingerprint"), (text.years(shown.get("years") or []), bool(roles.get("heldout"))), lists
