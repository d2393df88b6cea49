"""From files to a store of certificates with their roles, and the row that describes them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.config import ROLES
from harness.corpus import store
from harness.corpus.codes import CodeList
from harness.corpus.quarantine import Quarantine
from harness.corpus.years import OUTSIDE, Roles, assign, repeated_texts
from harness.decision.rule import always_seen
from harness.experiment.check import SMOKE_CERTIFICATES, Checked, with_own_list


@dataclass(frozen=True, slots=True)
class Reading:
    """A store of the certificates that have a role, and what ``corpus.json`` says of them."""

    store: store.Store
    code_list: CodeList | None
    row: dict[str, Any]
    quarantine: Quarantine


def read(checked: Checked, home: Path, say: Callable[[str], None], *, smoke: bool = False) -> Reading:
    """Read, part by years, and write the store under ``home``."""
    config = checked.config
    found = checked.read(config.corpus.path, config.corpus, True)
    try:
        roles = assign(found, config.years)
    finally:
        for line in found.quarantine.summary():
            say(line)
    if smoke and config.corpus.format != "synthetic":
        roles = _few(found.corpus.texts.years, roles)
    built = store.build(found, roles, home)
    code_list = with_own_list(checked, found)
    for pattern in config.automation.always_person:
        if not any(always_seen(code, (pattern,)) for code in found.corpus.labels.codes):
            say(f"automation.always_person: no code of the corpus is {pattern}")
    corpora = {role: built.corpus(rows) for role, rows in built.roles.items()}
    repeated = repeated_texts({role: corpus.texts.whole() for role, corpus in corpora.items()})
    row = {
        "fingerprint": built.fingerprint,
        "format": config.corpus.format,
        "generated": config.corpus.format == "synthetic",
        "language": config.corpus.language,
        "n_certificates": len(found.corpus),
        "n_codes": len(found.corpus.labels),
        "by_line": built.by_line,
        "roles": {
            role: {
                "years": sorted(built.years[role]),
                "n": len(corpus),
                "n_lines": len(corpus.texts.lines),
                "distinct_texts": repeated[role][0],
                "texts_in_train": repeated[role][1],
                "without_codes": int((np.diff(corpus.codes.indptr) == 0).sum()),
            }
            for role, corpus in corpora.items()
        },
        "quarantine": {"total": found.quarantine.total, "rules": dict(sorted(found.quarantine.counts.items()))},
        "outside_roles": roles.outside,
        "code_list": None
        if code_list is None
        else {
            "name": Path(config.corpus.codes or "").name,
            "n": len(code_list.entries),
            "fingerprint": code_list.fingerprint,
        },
    }
    for role in ROLES:
        if role in built.roles:
            years = ", ".join(map(str, sorted(built.years[role])))
            again = "" if role == "train" else f"; {repeated[role][1]:,} repeat a text of train"
            say(f"{role}: {len(corpora[role]):,} certificates of {years}{again}")
    return Reading(built, code_list, row, found.quarantine)


def _few(years: np.ndarray, roles: Roles) -> Roles:
    """The first certificates of each role and year."""
    role = roles.role.copy()
    for year in np.unique(years):
        for position in range(len(ROLES)):
            rows = np.flatnonzero((role == position) & (years == year))
            role[rows[SMOKE_CERTIFICATES:]] = OUTSIDE
    return Roles(role, int((role == OUTSIDE).sum()))


def scratch(home: Path) -> tempfile.TemporaryDirectory[str]:
    """A private folder beside the runs, where a store is written before there is a run."""
    home.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=home, prefix=".reading-")
