"""The leaderboard section of a page in a browser: what it shows, and how its parts are found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from example_board import write_ties
from example_run import write_run
from example_search import write_search

from harness.leaderboard.board.table import Table, leaderboard
from harness.leaderboard.figures.looks import looks
from harness.leaderboard.page import write_page
from harness.leaderboard.rows import read
from harness.run.folder import RunFolder

NAME = "20260302-093012"


def board_run(folder: Path) -> RunFolder:
    """A run with ties, and with trials of four families; its page is written."""
    made = write_ties(write_run(folder / NAME))
    write_search(made)
    write_page(made)
    return made


def table_of(run: RunFolder) -> Table:
    evidence = read(run)
    models = evidence.models()
    return leaderboard(evidence, models, looks(evidence, models))


def names(page: Any) -> list[str]:
    """The models in the table, as they are shown."""
    found: list[str] = page.locator("#models tbody tr:not([hidden]) th").evaluate_all(
        "all => all.map(one => one.dataset.value)"
    )
    return found


def shown_columns(page: Any) -> list[str]:
    found: list[str] = page.locator("#models thead th[data-column]:not([hidden])").evaluate_all(
        "all => all.map(one => one.dataset.column)"
    )
    return found


def heading(page: Any, key: str) -> Any:
    return page.locator(f'#models thead th[data-column="{key}"] button')


def box(page: Any, model: str) -> Any:
    return page.get_by_label(f"select {model}", exact=True)


def saved(page: Any, button: str) -> tuple[str, str]:
    """The name and the text of the file that a button saves."""
    with page.expect_download() as download:
        page.locator(button).click()
    text = Path(download.value.path()).read_bytes().decode()
    return download.value.suggested_filename, text


def trial_cells(page: Any, key: str) -> list[str]:
    """What stands in a column of the trials that are in the page."""
    found: list[str] = page.evaluate(
        """key => {
          const table = document.querySelector('#trials-grid table');
          const place = [...table.tHead.rows[0].cells].findIndex(cell => cell.dataset.key === key);
          return [...table.tBodies[1].rows].map(row => row.cells[place].textContent);
        }""",
        key,
    )
    return found
