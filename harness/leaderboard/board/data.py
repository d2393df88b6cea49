"""What the page's script reads of the table and of the trials."""

from __future__ import annotations

from typing import Any

from harness.leaderboard.board.table import Table
from harness.leaderboard.board.trials import trial_columns
from harness.leaderboard.language import say
from harness.leaderboard.reasons import reason
from harness.leaderboard.rows import Evidence


def board_data(evidence: Evidence, table: Table) -> dict[str, Any]:
    """The table's rows as they are saved, with what a reader may look for in each; and all trials."""
    found = trial_columns(evidence)
    return {
        "table": {
            "columns": table.raw_columns,
            "rows": [line.raw for line in table.lines],
            "search": [line.search for line in table.lines],
        },
        "trials": {
            **found,
            "words": {status: say(status) for status in found["status"]["of"]},
            "reasons": {written: said for written in found["reason"]["of"] if (said := reason(written)) != written},
        },
    }
