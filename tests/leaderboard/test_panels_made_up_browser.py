"""What the page's script makes of figures of every sort: made-up ones, in a real browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from in_browser import Watch, browser, draw, opened, until, wide
from test_panels_browser import of, panels, run, saved

from harness.leaderboard import marks, page, text
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.panel import Chooser, Heading, Numbers, Panel, views
from harness.leaderboard.rows import Evidence
from harness.run.folder import RunFolder

__all__ = ["browser", "run"]
pytestmark = pytest.mark.browser

WRITTEN = {
    "count": text.count,
    "score": text.score,
    "share": text.share,
    "risk": text.risk,
    "area": text.area,
    "small": text.small,
    "seconds": text.seconds,
    "size": text.size,
    "points": text.points,
    "number": text.plain,
}
VALUES = (0.0, 0.125, 0.0625, 0.5, 2.5, 0.15, 0.9995, 0.000012345, 0.0004567, 3.14159265, 99.95, 999.5, 1234567.0, 5e-9)


def made_up(**changes: Any) -> dict[str, Panel]:
    """Panels of every sort: numbers of all kinds, a heat map that leads from rows to views, one that cannot be drawn."""
    floor = Look("m9", "floor", None, 0)
    models = (Look("m0", "one", 0, 0, picked=True), Look("m1", "two", 1, 1))
    lines = {"layout": marks.layout("x", "y"), "zooms": []}
    numbers = Numbers(
        (Heading("name", "name"), *(Heading(kind, kind, kind) for kind in WRITTEN)),  # type: ignore[arg-type]
        tuple(("v", *[value] * len(WRITTEN)) for value in (*VALUES, None)),
    )
    heat = {
        "type": "heatmap",
        "x": ["one", "two"],
        "y": ["A", "B", "C"],
        "z": [[0.0, 0.5], [0.6, 1.0], [None, 0.2]],
        "text": [["0", "5"], ["6", "10"], ["&lt;5", "2"]],
        "texttemplate": "%{text}",
        "colorscale": [[0, "#ffffff"], [1, "#003060"]],
        "zmin": 0,
        "zmax": 1,
        "meta": {"groups": ["m0", "m1"], "drill": [0, [1, 2, None]]},
    }
    inner = [[marks.trace(look, x=[1, 2], y=[n, 2], mode="lines") for look in models] for n in (1, 3)]
    found = {
        "kinds": Panel(
            "kinds", "Kinds", "All kinds.", {**lines, "views": views(inner[:1])}, numbers, looks=(*models, floor)
        ),
        "broken": Panel("broken", "Broken", "It is.", {**lines, "views": [{"data": None}]}, numbers),
        "heat": Panel(
            "heat",
            "Heat",
            "A click on a row leads to it.",
            {**lines, "views": views([[heat], *inner])},
            numbers,
            (Chooser("Rows", ("all", "A", "B")),),
        ),
    }
    return found | changes


def others(watch: Watch) -> list[str]:
    """What the page did besides saying that one figure cannot be drawn, which it says when that figure comes near."""
    return [one for one in watch.found if "figure broken: TypeError" not in one]


@pytest.fixture
def invented(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Panel]:
    """The run's page has the made-up figures instead of its own."""
    found = made_up()

    def drawn(panel: Panel) -> page.Draw:
        def one(evidence: Evidence, looks: Mapping[str, Look]) -> Panel:
            return panel

        return one

    monkeypatch.setattr(page, "FIGURES", (("quality", "Quality", tuple(drawn(one) for one in found.values())),))
    return found


def test_the_table_of_numbers_has_the_digits_of_python(
    browser: Any, run: RunFolder, invented: Mapping[str, Panel]
) -> None:
    watch = opened(browser, run)
    details = watch.page.locator("#figure-kinds details.numbers")
    assert details.locator("table").count() == 0
    details.locator("summary").focus()
    watch.page.keyboard.press("Enter")
    details.locator("table").wait_for()
    rows = details.locator("tbody tr:has(th)").evaluate_all(
        "all => all.map(row => [...row.cells].map(one => one.textContent))"
    )
    for cells, value in zip(rows, [*VALUES, None], strict=True):
        for (kind, write), cell in zip(WRITTEN.items(), cells[1:], strict=True):
            assert cell == write(value), (kind, value)
    assert others(watch) == []


def test_a_click_on_a_row_of_a_heat_map_leads_where_its_chooser_leads(
    browser: Any, run: RunFolder, invented: Mapping[str, Panel]
) -> None:
    watch = opened(browser, run, drawn=["heat"])
    shown = watch.page
    chooser = shown.locator("select[data-figure=heat]")
    box = shown.locator("[data-plot=heat] .nsewdrag").bounding_box()
    columns = of("heat", "plot._fullData[0].x && [...plot._fullData[0].x]")
    assert shown.evaluate(columns) == ["one", "two"]
    clicked = "document.querySelector('[data-plot=heat]').dataset.clicked"
    shown.evaluate(of("heat", "plot.on('plotly_click', (event) => { plot.dataset.clicked = event.points[0].y; })"))

    def click(row: str, height: float) -> None:
        """Plotly's click is on what it last marked as pointed at, and it marks but now and then."""
        shown.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] * height)
        until(
            shown,
            of("heat", f"plot._hoverdata?.[0]?.y === '{row}' && plot.querySelector('.hoverlayer').textContent !== ''"),
        )
        shown.mouse.down()
        shown.mouse.up()
        until(shown, f"{clicked} === '{row}'")

    click("C", 1 / 6)  # the highest row leads nowhere; what a click leads to is chosen before this test hears of it
    assert chooser.input_value() == "0"
    click("B", 1 / 2)
    until(shown, "document.querySelector('select[data-figure=heat]').value === '2'")
    assert shown.evaluate("document.activeElement.dataset.figure") == "heat"
    assert shown.evaluate(of("heat", "plot._fullData[0].type")) == "scatter"
    shown.keyboard.press("ArrowUp")
    shown.keyboard.press("ArrowUp")
    until(shown, f"{of('heat', 'plot._fullData[0].type')} === 'heatmap'")
    shown.get_by_label("select linear-3", exact=True).check()
    draw(shown, "heat")
    until(shown, f"{columns}.length === 1")
    assert others(watch) == []


def test_texts_of_a_heat_map_are_black_or_white_whichever_can_be_read(
    browser: Any, run: RunFolder, invented: Mapping[str, Panel]
) -> None:
    watch = opened(browser, run, drawn=["heat"], color_scheme="dark")
    inks = watch.page.locator("[data-plot=heat] .hm text").evaluate_all(
        "all => Object.fromEntries(all.filter(one => one.textContent).map(one => [one.textContent, one.style.fill]))"
    )
    black, white = "rgb(0, 0, 0)", "rgb(255, 255, 255)"
    assert inks == {"0": black, "2": black, "5": black, "6": black, "10": white, "<5": "rgb(233, 238, 244)"}


def test_a_figure_that_cannot_be_drawn_says_so_and_stops_no_other(
    browser: Any, run: RunFolder, invented: Mapping[str, Panel]
) -> None:
    watch = opened(browser, run, drawn=["kinds", "heat"])
    broken = watch.page.locator("#figure-broken")
    assert "could not draw the figure" in broken.locator(".plot").inner_text()
    broken.locator("summary").click()
    broken.locator("table").wait_for()
    saved(watch, "#figure-broken .tools button[data-csv]")
    broken.locator("button[data-image=svg]").click()
    until(watch.page, "document.querySelector('#figure-broken .said').textContent !== ''")
    assert {one.split(": ")[-1] for one in watch.found} == {"TypeError"}
    assert wide(watch.page) <= 0


def test_where_the_library_fails_every_figure_says_so_and_the_numbers_stay(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run)
    watch.context.add_init_script("delete window.Response")
    watch.page.reload()
    names = list(panels(run))
    watch.page.locator(f"#figure-{names[0]}").scroll_into_view_if_needed()
    until(watch.page, "document.querySelector('.plot .wait').textContent.includes('could not draw')")
    for name in names:
        assert "could not draw the figure" in watch.page.locator(f"[data-plot={name}]").inner_text()
    watch.page.locator(f"#figure-{names[0]} summary").click()
    watch.page.locator(f"#figure-{names[0]} table").wait_for()
    assert watch.found == ["error: the figures: ReferenceError"]


def test_an_old_browser_without_decompression_streams_draws_as_well(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run)
    watch.context.add_init_script("delete window.DecompressionStream")
    watch.page.reload()
    draw(watch.page, "curves")
    assert watch.page.locator("[data-plot=curves] .scatterlayer .trace").count() > 0
    assert watch.found == []
