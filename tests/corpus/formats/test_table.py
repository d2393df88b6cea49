from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from harness.config import CorpusConfig
from harness.corpus.builder import ReadResult
from harness.corpus.formats import reader
from harness.errors import ConfigError, CorpusError, UnknownName

CANARY = "zyxcanary"
COLUMNS: dict[str, Any] = {"id": "id", "year": "year", "text": ["text"], "codes": "codes"}


def read(
    path: Path,
    content: str | bytes | None = None,
    *,
    columns: dict[str, Any] | None = None,
    with_codes: bool = True,
    **more: Any,
) -> ReadResult:
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    config = CorpusConfig.model_validate(
        {"format": "table", "columns": COLUMNS if columns is None else columns, **more}
    )
    return reader("table")((path,), config, with_codes)


def plain(found: ReadResult) -> list[tuple[str, int, list[str], set[str]]]:
    """(id, year, lines, codes) of each certificate."""
    texts, labels = found.corpus.texts, found.corpus.labels.codes
    return [
        (
            texts.ids[row].as_py(),
            int(texts.years[row]),
            texts.lines[int(texts.first_line[row]) : int(texts.first_line[row + 1])].to_pylist(),
            {labels[column] for column in found.corpus.codes[[row]].indices},
        )
        for row in range(len(texts))
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "office.csv"


def test_delimited_codes(file: Path) -> None:
    found = read(file, "codes,text,id,year\nI21; J11;I21,heart,a,2012\n,nothing,b,2013\nJ11,flu,c,2013\n")
    assert plain(found) == [
        ("a", 2012, ["heart"], {"I21", "J11"}),
        ("b", 2013, ["nothing"], set()),
        ("c", 2013, ["flu"], {"J11"}),
    ]
    assert found.corpus.by_line is None
    assert found.corpus.labels.codes == ("I21", "J11")
    assert (found.files, found.file.tolist(), found.line.tolist()) == (("office.csv",), [0, 0, 0], [2, 3, 4])
    assert found.roles is None
    assert plain(read(file, "id,year,text,codes\na,2012,x,I21|J11\n", code_separator="|"))[0][3] == {"I21", "J11"}


def test_indicator_columns(file: Path) -> None:
    cells = ["Y", "y", "Yes", "1", "true", "TRUE", "x", "X", "YES (heroin)", "N", "0", "", "no", "2", "false", "-"]
    content = "id,year,text,heroin,morphine,alcohol\n" + "".join(
        f"{number},2012,t,{cell},,1\n" for number, cell in enumerate(cells)
    )
    columns = {key: COLUMNS[key] for key in ("id", "year", "text")}
    indicators = {"T40.1": ["heroin", "morphine"], "T51": "alcohol"}
    found = read(file, content + "last,2012,t,,y,\n", columns=columns, indicators=indicators)
    assert ["T40.1" in codes for *_, codes in plain(found)] == [True] * 9 + [False] * 7 + [True]
    assert all("T51" in codes for *_, codes in plain(found)[:-1])
    assert plain(found)[-1][3] == {"T40.1"}


def test_text_columns_in_order_with_part_two(file: Path) -> None:
    columns = {**COLUMNS, "text": ["b", "a", "other"]}
    content = "id,year,a,b,other,codes\n1,2012,second,first,two,\n2,2012,,only,,\n3,2012,,,,A\n4,2012,x,,y,\n"
    found = read(file, content, columns=columns, part2=["other"])
    assert [lines for _, _, lines, _ in plain(found)] == [["first", "second", "two"], ["only"], [], ["x", "y"]]
    assert found.corpus.texts.parts.tolist() == [1, 1, 2, 1, 1, 2]


def test_the_cluster_is_read_beside_the_codes_and_never_as_text(file: Path) -> None:
    content = "id,year,text,codes,by\na,2012,x,A,north\nb,2012,y,B, \nc,2013,z,A,north\n"
    columns = {**COLUMNS, "cluster": "by"}
    corpus = read(file, content, columns=columns).corpus
    assert corpus.clusters is not None
    assert corpus.clusters.to_pylist() == ["north", None, "north"]
    assert corpus.texts.covariates == {}
    assert "north" not in corpus.texts.lines.to_pylist()
    assert read(file, content).corpus.clusters is None
    assert read(file, content, columns=columns, with_codes=False).corpus.clusters is None
    without = "id,year,text\na,2012,x\n"
    assert len(read(file, without, columns=columns, with_codes=False).corpus) == 1
    with pytest.raises(CorpusError, match=r"^corpus\.columns names 'by', but the columns of office\.csv are id, year"):
        read(file, "id,year,text,codes\na,2012,x,A\n", columns=columns)


def test_covariates_and_role(file: Path) -> None:
    columns = {**COLUMNS, "age": "years", "sex": "s", "role": "split"}
    content = "id,year,text,codes,years,s,split\na,2012,x,A,70,F,train\nb,2012,x,A,,,\n"
    found = read(file, content, columns=columns)
    covariates = {name: column.to_pylist() for name, column in found.corpus.texts.covariates.items()}
    assert covariates == {"age": ["70", None], "sex": ["F", None]}
    assert found.roles is not None
    assert found.roles.to_pylist() == ["train", ""]


def test_a_date_gives_its_year(file: Path) -> None:
    columns = {"id": "id", "date": "died", "text": ["text"], "codes": "codes"}
    content = f"id,died,text,codes\n1,2012-05-03,x,\n2,31/12/2013,x,\n3,20,{CANARY},\n4,2012-2013,{CANARY},\n"
    found = read(file, content, columns=columns)
    assert found.corpus.texts.years.tolist() == [2012, 2013]
    assert found.quarantine.summary() == ["2 left out: died must hold a year (office.csv:4, office.csv:5)"]


def test_an_id_left_out_is_file_and_row(tmp_path: Path) -> None:
    """Files of one name in several folders must not give the same id."""
    columns = {key: COLUMNS[key] for key in ("year", "text", "codes")}
    config = CorpusConfig.model_validate({"format": "table", "columns": columns})
    for year in ("2012", "2013"):
        (tmp_path / year).mkdir()
        (tmp_path / year / "x.csv").write_text(f'year,text,codes\n{year},"a\nb",A\n{year},c,B\n')
    found = reader("table")((tmp_path / "2012" / "x.csv", tmp_path / "2013" / "x.csv"), config, True)
    assert found.corpus.texts.ids.to_pylist() == ["2012/x.csv:2", "2012/x.csv:4", "2013/x.csv:2", "2013/x.csv:4"]
    alone = reader("table")((tmp_path / "2012" / "x.csv",), config, True)
    assert alone.corpus.texts.ids.to_pylist() == ["x.csv:2", "x.csv:4"]


def test_rows_that_cannot_be_read_are_named_and_never_quoted(file: Path) -> None:
    content = (
        "id,year,text,codes,coder\n"
        f"{CANARY},,{CANARY},A,\n"  # 2
        f" ,2012,{CANARY},A,\n"  # 3
        f"{CANARY},2012,{CANARY},A,Model\n"  # 4
        f'{CANARY},2012,"{CANARY}" x,A,\n'  # 5
        f"{CANARY},2012,{CANARY}\n"  # 6
        f"{CANARY},2012,{CANARY}\udcff,A,\n"  # 7
        f"ok,2012,fine,A,person\n"
    )
    found = read(file, content.encode(errors="surrogateescape"), columns={**COLUMNS, "coder": "coder"})
    assert plain(found) == [("ok", 2012, ["fine"], {"A"})]
    assert {(row.line, row.rule) for row in found.quarantine.rows} == {
        (2, "year must hold a year"),
        (3, "id must not be empty"),
        (4, "codes that a model gave are neither learnt from nor scored against"),
        (5, "the row must be readable as delimited text"),
        (6, "the row must have as many cells as the header (5)"),
        (7, "the row must be text in utf-8"),
    }
    assert found.quarantine.total == 6
    assert CANARY not in "".join(found.quarantine.summary()) + found.quarantine.to_csv()


def test_without_codes_their_columns_need_not_be_there(file: Path) -> None:
    columns = {**COLUMNS, "coder": "coder", "role": "split", "age": "age"}
    content = "id,year,text,age\n1,2012,x,70\n"
    found = read(file, content, columns=columns, with_codes=False)
    assert plain(found) == [("1", 2012, ["x"], set())]
    assert found.roles is None
    assert found.corpus.texts.covariates["age"].to_pylist() == ["70"]
    with pytest.raises(
        CorpusError, match=r"^corpus\.columns names '\w+', but the columns of office\.csv are id, year, text, age$"
    ):
        read(file, content, columns=columns)
    indicators = {key: columns[key] for key in ("id", "year", "text")}
    assert len(read(file, content, columns=indicators, indicators={"A": ["a"]}, with_codes=False).corpus) == 1
    # where they are there they are not read: a model's row is predicted like any other
    there = "id,year,text,codes,coder,split,age\n1,2012,x,A,model,nonsense,70\n"
    assert plain(read(file, there, columns=columns, with_codes=False)) == [("1", 2012, ["x"], set())]


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    content = 'id,year,text,codes,heart\n1,2012,"a\nb",I21;J11,70\n2,,c,,\n3,2013,,A,\n,2014,é,A,x\n'
    columns = {**COLUMNS, "age": "heart"}
    csv_file, parquet_file = tmp_path / "same.csv", tmp_path / "same.parquet"
    csv_file.write_text(content, encoding="utf-8")
    options = pacsv.ParseOptions(newlines_in_values=True)
    table = pacsv.read_csv(csv_file, parse_options=options)
    assert {pa.types.is_integer(field.type) for field in table.schema} == {True, False}  # ids and years are numbers
    pq.write_table(table, parquet_file)
    one, other = read(csv_file, columns=columns), read(parquet_file, columns=columns)
    assert plain(one) == plain(other)
    assert len(plain(one)) == 2
    assert one.corpus.texts.covariates["age"].to_pylist() == other.corpus.texts.covariates["age"].to_pylist()
    assert one.quarantine.counts == other.quarantine.counts


def test_latin_1_with_a_semicolon(file: Path) -> None:
    content = "id;year;text;codes\n1;2012;d\xe9c\xe8s, suite;A,B\n".encode("latin-1")
    found = read(file, content, encoding="latin-1", delimiter=";", code_separator=",")
    assert plain(found) == [("1", 2012, ["décès, suite"], {"A", "B"})]


def test_a_file_without_rows(file: Path) -> None:
    assert len(read(file, "id,year,text,codes\n").corpus) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {"id": "id", "year": "year", "codes": "codes"}}, "must name text, and year or date"),
        ({"columns": {"text": ["text"], "codes": "codes"}}, "must name text, and year or date"),
        ({"columns": {"text": ["text"], "year": "year"}}, r"needs either corpus\.columns\.codes or corpus\.indicators"),
        ({"indicators": {"A": ["a"]}}, r"needs either corpus\.columns\.codes or corpus\.indicators"),
        ({"part2": ["txt"]}, r"^corpus\.part2 must name columns of corpus\.columns\.text \(text\), but got 'txt'$"),
    ],
)
def test_a_configuration_that_will_not_do(file: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read(file, "id,year,text,codes\n", **change)
    assert "\n" not in str(caught.value)


def test_an_unknown_format_lists_the_known_ones() -> None:
    with pytest.raises(
        UnknownName, match=r"^corpus\.format must be one of connecticut, lines, synthetic, table, but got 'xlsx'$"
    ):
        reader("xlsx")
