"""The normalisation study without a cluster: its arms, what it asks, and the normaliser's cross-fitting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import pytest
from certificates import Roles

from harness.config import RunConfig, load_config
from harness.corpus import store
from harness.corpus.years import assign
from harness.errors import ConfigError, RunError, UnknownName
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
    read_files,
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

    def device(self, family: str) -> str:
        return "cpu"

    def fit(self, specs: Sequence[FitSpec]) -> list[FitResult | Failure]:
        self.fits += specs
        return [run_fit(spec) for spec in specs]

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
    assert made["reason"] is None
    whole, *parts = here.fits
    assert whole.without is None
    n = len(work.store.roles["train"])
    assert len(parts) == 3
    shown = np.zeros(n, dtype=int)
    of_train = [spec for spec in here.asked if spec.part is not None]
    for fit, asked in zip(parts, of_train, strict=True):
        assert fit.without is not None
        assert fit.without == asked.part
        assert asked.rows == (work.store.roles["train"],)
        shown += fit.without.rows(n)
    assert (shown == 1).all()  # each certificate is written once
    assert [spec.rows for spec in here.asked if spec.part is None] == [
        (work.store.roles[role],) for role in work.store.roles if role != "train"
    ]


def test_the_stores_hold_what_was_written_in_place(tiny_roles: Roles, tmp_path: Path) -> None:
    here = Here()
    work, study = work_on(tiny_roles, tmp_path, here)
    made = normaliser.normaliser_stage(work, study, TUNED)
    found = normaliser.sources(work, study, made)
    assert found["normalised"].store.roles == work.store.roles
    train = work.corpus("train").texts
    own = found["normalised"].store.corpus(work.store.roles["train"]).texts
    both = found["both"].store.corpus(work.store.roles["train"]).texts
    # The part of the first fold alone, written again by the model that was fitted without it.
    spec = next(spec for spec in here.asked if spec.part is not None)
    assert spec.part is not None
    again = run_predict(spec).predictions.written
    assert again is not None
    assert again.text is not None
    rows = np.flatnonzero(spec.part.rows(len(train)))
    assert own.take(rows).lines.to_pylist() == again.text.to_pylist()
    for line, wrote, joined in zip(train.lines.to_pylist(), own.lines.to_pylist(), both.lines.to_pylist(), strict=True):
        assert joined == ("; ".join(part for part in (line, wrote) if part))
    assert 0.0 < made["changed"] <= 1.0
    assert made["n_lines"] == len(train.lines)
    # Held-out certificates are written by the model that is kept.
    model = PredictSpec(
        read_files(Path(found["both"].normaliser)), str(work.store.path), (work.store.roles["heldout"],)
    )
    held = run_predict(model).predictions.written
    assert held is not None
    assert held.text is not None
    lines = found["normalised"].store.corpus(work.store.roles["heldout"]).texts.lines
    assert lines.to_pylist() == held.text.to_pylist()

    before = len(here.fits)
    assert normaliser.normaliser_stage(work, study, TUNED) == made
    assert len(here.fits) == before


def test_stores_that_are_gone_are_named(tiny_roles: Roles, tmp_path: Path) -> None:
    work, study = work_on(tiny_roles, tmp_path, Here())
    made = {"reason": None, "folders": {"model": "m", "normalised": "gone", "both": "gone"}}
    (work.store.path.parent / "m").mkdir()
    with pytest.raises(RunError, match="but gone is neither in its cache nor in HARNESS_CACHE"):
        normaliser.sources(work, study, made)


@pytest.mark.parametrize("arm", [None, "normalise"])
def test_without_a_normaliser_there_is_a_reason(tiny_roles: Roles, tmp_path: Path, arm: str | None) -> None:
    work, study = work_on(tiny_roles, tmp_path, Lost())
    made = normaliser.normaliser_stage(work, study, TUNED if arm else [])
    assert made["reason"] == (
        "neither normalise nor joint has a finished trial"
        if arm is None
        else "it could not be fitted: MemoryError at a.py:1"
    )
    assert made["folders"] == {}
    assert normaliser.sources(work, study, made) == {}
    assert study.stage(NORMALISER) == made


def test_tasks_are_those_of_the_family() -> None:
    assert set(normalisation.TASKS) == set(get_args(Task))
