"""The stages decide, refit and certify on the generated corpus, and on the same texts with random labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.config import RunConfig, Synthetic, YearsConfig
from harness.corpus import store
from harness.corpus.builder import ReadResult
from harness.corpus.knowledge import Knowledge
from harness.corpus.synthetic import generate
from harness.corpus.years import assign
from harness.decision.rule import DecisionRule
from harness.errors import RunError
from harness.experiment.certify import certify_stage
from harness.experiment.deciding import decide_stage
from harness.experiment.picking import lost
from harness.experiment.readings import READINGS
from harness.experiment.refitting import refit_stage
from harness.experiment.work import Work
from harness.files import Row, read_rows, write_json
from harness.run.folder import RunFolder
from harness.search.cluster import Cluster
from harness.search.worker import Failure, FitResult, FitSpec, PredictResult, PredictSpec, Report, run_fit, run_predict

YEARS = YearsConfig(train=(2014, 2015, 2016, 2017), validation=(2018,), calibration=(2019,))


class Here(Cluster):
    """The same fits and predictions, in this process."""

    def fit(self, specs: Sequence[FitSpec]) -> list[FitResult | Failure]:
        return [run_fit(spec) for spec in specs]

    def predict(self, specs: Sequence[PredictSpec], families: Sequence[str]) -> list[PredictResult | Failure]:
        return [run_predict(spec) for spec in specs]


@pytest.fixture(scope="module")
def generated() -> ReadResult:
    return generate(Synthetic())


class Failing(Here):
    """One model cannot predict."""

    def predict(self, specs: Sequence[PredictSpec], families: Sequence[str]) -> list[PredictResult | Failure]:
        return [
            Failure("ValueError at harness/x.py:3") if family == "dictionary" else run_predict(spec)
            for spec, family in zip(specs, families, strict=True)
        ]


def certified(
    read: ReadResult, folder: Path, name: str = "run", unit: str = "line", cluster: type[Here] = Here, **sections: Row
) -> tuple[Work, Row]:
    """A run of one dictionary trial up to its certification, and what the stage wrote."""
    built = store.build(read, assign(read, YEARS), folder / "store")
    run = RunFolder(folder / name)
    config = RunConfig.model_validate(
        {
            "corpus": {"format": "synthetic"},
            "years": {"train": "2014-2017", "validation": "2018", "calibration": "2019"},
            **sections,
        }
    )
    write_json(run.path / "corpus.json", {"knowledge": None})
    knowledge = store.keep_knowledge(Knowledge(read.code_list), folder / "store")
    work = Work(run, config, {}, built, knowledge, cluster(1, 0.0, folder), lambda line: None)
    spec = FitSpec("dictionary", {"unit": unit}, str(built.path), (built.roles["train"],), (built.roles["validation"],))
    reports: list[Report] = []
    run_fit(spec, reports.append)
    run.save_predictions("validation/dictionary-0", reports[0].predictions)
    run.add_trial(
        {
            "trial": "dictionary-0",
            "family": "dictionary",
            "kind": "baseline",
            "status": "done",
            "parameters": {"unit": unit},
            "score": reports[0].score,
            "steps": 1,
            "seconds": 1.0,
        }
    )
    decide_stage(work)
    refit_stage(work)
    assert (run.stage("refit") or {})["lost"] == {}
    certify_stage(work)
    return work, run.stage("certify") or {}


def test_the_generated_corpus_allows_a_promise(generated: ReadResult, tmp_path: Path) -> None:
    work, found = certified(generated, tmp_path)
    promise = found["promises"]["dictionary-0"]
    assert promise["made"]
    assert promise["coverage"] > 0.05
    assert promise["p_value"] <= 0.05
    rule = DecisionRule.load(work.run.model("dictionary-0") / "rule")
    assert rule.certificate.promise is not None
    assert rule.certificate.promise.to_dict() == promise
    assert rule.line is not None
    assert rule.line.promise is None
    model = work.models()[0]
    assert (model["witnesses"], rule.witnesses) == ([], ())  # a dictionary is no witness of itself
    assert model["design_effect"] == 1.0
    assert rule.certificate.estimator == model["estimator"]
    assert promise["coverage"] <= model["expected"]["certificate"]["coverage"] + 0.1
    kept = work.run.confidence("dictionary-0", "certificate")
    assert kept.shape == (len(work.store.roles["validation"]),)
    assert np.isneginf(kept).any()
    assert found["naive"]["dictionary-0"]["coverage"] >= promise["coverage"]
    assert found["ties"] == []


def test_both_units_share_the_confidence(generated: ReadResult, tmp_path: Path) -> None:
    work, found = certified(generated, tmp_path, promise={"unit": "both", "risk": 0.1})
    promise = found["promises"]["dictionary-0"]
    assert (promise["unit"], promise["line"]["unit"]) == ("certificate", "line")
    assert promise["delta"] == promise["line"]["delta"] == pytest.approx(0.05 / 2)
    assert (promise["made"], promise["line"]["made"]) == (True, True)
    rule = DecisionRule.load(work.run.model("dictionary-0") / "rule")
    assert rule.line is not None
    assert rule.line.promise is not None
    assert rule.line.promise.to_dict() == promise["line"]
    assert set(work.models()[0]["expected"]) == {"certificate", "line"}


def test_a_model_of_whole_certificates_is_not_certified_by_line(tmp_path: Path) -> None:
    few = generate(Synthetic(certificates=800, codes=40))
    work, found = certified(few, tmp_path, unit="certificate", promise={"unit": "line"})
    row = work.models()[0]
    assert (row["shortlisted"], row["reason"]) == (False, "it codes whole certificates, and lines are promised")
    assert "dictionary-0" not in found["promises"]


class Unwitnessed(Here):
    """The witness, a linear model, predicts validation and nothing more."""

    def fit(self, specs: Sequence[FitSpec]) -> list[FitResult | Failure]:
        fitted = [spec if spec.family != "linear" else replace(spec, parameters=SMALL) for spec in specs]
        return [run_fit(spec) for spec in fitted]

    def predict(self, specs: Sequence[PredictSpec], families: Sequence[str]) -> list[PredictResult | Failure]:
        return [
            Failure("ValueError at harness/x.py:3") if family == "linear" and len(specs) > 1 else run_predict(spec)
            for spec, family in zip(specs, families, strict=True)
        ]


SMALL = {"unit": "line", "char_ngrams": 3, "max_features": 2000}


def test_who_asks_a_witness_that_cannot_predict_is_lost(tmp_path: Path) -> None:
    few = generate(Synthetic(certificates=800, codes=40))
    automation = {"witnesses": ["linear"], "gates": ["unseen_word", "disagreement"]}
    with pytest.raises(RunError, match=r"none could \(.*its witness witness-linear: ValueError at harness/x.py:3\)"):
        certified(few, tmp_path, cluster=Unwitnessed, automation=automation)
    run = RunFolder(tmp_path / "run")
    decided = run.stage("decide") or {}
    assert [row["model"] for row in decided["witnesses"]] == ["witness-linear"]
    assert {row["model"]: row["witnesses"] for row in decided["models"] if row["witnesses"]} == {
        "dictionary-0": ["witness-linear"]
    }
    assert "witness-linear" in (run.stage("refit") or {})["models"]
    rule = DecisionRule.load(run.model("dictionary-0") / "rule")
    assert [witness.model for witness in rule.witnesses] == ["witness-linear"]
    assert not (run.model("witness-linear") / "rule").exists()
    assert read_rows(tmp_path / READINGS) == []


class Unfitted(Here):
    """The witness cannot be fitted."""

    def fit(self, specs: Sequence[FitSpec]) -> list[FitResult | Failure]:
        return [Failure("no memory") if spec.family == "linear" else run_fit(spec) for spec in specs]


class Mute(Here):
    """The witness cannot predict."""

    def fit(self, specs: Sequence[FitSpec]) -> list[FitResult | Failure]:
        return Unwitnessed.fit(self, specs)  # type: ignore[arg-type]

    def predict(self, specs: Sequence[PredictSpec], families: Sequence[str]) -> list[PredictResult | Failure]:
        return [
            Failure("no memory") if family == "linear" else run_predict(spec)
            for spec, family in zip(specs, families, strict=True)
        ]


@pytest.mark.parametrize("cluster", [Unfitted, Mute])
def test_a_gate_never_goes_off_with_its_witness(tmp_path: Path, cluster: type[Here]) -> None:
    few = generate(Synthetic(certificates=800, codes=40))
    automation = {"witnesses": ["linear"], "gates": ["unseen_word", "disagreement"]}
    work, found = certified(few, tmp_path, cluster=cluster, automation=automation)
    assert work.witnesses() == []
    row = work.models()[0]
    assert (row["witnesses"], row["shortlisted"]) == ([], False)
    assert row["reason"] == "it has no witness of another family, which the gate disagreement has to ask"
    assert work.models()[1]["reason"] == "a floor is scored and never picked"
    assert found["promises"] == {}
    assert (work.run.stage("decide") or {})["silent"] == {"witness-linear": "no memory"}
    assert lost(work.run) == ["witness-linear could not be asked as a witness (no memory)"]


def test_without_the_gate_a_silent_witness_is_said_and_nothing_else(tmp_path: Path) -> None:
    few = generate(Synthetic(certificates=800, codes=40))
    work, found = certified(few, tmp_path, cluster=Unfitted, automation={"witnesses": ["linear"]})
    assert "dictionary-0" in found["promises"]
    assert lost(work.run) == ["witness-linear could not be asked as a witness (no memory)"]


def test_the_family_of_the_witness_has_none_and_is_not_shortlisted(tmp_path: Path) -> None:
    few = generate(Synthetic(certificates=800, codes=40))
    automation = {"witnesses": ["dictionary"], "gates": ["disagreement"]}
    work, found = certified(few, tmp_path, automation=automation)
    assert (work.models()[0]["shortlisted"], found["promises"]) == (False, {})
    assert (work.run.stage("decide") or {})["silent"] == {}
    assert lost(work.run) == []


def test_random_labels_allow_none(generated: ReadResult, tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(len(generated.corpus))
    corpus = generated.corpus.with_codes(generated.corpus.codes[order])
    _, found = certified(replace(generated, corpus=corpus, code_list=None), tmp_path, unit="certificate")
    promise = found["promises"]["dictionary-0"]
    assert not promise["made"]
    assert promise["reason"].startswith("impossible")
    assert promise["coverage"] == 0.0


def test_a_second_reading_of_the_same_certificates_is_counted(generated: ReadResult, tmp_path: Path) -> None:
    assert certified(generated, tmp_path, "first")[1]["earlier_readings"] == 0
    assert certified(generated, tmp_path, "second")[1]["earlier_readings"] == 1
    rows = read_rows(tmp_path / READINGS)
    assert [row["run"] for row in rows] == ["first", "second"]
    assert rows[0]["fingerprint"] == rows[1]["fingerprint"]


def test_a_run_whose_only_finalist_cannot_predict_says_so_before_it_reads(tmp_path: Path) -> None:
    few = generate(Synthetic(certificates=800, codes=40))
    with pytest.raises(RunError, match=r"can predict calibration, but none could \(ValueError at harness/x.py:3\)"):
        certified(few, tmp_path, cluster=Failing)
    assert read_rows(tmp_path / READINGS) == []
