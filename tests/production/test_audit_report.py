from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
from audited_office import (
    WATCHED,
    Row,
    as_predicted,
    fill,
    predictions,
    reference,
    reported,
    sampled,
    write,
    write_batch,
    write_bundle,
)
from small_office import PROMISE

from harness.errors import BundleError, CorpusError
from harness.production import bundle
from harness.production.audit_report import counts, report_file
from harness.production.auditing import Drawn, key_path, read_key


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    return write_batch(tmp_path)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with past years of practice."""
    return write_bundle(tmp_path_factory.mktemp("office") / "bundle", practice=reference())


def test_all_right_and_all_coded(batch: Path, tmp_path: Path) -> None:
    batch.with_name("out.csv.watch.csv").unlink()
    path, _ = sampled(batch, n=400)
    fill(path, as_predicted)
    said, values = reported(write_bundle(tmp_path / "bundle"), path)
    n = sum(drawn.automatic and drawn.simple for drawn in read_key(path).certificates)
    assert said[0] == f"risk sample: 400 of 400 certificates coded, {n} automatic"
    assert f"kept: 0 of {n} automatic certificates are wrong" in said[1]
    assert values["verdict"]["name"] == "kept"
    assert values["more"] == {"accepted": 0, "reason": None}
    assert (values["automatic"], values["wrong"], values["blame_automatic"]) == (n, 0, [])
    assert values["looks"]["kept"]["at"] is not None
    assert values["looks"]["broken"]["at"] is None
    assert values["practice"] is None
    assert said[-1] == "practice alarm: none, as the bundle has no past years to compare with"
    assert not any("not coded yet" in line for line in said)


def test_counted_by_hand(batch: Path, office: Path) -> None:
    """Wrong ones of each kind, in the automatic and the persons' stream, in both samples; some are not coded."""
    path, _ = sampled(batch, n=100)
    key = read_key(path)
    automatic = [drawn for drawn in key.certificates if drawn.simple and drawn.automatic]
    persons = [drawn for drawn in key.certificates if drawn.simple and not drawn.automatic]
    holders = [drawn for drawn in key.certificates if not drawn.simple]
    assert len(holders) > 2
    cells = {automatic[0].id: "", automatic[1].id: "-", automatic[2].id: f"{as_predicted(automatic[2])};T40.4;U07"}
    cells |= {automatic[3].id: f"{as_predicted(automatic[3])};T40.4", persons[0].id: "U07;U08", persons[1].id: ""}
    cells |= {holders[0].id: "", holders[1].id: "U07"}
    fill(path, lambda drawn: cells.get(drawn.id, as_predicted(drawn)))
    said, values = reported(office, path)
    assert (values["drawn"], values["coded"]) == (100, 98)
    assert (values["drawn_holders"], values["coded_holders"]) == (len(holders), len(holders) - 1)
    assert (values["automatic"], values["wrong"]) == (len(automatic) - 1, 3)
    assert values["verdict"]["risk"] == pytest.approx(3 / (len(automatic) - 1))
    by_code = {one["code"]: (one["missed"], one["wrongly_given"]) for one in values["blame_automatic"]}
    assert by_code == {"T40.4": (2, 0), "U07": (1, 0)} | dict.fromkeys(automatic[1].codes, (0, 1))
    assert values["blame_automatic"][0]["code"] == "T40.4"
    by_code = {one["code"]: (one["missed"], one["wrongly_given"]) for one in values["blame_persons"]}
    assert by_code == {"U07": (1, 0), "U08": (1, 0)} | dict.fromkeys(persons[0].codes, (0, 1))
    assert values["unknown"] == ["U07", "U08"]
    assert values["audited_more"] == math.ceil(values["more"]["accepted"] * 98 / (len(automatic) - 1))
    assert "  T40.4: missed 2, wrongly given 0" in said
    assert "  those not coded yet do not count; if they are the harder ones, the figures flatter" in said
    assert "2 codes of the coder that the model does not have, new ones or slips: U07, U08" in said
    assert any("at this share a verdict takes about" in line for line in said)


def test_a_broken_promise_is_called(batch: Path, office: Path) -> None:
    path, _ = sampled(batch, n=300)
    fill(path, lambda drawn: "X99" if drawn.line % 4 == 1 else as_predicted(drawn))
    said, values = reported(office, path)
    assert values["verdict"]["name"] == "broken"
    at = values["looks"]["broken"]["at"]
    assert f"(called after {at} automatic certificates)" in " ".join(said)
    order = sorted((d for d in read_key(path).certificates if d.simple and d.automatic), key=lambda d: d.number)
    wrong = [drawn.line % 4 == 1 for drawn in order]
    assert wrong[at - 1]  # evidence for broken grows by a wrong one alone


def test_nothing_coded_yet(batch: Path, office: Path) -> None:
    path, _ = sampled(batch)
    said, values = reported(office, path)
    assert values["verdict"]["sentence"] == "undecided: no automatic certificate was audited"
    assert values["verdict"]["risk"] is None
    assert values["more"]["accepted"] is None
    assert values["audited_more"] is None
    assert values["looks"]["kept"] == {"value": 1.0, "largest": 1.0, "at": None}
    assert values["looks"]["more"] is None
    assert any(line.startswith("practice alarm: nothing could be tested, as no certificate holds") for line in said)


def test_without_a_promise_for_certificates_there_is_no_verdict(batch: Path, tmp_path: Path) -> None:
    batch.with_name("out.csv.watch.csv").unlink()
    path, _ = sampled(batch)
    fill(path, as_predicted)
    said, values = reported(write_bundle(tmp_path / "lines", promise=None, line=PROMISE), path)
    assert values["verdict"] is values["looks"] is values["more"] is None
    assert any("the bundle's promise is by line, and this sample judges whole certificates" in line for line in said)
    rows = [row | {"decision": "person"} for row in predictions()]
    path, _ = sampled(write(batch, rows), "persons.csv")
    fill(path, as_predicted)
    for name, promise in (("none", None), ("impossible", dataclasses.replace(PROMISE, made=False, threshold=None))):
        said, values = reported(write_bundle(tmp_path / name, promise=promise), path)
        assert "no verdict, as the bundle makes no promise" in said
        assert values["verdict"] is None


# practice


def test_a_change_of_practice_is_named(batch: Path, office: Path) -> None:
    """The second coder no longer gives T40.4 to those that hold its words; I50 stays as it was."""
    path, _ = sampled(batch)
    fill(path, lambda drawn: "I50" if "I50" in drawn.held else "I21")
    said, values = reported(office, path)
    assert values["practice"]["rings"] is True
    changes = values["practice"]["changes"]
    assert [(change["code"], change["part"], change["coded"]) for change in changes] == [("T40.4", "all", 0)]
    assert changes[0]["holders"] == sum("T40.4" in drawn.held for drawn in read_key(path).certificates) == 20
    assert changes[0]["words"] == ["fentanyl"]
    ringing = next(line for line in said if line.startswith("practice alarm: RINGS"))
    assert "certificates taken as of 2020" in ringing
    assert said[-1].startswith("  T40.4 (fentanyl): of the certificates of 2020")

    fill(path, lambda drawn: ";".join(("I50", "T40.4")))
    said, values = reported(office, path, year=2023, looks=4)
    assert values["practice"]["changes"] == []
    assert said[-1].startswith("practice alarm: silent (")
    assert said[-1].endswith("certificates taken as of 2023)")
    assert values["practice"]["tests"] % 4 == 0
    with pytest.raises(CorpusError, match="--looks must be at least 1, but got 0"):
        reported(office, path, looks=0)


def test_a_certificate_counts_for_the_codes_that_it_was_drawn_for() -> None:
    def drawn(held: tuple[str, ...], part2: tuple[str, ...] = ()) -> Drawn:
        return Drawn(
            id="1", file="a", line=2, number=0.5, simple=True, automatic=True,
            confidence="0.9", codes=("I50",), held=held, held_part2=part2,
        )  # fmt: skip

    pairs = [
        (drawn(("I50", "T40.4"), ("T40.4",)), frozenset({"I50"})),
        (drawn(("I50",), ("I50",)), frozenset({"I50", "T40.4"})),
        (drawn(()), frozenset({"I50"})),
    ]
    found = counts(pairs, WATCHED, 2020)
    assert (found.year, found.n) == (2020, 3)
    assert found.holders.tolist() == [[2, 1], [1, 1]]
    assert found.coded.tolist() == [[2, 0], [1, 0]]


# the bundle


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"codes": ("I21", "I50")}, "it does not have some of the predicted codes"),
        ({"practice": None}, "it does not watch some of the watched codes"),
        (
            {"promise": dataclasses.replace(PROMISE, threshold=0.999)},
            "some automatic certificates are less sure than it asks",
        ),
        ({"promise": None}, "it codes no certificate without a person"),
    ],
)
def test_another_bundle_than_the_one_of_the_predictions_is_refused(
    batch: Path, office: Path, tmp_path: Path, made: Row, reason: str
) -> None:
    path, _ = sampled(batch)
    fill(path, as_predicted)
    reported(office, path)
    changed: Row = {"practice": reference()} | made
    folder = write_bundle(tmp_path / "other", **changed)
    with pytest.raises(CorpusError, match=f"BUNDLE must be the one that made the predictions, but {reason}"):
        reported(folder, path)


def test_a_hash_beside_the_predictions_tells_bundles_apart(batch: Path, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "right", practice=reference())
    other = write_bundle(tmp_path / "other", practice=reference(197))
    beside = batch.with_name("out.csv.bundle.json")
    beside.write_text(json.dumps({"manifest": (folder / bundle.SEAL).read_text().strip()}))
    path, _ = sampled(batch)
    fill(path, as_predicted)
    reported(folder, path)
    with pytest.raises(CorpusError, match="but its hash is another"):
        reported(other, path)
    for content in ("{}", "[", "[]"):
        beside.write_text(content)
        with pytest.raises(CorpusError, match=r"out.csv.bundle.json must name the bundle"):
            sampled(batch, "new.csv")


def test_a_damaged_bundle_is_refused(batch: Path, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle")
    path, _ = sampled(batch)
    (folder / "model" / "model.json").write_bytes(b"another model")
    with pytest.raises(BundleError, match="a bundle must be as it was exported"):
        report_file(folder, path, print)
    with pytest.raises(BundleError, match="BUNDLE must be a folder"):
        report_file(tmp_path, path, print)


def test_the_numbers_never_replace_the_sample(batch: Path, office: Path) -> None:
    path, _ = sampled(batch, holders=0)
    for out in (path, key_path(path)):
        before = out.read_bytes()
        with pytest.raises(CorpusError, match="--json must name another file than the sample and its key"):
            report_file(office, path, print, out=out)
        assert out.read_bytes() == before
    with pytest.raises(CorpusError, match="--json must name a file that can be written"):
        report_file(office, path, print, out=path / "x.json")
