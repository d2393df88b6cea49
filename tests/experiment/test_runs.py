"""Whole runs on a real Ray cluster: what the law of the years asks of them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config import Synthetic, load_config
from harness.corpus.synthetic import generate, write_lines
from harness.decision.rule import DecisionRule, Reason, decide
from harness.experiment.export import export
from harness.experiment.start import code_list_of, start, store_of
from harness.production.bundle import load
from harness.production.predict import predict_files
from harness.run.folder import RunFolder

pytestmark = pytest.mark.ray

CONFIG = """
[corpus]
format = "lines"
path = "certificates.csv"
columns = {{ id = "id", year = "year", line = "line", part = "part", text = "text", codes = "code" }}
codes = "codes.csv"
[years]
train = "2014-2016"
validation = "2017"
calibration = "2018"
{heldout}
[search]
families = ["dictionary", "linear"]
trials = 4
budget = "10m"
spaces = "spaces"
[promise]
risk = 0.1
"""
LINEAR = """
unit = { choices = ["line", "certificate"], default = "line" }
char_ngrams = { range = [3, 4], default = 3 }
max_features = { choices = [2000, 4000], default = 2000 }
cost = { range = [0.1, 2.0], log = true, default = 0.5 }
"""


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    """One cluster for the runs of this module, with three logical GPUs."""
    from harness.search.cluster import cluster

    with cluster(gpus=3, cpus=2):
        yield


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an office's certificates of six years, made by the generator and read as files."""
    folder = tmp_path_factory.mktemp("office")
    write_lines(generate(Synthetic(certificates=1500, codes=40, first_year=2014, years=6)), folder)
    (folder / "spaces").mkdir()
    (folder / "spaces" / "linear.toml").write_text(LINEAR)
    (folder / "search.toml").write_text(CONFIG.format(heldout='heldout = "2019"'))
    return folder


def _run(config: Path, where: Path) -> RunFolder:
    where.mkdir(exist_ok=True)
    before = Path.cwd()
    os.chdir(where)
    try:
        run, found = start(config, lambda line: None)
    finally:
        os.chdir(before)
    assert not found["missing"]
    return run


@pytest.fixture(scope="module")
def run(office: Path, ray_cluster: None, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    config = office / "seeds.toml"
    config.write_text((office / "search.toml").read_text().replace("trials = 4", "trials = 4\nseeds = 2"))
    return _run(config, tmp_path_factory.mktemp("runs"))


def _frozen(run: RunFolder) -> dict[str, Any]:
    """All that is chosen before a held-out year is looked at, without the times that it took."""
    decided = [_without_times(row) for row in (run.stage("decide") or {})["models"]]
    trials = [
        {key: row[key] for key in ("trial", "status", "parameters", "score", "threshold")} for row in run.trials()
    ]
    certified = (run.stage("certify") or {})["promises"]
    pick = run.pick() or {}
    return {
        "trials": sorted(trials, key=lambda row: row["trial"]),
        "decided": decided,
        "promises": certified,
        "pick": {key: pick[key] for key in ("model", "reasons", "shortlist", "promise")},
    }


def _without_times(model: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in model.items() if key != "fit_seconds"}
    return kept | {"members": [_without_times(member) for member in model.get("members", [])]}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _copy(office: Path, folder: Path, rows: list[dict[str, str]], heldout: str) -> Path:
    (folder / "spaces").mkdir(parents=True)
    (folder / "spaces" / "linear.toml").write_text(LINEAR)
    (folder / "codes.csv").write_bytes((office / "codes.csv").read_bytes())
    with (folder / "certificates.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    (folder / "search.toml").write_text(CONFIG.format(heldout=heldout))
    return folder / "search.toml"


def test_a_run_has_rows_of_every_model_and_role(run: RunFolder) -> None:
    scores = run.scorecards()
    models = {row["model"] for row in scores}
    families = {"dictionary", "linear", "committee", "nothing", "most_frequent", "exact_repeat"}
    assert {row["unit"] for row in scores} == {"certificate", "line"}
    assert {row["unit"] for row in scores if row["kind"] == "floor"} == {"certificate"}
    assert all(("verdict" in row) == (row["role"] == "heldout") for row in scores)
    assert {row["family"] for row in scores} == families
    for model in models:
        slices = {(row["role"], row["year"]) for row in scores if row["model"] == model}
        assert {("validation", "all"), ("calibration", "all"), ("heldout", "all"), ("heldout", "2019")} <= slices
    best = {
        row["family"]: row["micro_f1"]
        for row in scores
        if row["role"] == "heldout" and row["year"] == "all" and row["unit"] == "certificate"
    }
    assert best["linear"] > best["exact_repeat"]
    assert best["linear"] > best["most_frequent"]
    assert run.page.stat().st_size > 10_000
    assert not (run.path / "cache" / "tune").exists()


def test_trials_are_capped_and_begin_with_the_defaults(run: RunFolder) -> None:
    for family in ("dictionary", "linear"):
        rows = [row for row in run.trials() if row["family"] == family]
        assert len(rows) == 4
        assert all(row["status"] == "done" for row in rows)
    first = next(row for row in run.trials() if row["trial"] == "linear-0")
    assert first["parameters"] == {"unit": "line", "char_ngrams": 3, "max_features": 2000, "cost": 0.5}


def test_the_ensemble_has_rows_and_costs_as_much_as_its_members(run: RunFolder) -> None:
    decided = {row["model"]: row for row in (run.stage("decide") or {})["models"]}
    own = decided["ensemble"]
    weights = own["parameters"]
    assert 2 <= len(weights) <= 5
    assert sum(weights.values()) == pytest.approx(1.0)
    assert {member["model"]: member["weight"] for member in own["members"]} == weights
    alone = [row["score"] for row in decided.values() if row["kind"] == "baseline"]
    assert own["score_in_sample"] > max(alone)
    assert own["score_in_sample"] > own["score"]
    rows = {
        row["role"]: row
        for row in run.scorecards()
        if row["model"] == "ensemble" and row["year"] == "all" and row["unit"] == "certificate"
    }
    assert {row["kind"] for row in rows.values()} == {"ensemble"}
    assert all(row["parameters"] == weights for row in rows.values())
    assert rows["validation"]["micro_f1"] < own["score_in_sample"]
    assert rows["heldout"]["certificates_per_second"] > 0
    assert rows["heldout"]["bytes"] == sum(
        path.stat().st_size for path in (run.model("ensemble") / "model").rglob("*") if path.is_file()
    )
    refitted = (run.stage("refit") or {})["models"]
    finalists = [refitted[name]["seconds"] for name in weights if name in refitted]
    assert refitted["ensemble"]["seconds"] >= sum(finalists) - 0.01
    page = run.page.read_text(encoding="utf-8")
    assert all(f"{name} ({weight:.2f})" in page for name, weight in weights.items())


def test_another_seed_is_shown_and_never_a_candidate(run: RunFolder) -> None:
    rows = run.figure("seeds")
    trials = {row["trial"]: row for row in run.trials()}
    finalists = {row["model"] for row in (run.stage("decide") or {})["models"] if row["kind"] == "baseline"}
    assert {(row["model"], row["seed"]) for row in rows} == {(name, seed) for name in finalists for seed in (0, 1)}
    for row in rows:
        assert row["candidate"] == (row["seed"] == 0)
        if row["candidate"]:
            assert row["score"] == pytest.approx(trials[row["model"]]["score"])
    assert "Spread over seeds" in run.page.read_text(encoding="utf-8")


@pytest.mark.parametrize("change", ["permuted", "left out"])
def test_nothing_that_is_chosen_knows_the_heldout_years(
    run: RunFolder, office: Path, ray_cluster: None, tmp_path: Path, change: str
) -> None:
    rows = _rows(office / "certificates.csv")
    if change == "permuted":
        late = [row for row in rows if row["year"] == "2019"]
        codes = [row["code"] for row in late]
        for row, code in zip(late, np.random.default_rng(0).permutation(codes).tolist(), strict=True):
            row["code"] = code
        heldout = 'heldout = "2019"'
    else:
        rows, heldout = [row for row in rows if row["year"] != "2019"], ""
    other = _run(_copy(office, tmp_path / "office", rows, heldout), tmp_path / "runs")
    assert _frozen(other) == _frozen(run)
    if change == "permuted":
        changed = [row["micro_f1"] for row in other.scorecards() if row["role"] == "heldout"]
        assert changed != [row["micro_f1"] for row in run.scorecards() if row["role"] == "heldout"]


@pytest.mark.parametrize("model", [None, "ensemble"])
def test_production_decides_as_scoring_did(run: RunFolder, office: Path, tmp_path: Path, model: str | None) -> None:
    name = export(run, load_config(run.config), code_list_of(run), model, tmp_path / "bundle")
    bundle = load(tmp_path / "bundle")
    assert bundle.drift is not None
    assert bundle.practice is not None
    assert set(bundle.candidate.witnesses) == {witness.model for witness in bundle.candidate.rule.witnesses}
    rows = [row for row in _rows(office / "certificates.csv") if row["year"] == "2019"]
    with (tmp_path / "new.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "year", "line", "part", "text"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    predict_files(bundle, (tmp_path / "new.csv",), tmp_path / "out.csv", lambda line: None)
    found = {row["id"]: row for row in _rows(tmp_path / "out.csv")}

    store = store_of(run)
    heldout = store.corpus(store.roles["heldout"])
    assert set(found) == set(heldout.texts.ids.to_pylist())
    scored = next(
        row
        for row in run.scorecards()
        if (row["model"], row["role"], row["year"], row["unit"]) == (name, "heldout", "all", "certificate")
    )
    automatic = [id for id, row in found.items() if row["decision"] == "automatic"]
    truth = {
        id: {heldout.labels.codes[column] for column in heldout.codes[[row]].indices}
        for row, id in enumerate(heldout.texts.ids.to_pylist())
    }
    rule = DecisionRule.load(run.model(name) / "rule")
    kept = {witness.model: run.predictions(f"heldout/{witness.model}") for witness in rule.witnesses}
    said = decide(rule, run.predictions(f"heldout/{name}"), heldout.texts, kept)
    assert [found[id]["reason"] for id in heldout.texts.ids.to_pylist()] == [
        Reason(reason).sentence for reason in said.reason.tolist()
    ]
    for row, id in enumerate(heldout.texts.ids.to_pylist()):
        codes = {said.labels.codes[column] for column in said.codes[[row]].indices}
        assert set(filter(None, found[id]["codes"].split(";"))) == codes
    right = [set(filter(None, found[id]["codes"].split(";"))) == truth[id] for id in found]
    assert sum(right) / len(right) == pytest.approx(scored["exact_match"])
    assert len(automatic) / len(found) == pytest.approx(scored["coverage"] or 0.0)
    wrong = sum(set(found[id]["codes"].split(";")) != truth[id] for id in automatic)
    assert (wrong / len(automatic) if automatic else None) == (
        None if scored["risk"] is None else pytest.approx(scored["risk"])
    )
    assert {row["reason"] for row in found.values()} <= {reason.sentence for reason in Reason}


@pytest.mark.parametrize("seed", [0, 1])
def test_asha_stops_a_trial_before_its_best_step(tmp_path: Path, office: Path, ray_cluster: None, seed: int) -> None:
    """A bad trial of a family that reports ends at fewer steps than the best."""
    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "bag.toml").write_text(
        "unit = { value = 'line' }\nepochs = { value = 6 }\nbuckets_log2 = { value = 12 }\nwidth = { value = 16 }\n"
        "learning_rate = { range = [1e-5, 2e-2], log = true, default = 2e-2 }\n"
    )
    config = tmp_path / f"{seed}.toml"
    text = (office / "search.toml").read_text().replace('["dictionary", "linear"]', '["bag"]')
    text = text.replace('path = "', f'path = "{office}/').replace(
        'codes = "codes.csv"', f'codes = "{office}/codes.csv"'
    )
    config.write_text(text.replace("trials = 4", f"trials = 4\nseed = {seed}"))
    rows = _run(config, tmp_path / "runs").trials()
    best = max(rows, key=lambda row: row["score"])
    stopped = [row for row in rows if row["status"] == "stopped"]
    assert stopped
    assert min(row["steps_run"] for row in stopped) < best["steps"]
    assert all("ASHA" in row["reason"] for row in stopped)


CANARY = "Zeppelinfieber"
SPOIL = f"""
import harness.families.linear as linear
def fit(self, *given, **more):
    raise ValueError("cannot parse {CANARY} of certificate S-4711")
linear.Linear.fit = fit
import harness.families.bag as bag
def hang(self, *given, **more):
    while True:
        pass
bag.Bag.fit = hang
"""


def test_a_trial_that_raises_or_hangs_is_a_row_without_its_message(office: Path, tmp_path: Path) -> None:
    """The search goes on, and the text that an exception quotes is seen nowhere."""
    (tmp_path / "sitecustomize.py").write_text(SPOIL)
    (tmp_path / "run").mkdir()
    config = office / "spoilt.toml"
    text = (office / "search.toml").read_text().replace('["dictionary", "linear"]', '["dictionary", "linear", "bag"]')
    config.write_text(text.replace("trials = 4", 'trials = 1\ntrial_time = "8s"'))
    done = subprocess.run(
        [sys.executable, "-m", "harness", "search", str(config)],
        cwd=tmp_path / "run",
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "linear has no finished trial" in done.stderr
    folder = next((tmp_path / "run" / "leaderboards").glob("2*"))
    rows = {row["family"]: row for row in RunFolder(folder).trials()}
    assert rows["dictionary"]["status"] == "done"
    assert rows["linear"]["status"] == rows["bag"]["status"] == "failed"
    assert rows["linear"]["reason"].startswith("ValueError at ")
    assert "time limit of 8 s" in rows["bag"]["reason"]
    assert CANARY not in done.stdout + done.stderr
    for path in folder.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


def test_a_killed_run_is_gone_on_with(office: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness"]
    process = subprocess.Popen(
        [*command, "search", str(office / "search.toml")], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if "-0 done" in line:
            break
    process.kill()
    process.wait()
    process.stderr.close()
    name = next(line.split()[1] for line in seen if line.startswith("run "))
    before = RunFolder(tmp_path / "leaderboards" / name).trials()
    assert 1 <= len(before) < 8
    done = subprocess.run([*command, "resume", name], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = RunFolder(tmp_path / "leaderboards" / name)
    rows = run.trials()
    assert rows[: len(before)] == before
    assert len({row["trial"] for row in rows}) == len(rows)
    assert run.pick() is not None
    assert json.loads((run.path / "run.json").read_text())["wall_seconds"] > 0
