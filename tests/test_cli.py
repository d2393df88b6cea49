"""The command as a user types it: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ENV = {**os.environ, "COLUMNS": "120"}


def harness(*words: str, where: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *words],
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
        env=env or ENV,
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


TABLE = """
[corpus]
format = "table"
path = "deaths.csv"
columns = { id = "id", year = "year", text = ["cause"], codes = "codes" }
[years]
train = "2001-2002"
validation = "2003"
"""


@pytest.fixture
def office(tmp_path: Path) -> Path:
    rows = [
        f"{year}-{number},{year},causa {number % 7},C{number % 7}"
        for year in (2001, 2002, 2003)
        for number in range(30)
    ]
    (tmp_path / "deaths.csv").write_text("\n".join(["id,year,cause,codes", *rows]) + "\n")
    (tmp_path / "my.toml").write_text(TABLE)
    return tmp_path


@pytest.mark.parametrize("words", [[], ["--help"], ["search", "--help"], ["corpus", "--help"], ["predict", "--help"]])
def test_help_is_said(words: list[str], tmp_path: Path) -> None:
    done = harness(*words, where=tmp_path)
    assert "Usage:" in done.stdout + done.stderr


def test_a_missing_configuration_is_refused(tmp_path: Path) -> None:
    assert "none.toml" in refused(harness("search", "none.toml", where=tmp_path))
    assert not (tmp_path / "leaderboards").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'format = "table"',
            'format = "tabel"',
            "corpus.format must be one of connecticut, lines, synthetic, table, but got 'tabel'",
        ),
        (
            'validation = "2003"',
            'validation = "2002"',
            "years.validation must not overlap years.train, but both have 2002",
        ),
        ('validation = "2003"', 'validation = "2009"', "years.validation must name years that have certificates"),
        ('codes = "codes" }', 'codes = "code" }', "corpus.columns names 'code', but the columns of deaths.csv are"),
        ("[years]", '[search]\nfamilies = ["cnm"]\n[years]', "search.families must hold"),
        ("[years]", "[search]\nbugdet = 3\n[years]", "search.bugdet is not a key; the keys here are families"),
        (
            "[years]",
            '[automation]\nalways_person = ["Z99-A00"]\n[years]',
            "automation.always_person must hold codes or ranges",
        ),
        ('path = "deaths.csv"', 'path = "${NOWHERE_SET}/deaths.csv"', "environment variable NOWHERE_SET"),
        ('path = "deaths.csv"', 'path = "lives.csv"', "lives.csv"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_run(office: Path, old: str, new: str, said: str) -> None:
    (office / "my.toml").write_text(TABLE.replace(old, new))
    assert said in refused(harness("search", "my.toml", where=office))
    assert not list((office / "leaderboards").glob("*")) if (office / "leaderboards").exists() else True


def test_corpus_check_reads_and_keeps_nothing(office: Path) -> None:
    (office / "deaths.csv").write_text((office / "deaths.csv").read_text() + "x,no year,secret words,C1\n")
    done = harness("corpus", "check", "my.toml", where=office)
    assert done.returncode == 0, done.stderr
    assert "90 certificates, 7 codes, by certificate" in done.stdout
    assert "1 left out: year must hold a year (deaths.csv:92)" in done.stdout
    assert "secret" not in done.stdout + done.stderr
    assert not (office / "leaderboards").exists()


def test_corpus_generate_writes_what_corpus_check_reads(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(
        '[corpus]\nformat = "synthetic"\nsynthetic = { certificates = 200, codes = 25, first_year = 2014, years = 4 }\n'
        '[years]\ntrain = "2014-2016"\nvalidation = "2017"\n'
    )
    done = harness("corpus", "generate", "my.toml", "-o", "out", where=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "read.toml").write_text(
        '[corpus]\nformat = "lines"\npath = "out/certificates.csv"\ncodes = "out/codes.csv"\n'
        'columns = { id = "id", year = "year", line = "line", text = "text", codes = "code" }\n'
        '[years]\ntrain = "2014-2016"\nvalidation = "2017"\n'
    )
    done = harness("corpus", "check", "read.toml", where=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "200 certificates" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["resume", "x"],
        ["pick", "x"],
        ["leaderboard", "x"],
        ["export", "x", "out"],
        ["predict", "x", "y.csv", "-o", "z.csv"],
    ],
)
def test_an_unknown_run_or_bundle_is_refused(words: list[str], tmp_path: Path) -> None:
    assert "must be" in refused(harness(*words, where=tmp_path))
    assert list(tmp_path.iterdir()) == []


def a_run(home: Path, name: str = "20260302-093012", rows: str = "") -> Path:
    """A run that has only begun, as far as the page is concerned."""
    folder = home / "leaderboards" / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"format": 1, "run": name, "families": ["linear"]}))
    (folder / "trials.jsonl").write_text(rows)
    return folder


def test_leaderboard_makes_a_page_again_and_the_index(tmp_path: Path) -> None:
    folder = a_run(tmp_path)
    pages = []
    for _ in range(2):
        done = harness("leaderboard", folder.name, where=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(folder / "leaderboard.html")
        pages.append((folder / "leaderboard.html").read_bytes())
    assert pages[0] == pages[1]
    assert f'href="{folder.name}/leaderboard.html"' in (folder.parent / "index.html").read_text(encoding="utf-8")


def test_leaderboard_makes_one_page_of_several_runs(tmp_path: Path) -> None:
    names = [a_run(tmp_path, name).name for name in ("20260302-093012", "20260405-101500")]
    done = harness("leaderboard", *names, where=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == os.path.join("leaderboards", "merged.html")
    page = (tmp_path / "leaderboards" / "merged.html").read_text(encoding="utf-8")
    assert all(name in page for name in names)


def test_leaderboard_refuses_what_it_cannot_show(tmp_path: Path) -> None:
    folder = a_run(tmp_path, rows='{"trial": "a", "family": "b", "status": "done"}\n{"trial"\n')
    said = refused(harness("leaderboard", folder.name, where=tmp_path))
    assert f"line 2 of {folder.name}/trials.jsonl" in said
    assert "en, fr" in refused(harness("leaderboard", folder.name, "--language", "de", where=tmp_path))
    (folder / "run.json").write_text("{")
    assert f"{folder.name}/run.json" in refused(harness("leaderboard", folder.name, where=tmp_path))
    assert not list(tmp_path.rglob("*.html"))


def test_leaderboard_says_where_it_cannot_write(tmp_path: Path) -> None:
    folder = a_run(tmp_path)
    (tmp_path / "a-file").write_text("mine")
    for out in ("a-file/page.html", "/proc/page.html"):
        assert "-o must name a file in a folder that can be written" in refused(
            harness("leaderboard", folder.name, "-o", out, where=tmp_path)
        )


def test_score_rows_that_are_cut_short_are_refused(tmp_path: Path) -> None:
    folder = a_run(tmp_path)
    cards = folder / "scorecards.jsonl"
    cards.write_text('{"model": "a", "family": "a", "kind": "baseline", "role": "heldout", "year": "all"}\n{"mod')
    said = refused(harness("leaderboard", folder.name, where=tmp_path))
    assert "scorecards.jsonl is cut short" in said
    assert not (folder / "leaderboard.html").exists()


@pytest.mark.parametrize("words", [["--help"], ["leaderboard", "--help"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    script = "import atexit, sys; atexit.register(lambda: print(*sys.modules)); from harness.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    heavy = "ray optuna plotly tensorflow keras torch transformers sklearn numpy scipy pyarrow babel jinja2"
    assert not set(heavy.split()) & set(done.stdout.split())


@pytest.mark.ray
def test_a_wheel_runs_an_unknown_table_in_an_empty_folder(tmp_path: Path) -> None:
    """Other codes, no lines, no calibration year, another language; from the wheel and not from the checkout."""
    root = Path(__file__).parent.parent
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(root)],
        check=True,
        capture_output=True,
    )
    wheel = next((tmp_path / "dist").glob("*.whl"))
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(wheel)], check=True
    )
    office = tmp_path / "empty"
    office.mkdir()
    causes = {"инфаркт миокарда": "kod-1", "пневмония": "kod-2", "рак легкого": "kod-3", "инсульт": "kod-1|kod-4"}
    texts = list(causes)
    lines = []
    for number in range(400):
        first, second = texts[number % 4], texts[number // 4 % 4]
        codes = sorted({*causes[first].split("|"), *causes[second].split("|")})
        lines.append(f"{1990 + number // 100};{first};{second};{'|'.join(codes)}")
    (office / "смерти.csv").write_text("\n".join(["год;причина;другое;коды", *lines]) + "\n", encoding="utf-8")
    (office / "my.toml").write_text(
        '[corpus]\nformat = "table"\npath = "смерти.csv"\ndelimiter = ";"\ncode_separator = "|"\nlanguage = "ru"\n'
        'columns = { year = "год", text = ["причина", "другое"], codes = "коды" }\npart2 = ["другое"]\n'
        '[years]\ntrain = "1990-1991"\nvalidation = "1992"\nheldout = "1993"\n'
        '[search]\nfamilies = ["dictionary", "linear"]\ntrials = 1\n',
        encoding="utf-8",
    )
    env = {**ENV, "PYTHONPATH": str(site)}
    where = subprocess.run(
        [sys.executable, "-c", "import harness; print(harness.__file__)"],
        cwd=office,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(site))
    done = harness("search", "my.toml", where=office, env=env)
    assert done.returncode == 0, done.stderr
    assert "there are no calibration years" in done.stdout
    run = next((office / "leaderboards").glob("*/leaderboard.html")).parent
    done = harness("export", run.name, "bundle", where=office, env=env)
    assert done.returncode == 0, done.stderr
    done = harness("predict", "bundle", "смерти.csv", "-o", "out.csv", where=office, env=env)
    assert done.returncode == 0, done.stderr
    out = (office / "out.csv").read_text(encoding="utf-8").splitlines()
    assert len(out) == 401
    assert all(row.endswith("person,no promise could be made") for row in out[1:])
