"""What a run that has not got to its pick says already."""

from __future__ import annotations

from pathlib import Path

import pytest
from certificates import Roles
from fits_here import here

from harness.config import RunConfig
from harness.corpus import store
from harness.corpus.years import assign
from harness.experiment import pipeline
from harness.experiment.pipeline import run_all
from harness.experiment.readings import fingerprints, readings_of, record
from harness.experiment.work import Work
from harness.files import Row, write_json
from harness.run.folder import RunFolder

YEARS: Row = {"train": "2012-2014", "validation": "2015", "calibration": "2016"}


def interrupted(folder: Path, roles: Roles, patch: pytest.MonkeyPatch, years: Row = YEARS) -> Work:
    """A run that has begun, and ends before its first trial."""

    def stop(work: Work) -> None:
        raise KeyboardInterrupt

    patch.setattr(pipeline, "adapt_stage", stop)
    patch.setattr(pipeline, "write_page", lambda run: None)
    config = RunConfig.model_validate({"corpus": {"format": "synthetic"}, "years": years})
    built = store.build(roles.read, assign(roles.read, config.years), folder / "cache" / "store")
    run = RunFolder(folder / "leaderboards" / "run")
    write_json(run.path / "run.json", {"run": "run", "seed": 7})
    write_json(run.path / "corpus.json", {})
    return Work(run, config, {}, built, "", here(folder), lambda line: None)


def meta(work: Work) -> Row:
    with pytest.raises(KeyboardInterrupt):
        run_all(work)
    return work.run.meta()


def read_by(work: Work, *names: str) -> None:
    years = fingerprints(work.store, "calibration")
    for name in names:
        record(readings_of(work.run.path), name, "calibration", years, "another")


def test_a_run_notes_at_its_start_who_read_its_calibration_years(
    tiny_roles: Roles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own reading does not count, and until it reads them it counts again whenever it is gone on with."""
    work = interrupted(tmp_path, tiny_roles, monkeypatch)
    assert meta(work) == {"run": "run", "seed": 7, "earlier_readings": 0}
    read_by(work, "one", "two", "two", "run")
    assert meta(work)["earlier_readings"] == 2


def test_what_was_counted_at_the_reading_stays(
    tiny_roles: Roles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs that read these years afterwards weaken no promise of this one."""
    work = interrupted(tmp_path, tiny_roles, monkeypatch)
    work.run.write_stage("certify", {"earlier_readings": 1})
    read_by(work, "run", "later", "latest")
    assert meta(work)["earlier_readings"] == 1


def test_without_calibration_years_nothing_is_noted(
    tiny_roles: Roles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    years = {role: of for role, of in YEARS.items() if role != "calibration"}
    assert "earlier_readings" not in meta(interrupted(tmp_path, tiny_roles, monkeypatch, years))
