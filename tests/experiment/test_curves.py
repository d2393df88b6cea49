"""Learning curves without a cluster: which points are fitted, on what, within which time, and what is left of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from certificates import Roles

from harness.config import load_config
from harness.corpus import store
from harness.corpus.years import assign
from harness.experiment.arms import Arm
from harness.experiment.comparing import compare_stage
from harness.experiment.curves import measure_stage
from harness.experiment.heldout import HeldOut
from harness.experiment.transfer import pairs
from harness.experiment.tuning import shares, trial_time
from harness.experiment.work import Work
from harness.files import Row, write_json
from harness.leaderboard.study.kinds import findings
from harness.run.study import CURVES, GAINS, TRANSFER, StudyFolder
from harness.search.measure import Measured, MeasureSpec, run_measure
from harness.search.worker import Failure

TOML = """
[corpus]
format = "synthetic"
[years]
train = "2012-2014"
validation = "2015"
heldout = "2016"
[search]
seed = 3
{search}
[study]
sizes = ["1/4", "1"]
seeds = 2
budget = "200s"
baselines = ["bag"]
"""
PARAMETERS = {"unit": "line", "char_ngrams": 3, "max_features": 2000}
TUNED: list[Row] = [
    {"arm": "linear", "family": "linear", "kind": "baseline", "parameters": PARAMETERS, "steps": 1, "score": 0.5},
    {
        "arm": "pretrained",
        "family": "encoder",
        "kind": "transfer",
        "parameters": {"epochs": 4},
        "steps": 3,
        "score": 0.6,
    },
]


ARMS = (
    Arm("random", "encoder", {"start": "random"}),
    Arm("pretrained", "encoder", {"start": "pretrained"}),
    Arm("linear", "linear"),
    Arm("bag", "bag"),
)


class Here:
    """A cluster that fits linear in this process, and loses every other fit."""

    def __init__(self) -> None:
        self.specs: list[MeasureSpec] = []

    def device(self, family: str) -> str:
        return "cpu"

    def measure(self, specs: Sequence[MeasureSpec]) -> Iterator[tuple[int, Measured | Failure]]:
        for place, spec in enumerate(specs):
            self.specs.append(spec)
            yield place, run_measure(spec) if spec.fit.family == "linear" else Failure("it was lost")


def work_on(roles: Roles, folder: Path, search: str = "") -> tuple[Work, StudyFolder, Here]:
    (folder / "my.toml").write_text(TOML.format(search=search))
    config = load_config(folder / "my.toml")
    found = store.build(roles.read, assign(roles.read, config.years), folder / "store")
    study, here = StudyFolder(folder / "run"), Here()
    write_json(
        study.path / "run.json",
        {"format": 1, "kind": TRANSFER, "arms": [arm.name for arm in ARMS], "sizes": ["1/4", "1"], "seeds": 2},
    )
    return Work(study, config, {}, found, "", cast(Any, here), lambda line: None), study, here


def test_every_point_is_fitted_once(tiny_roles: Roles, tmp_path: Path) -> None:
    work, study, here = work_on(tiny_roles, tmp_path)
    heldout = HeldOut.of(work.corpus("heldout"), work.corpus("train"))
    lost = measure_stage(work, study, ARMS, TUNED, heldout)
    assert lost == [
        f"pretrained on {size} of train, seed {seed} (it was lost)" for seed in (0, 1) for size in ("all", "1/4")
    ]
    rows = study.rows()
    assert sorted((row["arm"], row["size"], row["seed"]) for row in rows) == sorted(
        (arm, size, seed) for arm in ("linear", "pretrained") for size in ("1/4", "1") for seed in (0, 1)
    )
    n = len(work.store.roles["train"])
    assert {(row["size"], row["n_train"]) for row in rows} == {("1", n), ("1/4", round(n / 4))}

    measured = {(spec.fit.family, spec.fit.sample, spec.fit.seed) for spec in here.specs}
    assert measured == {
        (family, sample, seed) for family in ("linear", "encoder") for seed in (3, 4) for sample in (None, (0.25, seed))
    }
    for spec in here.specs:
        assert spec.fit.validation == ()
        assert spec.fit.checkpoint == ""
        assert bool(spec.fit.cache) is (spec.fit.sample is None)  # what a part leaves behind is of no use to others
        assert spec.hard_seconds == pytest.approx(
            3 * trial_time(work.config, 50.0) * (1 + len(spec.heldout) / len(spec.validation))
        )
    epochs = {(spec.fit.parameters["epochs"], spec.fit.steps) for spec in here.specs if spec.fit.family == "encoder"}
    assert epochs == {(4, 3), (8, 6)}

    before = len(here.specs)
    assert measure_stage(work, study, ARMS, TUNED, heldout) == lost
    assert len(here.specs) == before
    assert study.rows() == rows


def test_a_gain_is_undefined_where_an_arm_was_lost(tiny_roles: Roles, tmp_path: Path) -> None:
    work, study, _ = work_on(tiny_roles, tmp_path)
    heldout = HeldOut.of(work.corpus("heldout"), work.corpus("train"))
    measure_stage(work, study, ARMS, TUNED, heldout)
    compare_stage(work, study, pairs(TUNED, ["bag"]), heldout)
    whole = ("all", "micro_f1")
    curves = [row for row in study.figure(CURVES) if (row["slice"], row["measure"]) == whole]
    assert {(row["arm"], row["size"], row["n_seeds"]) for row in curves} == {("linear", "1/4", 2), ("linear", "1", 2)}
    fits = [row["micro_f1"] for row in study.rows() if (row["arm"], row["size"]) == ("linear", "1/4")]
    assert next(row["value"] for row in curves if row["size"] == "1/4") == pytest.approx(sum(fits) / 2)
    assert fits[0] != fits[1]
    gains = [row for row in study.figure(GAINS) if (row["slice"], row["measure"]) == whole]
    assert [(row["gain"], row["size"], row["n_seeds"], row["value"]) for row in gains] == [
        ("over_linear", "1/4", 0, None),
        ("over_linear", "1", 0, None),
    ]


def test_a_study_without_a_fit_that_ended_says_that_its_gains_are_undefined(tiny_roles: Roles, tmp_path: Path) -> None:
    work, study, _ = work_on(tiny_roles, tmp_path)
    heldout = HeldOut.of(work.corpus("heldout"), work.corpus("train"))
    tuned = [{**TUNED[1], "arm": "random"}, TUNED[1]]
    measure_stage(work, study, ARMS, tuned, heldout)
    compare_stage(work, study, pairs(tuned, ["bag"]), heldout)
    assert study.figure(CURVES) == []
    assert {(row["gain"], row["size"], row["value"]) for row in study.figure(GAINS)} == {
        ("pretraining", "1/4", None),
        ("pretraining", "1", None),
    }
    (found,) = findings(study)
    assert found.state is None
    assert found.sentence == (
        "Whether pretraining gains over random initialisation of the same encoder with all "
        f"{len(work.store.roles['train']):,} training certificates is undefined. No size studied shows a gain. It is "
        f"undefined with {round(len(work.store.roles['train']) / 4):,} (1/4). Fits failed, so that there are only 0 of 2 seeds "
        f"with {round(len(work.store.roles['train']) / 4):,} (1/4) and 0 of 2 seeds with all {len(work.store.roles['train']):,}."
    )


@pytest.mark.parametrize(("search", "seconds"), [("", 50.0), ('trial_time = "30s"', 30.0), ('trial_time = "9m"', 50.0)])
def test_no_trial_may_outlast_the_share_of_its_arm(
    tiny_roles: Roles, tmp_path: Path, search: str, seconds: float
) -> None:
    config = work_on(tiny_roles, tmp_path, search)[0].config
    assert trial_time(config, shares(config, ARMS)["linear"]) == seconds
