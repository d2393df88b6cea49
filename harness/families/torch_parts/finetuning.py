"""Training of an encoder under a head (PyTorch): batches of like length, checkpoints."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from harness.families.family import CovariateParameters, Examples, Units
from harness.families.losses import LossName
from harness.families.torch_parts import body, checkpoints, torch_runtime
from harness.families.torch_parts.frozen import Hidden
from harness.families.torch_parts.heads import Head, Sides
from harness.families.torch_parts.optimizers import Optimizers, share_of_rate
from harness.families.torch_parts.tokens import Tokens, batches
from harness.families.torch_parts.torch_losses import LOSSES
from harness.families.torch_parts.widths import block


class TuningParameters(CovariateParameters):
    """How a network learns: ``epochs`` over batches of ``batch`` texts, ``accumulate`` of which make a step.

    Rates: ``learning_rate`` of the top layer, ``decay`` times that of the layer above for each below, ``head_rate`` of
    the head; they rise over the share ``warm_up`` of all steps, then fall in a line.
    """

    epochs: int = Field(4, ge=1, le=100)
    batch: int = Field(32, ge=1, le=1024)
    accumulate: int = Field(1, ge=1, le=64)
    learning_rate: float = Field(5e-4, gt=0.0, le=0.1)
    head_rate: float = Field(5e-3, gt=0.0, le=0.1)
    decay: float = Field(0.9, gt=0.0, le=1.0)
    warm_up: float = Field(0.1, ge=0.0, le=0.9)
    weight_decay: float = Field(0.01, ge=0.0, le=1.0)
    dropout: float = Field(0.1, ge=0.0, lt=1.0)
    loss: LossName = "cross_entropy"


@dataclass(frozen=True, slots=True)
class Material:
    """What is learnt from: the examples, their tokens of which ``most`` are read, frozen layers' output if it is kept."""

    examples: Examples
    tokens: Tokens
    most: int
    pad: int
    hidden: Hidden | None = None


class Course:
    """A network that learns, epoch by epoch; each epoch draws its random numbers under seed and number alone.

    Parameters
    ----------
    model : the encoder; its weights change in place, its modules stay as they score
    frozen : its lowest layers that do not learn
    """

    def __init__(
        self, model: Any, head: Head, material: Material, frozen: int, parameters: TuningParameters, seed: int
    ) -> None:
        self.head, self._material, self._parameters, self._seed = head, material, parameters, seed
        self._device = str(head.tensors["bias"].device.type)
        below = frozen if material.hidden is not None else 0
        self._body = body.upper(model, below)
        body.drop_out(self._body, parameters.dropout, frozen - below)
        self._learns = {**_named("body", model), **{f"head.{name}": tensor for name, tensor in head.trained.items()}}
        self._optimizers = Optimizers(
            model,
            self._body,
            head.trained,
            rate=parameters.learning_rate,
            decay=parameters.decay,
            head_rate=parameters.head_rate,
            weight_decay=parameters.weight_decay,
        )
        weights = material.examples.root_weights().astype(np.float32)
        self._weights = weights / weights.mean()
        n_batches = -(-len(material.examples) // parameters.batch)
        self._steps = -(-n_batches // parameters.accumulate)

    def epoch(self, number: int) -> None:
        """Learn from every example once; epochs count from 0."""
        import torch

        torch.manual_seed(int(np.random.SeedSequence((self._seed, number)).generate_state(1)[0]))
        rng = np.random.default_rng((self._seed, number))
        order = batches(self._material.tokens.lengths(self._material.most), self._parameters.batch, rng)
        for place, parts in enumerate(_groups(order, self._parameters.accumulate)):
            self._step(number * self._steps + place, parts)

    def _step(self, done: int, parts: list[npt.NDArray[np.int64]]) -> None:
        n = sum(map(len, parts))
        for rows in parts:
            (self._loss(rows) / n).backward()
        self._optimizers.step(self._share_of_rate(done))

    def _share_of_rate(self, done: int) -> float:
        return share_of_rate(done, self._steps * self._parameters.epochs, self._parameters.warm_up)

    def _loss(self, rows: npt.NDArray[np.int64]) -> Any:
        """The weighted loss of some examples, all labels together; those unknown at an example cost nothing."""
        import torch

        examples, device = self._material.examples, self._device
        ids, mask = block(self._material.tokens, rows, self._material.most, self._material.pad)
        seen = torch.from_numpy(mask).to(device)
        with torch_runtime.learning(device):
            if self._material.hidden is None:
                inputs = {"input_ids": torch.from_numpy(ids).to(device)}
            else:
                inputs = {"inputs_embeds": torch.from_numpy(self._material.hidden.padded(rows, mask)).to(device)}
            hidden = self._body(**inputs, attention_mask=seen).last_hidden_state
            sides = beside(examples.units, rows, device)
            logits = self.head.learning().logits(hidden, seen, sides, self._parameters.dropout)
        y = torch.from_numpy(examples.y[rows].toarray().astype(np.float32)).to(device)
        loss = LOSSES[self._parameters.loss](logits.float(), y)
        if examples.unknown.nnz:
            loss = loss * torch.from_numpy(1.0 - examples.unknown_at(rows).toarray().astype(np.float32)).to(device)
        return (loss.sum(1) * torch.from_numpy(self._weights[rows]).to(device)).sum()

    def save(self, folder: Path, done: int) -> None:
        """Leave all that the next epoch needs, whole or not at all."""
        checkpoints.save(folder, self._learns, self._optimizers.state(), done)

    def restore(self, folder: Path | None) -> int:
        """Take up what :meth:`save` left; how many epochs were done, 0 where nothing was left."""
        done, optimizers = checkpoints.restore(folder, self._learns, self._device)
        if done:
            self._optimizers.restore(optimizers)
        return done


def beside(units: Units, rows: npt.NDArray[np.int64], device: str) -> Sides:
    """Hits and covariates of some units as tensors."""
    import torch

    return Sides(
        *(
            None if part is None else torch.from_numpy(part[rows].toarray().astype(np.float32)).to(device)
            for part in (units.hits, units.covariates)
        )
    )


def _named(prefix: str, model: Any) -> dict[str, Any]:
    return {f"{prefix}.{name}": weight for name, weight in model.named_parameters() if weight.requires_grad}


def _groups(rows: Iterator[npt.NDArray[np.int64]], size: int) -> Iterator[list[npt.NDArray[np.int64]]]:
    while group := list(itertools.islice(rows, size)):
        yield group
