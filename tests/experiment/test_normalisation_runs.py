"""A whole normalisation study on a real Ray cluster, killed on its way and gone on with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.run.study import CURVES, GAINS, NORMALISER, WORDINGS, StudyFolder

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
[study]
seeds = 2
budget = "6m"
coders = ["linear"]
"""
SPACES = {
    "linear": "char_ngrams = { value = 3 }\nmax_features = { value = 2000 }\nunit = { value = 'line' }",
    "seq2seq": """
width = { value = 32 }
layers = { value = 1 }
epochs = { value = 2 }
batch = { value = 512 }
length = { value = 16 }
longest = { value = 32 }
buckets_log2 = { value = 10 }
fresh_rate = { value = 0.005 }
""",
}
ARMS = ("code", "normalise", "joint", "linear", "linear-normalised", "linear-both")


def run(*words: str, where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=where, capture_output=True, text=True, check=False, env=ENV)


def test_a_killed_study_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "spaces").mkdir()
    for family, space in SPACES.items():
        (tmp_path / "spaces" / f"{family}.toml").write_text(space)
    (tmp_path / "study.toml").write_text(CONFIG)
    process = subprocess.Popen(
        [*COMMAND, "study", "normalise", "study.toml"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=ENV
    )
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if line.startswith("[2] "):
            break
    process.kill()
    process.wait()
    process.stderr.close()
    name = next((line.split()[1] for line in seen if line.startswith("run ")), None)
    assert name is not None, seen
    study = StudyFolder(tmp_path / "leaderboards" / name)
    before, tuned, made = study.rows(), study.tuned(), study.stage(NORMALISER)
    assert 2 <= len(before) < 12

    done = run("resume", name, where=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "tuning" not in done.stderr
    assert "normalising" not in done.stderr
    rows = study.rows()
    assert rows[: len(before)] == before
    assert (study.tuned(), study.stage(NORMALISER)) == (tuned, made)
    assert sorted((row["arm"], row["seed"]) for row in rows) == sorted((arm, seed) for arm in ARMS for seed in (0, 1))
    assert {row["status"] for row in rows} == {"done"}
    _arms_read_and_write_what_they_are_for(study)
    _gains_are_compared(study, done.stdout)

    page = study.page.read_bytes()
    assert str(tmp_path).encode() not in page
    study.page.unlink()
    assert run("leaderboard", name, where=tmp_path).returncode == 0
    assert study.page.read_bytes() == page


def _arms_read_and_write_what_they_are_for(study: StudyFolder) -> None:
    tuned = {row["arm"]: row for row in study.tuned()}
    assert tuple(tuned) == ARMS
    for task in ARMS[:3]:
        assert tuned[task]["parameters"]["task"] == task
        assert tuned[task]["parameters"]["unit"] == "line"
    made = study.stage(NORMALISER)
    assert made is not None
    better = max(("normalise", "joint"), key=lambda arm: made["scores"][arm])
    assert (made["arm"], made["reason"]) == (better, None)
    assert len(set(made["folders"].values())) == 2
    for row in study.rows():
        assert row["text"] == {"linear-normalised": "normalised", "linear-both": "both"}.get(row["arm"], "raw")
        assert (row["normalised_exact_match"] is None) == (row["arm"] not in ("normalise", "joint"))
    scores = {row["arm"]: row["micro_f1"] for row in study.rows() if row["seed"] == 0}
    assert len({scores[arm] for arm in ARMS[3:]}) == 3  # what is read makes a difference
    wordings = study.figure(WORDINGS)
    assert {row["arm"] for row in wordings} == {"normalise", "joint", "nearest", "ceiling"}
    ceiling = {row["slice"]: row["value"] for row in wordings if row["arm"] == "ceiling"}
    assert all(
        row["value"] <= ceiling[row["slice"]] for row in wordings if row["measure"] == "exact_match" and row["n_lines"]
    )


def _gains_are_compared(study: StudyFolder, said: str) -> None:
    whole = ("all", "micro_f1")
    scores = {row["arm"]: row["value"] for row in study.figure(CURVES) if (row["slice"], row["measure"]) == whole}
    mean = {arm: sum(row["micro_f1"] for row in study.rows() if row["arm"] == arm) / 2 for arm in ARMS}
    assert scores == pytest.approx(mean)
    gains = [row for row in study.figure(GAINS) if (row["slice"], row["measure"]) == whole]
    assert [row["gain"] for row in gains] == ["normalise", "joint", "over_baseline", "linear-normalised", "linear-both"]
    for row in gains:
        assert row["value"] == pytest.approx(scores[row["first"]] - scores[row["second"]])
        assert row["low"] <= row["value"] <= row["high"]
    assert "linear" in said
