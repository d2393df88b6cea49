"""The stage search: trials until the budget is used."""

from __future__ import annotations

import time
from dataclasses import replace

from harness.errors import PartlyDone
from harness.experiment import selection
from harness.experiment.work import Work
from harness.files import Row
from harness.search.importances import importances
from harness.search.runner import Outcome, Task, search


def search_stage(work: Work) -> list[str]:
    """Search until the budget is used; why families that were asked for are missing.

    Raises
    ------
    PartlyDone
        No family has a finished trial, so that nothing is left to pick from.
    """
    if work.run.stage("search") is None:
        work.say(f"searching {', '.join(work.spaces)} for {work.config.search.budget:g} s on {work.cluster.cpus} slots")
        previous = work.run.trials()
        began = time.monotonic()
        closed = search(_task(work), work.cluster, lambda outcome: _ended(work, outcome), previous)
        seconds = round(time.monotonic() - began + sum(row["slot_seconds"] for row in previous) / work.cluster.cpus, 1)
        if found := importances(work.spaces, work.run.trials()):
            work.run.write_figure("importances", found)
        work.run.write_stage("search", {"seconds": seconds, "closed": closed})
        work.note({"search_seconds": seconds})
    trials = work.run.trials()
    there = {row["family"] for row in selection.best_trials(trials)}
    if not there:
        raise PartlyDone(
            f"no trial ended well, so there is no pick ({reasons(trials)}); the page of {work.run.name} shows why"
        )
    return [
        f"{name} has no finished trial ({reasons([row for row in trials if row['family'] == name])})"
        for name in work.spaces
        if name not in there
    ]


def _task(work: Work) -> Task:
    options = work.config.search
    return Task(
        base=replace(work.spec(), validation=(work.store.roles["validation"],), checkpoint=work.checkpoints),
        spaces=work.spaces,
        budget=options.budget,
        trials=options.trials,
        seed=options.seed,
        trial_time=options.trial_time or options.budget,
        most_bytes=options.trial_memory,
        journal=work.run.journal,
    )


def _ended(work: Work, outcome: Outcome) -> None:
    row = outcome.row
    if outcome.predictions is not None:
        work.run.save_predictions(f"validation/{row['trial']}", outcome.predictions)
    work.run.add_trial(row)
    say_ended(work, row["trial"], row)


def say_ended(work: Work, name: str, row: Row) -> None:
    """Say how a trial ended, and when."""
    score = "no score" if row["score"] is None else f"{work.config.search.objective} {row['score']:.4f}"
    reason = f" ({row['reason']})" if row["reason"] else ""
    work.say(f"[{row['started'] + row['slot_seconds']:5.0f} s] {name} {row['status']}: {score}{reason}")


def reasons(trials: list[Row]) -> str:
    """The distinct reasons of trials, first come first named."""
    return "; ".join(dict.fromkeys(row["reason"] or row["status"] for row in trials)) or "no trial was begun"
