from __future__ import annotations

from pathlib import Path

import pytest

from harness.corpus.dictionaries import (
    BROKEN,
    WIDTH,
    WITHOUT_CODE,
    WITHOUT_TEXT,
    Dictionaries,
    match,
    read_dictionaries,
)
from harness.corpus.quarantine import BadRow, Quarantine
from harness.errors import CorpusError

CANARY = "zyxcanary"
ATIH = (
    "A00   |3|NNNN|3|CHOLERA|Choléra\r\n"
    "A000  |0|NOOO|0|CHOLERA A VIBRIO|Choléra à Vibrio\r\n"
    'M653  |0|NOOO|0|DOIGT "A RESSORT"|Doigt "à ressort"\r\n'
    "B24+0 |0|NOOO|0|VIH|VIH\r\n"
)


def read(folder: Path, *contents: str | bytes, encoding: str = "utf-8", separator: str = ";") -> Dictionaries:
    paths = []
    for number, content in enumerate(contents):
        paths.append(folder / f"terms{number}.csv")
        paths[-1].write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_dictionaries(tuple(paths), encoding, separator)


def rows_of(*rows: tuple[str, str]) -> Dictionaries:
    return Dictionaries(("terms.csv",), rows, Quarantine())


def matched(known: set[str], *codes: str) -> tuple[list[str], int, int]:
    found = match(rows_of(*((f"text {code}", code) for code in codes)), known)
    return found.lexicon.codes.to_pylist(), found.respelt, found.unknown


# files


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_columns_text_and_code_among_others(tmp_path: Path, delimiter: str) -> None:
    rows = ('"Code"', "source", "Text"), ("I21.9", "x", '"heart attack"'), ("J11", "", "flu"), ("", "", "")
    found = read(tmp_path, "\ufeff" + "\r\n".join(delimiter.join(row) for row in rows) + "\r\n", separator="/")
    assert found.rows == (("heart attack", "I21.9"), ("flu", "J11"))
    assert found.quarantine.total == 0


def test_a_cell_with_several_codes_has_the_separator(tmp_path: Path) -> None:
    assert read(tmp_path, "text,code\na,I10; I11\n").rows == (("a", "I10"), ("a", "I11"))


def test_a_dictionary_of_clef(tmp_path: Path) -> None:
    content = "DiagnosisText;Icd1;Icd2\nInfarctus étendu;I219;\nTuberculose méningée;A170;G01\nUlcère;K269\n"
    wanted = (
        ("Infarctus étendu", "I219"),
        ("Tuberculose méningée", "A170"),
        ("Tuberculose méningée", "G01"),
        ("Ulcère", "K269"),
    )
    assert read(tmp_path, content).rows == wanted
    assert read(tmp_path, content.encode("latin-1")).rows == wanted  # a corpus in UTF-8 beside it
    assert read(tmp_path, content.encode("cp1252"), encoding="cp1252").rows == wanted
    assert read(tmp_path, content, encoding="latin-1").rows == wanted  # UTF-8 beside a corpus in Latin-1


def test_both_titles_of_atih(tmp_path: Path) -> None:
    assert read(tmp_path, ATIH).rows == (
        ("CHOLERA", "A00"),
        ("Choléra", "A00"),
        ("CHOLERA A VIBRIO", "A000"),
        ("Choléra à Vibrio", "A000"),
        ('DOIGT "A RESSORT"', "M653"),
        ('Doigt "à ressort"', "M653"),
        ("VIH", "B24+0"),
    )


def test_several_files_and_rows_that_stand_twice(tmp_path: Path) -> None:
    found = read(tmp_path, "text,code\na,X\na,X\n", "text;code\na;X\na;Y\n")
    assert found.rows == (("a", "X"), ("a", "Y"))
    assert found.names == ("terms0.csv", "terms1.csv")


def test_bad_rows_are_named_and_never_shown(tmp_path: Path) -> None:
    rows = (
        "text;code",
        f"{CANARY};",
        ";A00",
        f"{CANARY};A00;more",
        f'"{CANARY}" no;A00',
        CANARY,
        "",
        "ok;A00",
        f'"{CANARY}',
    )
    found = read(tmp_path, "\n".join(rows) + "\n")
    assert found.rows == (("ok", "A00"),)
    assert found.quarantine.rows == [
        BadRow("terms0.csv", line, rule)
        for line, rule in ((2, WITHOUT_CODE), (3, WITHOUT_TEXT), (4, WIDTH), (5, BROKEN), (6, WIDTH), (9, BROKEN))
    ]
    assert CANARY not in found.quarantine.to_csv() + "".join(found.quarantine.summary())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{CANARY},a\nb,c\n", r"must have columns text and code, or [^\n]*, but the first row of terms0.csv is none"),
        ("", r"must have columns text and code"),
        (f"A00|{CANARY}|x\n", r"must have columns text and code"),
        (f'"{CANARY}\n', r"must have columns text and code"),
        ("text,code\n", r"a text and code that no other one has, but terms0.csv has none"),
    ],
)
def test_refuses_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)
    assert CANARY not in str(caught.value)


def test_refuses_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"in UTF-8 or in corpus.encoding \(ascii\), but terms0.csv is in neither"):
        read(tmp_path, "text,code\né,A\n".encode("latin-1"), encoding="ascii")
    with pytest.raises(
        CorpusError, match=r"corpus.dictionaries must be readable files, but got .*no.csv \(No such file"
    ):
        read_dictionaries((tmp_path / "no.csv",), "utf-8")
    with pytest.raises(CorpusError, match=r"corpus.encoding must be an encoding"):
        read(tmp_path, "text,code\na,A\n", encoding="nonsense")
    with pytest.raises(CorpusError, match=r"corpus.dictionaries must name each file once"):
        read_dictionaries((tmp_path / "no.csv",) * 2, "utf-8")


# codes


def test_codes_are_matched_without_their_dots() -> None:
    assert matched({"I21.9", "J11"}, "I219", "I21.9", "J11", "K269") == (["I21.9", "I21.9", "J11", "K26.9"], 1, 1)
    assert matched({"I219", "J11"}, "I21.9", "i219", "K26.9") == (["I219", "I219", "K269"], 2, 1)


def test_a_code_that_could_be_two_stays_as_it_is_written() -> None:
    assert matched({"I21.9", "I2.19", "X.1"}, "I219", "X1") == (["I219", "X.1"], 1, 1)


def test_a_code_that_is_known_as_it_is_written_stays() -> None:
    assert matched({"I21.9", "I219"}, "I219", "I21.9") == (["I219", "I21.9"], 0, 0)


def test_an_unknown_code_takes_the_dot_only_where_all_have_it() -> None:
    assert matched({"I21.9", "K269"}, "A000", "A00.1") == (["A000", "A00.1"], 0, 2)
    assert matched({"XYLAZINE", "I10"}, "A000", "A00.1") == (["A000", "A00.1"], 0, 2)
    assert matched({"I21.9"}, "A00", "B24+0", "COCAINE") == (["A00", "B24+0", "COCAINE"], 0, 3)


def test_rows_are_counted_and_not_codes() -> None:
    found = match(rows_of(("a", "I219"), ("b", "I219"), ("c", "Q"), ("d", "Q"), ("e", "Q")), {"I21.9"})
    assert (found.respelt, found.unknown) == (2, 3)
    assert found.lexicon.texts.to_pylist() == ["a", "b", "c", "d", "e"]
