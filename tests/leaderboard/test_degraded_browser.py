"""The page where something is missing: scripts, all rows, or the half of a file."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from example_run import write_meta
from example_whole import write_whole
from in_browser import browser, opened, violations, wide
from whole_panels import NAME

from harness import cli
from harness.leaderboard.page import write_page
from harness.run.folder import RunFolder

__all__ = ["browser"]  # a fixture


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    made = write_whole(tmp_path_factory.mktemp("runs") / NAME)
    write_page(made)
    return made


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_without_scripts_all_can_be_read_and_nothing_is_dead(browser: Any, run: RunFolder, width: int) -> None:
    watch = opened(browser, run.page, width, java_script_enabled=False)
    page = watch.page
    for part in ("#verdict", "#leaderboard", "#automation", "#quality", "#cost", "#search", "#studies", "#published"):
        assert page.locator(f"{part} h2").is_visible(), part
    for part in ("#made", "#terms", "#models", "#audit-certificate", "noscript .notice"):
        assert page.locator(part).first.is_visible(), part
    assert page.locator("figcaption:visible").count() == page.locator("figure.panel").count() > 10
    assert page.locator("main :is(input, select):visible").count() == 0
    assert page.locator("main button:visible:not(th button)").count() == 0
    assert page.locator("main :is(.key, .tools, .numbers):visible").count() == 0
    inside = page.locator("html").bounding_box()
    assert inside["width"] <= width
    assert watch.found == []
    watch.context.close()


@pytest.mark.browser
def test_without_scripts_no_figure_says_that_it_is_being_drawn(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run.page, java_script_enabled=False)
    assert watch.page.locator(".plot .wait:visible").count() == 0
    watch.context.close()


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of ``harness`` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["harness", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.browser
def test_an_empty_run_has_a_page_that_opens(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = RunFolder(tmp_path / NAME)
    write_meta(empty, search_seconds=None, wall_seconds=None)
    for file in ("trials.jsonl", "scorecards.jsonl"):
        (empty.path / file).write_text("")
    monkeypatch.setattr(sys, "argv", ["harness", "leaderboard", str(empty.path)])
    cli.main()
    assert capsys.readouterr().out.strip() == str(empty.page)
    watch = opened(browser, empty.page, 390)
    page = watch.page
    assert "unfinished" in page.locator("#verdict").inner_text()
    assert page.locator("#leaderboard .empty").inner_text() == "No model is scored yet."
    missing = page.locator(".card > .empty").all_inner_texts()
    assert len(missing) > 10
    assert all(re.fullmatch(r"[^:]+: \S.*\S\.", one) for one in missing if one != "No model is scored yet.")
    assert page.locator("[data-plot], #slider, #models, #all-trials").count() == 0
    assert violations(page) == []
    assert wide(page) <= 0
    assert watch.found == []
    watch.context.close()


@pytest.mark.parametrize("file", ["figures/codes.parquet", "figures/thresholds.parquet", "pick.json"])
def test_a_corrupt_run_ends_the_command_with_2_and_leaves_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    made = write_whole(tmp_path / NAME)
    before = write_page(made).read_bytes()
    content = (made.path / file).read_bytes()
    (made.path / file).write_bytes(content[: len(content) // 2])
    assert command(monkeypatch, "leaderboard", str(made.path)) == 2
    said = capsys.readouterr().err
    assert said.startswith("harness: ")
    assert said.count("\n") == 1
    assert file in said
    assert made.page.read_bytes() == before
