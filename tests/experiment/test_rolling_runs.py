"""A whole run on a real Ray cluster, back-tested and rolled forward to the bundle that an office deploys."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.config import Synthetic, load_config
from harness.corpus.synthetic import generate, write_lines
from harness.decision.rule import DecisionRule
from harness.experiment.export import export
from harness.experiment.readings import READINGS
from harness.experiment.start import backtest, code_list_of, resume, roll, start, store_of
from harness.files import read_rows
from harness.production.bundle import load
from harness.production.predict import predict_files
from harness.run.folder import RunFolder

pytestmark = pytest.mark.ray

CONFIG = """
[corpus]
format = "lines"
path = "certificates.csv"
columns = { id = "id", year = "year", line = "line", part = "part", text = "text", codes = "code" }
codes = "codes.csv"
[years]
train = "2012-2014"
validation = "2015"
calibration = "2016"
heldout = ["2017", "2018"]
[search]
families = ["dictionary", "linear"]
trials = 1
spaces = "spaces"
ensemble = false
gpus = 0
[promise]
risk = 0.25
"""
LINEAR = 'unit = { value = "line" }\nchar_ngrams = { value = 3 }\nmax_features = { value = 1000 }\n'


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with an office's certificates of seven years, in which its commands run."""
    from harness.search.cluster import cluster

    folder, before = tmp_path_factory.mktemp("office"), Path.cwd()
    write_lines(generate(Synthetic(certificates=1050, codes=25, first_year=2012, years=7)), folder)
    (folder / "spaces").mkdir()
    (folder / "spaces" / "linear.toml").write_text(LINEAR)
    (folder / "search.toml").write_text(CONFIG)
    os.chdir(folder)
    try:
        with cluster(gpus=0, cpus=2):
            yield folder
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def run(office: Path) -> RunFolder:
    found, pick = start(office / "search.toml", lambda line: None)
    assert pick["missing"] == []
    return found


def test_a_back_test_goes_on_with_the_windows_that_are_left(run: RunFolder) -> None:
    before = run.pick()
    pair = [{"model": "dictionary-0", "refit": refit, "made": False, "coverage": None} for refit in (False, True)]
    done = [{**row, "audit": year} for year in (2015, 2016, 2017) for row in pair]
    run.write_stage("backtest", {"rows": done})
    said: list[str] = []
    _, rows = backtest(run.name, "dictionary-0", said.append)
    assert said == ["back-test: trained up to 2015, audited on 2018"]
    assert rows[:6] == done
    assert [(row["audit"], row["refit"], row["legal"]) for row in rows[6:]] == [
        (2018, False, False),
        (2018, True, False),
    ]
    assert all(row["made"] for row in rows[6:])
    assert {row["n"] for row in rows[6:]} == {150}
    assert run.pick() == before
    assert 'id="backtest-1"' in run.page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rolled(office: Path, run: RunFolder) -> RunFolder:
    """The run two years on, interrupted where it has its rule and before its models are fitted again."""
    seen: list[str] = []

    def interrupted(line: str) -> None:
        seen.append(line)
        if "models again on" in line:
            raise KeyboardInterrupt

    out = Path("leaderboards") / "next"
    with pytest.raises(KeyboardInterrupt):
        roll(run.name, out, None, interrupted)
    assert "models again on train + validation" in seen[-1]
    found = RunFolder((office / out).resolve())
    frozen, decided = found.stage("frozen"), found.stage("decide")
    assert (found.stage("refit"), found.pick()) == (None, None)
    again, pick = resume("next", seen.append)
    assert pick["missing"] == []
    assert (again.stage("frozen"), again.stage("decide")) == (frozen, decided)
    assert sum("on the years that moved on" in line for line in seen) == 1
    return again


def test_all_roles_moved_on(run: RunFolder, rolled: RunFolder) -> None:
    years = {role: part["years"] for role, part in rolled.corpus()["roles"].items()}
    assert years == {"train": [2014, 2015, 2016], "validation": [2017], "calibration": [2018]}
    assert load_config(rolled.config).years.heldout == ()
    assert rolled.meta()["rolled"] == {"from": run.name, "by": 2}
    assert rolled.meta()["command"] == f"harness refit {run.name} --by 2 -o next"


def test_the_pick_alone_is_fitted_again_and_certified_at_full_confidence(run: RunFolder, rolled: RunFolder) -> None:
    before, pick = run.pick() or {}, rolled.pick() or {}
    assert pick["model"] == before["model"]
    promise = pick["promise"]
    assert (promise["candidates"], promise["delta"]) == (1, pytest.approx(0.05))
    chosen = {row["model"]: row for row in (run.stage("decide") or {})["models"]}[pick["model"]]
    models = (rolled.stage("decide") or {})["models"]
    assert [row["kind"] for row in models] == [chosen["kind"], "floor", "floor", "floor"]
    assert (models[0]["parameters"], models[0]["steps"]) == (chosen["parameters"], chosen["steps"])
    assert rolled.trials() == []
    old = DecisionRule.load(run.model(pick["model"]) / "rule")
    new = DecisionRule.load(rolled.model(pick["model"]) / "rule")
    assert (old.threshold, old.certificate.promise) != (new.threshold, new.certificate.promise)
    assert {row["role"] for row in rolled.scorecards()} == {"validation", "calibration"}
    assert pick["warnings"] == ["There are no held-out years: nothing confirms the pick."]


def test_each_year_that_was_read_is_noted(office: Path, run: RunFolder, rolled: RunFolder) -> None:
    rows = read_rows(office / "leaderboards" / READINGS)
    assert [(row["run"], row["role"], row["years"]) for row in rows] == [
        (run.name, "calibration", [2016]),
        (run.name, "heldout", [2017]),
        (run.name, "heldout", [2018]),
        ("next", "calibration", [2018]),
    ]
    assert rows[2]["fingerprint"] == rows[3]["fingerprint"]
    assert len({row["config"] for row in rows}) == 1
    # the same configuration had scored 2018: it chose nothing
    assert (rolled.pick() or {})["earlier_readings"] == 0
    assert (rolled.stage("frozen") or {}).get("refused") is None


def test_its_bundle_codes_the_next_certificates(office: Path, rolled: RunFolder, tmp_path: Path) -> None:
    name = export(rolled, load_config(rolled.config), code_list_of(rolled), None, tmp_path / "bundle")
    assert name == (rolled.pick() or {})["model"]
    bundle = load(tmp_path / "bundle")
    promise = bundle.candidate.rule.certificate.promise
    assert promise is not None
    assert promise.to_dict() == (rolled.pick() or {})["promise"]
    with (office / "certificates.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["year"] == "2018"]
    with (tmp_path / "new.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "year", "line", "part", "text"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    predict_files(bundle, (tmp_path / "new.csv",), tmp_path / "out.csv", lambda line: None)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    store = store_of(rolled)
    assert len(found) == len(store.roles["calibration"])
    automatic = sum(row["decision"] == "automatic" for row in found)
    assert automatic == promise.accepted == round(promise.coverage * len(found))
