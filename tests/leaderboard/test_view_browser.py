"""The view in the page's address: a link opens what somebody else saw."""

from __future__ import annotations

import re
from typing import Any

import pytest
from board_page import board_run, box, heading, names, shown_columns
from in_browser import browser, opened, until

from harness.run.folder import RunFolder

__all__ = ["browser"]  # a fixture
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return board_run(tmp_path_factory.mktemp("runs"))


def state(page: Any) -> dict[str, Any]:
    return {
        "names": names(page),
        "sorted": page.locator("#models th[aria-sort]:not([aria-sort=none])").get_attribute("data-column"),
        "columns": shown_columns(page),
        "kinds": page.locator("#kinds input:checked").evaluate_all("all => all.map(one => one.value)"),
        "search": page.locator("#models-search").input_value(),
        "selected": page.locator("#models tbody tr.is-selected th").evaluate_all(
            "all => all.map(one => one.dataset.value)"
        ),
        "compared": page.locator(".compared thead th").all_inner_texts(),
        "trials": page.locator("#which [aria-pressed=true]").get_attribute("value"),
        "status": page.locator("#statuses input:checked").evaluate_all("all => all.map(one => one.value)"),
        "family": page.locator("#trials-family").input_value(),
        "order": page.locator("#trials-grid th[aria-sort]:not([aria-sort=none])").all_inner_texts(),
    }


def test_a_link_opens_the_same_view(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run)
    page = watch.page
    before = state(page)
    heading(page, "risk").click()
    page.locator("#columns summary").click()
    page.locator("#columns input[value=lrap]").check()
    page.locator("#columns input[value=bytes]").uncheck()
    page.locator("#kinds input[value=floor]").uncheck()
    page.locator("#models-search").fill("a")
    for model in ("bag-1", "linear-3"):
        box(page, model).check()
    page.locator("#compare").click()
    page.locator("#which button[value=trials]").click()
    page.locator("#trials-family").select_option("linear")
    page.locator("#statuses input[value=failed]").uncheck()
    page.locator("#trials-grid th[data-key='parameters.cost'] button").click()
    until(page, "location.hash.includes('trials.sort')")
    fragment = page.evaluate("location.hash").removeprefix("#")
    for part in ("sort=risk.asc", "kinds=baseline", "search=a", "selected=bag-1,linear-3", "compare=1", "trials=1"):
        assert part in fragment.split("&")
    assert "trials.sort=parameters.cost.asc" in fragment.split("&")
    assert re.search(r"columns=kind,micro_f1,[a-z0-9_,]*lrap(&|$)", fragment)
    wanted = state(page)
    other = opened(browser, run.page, view=fragment)
    assert state(other.page) == wanted != before
    assert other.page.evaluate("location.hash") == f"#{fragment}"
    # in a page that is open already, a link makes everything else as it was at first
    other.page.evaluate("location.hash = '#selected=bag-1'")
    until(other.page, "document.querySelectorAll('#models tr.is-selected').length === 1")
    assert state(other.page) == before | {"selected": ["bag-1"], "order": other_order(other.page)}
    assert watch.found == []
    assert other.found == []


def other_order(page: Any) -> list[str]:
    """The grid that was built stays, in its first order."""
    found: list[str] = state(page)["order"]
    assert found == ["score"]
    return found


@pytest.mark.parametrize(
    "fragment",
    [
        "sort=nothing.asc&columns=x,y&kinds=z&selected=nobody&compare=1&unknown=1",
        "sort=risk&columns=%E0%A4%A&family=%00&trials.family=nobody&trials.sort=score.up",
        "=&&==&sort==",
    ],
)
def test_what_a_link_cannot_mean_is_ignored(browser: Any, run: RunFolder, fragment: str) -> None:
    plain, watch = opened(browser, run.page), opened(browser, run.page, view=fragment)
    assert state(watch.page) == state(plain.page)
    assert watch.found == []


def test_a_link_to_a_section_stays_one(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run.page, view="terms")
    page = watch.page
    page.wait_for_timeout(400)
    assert page.evaluate("location.hash") == "#terms"
    assert page.evaluate("scrollY") > 0
    heading(page, "coverage").click()
    until(page, "location.hash === '#sort=coverage.desc'")
    heading(page, "micro_f1").click()
    until(page, "location.hash === ''")
    assert watch.found == []


def test_the_link_is_copied_or_shown(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run.page)
    page = watch.page
    page.evaluate("void (navigator.clipboard.writeText = async link => { window.copied = link; })")
    box(page, "bag-1").check()
    page.locator("#share").click()
    until(page, "document.getElementById('shared').textContent !== ''")
    link = f"{run.page.as_uri()}#selected=bag-1"
    assert page.evaluate("window.copied") == link
    page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject(new Error('refused')))")
    page.locator("#share").click()
    until(page, "!document.getElementById('link').hidden")
    assert page.locator("#link input").input_value() == link
    assert page.evaluate("getSelection().toString() || document.activeElement.value") == link
    assert "does not let the page copy" in page.locator("#shared").inner_text()
    assert watch.found == []
