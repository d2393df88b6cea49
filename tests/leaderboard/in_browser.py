"""A page in a real browser: the network is off, and whatever the page asks for, complains about or opens is caught."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from harness.leaderboard.page import write_page
from harness.run.folder import RunFolder

WAIT = 60_000  # milliseconds that a busy machine may take to draw a figure, or to do anything else


class Watch:
    """Whatever a page asks for, complains about or opens; ``found`` is empty where it does none of it."""

    def __init__(self, context: Any) -> None:
        self.found: list[str] = []
        self.context = context
        context.add_init_script(
            "addEventListener('securitypolicyviolation', e => console.error('blocked', e.violatedDirective, e.blockedURI))"
        )
        context.on("request", self._request)
        self.page = context.new_page()
        context.on("page", lambda page: self.found.append(f"opened {page.url}"))
        self.page.on("console", lambda message: self.found.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        self.page.on("websocket", lambda socket: self.found.append(f"socket {socket.url}"))

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.found.append(f"asked for {request.url}")


def lacking(what: str, command: str) -> NoReturn:
    """Skip for want of something, and say how to get it; in CI, which must have everything, fail."""
    said = f"needs {what}; {command}"
    if os.environ.get("CI"):
        pytest.fail(f"{said}: CI must skip no test of the page")
    pytest.skip(said)


def chromium() -> str:
    """Where Debian's chromium is."""
    return shutil.which("chromium") or lacking("chromium", "apt-get install chromium")


def module(name: str, package: str) -> Any:
    """A module of the test extra."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        lacking(package, f"pip install {package}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's chromium, one for all tests of a module."""
    path = chromium()
    with module("playwright.sync_api", "playwright").sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


def opened(
    browser: Any,
    page: RunFolder | Path,
    width: int = 1280,
    *,
    drawn: Sequence[str] = (),
    view: str = "",
    **options: Any,
) -> Watch:
    """A page, opened from disk with the network off.

    Parameters
    ----------
    page : a run, whose page is written first, or the file of a page
    drawn : names of the figures to scroll to and to wait for; a figure is drawn when it comes near
    view : the fragment of the address, without its ``#``
    options : of the browser's context, such as ``color_scheme`` or ``java_script_enabled``
    """
    path = page if isinstance(page, Path) else write_page(page)
    watch = Watch(browser.new_context(viewport={"width": width, "height": 900}, offline=True, **options))
    watch.page.goto(path.as_uri() + (f"#{view}" if view else ""))
    for name in drawn:
        draw(watch.page, name)
    return watch


def draw(page: Any, name: str) -> None:
    """Scroll to a figure and wait until it is drawn."""
    page.locator(f"[data-plot={name}]").scroll_into_view_if_needed()
    page.locator(f"[data-plot={name}][data-drawn]").wait_for(timeout=WAIT)


def wide(page: Any) -> int:
    """By how many pixels the page is wider than its window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


def until(page: Any, condition: str) -> None:
    """Wait for a condition; Playwright's own waiting would evaluate text, which the page's policy forbids."""
    end = time.monotonic() + WAIT / 1000
    while time.monotonic() < end:
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never true: {condition}")


def violations(page: Any, what: str = "document", **options: Any) -> list[Any]:
    """What axe finds wrong, in short."""
    axe = module("axe_playwright_python.base", "axe-playwright-python")
    page.evaluate(axe.AXE_SCRIPT)
    found = page.evaluate(f"axe.run({what}, {json.dumps({'resultTypes': ['violations'], **options})})")["violations"]
    return [(one["id"], [node["html"][:160] for node in one["nodes"]][:3]) for one in found]
