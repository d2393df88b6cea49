from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
from audited_office import (
    CODES,
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
from small_office import CANARY, PROMISE

from harness.decision.practice import Change, PastShare
from harness.errors import BundleError, CorpusError
from harness.production import bundle
from harness.production.audit_report import _sentence, counts, report_file
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


def test_what_is_no_code_is_counted_and_never_repeated(batch: Path, office: Path) -> None:
    path, _ = sampled(batch, n=100, holders=0)
    key = read_key(path)
    automatic = [row for row, drawn in enumerate(key.certificates) if drawn.automatic]
    odd = {
        automatic[0]: f"{CANARY};I50;see remark", automatic[1]: f"{CANARY}-1", automatic[2]: "U07.1", automatic[3]: "é50",
        automatic[4]: "I50.12345", automatic[5]: "1234",
    }  # fmt: skip
    rows = iter(range(len(key.certificates)))
    fill(path, lambda drawn: odd.get(next(rows), as_predicted(drawn)))
    said, values = reported(office, path)  # looks for CANARY in all of it
    assert values["unknown"] == ["U07.1"]
    assert (values["no_code"], values["wrong"]) == (6, 6)
    at = sorted(row + 2 for row in odd if row != automatic[2])
    assert values["no_code_lines"] == at
    assert (
        "6 entries of the coder that are no code, taken as codes that the model missed: "
        f"sample.csv, line {', '.join(map(str, at))}"
    ) in said
    assert {one["code"] for one in values["blame_automatic"]} <= {*CODES, "U07.1"}
    assert not any("remark" in line or "1234" in line or "é" in line for line in said)

    fill(path, lambda drawn: "?")
    said, values = reported(office, path)
    assert (values["no_code"], len(values["no_code_lines"])) == (100, 100)
    assert any(line.endswith("sample.csv, line 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 90 more") for line in said)


def test_labels_of_a_bundle_are_codes_whatever_they_look_like(batch: Path, tmp_path: Path) -> None:
    batch.with_name("out.csv.watch.csv").unlink()
    path, _ = sampled(batch, n=100)
    first = read_key(path).certificates[0].id
    fill(path, lambda drawn: "XYLAZINE" if drawn.id == first else as_predicted(drawn))
    for codes, entries in ((("XYLAZINE", *CODES), 0), (CODES, 1)):
        said, values = reported(write_bundle(tmp_path / f"bundle{entries}", codes=codes), path)
        assert values["no_code"] == entries
        blamed = [*values["blame_automatic"], *values["blame_persons"]]
        assert ("XYLAZINE" in {one["code"] for one in blamed}) == (entries == 0)
        assert any("1 entry of the coder" in line for line in said) == (entries == 1)


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


@pytest.mark.parametrize(("rest", "hidden"), [((2, 50), True), ((48, 50), True), ((0, 0), False), ((20, 50), False)])
def test_the_counts_of_two_parts_tell_no_small_third(rest: tuple[int, int], hidden: bool) -> None:
    """The words anywhere less those in part II only leave those in part I: their counts must not follow."""
    part2 = Change("I50", "part2", 2020, 150, 98, 0.65, (PastShare(2019, 90, 10),), 1e-9, 1, ())
    coded, holders = part2.coded + rest[0], part2.holders + rest[1]
    whole = Change("I50", "all", 2020, holders, coded, 0.5, (PastShare(2019, 190, 20),), 1e-8, 1, ())
    other = dataclasses.replace(whole, code="T40.4")
    for changes in ((part2, whole), (whole, part2)):
        told = [_sentence(change, changes) for change in changes]
        assert (whole.sentence in told, part2.sentence in told) == (True, not hidden)
        assert any("98 of 150" in one for one in told) != hidden
    assert _sentence(part2, (part2, other)) == part2.sentence


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
