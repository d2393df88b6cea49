"""Domain adaptation: a base model goes on with filling masked words, on an office's own texts.

References
----------
Gururangan et al. Don't Stop Pretraining: Adapt Language Models to Domains and Tasks. ACL 2020.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harness.corpus.store import once
from harness.errors import CorpusError, SpaceError
from harness.families.torch_parts import pretrained
from harness.families.torch_parts.tokens import Tokens, filled_batches, texts_key, tokens
from harness.families.torch_parts.torch_runtime import learning, settle
from harness.files import Row, read_json, write_json

RECORD = "adaptation.json"
MASKED = 0.15  # of a text's tokens
HELD_BACK = 0.05  # of the texts, for measuring
MOST_HELD_BACK = 1_000
WARM_UP = 0.06  # of the way
HEAD_ALONE = 0.1  # of the way, where the base came without a head
HEAD_RATE = 1e-3
BATCH = {"cpu": 512, "gpu": 8_192}  # tokens


@dataclass(frozen=True, slots=True)
class Settings:
    """How a base model is adapted.

    Attributes
    ----------
    seconds : wall time at most; where it is None, equal seeds give equal models
    epochs : passes over the texts at most
    length : longer texts are read in runs of so many tokens
    rate : the highest learning rate, between a warm-up and a linear decay to 0
    device : "cpu" or "gpu"
    """

    seconds: float | None = None
    epochs: int = 10
    seed: int = 0
    length: int = 128
    rate: float = 5e-4
    device: str = "cpu"
    threads: int = 1


def name(base: Path, texts: pa.Array, counts: npt.NDArray[np.int64], settings: Settings) -> str:
    """What the adapted form of a base model is called: by the model, the texts and all that shapes it but the threads."""
    parts = (
        pretrained.fingerprint(base),
        texts_key(texts),
        counts.astype(np.int64).tobytes(),
        replace(settings, threads=1),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def adapt(base: Path, texts: pa.Array, counts: npt.NDArray[np.int64], out: Path, settings: Settings) -> Row:
    """Write the adapted form of a base model as a Hugging Face folder of its own, whole or not at all.

    Parameters
    ----------
    base : a Hugging Face folder
    texts : (n,) different texts
    counts : (n,) how often each stands in the corpus; a text counts with the root of that
    out : the new folder; where another process was faster, its folder stays

    Returns
    -------
    The record that lies in the folder. ``loss_before`` and ``loss_after`` are nats a masked token of texts that were
    held back. A base that comes without a head for masked words gets a new one, which learns alone at first, and
    "before" is when it has.

    Raises
    ------
    CorpusError
        There are not two texts with words.
    SpaceError
        The base has no token for what is masked.
    """
    started = time.monotonic()
    with once(out.parent) as (temporary, keep):
        learner = _Learner(base, settings)
        found = tokens(texts, learner.tokenizer, "", None)
        record = _Course(settings, started).run(learner, found, np.sqrt(counts.astype(np.float64)))
        learner.save(temporary / out.name)
        record = {**record, "seconds": round(time.monotonic() - started, 1)}
        write_json(temporary / out.name / RECORD, record)
        return read_json(keep(out.name, out.name) / RECORD)


@dataclass(frozen=True, slots=True)
class Runs:
    """Texts in runs of at most some tokens, with their weights and lengths, all (n,)."""

    tokens: Tokens
    weights: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int64]

    @classmethod
    def of(cls, found: Tokens, weights: npt.NDArray[np.float64], texts: npt.NDArray[np.int64], most: int) -> Runs:
        """Part some texts; nothing of them is left out."""
        start, stop = found.first[texts], found.first[texts + 1]
        pieces = -(-(stop - start) // most)
        text = np.repeat(np.arange(len(texts)), pieces)
        begin = start[text] + (np.arange(len(text)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) * most
        lengths = np.minimum(stop[text] - begin, most)
        first = np.r_[np.int64(0), np.cumsum(lengths)]
        ids = found.ids[np.repeat(begin - first[:-1], lengths) + np.arange(first[-1])]
        return cls(Tokens(ids, first), weights[texts][text], lengths)


@dataclass
class _Course:
    """The way from the base to its adapted form: how far it is, and what is measured on it."""

    settings: Settings
    started: float
    measuring: float = 0.0  # seconds that one measurement takes
    late: bool = False

    def run(self, learner: _Learner, found: Tokens, weights: npt.NDArray[np.float64]) -> Row:
        rng = np.random.default_rng(self.settings.seed)
        order = rng.permutation(learner.with_words(found))
        if len(order) < 2:
            raise CorpusError("domain adaptation needs at least two different texts with words")
        n_held = min(MOST_HELD_BACK, max(1, round(HELD_BACK * len(order))))
        held = Runs.of(found, weights, np.sort(order[:n_held]), learner.room)
        train = Runs.of(found, weights, np.sort(order[n_held:]), learner.room)
        whole, seen, steps, before = int(train.lengths.sum()), 0, 0, None
        for rows in self._endless(train, rng):
            done = self._done(seen / whole)
            if done >= 1.0:
                break
            if before is None and done >= learner.alone:
                before = self._measured(learner, held)
            learner.step(train, rows, rng, done)
            seen, steps = seen + int(train.lengths[rows].sum()), steps + 1
        return {
            "texts": len(order),
            "epochs": round(seen / whole, 3),
            "steps": steps,
            "ended_by": "time" if self.late else "epochs",
            "loss_before": before,
            "loss_after": self._measured(learner, held),
            "new_head": learner.alone > 0.0,
        }

    def _endless(self, train: Runs, rng: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
        while True:
            yield from filled_batches(train.lengths, BATCH[self.settings.device], rng)

    def _done(self, epochs: float) -> float:
        """The share of the way that is done: of the epochs, or of the time where that is further."""
        done = epochs / self.settings.epochs
        if self.settings.seconds is None or epochs == 0.0:  # even a late one takes a step
            return done
        spent = (time.monotonic() - self.started + self.measuring) / self.settings.seconds
        self.late = spent >= 1.0 > done
        return max(done, spent)

    def _measured(self, learner: _Learner, held: Runs) -> float:
        began = time.monotonic()
        found = learner.loss(held)
        self.measuring = time.monotonic() - began
        return round(found, 4)


class _Learner:
    """A base model with its head for masked words, and what trains both."""

    def __init__(self, base: Path, settings: Settings) -> None:
        self._device = settle(settings.threads, settings.device)
        pretrained.quiet()
        import torch
        from transformers import AutoModelForMaskedLM

        torch.manual_seed(settings.seed)  # of the new head, and of dropout
        config = pretrained.configuration(base)
        self.tokenizer = pretrained.tokenizer(base)
        if self.tokenizer.mask_token_id is None:
            raise SpaceError(f"base must have a mask token to be adapted, but {base} has none")
        self.room = min(settings.length, pretrained.room(config, self.tokenizer))
        self._settings = settings
        model, loaded = AutoModelForMaskedLM.from_pretrained(
            base, config=config, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
        self._model = model.to(self._device)
        body = {id(parameter) for parameter in model.base_model.parameters()}
        head = {name: parameter for name, parameter in model.named_parameters() if id(parameter) not in body}
        self.alone = HEAD_ALONE if set(head) & set(loaded["missing_keys"]) else 0.0
        self._optimizer = torch.optim.AdamW(
            [
                {"params": list(model.base_model.parameters()), "highest": settings.rate},
                {"params": list(head.values()), "highest": HEAD_RATE if self.alone else settings.rate},
            ],
            betas=(0.9, 0.98),
            eps=1e-6,
            weight_decay=0.01,
            fused=True,
        )
        self._special = np.array(self.tokenizer.all_special_ids)
        self._chosen: Any = None
        model.base_model.register_forward_hook(self._only_chosen)

    def with_words(self, found: Tokens) -> npt.NDArray[np.int64]:
        """The texts that have more than special tokens."""
        words = np.r_[0, np.cumsum(~np.isin(found.ids, self._special))]
        return np.flatnonzero(np.diff(words[found.first]))

    def _only_chosen(self, _module: Any, _inputs: Any, output: Any) -> Any:
        """Hand the head the masked tokens alone: the words it chooses among are many thousand."""
        output.last_hidden_state = output.last_hidden_state[self._chosen].unsqueeze(0)
        return output

    def step(self, runs: Runs, rows: npt.NDArray[np.int64], rng: np.random.Generator, done: float) -> None:
        """Learn from one batch; ``done`` is the share of the way before it."""
        import torch

        self._model.train()
        head_alone = done < self.alone
        for number, group in enumerate(self._optimizer.param_groups):
            group["lr"] = group["highest"] * self._pace(done, body=number == 0)
        self._model.base_model.requires_grad_(not head_alone)
        nats, weights = self._nats(runs, rows, rng)
        self._optimizer.zero_grad(set_to_none=True)
        (nats @ weights / weights.sum().clamp_min(1e-9)).backward()  # a run may have no word
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()

    def _pace(self, done: float, *, body: bool) -> float:
        """The share of the highest learning rate: it rises along the warm-up and falls from there to the end."""
        begin = self.alone if body else 0.0
        return max(0.0, min((done - begin) / WARM_UP, (1.0 - done) / (1.0 - begin - WARM_UP)))

    def loss(self, runs: Runs) -> float:
        """Nats a masked token; always over the same masks."""
        import torch

        self._model.eval()
        rng = np.random.default_rng([self._settings.seed, 1])
        total = weight = 0.0
        with torch.no_grad():
            for rows in filled_batches(runs.lengths, BATCH[self._settings.device], rng):
                nats, weights = self._nats(runs, rows, rng)
                total, weight = total + float(nats @ weights), weight + float(weights.sum())
        return total / weight

    def _nats(self, runs: Runs, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> tuple[Any, Any]:
        """The loss of each masked token of a batch, and its weight."""
        import torch

        ids = runs.tokens.padded(rows, self.room, self.tokenizer.pad_token_id)
        filled = np.arange(ids.shape[1]) < runs.lengths[rows][:, None]
        chosen = choose(filled & ~np.isin(ids, self._special), rng)
        shown = hide(ids, chosen, self.tokenizer.mask_token_id, len(self.tokenizer), rng)
        target, weights = ids[chosen], runs.weights[rows][np.nonzero(chosen)[0]].astype(np.float32)
        shown, filled, self._chosen, target, weights = (
            torch.from_numpy(part).to(self._device) for part in (shown, filled, chosen, target, weights)
        )
        with learning(self._device):
            logits = self._model(input_ids=shown, attention_mask=filled.long()).logits[0]
        return torch.nn.functional.cross_entropy(logits.float(), target, reduction="none"), weights

    def save(self, folder: Path) -> None:
        self._model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def choose(words: npt.NDArray[np.bool_], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which of a batch's words are to be guessed: each with the same chance, and at least one of a text that has any."""
    drawn = np.where(words, rng.random(words.shape), 2.0)
    chosen: npt.NDArray[np.bool_] = words & ((drawn < MASKED) | (drawn == drawn.min(axis=1, keepdims=True)))
    return chosen


def hide(
    ids: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_], mask: int, n_words: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """The batch as the model sees it: of the chosen tokens 80 % are masked, 10 % are others, 10 % stay (Devlin 2019)."""
    drawn = rng.random(ids.shape)
    others = rng.integers(0, n_words, size=ids.shape)
    return np.where(chosen & (drawn < 0.8), mask, np.where(chosen & (drawn >= 0.9), others, ids))
