"""The small run with the rows of every figure."""

from __future__ import annotations

from pathlib import Path

from example_automation import write_automation
from example_board import write_ties
from example_quality import write_quality
from example_run import write_run
from example_search import write_search

from harness.run.folder import RunFolder


def write_whole(path: Path) -> RunFolder:
    run = write_run(path)
    write_automation(run)
    write_quality(run)
    write_search(run)
    return write_ties(run)
