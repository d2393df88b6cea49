"""The index of all runs: what it says of each, what it does with one that cannot be read, and where it lies."""

from __future__ import annotations

import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from example_run import PICK, write_meta, write_run
from in_browser import browser as browser
from in_browser import opened, wide

from harness.files import write_json
from harness.leaderboard.command import make_pages
from harness.leaderboard.index import build_index, home_of, refresh_index, write_index
from harness.leaderboard.page import write_page
from harness.run.folder import RunFolder

STUDY = Path(__file__).parent.parent.parent / "leaderboards" / "example-transfer-connecticut"
SP = "\N{NO-BREAK SPACE}"
HOSTILE = "</script><script>window.hacked=1</script><b>bold</b>"


def table(page: str) -> list[list[str]]:
    body = page.split("<tbody>")[1].split("</tbody>")[0]
    return [
        [
            " ".join(unescape(re.sub("<[^>]+>", " ", cell)).split())
            for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.S)
        ]
        for row in re.findall("<tr>.*?</tr>", body, re.S)
    ]


def home(path: Path) -> Path:
    """A finished run with a page, an unfinished one, a study, one that is damaged, and what is no run at all."""
    folder = path / "leaderboards"
    write_page(write_run(folder / "20260302-093012"))
    begun = RunFolder(folder / "20260401-080000")
    write_meta(begun, wall_seconds=None)
    shutil.copytree(STUDY, folder / "20260103-000000", ignore=shutil.ignore_patterns("*.html"))
    (folder / "20260501-000000").mkdir()
    (folder / "20260501-000000" / "run.json").write_text("{")
    (folder / "notes").mkdir()
    (folder / "merged.html").write_text("no run")
    return folder


def test_every_run_and_study_has_a_line_the_newest_first(tmp_path: Path) -> None:
    rows = table(build_index(home(tmp_path)))
    kinds = [[row[0], row[8], row[5]] for row in rows]
    assert kinds == [
        ["20260501-000000", "–", "unreadable"],
        ["20260401-080000", "run", "unfinished"],
        ["20260302-093012", "run", "finished"],
        ["20260103-000000", "transfer study", "finished"],
    ]
    done = rows[2]
    assert done[1:3] == ["✓ kept", PICK]
    assert re.fullmatch(r"[\d.]+ % at a risk of 2 %, 95 % confidence", done[4])
    assert done[6:8] == ["2020–2021", "generated text"]
    assert done[9:] == ["dictionary, linear, bag", "2026-03-02 09:30 UTC", "7 min 21 s", "5f0c6f5e2d1a4c0f"]
    row = RunFolder(tmp_path / "leaderboards" / "20260302-093012")
    card = next(
        one for one in row.scorecards() if (one["model"], one["year"]) == (PICK, "all") and one["role"] == "heldout"
    )
    assert done[3] == f"{card['micro_f1']:.3f}"


def test_runs_and_studies_are_counted_apart(tmp_path: Path) -> None:
    page = build_index(home(tmp_path))
    facts = page.split('<p class="facts">')[1].split("</p>")[0]
    assert re.findall(r"<span>(.*?)</span>", facts) == [f"2{SP}runs", f"1{SP}study", "1 unreadable"]


def test_many_families_are_named_in_short(tmp_path: Path) -> None:
    run = write_run(tmp_path / "leaderboards" / "a")
    write_meta(run, families=["a", "b", "c", "d", "e"])
    page = build_index(tmp_path / "leaderboards")
    assert table(page)[0][9] == "a, b and 3 more"
    assert 'title="a, b, c, d, e"' in page


def test_links_lead_to_the_pages_there_are_and_nowhere_else(tmp_path: Path) -> None:
    page = build_index(home(tmp_path))
    assert re.findall(r'href="([^"]*)"', page) == ["#runs", "20260302-093012/leaderboard.html"]
    assert re.search(r'(?:src|action|srcset)="', page) is None
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert unescape(policy[1]).startswith("default-src 'none'; script-src 'sha256-")
    assert 'id="library"' not in page


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("run.json", "[]"),
        ("run.json", '{"format": 99}'),
        ("corpus.json", "nothing"),
        ("pick.json", '{"model": 3, "promise": 7}'),
        ("scorecards.jsonl", "{}\n"),
        ("scorecards.jsonl", '"text"\n'),
    ],
)
def test_a_run_that_cannot_be_read_has_a_line_and_hides_no_other(tmp_path: Path, file: str, content: str) -> None:
    folder = tmp_path / "leaderboards"
    for name in ("a", "b"):
        write_run(folder / name)
    (folder / "b" / file).write_text(content)
    assert [row[5] for row in table(build_index(folder))] == ["unreadable", "finished"]


def test_it_is_written_where_runs_lie_and_nowhere_else(tmp_path: Path) -> None:
    run = write_run(tmp_path / "leaderboards" / "a")
    assert refresh_index(run) == tmp_path / "leaderboards" / "index.html"
    assert (tmp_path / "leaderboards" / "index.html").read_text(encoding="utf-8") == build_index(
        tmp_path / "leaderboards"
    )
    elsewhere = write_run(tmp_path / "deploy")
    assert home_of(elsewhere) is None
    assert refresh_index(elsewhere) is None
    assert not (tmp_path / "index.html").exists()


def test_the_command_writes_it_after_the_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "leaderboards" / "a")
    make_pages([str(run.path)], None)
    assert 'href="a/leaderboard.html"' in (tmp_path / "leaderboards" / "index.html").read_text(encoding="utf-8")


def test_a_page_elsewhere_leaves_the_index_alone(tmp_path: Path) -> None:
    run = write_run(tmp_path / "leaderboards" / "a")
    make_pages([str(run.path)], tmp_path / "elsewhere.html")
    assert not (tmp_path / "leaderboards" / "index.html").exists()
    make_pages([str(run.path)], run.page)
    assert (tmp_path / "leaderboards" / "index.html").exists()


def test_no_run_at_all_is_said(tmp_path: Path) -> None:
    assert "There is no run yet" in build_index(tmp_path)


def test_hostile_texts_are_only_text_and_folders_stay_in_the_office(tmp_path: Path) -> None:
    run = write_run(tmp_path / "leaderboards" / "a")
    write_meta(run, started=HOSTILE, families=[HOSTILE, "/home/somebody/x"])
    write_json(run.path / "corpus.json", run.corpus() | {"fingerprint": HOSTILE})
    write_json(run.path / "pick.json", (run.pick() or {}) | {"model": HOSTILE})
    page = build_index(tmp_path / "leaderboards")
    assert "<script>window" not in page
    assert "<b>bold" not in page
    assert "/home/somebody" not in page


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_sorts_and_leads_to_a_run(browser: Any, tmp_path: Path, width: int) -> None:
    folder = home(tmp_path)
    watch = opened(browser, write_index(folder), width)
    names = "[...document.querySelectorAll('.index tbody th')].map((cell) => cell.textContent.trim())"
    assert watch.page.evaluate(names)[0] == "20260501-000000"
    watch.page.locator(".index thead button", has_text="name").focus()
    watch.page.keyboard.press("Enter")
    assert watch.page.evaluate(names)[0] == "20260103-000000"
    assert wide(watch.page) == 0
    watch.page.locator(".index a").click()
    watch.page.wait_for_url("**/20260302-093012/leaderboard.html")
    assert watch.found == []
