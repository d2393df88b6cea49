"""Checkpoints of networks that learn (PyTorch), and the epochs around them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from harness.families.family import Context
from harness.files import replacing

FILE = "epoch.safetensors"


class Learner(Protocol):
    """What learns epoch by epoch; epochs count from 0."""

    def epoch(self, number: int) -> None: ...

    def save(self, folder: Path, done: int) -> None: ...

    def restore(self, folder: Path | None) -> int: ...


def follow(learner: Learner, epochs: int, context: Context, report: Callable[[int], None] | None) -> int:
    """Learn for so many epochs, or those that the context's deadline allows; each is reported when it is safe.

    Returns how many were done, those of a checkpoint among them.
    """
    done = learner.restore(context.checkpoint)
    while done < (context.steps or epochs):
        began = time.monotonic()
        learner.epoch(done)
        done += 1
        if context.checkpoint is not None:
            learner.save(context.checkpoint, done)
        if report is not None:
            report(done)
        if not context.allows(time.monotonic() - began):
            break
    return done


def save(folder: Path, learns: Mapping[str, Any], optimizer: Mapping[str, Any], done: int) -> None:
    """Leave weights and the optimizer's tensors, whole or not at all."""
    from safetensors.torch import save_file

    tensors = {f"learns.{name}": tensor.detach() for name, tensor in learns.items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer.items()}
    with replacing(folder / FILE) as path:
        save_file({name: value.contiguous() for name, value in tensors.items()}, path, {"epochs": str(done)})


def restore(folder: Path | None, learns: Mapping[str, Any], device: str) -> tuple[int, dict[str, Any]]:
    """Take up the weights that :func:`save` left.

    Returns
    -------
    done : how many epochs were done, 0 where nothing was left
    optimizer : its tensors by name
    """
    if folder is None or not (folder / FILE).exists():
        return 0, {}
    import torch
    from safetensors import safe_open

    with safe_open(folder / FILE, "pt", device) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no mapping)
        done = int(file.metadata()["epochs"])
    with torch.no_grad():
        for name, weight in learns.items():
            weight.copy_(tensors[f"learns.{name}"])
    own = "optimizer."
    return done, {name[len(own) :]: tensor for name, tensor in tensors.items() if name.startswith(own)}
