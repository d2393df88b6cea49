"""The normalisation study without a cluster: its arms, what it asks, and the normaliser's cross-fitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import pytest
from certificates import Roles

from harness.config import RunConfig, load_config
from harness.corpus import store
from harness.corpus.years import assign
from harness.errors import ConfigError, PartlyDone, RunError, UnknownName
from harness.experiment import normalisation, normaliser
from harness.experiment.gains import Pair
from harness.experiment.normalisation import arms, for_study, meta, pairs, smoke
from harness.experiment.tuning import shares
from harness.experiment.work import Work
from harness.families.torch_parts.outputs import Task
from harness.files import Row, write_json
from harness.run.study import NORMALISATION, NORMALISER, StudyFolder
from harness.search.space import check_space
from harness.search.worker import (
    Failure,
    FitResult,
    FitSpec,
    PredictResult,
    PredictSpec,
    run_fit,
    run_predict,
)

TOML = """
[corpus]
format = "synthetic"
[years]
train = "2012-2014"
validation = "2015"
calibration = "2016"
{heldout}
[study]
{study}
"""
HELDOUT = 'heldout = "2017"'


def config(tmp_path: Path, study: str = "", heldout: str = HELDOUT) -> RunConfig:
    (tmp_path / "my.toml").write_text(TOML.format(study=study, heldout=heldout))
    return load_config(tmp_path / "my.toml")


def test_arms_are_three_tasks_and_each_coder_on_each_text(tmp_path: Path) -> None:
    found = arms(config(tmp_path, 'coders = ["linear", "bag"]'))
    assert [(arm.name, arm.family, arm.use) for arm in found] == [
        ("code", "seq2seq", "raw"),
        ("normalise", "seq2seq", "raw"),
        ("joint", "seq2seq", "raw"),
        ("linear", "linear", "raw"),
        ("linear-normalised", "linear", "normalised"),
        ("linear-both", "linear", "both"),
        ("bag", "bag", "raw"),
        ("bag-normalised", "bag", "normalised"),
        ("bag-both", "bag", "both"),
    ]


def test_arms_that_are_compared_have_equal_shares(tmp_path: Path) -> None:
    found = config(tmp_path, 'coders = ["linear", "bag"]\nbudget = "240s"')
    share = shares(found, arms(found))
    assert {share[name] for name in ("code", "normalise", "joint")} == {40.0}
    assert {share[name] for name in ("bag", "bag-normalised", "bag-both")} == {30.0}
    assert {share[name] for name in ("linear", "linear-normalised", "linear-both")} == {10.0}
    assert sum(share.values()) == pytest.approx(240.0)


@pytest.mark.parametrize(("by_line", "unit"), [(True, "line"), (False, "certificate")])
def test_a_task_fixes_what_is_written_and_for_what(tmp_path: Path, by_line: bool, unit: str) -> None:
    space = check_space(
        "seq2seq",
        {
            "task": {"choices": ["code", "normalise"], "default": "code"},
            "beams": {"value": 2, "when": {"task": ["code"]}},
            "width": {"value": 64},
        },
        "seq2seq.toml",
    )
    found = {arm.name: arm.space(space).defaults() for arm in arms(config(tmp_path), by_line=by_line)[:3]}
    assert found == {
        "code": {"task": "code", "unit": unit, "beams": 2, "width": 64},
        "normalise": {"task": "normalise", "unit": unit, "width": 64},
        "joint": {"task": "joint", "unit": unit, "width": 64},
    }


def test_a_study_has_its_arms_families_and_no_calibration_years(tmp_path: Path) -> None:
    found = for_study(config(tmp_path, 'coders = ["linear"]\nbudget = "90s"\nfolds = 3'), "my.toml")
    assert found.search.families == ("seq2seq", "linear")
    assert found.years.calibration == ()
    assert meta(found) == {
        "kind": "normalisation study",
        "arms": ["code", "normalise", "joint", "linear", "linear-normalised", "linear-both"],
        "coders": ["linear"],
        "sizes": ["1"],
        "seeds": 3,
        "folds": 3,
    }
    small = smoke(found)
    assert (small.study.folds, small.study.seeds, small.search.trials) == (2, 2, 1)


@pytest.mark.parametrize(
    ("study", "heldout", "error", "said"),
    [
        ("", "", ConfigError, r"years\.heldout must name at least one year.*\(my\.toml\)"),
        ('coders = ["linaer"]', HELDOUT, UnknownName, r"study\.coders must hold .*linear.*'linaer'"),
        ('coders = ["seq2seq"]', HELDOUT, ConfigError, "no encoder-decoder, but got 'seq2seq'"),
        ('coders = ["bag", "bag"]', HELDOUT, ConfigError, "once each, .* but got 'bag'"),
    ],
)
def test_what_is_no_study_is_refused(
    tmp_path: Path, study: str, heldout: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        for_study(config(tmp_path, study, heldout), "my.toml")


def test_validation_chooses_the_task_and_the_coder_that_are_compared() -> None:
    score = {"code": 0.7, "normalise": 0.6, "joint": 0.71, "linear": 0.5, "linear-normalised": 0.9, "bag": 0.55}
    tuned: list[Row] = [{"arm": arm, "score": value} for arm, value in score.items()]
    assert pairs([*tuned, {"arm": "linear-both", "score": None}], ["linear", "bag"]) == [
        Pair("normalise", "normalise", "code"),
        Pair("joint", "joint", "code"),
        Pair("over_baseline", "joint", "bag"),
        Pair("linear-normalised", "linear-normalised", "linear"),
    ]


class Here:
    """A cluster of this process."""

    def __init__(self) -> None:
        self.fits: list[FitSpec] = []
        self.asked: list[PredictSpec] = []
        self.models: list[Mapping[str, bytes]] = []

    def device(self, family: str) -> str:
        return "cpu"

    def fit(self, specs: Sequence[FitSpec]) -> list[FitResult | Failure]:
        found = [run_fit(spec) for spec in specs]
        self.fits += specs
        self.models += [one.model for one in found]
        return list(found)

    def predict(self, specs: Sequence[PredictSpec], families: Sequence[str]) -> list[PredictResult | Failure]:
        self.asked += specs
        return [run_predict(spec) for spec in specs]


class Lost(Here):
    """A cluster that loses every fit."""

    def fit(self, specs: Sequence[FitSpec]) -> list[FitResult | Failure]:
        return [Failure("MemoryError at a.py:1") for _ in specs]


TASK: dict[str, Any] = {
    "task": "normalise", "unit": "line", "width": 32, "layers": 1, "epochs": 2, "batch": 512, "fresh_rate": 0.01,
    "length": 32, "longest": 24, "buckets_log2": 10, "vocabulary": 120,
}  # fmt: skip
TUNED: list[Row] = [{"arm": "normalise", "family": "seq2seq", "parameters": TASK, "steps": 2, "score": 0.5}]


def work_on(roles: Roles, folder: Path, cluster: Here) -> tuple[Work, StudyFolder]:
    found = for_study(config(folder, "folds = 3"), "my.toml")
    years = found.years.model_copy(update={"heldout": (2016,)})
    own = store.build(roles.read, assign(roles.read, years), folder / "store")
    study = StudyFolder(folder / "run")
    write_json(study.path / "run.json", {"format": 1, "kind": NORMALISATION, "arms": ["normalise"]})
    return Work(study, found, {}, own, "", cast(Any, cluster), lambda line: None), study


def test_no_certificate_of_training_is_written_by_a_model_that_was_shown_it(tiny_roles: Roles, tmp_path: Path) -> None:
    here = Here()
    work, study = work_on(tiny_roles, tmp_path, here)
    made = normaliser.normaliser_stage(work, study, TUNED)
    assert (made["reason"], made["arm"], made["n"]) == (None, "normalise", len(work.store.roles["train"]))
    assert 0.0 < made["changed"] <= 1.0
    assert 0.0 <= made["scores"]["normalise"] <= 1.0
    whole, *parts = here.fits
    assert whole.without is None
    assert len(parts) == work.config.study.folds == 3
    written = np.zeros(made["n"], dtype=int)
    for asked in here.asked:
        (fit,) = [fit for fit, model in zip(here.fits, here.models, strict=True) if asked.model is model]
        if asked.part is None:
            assert fit is whole
            assert asked.rows != (work.store.roles["train"],)
        else:
            assert asked.rows == (work.store.roles["train"],)
            assert fit.without == asked.part
            written += asked.part.rows(made["n"])
    assert (written == 1).all()

    # Each certificate has what the model that was fitted without it wrote; the others what the whole one wrote.
    found = normaliser.stores(work, study, made)
    for asked in here.asked:
        wrote = run_predict(asked).predictions.written
        assert wrote is not None
        assert wrote.text is not None
        own = found["normalised"].corpus(*asked.rows).texts
        if asked.part is not None:
            own = own.take(np.flatnonzero(asked.part.rows(len(own))))
        assert own.lines.to_pylist() == wrote.text.to_pylist()
    assert found["normalised"].roles == work.store.roles
    raw, normalised, both = (
        one.corpus(one.roles["train"]).texts.lines.to_pylist()
        for one in (work.store, found["normalised"], found["both"])
    )
    assert both == ["; ".join(part for part in pair if part) for pair in zip(raw, normalised, strict=True)]

    before = len(here.fits)
    assert normaliser.normaliser_stage(work, study, TUNED) == made
    assert len(here.fits) == before


def test_stores_that_are_gone_are_named(tiny_roles: Roles, tmp_path: Path) -> None:
    work, study = work_on(tiny_roles, tmp_path, Here())
    made = {"arm": "joint", "folders": {"normalised": work.store.fingerprint, "both": "gone"}}
    with pytest.raises(RunError, match="but gone is neither in its cache nor in HARNESS_CACHE"):
        normaliser.stores(work, study, made)


def test_without_a_writer_there_is_a_reason(tiny_roles: Roles, tmp_path: Path) -> None:
    work, study = work_on(tiny_roles, tmp_path, Here())
    made = normaliser.normaliser_stage(work, study, [{**TUNED[0], "parameters": None, "score": None}])
    assert made["reason"] == "neither normalise nor joint has a finished trial"
    assert normaliser.stores(work, study, made) == {}
    assert study.stage(NORMALISER) == made


def test_a_fit_that_is_lost_may_go_well_another_time(tiny_roles: Roles, tmp_path: Path) -> None:
    work, study = work_on(tiny_roles, tmp_path, Lost())
    with pytest.raises(PartlyDone, match=r"could not be fitted \(MemoryError at a.py:1\); harness resume tries again"):
        normaliser.normaliser_stage(work, study, TUNED)
    assert study.stage(NORMALISER) is None


def test_tasks_are_those_of_the_family() -> None:
    assert set(normalisation.TASKS) == set(get_args(Task))
