"""``harness refit`` and ``harness backtest`` as a user types them, and what a configuration asks of a promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_cli import TABLE, harness, refused

from harness.config import load_config
from harness.errors import HarnessError
from harness.experiment.check import check
from harness.files import write_json
from harness.run.folder import RunFolder
from harness.run.study import TRANSFER

NAME = "20260302-093012"
ROLES = {"train": "2012-2013", "validation": "2014", "calibration": "2015", "heldout": "2016"}
SPLIT = ', role = "split"'


def run_of(where: Path, *, pick: str | None = "linear-0", column: str = "", **years: str) -> RunFolder:
    """A run as far as these commands look at it."""
    run = RunFolder(where / "leaderboards" / NAME)
    write_json(run.path / "run.json", {"format": 1, "started": "2026-03-02T09:30:12+00:00"})
    named = "\n".join(f'{role} = "{year}"' for role, year in years.items())
    run.config.write_text(
        f'[corpus]\nformat = "table"\npath = "deaths.csv"\ncolumns = {{ year = "year", text = "cause", codes = "codes"{column} }}\n[years]\n{named}\n'
    )
    roles = {role: {"years": [2013 + number]} for number, role in enumerate(ROLES)}
    write_json(run.path / "corpus.json", {"roles": roles})
    write_json(run.path / "spaces.json", {})
    shared: dict[str, Any] = {"parameters": {}, "steps": 1, "kind": "baseline"}
    models = [{"model": f"{name}-0", "family": name, **shared} for name in ("dictionary", "linear")]
    run.write_stage("decide", {"models": [*models, {"model": "floor-nothing", "family": "nothing", "kind": "floor"}]})
    if pick is not None:
        run.write_pick({"model": pick})
    return run


@pytest.mark.parametrize("command", ["refit", "backtest"])
def test_help_is_said(command: str, tmp_path: Path) -> None:
    assert "Usage:" in harness(command, "--help", where=tmp_path).stdout


@pytest.mark.parametrize(
    ("given", "words", "said"),
    [
        (
            {key: ROLES[key] for key in ("train", "validation", "heldout")},
            [],
            f"a run that is rolled forward needs calibration years to certify on, but {NAME} has none",
        ),
        ({**ROLES, "pick": None}, [], f"a run that is rolled forward needs a pick, but {NAME} has none"),
        (ROLES, ["--by", "0"], "--by must be 1 or more, but got 0"),
        (
            {"column": SPLIT},
            [],
            f"a run that is rolled forward needs roles by year, but those of {NAME} come from a column",
        ),
    ],
)
def test_what_cannot_be_rolled_forward_is_one_line(
    tmp_path: Path, given: dict[str, Any], words: list[str], said: str
) -> None:
    run_of(tmp_path, **given)
    line = refused(harness("refit", NAME, "-o", "next", *words, where=tmp_path))
    assert said in line
    assert not (tmp_path / "next").exists()


@pytest.mark.parametrize("taken", ["folder", "file"])
def test_what_lies_in_the_way_stays(tmp_path: Path, taken: str) -> None:
    run_of(tmp_path, **ROLES)
    if taken == "folder":
        (tmp_path / "next").mkdir()
        (tmp_path / "next" / "mine.txt").write_text("mine")
    else:
        (tmp_path / "next").write_text("mine")
    line = refused(harness("refit", NAME, "-o", "next", where=tmp_path))
    assert "-o must name a folder that is empty or not there, but next is not" in line
    assert ((tmp_path / "next" / "mine.txt") if taken == "folder" else tmp_path / "next").read_text() == "mine"


def test_refit_needs_a_folder_to_write(tmp_path: Path) -> None:
    run_of(tmp_path, **ROLES)
    done = harness("refit", NAME, where=tmp_path)
    assert done.returncode == 2
    assert "'-o'" in done.stderr
    assert "Traceback" not in done.stderr


def test_files_that_are_gone_are_one_line(tmp_path: Path) -> None:
    run_of(tmp_path, **ROLES)
    line = refused(harness("refit", NAME, "-o", "next", where=tmp_path))
    assert "deaths.csv" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["leaderboards"]


@pytest.mark.parametrize(
    ("pick", "words", "said"),
    [
        ("linear-0", ["--model", "linear-7"], "--model must be one of dictionary-0, linear-0, but got 'linear-7'"),
        ("linear-0", ["--model", "floor-nothing"], "--model must be one of dictionary-0, linear-0"),
        (None, [], f"a back-test needs a run that has a pick, but {NAME} has none"),
    ],
)
def test_what_cannot_be_back_tested_is_one_line(tmp_path: Path, pick: str | None, words: list[str], said: str) -> None:
    run_of(tmp_path, pick=pick, **ROLES)
    assert said in refused(harness("backtest", NAME, *words, where=tmp_path))


@pytest.mark.parametrize("words", [["backtest", "some"], ["refit", "some", "-o", "next"]])
def test_a_study_is_neither_back_tested_nor_rolled_forward(tmp_path: Path, words: list[str]) -> None:
    write_json(tmp_path / "leaderboards" / "some" / "run.json", {"format": 1, "kind": TRANSFER, "arms": []})
    assert f"there is nothing to {words[0]}, but some is one" in refused(harness(*words, where=tmp_path))
    assert not (tmp_path / "next").exists()


@pytest.mark.parametrize("words", [["backtest", "none"], ["refit", "none", "-o", "next"]])
def test_a_run_that_is_not_there(tmp_path: Path, words: list[str]) -> None:
    run_of(tmp_path, **ROLES)
    assert f"but got 'none'; there are: {NAME}" in refused(harness(*words, where=tmp_path))


BY_TABLE = "promise.unit must be certificate with the format table, whose lines have no codes of their own, but got "


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("[promise]\nrisk = 1.0", "promise.risk: input should be less than 1, but got 1.0"),
        ("[promise]\nconfidence = 0.0", "promise.confidence: input should be greater than 0.5, but got 0.0"),
        ('[promise]\nunit = "line"', f"{BY_TABLE}'line'"),
        ('[automation]\nwitnesses = ["dictionry"]', "automation.witnesses must hold dictionary, "),
    ],
)
def test_a_promise_that_cannot_be_asked_for_is_one_line(tmp_path: Path, section: str, said: str) -> None:
    (tmp_path / "deaths.csv").write_text("id,year,cause,codes\n1,2001,flu,J10\n")
    (tmp_path / "my.toml").write_text(f"{TABLE}\n{section}\n")
    assert said in refused(harness("search", "my.toml", where=tmp_path))
    assert not (tmp_path / "leaderboards").exists()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("[promise]\nrisk = 0", "promise.risk: input should be greater than 0, but got 0"),
        ("[promise]\nrisk = nan", "promise.risk: input should be "),
        ("[promise]\nconfidence = 1.0", "promise.confidence: input should be less than 1, but got 1.0"),
        ("[promise]\nshortlist = 0", "promise.shortlist: input should be greater than or equal to 1, but got 0"),
        ('[promise]\nunit = "both"', f"{BY_TABLE}'both'"),
        ('[promise]\nunit = "page"', "promise.unit: input should be 'certificate', 'line' or 'both', but got 'page'"),
        ('[automation]\nwitnesses = ["committee"]', "but got 'committee'"),
        (
            '[automation]\nwitnesses = ["dictionary", "dictionary"]',
            "automation.witnesses must name each once, but names 'dictionary' more often",
        ),
        ('[automation]\ngates = ["unseen_words"]', "automation.gates.0: input should be 'unseen_word', "),
    ],
)
def test_the_same_of_other_keys(tmp_path: Path, section: str, said: str) -> None:
    (tmp_path / "deaths.csv").write_text("id,year,cause,codes\n1,2001,flu,J10\n")
    (tmp_path / "my.toml").write_text(f"{TABLE}\n{section}\n")
    with pytest.raises(HarnessError) as refusal:
        check(load_config(tmp_path / "my.toml"), tmp_path)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
