"""The page as a whole in a real browser: the run with the rows of every figure, and two runs with studies."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from board_page import box, heading, names, shown_columns
from example_whole import write_whole
from in_browser import Watch, browser, draw, opened, until, violations, wide
from test_panels_browser import of, panels
from whole_panels import NAME, two_runs, two_studies

from harness.leaderboard.page import write_merged, write_page
from harness.leaderboard.panel import Panel
from harness.run.folder import RunFolder

__all__ = ["browser"]  # a fixture
pytestmark = pytest.mark.browser

# What tells one view from another: the first trace's values, as one text.
SHOWN = "(one => JSON.stringify([one.type, [...one.x], [...one.y], one.z?.map(row => [...row]) ?? null]))(plot.data[0])"
# Everything that the Tab key should lead to, in the order of the page.
STOPS = """[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
  .filter(one => one.checkVisibility({visibilityProperty: true}) && !one.disabled)"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    made = write_whole(tmp_path_factory.mktemp("runs") / NAME)
    write_page(made)
    return made


@pytest.fixture(scope="module")
def figures(run: RunFolder) -> list[str]:
    return list(panels(run))


@pytest.fixture(scope="module", params=[1280, 390])
def whole(browser: Any, run: RunFolder, figures: list[str], request: pytest.FixtureRequest) -> Iterator[Watch]:
    """The page at a width with every figure drawn, everything that opens opened, and two models compared."""
    watch = opened(browser, run.page, request.param, drawn=figures, color_scheme="light")
    watch.page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true; })")
    until(watch.page, "[...document.querySelectorAll('[data-numbers]')].every(one => one.querySelector('table'))")
    for model in ("linear-3", "bag-1"):
        box(watch.page, model).check()
    watch.page.locator("#compare").click()
    yield watch
    watch.context.close()


# what is seen ----------------------------------------------------------------------------------------------------------


def test_every_figure_is_drawn_and_nothing_is_asked_for(whole: Watch, figures: list[str]) -> None:
    page = whole.page
    assert len(figures) > 10
    for name in figures:
        plot, figure = page.locator(f"[data-plot={name}]"), page.locator(f"#figure-{name}")
        assert plot.locator("svg.main-svg").count() >= 1, name
        assert plot.locator("svg.main-svg:not([aria-hidden=true])").count() == 0, name
        assert (plot.get_attribute("role"), bool(plot.get_attribute("aria-label"))) == ("img", True), name
        assert figure.locator("figcaption").is_visible(), name
        assert figure.locator("summary").is_visible(), name
        assert figure.locator("[data-numbers] table").count() == 1, name
    assert page.locator(".modebar-btn, .plot .wait").count() == 0
    assert whole.found == []


def test_axe_finds_no_violation_with_everything_open(whole: Watch) -> None:
    """In the dark only colours differ, and of those in pictures axe knows nothing."""
    page = whole.page
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    until(page, "matchMedia('(prefers-color-scheme: dark)').matches")
    some = "{exclude: ['.main-svg', '#figure-curves ~ figure [data-numbers]']}"  # tables of numbers are all alike
    assert violations(page, some, runOnly=["color-contrast"]) == []
    page.emulate_media(color_scheme="light")
    assert whole.found == []


def test_nothing_is_wider_than_the_window(whole: Watch, figures: list[str]) -> None:
    page = whole.page
    width = page.viewport_size["width"]
    for narrow in (width, 320) if width < 1000 else (width,):
        page.set_viewport_size({"width": narrow, "height": 900})
        for name in figures:
            page.locator(f"[data-plot={name}]").scroll_into_view_if_needed()
            until(page, of(name, "plot.querySelector('.main-svg').clientWidth <= plot.clientWidth"))
        until(page, "document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        cut = page.evaluate(
            """() => [...document.querySelectorAll('main :is(h2, h3, figcaption, p, li, button, select, summary, legend)')]
              .filter(one => one.checkVisibility() && !one.closest('.scroll') && getComputedStyle(one).position === 'static'
                && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 120))"""
        )
        assert cut == []
    page.set_viewport_size({"width": width, "height": 900})
    assert whole.found == []


def test_every_view_of_every_figure_is_drawn(browser: Any, run: RunFolder) -> None:
    """Each option of each chooser shows what Python put into its view."""
    watch = opened(browser, run.page)
    page = watch.page
    for name, panel in panels(run).items():
        draw(page, name)
        for which in range(len(panel.choosers)):
            select = page.locator(f"select[data-figure={name}][data-chooser='{which}']")
            for option in range(len(panel.choosers[which].options)):
                select.select_option(str(option))
                until(page, of(name, f"{SHOWN} === JSON.stringify({first_drawn(panel, which, option)})"))
            select.select_option("0")
    assert page.locator(".plot .wait").count() == 0
    assert watch.found == []
    watch.context.close()


def first_drawn(panel: Panel, which: int, option: int) -> str:
    """The same of the view that an option leads to, where every other chooser is at its first one."""
    place = option * math.prod(len(chooser.options) for chooser in panel.choosers[which + 1 :])
    hidden = {look.group for look in panel.looks if look.floor}
    traces = panel.figure["views"][place]["data"]
    first = next(one for one in traces if one.get("legendgroup") not in hidden)
    shown = [first["type"], first["x"], first["y"], first.get("z")]
    return json.dumps(shown)


def test_two_runs_with_studies_draw_every_figure(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "merged.html"
    write_merged(two_runs(tmp_path), two_studies(tmp_path), path)
    watch = opened(browser, path, 390)
    page = watch.page
    drawn = page.locator("[data-plot]").evaluate_all("all => all.map(one => one.dataset.plot)")
    assert {"curves", "chapters", "slots", "study1-curves", "study1-gains", "study2-arms", "study2-gains"} <= set(drawn)
    for name in drawn:
        draw(page, name)
        assert page.locator(f"[data-plot={name}] svg.main-svg:not([aria-hidden=true])").count() == 0, name
    assert wide(page) <= 0
    ids: list[str] = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert sorted(set(ids)) == sorted(ids)
    selected = f"linear-3 · {NAME}"
    box(page, selected).check()
    draw(page, "curves")
    until(page, of("curves", "plot._fullData.some(one => one.opacity === 0.12)"))
    bright = of("curves", "[...new Set(plot._fullData.filter(one => one.opacity !== 0.12).map(one => one.name))]")
    assert page.evaluate(bright) == [selected]
    assert watch.found == []
    watch.context.close()


# paper -----------------------------------------------------------------------------------------------------------------


def test_on_paper_all_is_light_and_what_only_a_screen_can_do_is_gone(
    browser: Any, run: RunFolder, figures: list[str]
) -> None:
    watch = opened(browser, run.page, 390, color_scheme="dark", drawn=figures[:1])
    page = watch.page
    page.locator(f"#figure-{figures[0]} summary").click()
    page.locator(f"#figure-{figures[0]} table").wait_for()
    page.evaluate(
        """() => {
          window.printed = [];
          matchMedia('print').addEventListener('change', event => event.matches && window.printed.push({
            plots: [...document.querySelectorAll('[data-plot]')].map(plot =>
              [plot.dataset.plot, plot.dataset.drawn, plot.layout?.paper_bgcolor, plot._fullLayout?.width]),
            open: document.querySelectorAll('details.numbers[open]').length,
          }));
        }"""
    )
    content = page.pdf(prefer_css_page_size=True)
    assert content[:4] == b"%PDF"
    assert len(content) > 50_000
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= len(figures) / 2
    until(page, "window.printed.length > 0")
    printed = page.evaluate("window.printed")[0]
    assert printed == {"plots": [[name, "true", "#ffffff", 1000] for name in figures], "open": 0}
    until(page, of(figures[0], "plot.layout.paper_bgcolor === '#181f27'"))
    assert page.locator("details.numbers[open]").count() == 1
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    ink = page.evaluate("getComputedStyle(document.querySelector('figcaption')).color.match(/\\d+/g).map(Number)")
    assert max(ink) < 128
    assert page.locator(":is(nav, .skip, input, .tools, .numbers, #share, #columns, #all-trials):visible").count() == 0
    for kept in ("#verdict-h", "#models", "figure h3", "figcaption", "figure select", "#published", "#made", "#terms"):
        assert page.locator(kept).first.is_visible(), kept
    assert watch.found == []
    watch.context.close()


def test_after_printing_a_narrow_page_is_narrow_again(browser: Any, run: RunFolder) -> None:
    """Also where no figure is near: each was drawn as wide as the paper."""
    watch = opened(browser, run.page, 390, drawn=["curves"])
    page = watch.page
    page.evaluate("scrollTo(0, 0)")
    page.pdf()
    until(page, "document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert watch.found == []
    watch.context.close()


# keyboard ---------------------------------------------------------------------------------------------------------------


def test_tab_leads_to_everything_in_the_order_of_the_page_and_is_seen(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run.page)
    page = watch.page
    until(page, "window.Plotly !== undefined")
    n = page.evaluate(f"{STOPS}.length")
    page.evaluate(
        """() => {
          window.stops = [];
          document.addEventListener('focusin', ({target}) => {
            const {outlineStyle, outlineWidth} = getComputedStyle(target);
            window.stops.push([target, outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2]);
          });
        }"""
    )
    for _ in range(n):
        page.keyboard.press("Tab")
    places = page.evaluate(f"(all => window.stops.map(([one]) => all.indexOf(one)))({STOPS})")
    assert places == list(range(n))
    unseen = page.evaluate("window.stops.filter(([, seen]) => !seen).map(([one]) => one.outerHTML.slice(0, 120))")
    assert unseen == []
    assert watch.found == []
    watch.context.close()


def test_the_page_is_used_by_keyboard_alone(browser: Any, run: RunFolder) -> None:
    """One way through the whole page, which no test of a part goes."""
    watch = opened(browser, run.page)
    page = watch.page

    def tab_to(selector: str) -> None:
        for _ in range(250):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        pytest.fail(f"no key leads to {selector}")

    page.keyboard.press("Tab")
    assert page.locator("a.skip").evaluate("link => link === document.activeElement && link.checkVisibility()")
    page.keyboard.press("Enter")
    until(
        page,
        "location.hash === '#leaderboard' && document.getElementById('leaderboard').getBoundingClientRect().top < 200",
    )
    tab_to("#columns summary")  # what follows the skip link is in the table, not in the header before it
    page.keyboard.press("Enter")
    tab_to("#columns input[value=lrap]")
    page.keyboard.press("Space")
    assert shown_columns(page)[-1] == "lrap"
    page.keyboard.press("Escape")
    tab_to("#models th[data-column=coverage] button")
    page.keyboard.press("Enter")
    assert page.locator("#models th[aria-sort=descending]").get_attribute("data-column") == "coverage"
    for _ in range(2):
        tab_to("#models .choose input")
        page.keyboard.press("Space")
    tab_to("#compare")
    page.keyboard.press("Enter")
    until(page, "document.activeElement.id === 'comparison'")
    page.keyboard.press("Escape")
    tab_to("select[data-figure=curves][data-chooser='0']")
    page.keyboard.press("ArrowDown")
    tab_to("button[data-figure=curves][data-group]")
    pressed = page.evaluate("document.activeElement.getAttribute('aria-pressed')")
    page.keyboard.press("Space")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") != pressed
    tab_to("#figure-curves details.numbers > summary")
    page.keyboard.press("Enter")
    page.locator("#figure-curves details.numbers table").wait_for()
    tab_to("#figure-curves th[data-key=risk] button")
    until(page, "!document.getElementById('tip').hidden")
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "tip"
    page.keyboard.press("Escape")
    assert page.evaluate("document.getElementById('tip').hidden")
    page.keyboard.press("Enter")
    assert page.locator("#figure-curves th[data-key=risk]").get_attribute("aria-sort") in ("ascending", "descending")
    tab_to("#slider-stop")
    stop = int(page.locator("#slider-stop").input_value())
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator("#slider-stop").input_value() == str(stop + 2)
    tab_to("select[data-figure=chapters][data-chooser='0']")
    page.keyboard.press("ArrowDown")
    draw(page, "chapters")
    until(page, of("chapters", "plot._fullData[0].y[0].startsWith('A')"))  # the codes of the first chapter
    until(
        page,
        "['sort=coverage', 'selected=', 'figure.curves=1', 'key.curves=', 'figure.chapters=1', 'threshold=']"
        ".every(part => location.hash.includes(part))",
    )
    assert watch.found == []
    watch.context.close()


# a link ----------------------------------------------------------------------------------------------------------------


LINKED = ("curves", "years", "chapters", "progress")  # whose choosers and keys the link speaks of


def state(page: Any) -> dict[str, Any]:
    """What a reader sees of a view, in all parts of the page."""
    for name in LINKED:
        draw(page, name)
    return {
        "names": names(page),
        "columns": shown_columns(page),
        "sorted": page.locator("#models th[aria-sort]:not([aria-sort=none])").get_attribute("data-column"),
        "selected": page.locator("#models tr.is-selected th").evaluate_all("all => all.map(one => one.dataset.value)"),
        "chosen": page.locator("select[data-figure]").evaluate_all("all => all.map(one => one.value)"),
        "pressed": page.locator("button[data-group]").evaluate_all("all => all.map(one => one.ariaPressed)"),
        "slider": page.locator("#slider").inner_text(),
        "stop": page.locator("#slider-stop").input_value(),
        "drawn": {
            name: page.evaluate(
                of(name, "plot._fullData.map(one => [one.type, one.name, one.opacity ?? 1, one.x?.length])")
            )
            for name in LINKED
        },
    }


def test_a_link_opens_all_parts_of_the_page_as_they_were(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run.page)
    page = watch.page
    opening = state(page)
    heading(page, "risk").click()
    page.locator("#columns summary").click()
    page.locator("#columns input[value=lrap]").check()
    page.locator("#columns input[value=bytes]").uncheck()
    for model in ("bag-1", "dictionary-0"):
        box(page, model).check()
    for name, which, option in (("curves", "0", 1), ("chapters", "0", 2), ("chapters", "1", 1), ("cost", "1", 1)):
        page.locator(f"select[data-figure={name}][data-chooser='{which}']").select_option(index=option)
    page.locator("select[data-figure=progress][data-chooser=zoom]").select_option(index=1)
    page.locator("button[data-figure=years][data-group]", has_text="floor-nothing").click()
    page.locator("#slider-model").select_option(label="bag-1")
    page.locator("#slider-stop").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    parts: tuple[str, ...] = (
        "sort=risk",
        "columns=",
        "selected=bag-1,dictionary-0",
        "figure.curves=",
        "figure.chapters=",
        "figure.cost=",
    )
    parts += ("figure.progress=", "key.years=", "threshold=bag-1:")
    until(page, f"{json.dumps(parts)}.every(part => location.hash.includes(part))")
    wanted = state(page)
    changed = {part for part in wanted if wanted[part] != opening[part]}
    assert changed == wanted.keys()
    again = opened(browser, run.page, view=page.evaluate("location.hash.slice(1)"))
    assert state(again.page) == wanted
    assert again.page.evaluate("location.hash") == page.evaluate("location.hash")
    assert watch.found == again.found == []
    watch.context.close()
    again.context.close()
