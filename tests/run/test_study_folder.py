from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import RunError
from harness.files import Row, write_json
from harness.run.folder import RunFolder
from harness.run.study import TRANSFER, StudyFolder, is_study, not_a_study, prediction_name


def study(path: Path) -> StudyFolder:
    write_json(path / "run.json", {"format": 1, "kind": TRANSFER, "arms": ["random", "adapted"]})
    return StudyFolder(path)


def test_arms_of_one_family_keep_their_trials_apart(tmp_path: Path) -> None:
    found = study(tmp_path)
    of_arm: dict[str, list[Row]] = {
        arm: [
            {"trial": "encoder-0", "score": score, "retry_of": None},
            {"trial": "encoder-1", "score": score + 0.1, "retry_of": "encoder-0"},
        ]
        for arm, score in (("random", 0.2), ("adapted", 0.5))
    }
    for arm, rows in of_arm.items():
        for row in rows:
            found.add_trial_of(arm, row)
    assert {arm: found.trials_of(arm) for arm in of_arm} == of_arm
    names = [row["trial"] for row in found.trials()]
    assert names == ["random/encoder-0", "random/encoder-1", "adapted/encoder-0", "adapted/encoder-1"]
    assert found.journal_of("random") != found.journal_of("adapted")


def test_what_is_tuned_comes_in_the_order_of_the_arms(tmp_path: Path) -> None:
    found = study(tmp_path)
    assert found.tuned() == []
    for arm in ("adapted", "random"):
        found.write_stage(f"tune-{arm}", {"arm": arm})
    assert [row["arm"] for row in found.tuned()] == ["random", "adapted"]


def test_rows_are_added_one_by_one(tmp_path: Path) -> None:
    found = study(tmp_path)
    found.add_row({"arm": "random", "size": "1/4"})
    found.add_row({"arm": "random", "size": "1"})
    assert [row["size"] for row in found.rows()] == ["1/4", "1"]
    names = {prediction_name("random", size, seed) for size in ("1", "1/4", "1/16") for seed in (0, 1)}
    assert len(names) == 6


def test_of_a_study_nothing_is_picked(tmp_path: Path) -> None:
    write_json(tmp_path / "run" / "run.json", {"format": 1})
    run = RunFolder(tmp_path / "run")
    assert not_a_study(run, "pick") is run
    assert not is_study(run)
    found = study(tmp_path / "study")
    assert is_study(found)
    with pytest.raises(RunError, match=r"there is nothing to export, but study is one; harness search"):
        not_a_study(found, "export")
