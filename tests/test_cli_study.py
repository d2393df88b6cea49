"""The commands of a study as a user types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_cli import harness, refused

from harness.files import write_json
from harness.run.study import TRANSFER

TOML = """
[corpus]
format = "synthetic"
[years]
train = "2014-2017"
validation = "2018"
{heldout}
[study]
{study}
"""


@pytest.mark.parametrize(
    "words", [["study", "--help"], ["study", "transfer", "--help"], ["study", "normalise", "--help"]]
)
def test_help_is_said(words: list[str], tmp_path: Path) -> None:
    assert "Usage:" in harness(*words, where=tmp_path).stdout


@pytest.mark.parametrize(
    ("heldout", "study", "said"),
    [
        ("", "", "years.heldout must name at least one year"),
        ('heldout = "2019"', 'baselines = ["cnm"]', "study.baselines must hold bag, cnn"),
        ('heldout = "2019"', 'sizes = ["1/4"]', "study.sizes must be parts of the training years"),
        ('heldout = "2019"', "seeds = 1", "study.seeds"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_study(tmp_path: Path, heldout: str, study: str, said: str) -> None:
    (tmp_path / "my.toml").write_text(TOML.format(heldout=heldout, study=study))
    line = refused(harness("study", "transfer", "my.toml", where=tmp_path))
    assert said in line
    assert "my.toml" in line
    assert not (tmp_path / "leaderboards").exists()


@pytest.mark.parametrize("words", [["pick", "some"], ["export", "some", "out"]])
def test_of_a_study_nothing_is_picked_or_exported(tmp_path: Path, words: list[str]) -> None:
    write_json(tmp_path / "leaderboards" / "some" / "run.json", {"format": 1, "kind": TRANSFER, "arms": []})
    line = refused(harness(*words, where=tmp_path))
    assert f"there is nothing to {words[0]}, but some is one" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("heldout", "study", "said"),
    [
        ("", "", "years.heldout must name at least one year"),
        ('heldout = "2019"', 'coders = ["gru"]', "families that are no encoder-decoder, but got 'gru'"),
        ('heldout = "2019"', "folds = 1", "study.folds"),
    ],
)
def test_bad_input_leaves_no_normalisation_study(tmp_path: Path, heldout: str, study: str, said: str) -> None:
    (tmp_path / "my.toml").write_text(TOML.format(heldout=heldout, study=study))
    line = refused(harness("study", "normalise", "my.toml", where=tmp_path))
    assert said in line
    assert "my.toml" in line
    assert not (tmp_path / "leaderboards").exists()


def test_without_any_wording_there_is_nothing_to_normalise_to(tmp_path: Path) -> None:
    rows = "".join(f"{year},flu {n},J10\n" for year in range(2014, 2020) for n in range(3))
    (tmp_path / "deaths.csv").write_text(f"year,text,code\n{rows}")
    (tmp_path / "my.toml").write_text(
        """
[corpus]
format = "table"
path = "deaths.csv"
columns = { year = "year", text = "text", codes = "code" }
[years]
train = "2014-2016"
validation = "2017"
heldout = "2019"
"""
    )
    done = harness("study", "normalise", "my.toml", where=tmp_path)
    assert done.returncode == 2
    assert (
        "corpus.columns.standard_text or corpus.codes must bring the experts' wording" in done.stderr.splitlines()[-1]
    )
    assert not list((tmp_path / "leaderboards").glob("2*"))
