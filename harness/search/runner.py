"""One Tune run over all families: one Optuna study, one ASHA and one share of the budget each."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import optuna
import ray
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from ray import tune
from ray.tune.search import Searcher

from harness.families import family as family_named
from harness.families.family import Predictions
from harness.files import Row
from harness.search.budget import Budget
from harness.search.cluster import Cluster
from harness.search.scheduler import METRIC, FamilyScheduler
from harness.search.space import Space
from harness.search.trial import Letter, Mailbox, train
from harness.search.worker import FitSpec

FAILURES = 3  # in a row before a family's first finished trial: nothing more of it is tried
REPEATS = 20  # draws that were tried already, before a space counts as exhausted
GRACE = 5.0  # seconds that a running trial has after the budget's end


@dataclass(frozen=True, slots=True)
class Task:
    """What is searched. ``base`` holds what all trials share; its family and parameters are each trial's own.

    Its ``checkpoint`` is the folder in which each trial has its own, until it ends; it goes with the search.
    """

    base: FitSpec
    spaces: Mapping[str, Space]
    budget: float
    trials: int | None
    seed: int
    trial_time: float
    most_bytes: int | None
    journal: Path


@dataclass
class _Running:
    family: str
    name: str
    trial: optuna.trial.Trial
    parameters: Row
    began: float
    hard_seconds: float
    slot: int
    retry_of: str | None
    checkpoint: str


@dataclass
class Outcome:
    """A trial's row and, where it has any, its validation predictions."""

    row: Row
    predictions: Predictions | None = field(repr=False, default=None)


class FamilySearcher(Searcher):  # type: ignore[misc]
    """Hands the next suggestion to the family that has used the least of its share."""

    def __init__(
        self,
        task: Task,
        resources: Cluster,
        mailbox: Any,
        previous: Sequence[Row],
        ended: Callable[[Outcome], None],
    ) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._task, self._cluster, self._mailbox, self._ended = task, resources, mailbox, ended
        self._studies: dict[str, optuna.study.Study] = {}
        self._tried: dict[str, set[str]] = {name: set() for name in task.spaces}
        self.running: dict[str, _Running] = {}
        self.finished = False
        used = sum(float(row["slot_seconds"]) for row in previous)
        self._start = time.monotonic() - used / self._slots
        self._budget = Budget.of(task.budget, self._slots, task.spaces)
        storage = _storage(task.journal)
        for name, space in task.spaces.items():
            self._studies[name] = _study(storage, name, space, task.seed, previous)
        for row in previous:
            self._remember(row)

    # Tune asks ---------------------------------------------------------------------------------------------------

    def suggest(self, trial_id: str) -> Row | str | None:
        now, left = time.monotonic(), self._left()
        self._close()
        if self._budget.running() >= self._slots:
            return None
        name = self._budget.next(now, left, self._fits)
        while name is not None:
            drawn = self._draw(name)
            if drawn is not None:
                return self._begin(trial_id, name, *drawn)
            self._budget.families[name].closed = "every choice of its space was tried"
            name = self._budget.next(now, left, self._fits)
        self.finished = self._budget.spent(now, left)
        finished: str | None = Searcher.FINISHED if self.finished else None
        return finished

    def on_trial_complete(self, trial_id: str, result: Row | None = None, error: bool = False) -> None:
        running = self.running.pop(trial_id, None)
        if running is not None:
            self._finish(running, ray.get(self._mailbox.take.remote(running.name)), error=error)

    def set_search_properties(self, metric: str | None, mode: str | None, config: Row, **spec: Any) -> bool:
        return True

    def save(self, checkpoint_path: str) -> None:
        """The journal and the rows are the truth; Tune's own state is thrown away."""

    def restore(self, checkpoint_path: str) -> None:
        """See :meth:`save`."""

    # ours ---------------------------------------------------------------------------------------------------------

    @property
    def _slots(self) -> int:
        return self._cluster.cpus

    def _fits(self, name: str) -> bool:
        """Whether the cluster's GPUs have room for one more trial of a family."""
        asked = [
            self._cluster.resources(family).get("GPU", 0.0)
            for family in (name, *(run.family for run in self.running.values()))
        ]
        return not asked[0] or sum(asked) <= self._cluster.gpus + 1e-9

    def _left(self) -> float:
        return self._task.budget - (time.monotonic() - self._start)

    def _close(self) -> None:
        """Families that may start nothing more give what they leave to the others."""
        for name, ledger in self._budget.families.items():
            began = len(self._tried[name])
            if ledger.closed is None and self._task.trials is not None and began >= self._task.trials:
                ledger.closed = f"all {self._task.trials} trials were begun (search.trials)"
            if ledger.closed is None and ledger.failures >= FAILURES and not ledger.finished:
                ledger.closed = f"{ledger.failures} trials failed and none ended well"

    def _draw(self, name: str) -> tuple[optuna.trial.Trial, Row] | None:
        """A point of the space that was not tried yet."""
        study, space = self._studies[name], self._task.spaces[name]
        for _ in range(REPEATS):
            trial = study.ask()
            parameters = space.suggest(trial)
            key = repr(sorted(parameters.items()))
            if key not in self._tried[name]:
                self._tried[name].add(key)
                return trial, parameters
            study.tell(trial, state=TrialState.FAIL)
        return None

    def _begin(self, trial_id: str, name: str, trial: optuna.trial.Trial, parameters: Row) -> Row:
        now, ledger = time.monotonic(), self._budget.families[name]
        soft = max(1.0, min(self._task.trial_time, self._left()))
        # A family's first trial may use its whole time: without one there is nothing to show of the family.
        hard = self._task.trial_time if not ledger.finished else min(self._task.trial_time, soft + GRACE)
        taken = {running.slot for running in self.running.values()}
        running = _Running(
            family=name,
            name=f"{name}-{trial.number}",
            trial=trial,
            parameters=parameters,
            began=now,
            hard_seconds=hard,
            slot=min(set(range(self._slots)) - taken),
            retry_of=trial.user_attrs.get("retry_of"),
            checkpoint=self._checkpoint(name, parameters),
        )
        self.running[trial_id] = running
        self._budget.start(name, running.name, now)
        spec = replace(
            self._task.base,
            family=name,
            parameters=parameters,
            soft_seconds=soft if ledger.finished else self._task.trial_time,
            device=self._cluster.device(name),
            checkpoint=running.checkpoint,
        )
        return {
            "family": name,
            "trial": running.name,
            "spec": spec,
            "hard_seconds": hard + GRACE,
            "most_bytes": self._task.most_bytes,
        }

    def _checkpoint(self, name: str, parameters: Row) -> str:
        """A folder that a retry of the same trial finds again; empty where there are no checkpoints."""
        home = self._task.base.checkpoint
        key = hashlib.sha256(repr((name, sorted(parameters.items()))).encode()).hexdigest()[:16]
        return f"{home}/{name}-{key}" if home else ""

    def _finish(self, running: _Running, letter: Letter, *, error: bool, interrupted: bool = False) -> None:
        now = time.monotonic()
        score = None if letter.best is None else letter.best.score
        status, reason = _verdict(running, letter, error=error, interrupted=interrupted, elapsed=now - running.began)
        taken = self._budget.end(running.family, running.name, now, finished=score is not None and status != "failed")
        row = {
            "trial": running.name,
            "family": running.family,
            "kind": family_named(running.family).kind,
            "status": status,
            "reason": reason,
            "parameters": running.parameters,
            "score": score,
            "threshold": None if letter.best is None else letter.best.threshold,
            "steps": None if letter.best is None else letter.best.step,
            "steps_run": letter.steps,
            "seconds": round(letter.seconds, 3),
            "started": round(running.began - self._start, 3),
            "slot": running.slot,
            "slot_seconds": round(taken, 3),
            "retry_of": running.retry_of,
        }
        self._ended(Outcome(row, None if letter.best is None else letter.best.predictions))
        if interrupted:
            return  # Optuna keeps it as running, so that a resumed run tries it again
        if running.checkpoint:
            shutil.rmtree(running.checkpoint, ignore_errors=True)
        if status == "failed" or score is None or letter.best is None:
            self._studies[running.family].tell(running.trial, state=TrialState.FAIL)
        elif status == "stopped":
            running.trial.report(score, letter.best.step)
            self._studies[running.family].tell(running.trial, state=TrialState.PRUNED)
        else:
            self._studies[running.family].tell(running.trial, score)

    def _remember(self, row: Row) -> None:
        """Count a trial of an earlier process."""
        if row["family"] not in self._budget.families:
            return
        ledger = self._budget.families[row["family"]]
        if row["reason"] != INTERRUPTED:
            self._tried[row["family"]].add(repr(sorted(row["parameters"].items())))
        ledger.used += float(row["slot_seconds"])
        if row["score"] is not None and row["status"] != "failed":
            ledger.finished += 1
            ledger.seconds.append(float(row["slot_seconds"]))
        elif row["reason"] != INTERRUPTED:
            ledger.failures += 1

    def abandon(self) -> None:
        """Write the rows of trials that Tune left running when it was interrupted."""
        for trial_id in list(self.running):
            running = self.running.pop(trial_id)
            self._finish(running, ray.get(self._mailbox.take.remote(running.name)), error=False, interrupted=True)

    def closed(self) -> dict[str, str]:
        """Why each family that was closed early was."""
        return {name: ledger.closed for name, ledger in self._budget.families.items() if ledger.closed is not None}


INTERRUPTED = "the search was interrupted"


def _verdict(
    running: _Running, letter: Letter, *, error: bool, interrupted: bool, elapsed: float
) -> tuple[str, str | None]:
    """A trial's status and its reason."""
    if interrupted:
        return "stopped", INTERRUPTED
    if letter.failure is not None:
        return "failed", letter.failure
    if letter.done:
        undefined = letter.best is not None and letter.best.score is None
        return ("failed", letter.best.reason if letter.best else None) if undefined else ("done", None)
    if error and elapsed >= running.hard_seconds:
        reason = f"over the time limit of {running.hard_seconds:.0f} s"
        return ("stopped" if letter.best is not None and letter.best.score is not None else "failed"), reason
    if error:
        return "failed", "the worker's process ended"
    if letter.best is not None:
        return "stopped", f"ASHA: behind other trials of its family at step {letter.steps}"
    return "failed", "the trial ended without a report"


def search(
    task: Task, resources: Cluster, ended: Callable[[Outcome], None], previous: Sequence[Row] = ()
) -> dict[str, str]:
    """Search all families until the budget is used; each trial is handed to ``ended`` when it ends.

    Returns
    -------
    Why each family that stopped before its share was used did so.

    Raises
    ------
    KeyboardInterrupt
        The search was interrupted; rows of the trials that were running have been handed over.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    mailbox = ray.remote(num_cpus=0)(Mailbox).remote()
    searcher = FamilySearcher(task, resources, mailbox, previous, ended)
    most_steps = {name: space.most_steps() for name, space in task.spaces.items() if family_named(name).reports}
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(resources.cpus)
    trainable = tune.with_resources(
        tune.with_parameters(train, mailbox=mailbox),
        lambda config: tune.PlacementGroupFactory([resources.resources(config["family"])]),
    )
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=FamilyScheduler(most_steps),
            num_samples=-1,
            max_concurrent_trials=resources.cpus,
        ),
        run_config=tune.RunConfig(name="search", storage_path=str(resources.scratch / "tune"), verbose=0),
    )
    with _interrupts_as_before(), suppress(KeyboardInterrupt):  # SIGTERM comes out of fit, SIGINT ends it
        tuner.fit()
    if not searcher.finished:
        searcher.abandon()
        raise KeyboardInterrupt
    if task.base.checkpoint:  # a trial that was interrupted may have found no time to be tried again
        shutil.rmtree(task.base.checkpoint, ignore_errors=True)
    return searcher.closed()


@contextmanager
def _interrupts_as_before() -> Iterator[None]:
    """Tune leaves its handler of SIGINT behind, which would swallow a later interrupt."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def _storage(journal: Path) -> BaseStorage:
    """Optuna's journal; a line that a kill left torn would spoil all that follow, so it is cut off.

    The run's own lock keeps other processes out, so that a lock that is there is a killed process's.
    """
    journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)
    if journal.exists():
        raw = journal.read_bytes()
        if not raw.endswith(b"\n"):
            journal.write_bytes(raw[: raw.rfind(b"\n") + 1])
    return JournalStorage(JournalFileBackend(str(journal.resolve())))


def _study(storage: BaseStorage, name: str, space: Space, seed: int, previous: Sequence[Row]) -> optuna.study.Study:
    """The family's study; after a kill it agrees with our own rows again, and what was running is tried again first."""
    own = {row["trial"]: row for row in previous if row["family"] == name}
    seeds = (zlib.crc32(name.encode()) + 1_000_003 * seed + 7919 * len(own)) % 2**32
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=seeds),
    )
    trials = study.get_trials(deepcopy=False)
    if not trials:
        study.enqueue_trial(
            {key: value for key, value in space.defaults().items() if space.dimensions[key].value is None}
        )
    for trial in trials:
        if trial.state != TrialState.RUNNING:
            continue
        row = own.get(f"{name}-{trial.number}")
        if row is not None and row["score"] is not None and row["status"] == "done":
            study.tell(trial.number, row["score"])
            continue
        study.tell(trial.number, state=TrialState.FAIL)
        if row is None or row["reason"] == INTERRUPTED:
            study.enqueue_trial(trial.params, user_attrs={"retry_of": f"{name}-{trial.number}"})
    return study
