from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from harness.corpus.certificate import LabelSet
from harness.errors import RunError
from harness.families.family import Predictions
from harness.files import Row, append_row, read_json, read_rows, replacing, write_json, write_rows, write_text
from harness.run.folder import RunFolder, new_run, open_run

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
# Whatever ends a line somewhere, and letters of several bytes.
NASTY: Row = {"reason": "a\nb\rc\u2028d\u0085e\x1cf", "name": "é – 𝔘", "score": None, "number": 0.1 + 0.2}


def python(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, check=False
    )


# JSON lines


def test_rows_are_read_as_they_were_appended(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.jsonl"
    assert read_rows(path) == []
    rows: list[Row] = [NASTY, {}, {"nested": {"a": [1, None, True]}}]
    for row in rows:
        append_row(path, row)
    assert read_rows(path) == rows
    write_rows(path, rows[:2])
    assert read_rows(path) == rows[:2]
    append_row(path, rows[2])
    assert read_rows(path) == rows
    write_rows(path, [])
    assert read_rows(path) == []


def test_a_torn_last_line_is_ignored_when_read_and_cut_when_appended_to(tmp_path: Path) -> None:
    """Torn at every byte, within letters of several bytes too."""
    path = tmp_path / "rows.jsonl"
    write_rows(path, [{"first": 1}, NASTY])
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        kept: list[Row] = [{"first": 1}, NASTY][: (size >= first) + (size >= len(whole))]
        assert read_rows(path) == kept
        append_row(path, {"next": 2})
        assert read_rows(path) == [*kept, {"next": 2}]
        assert path.read_bytes().count(b"\n") == len(kept) + 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_strict_json_cannot_hold_leaves_the_file_as_it_was(tmp_path: Path, value: object) -> None:
    path = tmp_path / "rows.jsonl"
    append_row(path, {"a": 1})
    for write in (append_row, write_json):
        with pytest.raises((ValueError, TypeError)):
            write(path, {"a": value})
    with pytest.raises((ValueError, TypeError)):
        write_rows(path, [{"a": 1}, {"a": value}])
    assert read_rows(path) == [{"a": 1}]
    assert [file.name for file in tmp_path.iterdir()] == ["rows.jsonl"]


# whole or not at all


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "new" / "file"
    for before in (None, "old"):
        if before is not None:
            path.write_text(before)
        with pytest.raises(error):
            _write_half(path, error)
        assert [file.name for file in path.parent.iterdir()] == ([] if before is None else ["file"])
        assert before is None or path.read_text() == before
    write_text(path, "new\r\n")
    assert path.read_bytes() == b"new\r\n"
    assert [file.name for file in path.parent.iterdir()] == ["file"]


def _write_half(path: Path, error: type[BaseException]) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        assert temporary.parent == path.parent
        assert not path.exists() or path.read_text() == "old"
        raise error


def test_a_kill_in_the_middle_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "pick.json"
    write_json(path, {"model": "old"})
    done = python(
        """
import os, signal, sys
from pathlib import Path
from harness.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text('{"model": "ne')
    os.kill(os.getpid(), signal.SIGKILL)
""",
        path,
    )
    assert done.returncode == -9
    assert read_json(path) == {"model": "old"}
    write_json(path, {"model": "new"})
    assert read_json(path) == {"model": "new"}


def test_a_block_that_removes_its_file_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(path) as temporary:
        temporary.unlink()
    assert path.read_text() == "old"


# names


def test_names_sort_by_time_and_do_not_collide(tmp_path: Path) -> None:
    home = tmp_path / "leaderboards"
    moments = [NOON + timedelta(seconds=s) for s in (0, 0, 0, 1, 59, 60, 3600, 86400, 86400, 365 * 86400)]
    names = [new_run(home, moment).name for moment in moments]
    assert names == sorted(names)
    assert names[:4] == ["20260302-120000", "20260302-120000-2", "20260302-120000-3", "20260302-120001"]
    assert sorted(path.name for path in home.iterdir()) == names


def test_a_folder_of_somebody_else_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "20260302-120000").mkdir()
    (tmp_path / "20260302-120000-2").write_text("a file")
    assert new_run(tmp_path, NOON).path == tmp_path / "20260302-120000-3"


def test_two_processes_never_get_the_same_folder(tmp_path: Path) -> None:
    script = """
import sys
from datetime import datetime
from pathlib import Path
from harness.run.folder import new_run
for _ in range(20):
    print(new_run(Path(sys.argv[1]), datetime(2026, 3, 2)).name)
"""
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    names = [name for process in started for name in process.communicate()[0].split()]
    assert len(names) == len(set(names)) == 40


# opening


def finished(home: Path, *names: str, version: int = 1) -> None:
    for name in names:
        write_json(home / name / "run.json", {"format": version, "run": name})


def test_a_run_is_opened_by_its_path_and_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(tmp_path / "leaderboards", "20260302-120000")
    finished(tmp_path / "elsewhere", "mine")
    monkeypatch.chdir(tmp_path)
    assert open_run("20260302-120000").path == tmp_path / "leaderboards" / "20260302-120000"
    assert open_run("leaderboards/20260302-120000/").name == "20260302-120000"
    assert open_run(str(tmp_path / "elsewhere" / "mine")).meta() == {"format": 1, "run": "mine"}
    monkeypatch.chdir(tmp_path / "elsewhere" / "mine")
    assert open_run(".").name == "mine"


def test_an_unknown_run_lists_the_newest_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match=r"but got 'nowhere'; there are: none$"):
        open_run("nowhere")
    finished(tmp_path / "leaderboards", *(f"2026030{day}-120000" for day in range(1, 8)))
    (tmp_path / "leaderboards" / "no-run").mkdir()
    newest = ", ".join(f"2026030{day}-120000" for day in (7, 6, 5, 4, 3))
    with pytest.raises(RunError, match=f"but got 'no-run'; there are: {newest}$"):
        open_run("no-run")


def test_a_run_of_another_version_is_refused(tmp_path: Path) -> None:
    finished(tmp_path, "run", version=2)
    with pytest.raises(RunError, match="a run must have the format 1 that this version reads, but"):
        open_run(str(tmp_path / "run"))


# the lock


HOLD = """
import sys
from pathlib import Path
from harness.run.folder import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_ends_however_it_does(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="one process at a time") as caught, run.locked():
            pass
        assert str(tmp_path) in str(caught.value)
        assert "harness.errors.RunError" in python(HOLD, tmp_path).stderr
        holder.kill()
    with run.locked():
        assert "harness.errors.RunError" in python(HOLD, tmp_path).stderr
    with pytest.raises(ValueError, match="work"), run.locked():
        raise ValueError("work failed")
    with run.locked():
        pass


# what is kept


def test_each_reader_finds_what_its_writer_left(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert (run.stage("decide"), run.pick(), run.trials(), run.scorecards(), run.figure("curve")) == (
        None,
        None,
        [],
        [],
        [],
    )
    run.write_stage("decide", {"models": []})
    run.write_pick({"model": "linear-0"})
    run.add_trial({"trial": "linear-0"})
    run.add_trial({"trial": "linear-1"})
    run.write_scorecards([{"model": "linear-0", "micro_f1": None}])
    points: list[Row] = [{"model": "linear-0", "risk": 0.5}, {"model": "linear-1", "risk": None}]
    run.write_figure("curve", points)
    assert run.stage("decide") == {"models": []}
    assert run.pick() == {"model": "linear-0"}
    assert [row["trial"] for row in run.trials()] == ["linear-0", "linear-1"]
    assert run.scorecards() == [{"model": "linear-0", "micro_f1": None}]
    assert run.figure("curve") == points
    run.write_figure("curve", [])
    assert run.figure("curve") == []
    assert json.loads((run.path / "pick.json").read_text()) == {"model": "linear-0"}
    assert not [name for _, _, names in os.walk(run.path) for name in names if name.startswith(".")]


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_predictions_are_read_exactly_as_they_were_saved(
    tmp_path_factory: pytest.TempPathFactory, n: int, n_labels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    dense = (rng.random((n, n_labels)) * (rng.random((n, n_labels)) < 0.5)).astype(np.float32)
    before = Predictions(LabelSet(tuple(f"É{i}" for i in range(n_labels))), csr_array(dense))
    run = RunFolder(tmp_path_factory.mktemp("run"))
    assert not run.has_predictions("validation/linear-0")
    run.save_predictions("validation/linear-0", before)
    assert run.has_predictions("validation/linear-0")
    after = run.predictions("validation/linear-0")
    assert after.labels == before.labels
    assert after.scores.shape == before.scores.shape
    assert after.scores.dtype == np.float32
    assert after.scores.toarray().tolist() == dense.tolist()
