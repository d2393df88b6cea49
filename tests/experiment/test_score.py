"""The stage score, without any fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scored_by_hand import (
    BY_LINE,
    MORE,
    NAMES,
    NOT_MADE,
    PROMISE,
    REFERENCE,
    corpus,
    said_by_line,
    unit,
)

from harness.corpus.certificate import LabelSet
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import Slice
from harness.decision.rule import DecisionRule, UnitRule, decide
from harness.decision.textgate import TextGate
from harness.experiment.score import score_stage
from harness.families.family import Predictions
from harness.files import write_json
from harness.run.folder import RunFolder

CONFIG = SimpleNamespace(
    years=SimpleNamespace(refit=True),
    search=SimpleNamespace(seed=0, objective="micro_f1"),
    promise=SimpleNamespace(risk=0.4),
    automation=SimpleNamespace(minutes_per_certificate=6.0, minutes_per_line=2.0),
)


def test_rows_of_the_stage_have_every_column_of_the_design(tmp_path: Path) -> None:
    """Two validation years and a calibration year, one model with a promise, one that was lost in the refit."""
    run = RunFolder(tmp_path / "run")
    years = {"validation": {2017: Slice(0, 3), 2018: Slice(3, 5)}, "calibration": {2019: Slice(5, 9)}}
    roles = {"validation": Slice(0, 5), "calibration": Slice(5, 9)}
    corpora = {"train": corpus("A", "A", "B"), "validation": REFERENCE, "calibration": corpus("A", "A", "B", "C")}
    rule = DecisionRule(0.5, unit(), TextGate.learnt([REFERENCE.texts], Knowledge()))
    models: list[dict[str, Any]] = [
        {
            "model": f"linear-{number}",
            "family": "linear",
            "kind": "baseline",
            "parameters": {},
            "steps": 1,
            "fit_seconds": 2.5,
            "reason": None,
            "witnesses": ["witness-tree"],
        }
        for number in range(2)
    ]
    promise = PROMISE
    for model in models:
        rule.save(run.path / "rules" / model["model"])
    rule.certified(promise).save(run.model("linear-0") / "rule")
    found = csr_array(np.array([[0.9, 0, 0], [0.8, 0, 0], [0, 0.7, 0], [0, 0, 0.6]], np.float32))
    later = Predictions(LabelSet(("A", "B", "C")), found)
    earlier = Predictions(later.labels, csr_array(found[np.array([0, 1, 2, 3, 3])]))
    for number in range(2):
        run.save_predictions(f"validation/linear-{number}", earlier)
    for name in ("linear-0", "witness-tree"):
        run.save_predictions(f"calibration/{name}", later)
    write_json(
        run.path / "run.json", {"version": "1", "commit": None, "libraries": {}, "hardware": {}, "seed": 0, "format": 1}
    )
    described = {role: {"years": sorted(of_year)} for role, of_year in years.items()}
    write_json(run.path / "corpus.json", {"fingerprint": "f", "code_list": {"fingerprint": "c"}, "roles": described})
    sizes = {"linear-0": 1000, "witness-tree": 500}
    fitted = {name: {"seconds": 3.5, "bytes": size, "n_labels": 3} for name, size in sizes.items()}
    run.write_stage("refit", {"models": fitted, "lost": {}})
    run.write_stage("certify", {"promises": {"linear-0": promise.to_dict()}, "speeds": {"linear-0": 99.0}})
    work: Any = SimpleNamespace(
        run=run,
        store=SimpleNamespace(roles=roles, years=years),
        config=CONFIG,
        said=lambda rule, predictions, role, texts: decide(rule, predictions, texts),
        corpus=corpora.__getitem__,
        known=Knowledge,
        models=lambda: models,
        refitted=lambda: (run.stage("refit") or {})["models"],
    )
    score_stage(work)

    rows = run.scorecards()
    assert all({*NAMES, *MORE} <= set(row) for row in rows)
    assert all((row["code_list"], row["dictionaries"]) == ("c", None) for row in rows)
    assert [(row["model"], row["role"], row["year"], row["n"]) for row in rows] == [
        ("linear-0", "validation", "all", 5),
        ("linear-0", "validation", "2017", 3),
        ("linear-0", "validation", "2018", 2),
        ("linear-0", "calibration", "all", 4),
        ("linear-0", "calibration", "2019", 4),
        ("linear-1", "validation", "all", 5),
        ("linear-1", "validation", "2017", 3),
        ("linear-1", "validation", "2018", 2),
    ]
    for row in rows:
        certified = row["role"] == "calibration"
        assert row["refit"] == certified
        assert (row["coverage"], row["promised_coverage"]) == ((0.5, 0.5) if certified else (None, None))
        assert row["hours_saved"] == (0.2 if certified else None)  # two certificates of six minutes
        assert "verdict" not in row
        assert (row["estimator"], row["recalibration"]) == ("product", "none")
        assert row["bytes"] == (1500 if row["model"] == "linear-0" else None)  # the witness is shipped, too
        assert row["fit_seconds"] == (3.5 if certified else 2.5)
        assert row["certificates_per_second"] == (99.0 if certified else None)
        assert (row["reason"] is None) == certified
        # A, B and C: validation knows them of train alone, where C is unseen; the refit also of validation
        assert row["n_codes_unseen"] == (0 if certified else {"all": 2, "2017": 0, "2018": 2}[row["year"]])
    assert {(row["model"], row["role"], row["year"]) for row in run.figure("risk_coverage")} == {
        (row["model"], row["role"], row["year"]) for row in rows
    }
    before = (run.path / "scorecards.jsonl").read_bytes()
    models.clear()
    score_stage(work)  # what is done is not done again
    assert (run.path / "scorecards.jsonl").read_bytes() == before


@pytest.mark.parametrize("units", ["line", "both"])
def test_lines_have_rows_of_their_own_and_held_out_years_a_verdict(tmp_path: Path, units: str) -> None:
    run = RunFolder(tmp_path / "run")
    roles = {
        role: Slice(2 * place, 2 * place + 2) for place, role in enumerate(("validation", "calibration", "heldout"))
    }
    said = said_by_line().predictions
    assert said.line_scores is not None
    sure = said.line_scores.toarray() * np.array([1.8, 1.6, 1.4, 1.2, 1.0, 1.9])[:, None]
    predictions = replace(said, line_scores=csr_array(sure.astype(np.float32)))
    rule = DecisionRule(0.5, unit(), TextGate.learnt([BY_LINE.texts], Knowledge()), UnitRule("margin"))
    model = {"model": "linear-0", "family": "linear", "kind": "baseline", "parameters": {}, "steps": 1}
    model |= {"fit_seconds": 2.5, "reason": None}
    rule.save(run.path / "rules" / "linear-0")
    promises = (None if units == "line" else NOT_MADE, replace(PROMISE, threshold=-np.inf, unit="line", coverage=0.25))
    rule.certified(*promises).save(run.model("linear-0") / "rule")
    write_json(run.path / "run.json", dict.fromkeys(("version", "commit", "libraries", "hardware", "seed")))
    write_json(run.path / "corpus.json", {"fingerprint": "f", "roles": {role: {"years": []} for role in roles}})
    for role in ("validation", "calibration", "heldout"):
        run.save_predictions(f"{role}/linear-0", predictions)
    work: Any = SimpleNamespace(
        run=run,
        store=SimpleNamespace(roles=roles, years={role: {} for role in roles}),
        config=CONFIG,
        said=lambda rule, predictions, role, texts: decide(rule, predictions, texts),
        corpus=lambda role: BY_LINE,
        known=Knowledge,
        models=lambda: [model],
        asked_models=lambda: [model],
        config_digest=lambda: "0123",
        predict=lambda models, role: ({"linear-0": 50.0}, {}),
        refitted=lambda: {"linear-0": {"seconds": 3.5, "bytes": 1000}},
    )
    score_stage(work)

    rows = {(row["role"], row["unit"]): row for row in run.scorecards()}
    assert set(rows) == {(role, unit) for role in roles for unit in ("certificate", "line")}
    assert all(set(rows[role, "certificate"]) == set(rows[role, "line"]) for role in roles)
    for (role, unit_), row in rows.items():
        later = role != "validation"
        assert row["estimator"] == {"certificate": "product", "line": "margin"}[unit_]
        assert row["n"] == {"certificate": 2, "line": 6}[unit_]
        assert ("verdict" in row) == (role == "heldout")
        assert row["promised_coverage"] == (0.25 if (role, unit_) == ("calibration", "line") else None)
        if not later:
            assert row["reason"].startswith("a working point is certified on calibration years")
            assert (row["coverage"], row["hours_saved"]) == (None, None)
        elif unit_ == "line":
            # two lines without a code go to a person; one of the other four is wrong
            assert (row["coverage"], row["risk"], row["reason"]) == (4 / 6, 1 / 4, None)
            assert row["hours_saved"] == pytest.approx(4 * 2 / 60, abs=1e-3)
            assert row["macro_f1"] is None
        elif units == "line":
            assert (row["coverage"], row["risk"], row["reason"]) == (0.0, None, None)  # both have such a line
        else:
            assert (row["coverage"], row["risk"], row["reason"]) == (None, None, "impossible")
    assert rows["heldout", "line"]["verdict"] == "undecided"
    assert rows["heldout", "certificate"]["verdict"] is None
