from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from small_office import (
    CANARY,
    LINES,
    TABLE,
    Row,
    as_lines,
    certificates,
    read,
    rows_of,
    run,
    unpromised,
    write_bundle,
    write_bundles,
    write_csv,
)
from writing import Entry, scribe

from harness.decision.rule import Candidate, Decisions, Reason, decide, predict
from harness.errors import CorpusError, PartlyDone
from harness.families.family import Written
from harness.production.bundle import Bundle, load
from harness.production.predict import (
    BESIDE,
    HEADER,
    LINES_HEADER,
    as_written,
    predict_files,
)

HEAVY = {"ray", "optuna", "plotly", "tensorflow", "keras", "torch", "sklearn"}


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


def as_rows(decisions: Decisions) -> list[tuple[str, str, str, str]]:
    """Codes, confidence, decision and reason as the file has them."""
    return [
        (
            ";".join(code for code, given in zip(decisions.labels.codes, codes, strict=True) if given),
            f"{sure:.6g}",
            "automatic" if reason == Reason.AUTOMATIC else "person",
            Reason(reason).sentence,
        )
        for codes, sure, reason in zip(
            decisions.codes.toarray().tolist(), decisions.confidence.tolist(), decisions.reason.tolist(), strict=True
        )
    ]


def answers(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    return [(row["codes"], row["confidence"], row["decision"], row["reason"]) for row in rows]


# one row a certificate

MET = {Reason.AUTOMATIC, Reason.NO_CODE, Reason.UNSEEN_WORD, Reason.ALWAYS_PERSON, Reason.NOT_SURE}


def test_table_without_a_column_of_codes(tmp_path: Path, table: Bundle) -> None:
    rows = certificates(120, seed=1)
    path = write_csv(tmp_path / "later.csv", rows, without=("codes",))
    found, said = run(table, tmp_path / "out.csv", path)
    assert (tmp_path / "out.csv").read_text().splitlines()[0] == "id,file,line,codes,confidence,decision,reason"
    assert HEADER == ("id", "file", "line", "codes", "confidence", "decision", "reason")
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    assert [int(row["line"]) for row in found] == list(range(2, 122))
    assert {row["file"] for row in found} == {"later.csv"}
    assert {row["reason"] for row in found} == {reason.sentence for reason in MET}
    automatic = [row["decision"] for row in found].count("automatic")
    assert said[0].startswith(f"120 certificates: {automatic} automatic, {120 - automatic} to a person;")
    for reason in MET - {Reason.AUTOMATIC}:
        count = [row["reason"] for row in found].count(reason.sentence)
        assert f"  {count} to a person: {reason.sentence}" in said
    assert sum(line.startswith("  ") for line in said) == len(MET) - 1
    assert said[-1] == "alarms: none, as the bundle knows no calibration years to compare with"


def test_what_stands_in_a_column_of_codes_is_ignored(tmp_path: Path, table: Bundle) -> None:
    rows = certificates(50, seed=1)
    found, _ = run(table, tmp_path / "a", write_csv(tmp_path / "a.csv", rows, without=("codes",)))
    wrong = [{**row, "codes": "Z99"} for row in rows]
    again, _ = run(table, tmp_path / "b", write_csv(tmp_path / "b.csv", wrong))
    assert answers(again) == answers(found)


def test_lines_in_the_order_in_which_certificates_begin(tmp_path: Path, lines: Bundle) -> None:
    rows = as_lines(certificates(80, seed=1))
    shuffled = [*rows[::2], *rows[1::2]]
    path = write_csv(tmp_path / "later.csv", shuffled, without=("code",))
    found, _ = run(lines, tmp_path / "out.csv", path)
    assert [row["id"] for row in found] == list(dict.fromkeys(row["id"] for row in shuffled))
    in_order, _ = run(lines, tmp_path / "again.csv", write_csv(tmp_path / "sorted.csv", rows, without=("code",)))
    by_id = {row["id"]: row for row in in_order}
    assert answers(found) == answers([by_id[row["id"]] for row in found])


@pytest.mark.parametrize("name", ["table", "lines", "by_line", "full"])
def test_decisions_equal_those_of_scoring(tmp_path: Path, office: Path, name: str) -> None:
    """Scoring reads the codes too, keeps predictions apart, and never saw the bundle."""
    bundle = load(office / name)
    rows = certificates(100, seed=2)
    of_table = name in ("table", "full")
    path = write_csv(tmp_path / "later.csv", rows if of_table else as_lines(rows))
    corpus = read(path, TABLE if of_table else LINES)
    made = bundle.candidate
    witnesses = {name: model.predict(corpus.texts) for name, model in made.witnesses.items()}
    scored = decide(made.rule, made.model.predict(corpus.texts), corpus.texts, witnesses)
    assert (Reason.DISAGREEMENT in scored.reason, Reason.SOME_LINE in scored.reason) == (
        name == "full",
        name == "by_line",
    )
    found, _ = run(bundle, tmp_path / "out.csv", path)
    assert answers(found) == as_rows(scored)
    assert as_rows(predict(made, corpus.texts)) == as_rows(scored)


def test_without_a_promise_every_certificate_goes_to_a_person(tmp_path: Path, table: Bundle) -> None:
    bundle = Bundle(unpromised(table.candidate), table.corpus, {})
    found, said = run(bundle, tmp_path / "out.csv", write_csv(tmp_path / "later.csv", certificates(40, seed=1)))
    assert {row["decision"] for row in found} == {"person"}
    assert Reason.NO_PROMISE.sentence in {row["reason"] for row in found}
    assert said[0].startswith("40 certificates: 0 automatic, 40 to a person;")


def test_several_files_one_after_the_other(tmp_path: Path, table: Bundle) -> None:
    a, b = certificates(5, seed=1), certificates(7, seed=2)
    for folder, rows in (("b", b), ("a", a)):
        (tmp_path / folder).mkdir()
        write_csv(tmp_path / folder / "later.csv", rows)
    found, _ = run(table, tmp_path / "out.csv", tmp_path / "b" / "later.csv", tmp_path / "a" / "later.csv")
    assert [row["id"] for row in found] == [row["id"] for row in (*b, *a)]
    assert [int(row["line"]) for row in found] == [*range(2, 9), *range(2, 7)]
    assert len({row["file"] for row in found}) == 2  # though both have one name


def test_no_certificate_at_all(tmp_path: Path, table: Bundle) -> None:
    (tmp_path / "none.csv").write_text("id,year,a,b,other\n")
    found, said = run(table, tmp_path / "out.csv", tmp_path / "none.csv")
    assert found == []
    assert said[0].startswith("0 certificates: 0 automatic, 0 to a person;")


def test_an_id_with_separators_stays_one_cell(tmp_path: Path, table: Bundle) -> None:
    row = certificates(1)[0] | {"id": 'a,"b"\nc;é'}
    found, _ = run(table, tmp_path / "out.csv", write_csv(tmp_path / "later.csv", [row]))
    assert [row["id"] for row in found] == ['a,"b"\nc;é']


# what the model wrote


ENTRIES = {
    "heart": Entry({"I50": 0.9}, ("I50",), "heart failure"),
    "flu, stroke": Entry(
        {"I50": 0.6, "I64": 0.7, "J11": 0.9, "J18": 0.1}, ("J18", "J11", "I64"), "pneumonia; flu; œdème"
    ),
    "stroke": Entry({"I64": 0.7}, (), ""),
}
CODES = ("I50", "I64", "J11", "J18")


@pytest.fixture(scope="module")
def said_lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three certificates, of which the first goes on after the second; no text has more than its entry says."""
    rows = [("a", 1, "heart"), ("b", 1, "stroke"), ("a", 2, "flu, stroke"), ("c", 1, f"{CANARY} unknown")]
    return write_csv(
        tmp_path_factory.mktemp("said") / "said.csv",
        [{"id": id, "year": 2018, "line": line, "text": text} for id, line, text in rows],
    )


def writes(lines: Bundle, **changes: Any) -> Bundle:
    """The bundle of a model that writes, with the rule of another."""
    return Bundle(Candidate(scribe(CODES, ENTRIES, **changes), lines.candidate.rule), lines.corpus, {})


def test_a_model_that_writes_leaves_a_file_of_lines(tmp_path: Path, lines: Bundle, said_lines: Path) -> None:
    found, said = run(writes(lines), tmp_path / "out.csv", said_lines)
    path = tmp_path / "out.csv.lines.csv"
    header = "id,file,line,text_line,codes,standard_text,decision,reason"
    assert path.read_text(encoding="utf-8").splitlines()[0] == header
    place = {"file": "said.csv"}
    rows = rows_of(path)
    decided = [{name: row.pop(name) for name in ("decision", "reason")} for row in rows]
    # certificates are promised: each line goes as its own does
    assert decided == [{name: found[row][name] for name in ("decision", "reason")} for row in (0, 0, 1, 2)]
    assert rows == [
        {"id": "a", **place, "line": "2", "text_line": "1", "codes": "I50", "standard_text": "heart failure"},
        {
            "id": "a",
            **place,
            "line": "2",
            "text_line": "2",
            "codes": "J11;I64;I50",
            "standard_text": "pneumonia; flu; œdème",
        },
        {"id": "b", **place, "line": "3", "text_line": "1", "codes": "I64", "standard_text": ""},
        {"id": "c", **place, "line": "5", "text_line": "1", "codes": "", "standard_text": ""},
    ]
    assert [row["codes"] for row in found] == ["I50;I64;J11", "I64", ""]
    assert f"4 lines: their codes and standard wording, as the model wrote them; {path}" in said
    assert CANARY not in path.read_text(encoding="utf-8")
    assert tuple(rows_of(path)[0]) == LINES_HEADER


def test_of_whole_certificates_it_has_one_row_each(tmp_path: Path, lines: Bundle, said_lines: Path) -> None:
    _, said = run(writes(lines, unit="certificate", words=False), tmp_path / "out.csv", said_lines)
    found = rows_of(tmp_path / "out.csv.lines.csv")
    assert [(row["id"], row["text_line"], row["codes"], row["standard_text"]) for row in found] == [
        ("a", "", "", ""),  # the model knows of its lines one by one
        ("b", "", "I64", ""),
        ("c", "", "", ""),
    ]
    assert any(line.startswith("3 certificates: their codes, as the model wrote them;") for line in said)


def test_without_a_certificate_it_has_no_row(tmp_path: Path, lines: Bundle) -> None:
    (tmp_path / "none.csv").write_text("id,year,line,text\n")
    run(writes(lines), tmp_path / "out.csv", tmp_path / "none.csv")
    assert (tmp_path / "out.csv.lines.csv").read_text() == ",".join(LINES_HEADER) + "\n"


def test_lines_of_an_earlier_call_do_not_stay(tmp_path: Path, lines: Bundle, said_lines: Path) -> None:
    run(writes(lines), tmp_path / "out.csv", said_lines)
    _, said = run(lines, tmp_path / "out.csv", said_lines)
    assert {path.name for path in tmp_path.iterdir()} == {"out.csv", "out.csv.bundle.json"}
    assert not any("wrote" in line for line in said)


@pytest.mark.parametrize("name", [f"out.csv.{part}" for part in BESIDE])
def test_what_is_read_is_never_replaced(tmp_path: Path, lines: Bundle, said_lines: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(said_lines.read_bytes())
    with pytest.raises(CorpusError, match="-o must name another file than those that are read") as caught:
        predict_files(lines, (path,), tmp_path / "out.csv", print)
    assert name in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert path.read_bytes() == said_lines.read_bytes()


@given(st.lists(st.tuples(st.sets(st.integers(0, 4)), st.lists(st.integers(0, 4), max_size=6)), max_size=5))
def test_codes_stand_in_the_order_in_which_they_were_written(said: list[tuple[set[int], list[int]]]) -> None:
    dense = np.array([[column in codes for column in range(5)] for codes, _ in said], np.int8).reshape(len(said), 5)
    first = np.cumsum([0, *(len(columns) for _, columns in said)], dtype=np.int64)
    columns = np.array([column for _, columns in said for column in columns], dtype=np.int32)
    codes = csr_array(dense)
    found = as_written(codes, Written(first, columns))
    for row, (decided, in_order) in enumerate(said):
        expected = [column for column in dict.fromkeys(in_order) if column in decided]
        expected += sorted(decided - set(in_order))
        assert found[codes.indptr[row] : codes.indptr[row + 1]].tolist() == expected


# rows that cannot be read


def test_rows_that_cannot_be_read_are_named_and_never_shown(tmp_path: Path, table: Bundle) -> None:
    rows = certificates(6, seed=1)
    rows[1] |= {"year": f"{CANARY} year", "a": f"{CANARY} text"}
    rows[4] |= {"id": ""}
    path = write_csv(tmp_path / "later.csv", rows, without=("codes",))
    said: list[str] = []
    with pytest.raises(PartlyDone, match=r"^2 rows could not be read and have no prediction; ") as caught:
        predict_files(table, (path,), tmp_path / "out.csv", said.append)
    assert [row["id"] for row in rows_of(tmp_path / "out.csv")] == [rows[i]["id"] for i in (0, 2, 3, 5)]
    left_out = tmp_path / "out.csv.left-out.csv"
    assert str(left_out) in str(caught.value)
    assert rows_of(left_out) == [
        {"file": "later.csv", "line": "3", "rule": "year must hold a year"},
        {"file": "later.csv", "line": "6", "rule": "id must not be empty"},
    ]
    assert not any(CANARY in text for text in (str(caught.value), left_out.read_text(), *said))
    assert said[0].startswith("4 certificates:")

    predict_files(table, (write_csv(path, certificates(3)),), tmp_path / "out.csv", said.append)
    assert not left_out.exists()  # nothing was left out of this one


# where it is written


def test_the_file_appears_whole_or_not_at_all(tmp_path: Path, table: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = write_csv(tmp_path / "later.csv", certificates(10, seed=1)), tmp_path / "new" / "out.csv"

    real = csv.writer

    class Failing:
        """A writer that breaks off in the middle."""

        def __init__(self, file: Any, **named: Any) -> None:
            self._writer, self._left = real(file, **named), 6

        def writerow(self, row: Any) -> None:
            self._left -= 1
            if not self._left:
                raise KeyboardInterrupt
            self._writer.writerow(row)

    for before in (None, "what stood here before"):
        if before is not None:
            out.write_text(before)
        with monkeypatch.context() as patch:
            patch.setattr(csv, "writer", Failing)
            with pytest.raises(KeyboardInterrupt):
                predict_files(table, (path,), out, print)
        assert [file.name for file in out.parent.iterdir()] == ([] if before is None else ["out.csv"])
        assert before is None or out.read_text() == before
    assert len(run(table, out, path)[0]) == 10


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, table: Bundle) -> None:
    path = write_csv(tmp_path / "later.csv", certificates(3))
    before = path.read_bytes()
    with pytest.raises(CorpusError, match="-o must name a file to write, but"):
        predict_files(table, (path,), tmp_path, print)
    with pytest.raises(CorpusError, match="-o must name a file that can be written"):
        predict_files(table, (path,), path / "out.csv", print)
    with pytest.raises(CorpusError, match="-o must name another file than those that are read"):
        predict_files(table, (path,), tmp_path / "." / "later.csv", print)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "readable file"), ("", "must begin with its column names"), ("id,year,a\n", "names 'b'")],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, table: Bundle, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "later.csv").write_text(content)
    with pytest.raises(CorpusError, match=message):
        predict_files(table, (tmp_path / "later.csv",), tmp_path / "out.csv", print)
    assert not (tmp_path / "out.csv").exists()


# the command


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """``harness``, and the packages that it imported as the last line of its output."""
    script = """
import atexit, sys
atexit.register(lambda: print(*sorted({name.partition(".")[0] for name in sys.modules})))
from harness.cli import main
main()
"""
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )


def test_predict_imports_only_what_its_bundle_needs(tmp_path: Path, office: Path, table: Bundle) -> None:
    path = write_csv(tmp_path / "later.csv", certificates(30, seed=1))
    done = command("predict", office / "table", path, "-o", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.splitlines()[-1].split())
    assert {"harness", "numpy", "pyarrow"} <= imported
    assert imported & HEAVY <= {"sklearn"}  # the dictionary looks for near texts by its TF-IDF
    assert rows_of(tmp_path / "out.csv") == run(table, tmp_path / "again.csv", path)[0]
    assert "30 certificates:" in done.stderr


def test_predict_ends_with_3_where_rows_were_left_out(tmp_path: Path, office: Path) -> None:
    rows = certificates(3, seed=1)
    rows[1] |= {"year": CANARY}
    done = command("predict", office / "table", write_csv(tmp_path / "a.csv", rows), "-o", tmp_path / "out.csv")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("harness: done in part: 1 rows could not be read")
    assert CANARY not in done.stdout + done.stderr


def test_predict_ends_with_2_where_one_byte_differs(tmp_path: Path, office: Path, table: Bundle) -> None:
    write_bundle(tmp_path / "bundle", Candidate(table.candidate.model, table.candidate.rule))
    words = tmp_path / "bundle" / "rule" / "words.txt"
    words.write_bytes(words.read_bytes().replace(b"heart", b"hearu"))
    done = command("predict", tmp_path / "bundle", office / "table.csv", "-o", tmp_path / "out.csv")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("harness: a bundle must be as it was exported, but rule/words.txt")
    assert not (tmp_path / "out.csv").exists()


def test_help_is_light_and_quick() -> None:
    done = command("--help")
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.splitlines()[-1].split()) & {*HEAVY, "numpy", "scipy", "pyarrow", "pydantic"} == set()
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "harness", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.4
