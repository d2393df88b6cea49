from __future__ import annotations

from pathlib import Path

import pytest
from certificates import by_certificate, read_by_line

from harness.config import RunConfig, YearsConfig
from harness.corpus import store
from harness.corpus.builder import ReadResult
from harness.corpus.certificate import Corpus
from harness.corpus.years import assign
from harness.experiment.readings import (
    READINGS,
    chose,
    digest_of,
    earlier,
    fingerprint_of,
    fingerprints,
    readings_of,
    record,
)
from harness.files import Row, append_row, read_rows, write_json
from harness.run.folder import RunFolder

RAW: Row = {"corpus": {"format": "synthetic"}, "years": {"train": "2012-2014", "validation": "2015", "heldout": "2016"}}


def run_of(folder: Path, knowledge: str | None = None, **spaces: Row) -> RunFolder:
    run = RunFolder(folder / "run")
    write_json(run.path / "corpus.json", {"knowledge": knowledge})
    write_json(run.path / "spaces.json", spaces)
    return run


def digest(folder: Path, **sections: Row) -> str:
    return digest_of(run_of(folder), RunConfig.model_validate({**RAW, **sections}))


def corpus(*texts: str, code: str = "A") -> Corpus:
    return by_certificate(*((2016, [text], [code]) for text in texts))


# Fingerprints ---------------------------------------------------------------------------------------------------------


def test_a_fingerprint_is_of_texts_and_never_of_codes() -> None:
    assert fingerprint_of(corpus("flu", "fall")) == fingerprint_of(corpus("flu", "fall", code="B"))
    assert fingerprint_of(corpus("flu", "fall")) != fingerprint_of(corpus("flu", "falls"))
    assert fingerprint_of(corpus("flu", "fall")) != fingerprint_of(corpus("flu"))
    assert fingerprint_of(corpus("ab", "c")) != fingerprint_of(corpus("a", "bc"))


def test_a_year_has_one_fingerprint_whatever_its_role(tmp_path: Path) -> None:
    read = read_by_line(*((year, [(f"flu {n}", ["A"])]) for n, year in enumerate((2012, 2013, 2016, 2014, 2015, 2016))))

    def of(years: YearsConfig, role: str) -> dict[int, str]:
        return fingerprints(store.build(read, assign(read, years), tmp_path), role)

    first = YearsConfig(train=(2012,), validation=(2013,), calibration=(2014,), heldout=(2015, 2016))
    moved = YearsConfig(train=(2013, 2014), validation=(2015,), calibration=(2016,))
    heldout = of(first, "heldout")
    assert list(heldout) == [2015, 2016]
    assert of(moved, "calibration") == {2016: heldout[2016]}
    assert heldout[2015] != heldout[2016]
    assert of(moved, "heldout") == {}


# The configuration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"search": {"objective": "exact_match"}},
        {"search": {"seed": 1}},
        {"search": {"families": ["dictionary"]}},
        {"promise": {"risk": 0.05}},
        {"automation": {"always_person": ["O00-O99"]}},
        {"automation": {"learned_confidence": True}},
        {"corpus": {"format": "synthetic", "language": "fr"}},
        {"years": {**RAW["years"], "refit": False}},
    ],
)
def test_what_may_follow_a_result_changes_the_digest(tmp_path: Path, changed: Row) -> None:
    assert digest(tmp_path, **changed) != digest(tmp_path)


def test_so_does_what_lists_and_search_spaces_hold(tmp_path: Path) -> None:
    config = RunConfig.model_validate(RAW)
    given: list[Row] = [{}, {"knowledge": "k1"}, {"knowledge": "k2"}, {"linear": {"unit": {"value": "line"}}}]
    assert len({digest_of(run_of(tmp_path, **one), config) for one in given}) == len(given)


@pytest.mark.parametrize(
    "changed",
    [
        {"years": {"train": "2013-2015", "validation": "2016", "calibration": "2017", "heldout": "2018"}},
        {"search": {"seeds": 3, "gpus": 0, "spaces": "elsewhere"}},
        {"corpus": {"format": "synthetic", "path": ["elsewhere.csv"], "codes": "elsewhere/codes.csv"}},
    ],
)
def test_which_years_where_files_lie_and_what_it_runs_on_do_not(tmp_path: Path, changed: Row) -> None:
    assert digest(tmp_path, **changed) == digest(tmp_path)


# Who read before ------------------------------------------------------------------------------------------------------

YEARS = {2016: "aaa", 2017: "bbb"}


def test_a_row_for_each_year(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    record(path, "first", "heldout", YEARS, "c1")
    rows = read_rows(path)
    assert [{key: value for key, value in row.items() if key != "when"} for row in rows] == [
        {"run": "first", "role": "heldout", "fingerprint": fingerprint, "years": [year], "config": "c1"}
        for year, fingerprint in YEARS.items()
    ]
    assert all(row["when"].endswith("+00:00") for row in rows)


@pytest.mark.parametrize(
    ("run", "role", "config", "counted"),
    [
        ("other", "calibration", "c1", 1),  # certified on it before, by whatever configuration
        ("other", "calibration", "c2", 1),
        ("other", "heldout", "c1", 0),  # the same configuration: nothing was chosen by it
        ("other", "heldout", "c2", 1),
        ("mine", "calibration", "c1", 0),  # a run that is gone on with
        ("mine", "heldout", "c2", 0),
    ],
)
def test_who_counts_as_earlier(tmp_path: Path, run: str, role: str, config: str, counted: int) -> None:
    path = tmp_path / "readings.jsonl"
    record(path, run, role, YEARS, config)
    assert earlier(path, "mine", {2016: "aaa"}, "c1") == counted
    assert earlier(path, "mine", {2016: "new"}, "c1") == 0


def test_runs_are_counted_and_not_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    assert earlier(path, "mine", YEARS, "c1") == 0
    for run in ("first", "second", "first"):
        record(path, run, "calibration", YEARS, "c1")
    assert earlier(path, "mine", YEARS, "c1") == 2


def test_rows_of_before_there_were_roles_count(tmp_path: Path) -> None:
    """They were written by certifications alone."""
    path = tmp_path / "readings.jsonl"
    append_row(path, {"run": "old", "fingerprint": "aaa", "years": [2016], "when": "2026-01-01T00:00:00+00:00"})
    assert earlier(path, "mine", YEARS, "c1") == 1
    assert chose(path, YEARS, "c1", "2026-02-01T00:00:00+00:00") == []


# What a year has chosen -----------------------------------------------------------------------------------------------

JANUARY, FEBRUARY, MARCH = (f"2026-0{month}-01T00:00:00+00:00" for month in (1, 2, 3))


def noted(path: Path, run: str, role: str, fingerprint: str, config: str, when: str) -> None:
    row = {"run": run, "role": role, "fingerprint": fingerprint, "years": [0], "config": config, "when": when}
    append_row(path, row)


@pytest.mark.parametrize(
    ("role", "config", "when", "refused"),
    [
        ("heldout", "c2", JANUARY, True),
        ("heldout", "c1", JANUARY, False),  # the same configuration
        ("heldout", "c2", MARCH, False),  # the run had begun
        ("calibration", "c2", JANUARY, False),  # counted by earlier_readings
    ],
)
def test_when_a_year_has_chosen(tmp_path: Path, role: str, config: str, when: str, refused: bool) -> None:
    path = tmp_path / "readings.jsonl"
    noted(path, "other", role, "bbb", config, when)
    assert chose(path, YEARS, "c1", FEBRUARY) == ([(2017, "other")] if refused else [])
    assert chose(path, {2016: "aaa"}, "c1", FEBRUARY) == []


def test_each_year_names_its_own_run(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    for run, fingerprint in (("first", "bbb"), ("second", "aaa"), ("third", "aaa")):
        noted(path, run, "heldout", fingerprint, "c2", JANUARY)
    assert chose(path, YEARS, "c1", FEBRUARY) == [(2016, "second"), (2017, "first")]


def test_no_text_and_no_id_is_noted(tmp_path: Path) -> None:
    read: ReadResult = read_by_line(
        (2012, [("flu", ["A"])]), (2013, [("flu", ["A"])]), (2016, [("canary", ["A"])]), ids=["a", "b", "S-4711"]
    )
    years = YearsConfig(train=(2012,), validation=(2013,), heldout=(2016,))
    path = tmp_path / "readings.jsonl"
    record(path, "run", "heldout", fingerprints(store.build(read, assign(read, years), tmp_path), "heldout"), "c1")
    assert "2016" in path.read_text()
    assert not any(word in path.read_text() for word in ("canary", "4711"))


def test_readings_are_noted_where_runs_lie(tmp_path: Path) -> None:
    assert readings_of(tmp_path / "leaderboards" / "a") == tmp_path / "leaderboards" / READINGS
    assert readings_of(tmp_path / "rolled") == tmp_path / READINGS
    (tmp_path / "leaderboards").mkdir()
    assert readings_of(tmp_path / "rolled") == readings_of(tmp_path / "leaderboards" / "a")
