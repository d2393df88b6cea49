"""An office with few certificates: its files, a dictionary that was fitted on them, and the bundle of both."""

from __future__ import annotations

import csv
import dataclasses
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.config import Columns, CorpusConfig
from harness.corpus.certificate import Corpus
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.formats import reader
from harness.corpus.knowledge import Knowledge
from harness.decision.drift import DriftReference
from harness.decision.practice import PracticeReference
from harness.decision.promise import Promise, Step
from harness.decision.rule import GATES, Candidate, DecisionRule, UnitRule, Witness, judge_texts
from harness.decision.textgate import TextGate
from harness.families import frame
from harness.families.family import Context
from harness.families.saved import Fitted
from harness.production import bundle
from harness.production.predict import Queue, predict_files
from harness.search.worker import read_files

CANARY = "CANARY"  # begins every id, and stands in what cannot be read
PHRASES = {
    "heart failure": "I50",
    "acute myocardial infarction": "I21",
    "pneumonia": "J18",
    "stroke": "I64",
    "lung cancer": "C34",
    "heroin poisoning": "T40.1",
}
TABLE = CorpusConfig(
    format="table",
    path=(Path("/srv/office/secret/certificates.csv"),),
    codes="/srv/office/secret/codes.csv",
    dictionaries=(Path("/srv/office/secret/terms.csv"),),
    columns=Columns(id="id", year="year", text=("a", "b", "other"), codes="codes"),
    part2=("other",),
)
LINES = CorpusConfig(
    format="lines",
    columns=Columns(id="id", year="year", line="line", text=("text",), codes="code"),
)
PROMISE = Promise(
    made=True,
    risk=0.05,
    confidence=0.95,
    candidates=1,
    delta=0.05,
    start=59,
    allowed=0,
    threshold=0.99,
    accepted=64,
    wrong=0,
    coverage=0.64,
    n=100,
    p_value=0.0375,
    reason="promised 5 % at 95 %",
    steps=(Step(59, 0, 0.0485, True), Step(64, 0, 0.0375, True)),
)

Row = dict[str, Any]


def certificates(n: int, seed: int = 0) -> list[Row]:
    """Rows of a table: some repeat, some hold a word of their own, some are empty."""
    rng = random.Random(seed)
    rows = []
    for number in range(n):
        said = rng.sample(sorted(PHRASES), rng.choice([0, 1, 1, 2, 2, 3]))
        cells = [*(phrase.upper() if rng.random() < 0.3 else phrase for phrase in said), "", "", ""][:3]
        if said and rng.random() < 0.1:
            cells[0] += f" {''.join(rng.choices('bcdfghklm', k=7))}"
        codes = ";".join(sorted(PHRASES[phrase] for phrase in said))
        rows.append({"id": f"{CANARY}-{seed}-{number}", "year": 2018, **dict(zip("ab", cells, strict=False))})
        rows[-1] |= {"other": cells[2], "codes": codes}
    return rows


def as_lines(rows: Sequence[Row]) -> list[Row]:
    """The same certificates with one row a line."""
    return [
        {"id": row["id"], "year": row["year"], "line": number, "text": row[cell], "code": _code(row[cell])}
        for row in rows
        for number, cell in enumerate(("a", "b", "other"), start=1)
        if row[cell]
    ]


def _code(text: str) -> str:
    return next(code for phrase, code in PHRASES.items() if phrase in text.lower())


def write_csv(path: Path, rows: Sequence[Row], without: Sequence[str] = ()) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if name not in without], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def read(path: Path, config: CorpusConfig = TABLE) -> Corpus:
    return reader(config.format)((path,), config, True).corpus


def candidate(train: Corpus, **parameters: Any) -> Candidate:
    """A dictionary with a rule that makes some certificates automatic, and sends others to a person for many reasons."""
    asked = {"unit": "certificate", **parameters}
    model = frame.fit("dictionary", train, None, Knowledge(), asked, Context())
    rule = DecisionRule(
        0.2,
        UnitRule("product", promise=PROMISE),
        TextGate.learnt([train.texts], Knowledge()),
        UnitRule("product") if asked["unit"] == "line" else None,
        always_person=("T40",),
    )
    return Candidate(model, rule)


def witnessed(made: Candidate, train: Corpus) -> Candidate:
    """The same where certificates go to a person, too, that a witness would code in another way."""
    exact = frame.fit("exact_repeat", train, None, Knowledge(), {"unit": "certificate"}, Context())
    rule = dataclasses.replace(made.rule, gates=GATES, witnesses=(Witness("witness-exact", 0.5),))
    return Candidate(made.model, rule, {"witness-exact": exact})


def promising_lines(made: Candidate) -> Candidate:
    """The same where lines are promised instead of certificates, from a confidence on that some of them reach."""
    promise = dataclasses.replace(PROMISE, unit="line", threshold=0.997225)
    return dataclasses.replace(made, rule=made.rule.certified(None, promise))


def alarms(made: Candidate, train: Corpus) -> dict[str, Any]:
    """What the bundle's alarms compare with: the training certificates, as if they were those of calibration."""
    found, decisions = judge_texts(made, train.texts)
    looked = found.certificates.looked
    counted = (looked.unseen_words, looked.unseen_text, decisions.confidence, decisions.labels, decisions.codes)
    drift = DriftReference.learnt(int(train.texts.years.max()), *counted, ())
    known = Knowledge(CodeList(tuple(CodeEntry(code, phrase) for phrase, code in PHRASES.items())))
    return {"drift": drift, "practice": PracticeReference.learnt([train], known)}


def write_bundle(out: Path, made: Candidate, config: CorpusConfig = TABLE, **changes: Any) -> None:
    folder, others = out.with_name(f"{out.name}-model"), made.witnesses.items()
    made.model.save(folder)
    values: dict[str, Any] = {
        "model": read_files(folder),
        "witnesses": {name: _files(witness, out.with_name(f"{out.name}-{name}")) for name, witness in others},
        "rule": made.rule,
        "corpus": config,
        "labels": dict.fromkeys(made.model.labels.codes, "a title – with a dash"),
        "card": "# Model card\n",
        "description": {"run": "20260302-093012", "model": "dictionary-0"},
    }
    bundle.write(out, **(values | changes))


def unpromised(made: Candidate) -> Candidate:
    return Candidate(made.model, made.rule.certified(None))


def _files(model: Fitted, folder: Path) -> dict[str, bytes]:
    model.save(folder)
    return read_files(folder)


def write_bundles(folder: Path) -> None:
    """Bundles ``table``, ``lines``, ``by_line`` (lines are promised) and ``full`` (a witness, alarms)."""
    rows = certificates(150)
    train = read(write_csv(folder / "table.csv", rows))
    write_bundle(folder / "table", candidate(train))
    lines = read(write_csv(folder / "lines.csv", as_lines(rows)), LINES)
    of_lines = candidate(lines, unit="line")
    write_bundle(folder / "lines", of_lines, LINES)
    write_bundle(folder / "by_line", promising_lines(of_lines), LINES)
    asking = witnessed(candidate(train), train)
    write_bundle(folder / "full", asking, **alarms(asking, train))


def run(made: bundle.Bundle, out: Path, *files: Path, queue: Queue | None = None) -> tuple[list[Row], list[str]]:
    """The rows of the CSV file, and what was said."""
    said: list[str] = []
    predict_files(made, files, out, said.append, queue=queue)
    return rows_of(out), said


def rows_of(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
