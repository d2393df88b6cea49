from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.corpus.certificate import LabelSet
from harness.corpus.codes import CodeEntry, CodeList, icd10, read_code_list, write_code_list
from harness.errors import CorpusError


def read(tmp_path: Path, text: str, encoding: str = "utf-8") -> CodeList:
    path = tmp_path / "codes.csv"
    path.write_bytes(text.encode(encoding))
    return read_code_list(path)


word = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters=";"), min_size=1, max_size=5)
phrase = st.lists(word, min_size=1, max_size=3).map(" ".join)
entries = st.builds(
    CodeEntry,
    code=word,
    title=phrase | st.just(""),
    synonyms=st.lists(phrase, max_size=3).map(tuple),
    parent=word | st.just(""),
    valid_from=st.none() | st.integers(1000, 2000),
    valid_to=st.none() | st.integers(2000, 9999),
)


@given(st.lists(entries, max_size=5, unique_by=lambda entry: entry.code).map(tuple))
def test_reads_what_it_wrote(tmp_path_factory: pytest.TempPathFactory, given: tuple[CodeEntry, ...]) -> None:
    path = tmp_path_factory.mktemp("codes") / "codes.csv"
    write_code_list(CodeList(given), path)
    again = read_code_list(path)
    assert again.entries == given
    assert again.fingerprint == CodeList(given).fingerprint


def test_fingerprint_follows_the_content_and_not_the_order() -> None:
    one, two = CodeEntry("A", "a"), CodeEntry("B", "b")
    assert CodeList((one, two)).fingerprint == CodeList((two, one)).fingerprint
    assert CodeList((one, two)).fingerprint != CodeList((one, CodeEntry("B", "b", valid_to=2020))).fingerprint


def test_only_the_code_is_required(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffcode\nI21\n U07.1 \n").entries == (CodeEntry("I21"), CodeEntry("U07.1"))
    full = "title,code,valid_to,valid_from,synonyms\nCOVID-19,U07.1,,2020,corona; SARS-CoV-2 ;\n"
    assert read(tmp_path, full).entries == (CodeEntry("U07.1", "COVID-19", ("corona", "SARS-CoV-2"), "", 2020, None),)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_names_as_offices_write_them(tmp_path: Path, delimiter: str) -> None:
    text = '\ufeff"Code";Title ;"synonyms";valid_from\r\nU07.1;"COVID; 19, new";"corona; SARS-CoV-2";2020\r\n;;;\r\n'
    text = (
        text.replace("COVID; 19", "COVID 19")
        .replace("corona; ", "corona @ ")
        .replace(";", delimiter)
        .replace(" @", ";")
    )
    entry = CodeEntry("U07.1", "COVID 19, new", ("corona", "SARS-CoV-2"), "", 2020, None)
    assert read(tmp_path, text).entries == (entry,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "titel,code\na,b\n",
            r"must have the column code and may have title, [^\n]*, but got titel, code \(codes.csv\)",
        ),
        ("code,title,Title\na,b,c\n", r"each once, but got code, title, title \(codes.csv\)"),
        (
            "code,title\nA00,Cholera, unspecified\n",
            r"as many cells as the header \(2\), but one has 3; a cell that holds the delimiter [^\n]* \(codes.csv, line 2\)",
        ),
        ("code;synonyms\nA00;a; b\n", r"as many cells as the header \(2\), but one has 3"),
        ("code,title\nA00\n", r"as many cells as the header \(2\), but one has 1"),
        ('code,title\nA,"b\n', r"readable UTF-8 CSV file, but codes.csv is not \(Error\)"),
        ("title\na\n", r"must have the column code .* but got title \(codes.csv\)"),
        ("", r"must have the column code"),
        ("code\nA\nB\nA\n", r"a code of its own, but got 'A' \(codes.csv, line 4\)"),
        ("code,title\n,a\n", r"a code of its own, but got '' \(codes.csv, line 2\)"),
        (
            "code,valid_from\nA,20\n",
            r"valid_from must be a year of four digits or empty, but got '20' \(codes.csv, line 2\)",
        ),
        (
            "code,valid_to\nA,soon\n",
            r"valid_to must be a year of four digits or empty, but got 'soon' \(codes.csv, line 2\)",
        ),
        (
            "code,valid_from,valid_to\nA,2020,2010\n",
            r"valid_to must not come before valid_from \(2020\), but got 2010 \(codes.csv, line 2\)",
        ),
    ],
)
def test_refuses_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_refuses_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"readable UTF-8 CSV file, but codes.csv is not \(UnicodeDecodeError\)"):
        read(tmp_path, "code,title\nA,é\n", "latin-1")
    with pytest.raises(CorpusError, match=r"but missing.csv is not \(FileNotFoundError\)"):
        read_code_list(tmp_path / "missing.csv")
    with pytest.raises(CorpusError, match="IsADirectoryError"):
        read_code_list(tmp_path)


def test_validity_holds_in_both_years_and_always_outside_the_list() -> None:
    listed = CodeList((CodeEntry("A", valid_from=2012, valid_to=2014), CodeEntry("B", valid_from=2013), CodeEntry("C")))
    validity = listed.validity(LabelSet(("A", "B", "C", "X")))
    years = np.arange(2011, 2016, dtype=np.int16)
    allowed = [validity.allows(years, np.full(5, column)).tolist() for column in range(4)]
    assert allowed == [
        [False, True, True, True, False],
        [False, False, True, True, True],
        [True] * 5,
        [True] * 5,
    ]


def test_words_of_titles_and_synonyms_are_normalised() -> None:
    listed = CodeList((CodeEntry("A", "Œdème aigu", ("O.A.P.",)), CodeEntry("B")))
    assert listed.words() == {"oedeme", "aigu", "o", "a", "p"}
    assert CodeList(()).words() == set()


def test_the_built_in_list() -> None:
    listed = icd10()
    assert len(listed.entries) > 10_000
    assert listed.by_code["I21.9"].title == "Acute myocardial infarction, unspecified"
    assert listed.by_code["I21.9"].parent == "I21"
    assert "IX" not in listed.by_code  # neither chapters
    assert "I20-I25" not in listed.by_code  # nor blocks
