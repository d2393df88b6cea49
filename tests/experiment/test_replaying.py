"""A candidate that is fitted again on other years, in this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fits_here import DICTIONARY, FINALISTS, FOUR, LINEAR, WITNESSES, Here, here, row_of, work_of

from harness.config import Synthetic
from harness.corpus.builder import ReadResult
from harness.corpus.synthetic import generate
from harness.experiment.replaying import Replayed
from harness.experiment.work import WITNESS, Work
from harness.files import Row
from harness.search.worker import Failure, PredictResult, PredictSpec, run_predict

DECIDED: Row = {"models": FINALISTS, "witnesses": WITNESSES}


@pytest.fixture(scope="module")
def few() -> ReadResult:
    return generate(Synthetic(certificates=240, codes=20, first_year=2015, years=4))


@pytest.fixture
def work(few: ReadResult, tmp_path: Path) -> Work:
    return work_of(few, tmp_path, FOUR, search={"seed": 7})


def test_a_finalist_that_is_asked_is_no_candidate_here() -> None:
    found = Replayed.of(DECIDED, "linear-0")
    assert found.model == FINALISTS[1]
    assert found.witnesses == ({**row_of("dictionary-0", "dictionary", DICTIONARY), "kind": WITNESS},)
    assert FINALISTS[0]["kind"] == "baseline"  # the row of the run is as it was
    assert Replayed.of({"models": FINALISTS}, "dictionary-0").witnesses == ()


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("dictionary-0", ["dictionary-0"]),
        ("linear-0", ["linear-0", "dictionary-0"]),
        ("ensemble", ["dictionary-0", "linear-0", "witness-linear"]),
    ],
)
def test_what_is_fitted(name: str, fits: list[str]) -> None:
    assert [row["model"] for row in Replayed.of(DECIDED, name).fits] == fits


def test_a_member_that_is_a_witness_too_is_fitted_once() -> None:
    together = {**FINALISTS[2], "witnesses": ["dictionary-0"]}
    found = Replayed.of({"models": [*FINALISTS[:2], together]}, "ensemble")
    assert [row["model"] for row in found.fits] == ["dictionary-0", "linear-0"]


def test_parameters_steps_and_seed_are_frozen(work: Work) -> None:
    rows = [{**FINALISTS[0], "steps": 3}, {**FINALISTS[1], "parameters": {**LINEAR, "max_features": 500}}]
    rows[1]["witnesses"] = ["dictionary-0"]
    found = Replayed.of({"models": rows}, "linear-0")
    years = (work.store.roles["train"], work.store.roles["validation"])
    fitted = found.fit(work, years)
    assert not isinstance(fitted, Failure)
    assert list(fitted) == ["linear-0", "dictionary-0"]
    assert isinstance(work.cluster, Here)
    assert [
        (spec.family, spec.parameters, spec.steps, spec.seed, spec.train, spec.keep) for spec in work.cluster.fits
    ] == [
        ("linear", {**LINEAR, "max_features": 500}, 1, 7, years, True),
        ("dictionary", DICTIONARY, 3, 7, years, True),
    ]
    assert work.cluster.fits[0].knowledge == work.knowledge


def test_each_predicts_the_rows_that_are_asked_for(work: Work) -> None:
    found = Replayed.of(DECIDED, "linear-0")
    fitted = found.fit(work, (work.store.roles["train"],))
    assert not isinstance(fitted, Failure)
    rows = work.store.roles["calibration"]
    predicted = found.predict(work, found.models(fitted), rows)
    assert not isinstance(predicted, Failure)
    assert list(predicted) == ["linear-0", "dictionary-0"]
    for name, predictions in predicted.items():
        alone = run_predict(PredictSpec(fitted[name].model, str(work.store.path), (rows,))).predictions
        assert predictions.labels == alone.labels
        assert np.array_equal(predictions.scores.toarray(), alone.scores.toarray())


@pytest.mark.parametrize(("fails_at", "who"), [(0, "dictionary-0"), (1, "linear-0"), (2, "witness-linear")])
def test_who_cannot_be_fitted_is_named(work: Work, tmp_path: Path, fails_at: int, who: str) -> None:
    failing = replace(work, cluster=here(tmp_path, fails_at=fails_at))
    found = Replayed.of(DECIDED, "ensemble").fit(failing, (work.store.roles["train"],))
    assert found == Failure(f"{who}: ValueError at harness/x.py:3")


class Silent(Here):
    """The second model cannot predict."""

    def predict(self, specs: object, families: object) -> list[PredictResult | Failure]:
        found = super().predict(specs, families)  # type: ignore[arg-type]
        return [found[0], Failure("MemoryError at harness/y.py:4"), *found[2:]]


def test_who_cannot_predict_is_named(work: Work, tmp_path: Path) -> None:
    found = Replayed.of(DECIDED, "linear-0")
    fitted = found.fit(work, (work.store.roles["train"],))
    assert not isinstance(fitted, Failure)
    silent = replace(work, cluster=Silent(1, 0.0, tmp_path))
    predicted = found.predict(silent, found.models(fitted), work.store.roles["validation"])
    assert predicted == Failure("dictionary-0: MemoryError at harness/y.py:4")
