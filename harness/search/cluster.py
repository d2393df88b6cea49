"""A Ray cluster for as long as it is needed: one that is there already, or one of our own that leaves nothing behind."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import psutil

from harness.errors import RunError, place
from harness.families import FLOORS
from harness.families import family as family_named
from harness.families.runtime import settle
from harness.search.measure import Measured, MeasureSpec, run_measure
from harness.search.worker import (
    AdaptResult,
    AdaptSpec,
    Failure,
    FitResult,
    FitSpec,
    PredictResult,
    PredictSpec,
    run_adapt,
    run_fit,
    run_predict,
)

S = TypeVar("S")
R = TypeVar("R")
SCRATCH = "harness-"
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # it would end the whole run with the trial that it kills
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "RAY_DEDUP_LOGS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """What there is to run on. ``scratch`` is a private folder of the driver's that goes away."""

    cpus: int
    gpus: float
    scratch: Path
    nodes: int = 1

    def resources(self, family: str) -> dict[str, float]:
        """One core, and the family's share of a GPU where there is one."""
        needs = min(family_named(family).needs, self.gpus)
        return {"CPU": 1.0, "GPU": needs} if needs else {"CPU": 1.0}

    def device(self, family: str) -> str:
        return "gpu" if "GPU" in self.resources(family) else "cpu"

    def fit(self, specs: Sequence[FitSpec]) -> list[FitResult | Failure]:
        """Fit each spec in a process of its own, floors in this one; results in the order of the specs."""
        return self._each(run_fit, specs, [spec.family for spec in specs])

    def predict(self, specs: Sequence[PredictSpec], families: Sequence[str]) -> list[PredictResult | Failure]:
        """Predict with each model in a process of its own, with floors in this one."""
        return self._each(run_predict, specs, families)

    def adapt(self, spec: AdaptSpec, family: str) -> AdaptResult | Failure:
        """Adapt a base model for a family in a process of its own; nothing else runs, so it has a whole node's cores."""
        threads = max(1, self.cpus // self.nodes)
        return self._each(run_adapt, [replace(spec, device=self.device(family), threads=threads)], [family])[0]

    def measure(self, specs: Sequence[MeasureSpec]) -> Iterator[tuple[int, Measured | Failure]]:
        """Measure each spec in a process of its own; its place among the specs and what came of it, when it ends."""
        import ray

        pending = {self._begin(run_measure, spec, spec.fit.family): place for place, spec in enumerate(specs)}
        while pending:
            (ended,), _ = ray.wait(list(pending), num_returns=1)
            yield pending.pop(ended), _result(ended)

    def _each(self, run: Callable[[S], R], specs: Sequence[S], families: Sequence[str]) -> list[R | Failure]:
        # In the order of the specs; a floor needs no framework and so no worker.
        pending = [
            None if family in FLOORS else self._begin(run, spec, family)
            for spec, family in zip(specs, families, strict=True)
        ]
        return [
            run(spec) if reference is None else _result(reference)
            for spec, reference in zip(specs, pending, strict=True)
        ]

    def _begin(self, run: Callable[[S], R], spec: S, family: str) -> Any:
        """Have a worker run it; what :func:`_result` waits for."""
        import ray

        def guarded(spec: S) -> R | Failure:
            settle()
            try:
                return run(spec)
            except BaseException as error:  # noqa: BLE001  (whatever it is, only its type and place may leave)
                return Failure(place(error))

        resources = self.resources(family)
        task = ray.remote(num_cpus=resources["CPU"], num_gpus=resources.get("GPU", 0), max_calls=1, max_retries=0)(
            guarded
        )
        return task.remote(spec)


def _result(reference: Any) -> Any:
    """What a worker returned, or that its process ended before."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        return Failure(f"{type(error).__name__}: the worker's process ended")


@contextmanager
def cluster(*, address: str | None = None, gpus: int | str = "auto", cpus: int | None = None) -> Iterator[Cluster]:
    """Join the cluster at ``address``, or start one on this machine."""
    os.environ.update(QUIET)
    import ray

    for name in ("ray", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    _sweep()
    # Ray's sockets lie in there, under paths that may have 107 characters in all.
    scratch = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-"))
    joined = ray.is_initialized()
    try:
        if joined:
            pass  # a cluster that the caller started is left running
        elif address is not None:
            try:
                ray.init(address=address, log_to_driver=False, logging_level="critical")
            except (ConnectionError, RuntimeError, ValueError):
                raise RunError(f"--ray must be the address of a Ray cluster that runs, but got {address!r}") from None
        else:
            ray.init(
                address="local",
                num_cpus=cpus,
                num_gpus=None if gpus == "auto" else int(gpus),
                include_dashboard=False,
                log_to_driver=False,
                logging_level="critical",
                _temp_dir=str(scratch),
            )
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ray's own would end the process at once
        there = ray.cluster_resources()
        most = float("inf") if gpus == "auto" else float(gpus)
        nodes = sum(node["Alive"] for node in ray.nodes())
        yield Cluster(max(1, int(there.get("CPU", 1))), min(float(there.get("GPU", 0.0)), most), scratch, nodes)
    finally:
        if not joined:
            ray.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)


def _sweep() -> None:
    """Remove the private folders of processes of ours that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{SCRATCH}[0-9]*-*"):
        owner = path.name.removeprefix(SCRATCH).partition("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)) and path.stat().st_uid == os.getuid():
            shutil.rmtree(path, ignore_errors=True)
