"""What the stage search leaves behind, where trials are told and not run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from certificates import Roles
from fits_here import here

from harness.config import RunConfig
from harness.corpus import store
from harness.corpus.years import assign
from harness.experiment import searching
from harness.experiment.searching import search_stage
from harness.experiment.work import Work
from harness.files import Row, write_json
from harness.run.folder import RunFolder
from harness.search.runner import Outcome, Task
from harness.search.space import check_space

RAW = {"cost": {"range": [0.1, 10.0], "default": 1.0}, "char_ngrams": {"value": 3}}
SPACE = check_space("linear", RAW, "test")


def work_of(folder: Path, roles: Roles) -> Work:
    config = RunConfig.model_validate(
        {"corpus": {"format": "synthetic"}, "years": {"train": "2012-2014", "validation": "2015"}}
    )
    built = store.build(roles.read, assign(roles.read, config.years), folder / "cache" / "store")
    run = RunFolder(folder / "run")
    write_json(run.path / "run.json", {"objective": "micro_f1"})
    return Work(run, config, {"linear": SPACE}, built, "", here(folder), lambda line: None)


def told(n: int) -> Callable[..., dict[str, str]]:
    """A search whose trials end at once, the better the nearer their cost is to 7."""

    def search(task: Task, cluster: object, ended: Callable[[Outcome], None], previous: list[Row]) -> dict[str, str]:
        for number in range(len(previous), n):
            cost = 0.1 + number * 0.7 % 9.9
            row: Row = {"trial": f"linear-{number}", "family": "linear", "kind": "baseline", "status": "done"}
            row |= {"reason": None, "parameters": {"cost": cost, "char_ngrams": 3}, "score": 1 - abs(cost - 7) / 10}
            row |= {"threshold": 0.5, "steps": 1, "seconds": 1.0, "started": float(number), "slot_seconds": 1.0}
            ended(Outcome(row))
        return {}

    return search


def test_importances_are_written_when_the_search_ends(
    tiny_roles: Roles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the space as the run has it; a stage that is done writes none again."""
    work = work_of(tmp_path, tiny_roles)
    monkeypatch.setattr(searching, "search", told(20))
    assert search_stage(work) == []
    wanted = [{"family": "linear", "parameter": "cost", "importance": 1.0, "n_trials": 20}]
    assert work.run.figure("importances") == wanted
    (work.run.path / "figures" / "importances.parquet").unlink()
    search_stage(work)
    assert work.run.figure("importances") == []


def test_a_resumed_search_says_the_same_as_one_that_was_not_interrupted(
    tiny_roles: Roles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    space = check_space("linear", {**RAW, "char_ngrams": {"range": [3, 5], "default": 3}}, "test")
    for name, stops in (("once", (30,)), ("twice", (12, 30))):
        work = replace(work_of(tmp_path / name, tiny_roles), spaces={"linear": space})
        for stop in stops:
            (work.run.path / "stages" / "search.json").unlink(missing_ok=True)
            monkeypatch.setattr(searching, "search", told(stop))
            search_stage(work)
        found.append(work.run.figure("importances"))
    assert found[0] == found[1]
    assert [row["n_trials"] for row in found[0]] == [30]


def test_of_few_trials_there_is_no_figure(tiny_roles: Roles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = work_of(tmp_path, tiny_roles)
    monkeypatch.setattr(searching, "search", told(9))
    search_stage(work)
    assert not (work.run.path / "figures").exists()
