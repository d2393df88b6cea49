"""A whole transfer study on a real Ray cluster, killed on its way and gone on with; of its sizes, see ``test_curves``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_base import small_base

from harness.run.study import CURVES, GAINS, StudyFolder

pytestmark = pytest.mark.ray

COMMAND = [sys.executable, "-m", "harness"]
ENV = {**os.environ, "HF_HUB_OFFLINE": "1"}
CONFIG = """
[corpus]
format = "synthetic"
codes = "synthetic"
synthetic = { certificates = 400, codes = 25, first_year = 2014, years = 6 }
[years]
train = "2014-2016"
validation = "2017"
calibration = "2018"
heldout = "2019"
[search]
trials = 1
spaces = "spaces"
adaptation = "3s"
[study]
sizes = ["1"]
seeds = 2
budget = "5m"
baselines = ["bag"]
"""
SPACES = {
    "linear": "char_ngrams = { value = 3 }\nmax_features = { value = 2000 }",
    "bag": "buckets_log2 = { value = 10 }\nwidth = { value = 8 }\nepochs = { value = 2 }",
    "encoder": """
start = { choices = ["random", "pretrained", "adapted"], default = "pretrained" }
frozen = { value = 1, when = { start = ["pretrained", "adapted"] } }
base = { value = "BASE" }
layers = { value = 2 }
length = { value = 16 }
epochs = { value = 2 }
""",
}
ARMS = ("random", "pretrained", "adapted", "bag", "linear")


def run(*words: str, where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=where, capture_output=True, text=True, check=False, env=ENV)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("office")
    base = small_base(folder / "base", layers=2)
    (folder / "spaces").mkdir()
    for family, space in SPACES.items():
        (folder / "spaces" / f"{family}.toml").write_text(space.replace("BASE", str(base)))
    (folder / "study.toml").write_text(CONFIG)
    return folder


def test_a_killed_study_is_gone_on_with(office: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "study", "transfer", "study.toml"], cwd=office, stderr=subprocess.PIPE, text=True, env=ENV
    )
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if line.startswith("[3] "):
            break
    process.kill()
    process.wait()
    process.stderr.close()
    name = next((line.split()[1] for line in seen if line.startswith("run ")), None)
    assert name is not None, seen
    study = StudyFolder(office / "leaderboards" / name)
    before, tuned = study.rows(), study.tuned()
    assert 3 <= len(before) < 10

    done = run("resume", name, where=office)
    assert done.returncode == 0, done.stderr
    assert "tuning" not in done.stderr
    rows = study.rows()
    assert rows[: len(before)] == before
    assert study.tuned() == tuned
    assert sorted((row["arm"], row["seed"]) for row in rows) == sorted((arm, seed) for arm in ARMS for seed in (0, 1))
    assert {row["status"] for row in rows} == {"done"}
    _rows_say_what_was_fitted(study)
    _arms_differ_by_their_start(study)
    _gains_are_compared(study, done.stdout)

    page = study.page.read_bytes()
    assert str(office).encode() not in page
    study.page.unlink()
    assert run("leaderboard", name, where=office).returncode == 0
    assert study.page.read_bytes() == page


def _rows_say_what_was_fitted(study: StudyFolder) -> None:
    n = study.corpus()["roles"]["train"]["n"]
    for row in study.rows():
        assert row["n_train"] == n
        assert row["n"] == study.corpus()["roles"]["heldout"]["n"]
        assert row["micro_f1_low"] <= row["micro_f1"] <= row["micro_f1_high"]
    tuned = {row["arm"]: row["steps"] for row in study.tuned()}
    assert {row["arm"]: row["epochs"] for row in study.rows()} == tuned
    assert "calibration" not in study.corpus()["roles"]


def _arms_differ_by_their_start(study: StudyFolder) -> None:
    tuned = {row["arm"]: row for row in study.tuned()}
    assert [tuned[arm]["parameters"].get("start") for arm in ARMS] == ["random", "pretrained", "adapted", None, None]
    assert [tuned[arm]["parameters"].get("frozen") for arm in ARMS] == [None, 1, 1, None, None]
    assert [arm for arm in ARMS if tuned[arm]["adaptation_seconds"] is not None] == ["adapted"]
    assert len({row["trial"] for row in study.trials()}) == len(study.trials()) == 5
    scores = {(row["arm"], row["micro_f1"]) for row in study.rows() if row["seed"] == 0}
    assert len({score for arm, score in scores if arm in ("random", "pretrained", "adapted")}) > 1


def _gains_are_compared(study: StudyFolder, said: str) -> None:
    scores = {
        (row["arm"], row["size"]): row["value"]
        for row in study.figure(CURVES)
        if (row["slice"], row["measure"]) == ("all", "micro_f1")
    }
    gains = [row for row in study.figure(GAINS) if (row["slice"], row["measure"]) == ("all", "micro_f1")]
    assert [row["gain"] for row in gains] == ["over_neural", "over_linear", "pretraining", "adaptation"]
    for row in gains:
        difference = scores[row["first"], row["size"]] - scores[row["second"], row["size"]]
        assert row["value"] == pytest.approx(difference)
        assert row["low"] <= row["value"] <= row["high"]
    mean = {key: sum(row["micro_f1"] for row in study.rows() if (row["arm"], row["size"]) == key) / 2 for key in scores}
    assert scores == pytest.approx(mean)
    assert "the best neural baseline (bag)" in said
