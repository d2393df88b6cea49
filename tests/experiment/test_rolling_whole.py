"""Rolling a run forward: whole runs in this process, whose search is one trial of each family."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fits_here import DICTIONARY, Here, here

from harness.config import Synthetic, load_config
from harness.corpus.synthetic import generate, write_lines
from harness.decision.rule import DecisionRule
from harness.errors import RunError, YearsError
from harness.experiment import pipeline, start
from harness.experiment.readings import READINGS, digest_of
from harness.experiment.work import Work
from harness.files import Row, append_row, read_json, read_rows
from harness.run.folder import FROZEN, RunFolder
from harness.search.worker import Report, run_fit

CONFIG = """
[corpus]
format = "lines"
path = "certificates.csv"
columns = { id = "id", year = "year", line = "line", part = "part", text = "text", codes = "code" }
[years]
train = "2012-2013"
validation = "2014"
calibration = "2015"
heldout = ["2016", "2017"]
[search]
families = ["dictionary"]
seeds = 2
[promise]
risk = 0.25
[automation]
witnesses = []
"""


def one_trial_each(work: Work) -> list[str]:
    """In place of a search."""
    done = {row["family"] for row in work.run.trials()}
    for family in work.config.search.families:
        if family not in done:
            reports: list[Report] = []
            spec = replace(work.spec(), family=family, parameters=DICTIONARY)
            run_fit(replace(spec, validation=(work.store.roles["validation"],)), reports.append)
            work.run.save_predictions(f"validation/{family}-0", reports[-1].predictions)
            row = {"trial": f"{family}-0", "family": family, "kind": "baseline", "status": "done", "steps": 1}
            work.run.add_trial({**row, "parameters": DICTIONARY, "score": reports[-1].score, "seconds": 1.0})
    return []


@dataclass(frozen=True)
class Office:
    """A folder with a configuration, its certificates and a finished run."""

    folder: Path
    run: RunFolder

    @property
    def readings(self) -> Path:
        return self.run.path.parent / READINGS

    def roll(
        self, out: str, by: int | None = None, say: Callable[[str], None] = lambda line: None, name: str = ""
    ) -> RunFolder:
        return start.roll(name or self.run.name, Path("leaderboards") / out, by, say)[0]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    with pytest.MonkeyPatch.context() as patch:
        _in_this_process(patch, folder)
        write_lines(generate(Synthetic(certificates=480, codes=20, first_year=2012, years=6)), folder)
        (folder / "search.toml").write_text(CONFIG)
        yield Office(folder, start.start(folder / "search.toml", lambda line: None)[0])


def _in_this_process(patch: pytest.MonkeyPatch, folder: Path) -> None:
    @contextmanager
    def cluster(**given: Any) -> Iterator[Here]:
        yield here(folder)

    patch.setattr(start, "cluster", cluster)
    patch.setattr(pipeline, "search_stage", one_trial_each)
    patch.setattr(pipeline, "seeds_stage", lambda work: None)
    patch.setattr(pipeline, "write_page", lambda run: None)
    patch.chdir(folder)


@pytest.fixture
def office(first: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A copy of its own for each test."""
    folder = tmp_path / "office"
    shutil.copytree(first.folder, folder)
    config = folder / "leaderboards" / first.run.name / "search.toml"
    for path in (config, folder / "search.toml"):
        path.write_text(path.read_text().replace(str(first.folder), str(folder)))
    _in_this_process(monkeypatch, folder)
    return Office(folder, RunFolder(folder / "leaderboards" / first.run.name))


def test_the_newest_year_certifies_one_candidate_at_full_confidence(office: Office) -> None:
    rolled = office.roll("next")
    years = {role: part["years"] for role, part in rolled.corpus()["roles"].items()}
    assert years == {"train": [2014, 2015], "validation": [2016], "calibration": [2017]}
    pick = rolled.pick() or {}
    assert (pick["model"], pick["promise"]["candidates"], pick["promise"]["made"]) == ("dictionary-0", 1, True)
    assert pick["promise"]["delta"] == pytest.approx(0.05)
    assert pick["warnings"] == ["There are no held-out years: nothing confirms the pick."]
    assert pick["earlier_readings"] == 0
    assert [row["model"] for row in (rolled.stage("decide") or {})["models"] if row["kind"] != "floor"] == [
        "dictionary-0"
    ]
    assert rolled.trials() == []
    assert rolled.meta()["rolled"] == {"from": office.run.name, "by": 2}
    assert read_rows(office.readings)[-1] | {"when": 0} == {
        "run": "next",
        "role": "calibration",
        "years": [2017],
        "fingerprint": read_rows(office.readings)[2]["fingerprint"],
        "config": digest_of(office.run, load_config(office.run.config)),
        "when": 0,
    }


def test_the_office_may_name_the_run_by_its_path(office: Office) -> None:
    rolled = office.roll("next", 1, name=str(office.run.path))
    assert rolled.meta()["command"] == f"harness refit {office.run.name} --by 1 -o next"
    assert rolled.corpus()["roles"]["heldout"]["years"] == [2017]


def _rules(run: RunFolder) -> dict[str, bytes]:
    files = [path for path in (run.path / "rules").rglob("*") if path.is_file()]
    return {str(path.relative_to(run.path)): path.read_bytes() for path in files}


def _decided(run: RunFolder) -> list[Row]:
    models = (run.stage("decide") or {})["models"]
    return [{key: value for key, value in row.items() if key != "fit_seconds"} for row in models]


@pytest.mark.parametrize("year", ["2016", "2017"])
def test_rules_know_the_codes_of_validation_and_none_after(office: Office, year: str) -> None:
    """Codes of 2017, which certifies, may change without a rule; codes of 2016, on which rules are set, may not."""
    before = office.roll("before")
    path = office.folder / "certificates.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    late = [row for row in rows if row["year"] == year]
    codes = [row["code"] for row in late]
    for row, code in zip(late, np.random.default_rng(0).permutation(codes).tolist(), strict=True):
        row["code"] = code
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    after = office.roll("after")
    assert (_rules(after) == _rules(before)) == (year == "2017")
    assert (_decided(after) == _decided(before)) == (year == "2017")
    promises = [(run.stage("certify") or {})["promises"]["dictionary-0"] for run in (before, after)]
    assert promises[0] != promises[1]


def _scored(office: Office, year: int, run: str, config: str, when: str) -> None:
    """Note that another run scored a year as held-out."""
    row = next(row for row in read_rows(office.readings) if row["years"] == [year])
    append_row(office.readings, {**row, "run": run, "role": "heldout", "config": config, "when": when})


def test_the_promise_is_refused_where_the_new_year_had_chosen(office: Office) -> None:
    _scored(office, 2017, "20200101-000000", "another", "2020-01-01T00:00:00+00:00")
    said: list[str] = []
    rolled = office.roll("next", say=said.append)
    refused = "no promise: 2017 was scored as held-out by 20200101-000000, and the configuration was changed since"
    assert refused in said
    pick = rolled.pick() or {}
    assert (pick["model"], pick["promise"]) == ("dictionary-0", None)
    assert f"N{refused[1:]}." in pick["warnings"]
    assert {role: part["years"] for role, part in rolled.corpus()["roles"].items()} == {
        "train": [2014, 2015],
        "validation": [2016],
    }
    assert load_config(rolled.config).years.calibration == ()
    assert rolled.stage("certify") is None
    assert DecisionRule.load(rolled.model("dictionary-0") / "rule").certificate.promise is None
    assert {row["run"] for row in read_rows(office.readings)} == {office.run.name, "20200101-000000"}
    with pytest.raises(RunError, match="needs calibration years to certify on, but next has none"):
        office.roll("again", 1, name="next")


def test_of_the_other_year_it_is_made(office: Office) -> None:
    _scored(office, 2017, "20200101-000000", "another", "2020-01-01T00:00:00+00:00")
    assert (office.roll("next", 1).pick() or {})["promise"]["made"]


@pytest.mark.parametrize(
    ("own", "when", "earlier"), [(True, "2020-01-01T00:00:00+00:00", 0), (False, "2099-01-01T00:00:00+00:00", 1)]
)
def test_it_is_made_where_the_configuration_was_the_same_or_had_begun(
    office: Office, own: bool, when: str, earlier: int
) -> None:
    config = digest_of(office.run, load_config(office.run.config)) if own else "another"
    _scored(office, 2017, "other", config, when)
    pick = office.roll("next").pick() or {}
    assert pick["promise"]["made"]
    assert pick["earlier_readings"] == earlier


def test_a_run_may_be_rolled_forward_year_by_year(office: Office) -> None:
    """The first run had scored 2017 as held-out, and so had the second: by the configuration that chose the model."""
    one = office.roll("one", 1)
    assert (one.pick() or {})["promise"]["made"]
    two = office.roll("two", name="one")
    assert two.corpus()["roles"]["calibration"]["years"] == [2017]
    assert (two.pick() or {})["promise"]["made"]
    assert (two.stage(FROZEN) or {})["began"] == office.run.meta()["started"]
    assert (two.pick() or {})["earlier_readings"] == 0
    with pytest.raises(RunError, match="those of two end with 2017; --by N names years that its files have by now"):
        office.roll("three", name="two")


def test_it_goes_on_after_an_interruption(office: Office) -> None:
    def interrupted(line: str) -> None:
        if line.startswith("predicting calibration"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        office.roll("next", say=interrupted)
    run = RunFolder(office.folder / "leaderboards" / "next")
    assert run.pick() is None
    before = {name: (run.path / "stages" / f"{name}.json").read_bytes() for name in (FROZEN, "decide", "refit")}
    again, pick = start.resume("next", lambda line: None)
    assert {name: (again.path / "stages" / f"{name}.json").read_bytes() for name in before} == before
    assert pick["promise"]["made"]
    whole = office.roll("whole").pick() or {}
    assert whole["promise"] == pick["promise"]


def test_two_rolls_of_one_year_count_each_other(office: Office) -> None:
    assert [(office.roll(name).pick() or {})["earlier_readings"] for name in ("one", "two", "three")] == [0, 1, 2]


def test_a_name_that_has_read_certificates_is_not_given_again(office: Office) -> None:
    """Else the second reading would pass for the first."""
    shutil.rmtree(office.roll("next").path)
    with pytest.raises(RunError, match=r"-o must name a run that has not read any certificates yet.*has one of next"):
        office.roll("next")


def test_years_that_its_files_do_not_have(office: Office) -> None:
    with pytest.raises(YearsError, match=r"years.calibration must name years that have certificates"):
        office.roll("next", 3)
    assert not (office.folder / "leaderboards" / "next").exists()
    assert sorted(path.name for path in (office.folder / "leaderboards").iterdir()) == sorted(
        [office.run.name, READINGS, "index.html"]
    )


def test_a_folder_that_holds_something_is_left_alone(office: Office) -> None:
    (office.folder / "leaderboards" / "next").mkdir()
    (office.folder / "leaderboards" / "next" / "notes.txt").write_text("mine")
    with pytest.raises(
        RunError, match=r"^-o must name a folder that is empty or not there, but leaderboards/next is not$"
    ):
        office.roll("next")
    assert read_json(office.run.path / "pick.json") == office.run.pick()


def test_a_rolled_run_is_back_tested_too(office: Office) -> None:
    office.roll("next")
    _, rows = start.backtest("next", None, lambda line: None)
    assert [(row["audit"], row["refit"]) for row in rows] == [(2017, False), (2017, True)]
