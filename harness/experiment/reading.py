"""From files to a store of certificates with their roles, and the row that describes them."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from harness.config import ROLES
from harness.corpus import store
from harness.corpus.builder import ReadResult
from harness.corpus.certificate import Corpus
from harness.corpus.dictionaries import match
from harness.corpus.knowledge import Knowledge
from harness.corpus.quarantine import Quarantine
from harness.corpus.years import OUTSIDE, Roles, assign, repeated_texts
from harness.decision.always import always_seen
from harness.experiment.check import SMOKE_CERTIFICATES, Checked, with_own_list

SCRATCH = ".reading-"
AGE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Reading:
    """A store of the certificates that have a role, and what ``corpus.json`` says of it and of what is known besides.

    What is known lies in a folder beside the store. ``worded``: whether training has the experts' wording of codes, or
    the code list has titles of such.
    """

    store: store.Store
    row: dict[str, Any]
    quarantine: Quarantine
    worded: bool


def read(checked: Checked, home: Path, say: Callable[[str], None], *, smoke: bool = False) -> Reading:
    """Read, part by years, and write the store under ``home``."""
    config = checked.config
    found = checked.read(config.corpus.path, config.corpus, True)
    for note in found.notes:
        say(note)
    left_out = found.quarantine.total
    if checked.dictionaries is not None:
        found.quarantine.extend(checked.dictionaries.quarantine)
    try:
        roles = assign(found, config.years)
    finally:
        for line in found.quarantine.summary():
            say(line)
    if smoke and config.corpus.format != "synthetic":
        roles = _few(found.corpus.texts.years, roles)
    built = store.build(found, roles, home)
    for pattern in config.automation.always_person:
        if not any(always_seen(code, (pattern,)) for code in found.corpus.labels.codes):
            say(f"automation.always_person: no code of the corpus is {pattern}")
    corpora = {role: built.corpus(rows) for role, rows in built.roles.items()}
    knowledge = _knowledge(checked, found, corpora["train"], say)
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
        "quarantine": {
            "total": left_out,
            "dictionary_rows": found.quarantine.total - left_out,
            "rules": dict(sorted(found.quarantine.counts.items())),
        },
        "outside_roles": roles.outside,
        **_known(checked, knowledge),
    }
    for role in ROLES:
        if role in built.roles:
            years = ", ".join(map(str, sorted(built.years[role])))
            again = "" if role == "train" else f"; {repeated[role][1]:,} repeat a text of train"
            say(f"{role}: {len(corpora[role]):,} certificates of {years}{again}")
    store.keep_knowledge(knowledge, home)
    return Reading(built, row, found.quarantine, _worded(corpora["train"], knowledge))


def _knowledge(checked: Checked, found: ReadResult, train: Corpus, say: Callable[[str], None]) -> Knowledge:
    """What is known besides the certificates, its codes as the training certificates and the code list write them."""
    code_list, lexicon = with_own_list(checked, found), None
    codes = {train.labels.codes[column] for column in np.unique(train.codes.indices)}
    if code_list is not None:
        listed = set(code_list.by_code)
        say(f"code list: {len(listed):,} codes; of the {len(codes):,} codes of train it has {len(codes & listed):,}")
        codes |= listed
    if checked.dictionaries is not None:
        matched = match(checked.dictionaries, codes)
        lexicon = matched.lexicon
        say(
            f"dictionaries: {len(lexicon):,} rows; {matched.respelt:,} of them were matched without the dots of their "
            f"codes, {matched.unknown:,} have a code that neither train nor the code list has"
        )
    return Knowledge(code_list, lexicon, checked.config.corpus.language)


def _worded(train: Corpus, knowledge: Knowledge) -> bool:
    listed = {} if knowledge.code_list is None else knowledge.code_list.by_code
    occurring = [train.labels.codes[column] for column in np.unique(train.codes.indices)]
    by_line = train.by_line
    said = by_line is not None and by_line.standard is not None and pc.any(pc.not_equal(by_line.standard, "")).as_py()
    return bool(said) or any(listed[code].title for code in occurring if code in listed)


def _known(checked: Checked, knowledge: Knowledge) -> dict[str, Any]:
    code_list, lexicon, given = knowledge.code_list, knowledge.lexicon, checked.dictionaries
    return {
        "knowledge": knowledge.fingerprint or None,
        "code_list": None
        if code_list is None
        else {
            "name": Path(checked.config.corpus.codes or "").name,
            "n": len(code_list.entries),
            "fingerprint": code_list.fingerprint,
        },
        "dictionaries": None
        if lexicon is None or given is None
        else {"names": list(given.names), "n": len(lexicon), "fingerprint": lexicon.fingerprint},
    }


def _few(years: np.ndarray, roles: Roles) -> Roles:
    """The first certificates of each role and year."""
    role = roles.role.copy()
    for year in np.unique(years):
        for position in range(len(ROLES)):
            rows = np.flatnonzero((role == position) & (years == year))
            role[rows[SMOKE_CERTIFICATES:]] = OUTSIDE
    return Roles(role, int((role == OUTSIDE).sum()))


@contextmanager
def scratch(home: Path) -> Iterator[Path]:
    """A private folder beside the runs, where a store is written before there is a run; what a kill left goes away."""
    home.mkdir(parents=True, exist_ok=True)
    for left in home.glob(f"{SCRATCH}*"):
        _sweep(left)
    folder = Path(tempfile.mkdtemp(dir=home, prefix=SCRATCH))
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks: nothing is swept there either
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove a private folder whose process has ended: nobody holds its lock any more."""
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime < AGE:
            return  # it may not be locked yet
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)
