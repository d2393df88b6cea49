"""What ``harness predict`` writes beside its file, and what it says of the alarms."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from small_office import (
    CANARY,
    LINES,
    PHRASES,
    Row,
    as_lines,
    certificates,
    read,
    rows_of,
    run,
    write_bundles,
    write_csv,
)

from harness.decision.rule import Reason, predict
from harness.decision.summaries import Pair
from harness.production.bundle import Bundle, load
from harness.production.predict import (
    QUEUE_HEADER,
    WATCH_HEADER,
    Queue,
)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bundles."""
    folder = tmp_path_factory.mktemp("office")
    write_bundles(folder)
    return folder


@pytest.fixture(scope="module")
def table(office: Path) -> Bundle:
    return load(office / "table")


@pytest.fixture(scope="module")
def lines(office: Path) -> Bundle:
    return load(office / "lines")


@pytest.fixture(scope="module")
def by_line(office: Path) -> Bundle:
    return load(office / "by_line")


@pytest.fixture(scope="module")
def full(office: Path) -> Bundle:
    return load(office / "full")


# lines that are promised


def test_lines_that_are_promised_have_a_file_with_their_decisions(tmp_path: Path, by_line: Bundle) -> None:
    path = write_csv(tmp_path / "later.csv", as_lines(certificates(60, seed=1)))
    found, said = run(by_line, tmp_path / "out.csv", path)
    texts = read(path, LINES).texts
    decisions = predict(by_line.candidate, texts)
    assert decisions.lines is not None
    rows = rows_of(tmp_path / "out.csv.lines.csv")
    assert [row["id"] for row in rows] == [texts.ids[row].as_py() for row in texts.certificate_of_line]
    assert [(row["decision"], row["reason"]) for row in rows] == [
        ("automatic" if reason == Reason.AUTOMATIC else "person", Reason(reason).sentence)
        for reason in decisions.lines.reason
    ]
    codes = np.array(decisions.labels.codes)
    assert [row["codes"] for row in rows] == [";".join(codes[row > 0]) for row in decisions.lines.codes.toarray()]
    assert [int(row["text_line"]) for row in rows] == [
        number for lines in np.diff(texts.first_line) for number in range(1, lines + 1)
    ]
    automatic = int(decisions.lines.automatic.sum())
    assert 0 < automatic < len(rows)
    assert f"{len(rows)} lines: {automatic} automatic; {tmp_path / 'out.csv.lines.csv'}" in said
    assert {row["standard_text"] for row in rows} == {""}
    by_id: dict[str, list[str]] = {}
    for row in rows:
        by_id.setdefault(row["id"], []).append(row["decision"])
    assert Reason.SOME_LINE.sentence in {row["reason"] for row in found}
    for row in found:
        if row["decision"] == "automatic":
            assert set(by_id[row["id"]]) == {"automatic"}
        if row["reason"] == Reason.SOME_LINE.sentence:
            assert "person" in by_id[row["id"]]


def test_lines_that_are_not_promised_have_none(tmp_path: Path, lines: Bundle) -> None:
    path = write_csv(tmp_path / "later.csv", as_lines(certificates(20, seed=1)), without=("code",))
    _, said = run(lines, tmp_path / "out.csv", path)
    assert not (tmp_path / "out.csv.lines.csv").exists()
    assert not any(" lines: " in line for line in said)


# the order in which persons take their certificates


def test_doubtful_certificates_come_first(tmp_path: Path, table: Bundle) -> None:
    path = write_csv(tmp_path / "later.csv", certificates(150, seed=1))
    found, said = run(table, tmp_path / "out.csv", path, queue="doubtful")
    queue = rows_of(tmp_path / "out.csv.queue.csv")
    assert (tmp_path / "out.csv.queue.csv").read_text().splitlines()[0] == ",".join(QUEUE_HEADER)
    assert [int(row["place"]) for row in queue] == list(range(1, len(queue) + 1))
    person = {row["id"]: row for row in found if row["decision"] == "person"}
    assert sorted(row["id"] for row in queue) == sorted(person)
    sure = [float(person[row["id"]]["confidence"]) for row in queue]
    assert sure == sorted(sure)
    assert len(set(sure)) > 5
    assert [row["reason"] for row in queue] == [person[row["id"]]["reason"] for row in queue]
    assert [row["line"] for row in queue] == [person[row["id"]]["line"] for row in queue]
    assert f"the order in which persons take their certificates (doubtful): {tmp_path / 'out.csv.queue.csv'}" in said


def test_a_random_order_is_the_same_each_time_and_holds_everybody(tmp_path: Path, table: Bundle) -> None:
    path = write_csv(tmp_path / "later.csv", certificates(150, seed=1))
    found, _ = run(table, tmp_path / "out.csv", path, queue="random")
    queue = [row["id"] for row in rows_of(tmp_path / "out.csv.queue.csv")]
    in_file = [row["id"] for row in found if row["decision"] == "person"]
    assert sorted(queue) == sorted(in_file)
    assert queue != in_file
    run(table, tmp_path / "again.csv", path, queue="random")
    assert (tmp_path / "again.csv.queue.csv").read_bytes() == (tmp_path / "out.csv.queue.csv").read_bytes()
    run(table, tmp_path / "again.csv", path, queue="doubtful")
    assert [row["id"] for row in rows_of(tmp_path / "again.csv.queue.csv")] != queue


@pytest.mark.parametrize("queue", ["doubtful", "random"])
def test_an_empty_queue_and_none(tmp_path: Path, table: Bundle, queue: Queue) -> None:
    (tmp_path / "none.csv").write_text("id,year,a,b,other\n")
    run(table, tmp_path / "out.csv", tmp_path / "none.csv", queue=queue)
    assert rows_of(tmp_path / "out.csv.queue.csv") == []
    run(table, tmp_path / "out.csv", tmp_path / "none.csv")
    assert not (tmp_path / "out.csv.queue.csv").exists()  # one of an earlier call does not stay


# alarms


def test_who_holds_the_words_of_a_watched_code(tmp_path: Path, full: Bundle) -> None:
    """By the phrases that the certificates are made of; a code that is named in part II only is said apart."""
    rows = certificates(120, seed=1)
    run(full, tmp_path / "out.csv", write_csv(tmp_path / "later.csv", rows))
    assert full.practice is not None
    watched = set(PHRASES.values())
    assert set(full.practice.watch.codes) == watched
    wanted: list[tuple[str, set[str], set[str]]] = []
    for row in rows:
        held = {code for phrase, code in PHRASES.items() if code in watched and phrase in " ".join(cells(row)).lower()}
        part1 = {code for code in held if any(of_code(code) in row[cell].lower() for cell in ("a", "b"))}
        if held:
            wanted.append((row["id"], held, held - part1))
    path = tmp_path / "out.csv.watch.csv"
    assert path.read_text().splitlines()[0] == ",".join(WATCH_HEADER)
    assert [
        (
            row["id"],
            set(filter(None, row["codes_held"].split(";"))),
            set(filter(None, row["codes_held_part2"].split(";"))),
        )
        for row in rows_of(path)
    ] == wanted
    assert any(part2 for _, _, part2 in wanted)


def cells(row: Row) -> list[str]:
    return [row["a"], row["b"], row["other"]]


def of_code(code: str) -> str:
    return next(phrase for phrase, of in PHRASES.items() if of == code)


def test_the_state_of_both_alarms_is_said_for_each_year(tmp_path: Path, full: Bundle) -> None:
    rows = certificates(80, seed=1)
    for year, some in ((2017, rows[:20]), (2018, rows[20:60]), (2020, rows[60:])):
        for row in some:
            row["year"] = year
    _, said = run(full, tmp_path / "out.csv", write_csv(tmp_path / "later.csv", rows))
    assert said[-1] == "practice alarm: needs the codes of a sample; draw one by harness audit sample"
    assert full.drift is not None
    calibrated = full.drift.calibration.year
    assert f"words alarm: none for certificates of {calibrated} or before, which are no later than calibration" in said
    later = [(year, n) for year, n in ((2018, 40), (2020, 20)) if year > calibrated]
    for year, n in later:
        mine = [row for row in rows if row["year"] == year]
        assert len(mine) == n
        strange = sum(bool(re.search("[bcdfghklm]{7}", " ".join(cells(row)))) for row in mine)
        words = next(
            line for line in said if line.startswith("certificates with an unseen word") and f"in {year}," in line
        )
        assert f": {strange / n:.1%} in {year}," in words
        assert "no alarm, 0 of 5 pairs" in words
    assert sum(line.startswith("No words alarm is possible: it takes 5 pairs") for line in said) == len(later) > 0


def test_an_alarm_that_rings_says_so(tmp_path: Path, full: Bundle) -> None:
    """Past years were much alike; of the new one every certificate has a new word."""
    assert full.drift is not None
    before = dataclasses.replace(full.drift.calibration, year=2010, n=1000, unseen_words=100, unseen_texts=100)
    before = dataclasses.replace(before, confidence=None, codes=None)
    pairs = [
        Pair(
            dataclasses.replace(before, year=2010 + number),
            dataclasses.replace(before, year=2011 + number, unseen_words=101 + number, unseen_texts=103 - number),
        )
        for number in range(6)
    ]
    reference = dataclasses.replace(full.drift.calibration, year=2017, n=1000, unseen_words=100, unseen_texts=100)
    bundle = dataclasses.replace(full, drift=dataclasses.replace(full.drift, calibration=reference, pairs=tuple(pairs)))
    quiet = [
        row | {"a": f"{row['a']} novelword" if number % 10 == 0 else row["a"]} for number, row in enumerate(alike())
    ]
    loud = [row | {"a": f"{row['a']} novelword"} for row in alike()]
    for name, rows, says in (("quiet", quiet, "is silent"), ("loud", loud, "RINGS")):
        _, said = run(bundle, tmp_path / f"{name}.csv", write_csv(tmp_path / f"{name}-in.csv", rows))
        head = [line for line in said if line.startswith("The words alarm")]
        assert head == [
            f"The words alarm {says} for 100 certificates of 2018 (nominal rate 5%, 6 pairs of past years)."
        ]


def alike() -> list[Row]:
    return [row | {"id": str(number)} for number, row in enumerate(certificates(1, seed=3) * 100)]


def test_files_beside_it_hold_ids_places_and_codes_alone(tmp_path: Path, full: Bundle, by_line: Bundle) -> None:
    """No word of a certificate; not in what is said either, where no id stands."""
    rows = certificates(80, seed=1)
    said = run(full, tmp_path / "full.csv", write_csv(tmp_path / "a.csv", rows), queue="doubtful")[1]
    said += run(by_line, tmp_path / "lines.csv", write_csv(tmp_path / "b.csv", as_lines(rows)), queue="random")[1]
    beside = [path for path in tmp_path.iterdir() if path.name.count(".csv") == 2]
    assert {path.name for path in beside} == {
        *(f"full.csv.{part}.csv" for part in ("watch", "queue")),
        *(f"lines.csv.{part}.csv" for part in ("lines", "queue")),
    }
    words = {word for row in rows for cell in cells(row) for word in re.findall(r"\w+", cell.lower())}
    for path in beside:
        for row in rows_of(path):
            kept = " ".join(value for name, value in row.items() if name not in ("reason", "file")).lower()
            assert not words & set(re.findall(r"[^\W\d]{3,}", kept)) - {"canary"}
            assert row["reason" if "reason" in row else "id"] in {*(one.sentence for one in Reason), row["id"]}
    assert not any(CANARY in line for line in said)


def test_which_bundle_it_was(tmp_path: Path, office: Path, table: Bundle) -> None:
    run(table, tmp_path / "out.csv", write_csv(tmp_path / "later.csv", certificates(3)))
    said = json.loads((tmp_path / "out.csv.bundle.json").read_text())
    assert said == {"manifest": (office / "table" / "manifest.sha256").read_text().strip()}
