"""Tuning of one arm of a study: a search of its own with an equal share of the budget, and what it leaves frozen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from harness.config import RunConfig
from harness.corpus.store import Store
from harness.experiment import selection
from harness.experiment.adapting import adapt_stage
from harness.experiment.arms import START, Arm
from harness.experiment.bases import to_adapt
from harness.experiment.searching import reasons, say_ended
from harness.experiment.work import Work
from harness.files import Row
from harness.run.study import StudyFolder, tuning_stage
from harness.search.runner import Outcome, Task, search
from harness.search.space import Space


def tune(work: Work, study: StudyFolder, arm: Arm, share: float, store: Store | None = None) -> Row:
    """Search one arm until its share of the budget is used, unless it has been; what is frozen of it.

    Parameters
    ----------
    share : wall time, seconds
    store : the certificates as the arm reads them; the run's own if left out

    Returns
    -------
    The arm's best trial on validation, and what the tuning cost. ``reason`` says why there is no trial to go on with.
    """
    adaptation_seconds = _adaptation(work, arm)  # before anything is skipped: the fits after the tuning need it too
    stage = tuning_stage(arm.name)
    found = study.stage(stage)
    if found is None:
        found = {**_tuned(work, study, arm, share, store or work.store), "adaptation_seconds": adaptation_seconds}
        study.write_stage(stage, found)
    return found


def not_tuned(study: StudyFolder, arm: Arm, reason: str) -> Row:
    """What is left of an arm that cannot be tuned at all."""
    nothing = dict.fromkeys(
        ("closed", "trial", "kind", "parameters", "score", "steps", "seconds", "adaptation_seconds")
    )
    row = {**_named(arm), "wall_seconds": 0.0, "trials": 0, "slot_seconds": 0.0, **nothing, "reason": reason}
    study.write_stage(tuning_stage(arm.name), row)
    return row


def shares(config: RunConfig, arms: Sequence[Arm]) -> dict[str, float]:
    """The wall time of each arm's tuning, seconds: arms of one weight have the same."""
    whole = sum(arm.weight for arm in arms)
    return {arm.name: config.study.budget * arm.weight / whole for arm in arms}


def trial_time(config: RunConfig, share: float) -> float:
    """The most that a trial may take, seconds: no arm's first trial may outlast the arm's share of the budget."""
    return min(config.search.trial_time or share, share)


def _named(arm: Arm) -> Row:
    return {"arm": arm.name, "family": arm.family, "start": arm.fixed.get(START)}


def _tuned(work: Work, study: StudyFolder, arm: Arm, share: float, store: Store) -> Row:
    work.say(f"tuning {arm.name} for {share:.0f} s on {work.cluster.cpus} slots")
    previous, began = study.trials_of(arm.name), time.monotonic()
    before = sum(row["slot_seconds"] for row in previous) / work.cluster.cpus
    task = _task(work, study, arm, share, store)
    closed = search(task, work.cluster, lambda outcome: _ended(work, study, arm, outcome), previous)
    trials = study.trials_of(arm.name)
    best = next(iter(selection.best_trials(trials)), None)
    return {
        **_named(arm),
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
    space = _space(work, arm)
    if to_adapt(space) is None:
        return None
    adapt_stage(work, space)
    return float((work.run.stage("adapt") or {})["seconds"])


def _space(work: Work, arm: Arm) -> dict[str, Space]:
    return {arm.family: arm.space(work.spaces[arm.family])}


def _task(work: Work, study: StudyFolder, arm: Arm, share: float, store: Store) -> Task:
    options = work.config.search
    return Task(
        base=replace(
            work.spec(),
            store=str(store.path),
            validation=(work.store.roles["validation"],),
            checkpoint=f"{work.checkpoints}-{arm.name}",
        ),
        spaces=_space(work, arm),
        budget=share,
        trials=options.trials,
        seed=options.seed,
        trial_time=trial_time(work.config, share),
        most_bytes=options.trial_memory,
        journal=study.journal_of(arm.name),
    )


def _ended(work: Work, study: StudyFolder, arm: Arm, outcome: Outcome) -> None:
    row = outcome.row
    study.add_trial_of(arm.name, row)
    say_ended(work, f"{arm.name}/{row['trial']}", row)
