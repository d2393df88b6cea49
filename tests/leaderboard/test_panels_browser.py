"""The page's figures in a real browser."""

from __future__ import annotations

import csv
import io
import re
import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from example_run import write_meta, write_run
from in_browser import Watch, browser, draw, opened, until, wide
from test_page import HOSTILE, NAME, hostile_run

from harness.leaderboard import page
from harness.leaderboard.figures.looks import looks
from harness.leaderboard.panel import Panel
from harness.leaderboard.rows import read
from harness.run.folder import RunFolder

__all__ = ["browser"]
pytestmark = pytest.mark.browser

PAPER = "document.querySelector('[data-plot={name}]').layout.paper_bgcolor"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / NAME)


def panels(run: RunFolder) -> dict[str, Panel]:
    """The figures of a run's page."""
    evidence = read(run)
    seen = looks(evidence, evidence.models())
    found = (draw(evidence, seen) for _, _, draws in page.FIGURES for draw in draws)
    return {one.name: one for one in found if isinstance(one, Panel)}


def of(name: str, what: str) -> str:
    """A script that looks at what Plotly has drawn of a figure."""
    return f"(plot => {what})(document.querySelector('[data-plot={name}]'))"


def saved(watch: Watch, selector: str) -> tuple[str, bytes]:
    """The name and the content of the file that a button saves."""
    with watch.page.expect_download() as download:
        watch.page.locator(selector).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_no_figure_offers_to_send_its_data_away(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run, drawn=["curves"])
    settings = of("curves", "[plot._context.showSendToCloud, plot._context.plotlyServerURL, plot._context.topojsonURL]")
    assert watch.page.evaluate(settings) == [False, "", ""]
    live = watch.page.evaluate(
        "[...document.body.children].filter(e => e.tagName != 'SCRIPT').map(e => e.outerHTML).join('')"
    )
    assert not re.search("plot\\.ly|plotly\\.com|chart-studio|share chart|cloud", live, re.I)
    assert watch.found == []


def test_figures_are_drawn_only_as_they_come_near(browser: Any, run: RunFolder) -> None:
    names = list(panels(run))
    watch = opened(browser, run, drawn=names[:1])
    far = watch.page.locator(f"[data-plot={names[-1]}]")
    assert far.get_attribute("data-drawn") is None
    draw(watch.page, names[-1])
    assert watch.found == []


def test_figures_follow_keys_choices_zooms_and_theme(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run, drawn=["curves"], color_scheme="light")
    shown = watch.page

    def lines() -> int:
        count: int = shown.locator("[data-plot=curves] .scatterlayer .trace").count()
        return count

    panel = panels(run)["curves"]
    floors = {look.group for look in panel.looks if look.floor}

    def traces(view: int, hidden: set[str]) -> int:
        return sum(trace.get("legendgroup") not in hidden for trace in panel.figure["views"][view]["data"])

    assert lines() == traces(0, floors)
    shown.locator("button[data-figure=curves]", has_text="floor-exact_repeat").click()
    repeat = next(look.group for look in panel.looks if look.label == "floor-exact_repeat")
    assert lines() == traces(0, floors - {repeat}) == traces(0, floors) + 1
    last = len(panel.choosers[0].options) - 1
    shown.locator("select[data-figure=curves][data-chooser='0']").select_option(index=last)
    assert lines() == traces(last, floors - {repeat})
    shown.locator("select[data-figure=curves][data-chooser=zoom]").select_option(index=1)
    top = of("curves", "plot.layout.yaxis.range[1]")
    assert shown.evaluate(top) == pytest.approx(panel.figure["zooms"][1]["range"][1])
    box = shown.locator("[data-plot=curves] .nsewdrag").bounding_box()
    shown.mouse.move(box["x"] + 100, box["y"] + 100)
    shown.mouse.down()
    shown.mouse.move(box["x"] + 300, box["y"] + 200)
    shown.mouse.up()
    until(shown, f"{top} < {panel.figure['zooms'][1]['range'][1]}")
    shown.locator("button[data-reset=curves]").click()
    assert shown.evaluate(top) == pytest.approx(panel.figure["zooms"][1]["range"][1])
    paper = PAPER.format(name="curves")
    assert shown.evaluate(paper) == "#ffffff"
    shown.emulate_media(color_scheme="dark")
    until(shown, f"{paper} == '#181f27'")
    assert watch.found == []


def test_the_selection_dims_other_models_and_their_families(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run, drawn=["curves", "progress"])
    shown = watch.page
    faint = "plot._fullData.filter(trace => trace.opacity === 0.12).map(trace => trace.name)"
    assert shown.evaluate(of("curves", faint)) == []
    box = shown.get_by_label("select bag-1", exact=True)
    box.check()
    draw(shown, "curves")
    until(shown, f"{of('curves', faint)}.length > 0")
    assert "bag-1" not in shown.evaluate(of("curves", faint))
    assert {"linear-3", "dictionary-0"} <= set(shown.evaluate(of("curves", faint)))
    assert shown.evaluate(of("curves", "plot._fullData.at(-1).name")) == "bag-1"
    draw(shown, "progress")
    until(shown, f"{of('progress', faint)}.length > 0")
    assert set(shown.evaluate(of("progress", faint))) == {"linear", "dictionary"}
    box.uncheck()
    draw(shown, "curves")
    until(shown, f"{of('curves', faint)}.length === 0")
    assert watch.found == []


def test_what_was_chosen_stands_in_the_address_and_comes_back(browser: Any, run: RunFolder) -> None:
    first = opened(browser, run, drawn=["curves"])
    first.page.locator("select[data-figure=curves][data-chooser='0']").select_option(index=2)
    first.page.locator("select[data-figure=curves][data-chooser=zoom]").select_option(index=1)
    first.page.locator("button[data-figure=curves][data-group]", has_text="bag-1").click()
    until(first.page, "location.hash.includes('figure.curves=2.1') && location.hash.includes('key.curves=')")
    view = first.page.evaluate("location.hash.slice(1)")
    again = opened(browser, run.page, view=view)
    again.page.locator("#figure-curves").scroll_into_view_if_needed()
    draw(again.page, "curves")
    assert again.page.locator("select[data-figure=curves][data-chooser='0']").input_value() == "2"
    assert again.page.locator("select[data-figure=curves][data-chooser=zoom]").input_value() == "1"
    pressed = again.page.locator("button[data-figure=curves][data-group]", has_text="bag-1")
    assert pressed.get_attribute("aria-pressed") == "false"
    assert again.page.evaluate(of("curves", "plot._fullData.filter(one => one.name === 'bag-1').length")) == 0
    wrong = opened(browser, run.page, view="figure.curves=99.x&figure.nothing=1&key.curves=zzz", drawn=["curves"])
    assert wrong.page.locator("select[data-figure=curves][data-chooser='0']").input_value() == "0"
    assert first.found == again.found == wrong.found == []


# files and numbers ---------------------------------------------------------------------------------------------------


def test_a_figure_is_saved_as_an_image_that_stands_alone(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run, color_scheme="dark")
    panel = panels(run)["curves"]
    name, content = saved(watch, "button[data-figure=curves][data-image=svg]")
    assert name == f"leaderboard-{NAME}-curves.svg"
    root = ElementTree.fromstring(content)  # noqa: S314  (made by the page under test)
    said = " ".join("".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text"))
    for words in (panel.title, *panel.caption.split(), "linear-3", "bag-1", panel.choosers[0].options[0], NAME):
        assert words in said, words
    assert "floor-nothing" not in said
    assert root[0].tag.endswith("rect")
    assert root[0].attrib["fill"] == "#ffffff"
    attributes = [value for one in root.iter() for value in one.attrib.values()]
    assert not any(re.search(r"https?:|//|var\(--", value) for value in attributes)
    assert not re.search(rb"<script|foreignObject|@import", content)
    name, content = saved(watch, "button[data-figure=curves][data-image=png]")
    assert name == f"leaderboard-{NAME}-curves.png"
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height) == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"]))
    assert watch.found == []


def test_the_numbers_of_every_figure_are_saved_as_they_are(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run)
    for name, panel in panels(run).items():
        file, content = saved(watch, f".tools button[data-csv={name}]")
        assert file == f"leaderboard-{NAME}-{name}.csv"
        rows = list(csv.reader(io.StringIO(content.decode())))
        assert rows[0] == [heading.key for heading in panel.numbers.headings]
        assert len(rows) == len(panel.numbers.rows) + 1
        for row, numbers in zip(rows[1:], panel.numbers.rows, strict=True):
            for cell, value in zip(row, numbers, strict=True):
                if isinstance(value, int | float):
                    assert float(cell) == float(f"{value:.8g}"), (name, row)
                else:
                    assert cell.removeprefix("'") == (value or ""), (name, row)
    assert watch.found == []


# hostile texts, pages without --------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_texts_stay_texts_in_figures(browser: Any, tmp_path: Path, width: int) -> None:
    run = hostile_run(tmp_path / NAME)
    names = list(panels(run))
    watch = opened(browser, run, width, drawn=names)
    shown = watch.page
    assert shown.evaluate("window.hacked") is None
    assert shown.locator("main b, main .plot a").count() == 0
    assert shown.locator(".js-plotly-plot tspan:not(.line)").count() == 0
    assert shown.locator(".js-plotly-plot [style*='font-weight: bold']").count() == 0
    assert wide(shown) <= 0
    for name in names:
        file, content = saved(watch, f".tools button[data-figure={name}][data-image=svg]")
        assert re.fullmatch(r"[\w.-]+\.svg", file)
        root = ElementTree.fromstring(content)  # noqa: S314
        assert not [one.tag for one in root.iter() if re.search(r"\}(script|a|b|foreignObject)$", one.tag)]
        shown.locator(f"#figure-{name} summary").click()
        shown.locator(f"#figure-{name} details table").wait_for()
    assert shown.locator("main b").count() == 0
    numbers = shown.locator("#figure-curves details table").inner_text()
    assert "<b>bold</b>" in numbers
    draw(shown, "years")
    shown.locator("[data-plot=years] .points path").first.hover(force=True)
    assert shown.locator(".hoverlayer a, .hoverlayer [style*=bold]").count() == 0
    assert HOSTILE.strip()[:9] == "</script>"
    assert watch.found == []


def test_a_page_without_figures_carries_no_library_and_has_no_errors(browser: Any, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / NAME)
    write_meta(run)
    watch = opened(browser, run)
    assert "unfinished" in watch.page.locator("#verdict-h").inner_text()
    watch.page.wait_for_timeout(2000)  # until after it would have been unpacked
    assert watch.page.evaluate("window.Plotly === undefined && document.getElementById('library') === null")
    assert len(run.page.read_bytes()) < 300_000
    assert watch.found == []


def test_without_scripts_no_dead_button_is_shown(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run, java_script_enabled=False)
    for selector in (".tools", ".numbers", ".key"):
        assert watch.page.locator(f".panel {selector}").first.is_hidden()
    assert watch.page.locator(".panel figcaption").first.is_visible()
