from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config import CorpusConfig
from harness.corpus.formats.rows import Row, file_names, read_rows, split_codes, year_of
from harness.corpus.quarantine import Quarantine
from harness.errors import CorpusError

CANARY = "zyxcanary"


def rows(
    path: Path, content: bytes | str, *columns: str, **config: str
) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """(line, cells) of each row that can be read, and the summary of the others."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    quarantine = Quarantine()
    found = list(read_rows((path,), CorpusConfig.model_validate({"format": "table", **config}), columns, quarantine))
    assert CANARY not in "".join(quarantine.summary()) + quarantine.to_csv()
    return [(row.line, list(row.cells)) for row in found], quarantine.summary()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.csv"


def test_columns_in_the_order_asked_for(file: Path) -> None:
    assert rows(file, "a,b,c\n1,2,3\n4, 5 ,6\n", "c", "a", "a") == ([(2, ["3", "1", "1"]), (3, ["6", "4", "4"])], [])


def test_a_byte_order_mark_is_no_part_of_the_first_name(file: Path) -> None:
    for encoding in ("utf-8", "UTF_8", "utf8"):
        assert rows(file, b'\xef\xbb\xbf"id",x\n1,2\n', "id", encoding=encoding)[0] == [(2, ["1"])]


def test_encoding_and_delimiter(file: Path) -> None:
    content = "id;texte\n1;d\xe9c\xe8s \u0153d\xe8me\n".replace("\u0153", "oe").encode("latin-1")
    assert rows(file, content, "texte", encoding="latin-1", delimiter=";")[0] == [(2, ["décès oedème"])]
    assert rows(file, "id\ttexte\n1\t€\n".encode("cp1252"), "texte", encoding="cp1252", delimiter="\t")[0] == [
        (2, ["€"])
    ]
    assert rows(file, "id,t\n1,é\n".encode("utf-16"), "t", encoding="utf-16")[0] == [(2, ["é"])]


def test_line_numbers_go_on_behind_line_feeds_in_quotes(file: Path) -> None:
    content = 'id,t\n1,"two\nlines"\n\n2,"a ""word"""\n3,"three\r\n\r\nlines"\n4,x\n'
    found, left_out = rows(file, content, "id", "t")
    assert found == [
        (2, ["1", "two\nlines"]),
        (5, ["2", 'a "word"']),
        (6, ["3", "three\r\n\r\nlines"]),
        (9, ["4", "x"]),
    ]
    assert left_out == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end(file: Path, end: str) -> None:
    assert rows(file, end.join(["id,t", "1,a", "2,b"]), "id", "t")[0] == [(2, ["1", "a"]), (3, ["2", "b"])]


def test_a_wrong_number_of_cells(file: Path) -> None:
    found, left_out = rows(file, f"id,t\n1,{CANARY},x\n2\n3,a\n\n,,\n", "id")
    assert found == [(4, ["3"])]
    assert left_out == [
        "3 left out: the row must have as many cells as the header (2) (file.csv:2, file.csv:3, file.csv:6)"
    ]


def test_undecodable_bytes_in_the_columns_asked_for(file: Path) -> None:
    content = f"id,t,more\n1,{CANARY}\xff,x\n2,a,b\n3,c,d\xff\n4,é,x\n".encode("latin-1").replace(b"\xe9", "é".encode())
    found, left_out = rows(file, content, "id", "t")
    assert found == [(3, ["2", "a"]), (4, ["3", "c"]), (5, ["4", "é"])]
    assert left_out == ["1 left out: the row must be text in utf-8 (file.csv:2)"]


def test_a_stray_quotation_mark_costs_its_own_row_alone(file: Path) -> None:
    """Read leniently, the first two would become one certificate with the second's codes."""
    content = f'id,t,code\n1,"{CANARY},A\n2,"bar,B\n3,baz,C\n4,"x" y,D\n5,"fine",E\n'
    found, left_out = rows(file, content, "id", "t", "code")
    assert found == [(4, ["3", "baz", "C"]), (6, ["5", "fine", "E"])]
    assert left_out == ["3 left out: the row must be readable as delimited text (file.csv:2, file.csv:3, file.csv:5)"]


def test_a_quotation_mark_that_never_closes(file: Path) -> None:
    content = f'id,t\n1,a\n2,"{CANARY}\n' + "".join(f"{number},b\n" for number in range(3, 30_000))
    found, left_out = rows(file, content, "id")
    assert len(found) == 29_998
    assert (found[0], found[1], found[-1]) == ((2, ["1"]), (4, ["3"]), (30_000, ["29999"]))
    assert left_out == ["1 left out: the row must be readable as delimited text (file.csv:3)"]


@given(st.lists(st.tuples(*[st.text(st.characters(exclude_categories=("C", "Z")), max_size=6)] * 2), max_size=6))
def test_reads_what_the_standard_library_writes(
    tmp_path_factory: pytest.TempPathFactory, given: list[tuple[str, str]]
) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([("a", "b"), *given])
    found, left_out = rows(tmp_path_factory.mktemp("rows") / "file.csv", out.getvalue(), "a", "b")
    assert [tuple(cells) for _, cells in found] == given
    assert [line for line, _ in found] == list(range(2, len(given) + 2))
    assert left_out == []


# ------------------------------------------------------------------------------------------------------ Parquet


def parquet(tmp_path: Path, columns: dict[str, object], *wanted: str) -> list[tuple[int, list[str]]]:
    path = tmp_path / "file.parquet"
    pq.write_table(pa.table(columns), path)
    found = read_rows((path,), CorpusConfig(format="table"), wanted, Quarantine())
    return [(row.line, list(row.cells)) for row in found]


def test_parquet_of_any_plain_type(tmp_path: Path) -> None:
    columns: dict[str, object] = {
        "whole": pa.array([1, None], pa.int32()),
        "real": pa.array([2012.0, None], pa.float64()),
        "category": pa.array(["a", None]).dictionary_encode(),
        "truth": pa.array([True, False]),
        "date": pa.array([15_000, None], pa.date32()),
        "time": pa.array([1_350_000_000_123_456, None], pa.timestamp("us")),
        "nothing": pa.nulls(2),
        "text": [" é ", ""],
    }
    wanted = ("text", "whole", "real", "category", "truth", "date", "time", "nothing", "text")
    found = parquet(tmp_path, columns, *wanted)
    assert found[0][1][:6] == ["é", "1", "2012", "a", "true", "2011-01-26"]
    assert year_of(found[0][1][6]) == 2012
    assert found[0][1][7:] == ["", "é"]
    assert found[1] == (2, ["", "", "", "", "false", "", "", "", ""])


def test_parquet_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file.parquet").write_bytes(b"id\n1\n")
    with pytest.raises(
        CorpusError, match=r"^corpus\.path must be a Parquet file [^\n]*file\.parquet is not \(ArrowInvalid\)$"
    ):
        list(read_rows((tmp_path / "file.parquet",), CorpusConfig(format="table"), ["id"], Quarantine()))
    with pytest.raises(CorpusError, match="columns of plain values"):
        parquet(tmp_path, {"codes": [["A"], ["B"]]}, "codes")
    with pytest.raises(CorpusError, match=r"names 'id', but the columns of file\.parquet are codes$"):
        parquet(tmp_path, {"codes": ["A"]}, "id")


# ---------------------------------------------------------------------------------------------- files and names


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"^a file must begin with its column names, but file\.csv does not$"),
        ("\n1,2\n", r"^a file must begin with its column names, but file\.csv does not$"),
        (f'id,"t\n1,{CANARY}\n', r"^a file must begin with its column names, but file\.csv does not$"),
        ("7,2012,canary text,A\n", r"^the first row of file\.csv must hold column names, but it has none of id, t$"),
        ("ID,t\n", r"^corpus\.columns names 'id', but the columns of file\.csv are ID, t$"),
        ('"a\nb",t\n', r"^corpus\.columns names 'id', but the columns of file\.csv are a b, t$"),
        ("id,t,id\n", r"^corpus\.columns must name columns that stand once, but file\.csv has 'id' more often$"),
    ],
)
def test_a_header_that_will_not_do(file: Path, content: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        rows(file, content, "id", "t")


def test_encodings_that_will_not_do(file: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"^corpus\.encoding must be an encoding such as utf-8 or latin-1, but got 'utf-9'$"
    ):
        rows(file, "id\n1\n", "id", encoding="utf-9")
    with pytest.raises(CorpusError, match=r"^corpus\.encoding must be that of the file, but file\.csv is not utf-16$"):
        rows(file, "id\n1\n", "id", encoding="utf-16")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "no.csv", tmp_path / "no.parquet", tmp_path):
        with pytest.raises(CorpusError, match=r"^corpus\.path must be a readable file, but got [^\n]*$"):
            list(read_rows((path,), CorpusConfig(format="table"), ["id"], Quarantine()))


def test_files_are_named_by_as_much_as_tells_them_apart() -> None:
    assert file_names((Path("/a/x.csv"), Path("/a/y.csv"))) == ("x.csv", "y.csv")
    assert file_names((Path("/a/2012/x.csv"), Path("/a/2013/x.csv"), Path("/y.csv"))) == (
        "2012/x.csv", "2013/x.csv", "y.csv",
    )  # fmt: skip
    with pytest.raises(CorpusError, match=r"must name each file once, but names /a/x\.csv 2 times"):
        file_names((Path("/a/x.csv"), Path("/a/y.csv"), Path("/a/x.csv")))
    with pytest.raises(CorpusError, match="must name at least one file"):
        file_names(())


def test_several_files_follow_one_another(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.csv").write_text(f"id\n{number}\n")
    paths = tuple(tmp_path / f"{number}.csv" for number in range(3))
    found = list(read_rows(paths, CorpusConfig(format="table"), ["id"], Quarantine()))
    assert found == [Row(number, 2, [str(number)]) for number in range(3)]


# ---------------------------------------------------------------------------------------------- years and codes


@pytest.mark.parametrize(
    ("cell", "year"),
    [
        ("2015", 2015),
        ("2015-03-02", 2015),
        ("02/03/2015", 2015),
        ("2.3.1998", 1998),
        ("2015-03-02T10:20:30", 2015),
        ("year 2015 (2015)", 2015),
        ("1500", 1500),
        ("2099", 2099),
        ("", None),
        ("15", None),
        ("1234", None),
        ("2100", None),
        ("20150", None),
        ("2015-2016", None),
        ("unknown", None),
    ],
)
def test_year_of(cell: str, year: int | None) -> None:
    assert year_of(cell) == year


def test_split_codes() -> None:
    assert split_codes(" I21 ; ;J11;I21;", ";") == ["I21", "J11"]
    assert split_codes("I21 J11", " ") == ["I21", "J11"]
    assert split_codes("I21||J11", "||") == ["I21", "J11"]
    assert split_codes("", ";") == []
