"""``harness audit`` as a user types it: predictions, a second coder's work, a report."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from certificates import by_certificate

from harness.config import CorpusConfig
from harness.corpus.knowledge import Knowledge
from harness.decision.promise import certify
from harness.decision.rule import DecisionRule, UnitRule
from harness.decision.textgate import TextGate
from harness.production import bundle

HEAVY = {"ray", "optuna", "plotly", "tensorflow", "keras", "torch", "sklearn", "transformers"}
CANARY = "CANARY"


def harness(*words: str | Path, where: Path) -> subprocess.CompletedProcess[str]:
    """``harness``, and the packages that it imported as the last line of its output."""
    script = """
import atexit, sys
atexit.register(lambda: print(*sorted({name.partition(".")[0] for name in sys.modules})))
from harness.cli import main
main()
"""
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, words)],
        cwd=where,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120"},
        check=False,
    )


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``bundle`` and the predictions ``out.csv`` of 400 certificates, 300 of them automatic."""
    folder = tmp_path_factory.mktemp("office")
    promise = certify(
        [False] * 300,  # type: ignore[arg-type]
        [0.99] * 300,  # type: ignore[arg-type]
        None,
        risk=0.02,
        confidence_level=0.95,
        candidates=1,
        expected_coverage=1.0,
    )
    assert promise.made
    gate = TextGate.learnt([by_certificate((2018, ["heart failure"], ["I50"])).texts], Knowledge())
    bundle.write(
        folder / "bundle",
        model={"model.json": b"not a model"},
        witnesses={},
        rule=DecisionRule(0.5, UnitRule("product", promise=promise), gate),
        corpus=CorpusConfig(format="synthetic"),
        labels={"I21": "", "I50": ""},
        card="# Model card\n",
        description={"run": "20260302-093012", "model": "dictionary-0"},
    )
    with (folder / "out.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "file", "line", "codes", "confidence", "decision", "reason"])
        for number in range(400):
            sure = ("0.99", "automatic", "sure enough") if number % 4 else ("0.2", "person", "not sure enough")
            writer.writerow([f"{CANARY}{number}", "a.csv", number + 2, "I21" if number % 2 else "I21;I50", *sure])
    return folder


def test_from_predictions_to_a_verdict(office: Path, tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    done = harness("audit", "sample", office / "out.csv", "-o", sample, where=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "300 of 400 certificates for a second coder" in done.stderr
    assert set(done.stdout.splitlines()[-1].split()) & HEAVY == set()
    rows = list(csv.DictReader(sample.open(newline="")))
    assert len(rows) == 300
    assert {row["codes"] for row in rows} == {""}
    with sample.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "file", "line", "codes"])
        writer.writeheader()
        writer.writerows(row | {"codes": "I21" if int(row["line"]) % 2 else "I50;I21"} for row in rows)

    done = harness("audit", "report", office / "bundle", sample, "--json", "report.json", where=tmp_path)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    values = json.loads((tmp_path / "report.json").read_text())
    assert said[0] == f"risk sample: 300 of 300 certificates coded, {values['automatic']} automatic"
    assert said[1].startswith(f"kept: 0 of {values['automatic']} automatic certificates are wrong")
    assert values["verdict"]["promised"] == 0.02
    assert set(said[-1].split()) & HEAVY == set()
    assert CANARY not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sample", "none.csv", "-o", "s.csv"], "PREDICTIONS must be a CSV file with the columns id, file, line"),
        (["sample", "OUT", "-o", "s.csv", "-n", "0"], "-n must be at least 1, but got 0"),
        (["sample", "OUT", "-o", "s.csv", "--most", "-1"], "--most must not be negative, but got -1"),
        (["sample", "OUT", "-o", "OUT"], "-o must name a new file"),
        (["report", "none", "s.csv"], "BUNDLE must be a folder that harness export wrote"),
        (["report", "BUNDLE", "s.csv"], "FILE must have its key beside it"),
        (["report", "BUNDLE", "s.csv", "--looks", "0"], "--looks must be at least 1"),
    ],
)
def test_bad_input_is_one_line(office: Path, tmp_path: Path, words: list[str], said: str) -> None:
    places = {"OUT": str(office / "out.csv"), "BUNDLE": str(office / "bundle")}
    done = harness("audit", *(places.get(word, word) for word in words), where=tmp_path)
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["audit"], ["audit", "sample", "--help"], ["audit", "report", "--help"]])
def test_help_is_said(words: list[str], tmp_path: Path) -> None:
    done = harness(*words, where=tmp_path)
    assert "Usage:" in done.stdout + done.stderr
    assert {"numpy", *HEAVY}.isdisjoint(done.stdout.splitlines()[-1].split())
