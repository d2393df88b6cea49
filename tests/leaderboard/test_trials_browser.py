"""All trials, as a browser shows and saves them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from board_page import NAME, board_run, heading, saved, table_of, trial_cells
from example_board import many_trials
from example_run import write_run
from in_browser import browser, opened, until, wide

from harness.leaderboard.board.table import Table
from harness.leaderboard.board.trials import ranked
from harness.leaderboard.page import write_page
from harness.leaderboard.rows import read
from harness.run.folder import RunFolder

__all__ = ["browser"]  # a fixture
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return board_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def table(run: RunFolder) -> Table:
    return table_of(run)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with ten thousand trials more than the example has."""
    made = write_run(tmp_path_factory.mktemp("large") / NAME)
    path = made.path / "trials.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in many_trials(10_000))
    write_page(made)
    return made


# trials ----------------------------------------------------------------------------------------------------------------


def test_ten_thousand_trials_sort_and_filter(browser: Any, large: RunFolder) -> None:
    watch = opened(browser, large)
    page = watch.page
    page.get_by_role("button", name="All trials 10,036").click()
    assert page.locator("#board").is_hidden()
    rows = ranked(read(large).trials)
    assert page.locator("#trials-grid table").get_attribute("aria-rowcount") == "10037"
    assert page.locator("#trials-grid tr").count() < 200
    assert trial_cells(page, "trial")[:9] == [row["trial"] for row in rows[:9]]
    scores = sorted(row["score"] for row in rows if row["score"] is not None)
    page.locator("#trials-grid th[data-key=score] button").click()
    assert trial_cells(page, "score")[:12] == [f"{score:.4f}" for score in scores[:12]]
    assert page.locator("#trials-grid th[aria-sort=ascending]").inner_text() == "score"
    page.locator("#trials-grid .scroll").evaluate("view => view.scrollTo(0, view.scrollHeight)")
    until(page, "document.querySelector('#trials-grid tr[aria-rowindex=\"10037\"]') !== null")
    assert page.locator("#trials-grid tr").count() < 200
    assert trial_cells(page, "score")[-1] == "–"  # trials without a score are last in both directions
    seconds = sorted((row["seconds"] for row in rows), reverse=True)
    for _ in range(2):
        page.locator("#trials-grid th[data-key=seconds] button").click()
    assert [float(cell) for cell in trial_cells(page, "seconds")[:9]] == [
        pytest.approx(value, abs=0.05 if value >= 1 else 0.005) for value in seconds[:9]
    ]
    page.locator("#statuses input[value=done]").uncheck()
    page.locator("#statuses input[value=stopped]").uncheck()
    failed = [row for row in rows if row["status"] == "failed"]
    assert page.locator("#trials-shown").inner_text() == f"{len(failed):,} of 10,036 rows"
    assert set(trial_cells(page, "status")) == {"✕ failed"}
    assert set(trial_cells(page, "reason")) == {"out of memory: the trial passed 6 GB"}
    page.locator("#trials-family").select_option("encoder")
    mine = [row for row in failed if row["family"] == "encoder"]
    assert page.locator("#trials-shown").inner_text() == f"{len(mine):,} of 10,036 rows"
    assert {"parameters.learning_rate", "parameters.head"} <= set(
        page.locator("#trials-grid th").evaluate_all("all => all.map(one => one.dataset.key)")
    )
    page.locator("#trials-grid th[data-key='parameters.dropout'] button").click()
    values = sorted(row["parameters"]["dropout"] for row in mine)
    assert [float(cell) for cell in trial_cells(page, "parameters.dropout")[:9]] == values[:9]
    page.locator("#trials-search").fill("head=mean")
    assert (
        page.locator("#trials-shown")
        .inner_text()
        .startswith(f"{sum(row['parameters']['head'] == 'mean' for row in mine):,} of")
    )
    page.locator("#trials-search").fill("no such thing")
    assert trial_cells(page, "trial") == ["No row matches."]
    page.get_by_role("button", name="Models 6").click()
    assert page.locator("#models").is_visible()
    assert wide(page) <= 0
    assert watch.found == []


def test_trials_of_a_run_without_scores_are_listed(browser: Any, tmp_path: Path, run: RunFolder) -> None:
    begun = RunFolder(tmp_path / NAME)
    begun.path.mkdir()
    for name in ("run.json", "corpus.json", "trials.jsonl"):
        (begun.path / name).write_bytes((run.path / name).read_bytes())
    watch = opened(browser, begun)
    assert watch.page.locator("#leaderboard .empty").inner_text() == "No model is scored yet."
    assert trial_cells(watch.page, "trial")[0] == ranked(read(run).trials)[0]["trial"]
    assert watch.found == []


# files -----------------------------------------------------------------------------------------------------------------


def test_the_rows_shown_are_saved_with_their_digits(browser: Any, run: RunFolder, table: Table) -> None:
    watch = opened(browser, run)
    page = watch.page
    page.locator("#kinds input[value=floor]").uncheck()
    heading(page, "fit_seconds").click()
    order = ["dictionary-0", "linear-3", "bag-1"]
    raw = {line.model.name: dict(zip(table.raw_columns, line.raw, strict=True)) for line in table.lines}
    name, text = saved(page, "#download-json")
    assert name == f"leaderboard-{NAME}.json"
    assert json.loads(text) == [raw[model] for model in order]
    assert {"role", "micro_f1_low", "n_codes_1_9", "parameters"} <= json.loads(text)[0].keys()
    name, text = saved(page, "#download")
    assert name == f"leaderboard-{NAME}.csv"
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [line["model"] for line in lines] == order
    for line in lines:
        for key, value in raw[line["model"]].items():
            read_back: Any = line[key]
            if isinstance(value, float):
                read_back = float(read_back)
            elif isinstance(value, dict):
                read_back = json.loads(read_back)
            assert read_back == ("" if value is None else value), key
    assert watch.found == []


def test_the_trials_shown_are_saved_with_their_digits(browser: Any, run: RunFolder) -> None:
    watch = opened(browser, run, view="trials=1&trials.family=linear&trials.sort=started.asc")
    page = watch.page
    wanted = sorted((row for row in read(run).trials if row["family"] == "linear"), key=lambda row: row["started"])
    keys = ("trial", "family", "status", "score", "seconds", "started", "reason", "parameters")
    name, text = saved(page, "#trials-json")
    assert name == f"leaderboard-{NAME}-trials.json"
    assert json.loads(text) == [{key: row[key] for key in keys} for row in wanted]
    name, text = saved(page, "#trials-csv")
    assert name == f"leaderboard-{NAME}-trials.csv"
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [line["trial"] for line in lines] == [row["trial"] for row in wanted]
    for line, row in zip(lines, wanted, strict=True):
        assert (line["score"] == "") == (row["score"] is None)
        assert float(line["score"] or 0) == (row["score"] or 0)
        own = {key.removeprefix("parameters."): value for key, value in line.items() if key.startswith("parameters.")}
        assert {key for key, value in own.items() if value} == row["parameters"].keys()
        assert float(own["cost"]) == row["parameters"]["cost"]
    assert watch.found == []
