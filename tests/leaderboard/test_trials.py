"""All trials, as columns for the page and as the lists of other pages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from example_board import many_trials
from example_run import write_run

from harness.leaderboard.board.data import board_data
from harness.leaderboard.board.table import leaderboard
from harness.leaderboard.board.trials import MOST_TRIALS, trial_columns, trials
from harness.leaderboard.figures.looks import looks
from harness.leaderboard.language import say, speaking
from harness.leaderboard.reasons import reason
from harness.leaderboard.rows import Evidence, read


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return read(write_run(tmp_path_factory.mktemp("runs") / "20260302-093012"))


def test_many_trials_are_cut_to_the_best_and_the_failed(evidence: Evidence) -> None:
    rows = [evidence.trials[0] | {"trial": f"linear-{n}", "score": n / 1000} for n in range(400)]
    rows += [evidence.trials[0] | {"trial": f"bag-{n}", "status": "failed", "score": None} for n in range(3)]
    listed = trials(replace(evidence, trials=tuple(rows)))
    assert (len(listed.lines), listed.total) == (MOST_TRIALS, 403)
    assert listed.lines[0].name == "linear-399"
    assert {line.name for line in listed.lines[-3:]} == {"bag-0", "bag-1", "bag-2"}


def test_a_failed_trial_does_not_rank(evidence: Evidence) -> None:
    failed = evidence.trials[0] | {"trial": "dictionary-99", "status": "failed", "score": 0.999}
    listed = trials(replace(evidence, trials=(*evidence.trials, failed)))
    assert listed.lines[0].name != "dictionary-99"
    assert max(one.best or 0 for one in listed.families) < 0.9


def _values(column: Any) -> list[Any]:
    return column if isinstance(column, list) else [None if at < 0 else column["of"][at] for at in column["at"]]


def test_columns_of_trials_hold_every_digit_of_the_rows(evidence: Evidence) -> None:
    rows = {row["trial"]: row for row in many_trials(200)}
    rows["dictionary-0"]["parameters"]["vote"] = None
    rows["linear-1"]["parameters"] = {"cost": 1, "share": 1.0, "flag": True, "nested": [1, 2], "nan": float("nan")}
    found = json.loads(json.dumps(trial_columns(replace(evidence, trials=tuple(rows.values()))), allow_nan=False))
    names = found["trial"]
    assert sorted(names) == sorted(rows)
    for key in ("family", "status", "score", "seconds", "started", "reason"):
        assert dict(zip(names, _values(found[key]), strict=True)) == {name: row[key] for name, row in rows.items()}
    scores = [score for score in found["score"] if score is not None]
    assert scores == sorted(scores, reverse=True)
    for family, parameters in found["parameters"].items():
        mine = [name for name in names if rows[name]["family"] == family]
        for place, name in enumerate(mine):
            own = {key: value for key, column in parameters.items() if (value := _values(column)[place]) is not None}
            given = rows[name]["parameters"] | ({"nested": "1, 2"} if "nested" in rows[name]["parameters"] else {})
            wanted = {key: value for key, value in given.items() if value is not None and value == value}
            assert own == wanted
            assert {key: type(value) for key, value in own.items()} == {key: type(wanted[key]) for key in own}


def test_ten_thousand_trials_fit_a_page(evidence: Evidence) -> None:
    found = trial_columns(replace(evidence, trials=tuple(many_trials(10_000))))
    assert len(json.dumps(found, separators=(",", ":"))) < 3_000_000


def test_reasons_are_saved_as_the_rows_have_them_and_shown_in_the_language(
    evidence: Evidence, tmp_path_factory: pytest.TempPathFactory
) -> None:
    row = evidence.trials[0] | {
        "status": "failed",
        "score": None,
        "reason": "over the memory limit of 6 GB (search.trial_memory)",
    }
    alone = replace(evidence, trials=(row, evidence.trials[1]))
    models = alone.models()
    for tongue in ("en", "fr"):
        with speaking(tongue):
            found = board_data(alone, leaderboard(alone, models, looks(alone, models)))["trials"]
            assert _values(found["reason"]) == [None, row["reason"]]
            shown = reason(row["reason"])
        assert found["reasons"] == ({} if tongue == "en" else {row["reason"]: shown})
        assert (shown == row["reason"]) == (tongue == "en")


def test_paths_stay_in_the_office(evidence: Evidence) -> None:
    row = evidence.trials[0] | {"parameters": {"start": "/home/anna/m.bin"}, "reason": "OSError at /home/anna/x.py"}
    found = trial_columns(replace(evidence, trials=(row,)))
    assert "anna" not in json.dumps(found)
    assert found["parameters"]["dictionary"]["start"] == {"of": ["…/m.bin"], "at": [0]}
    assert _values(found["reason"]) == [say("OSError at …/x.py")]
