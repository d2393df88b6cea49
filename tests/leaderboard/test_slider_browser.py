"""The threshold slider in a real browser, against Python's numbers at every stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from example_automation import MINUTES, write_automation
from example_run import PICK, write_run
from in_browser import browser, opened, until

from harness.decision.audit import verdict_of
from harness.leaderboard import text
from harness.leaderboard.figures.looks import looks
from harness.leaderboard.figures.thresholds import Ladder, thresholds
from harness.leaderboard.rows import read
from harness.metrics.selective import exact_interval
from harness.run.folder import RunFolder

__all__ = ["browser"]  # a fixture
pytestmark = pytest.mark.browser

NAME = "20260302-093012"
RISK = 0.02
SIGNS = {"kept": "✓ kept", "undecided": "≈ undecided", "broken": "✕ broken"}
LEVEL = text.level(RISK)
PLACES = {"kept": f"below {LEVEL}", "undecided": f"open: the interval contains {LEVEL}", "broken": f"above {LEVEL}"}
MOVE = """(stop) => {
  const range = document.getElementById("slider-stop");
  range.value = String(stop);
  range.dispatchEvent(new Event("input"));
}"""
# What the table says at every stop of the chosen model, and what a screen reader hears.
ALL_STOPS = """() => {
  const range = document.getElementById("slider-stop");
  const found = [];
  for (let stop = 0; stop <= Number(range.max); stop += 1) {
    range.value = String(stop);
    range.dispatchEvent(new Event("input"));
    const rows = [...document.querySelectorAll("#slider-results tbody tr")];
    found.push([range.getAttribute("aria-valuetext"), rows.map((row) => [...row.cells].slice(1).map((cell) => cell.textContent))]);
  }
  return found;
}"""
# Where the line stands in the figure, as a coverage; null where it is not shown.
LINE = """() => {
  const mark = document.querySelector("[data-plot=curves] .threshold");
  if (!mark || mark.style.display === "none") return null;
  const { xaxis, yaxis } = document.querySelector("[data-plot=curves]")._fullLayout;
  const point = mark.querySelector("circle");
  return [
    xaxis.p2l(Number(mark.querySelector("line").getAttribute("x1")) - xaxis._offset),
    yaxis.p2l(Number(point.getAttribute("cy")) - yaxis._offset),
  ];
}"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = write_run(tmp_path / NAME)
    write_automation(run)
    return run


def ladders(run: RunFolder) -> tuple[Ladder, ...]:
    evidence = read(run)
    return thresholds(evidence, looks(evidence, evidence.models())).ladders


def expected(counts: list[tuple[int, int, int]], *, promised: bool = False) -> list[list[str]]:
    """The cells of rows of (n, accepted, wrong), as Python computes and writes them; verdicts where a promise is made."""
    rows = []
    for n, accepted, wrong in counts:
        low, high = exact_interval(wrong, accepted) or (None, None)
        risk, state = f"{text.DASH} ", "? not audited" if promised else "nothing automatic"
        if low is not None and high is not None:
            risk = f"{text.risk(wrong / accepted)} {text.interval(text.risk(low), text.risk(high))}"
            state = (SIGNS if promised else PLACES)[verdict_of(low, high, RISK)]
        hours = text.written(f"{accepted * MINUTES / 60:,.1f}")
        rows.append([text.share(accepted / n), risk, state, text.count(n - accepted), hours])
    return rows


def at(ladder: Ladder, stop: int) -> list[tuple[int, int, int]]:
    """All years together first, then each."""
    years = [(year.n, year.accepted[stop], year.wrong[stop]) for year in ladder.years if year]
    whole = [sum(parts) for parts in zip(*years, strict=True)]
    return [(whole[0], whole[1], whole[2]), *years]


def test_every_stop_of_every_model_has_python_s_numbers(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run)
    page = watch.page
    for place, ladder in enumerate(ladders(run)):
        page.locator("#slider-model").select_option(str(place))
        shown = page.evaluate(ALL_STOPS)
        assert len(shown) == len(ladder.thresholds)
        for stop, (said, cells) in enumerate(shown):
            rows = expected(at(ladder, stop), promised=stop == ladder.certified)
            assert cells == rows, (ladder.look.label, stop)
            if stop == 0:
                assert said == "nothing automatic"
            else:
                risk = rows[0][1].split(" [")[0]
                assert said.endswith(f"{rows[0][0]} coded without a person, risk {risk}")
            assert said.startswith("promised threshold") == (stop == ladder.certified)
    assert watch.found == []


def test_intervals_are_python_s_for_few_and_for_millions(browser: Any, run: RunFolder) -> None:
    """Numbers of a whole nation, none and all wrong, and one alone."""
    n = 3_000_000
    counts = [(0, 0), (1, 0), (2, 2), (50, 1), (1_000, 20), (40_000, 800), (1_500_000, 29_000), (2_999_999, 60_123)]
    shared = {"model": PICK, "role": "heldout", "year": "2021", "n": n, "certified": False}
    run.write_figure(
        "thresholds",
        [
            {**shared, "threshold": None if not accepted else 1.0 - place / 10, "accepted": accepted, "wrong": wrong}
            for place, (accepted, wrong) in enumerate(counts)
        ],
    )
    watch = opened(browser, run)
    shown = [rows for _, rows in watch.page.evaluate(ALL_STOPS)]
    assert shown == [expected([(n, accepted, wrong)]) for accepted, wrong in counts]
    assert watch.found == []


def test_it_opens_at_the_promise_and_returns_there_by_keyboard(browser: Any, run: RunFolder) -> None:
    first = ladders(run)[0]
    assert first.certified is not None
    watch = opened(browser, run)
    page = watch.page
    place = page.locator("#slider-stop")
    assert place.input_value() == str(first.certified)
    assert "the certified one, for which the promise is made" in page.locator("#slider-state").inner_text()
    assert page.locator("#slider-back").is_disabled()
    place.focus()
    page.keyboard.press("ArrowRight")
    assert place.input_value() == str(first.certified + 1)
    assert page.locator("#slider-state").inner_text().endswith("nothing is promised here.")
    page.keyboard.press("Home")
    assert place.get_attribute("aria-valuetext") == "nothing automatic"
    assert "every one goes to a person" in page.locator("#slider-state").inner_text()
    page.locator("#slider-back").focus()
    page.keyboard.press("Enter")
    assert place.input_value() == str(first.certified)
    assert place.evaluate("node => node === document.activeElement")
    page.locator("#slider-model").select_option(label="dictionary-0")
    assert page.locator("#slider-back").is_disabled()  # it has no promise
    assert place.input_value() == "0"
    assert watch.found == []


def test_a_verdict_is_given_at_the_promise_alone(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run)
    page = watch.page
    chips = page.locator("#slider-results .chip")
    assert chips.count() == 3
    page.locator("#slider-stop").focus()
    page.keyboard.press("ArrowRight")
    assert chips.count() == 0
    assert watch.found == []


def test_before_anything_is_promised_the_marked_threshold_is_no_promise(browser: Any, run: RunFolder) -> None:
    (run.path / "pick.json").unlink()
    (run.path / "stages" / "certify.json").unlink(missing_ok=True)
    watch = opened(browser, run)
    page = watch.page
    for model in ("linear-3", "bag-1"):
        page.locator("#slider-model").select_option(label=model)
        assert page.locator("#slider-state").inner_text().startswith(f"{model}, threshold ")
        assert (
            page.locator("#slider-state").inner_text().endswith("the threshold in its rows; nothing is promised yet.")
        )
    assert "promised threshold" not in page.locator("#slider").inner_text()
    assert "Nothing is promised yet" in page.locator("#slider-note").inner_text()
    assert page.locator("#slider-results .chip").count() == 0
    assert watch.found == []


def test_the_line_stands_at_the_coverage_of_what_the_figure_shows(browser: Any, run: RunFolder) -> None:
    ladder = ladders(run)[0]
    watch = opened(browser, run, drawn=["curves"])
    page = watch.page
    until(page, "document.querySelector('[data-plot=curves] .threshold') !== null")
    stop = len(ladder.thresholds) // 2
    view = page.locator("select[data-figure=curves][data-chooser='0']")
    for option, row in ((0, 0), (1, 1), (2, 2)):
        view.select_option(str(option))
        page.evaluate(MOVE, stop)
        n, accepted, wrong = at(ladder, stop)[row]
        assert page.evaluate(LINE) == pytest.approx([accepted / n, wrong / accepted], abs=1e-4)  # a tenth of a pixel
    view.select_option("3")  # calibration, of whose certificates the slider knows nothing
    until(page, f"({LINE})() === null")
    view.select_option("0")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 900})
    n, accepted, _ = at(ladder, stop)[0]
    until(page, f"Math.abs((({LINE})() ?? [9])[0] - {accepted / n}) < 1e-4")
    until(page, "document.documentElement.scrollWidth <= document.documentElement.clientWidth")  # once all is resized
    assert watch.found == []


def test_a_link_opens_the_same_stop(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run)
    page = watch.page
    ladder = ladders(run)[1]
    stop = len(ladder.thresholds) // 3
    page.locator("#slider-model").select_option("1")
    page.evaluate(MOVE, stop)
    page.locator("#slider-stop").dispatch_event("change")
    accepted = at(ladder, stop)[0][1]
    until(page, f"location.hash === '#threshold={ladder.look.label}:{accepted}'")
    again = opened(browser, run, view=f"threshold={ladder.look.label}:{accepted}")
    until(again.page, f"document.getElementById('slider-stop').value === '{stop}'")
    assert again.page.locator("#slider-model").input_value() == "1"
    promised = opened(browser, run, view="threshold=bag-1:promised")
    until(promised.page, "document.getElementById('slider-state').textContent.includes('bag-1')")
    assert "the certified one" in promised.page.locator("#slider-state").inner_text()
    assert watch.found == again.found == promised.found == []


@pytest.mark.parametrize("wrong", ["nobody:3", "bag-1:99999999", "bag-1:", "dictionary-0:promised", ":", "linear-3:-1"])
def test_an_address_that_names_no_stop_is_ignored(browser: Any, run: RunFolder, wrong: str) -> None:
    watch = opened(browser, run, view=f"threshold={wrong}")
    watch.page.wait_for_timeout(100)
    assert watch.page.locator("#slider-stop").input_value() == str(ladders(run)[0].certified)
    assert watch.found == []


def test_without_scripts_there_is_no_slider(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run, java_script_enabled=False)
    assert not watch.page.locator("#slider").is_visible()


def test_a_hostile_name_stays_a_name(browser: Any, run: RunFolder) -> None:
    name = "</script><b>x</b>:7"
    for figure in ("thresholds", "reliability", "alarms"):
        rows = [row | ({"model": name} if row.get("model") == "bag-1" else {}) for row in run.figure(figure)]
        run.write_figure(figure, rows)
    run.write_scorecards([row | ({"model": name} if row["model"] == "bag-1" else {}) for row in run.scorecards()])
    run.write_pick((run.pick() or {}) | {"shortlist": []})
    watch = opened(browser, run, drawn=["curves", "reliability", "audits", "alarms"])
    page = watch.page
    page.locator("#slider-model").select_option(label=name)
    assert page.locator("#slider-state").inner_text().startswith(name)
    assert page.locator("#slider b").count() == 0
    page.locator("#slider-stop").focus()
    page.keyboard.press("End")
    until(page, "location.hash.startsWith('#threshold=')")
    again = opened(browser, run, view=page.evaluate("location.hash.slice(1)"))
    until(
        again.page, f"document.getElementById('slider-stop').value === '{page.locator('#slider-stop').input_value()}'"
    )
    assert watch.found == again.found == []


def test_a_run_of_lines_alone_compares_nothing(browser: Any, run: RunFolder) -> None:
    pick = run.pick() or {}
    run.write_pick({**pick, "promise": {**pick["promise"], "unit": "line"}, "shortlist": []})
    run.write_stage("certify", {"promises": {PICK: {**pick["promise"], "unit": "line"}}, "naive": {}, "lost": {}})
    run.write_figure("thresholds", [row | {"certified": False} for row in run.figure("thresholds")])
    evidence = read(run)
    assert thresholds(evidence, looks(evidence, evidence.models())).of_lines
    watch = opened(browser, run)
    page = watch.page
    assert page.locator("#slider-results .chip").count() == 0
    assert "What is promised is the risk of lines" in page.locator("#slider-note").inner_text()
    assert page.locator("#slider-stop").input_value() == "0"
    assert watch.found == []
