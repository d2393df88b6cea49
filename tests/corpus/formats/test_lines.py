from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config import CorpusConfig
from harness.corpus.builder import ReadResult
from harness.corpus.formats import lines as module
from harness.corpus.formats import reader
from harness.corpus.formats.lines import INCOMPLETE
from harness.errors import ConfigError, CorpusError

CANARY = "zyxcanary"
COLUMNS: dict[str, Any] = {"id": "id", "year": "year", "line": "line", "text": "text", "codes": "code"}
HEADER = "id,year,line,text,code\n"


def read(
    path: Path, content: str, *, columns: dict[str, Any] | None = None, with_codes: bool = True, **more: Any
) -> ReadResult:
    path.write_text(content, encoding="utf-8")
    config = CorpusConfig.model_validate(
        {"format": "lines", "columns": COLUMNS if columns is None else columns, **more}
    )
    return reader("lines")((path,), config, with_codes)


Line = tuple[str, int, list[str]]


def plain(found: ReadResult) -> list[tuple[str, int, list[Line]]]:
    """(id, year, lines) of each certificate; a line is its text, its part, its codes in order."""
    texts, by_line, labels = found.corpus.texts, found.corpus.by_line, found.corpus.labels.codes
    certificates = []
    for row in range(len(texts)):
        own: list[Line] = []
        for line in range(int(texts.first_line[row]), int(texts.first_line[row + 1])):
            codes = []
            if by_line is not None:
                a, b = by_line.first_code[line : line + 2]
                codes = [labels[column] for column in by_line.columns[a:b]]
            own.append((texts.lines[line].as_py(), int(texts.parts[line]), codes))
        certificates.append((texts.ids[row].as_py(), int(texts.years[row]), own))
    return certificates


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "office.csv"


ROWS = [
    "a,2012,1,flu,J11\n",
    "a,2012,2,heart,I21\n",
    "a,2012,2,heart,I10\n",
    "a,2012,10,last,\n",
    "b,2013,1,fall,W19\n",
]
READ = [
    ("a", 2012, [("flu", 1, ["J11"]), ("heart", 1, ["I21", "I10"]), ("last", 1, [])]),
    ("b", 2013, [("fall", 1, ["W19"])]),
]


def test_rows_of_a_line_give_its_codes_in_order(file: Path) -> None:
    found = read(file, HEADER + "".join(ROWS))
    assert plain(found) == READ
    assert found.corpus.codes.toarray().sum(axis=1).tolist() == [3, 1]
    assert (found.file.tolist(), found.line.tolist()) == ([0, 0], [2, 6])
    assert found.quarantine.total == 0


@given(st.permutations(range(len(ROWS))))
def test_rows_may_stand_in_any_order(tmp_path_factory: pytest.TempPathFactory, order: list[int]) -> None:
    found = read(tmp_path_factory.mktemp("lines") / "office.csv", HEADER + "".join(ROWS[row] for row in order))
    heart = (
        ["I21", "I10"] if order.index(1) < order.index(2) else ["I10", "I21"]
    )  # codes stand in the order of the rows
    assert sorted(plain(found)) == [
        ("a", 2012, [("flu", 1, ["J11"]), ("heart", 1, heart), ("last", 1, [])]),
        ("b", 2013, [("fall", 1, ["W19"])]),
    ]


def test_a_cell_may_hold_several_codes_and_the_first_mention_counts(file: Path) -> None:
    content = HEADER + "a,2012,1,x,B; A;B\na,2012,1,x,C;A\n"
    assert plain(read(file, content))[0][2] == [("x", 1, ["B", "A", "C"])]
    assert plain(read(file, content.replace(";", "/"), code_separator="/"))[0][2] == [("x", 1, ["B", "A", "C"])]


def test_standard_text_stands_by_its_code(file: Path) -> None:
    content = (
        "id,year,line,text,code,standard\na,2012,1,bp high,I10,hypertension\na,2012,1,bp high,I11,\n"
        "a,2012,1,bp high,I10,another wording\na,2012,2,old,R54;R99,age\n"
    )
    found = read(file, content, columns={**COLUMNS, "standard_text": "standard"})
    assert plain(found)[0][2] == [("bp high", 1, ["I10", "I11"]), ("old", 1, ["R54", "R99"])]
    assert found.corpus.by_line is not None
    assert found.corpus.by_line.standard is not None
    assert found.corpus.by_line.standard.to_pylist() == ["hypertension", None, "age", "age"]


def test_parts(file: Path) -> None:
    content = "id,year,line,text,code,part\n" + "".join(
        f"{number},2012,{number},t{number},,{part}\n"
        for number, part in enumerate(["", "1", "I", "i", "2", "II", "ii", "3", "x"])
    )
    found = read(file, content, columns={**COLUMNS, "part": "part"})
    assert [lines[0][1] for _, _, lines in plain(found)] == [1, 1, 1, 1, 2, 2, 2]
    assert found.quarantine.summary() == ["2 left out: part must be 1 or I, 2 or II (office.csv:9, office.csv:10)"]
    by_number = read(file, HEADER + "a,2012,5,x,\na,2012,6,y,\n", part2=["6"])
    assert [part for _, part, _ in plain(by_number)[0][2]] == [1, 2]


def test_the_cluster_of_a_certificate_stands_in_its_first_row(file: Path) -> None:
    content = "id,year,line,text,code,by,age\na,2012,1,x,A,north,70\nb,2012,1,y,B,,1\na,2012,2,z,C,other,71\n"
    columns = {**COLUMNS, "cluster": "by", "age": "age"}
    corpus = read(file, content, columns=columns).corpus
    assert corpus.clusters is not None
    assert corpus.clusters.to_pylist() == ["north", None]
    assert {name: column.to_pylist() for name, column in corpus.texts.covariates.items()} == {"age": ["70", "1"]}
    assert read(file, content, columns={**COLUMNS, "age": "age"}).corpus.clusters is None
    assert read(file, content, columns=columns, with_codes=False).corpus.clusters is None
    assert read(file, content, columns={**COLUMNS, "cluster": "by"}).corpus.texts.covariates == {}


def test_intervals_covariates_and_roles(file: Path) -> None:
    columns = {**COLUMNS, "interval": "since", "sex": "sex", "age": "age", "role": "split"}
    content = (
        "id,year,line,text,code,since,sex,age,split\n"
        "a,2012,2,x,A,3 days,F,70,train\nb,2012,1,y,,,,,\na,2012,1,z,A,,ignored,,train\n"
    )
    found = read(file, content, columns=columns)
    texts = found.corpus.texts
    assert texts.intervals is not None
    assert (texts.lines.to_pylist(), texts.intervals.to_pylist()) == (["z", "x", "y"], [None, "3 days", None])
    covariates = {name: column.to_pylist() for name, column in texts.covariates.items()}
    assert covariates == {"sex": ["F", None], "age": ["70", None]}  # of a certificate's first row
    assert found.roles is not None
    assert found.roles.to_pylist() == ["train", ""]


def test_without_a_line_column_each_row_is_a_line(file: Path) -> None:
    columns = {key: COLUMNS[key] for key in ("id", "year", "text", "codes")}
    found = read(file, "id,year,text,code\na,2012,x,A\nb,2012,y,\na,2012,x,B\na,2012,w,\n", columns=columns)
    assert plain(found) == [
        ("a", 2012, [("x", 1, ["A"]), ("x", 1, ["B"]), ("w", 1, [])]),
        ("b", 2012, [("y", 1, [])]),
    ]


def test_an_id_in_two_years_is_two_certificates(file: Path) -> None:
    found = read(file, HEADER + "a,2012,1,x,A\na,2013,1,y,B\n")
    assert plain(found) == [("a", 2012, [("x", 1, ["A"])]), ("a", 2013, [("y", 1, ["B"])])]


def test_different_texts_in_one_line_are_quarantined(file: Path) -> None:
    found = read(file, HEADER + f"a,2012,1,flu,J11\nb,2012,1,x,\na,2012,1,{CANARY},I21\na,2012,1,flu,J12\n")
    assert plain(found) == [("b", 2012, [("x", 1, [])])]
    assert {row.line: row.rule for row in found.quarantine.rows} == {
        4: "rows of one line must have the same text",
        2: INCOMPLETE,
    }


@pytest.mark.parametrize(
    "bad",
    [
        "a,2018,1a,lung cancer,C34",
        "a,none,2,lung cancer,C34",
        'a,2018,2,"lung" cancer,C34',
        "a,2018,2",
        ",2018,2,x,C34",
    ],
)
def test_a_certificate_of_which_a_row_cannot_be_read_is_left_out_whole(file: Path, bad: str) -> None:
    """From its other rows it would be coded wrongly, and look sure."""
    content = HEADER + f"z,2018,1,flu,J11\na,2018,1,stroke,I64\n{bad}\na,2018,3,old age,R54\ny,2018,1,flu,J11\n"
    for with_codes in (True, False):
        found = read(file, content, with_codes=with_codes)
        assert [id for id, _, _ in plain(found)] == ["z", "y"]
        assert INCOMPLETE in found.quarantine.counts


def test_lines_without_text(file: Path) -> None:
    """One with codes is kept for them; one without either is nothing; the certificate stays in any case."""
    content = HEADER + "a,2012,1,,A\na,2012,2,,\nb,2012,1,,\n"
    assert plain(read(file, content)) == [("a", 2012, [("", 1, ["A"])]), ("b", 2012, [])]
    assert plain(read(file, content, with_codes=False)) == [("a", 2012, []), ("b", 2012, [])]


def test_rows_that_cannot_be_read_are_named_and_never_quoted(file: Path) -> None:
    content = (
        "id,year,line,text,code,part,coder\n"
        f"{CANARY},12,1,{CANARY},A,,\n"  # 2
        f",2012,1,{CANARY},A,,\n"  # 3
        f"{CANARY},2012,,{CANARY},A,,\n"  # 4
        f"{CANARY},2012,first,{CANARY},A,,\n"  # 5
        f"{CANARY},2012,1.5,{CANARY},A,,\n"  # 6
        f"{CANARY},2012,{'9' * 30},{CANARY},A,,\n"  # 7
        f"{CANARY},2012,1,{CANARY},A,IV,\n"  # 8
        f"{CANARY},2012,1,{CANARY},A,,MODEL\n"  # 9
        f'{CANARY},2012,1,"{CANARY}" x,A,,\n'  # 10
        f"{CANARY},2012,1,{CANARY},A\n"  # 11
        "beside,2012,1,fine,A,,rules\n"  # 12
        "ok,2012,1,fine,A,,rules\n"
    )
    found = read(file, content, columns={**COLUMNS, "part": "part", "coder": "coder"})
    assert plain(found) == [("ok", 2012, [("fine", 1, ["A"])])]
    number = "line must be a whole number of at most nine digits"
    assert {row.line: row.rule for row in found.quarantine.rows} == {
        2: "year must hold a year",
        3: "id must not be empty",
        4: number,
        5: number,
        6: number,
        7: number,
        8: "part must be 1 or I, 2 or II",
        9: "codes that a model gave are neither learnt from nor scored against",
        10: "the row must be readable as delimited text",
        11: "the row must have as many cells as the header (7)",
        12: INCOMPLETE,  # the row above it may be its own
    }
    assert CANARY not in "".join(found.quarantine.summary()) + found.quarantine.to_csv()


def test_without_codes_their_columns_need_not_be_there(file: Path) -> None:
    columns = {**COLUMNS, "standard_text": "standard", "coder": "coder", "role": "split"}
    content = "id,year,line,text\na,2012,2,x\na,2012,1,y\n"
    found = read(file, content, columns=columns, with_codes=False)
    assert plain(found) == [("a", 2012, [("y", 1, []), ("x", 1, [])])]
    assert found.corpus.by_line is None
    assert found.roles is None
    with pytest.raises(CorpusError, match=r"^corpus\.columns names 'code', but the columns of office\.csv are"):
        read(file, content, columns=columns)
    there = "id,year,line,text,code,standard,coder,split\na,2012,1,y,A,s,model,nonsense\na,2012,1,y,B,s,model,other\n"
    assert plain(read(file, there, columns=columns, with_codes=False)) == [("a", 2012, [("y", 1, [])])]


def test_many_certificates_are_put_together_in_slices(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{c},2012,{n},text {c} {n},A{n};B{c % 3}\n" for c in range(40) for n in range(3)]
    shuffled = HEADER + "".join(rows[row] for row in rng.permutation(len(rows)))
    columns = {**COLUMNS, "age": "text"}
    whole = read(file, shuffled, columns=columns)
    monkeypatch.setattr(module, "CHUNK", 7)
    sliced = read(file, shuffled, columns=columns)
    assert plain(sliced) == plain(whole)
    assert sliced.line.tolist() == whole.line.tolist()
    for column in (whole.corpus.texts.covariates["age"], sliced.corpus.texts.covariates["age"]):
        assert [text.split()[1] for text in column.to_pylist()] == whole.corpus.texts.ids.to_pylist()
    assert sorted(plain(whole), key=lambda found: int(found[0])) == [
        (str(c), 2012, [(f"text {c} {n}", 1, [f"A{n}", f"B{c % 3}"]) for n in range(3)]) for c in range(40)
    ]


def test_no_rows(file: Path) -> None:
    found = read(file, HEADER)
    assert (len(found.corpus), found.quarantine.total) == (0, 0)


@pytest.mark.parametrize("missing", ["id", "year", "text", "codes"])
def test_a_configuration_that_will_not_do(file: Path, missing: str) -> None:
    columns = {key: column for key, column in COLUMNS.items() if key != missing}
    with pytest.raises(
        ConfigError, match="codes" if missing == "codes" else "must name id, year or date, and one text column"
    ):
        read(file, HEADER, columns=columns)
    with pytest.raises(ConfigError, match="one text column"):
        read(file, HEADER, columns={**COLUMNS, "text": ["text", "code"]})
