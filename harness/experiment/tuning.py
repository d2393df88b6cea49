"""Tuning of one arm of a study: a search of its own with an equal share of the budget, and what it leaves frozen."""

from __future__ import annotations

import time
from dataclasses import replace

from harness.experiment import selection
from harness.experiment.adapting import adapt_stage
from harness.experiment.arms import Arm, arms
from harness.experiment.bases import ADAPTED
from harness.experiment.searching import reasons, say_ended
from harness.experiment.work import Work
from harness.files import Row
from harness.run.study import StudyFolder, tuning_stage
from harness.search.runner import Outcome, Task, search
from harness.search.space import Space


def tune(work: Work, study: StudyFolder, arm: Arm) -> Row:
    """Search one arm until its share of the budget is used, unless it has been; what is frozen of it.

    Returns
    -------
    The arm's best trial on validation, and what the tuning cost. ``reason`` says why there is no trial to go on with.
    """
    adaptation_seconds = _adaptation(work, arm)  # before anything is skipped: the fits after the tuning need it too
    stage = tuning_stage(arm.name)
    found = study.stage(stage)
    if found is None:
        found = {**_tuned(work, study, arm), "adaptation_seconds": adaptation_seconds}
        study.write_stage(stage, found)
    return found


def budget(work: Work) -> float:
    """The wall time of one arm's tuning: all arms have the same."""
    return work.config.study.budget / len(arms(work.config))


def trial_time(work: Work) -> float:
    """The most that a trial may take: no arm's first trial may outlast the arm's share of the budget."""
    share = budget(work)
    return min(work.config.search.trial_time or share, share)


def _tuned(work: Work, study: StudyFolder, arm: Arm) -> Row:
    work.say(f"tuning {arm.name} for {budget(work):.0f} s on {work.cluster.cpus} slots")
    previous, began = study.trials_of(arm.name), time.monotonic()
    before = sum(row["slot_seconds"] for row in previous) / work.cluster.cpus
    closed = search(_task(work, study, arm), work.cluster, lambda outcome: _ended(work, study, arm, outcome), previous)
    trials = study.trials_of(arm.name)
    best = next(iter(selection.best_trials(trials)), None)
    return {
        "arm": arm.name,
        "family": arm.family,
        "start": arm.start or None,
        "wall_seconds": round(time.monotonic() - began + before, 1),
        "trials": len(trials),
        "slot_seconds": round(sum(row["slot_seconds"] for row in trials), 1),
        "closed": closed.get(arm.family),
        "reason": None if best is not None else reasons(trials),
        **{
            key: None if best is None else best[key]
            for key in ("trial", "kind", "parameters", "score", "steps", "seconds")
        },
    }


def _adaptation(work: Work, arm: Arm) -> float | None:
    """Adapt the base model of the arm that asks for it; the seconds that it took, now or for an earlier run."""
    if arm.start != ADAPTED:
        return None
    adapt_stage(work, _space(work, arm))
    return float((work.run.stage("adapt") or {})["seconds"])


def _space(work: Work, arm: Arm) -> dict[str, Space]:
    return {arm.family: arm.space(work.spaces[arm.family])}


def _task(work: Work, study: StudyFolder, arm: Arm) -> Task:
    options = work.config.search
    return Task(
        base=replace(
            work.spec(),
            validation=(work.store.roles["validation"],),
            checkpoint=f"{work.checkpoints}-{arm.name}",
        ),
        spaces=_space(work, arm),
        budget=budget(work),
        trials=options.trials,
        seed=options.seed,
        trial_time=trial_time(work),
        most_bytes=options.trial_memory,
        journal=study.journal_of(arm.name),
    )


def _ended(work: Work, study: StudyFolder, arm: Arm, outcome: Outcome) -> None:
    row = outcome.row
    study.add_trial_of(arm.name, row)
    say_ended(work, f"{arm.name}/{row['trial']}", row)
