"""``python -m benchmarks.page``: how large the page is, and how fast in headless Chromium, with 1,000 and 10,000 trials.

The peer in the same run: ``plotly.io.to_html`` of the same figures in one file, with a plain ``<table>`` of the trials
that is sorted and filtered in place. Every number is the median of some loads; ratios above one say how many times as
fast as the peer. Limits are those of the issue: they are printed beside what was found, and nothing fails by them.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import plotly.io
from playwright.sync_api import Page, sync_playwright

from benchmarks.page_run import write_run
from harness.leaderboard.figures.looks import looks
from harness.leaderboard.page import FIGURES, write_page
from harness.leaderboard.panel import Panel
from harness.leaderboard.rows import read
from harness.run.folder import RunFolder

LOADS = 5
SIZES = {1_000: 3.0, 10_000: 6.0}  # trials, and megabytes of the page with them
LIMITS = {"first paint": 500.0, "table usable": 1000.0, "sort": 100.0, "filter": 100.0, "slider step": 50.0}  # ms

# Each times one act of the reader to the end of the layout that it causes, in milliseconds.
ACTS = {
    "ours": {
        "sort": "document.querySelector('#all-trials th[data-key=score] button').click()",
        "filter": "(box => { box.value = box.value === 'linear-1' ? '' : 'linear-1';"
        " box.dispatchEvent(new Event('input', {bubbles: true})) })(document.getElementById('trials-search'))",
        "slider step": "(range => { range.value = String((Number(range.value) + 7) % Number(range.max));"
        " range.dispatchEvent(new Event('input', {bubbles: true})) })(document.getElementById('slider-stop'))",
    },
    "peer": {"sort": "sortBy(4)", "filter": "keep('linear-1')", "slider step": "step()"},
}
TIMED = "(async () => {{ const start = performance.now(); await ({act}); document.body.offsetHeight; return performance.now() - start; }})()"
# What a page was when the browser showed it first, and when its scripts had run.
SHOWN = """[
  performance.getEntriesByType('paint').find(one => one.name === 'first-paint')?.startTime ?? null,
  performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd,
]"""
PEER_SCRIPT = """
const table = document.querySelector('table').tBodies[0];
function sortBy(column) {
  const rows = [...table.rows].sort((a, b) => Number(a.cells[column].textContent) - Number(b.cells[column].textContent));
  table.append(...rows);
}
let kept = '';
function keep(text) {
  kept = kept ? '' : text;
  for (const row of table.rows) row.hidden = !row.textContent.includes(kept);
}
let place = 0;
function step() {
  place = (place + 0.01) % 1;
  const line = {type: 'line', x0: place, x1: place, y0: 0, y1: 1, yref: 'paper'};
  return Plotly.relayout(document.querySelector('.js-plotly-plot'), {shapes: [line]});
}
"""


def peer_page(run: RunFolder) -> str:
    """The same figures and trials as one would show them at once."""
    evidence = read(run)
    seen = looks(evidence, evidence.models())
    drawn = [draw(evidence, seen) for _, _, draws in FIGURES for draw in draws]
    parts: list[str] = []
    for panel in drawn:
        if isinstance(panel, Panel):
            text = json.dumps({"data": panel.figure["views"][0]["data"], "layout": panel.figure["layout"]})
            figure = go.Figure(json.loads(re.sub(r"var\(--[\w-]+\)", "#0072b2", text)))
            parts.append(plotly.io.to_html(figure, full_html=False, include_plotlyjs=not parts))
    columns = ("trial", "family", "status", "reason", "score", "seconds", "started")
    rows = (
        "".join(f"<td>{html.escape(str(row[name]))}</td>" for name in columns)
        + f"<td>{html.escape(', '.join(f'{name}={value}' for name, value in row['parameters'].items()))}</td>"
        for row in evidence.trials
    )
    table = f"<table><tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>"
    return f"<!DOCTYPE html><meta charset=utf-8>{table}{''.join(parts)}<script>{PEER_SCRIPT}</script>"


@contextmanager
def chromium() -> Iterator[Callable[[Path], Page]]:
    """A browser without network, and how to load a file in it."""
    path = shutil.which("chromium")
    if path is None:
        sys.exit("the page is measured in Debian's chromium; apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])

        def load(file: Path) -> Page:
            page = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True).new_page()
            page.goto(file.as_uri())
            return page

        yield load
        browser.close()


def measured(
    load: Callable[[Path], Page], file: Path, acts: dict[str, str], ready: Callable[[Page], None]
) -> dict[str, float]:
    """The median of each time over some loads, and over some acts of the last one."""
    shown: list[Any] = []
    for place in range(LOADS):
        page = load(file)
        for _ in range(100):
            shown_now = page.evaluate(SHOWN)
            if shown_now[0] is not None:
                break
            page.wait_for_timeout(50)
        shown.append(shown_now)
        if place < LOADS - 1:
            page.context.close()
    found = {
        name: statistics.median(one[at] for one in shown) for at, name in enumerate(("first paint", "table usable"))
    }
    ready(page)
    for name, act in acts.items():
        found[name] = statistics.median(page.evaluate(TIMED.format(act=act)) for _ in range(LOADS))
    page.context.close()
    return found


def ours_ready(page: Page) -> None:
    """All trials in the table, and the figure above the slider drawn."""
    page.locator("#which button[value=trials]").click()
    page.locator("#all-trials th[data-key=score]").wait_for()
    page.locator("#figure-curves").scroll_into_view_if_needed()
    page.locator("[data-plot=curves][data-drawn]").wait_for(timeout=60_000)


def peer_ready(page: Page) -> None:
    page.locator(".js-plotly-plot svg.main-svg").first.wait_for(timeout=60_000)


def show(name: str, found: float, limit: float, unit: str, times: float) -> None:
    verdict = "within" if found <= limit else "ABOVE"
    print(f"{name:34s} {found:9.2f} {unit}   {verdict} {limit:g} {unit}   {times:6.1f} x as good as the peer")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, chromium() as load:
        for trials, megabytes in SIZES.items():
            run = write_run(Path(folder) / str(trials) / "20260302-093012", trials)
            ours, peer = write_page(run), run.path / "peer.html"
            peer.write_text(peer_page(run), encoding="utf-8")
            sizes = [file.stat().st_size / 1e6 for file in (ours, peer)]
            show(f"size, {trials:,} trials", sizes[0], megabytes, "MB", sizes[1] / sizes[0])
            mine = measured(load, ours, ACTS["ours"], ours_ready)
            theirs = measured(load, peer, ACTS["peer"], peer_ready)
            for name, limit in LIMITS.items():
                show(f"{name}, {trials:,} trials", mine[name], limit, "ms", theirs[name] / mine[name])


if __name__ == "__main__":
    main()
