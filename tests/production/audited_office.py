"""Predictions of an office, a bundle that made them, and what a second coder writes."""

from __future__ import annotations

import csv
import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import by_certificate
from small_office import CANARY, PROMISE, TABLE

from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.decision.practice import PracticeReference, YearCounts
from harness.decision.promise import Promise
from harness.decision.rule import DecisionRule, UnitRule
from harness.decision.textgate import TextGate
from harness.decision.watch import Watch
from harness.production import bundle
from harness.production.audit_report import report_file
from harness.production.audit_sample import sample_file
from harness.production.auditing import Drawn, read_key

Row = dict[str, Any]
CODES = ("I21", "I50", "J18", "T40.4", "X42")
WATCHED = ("I50", "T40.4")  # alone have titles


def write(path: Path, rows: Sequence[Mapping[str, Any]], header: Sequence[str] | None = None) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header or list(rows[0]), lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def predictions(n: int = 600) -> list[Row]:
    """Every second certificate is automatic; each has one or two codes."""
    return [
        {
            "id": f"{CANARY}-{number}",
            "file": "a.csv" if number % 3 else "b.csv",
            "line": number + 2,
            "codes": CODES[number % 3] if number % 5 else "I50;X42",
            "confidence": "0.995" if number % 2 else "0.5",
            "decision": "automatic" if number % 2 else "person",
            "reason": "sure enough" if number % 2 else "not sure enough",
        }
        for number in range(n)
    ]


def watched(rows: Sequence[Row]) -> list[Row]:
    """Every tenth certificate holds the words of I50, every fortieth in part II only; every 25th those of T40.4."""
    found = []
    for number, row in enumerate(rows):
        held = [code for code, each in zip(WATCHED, (10, 25), strict=True) if number % each == 0]
        place = {name: row[name] for name in ("id", "file", "line")}
        part2 = ["I50"] if number % 40 == 0 else []
        if held:
            found.append({**place, "codes_held": ";".join(held), "codes_held_part2": ";".join(part2)})
    return found


KNOWLEDGE = Knowledge(CodeList((CodeEntry("I50", "heart failure"), CodeEntry("T40.4", "fentanyl"))))


@functools.cache
def gate() -> TextGate:
    return TextGate.learnt([by_certificate((2018, ["heart failure"], ["I50"])).texts], KNOWLEDGE)


@functools.cache
def reference(coded: int = 198) -> PracticeReference:
    """Two past years, in each of which this many of 200 holders carried each watched code."""
    watch = Watch.learnt(by_certificate((2018, ["stroke"], ["I64"])), KNOWLEDGE)
    assert watch.codes == WATCHED
    held = np.array([[200, 200], [0, 0]])
    given = np.array([[coded, coded], [0, 0]])
    return PracticeReference(watch, tuple(YearCounts(year, 1_000, held, given) for year in (2018, 2019)))


def write_bundle(
    out: Path,
    *,
    promise: Promise | None = PROMISE,
    line: Promise | None = None,
    codes: Sequence[str] = CODES,
    practice: PracticeReference | None = None,
) -> Path:
    """A bundle whose model cannot be loaded, as a report has no need of it."""
    rule = DecisionRule(0.2, UnitRule("product", promise=promise), gate())
    if line is not None:
        rule = dataclasses.replace(rule, line=UnitRule("product", promise=line))
    bundle.write(
        out,
        model={"model.json": b"not a model"},
        witnesses={},
        rule=rule,
        corpus=TABLE,
        labels=dict.fromkeys(codes, ""),
        card="# Model card\n",
        description={"run": "20260302-093012", "model": "dictionary-0"},
        practice=practice,
    )
    return out


def write_batch(folder: Path) -> Path:
    """Predictions ``out.csv`` of 600 certificates, and beside them which hold the words of watched codes."""
    rows = predictions()
    write(folder / "out.csv.watch.csv", watched(rows))
    return write(folder / "out.csv", rows)


def sampled(batch: Path, name: str = "sample.csv", n: int = 100, **options: Any) -> tuple[Path, list[str]]:
    said: list[str] = []
    sample_file(batch, batch.with_name(name), n, said.append, **options)
    return batch.with_name(name), said


def fill(path: Path, codes: Callable[[Drawn], str]) -> None:
    """What the second coder writes, who of course knows nothing of the key."""
    write(path, [{**place(drawn), "codes": codes(drawn)} for drawn in read_key(path).certificates])


def place(drawn: Drawn) -> Row:
    return {"id": drawn.id, "file": drawn.file, "line": drawn.line}


def as_predicted(drawn: Drawn) -> str:
    return ";".join(reversed(drawn.codes))


def reported(folder: Path, path: Path, **options: Any) -> tuple[list[str], Row]:
    said: list[str] = []
    out = path.with_name("report.json")
    report_file(folder, path, said.append, out=out, **options)
    values: Row = json.loads(out.read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(name))
    assert not any(CANARY in text for text in (*said, out.read_text(encoding="utf-8")))
    return said, values
