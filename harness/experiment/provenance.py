"""What every row of a run carries: version, commit, hardware, libraries."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from harness import __version__
from harness.config import RunConfig
from harness.run.folder import FORMAT

LIBRARIES = (
    "keras",
    "numpy",
    "optuna",
    "peft",
    "plotly",
    "pyarrow",
    "ray",
    "safetensors",
    "scikit-learn",
    "scipy",
    "tensorflow",
    "tensorflow-cpu",
    "tokenizers",
    "torch",
    "transformers",
)


def libraries() -> dict[str, str]:
    """The versions of what results may depend on, by distribution name."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """The commit of the checkout that runs, or None outside one; a dirty tree ends in ``+``."""
    root = Path(__file__).parent.parent.parent
    if not (root / ".git").exists():
        return None
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],  # noqa: S607
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
        state = subprocess.run(
            ["git", "status", "--porcelain", "-uno"],  # noqa: S607
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if state.stdout.strip() else "")


def hardware(gpus: float) -> dict[str, Any]:
    """Processor, cores, memory and GPUs of this machine."""
    names = {line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")}
    return {
        "cpu": sorted(names)[0] if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "gpus": gpus,
    }


def new_meta(name: str, config: RunConfig, machine: dict[str, Any], command: str) -> dict[str, Any]:
    """What ``run.json`` says of a run when it begins."""
    return {
        "format": FORMAT,
        "run": name,
        "version": __version__,
        "commit": commit(),
        "libraries": libraries(),
        "hardware": machine,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "seed": config.search.seed,
        "objective": config.search.objective,
        "families": list(config.search.families),
        "budget_seconds": config.search.budget,
        "trials": config.search.trials,
        "refit": config.years.refit,
        "minutes_per_certificate": config.automation.minutes_per_certificate,
        "minutes_per_line": config.automation.minutes_per_line,
        "max_bytes": config.automation.max_bytes,
        "min_certificates_per_second": config.automation.min_certificates_per_second,
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
