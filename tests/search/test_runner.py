"""What the searcher hands out and keeps, without a cluster: the mailbox is a stub, Optuna and its journal are real."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
from ray.tune.search import Searcher

from harness.corpus.certificate import LabelSet
from harness.families.family import Predictions, no_scores
from harness.files import Row
from harness.search.cluster import Cluster
from harness.search.runner import INTERRUPTED, FamilySearcher, Outcome, Task, search
from harness.search.space import load_space
from harness.search.trial import Letter
from harness.search.worker import FitSpec, Report


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> dict[str, Letter]:
    """What each trial left in the mailbox."""
    monkeypatch.setattr("harness.search.runner.ray.get", lambda value: value)
    return {}


def report(score: float, step: int = 1, *, last: bool = True) -> Report:
    return Report(step, score, 0.5, None, Predictions(LabelSet(("A",)), no_scores(1, 1)), last)


def searcher(
    folder: Path,
    letters: dict[str, Letter],
    rows: list[Row],
    *,
    trials: int | None = None,
    slots: int = 1,
    family: str = "dictionary",
) -> tuple[FamilySearcher, list[Outcome]]:
    outcomes: list[Outcome] = []
    space = load_space(family)
    task = Task(FitSpec("", {}, "store", ()), {family: space}, 600.0, trials, 0, 600.0, None, folder / "study.journal")
    box = SimpleNamespace(take=SimpleNamespace(remote=lambda name: letters.get(name, Letter())))
    return FamilySearcher(task, Cluster(slots, 0.0, folder), box, rows, outcomes.append), outcomes


def begun(asked: Any) -> Row:
    assert isinstance(asked, dict)
    return asked


@pytest.mark.parametrize("trials", [None, 1])
def test_an_interrupted_trial_is_tried_again_first(
    tmp_path: Path, letters: dict[str, Letter], trials: int | None
) -> None:
    first, outcomes = searcher(tmp_path, letters, [], trials=trials)
    asked = begun(first.suggest("a"))
    assert asked["spec"].parameters == load_space("dictionary").defaults()
    first.abandon()
    rows = [outcome.row for outcome in outcomes]
    assert [row["reason"] for row in rows] == [INTERRUPTED]

    again, outcomes = searcher(tmp_path, letters, rows, trials=trials)
    retried = begun(again.suggest("b"))
    assert retried["spec"].parameters == asked["spec"].parameters
    letters[retried["trial"]] = Letter(best=report(0.7), steps=1, done=True)
    again.on_trial_complete("b")
    assert outcomes[0].row["retry_of"] == asked["trial"]
    assert outcomes[0].row["status"] == "done"
    if trials == 1:
        assert again.suggest("c") == Searcher.FINISHED
        assert again.finished


def test_a_stopped_trial_is_pruned_with_its_step(tmp_path: Path, letters: dict[str, Letter]) -> None:
    found, outcomes = searcher(tmp_path, letters, [], family="bag")
    asked = begun(found.suggest("a"))
    letters[asked["trial"]] = Letter(best=report(0.3, 1, last=False), steps=1)
    found.on_trial_complete("a")
    assert outcomes[0].row["status"] == "stopped"
    assert "ASHA" in outcomes[0].row["reason"]
    trial = found._studies["bag"].trials[0]
    assert trial.state == optuna.trial.TrialState.PRUNED
    assert trial.intermediate_values == {1: 0.3}


def test_a_trial_that_did_all_its_steps_is_done_however_it_ended(tmp_path: Path, letters: dict[str, Letter]) -> None:
    found, outcomes = searcher(tmp_path, letters, [], family="bag")
    asked = begun(found.suggest("a"))
    letters[asked["trial"]] = Letter(best=report(0.9, 8), steps=8, done=True)
    found.on_trial_complete("a")
    assert outcomes[0].row["status"] == "done"
    assert found._studies["bag"].trials[0].value == 0.9


def test_draws_under_one_seed_repeat(tmp_path: Path, letters: dict[str, Letter]) -> None:
    drawn = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        found, _ = searcher(tmp_path / name, letters, [], trials=6)
        rng, parameters = np.random.default_rng(0), []
        for number in range(6):
            asked = begun(found.suggest(str(number)))
            parameters.append(asked["spec"].parameters)
            letters[asked["trial"]] = Letter(best=report(float(rng.random())), steps=1, done=True)
            found.on_trial_complete(str(number))
        drawn.append(parameters)
    assert drawn[0] == drawn[1]
    assert len({repr(sorted(values.items())) for values in drawn[0]}) == 6


@pytest.mark.parametrize("interrupted", [True, False])
def test_checkpoints_stay_for_a_resumed_search_and_go_when_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: bool
) -> None:
    """Of a trial that was interrupted and finds no time to be tried again."""

    class Tuner:
        def __init__(self, trainable: object, *, tune_config: Any, run_config: object) -> None:
            self.searcher = tune_config.search_alg

        def fit(self) -> None:
            if interrupted:
                raise KeyboardInterrupt
            assert self.searcher.suggest("a") == Searcher.FINISHED

    module = "harness.search.runner"
    monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", "1")
    monkeypatch.setattr(f"{module}.ray.remote", lambda **asked: lambda kind: SimpleNamespace(remote=lambda: None))
    monkeypatch.setattr(f"{module}.tune.with_parameters", lambda trainable, **more: trainable)
    monkeypatch.setattr(f"{module}.tune.with_resources", lambda trainable, resources: trainable)
    monkeypatch.setattr(f"{module}.tune.Tuner", Tuner)
    home = tmp_path / "checkpoints" / "run"
    (home / "encoder-0123").mkdir(parents=True)
    (home / "encoder-0123" / "epoch.safetensors").write_bytes(b"weights")
    base = FitSpec("", {}, "store", (), checkpoint=str(home))
    task = Task(base, {"encoder": load_space("encoder")}, 600.0, 0, 0, 600.0, None, tmp_path / "study.journal")
    outcomes: list[Outcome] = []
    if interrupted:
        with pytest.raises(KeyboardInterrupt):
            search(task, Cluster(1, 0.0, tmp_path), outcomes.append)
    else:
        search(task, Cluster(1, 0.0, tmp_path), outcomes.append)
    assert home.exists() == interrupted
    assert not outcomes
