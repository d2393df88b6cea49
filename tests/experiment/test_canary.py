"""Nothing that may leave an office holds a certificate's text, id or covariate: canaries are looked for everywhere.

Each certificate holds random strings of its own, some of them words that training shows to be a code's own. After a
whole search, a refused one and unreadable rows, every public file and all that was printed is searched: as it stands
and decoded, whatever the case, with accents and without, the beginning of a canary or a piece of its end alone.
"""

from __future__ import annotations

import base64
import csv
import gzip
import html
import json
import os
import random
import re
import subprocess
import sys
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.files import Row, read_rows
from harness.run.folder import RunFolder

pytestmark = pytest.mark.ray

# leaderboards/README.md: what is private. Everything else in the folder of runs is public, whatever its name.
PRIVATE = {"cache", "predictions", "models", "rules", "watch", "search.toml", ".lock"}
EXPECTED = """
    leaderboard.html run.json corpus.json trials.jsonl scorecards.jsonl pick.json quarantine.csv study.journal spaces.json
    stages/search.json stages/decide.json stages/refit.json stages/certify.json stages/score.json stages/watch.json
    stages/alarms.json figures/risk_coverage.parquet figures/alarms.parquet
"""
CODES = ("A10", "B20", "C30", "D40", "E50", "F60")
ADJECTIVES = ("acute", "chronic", "severe", "old", "recurrent", "suspected", "bilateral")
MARKS = ("Zqéxcan", "CANARYID", "Plàcecanary", "Sourcecanary", "Clustercanary", "Coderçanary", "Códecanary")
TAIL, PIECE = 10, 8  # letters of a canary after its mark, and those in a row by which a part of them is known

CONFIG = """
[corpus]
format = "table"
path = "certificates.csv"
part2 = ["part2"]
columns.id = "id"
columns.year = "year"
columns.text = ["part1", "{second}"]
columns.codes = "codes"
columns.sex = "sex"
columns.place = "place"
columns.source = "source"
columns.coder = "coder"
[years]
train = "2014-2015"
validation = "2016"
calibration = "2017"
heldout = "2018"
[search]
families = ["dictionary", "linear"]
trials = 2
budget = "5m"
spaces = "spaces"
[promise]
risk = 0.2
confidence = 0.8
cluster = "cluster"
"""
LINEAR = """
char_ngrams = { value = 3 }
max_features = { value = 2000 }
cost = { range = [0.1, 2.0], log = true, default = 0.5 }
"""

# Canaries -------------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Without case and accents."""
    return "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)).casefold()


@dataclass
class Canaries:
    """Makes random strings after a mark, and remembers their pieces."""

    random: random.Random
    pieces: set[str]

    def after(self, mark: str) -> str:
        tail = "".join(self.random.choice("abcdefghijklmnoprstuvwxyzéüçñABCDEFGHIJKLM") for _ in range(TAIL))
        self.pieces |= _pieces(plain(tail))
        return mark + tail

    def found(self, content: bytes) -> set[str]:
        """The marks and the pieces that stand in some bytes, or in what can be unpacked from them."""
        seen: set[str] = set()
        for text in _readings(content):
            bare = plain(text)
            seen |= {mark for mark in map(plain, MARKS) if mark in bare}
            for run in re.findall(rf"[a-z]{{{PIECE},}}", bare):
                seen |= _pieces(run) & self.pieces
        return seen

    def found_in(self, path: Path) -> set[str]:
        seen = self.found(path.read_bytes())
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            seen |= self.found(json.dumps(table.to_pylist(), ensure_ascii=False, default=str).encode())
            seen |= self.found(repr(table.schema).encode())
        return seen


def _pieces(text: str) -> set[str]:
    return {text[start : start + PIECE] for start in range(len(text) - PIECE + 1)}


def _readings(content: bytes) -> Iterator[str]:
    """Some bytes as text: as they stand, unescaped, and what they hold in base64 or gzip."""
    text = content.decode("utf-8", errors="replace")
    yield text
    yield content.decode("utf-16-le", errors="replace")
    escaped = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    yield html.unescape(unquote(escaped))
    for run in re.findall(rb"[A-Za-z0-9+/_-]{12,}", content):
        for start in range(4):  # it may stand right after other letters
            part = run[start:].translate(bytes.maketrans(b"-_", b"+/"))
            decoded = base64.b64decode(part[: len(part) - len(part) % 4] + b"====")
            yield decoded.decode("utf-8", errors="replace")
            yield _unpacked(decoded)


def _unpacked(content: bytes) -> str:
    if content[:2] != b"\x1f\x8b":
        return ""
    try:
        return zlib.decompressobj(wbits=31).decompress(content).decode("utf-8", errors="replace")
    except zlib.error:
        return ""


# The office -----------------------------------------------------------------------------------------------------------


def _certificates(canaries: Canaries) -> list[Row]:
    """480 certificates of five years, a certificate in two with a word of its own; three codes are given anew in 2018."""
    own = {code: canaries.after(MARKS[0]) for code in CODES}
    rows = []
    for number in range(480):
        code, year = CODES[number % 6], 2014 + number // 6 % 5
        word = f" {canaries.after(MARKS[0])}" if canaries.random.random() < 0.5 and year < 2017 else ""
        given = "B20" if year == 2018 and code == "A10" else code
        rows.append(
            {
                "id": canaries.after("CANARYID"),
                "year": str(year),
                "part1": f"{ADJECTIVES[number % 7]} {own[code]}{word}",
                "part2": f"{ADJECTIVES[number % 5]} {canaries.after(MARKS[0])}" if number % 40 == 0 else "",
                "codes": f"{given};{CODES[(number + 1) % 6]}" if number % 12 == 3 else given,
                "sex": "FM"[number % 2],
                "place": canaries.after(MARKS[2]),
                "source": canaries.after(MARKS[3]),
                "cluster": canaries.after(MARKS[4]) if number % 3 else "",
                "coder": canaries.after(MARKS[5]),
            }
        )
    return rows


def _bad(row: Row, canaries: Canaries) -> list[list[str]]:
    """Rows that cannot be read: no year, no id, too many cells, too few, the id of another."""
    new = {"id": canaries.after(MARKS[1]), "part1": canaries.after(MARKS[0]), "codes": canaries.after(MARKS[-1])}
    bad = {**row, **new}
    cells = list(bad.values())
    return [
        list({**bad, "year": canaries.after(MARKS[0])}.values()),
        list({**bad, "id": ""}.values()),
        [*cells, canaries.after(MARKS[0])],
        cells[:4],
        list({**bad, "id": row["id"]}.values()),
    ]


def _write(path: Path, header: list[str], rows: list[list[str]], torn: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
        file.write(f'"{torn}\n')  # a quotation mark that is never closed


@dataclass(frozen=True)
class Office:
    """Its folder, what its certificates hold, and what was printed by its commands."""

    folder: Path
    canaries: Canaries
    printed: dict[str, str]

    @property
    def run(self) -> RunFolder:
        (found,) = (path.parent for path in (self.folder / "leaderboards").glob("*/run.json"))
        return RunFolder(found)


def _command(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key != "HARNESS_CACHE"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """An office that searched once, and was refused three times."""
    folder = tmp_path_factory.mktemp("office")
    canaries = Canaries(random.Random(0), set())
    rows = _certificates(canaries)
    cells = [list(row.values()) for row in rows]
    _write(folder / "certificates.csv", list(rows[0]), cells + _bad(rows[7], canaries), canaries.after(MARKS[0]))
    (folder / "spaces").mkdir()
    (folder / "spaces" / "linear.toml").write_text(LINEAR)
    (folder / "search.toml").write_text(CONFIG.format(second="part2"))
    (folder / "missing.toml").write_text(CONFIG.format(second="part3").replace('["part2"]', '["part3"]'))
    for name, content in (
        ("headless", (folder / "certificates.csv").read_bytes().split(b"\n", 1)[1]),
        ("latin", (folder / "certificates.csv").read_text("utf-8").encode("latin-1")),
    ):
        (folder / f"{name}.csv").write_bytes(content)
        (folder / f"{name}.toml").write_text(CONFIG.format(second="part2").replace("certificates.csv", f"{name}.csv"))
    printed = {}
    for name, wanted in (("search", 0), ("missing", 2), ("headless", 2), ("latin", 2)):
        code, printed[name] = _command(folder, "search", f"{name}.toml")
        assert code == wanted, printed[name]
    return Office(folder, canaries, printed)


# What is looked for can be found ---------------------------------------------------------------------------------------


def test_canaries_stand_in_private_files(office: Office) -> None:
    """So they are there to leak: ids and texts in the store, own words in what the practice alarm watches, in models."""
    run, found = office.run.path, office.canaries.found_in
    ids, *others = (next(iter(run.glob(f"cache/store/*/{name}.arrow"))) for name in ("certificates", "lines"))
    assert {"canaryid", "placecanary", "sourcecanary", "clustercanary"} <= found(ids)
    assert all("zqexcan" in found(path) for path in others)
    assert len(found(ids)) > 480
    assert any(found(path) for path in (run / "models").rglob("*") if path.is_file())
    assert "zqexcan" in found(run / "watch" / "watch.json")


ID, WORD = "CANARYIDabcdefghéJ", "Zqéxcanüabcdefghi"
PACKED = base64.b64encode(gzip.compress(json.dumps({"rows": [[1, ID]]}).encode())).decode()


@pytest.mark.parametrize(
    "content",
    [
        ID,
        f"<td>{WORD.upper()}</td>",
        f"zqexcan{'x' * 5}",
        f"…{plain(WORD)[-PIECE:]}",  # its end alone
        json.dumps({"data": {"models": [ID[:8] + "cut"]}}),
        json.dumps([WORD]),  # é as \\u00e9
        html.escape(WORD).replace("é", "&eacute;"),
        unicodedata.normalize("NFD", WORD),
        f"data:;base64,{base64.b64encode(WORD.encode()).decode()}",
        f"x{base64.urlsafe_b64encode(b'..' + ID.encode()).decode()}",
        f'<script>unpack("{PACKED}")</script>',
    ],
)
def test_whatever_way_one_leaks_it_is_found(content: str, tmp_path: Path) -> None:
    canaries = Canaries(random.Random(0), _pieces(plain(WORD)[-TAIL:]))
    (tmp_path / "leaderboard.html").write_text(f"<p>{content}</p>", encoding="utf-8")
    assert canaries.found_in(tmp_path / "leaderboard.html")
    assert not canaries.found(b"<p>" + base64.b64encode(b"can ary id") + b"zq\\u00e9x</p>")


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_in_a_parquet_file_as_well(compression: str, tmp_path: Path) -> None:
    canaries, path = Canaries(random.Random(0), set()), tmp_path / "figure.parquet"
    pq.write_table(pa.Table.from_pylist([{"code": "A", "words": ["smoke", ID]}] * 50), path, compression=compression)
    assert canaries.found_in(path) == {"canaryid"}
    pq.write_table(pa.Table.from_pylist([{"code": "A", ID: 1}]), path, compression=compression)
    assert canaries.found_in(path) == {"canaryid"}


# What may leave the office ----------------------------------------------------------------------------------------------


def _public(office: Office) -> list[Path]:
    home, run = office.folder / "leaderboards", office.run.path
    files = [path for path in home.rglob("*") if path.is_file()]
    return [path for path in files if run not in path.parents or path.relative_to(run).parts[0] not in PRIVATE]


def test_the_run_left_all_that_is_looked_through(office: Office) -> None:
    """And came as far as a certified pick, with an alarm that rings for a code whose own words are canaries."""
    run = office.run
    names = {path.relative_to(run.path).as_posix() for path in _public(office) if run.path in path.parents}
    assert set(EXPECTED.split()) <= names
    assert office.folder / "leaderboards" / "readings.jsonl" in _public(office)
    assert {row["status"] for row in run.trials()} == {"done"}
    pick = run.pick()
    assert pick is not None
    assert pick["model"] is not None
    assert {row["code"] for row in run.figure("alarms") if row["rings"] and row["code"]} >= {"A10"}
    rules = [row["rule"] for row in csv.DictReader((run.path / "quarantine.csv").open(encoding="utf-8", newline=""))]
    assert len(rules) == 6
    assert len(set(rules)) >= 4


def test_no_canary_is_in_any_public_file(office: Office) -> None:
    leaks = {path.relative_to(office.folder).as_posix(): office.canaries.found_in(path) for path in _public(office)}
    assert {name: sorted(found)[:5] for name, found in leaks.items() if found} == {}


def test_no_canary_is_printed(office: Office) -> None:
    assert "left out" in office.printed["search"]
    assert all(office.printed[name].count("\n") == 1 for name in ("missing", "headless"))
    leaks = {name: office.canaries.found(text.encode()) for name, text in office.printed.items()}
    assert {name: sorted(found)[:5] for name, found in leaks.items() if found} == {}


def test_the_run_says_at_once_how_often_its_calibration_years_were_read(office: Office) -> None:
    assert office.run.meta()["earlier_readings"] == 0
    assert [row["role"] for row in read_rows(office.folder / "leaderboards" / "readings.jsonl")] == [
        "calibration",
        "heldout",
    ]
