"""The table of models, as a browser shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from board_page import NAME, board_run, box, heading, names, saved, shown_columns, table_of, trial_cells
from example_run import MODELS
from in_browser import browser, opened, until, wide
from test_page import HOSTILE, hostile_run

from harness.leaderboard.board.columns import FIRST
from harness.leaderboard.board.table import Table
from harness.leaderboard.page import write_page
from harness.run.folder import RunFolder

__all__ = ["browser"]  # a fixture
pytestmark = pytest.mark.browser
FLOORS = ["floor-exact_repeat", "floor-most_frequent", "floor-nothing"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return board_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def table(run: RunFolder) -> Table:
    return table_of(run)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_table_sorts_by_every_heading(browser: Any, run: RunFolder, table: Table, width: int) -> None:
    watch = opened(browser, run, width)
    page = watch.page
    assert names(page) == [line.model.name for line in table.lines]
    assert page.locator("#models th[aria-sort=descending]").get_attribute("data-column") == "micro_f1"
    for key, orders in (("risk", ("ascending", "descending")), ("coverage", ("descending", "ascending"))):
        for order in orders:
            heading(page, key).click()
            assert page.locator(f"#models th[aria-sort={order}]").get_attribute("data-column") == key
            place = [column.key for column in table.columns].index(key)
            values = {line.model.name: line.cells[place].value for line in table.lines}
            found = [values[name] for name in names(page)]
            known = [float(value) for value in found if value is not None]
            assert found[len(known) :] == [None] * 3
            assert known == sorted(known, reverse=order == "descending")
    heading(page, "model").click()
    assert names(page) == sorted(line.model.name for line in table.lines)
    assert page.locator("#models th[aria-sort]:not([aria-sort=none])").count() == 1
    assert wide(page) <= 0
    assert watch.found == []


def test_rows_are_filtered_by_kind_family_and_search(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run)
    page = watch.page
    page.locator("#kinds input[value=floor]").uncheck()
    assert names(page) == ["linear-3", "bag-1", "dictionary-0"]
    assert page.locator("#shown").inner_text() == "3 of 6 rows"
    page.locator("#models-search").fill("UNIT=CERTIFICATE")
    assert names(page) == ["linear-3", "dictionary-0"]
    page.locator("#models-search").fill("bag")
    assert names(page) == ["bag-1"]
    page.locator("#models-family").select_option("linear")
    assert names(page) == []
    assert page.locator("#shown").inner_text() == "0 of 6 rows"
    page.locator("#models-search").fill("")
    assert names(page) == ["linear-3"]
    assert watch.found == []


def test_the_chooser_shows_columns_and_their_headings(browser: Any, run: RunFolder, table: Table) -> None:
    watch = opened(browser, run)
    page = watch.page
    first = [column.key for group in FIRST for column in group.columns if column.first]
    assert shown_columns(page) == first

    def over() -> list[tuple[str, int]]:
        found: list[list[Any]] = page.locator("#models .groups:not(.every) > :not(.choose, [hidden])").evaluate_all(
            "all => all.map(one => [one.dataset.part, one.colSpan])"
        )
        return [(name, span) for name, span in found]

    assert over() == [("model", 2), ("codes", 2), ("automation", 3), ("confidence", 1), ("cost", 3)]
    page.locator("#columns summary").click()
    page.locator("#columns input[value=lrap]").check()
    page.locator("#columns input[value=family]").check()
    page.locator("#columns input[value=aurc]").uncheck()
    assert over() == [("model", 3), ("codes", 2), ("automation", 3), ("cost", 3), ("ranking", 1)]
    assert shown_columns(page) == [
        *("model", "kind", "family", "micro_f1", "exact_match", "promised_coverage", "coverage", "risk"),
        *("certificates_per_second", "bytes", "fit_seconds", "lrap"),
    ]
    heading(page, "lrap").click()
    assert names(page)[0] == "linear-3"
    visible = page.locator("#models tbody tr").first.locator("td[data-column]:visible").count()
    assert visible == len(shown_columns(page)) - 1
    page.locator("#columns-all").click()
    assert shown_columns(page) == [column.key for column in table.columns]
    assert over() == [(part.name, len(part.columns)) for part in table.parts]
    assert page.locator("ul.reasons li:visible").count() == len(table.reasons)
    assert page.locator("#columns-shown").inner_text() == f"{len(table.columns)} of {len(table.columns)}"
    assert wide(page) <= 0
    page.locator("#columns-first").click()
    assert shown_columns(page) == first
    assert page.locator("ul.reasons li:visible").count() == sum(one.first for one in table.reasons)
    assert watch.found == []


def test_marks_and_dashes_explain_themselves(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run)
    page = watch.page
    tie = page.locator("#models .tie")
    words = tie.locator(".tipped")
    assert tie.count() == 1
    assert words.bounding_box()["width"] <= 1
    tie.hover()
    assert words.bounding_box()["width"] > 100
    assert "linear-3: 0.052 behind it" in words.inner_text()
    dash = page.locator('#models tbody tr:last-child [data-column="risk"] .why')
    dash.focus()
    assert dash.locator(".tipped").inner_text() == "a floor is never certified"
    place = dash.locator(".tipped").bounding_box()
    assert place["width"] > 100
    assert 0 <= place["x"] <= 1280 - place["width"]
    page.keyboard.press("Escape")
    assert dash.locator(".tipped").bounding_box()["width"] <= 1
    assert watch.found == []


def test_two_to_four_rows_are_compared(browser: Any, run: RunFolder, table: Table) -> None:
    watch = opened(browser, run)
    page = watch.page
    compare = page.locator("#compare")
    box(page, "bag-1").check()
    assert compare.get_attribute("aria-disabled") == "true"
    compare.click(force=True)  # Playwright would wait until it is enabled
    assert page.locator("#comparison").is_hidden()
    assert "select 2 to 4 models" in page.locator("#compare-why").inner_text()
    for model in ("linear-3", "floor-nothing"):
        box(page, model).check()
    compare.click()
    assert page.evaluate("document.activeElement.id") == "comparison"
    compared = ("bag-1", "linear-3", "floor-nothing")
    assert page.locator(".compared thead th").all_inner_texts() == ["measure", *compared]
    found = page.locator(".compared tr[data-key]").evaluate_all(
        """all => all.map(row => [row.dataset.key, [...row.cells].slice(1).map(cell =>
            [cell.dataset.value ?? null, cell.querySelector('.tag') !== null,
             cell.querySelector('.difference')?.textContent ?? null])])"""
    )
    assert [key for key, _ in found] == list(_measures(table, compared))
    for key, cells in found:
        values = _measures(table, compared)[key]
        assert [None if value is None else float(value) for value, _, _ in cells] == values
        assert [best for _, best, _ in cells] == _best(table, key, values), key
    said = {key: [difference for _, _, difference in cells] for key, cells in found}
    first, second = (_measures(table, compared)["exact_match"][place] or 0 for place in (0, 1))
    assert said["exact_match"][:2] == [None, f"+{100 * (second - first):.1f} points"]
    assert said["bytes"][1] == "+9.3\xa0MB"
    assert said["fit_seconds"][1] == "−47.6"
    parameters = page.locator(".compared tbody").last.locator("tr").all_inner_texts()
    assert [row.split("\t") for row in parameters][1:] == [
        ["cost", "1.8", "3.3", "–"],
        ["unit", "line", "certificate", "–"],
    ]
    box(page, "floor-nothing").uncheck()
    assert page.locator(".compared thead th").count() == 3
    page.locator("#comparison-close").focus()
    page.keyboard.press("Escape")
    assert page.locator("#comparison").is_hidden()
    assert page.evaluate("document.activeElement.id") == "compare"
    for model in ("dictionary-0", *FLOORS):
        box(page, model).check()
    assert compare.get_attribute("aria-disabled") == "true"
    assert "at most 4" in page.locator("#compare-why").inner_text()
    page.locator("#unselect").click()
    assert page.locator("#models tbody input:checked").count() == 0
    assert watch.found == []


def test_a_comparison_claims_no_more_than_its_digits(browser: Any, tmp_path: Path) -> None:
    """Of two that look alike, or tie, none is the best, and no difference is minus nothing."""
    made = board_run(tmp_path / NAME)  # bag-1 ties with linear-3 in micro-F1
    near = {
        "linear-3": {"macro_f1": 0.50004, "aurc": 0.00126, "risk": 0.00101},
        "bag-1": {"macro_f1": 0.49996, "aurc": 0.00122, "risk": 0.00099},
    }
    made.write_scorecards([row | near.get(row["model"], {}) for row in made.scorecards()])
    write_page(made)
    watch = opened(browser, made.page, 390)
    page = watch.page
    for model in ("linear-3", "bag-1"):
        box(page, model).check()
    page.locator("#compare").click()
    for key, said in (("micro_f1", "−"), ("macro_f1", "±0.000"), ("aurc", "±0.0000"), ("risk", "±0.00 points")):
        row = page.locator(f".compared tr[data-key={key}]")
        assert row.locator(".tag").count() == 0, key
        assert row.locator(".difference").inner_text().startswith(said), key
    assert page.locator(".compared tr[data-key=exact_match] .tag").count() == 1
    assert not re.search(r"−0(\.0*)?(\s|$)", page.locator(".compared").inner_text())
    fits = "table => [table.scrollWidth, table.closest('.scroll').clientWidth]"
    width, room = page.locator(".compared").evaluate(fits)
    assert width <= room
    box(page, "dictionary-0").check()  # three scroll
    assert wide(page) <= 0
    assert watch.found == []


def _measures(table: Table, compared: tuple[str, ...]) -> Mapping[str, list[float | None]]:
    """Every measure of which one of the models has a value, with the values."""
    lines = {line.model.name: line for line in table.lines}
    found: dict[str, list[float | None]] = {}
    for place, column in enumerate(table.columns):
        values = [lines[name].cells[place].value for name in compared]
        if column.write and any(value is not None for value in values):
            found[column.key] = [None if value is None else float(value) for value in values]
    return found


def _best(table: Table, key: str, values: list[float | None]) -> list[bool]:
    """By the digits that are shown; bag-1, the first, ties with linear-3 in micro-F1."""
    column = next(column for column in table.columns if column.key == key)
    assert column.write is not None
    known = [value for value in values if value is not None]
    best = column.write(max(known) if column.better == "high" else min(known))
    shown = [None if value is None else column.write(value) for value in values]
    alike = {text for text in shown if text} == {best}
    return [text == best and not alike and key != "micro_f1" for text in shown]


# everybody -------------------------------------------------------------------------------------------------------------


def test_everything_is_reached_by_keyboard(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run)
    page = watch.page

    def tab_to(selector: str) -> None:
        for _ in range(120):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        pytest.fail(f"no key leads to {selector}")

    tab_to("#share")
    tab_to("#kinds input[value=floor]")
    page.keyboard.press("Space")
    assert names(page) == ["linear-3", "bag-1", "dictionary-0"]
    tab_to("#models-search")
    page.keyboard.type("1")
    assert names(page) == ["bag-1"]
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    tab_to("#columns summary")
    page.keyboard.press("Enter")
    tab_to("#columns input[value=lrap]")
    page.keyboard.press("Space")
    assert shown_columns(page)[-1] == "lrap"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('#columns:not([open]) > summary')")
    tab_to("#models th[data-column=lrap] button")
    page.keyboard.press("Enter")
    assert page.locator("#models th[aria-sort=descending]").get_attribute("data-column") == "lrap"
    for _ in range(2):
        tab_to("#models .choose input")
        page.keyboard.press("Space")
    tab_to("#compare")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "comparison"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "compare"
    page.locator("#which button[value=trials]").focus()
    page.keyboard.press("Enter")
    tab_to("#trials-grid th[data-key=started] button")
    page.keyboard.press("Enter")
    assert trial_cells(page, "started")[0] == "0.00"
    assert watch.found == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_violation_in_any_state(browser: Any, run: RunFolder, width: int, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.base")
    watch = opened(browser, run.page, width, color_scheme=theme)
    watch.context.add_init_script(axe.AXE_SCRIPT)
    watch.page.reload()
    page = watch.page

    def violations() -> list[Any]:
        found = page.evaluate("axe.run('#leaderboard', {resultTypes: ['violations']})")["violations"]
        return [(one["id"], [node["html"][:160] for node in one["nodes"]][:3]) for one in found]

    page.locator("#columns summary").click()
    page.locator("#columns-all").click()
    for model in ("linear-3", "bag-1"):
        box(page, model).check()
    page.locator("#compare").click()
    page.locator("#models .tie").focus()
    assert violations() == []
    page.locator("#which button[value=trials]").click()
    assert violations() == []
    page.locator("#trials-search").fill("no such thing")
    assert violations() == []
    assert watch.found == []


def test_no_two_elements_have_the_same_address(browser: Any, run: RunFolder) -> None:
    page = opened(browser, run.page).page
    ids: list[str] = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize("width", [1280, 390])
def test_without_scripts_the_whole_table_is_there(browser: Any, run: RunFolder, table: Table, width: int) -> None:
    watch = opened(browser, run, width, java_script_enabled=False)
    page = watch.page
    assert page.locator("#models tbody tr:visible").count() == len(MODELS)
    for line in table.lines:
        row = page.locator("#models tbody tr").filter(has=page.locator(f'th[data-value="{line.model.name}"]'))
        texts = row.locator("td[data-column]:visible").all_inner_texts()
        assert len(texts) == len(table.columns) - 1
        for cell, text in zip(line.cells[1:], texts, strict=True):
            assert text.startswith(cell.text)
    assert page.locator("#models .groups:visible").count() == 1
    assert page.locator("#leaderboard input:visible, #compare:visible, #share:visible").count() == 0
    assert page.locator("#leaderboard noscript").count() == 1
    assert page.locator("ul.reasons li:visible").count() == len(table.reasons)


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_texts_stay_texts(browser: Any, tmp_path: Path, width: int) -> None:
    watch = opened(browser, hostile_run(tmp_path / NAME), width)
    page = watch.page
    page.locator("#columns summary").click()
    page.locator("#columns-all").click()
    for place in range(2):
        page.locator("#models tbody input").nth(place).check()
    page.locator("#compare").click()
    assert page.locator(".compared thead th", has_text="<b>bold</b>&amp;").count() == 1
    _, text = saved(page, "#download")
    assert "'=1+1" in text
    page.locator("#which button[value=trials]").click()
    page.locator("#trials-family").select_option(HOSTILE)
    page.locator("#trials-search").fill("<b>bold")
    assert page.locator("#trials-shown").inner_text() == "1 of 37 rows"
    assert trial_cells(page, "trial") == [HOSTILE]
    _, text = saved(page, "#trials-json")
    assert json.loads(text)[0]["trial"] == HOSTILE
    until(page, "location.hash.includes('trials.family')")
    other = opened(browser, tmp_path / NAME / "leaderboard.html", view=page.evaluate("location.hash.slice(1)"))
    assert other.page.locator("#trials-family").input_value() == HOSTILE
    assert page.evaluate("window.hacked") is None
    assert page.locator("#leaderboard :is(b, a, script)").count() == 0
    assert wide(page) <= 0
    assert watch.found == []
    assert other.found == []
