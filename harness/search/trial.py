"""The trainable: one trial in its own process, and the mailbox through which its results travel."""

from __future__ import annotations

import faulthandler
import os
import threading
import time
from dataclasses import dataclass
from typing import Any

from harness.errors import place
from harness.families.runtime import settle
from harness.search.worker import FitSpec, Report, run_fit

HARD_EXIT = 1


@dataclass
class Letter:
    """What a trial has sent so far; ``best`` is its best step's report, ``steps`` how many it has done."""

    best: Report | None = None
    steps: int = 0
    seconds: float = 0.0
    done: bool = False
    failure: str | None = None


class Mailbox:
    """An actor that keeps each trial's best report, so that a trial that is stopped leaves its predictions behind."""

    def __init__(self) -> None:
        self._letters: dict[str, Letter] = {}

    def put(self, trial: str, report: Report, seconds: float) -> None:
        letter = self._letters.setdefault(trial, Letter())
        letter.steps, letter.seconds, letter.done = report.step, seconds, report.last
        best = letter.best
        if best is None or best.score is None or (report.score is not None and report.score > best.score):
            letter.best = report

    def end(self, trial: str, seconds: float, failure: str | None) -> None:
        letter = self._letters.setdefault(trial, Letter())
        letter.seconds, letter.failure = seconds, failure
        letter.done = letter.done or failure is None

    def take(self, trial: str) -> Letter:
        return self._letters.pop(trial, Letter())


class TrialError(Exception):
    """Carries a type and a place out of the worker, and nothing else."""


def train(config: dict[str, Any], mailbox: Any) -> None:
    """Fit ``config["spec"]`` for the trial ``config["trial"]``; end hard after ``config["hard_seconds"]``."""
    import ray
    from ray import tune

    spec: FitSpec = config["spec"]
    settle(spec.threads)
    name, started = config["trial"], time.monotonic()
    # A hang may hold the interpreter's lock, so the watch is the C library's; the dump names files and lines alone.
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(config["hard_seconds"], exit=True, file=nowhere)
        _watch_memory(config["most_bytes"] or _fair_share(), mailbox, name, started)

        def report(found: Report) -> None:
            ray.get(mailbox.put.remote(name, found, time.monotonic() - started))
            tune.report({"score": float("-inf") if found.score is None else found.score, "step": found.step})

        try:
            result = run_fit(spec, report)
        except SystemExit:
            raise  # so Tune ends a trial that ASHA stopped, from within the report
        except BaseException as error:  # noqa: BLE001  (only its type and place may leave)
            ray.get(mailbox.end.remote(name, time.monotonic() - started, place(error)))
            raise TrialError(place(error)) from None
        finally:
            faulthandler.cancel_dump_traceback_later()
        ray.get(mailbox.end.remote(name, result.seconds, None))


def _fair_share() -> int:
    """Nine tenths of this node's memory, divided by its cores."""
    import psutil

    return int(psutil.virtual_memory().total * 0.9 / (os.cpu_count() or 1))


def _watch_memory(most_bytes: int, mailbox: Any, name: str, started: float) -> None:
    """End this process, and nothing else, when it grows over its limit."""
    import psutil
    import ray

    process = psutil.Process()

    def watch() -> None:
        while True:
            if process.memory_info().rss > most_bytes:
                reason = f"over the memory limit of {most_bytes / 2**30:.1f} GB (search.trial_memory)"
                ray.get(mailbox.end.remote(name, time.monotonic() - started, reason))
                os._exit(HARD_EXIT)
            time.sleep(0.5)

    threading.Thread(target=watch, daemon=True).start()
