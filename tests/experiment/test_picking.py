from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config import RunConfig
from harness.errors import RunError
from harness.experiment.picking import lost, make_pick, notes
from harness.experiment.provenance import new_meta
from harness.files import write_json
from harness.run.folder import RunFolder

Row = dict[str, Any]
ROLES = ("train", "validation", "calibration", "heldout")


def model(name: str, score: float, kind: str = "baseline", *, shortlisted: bool = True) -> Row:
    return {
        "model": name,
        "family": name.rpartition("-")[0],
        "kind": kind,
        "score": score,
        "expected_coverage": 0.5,
        "shortlisted": shortlisted,
        "reason": None if shortlisted else "not near",
    }


MODELS = [
    model("linear-3", 0.8),
    model("bag-1", 0.78),
    model("dictionary-0", 0.6, shortlisted=False),
    model("floor-nothing", 0.0, "floor", shortlisted=False),
]
PROMISES = {
    "linear-3": {"made": True, "coverage": 0.4, "reason": "promised"},
    "bag-1": {"made": True, "coverage": 0.5, "reason": "promised"},
}


def certified_run(path: Path, *, roles: tuple[str, ...] = ROLES, **changes: Any) -> RunFolder:
    """A run that has got as far as its certification; ``changes`` replace what stages, ``run.json`` or ``corpus.json`` say."""
    run = RunFolder(path / "20260302-093012")
    write_json(run.path / "run.json", {"format": 1, "objective": "micro_f1"} | changes.get("meta", {}))
    described = {role: {"years": [2012 + number], "n": 100} for number, role in enumerate(roles)}
    corpus = {"roles": described, "generated": False, "quarantine": {"total": 0}}
    write_json(run.path / "corpus.json", corpus | changes.get("corpus", {}))
    run.write_stage("decide", {"models": MODELS} | changes.get("decide", {}))
    run.write_stage("refit", {"models": {row["model"]: {} for row in MODELS}, "lost": {}} | changes.get("refit", {}))
    if "calibration" in roles:
        certified = {"promises": PROMISES, "earlier_readings": 0, "speeds": {}}
        run.write_stage("certify", certified | changes.get("certify", {}))
    return run


def test_the_pick_is_written_and_returned(tmp_path: Path) -> None:
    run = certified_run(tmp_path)
    found = make_pick(run)
    assert run.pick() == found
    assert (found["model"], found["family"], found["promise"]) == ("bag-1", "bag", PROMISES["bag-1"])
    assert found["warnings"] == []
    assert [(row["model"], row["shortlisted"], row["reason"]) for row in found["shortlist"]] == [
        ("linear-3", True, None),
        ("bag-1", True, None),
        ("dictionary-0", False, "not near"),
        ("floor-nothing", False, "not near"),
    ]
    assert [row["promise"] for row in found["shortlist"]] == [*PROMISES.values(), None, None]
    assert found["earlier_readings"] == 0


def test_made_again_it_is_the_same(tmp_path: Path) -> None:
    run = certified_run(tmp_path)
    found = make_pick(run)
    before = (run.path / "pick.json").read_bytes()
    assert make_pick(run) == found
    assert (run.path / "pick.json").read_bytes() == before
    (run.path / "pick.json").unlink()
    assert make_pick(run) == found


def test_each_other_finalist_has_its_reason(tmp_path: Path) -> None:
    found = make_pick(certified_run(tmp_path))
    assert found["rejected"] == [
        {"model": "dictionary-0", "reason": "not shortlisted: not near"},
        {"model": "linear-3", "reason": "it promises 40.0 % of the calibration certificates, and bag-1 50.0 %"},
    ]


def test_ties_and_speeds_of_the_certification_decide(tmp_path: Path) -> None:
    even = [{"first": "bag-1", "second": "linear-3", "difference": 0.01, "low": -0.01, "high": 0.03}]
    measured: Row = {"promises": PROMISES, "earlier_readings": 0, "ties": even}
    run = certified_run(tmp_path, certify=measured | {"speeds": {"bag-1": 10.0, "linear-3": 100.0}})
    found = make_pick(run)
    assert found["model"] == "linear-3"
    assert make_pick(run) == found
    assert found["rejected"][0] == {
        "model": "bag-1",
        "reason": "in a tie with linear-3 on validation, but linear-3 is faster",
    }
    run.write_stage("certify", measured | {"speeds": {"bag-1": 100.0, "linear-3": 10.0}})
    assert make_pick(run)["model"] == "bag-1"


def test_limits_of_the_configuration_count_the_witnesses(tmp_path: Path) -> None:
    """bag-1 asks dictionary-0 and ships it: 3 kB and 2 kB are more than 4 kB."""
    asked = [row | {"witnesses": ["dictionary-0"] if row["model"] == "bag-1" else []} for row in MODELS]
    sizes = {"linear-3": 3072, "bag-1": 3072, "dictionary-0": 2048, "floor-nothing": 1}
    refit = {"models": {name: {"bytes": size} for name, size in sizes.items()}}
    changes: Row = {"decide": {"models": asked}, "refit": refit}
    found = make_pick(certified_run(tmp_path, meta={"max_bytes": 4 * 1024}, **changes))
    assert found["model"] == "linear-3"
    assert found["rejected"][0]["reason"].startswith("outside the limits: its models take")
    assert make_pick(certified_run(tmp_path, meta={"max_bytes": 5 * 1024}, **changes))["model"] == "bag-1"


def test_no_pick_where_no_model_lies_within_the_limits(tmp_path: Path) -> None:
    speeds = {"promises": PROMISES, "speeds": {"linear-3": 1.0, "bag-1": 2.0, "dictionary-0": 3.0}}
    limit = "min_certificates_per_second"
    run = certified_run(tmp_path, meta={limit: 3.5}, certify=speeds)
    found = make_pick(run)
    assert (found["model"], found["promise"], run.pick()) == (None, None, found)
    assert [row["model"] for row in found["rejected"]] == ["bag-1", "dictionary-0", "linear-3"]
    assert notes(run, found) == []
    assert make_pick(certified_run(tmp_path, meta={limit: 2}, certify=speeds))["model"] == "bag-1"


def test_limits_stand_in_the_public_rows_of_a_run(tmp_path: Path) -> None:
    """bag-1, which promises more, is too large; the configuration itself is not among the public rows."""
    automation = {"max_bytes": "4KB", "min_certificates_per_second": 2, "minutes_per_line": 0.5}
    raw = {"corpus": {"format": "synthetic"}, "years": {"train": 2012, "validation": 2013}, "automation": automation}
    meta = new_meta("run", RunConfig.model_validate(raw), {}, "harness search")
    assert (meta["max_bytes"], meta["min_certificates_per_second"]) == (4096, 2.0)
    assert (meta["minutes_per_certificate"], meta["minutes_per_line"]) == (3.0, 0.5)
    sizes = {"models": {row["model"]: {"bytes": 5000 if row["model"] == "bag-1" else 1} for row in MODELS}}
    run = certified_run(tmp_path, meta=meta, refit=sizes)
    assert not run.config.exists()
    assert make_pick(run)["model"] == "linear-3"


def test_a_limit_that_could_not_be_asked_of_the_pick_is_said(tmp_path: Path) -> None:
    limits = {"min_certificates_per_second": 5}
    found = make_pick(certified_run(tmp_path, roles=ROLES[:2] + ROLES[3:], meta=limits))
    assert found["model"] == "linear-3"
    assert found["warnings"] == [
        "The speed of the pick was not measured, so automation.min_certificates_per_second could not be asked of it."
    ]


@pytest.mark.parametrize("missing", ["decide", "refit", "certify"])
def test_a_run_that_has_not_got_so_far_has_no_pick(tmp_path: Path, missing: str) -> None:
    run = certified_run(tmp_path)
    (run.path / "stages" / f"{missing}.json").unlink()
    with pytest.raises(RunError, match=r"needs a run that is certified.*harness resume 20260302-093012"):
        make_pick(run)
    assert run.pick() is None


def test_without_calibration_years_the_best_on_validation(tmp_path: Path) -> None:
    found = make_pick(certified_run(tmp_path, roles=("train", "validation", "heldout")))
    assert (found["model"], found["promise"]) == ("linear-3", None)
    assert "there are no calibration years" in found["reasons"][0]


def test_a_model_that_was_lost_in_the_refit_is_not_picked(tmp_path: Path) -> None:
    lost: Row = {"models": {"bag-1": {}, "floor-nothing": {}}, "lost": {"linear-3": "ValueError at harness/x.py:3"}}
    found = make_pick(certified_run(tmp_path, refit=lost, certify={"promises": {}}))
    assert found["model"] == "bag-1"  # though linear-3 was better on validation
    assert found["warnings"] == ["linear-3 could not be fitted again (ValueError at harness/x.py:3)."]
    assert found["rejected"] == [
        {"model": "linear-3", "reason": "it could not be fitted again (ValueError at harness/x.py:3)"}
    ]
    assert "the best of all is 0.7800 (bag-1)" in found["reasons"][-1]


def test_a_model_that_cannot_predict_calibration_is_not_picked(tmp_path: Path) -> None:
    without = {"promises": {"linear-3": PROMISES["linear-3"]}, "lost": {"bag-1": "ValueError at harness/x.py:3"}}
    found = make_pick(certified_run(tmp_path, certify=without))
    assert found["model"] == "linear-3"
    assert found["warnings"] == ["bag-1 could not predict calibration (ValueError at harness/x.py:3)."]
    assert found["rejected"][0] == {
        "model": "bag-1",
        "reason": "it could not predict calibration (ValueError at harness/x.py:3)",
    }


def test_a_pick_that_cannot_predict_heldout_years_stays_and_is_warned_of(tmp_path: Path) -> None:
    run = certified_run(tmp_path)
    before = make_pick(run)
    run.write_stage("score", {"rows": 1, "lost": {"bag-1": "ValueError at harness/x.py:3"}})
    found = make_pick(run)
    assert found == before | {"warnings": ["bag-1 could not predict held-out years (ValueError at harness/x.py:3)."]}
    assert lost(run) == ["bag-1 could not predict held-out years (ValueError at harness/x.py:3)"]


def test_a_witness_that_is_silent_is_warned_of(tmp_path: Path) -> None:
    run = certified_run(tmp_path, decide={"silent": {"witness-tree": "no memory", "witness-gru": "too slow"}})
    said = [
        "witness-gru could not be asked as a witness (too slow)",
        "witness-tree could not be asked as a witness (no memory)",
    ]
    assert lost(run) == said
    assert make_pick(run)["warnings"] == [f"{sentence}." for sentence in said]


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"corpus": {"quarantine": {"total": 1234}}}, "1,234 rows could not be read and were left out."),
        ({"roles": ROLES[:3]}, "There are no held-out years: nothing confirms the pick."),
    ],
)
def test_each_warning(tmp_path: Path, changes: Row, warning: str) -> None:
    assert make_pick(certified_run(tmp_path, **changes))["warnings"] == [warning]


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"corpus": {"generated": True}}, "the certificates are generated text"),
        ({"certify": {"earlier_readings": 2}}, "the same calibration certificates were read by 2 earlier runs"),
    ],
)
def test_each_note(tmp_path: Path, changes: Row, note: str) -> None:
    run = certified_run(tmp_path, **changes)
    found = make_pick(run)
    assert found["warnings"] == []
    assert [text.startswith(note) for text in notes(run, found)] == [True]


def test_earlier_readings_weaken_no_promise_where_there_is_none(tmp_path: Path) -> None:
    run = certified_run(tmp_path, certify={"promises": {}, "earlier_readings": 2})
    assert notes(run, make_pick(run)) == []
