from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from harness.config import CorpusConfig
from harness.corpus.builder import ReadResult
from harness.corpus.formats import reader
from harness.errors import ConfigError, CorpusError

CAUSE = "Cause of Death"
HEADER = (
    f"Date,Age,Sex,{CAUSE},Other Significant Conditions,Description of Injury,Heroin,Fentanyl,Tramad,Any Opioid,Other"
)
ROWS = (
    "01/02/2012,35,Male,Heroin toxicity,Hypertension,Drug use,Y,,,Y,",
    '12/31/2013,,Female,"Fentanyl, tramadol",,,,y POPS,Y,Y,Xylazine',
    "05/06/2013,50,,Natural,,,N,,,,Y",
)


def read(*contents: tuple[Path, str], with_codes: bool = True, **more: Any) -> ReadResult:
    for path, content in contents:
        path.write_text(content, encoding="utf-8")
    config = CorpusConfig.model_validate({"format": "connecticut", **more})
    return reader("connecticut")(tuple(path for path, _ in contents), config, with_codes)


def codes_of(found: ReadResult) -> list[set[str]]:
    corpus = found.corpus
    return [{corpus.labels.codes[column] for column in corpus.codes[[row]].indices} for row in range(len(corpus))]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deaths.csv"


def test_reads_the_file_as_it_is(file: Path) -> None:
    found = read((file, "\n".join((HEADER, *ROWS)) + "\n"))
    texts = found.corpus.texts
    assert texts.ids.to_pylist() == ["deaths.csv:2", "deaths.csv:3", "deaths.csv:4"]
    assert texts.years.tolist() == [2012, 2013, 2013]
    assert texts.lines.to_pylist() == ["Heroin toxicity", "Hypertension", "Drug use", "Fentanyl, tramadol", "Natural"]
    assert texts.parts.tolist() == [1, 2, 1, 1, 1]
    assert {name: column.to_pylist() for name, column in texts.covariates.items()} == {
        "age": ["35", None, "50"],
        "sex": ["Male", "Female", None],
    }
    assert codes_of(found) == [{"T40.1"}, {"T40.4"}, set()]
    assert found.corpus.labels.codes == ("T40.1", "T40.4")
    assert found.corpus.by_line is None
    assert found.notes[0].startswith("deaths.csv lacks the columns Heroin death certificate (DC), Oxycodone, ")
    assert "Fentanyl," not in found.notes[0]


def test_a_cluster_may_be_added_to_the_preset(file: Path) -> None:
    content = f"Date,{CAUSE},Heroin,DeathCity\n2012,a,Y,HARTFORD\n2013,b,,\n"
    corpus = read((file, content), columns={"cluster": "DeathCity"}).corpus
    assert corpus.clusters is not None
    assert corpus.clusters.to_pylist() == ["HARTFORD", None]
    with pytest.raises(CorpusError, match=r"names 'Office', but the columns of deaths\.csv are"):
        read((file, content), columns={"cluster": "Office"})


def test_a_file_of_parquet(tmp_path: Path, file: Path) -> None:
    plain = read((file, "\n".join((HEADER, *ROWS)) + "\n"))
    pq.write_table(pacsv.read_csv(file), tmp_path / "deaths.parquet")
    config = CorpusConfig(format="connecticut")
    found = reader("connecticut")((tmp_path / "deaths.parquet",), config, True)
    assert codes_of(found) == codes_of(plain)
    assert found.corpus.texts.lines.to_pylist() == plain.corpus.texts.lines.to_pylist()


def test_files_may_have_different_columns(tmp_path: Path) -> None:
    first = f"Date,{CAUSE},Heroin\n2012,a,Y\n2012,b,\n"
    second = f"Xylazine,{CAUSE} ,Date,Heroin/Morph/Codeine\nY,c,2020-01-31T00:00:00,Y\n"
    found = read((tmp_path / "a.csv", first), (tmp_path / "b.csv", second))
    assert codes_of(found) == [{"T40.1"}, set(), {"XYLAZINE"}]
    assert found.corpus.texts.years.tolist() == [2012, 2012, 2020]
    assert [note.partition(" ")[0] for note in found.notes] == ["a.csv", "b.csv"]


def test_without_codes_no_substance_need_be_there(file: Path) -> None:
    found = read((file, f"Date,{CAUSE}\n2022,a\n"), with_codes=False)
    assert found.corpus.texts.lines.to_pylist() == ["a"]
    assert len(found.corpus.labels) == 0
    assert found.notes == ()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (f"{CAUSE},Heroin", "must have the column 'Date', but deaths.csv lacks it"),
        ("Date,Heroin", f"must have the column '{CAUSE}', but deaths.csv lacks it"),
        (
            f"Date,{CAUSE},Other,Any Opioid",
            r"must have columns of substances \(Heroin, .*, …\), but deaths.csv has none",
        ),
        ("", "must begin with its column names"),
    ],
)
def test_other_files_are_refused(file: Path, header: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read((file, f"{header}\n"))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(CorpusError, match=r"corpus.path must be a readable file"):
        reader("connecticut")((file,), CorpusConfig(format="connecticut"), True)
    with pytest.raises(CorpusError, match="must name at least one file"):
        reader("connecticut")((), CorpusConfig(format="connecticut"), True)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"columns": {"text": [CAUSE]}}, "corpus.columns.text must be left out with the format connecticut"),
        ({"columns": {"year": "Year"}}, "corpus.columns.year must be left out .* but got 'Year'"),
        ({"columns": {"id": "Case"}}, "corpus.columns.id must be left out"),
        ({"columns": {"codes": "Codes"}}, "corpus.columns.codes must be left out"),
        ({"indicators": {"T40.1": ["Heroin"]}}, "corpus.indicators must be left out .* the format table reads other"),
        ({"part2": ["Description of Injury"]}, "corpus.part2 must be left out"),
    ],
)
def test_columns_that_contradict_the_state_are_refused(file: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read((file, "\n".join((HEADER, *ROWS)) + "\n"), **more)


def test_what_says_the_same_or_adds_to_it_is_taken(file: Path) -> None:
    rows = [f"{HEADER},split", *(f"{row},train" for row in ROWS)]
    columns = {"role": "split", "date": "Date", "age": "Age"}
    found = read((file, "\n".join(rows) + "\n"), columns=columns, part2=["Other Significant Conditions"])
    assert found.roles is not None
    assert found.roles.to_pylist() == ["train"] * 3
