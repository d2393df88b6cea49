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
from harness.corpus.formats import reader
from harness.corpus.knowledge import Knowledge
from harness.decision.novelty import UnseenWords
from harness.decision.promise import Promise, Step
from harness.decision.rule import Candidate, DecisionRule
from harness.families import frame
from harness.families.family import Context
from harness.production import bundle
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
    """A dictionary with a rule that makes some certificates automatic, and sends others to a person for each reason."""
    model = frame.fit("dictionary", train, None, Knowledge(), {"unit": "certificate", **parameters}, Context())
    rule = DecisionRule(0.2, "product", UnseenWords.learnt([train.texts], Knowledge()), ("T40",), PROMISE)
    return Candidate(model, rule)


def write_bundle(out: Path, made: Candidate, config: CorpusConfig = TABLE, **changes: Any) -> None:
    folder = out.with_name(f"{out.name}-model")
    made.model.save(folder)
    values: dict[str, Any] = {
        "model": read_files(folder),
        "rule": made.rule,
        "corpus": config,
        "labels": dict.fromkeys(made.model.labels.codes, "a title – with a dash"),
        "card": "# Model card\n",
        "description": {"run": "20260302-093012", "model": "dictionary-0"},
    }
    bundle.write(out, **(values | changes))


def unpromised(made: Candidate) -> Candidate:
    return Candidate(made.model, dataclasses.replace(made.rule, promise=None))
