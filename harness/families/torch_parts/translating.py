"""Training of an encoder-decoder (PyTorch): batches of like length, teacher forcing, checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_array

from harness.families.family import SequenceParameters
from harness.families.torch_parts import checkpoints, torch_runtime, word_parts
from harness.families.torch_parts.optimizers import BETAS, share_of_rate
from harness.families.torch_parts.outputs import Vocabulary
from harness.families.torch_parts.tokens import Tokens, filled_batches
from harness.families.torch_parts.widths import block

CODES, TEXT, PAIRS = 0, 1, 2
FAST, FASTER = (
    ("alone.", "encoder.embed_tokens."),
    4,
)  # weights that a batch moves few of, and how much faster they learn
IGNORED = -100  # what stands for a token that is not learnt


class WritingParameters(SequenceParameters):
    """How an encoder-decoder learns: ``epochs`` over batches of at most ``batch`` tokens, read and written.

    Rates, ``learning_rate`` of pretrained weights and ``fresh_rate`` of fresh ones, rise over the share ``warm_up`` of
    all steps, then fall in a line.
    """

    epochs: int = Field(6, ge=1, le=200)
    batch: int = Field(640, ge=16, le=65536)
    learning_rate: float = Field(3e-4, gt=0.0, le=0.1)
    fresh_rate: float = Field(1.5e-3, gt=0.0, le=0.1)
    warm_up: float = Field(0.05, ge=0.0, le=0.9)
    weight_decay: float = Field(0.01, ge=0.0, le=1.0)
    dropout: float = Field(0.1, ge=0.0, lt=1.0)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What is learnt from: texts and outputs, of which one text may have several.

    Attributes
    ----------
    source : the texts' tokens, of which ``most`` are read
    text : (n,) the text of each output
    target : the outputs' tokens, each with its end
    start : (n,) the decoder's token before each output
    kind : (n,) what each output is: CODES, TEXT or PAIRS
    weights : (n,)
    unknown : (n_texts, n_labels) codes that a text says nothing of, or None
    parts : of the words that the source's numbers mean, or None where they are tokens
    """

    source: Tokens
    most: int
    pad: int
    text: npt.NDArray[np.int64]
    target: Tokens
    start: npt.NDArray[np.int64]
    kind: npt.NDArray[np.int8]
    weights: npt.NDArray[np.float64]
    unknown: csr_array | None
    parts: csr_array | None = None


class Course:
    """A network that learns to write, epoch by epoch; each draws its random numbers under seed and number alone.

    Parameters
    ----------
    model : whose weights change in place
    fresh : names of weights that learn at ``fresh_rate``
    """

    def __init__(
        self,
        model: Any,
        fresh: frozenset[str],
        pairs: Pairs,
        vocabulary: Vocabulary,
        parameters: WritingParameters,
        seed: int,
    ) -> None:
        import torch

        self.model, self._pairs, self._vocabulary = model, pairs, vocabulary
        self._parameters, self._seed = parameters, seed
        self._learns = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        groups: dict[tuple[float, bool], list[Any]] = {}
        for name, weight in self._learns.items():
            rate = parameters.fresh_rate if name in fresh else parameters.learning_rate
            rate *= FASTER if name.startswith(FAST) else 1
            groups.setdefault((rate, weight.dim() > 1), []).append(weight)
        self._optimizer = torch.optim.AdamW(
            [
                {"params": weights, "lr": rate, "weight_decay": parameters.weight_decay if matrix else 0.0}
                for (rate, matrix), weights in groups.items()
            ],
            betas=BETAS,
            fused=True,
        )
        self._rates = [group["lr"] for group in self._optimizer.param_groups]
        self._weights = (pairs.weights / pairs.weights.mean()).astype(np.float32)
        self._lengths = pairs.source.lengths(pairs.most)[pairs.text] + np.diff(pairs.target.first)
        self._steps = sum(1 for _ in self._batches(0))

    def _batches(self, number: int) -> Any:
        return filled_batches(self._lengths, self._parameters.batch, np.random.default_rng((self._seed, number)))

    def epoch(self, number: int) -> None:
        """Learn from every pair once; epochs count from 0."""
        import torch

        torch.manual_seed(int(np.random.SeedSequence((self._seed, number)).generate_state(1)[0]))
        self.model.train()
        word_parts.tell(self.model, self._pairs.parts)
        for place, rows in enumerate(self._batches(number)):
            self._loss(rows).backward()
            self._step(number * self._steps + place)
        self.model.eval()

    def _step(self, done: int) -> None:
        total = self._steps * self._parameters.epochs
        share = share_of_rate(done, total, self._parameters.warm_up)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * share
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def _loss(self, rows: npt.NDArray[np.int64]) -> Any:
        """The weighted cross-entropy of some outputs' tokens; codes that a text says nothing of are no choices there."""
        import torch

        pairs, device = self._pairs, self.model.device
        ids, mask = (
            torch.from_numpy(part).to(device) for part in block(pairs.source, pairs.text[rows], pairs.most, pairs.pad)
        )
        target = pairs.target.padded(rows, int(np.diff(pairs.target.first)[rows].max()), IGNORED)
        before = np.c_[pairs.start[rows], np.where(target == IGNORED, pairs.pad, target)[:, :-1]]
        wanted = torch.from_numpy(target).to(device)
        with torch_runtime.learning(device.type):
            logits = self.model(
                input_ids=ids,
                attention_mask=mask,
                decoder_input_ids=torch.from_numpy(before).to(device),
                use_cache=False,
            ).logits
        logits = logits.float().masked_fill(self._never(rows, logits.shape[-1]).to(device)[:, None], -torch.inf)
        if pairs.unknown is not None:
            logits = logits + self._barred(pairs.unknown, rows, logits.shape[-1]).to(device)[:, None]
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="none"
        )
        weights = torch.from_numpy(self._weights[rows]).to(device)
        return (loss.view(wanted.shape).sum(1) * weights).sum() / (wanted != IGNORED).sum()

    def _never(self, rows: npt.NDArray[np.int64], size: int) -> Any:
        """Which tokens the grammar never lets some outputs have, (n_rows, size): codes in a text, pieces among codes."""
        import torch

        words, first = self._vocabulary, self._vocabulary.first_code
        token = torch.arange(size)
        code = (token >= first) & (token < first + words.n_labels)
        piece = (token < first) & (token != words.end) & (token != words.separator)
        kind = torch.from_numpy(self._pairs.kind[rows])
        return torch.where(
            (kind == TEXT)[:, None], code, (kind == CODES)[:, None] & (piece | (token == words.separator))
        )

    def _barred(self, unknown: csr_array, rows: npt.NDArray[np.int64], size: int) -> Any:
        """What is added to the logits of some outputs' tokens, (n_rows, size)."""
        import torch

        some = unknown[self._pairs.text[rows]]
        found = torch.zeros(len(rows), size)
        row = np.repeat(np.arange(len(rows)), np.diff(some.indptr))
        found[row, self._vocabulary.code(some.indices)] = -torch.inf
        return found

    def save(self, folder: Path, done: int) -> None:
        """Leave all that the next epoch needs, whole or not at all."""
        state = self._optimizer.state_dict()["state"]
        moved = {f"{place}.{name}": value for place, part in state.items() for name, value in part.items()}
        checkpoints.save(folder, self._learns, moved, done)

    def restore(self, folder: Path | None) -> int:
        """Take up what :meth:`save` left; how many epochs were done, 0 where nothing was left."""
        moved: Mapping[str, Any]
        done, moved = checkpoints.restore(folder, self._learns, str(self.model.device))
        if done:
            state: dict[int, dict[str, Any]] = {}
            for name, value in moved.items():
                place, _, part = name.partition(".")
                state.setdefault(int(place), {})[part] = value
            self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": state})
        return done
