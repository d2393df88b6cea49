"""Which certificates have which role, and the guards that keep later years from earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.config import ROLES, YearsConfig
from harness.corpus.builder import ReadResult
from harness.errors import YearsError

OUTSIDE = -1
REPEATED = "an id must stand once in its role"


@dataclass(frozen=True, slots=True)
class Roles:
    """The role of each certificate.

    Attributes
    ----------
    role : (n,) position in ROLES, or -1 for a year that has none
    outside : how many have none
    """

    role: npt.NDArray[np.int8]
    outside: int


def assign(read: ReadResult, years: YearsConfig) -> Roles:
    """Give each certificate its role; an id that stands twice in one role keeps its first row.

    Raises
    ------
    YearsError
        A role that is named has no certificate, the role column holds another word, or an id stands in two roles.
    """
    role = _by_column(read) if read.roles is not None else _by_year(read, years)
    _refuse_two_roles(read, role)
    repeated = _repeats(read.corpus.texts.ids, role)
    for row in repeated.tolist():
        read.quarantine.add(read.files[int(read.file[row])] if read.files else "", int(read.line[row]), REPEATED)
    role[repeated] = OUTSIDE
    return Roles(role, int((role == OUTSIDE).sum()) - len(repeated))


def _by_year(read: ReadResult, years: YearsConfig) -> npt.NDArray[np.int8]:
    role = np.full(len(read.corpus), OUTSIDE, dtype=np.int8)
    there = sorted(set(np.unique(read.corpus.texts.years).tolist()))
    for position, name in enumerate(ROLES):
        wanted = years.of(name)
        if not wanted:
            continue
        chosen = np.isin(read.corpus.texts.years, wanted)
        if not chosen.any():
            raise YearsError(
                f"years.{name} must name years that have certificates ({_ranges(there)}), but got {_ranges(wanted)}"
            )
        role[chosen] = position
    return role


def _by_column(read: ReadResult) -> npt.NDArray[np.int8]:
    names = pc.utf8_lower(read.roles)
    words = pc.replace_substring_regex(names, "^held[-_ ]?out$", "heldout")
    unknown = np.flatnonzero(~np.asarray(pc.is_in(words, value_set=pa.array([*ROLES, ""], type=pa.large_string()))))
    if len(unknown):  # the word itself stays unsaid: it may be a text, where the wrong column is named
        raise YearsError(
            f"corpus.columns.role must hold one of {', '.join(ROLES)} or nothing, "
            f"but {len(unknown)} certificates hold another word, first {_place(read, unknown[0])}"
        )
    role = pc.index_in(words, value_set=pa.array(ROLES, type=pa.large_string())).fill_null(OUTSIDE)
    result: npt.NDArray[np.int8] = role.to_numpy(zero_copy_only=False).astype(np.int8)
    for position, name in enumerate(ROLES[:2]):
        if not (result == position).any():
            raise YearsError(
                f"corpus.columns.role must give the role {name} to at least one certificate, but gives it to none"
            )
    return result


def _refuse_two_roles(read: ReadResult, role: npt.NDArray[np.int8]) -> None:
    code = read.corpus.texts.ids.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    within = role != OUTSIDE
    least = np.full(int(code.max(initial=-1)) + 1, len(ROLES), dtype=np.int8)
    most = np.full(len(least), OUTSIDE, dtype=np.int8)
    np.minimum.at(least, code[within], role[within])
    np.maximum.at(most, code[within], role[within])
    twice = np.flatnonzero(least < most)
    if len(twice):
        rows = np.flatnonzero((code == twice[0]) & within)
        first, other = rows[0], rows[np.flatnonzero(role[rows] != role[rows[0]])[0]]
        places = " and ".join(f"{_place(read, row)} ({ROLES[role[row]]})" for row in (first, other))
        raise YearsError(f"the same id must not stand in two roles, but {len(twice)} do, first {places}")


def _place(read: ReadResult, row: Any) -> str:
    name = read.files[int(read.file[row])] if read.files else "certificate"
    return f"{name}:{int(read.line[row])}"


def _repeats(ids: pa.Array, role: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    within = np.flatnonzero(role != OUTSIDE)
    code = ids.take(pa.array(within)).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    _, first = np.unique(code, return_index=True)
    repeated = np.ones(len(within), dtype=bool)
    repeated[first] = False
    return within[repeated]


def _ranges(years: Any) -> str:
    years = list(years)
    if years and years == list(range(years[0], years[-1] + 1)) and len(years) > 2:
        return f"{years[0]}-{years[-1]}"
    return ", ".join(map(str, years)) or "none"


def repeated_texts(whole: Mapping[str, pa.Array]) -> dict[str, tuple[int, int]]:
    """For each role how many distinct whole texts it has, and how many certificates repeat a text of train."""
    train = whole["train"].unique()
    return {
        role: (pc.count_distinct(texts).as_py(), int(pc.sum(pc.is_in(texts, value_set=train)).as_py() or 0))
        for role, texts in whole.items()
    }
