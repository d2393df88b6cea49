"""Encoder: a pretrained language model under a head of one logit a code (transformers, PyTorch).

Devlin, Chang, Lee, Toutanova. BERT. NAACL 2019; Huang, Tsai, Chen. PLM-ICD. Clinical NLP 2022.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_array

from harness.corpus.certificate import LabelSet, strings
from harness.corpus.knowledge import Knowledge
from harness.errors import SpaceError
from harness.families.family import (
    Context,
    Examples,
    Parameters,
    Units,
    no_scores,
    probabilities,
    sparsify,
    stack,
)
from harness.families.losses import LossName
from harness.families.torch_parts import body, checkpoints, frozen, heads, pretrained, torch_runtime
from harness.families.torch_parts.finetuning import Course, Material, TuningParameters, beside
from harness.families.torch_parts.heads import Head
from harness.families.torch_parts.tokens import Tokens, tokenizer_key, tokens
from harness.families.torch_parts.torch_losses import MEANT
from harness.families.torch_parts.widths import alike, block, most_tokens


class EncoderParameters(TuningParameters):
    """A base model, what is kept and tuned of it, and the head above.

    ``base``: ``minilm``, or the absolute path of a Hugging Face folder; ``start``: with its weights, with those that
    went on learning the corpus' own texts, or with fresh ones. ``layers`` are kept, 0 for all; the lowest ``frozen`` of
    them, with the embeddings, do not learn, and their output is computed once. ``tuning``: all other weights, or
    products of rank ``rank`` beside them. Fresh weights all learn, whatever these say. ``length``: tokens of a text
    that are read. ``pooling`` is of the pooled head alone. ``hits``: the logit that a hit of the code list adds at
    first; 0 leaves hits out. ``share`` of the training texts that is learnt from.
    """

    base: str = pretrained.PACKAGED
    start: Literal["pretrained", "adapted", "random"] = "pretrained"
    layers: int = Field(0, ge=0, le=48)
    frozen: int = Field(0, ge=0, le=48)
    tuning: Literal["full", "lora"] = "full"
    rank: int = Field(8, ge=1, le=256)
    length: int = Field(128, ge=8, le=512)
    head: heads.Kind = "label_attention"
    pooling: heads.Pooling = "mean"
    hits: float = Field(2.0, ge=0.0, le=10.0)
    share: float = Field(1.0, gt=0.0, le=1.0)


class Encoder:
    """A language model that has read much text learns to code with few examples."""

    name: ClassVar[str] = "encoder"
    kind: ClassVar[str] = "transfer"
    needs: ClassVar[float] = 0.5
    reports: ClassVar[bool] = True
    Parameters: ClassVar[type[Parameters]] = EncoderParameters

    def fit(
        self,
        train: Examples,
        validation: Units | None,
        knowledge: Knowledge,
        parameters: EncoderParameters,
        context: Context,
    ) -> EncoderModel:
        device = torch_runtime.settle(context.threads, context.device)
        model = _base(parameters, context).to(device)
        reader = _reader(model, parameters, context)
        learnt = _sampled(_without_hits(train, parameters), parameters.share, context.seed)
        head = _head(learnt, knowledge, model, reader, parameters, context.seed)
        with tempfile.TemporaryDirectory(prefix="harness-") as folder:
            material = _material(learnt, model, reader, parameters, context, Path(folder))
            low = _frozen(parameters, model)
            body.freeze(model, low)
            if parameters.tuning == "lora" and parameters.start != "random":
                body.low_rank(model, parameters.rank, low)
            course = Course(model, head.to(device), material, low, parameters, context.seed)
            return _followed(course, model, reader, validation, parameters, context)

    def load(self, folder: Path, device: str) -> EncoderModel:
        from safetensors.torch import load_file

        place = torch_runtime.place(device)
        description = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
        model = pretrained.encoder(folder, layers=0, random=False, seed=0).to(place).eval()
        head = Head(description["pooling"], load_file(folder / "head.safetensors", place))
        reader = Reader(pretrained.tokenizer(folder), description["length"])
        return EncoderModel(model, head, reader, description["loss"], description["steps"])

    def most_steps(self, parameters: EncoderParameters) -> int:
        return parameters.epochs


@dataclass(frozen=True, slots=True)
class Reader:
    """From texts to blocks of tokens of which at most ``length`` are read."""

    tokenizer: Any
    length: int

    @property
    def most(self) -> int:
        return most_tokens(self.length, self.tokenizer)

    def read(self, units: Units, cache: Path | None = None) -> Tokens:
        return tokens(units.text, self.tokenizer, tokenizer_key(self.tokenizer), cache)

    def block(self, found: Tokens, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        return block(found, rows, self.most, self.tokenizer.pad_token_id)


@dataclass(frozen=True, slots=True)
class EncoderModel:
    """An encoder and a head that have learnt, by a loss that says what their logits mean."""

    model: Any
    head: Head
    reader: Reader
    loss: LossName
    steps: int

    def predict(self, units: Units) -> csr_array:
        return self.scores(units, self.reader.read(units))

    def scores(self, units: Units, found: Tokens) -> csr_array:
        """Scores of units whose tokens are known; (n, n_labels)."""
        import torch

        n_labels = len(self.head.tensors["bias"])
        if not len(units):
            return no_scores(0, n_labels)
        device, meant = str(self.model.device.type), MEANT[self.loss]
        parts, order = [], []
        for rows in alike(found.lengths(self.reader.most), n_labels):
            ids, mask = (torch.from_numpy(part).to(device) for part in self.reader.block(found, rows))
            with torch.inference_mode(), torch_runtime.scoring(device):
                hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
                logits = self.head.logits(hidden, mask, beside(units, rows, device))
            parts.append(sparsify(probabilities(meant.log_odds(logits.float().cpu().numpy()))))
            order.append(rows)
        return csr_array(stack(parts)[np.argsort(np.concatenate(order), kind="stable")])

    def save(self, folder: Path) -> None:
        from safetensors.torch import save_file

        self.model.save_pretrained(folder)
        self.reader.tokenizer.save_pretrained(folder)
        save_file(
            {name: tensor.contiguous() for name, tensor in self.head.tensors.items()}, folder / "head.safetensors"
        )
        description = {
            "pooling": self.head.pooling,
            "length": self.reader.length,
            "loss": self.loss,
            "steps": self.steps,
        }
        (folder / "encoder.json").write_text(json.dumps(description, sort_keys=True), encoding="utf-8")


def _folder(parameters: EncoderParameters, context: Context) -> Path:
    """Where the base model lies that the fit starts from."""
    if parameters.start != "adapted":
        return pretrained.base_folder(parameters.base)
    if context.adapted is None:
        raise SpaceError("start must be pretrained or random where no base model was adapted, but got 'adapted'")
    return context.adapted


def _base(parameters: EncoderParameters, context: Context) -> Any:
    """The encoder before its first step, ready to score."""
    return pretrained.encoder(
        _folder(parameters, context),
        layers=parameters.layers,
        random=parameters.start == "random",
        seed=context.seed,
    ).eval()


def _reader(model: Any, parameters: EncoderParameters, context: Context) -> Reader:
    """What reads as many tokens as are asked for and the model has places for, whatever its tokenizer promises."""
    tokenizer = pretrained.tokenizer(_folder(parameters, context))
    return Reader(tokenizer, min(parameters.length, pretrained.room(model.config, tokenizer)))


def _frozen(parameters: EncoderParameters, model: Any) -> int:
    """How many layers are frozen of those that are there; of fresh weights none is."""
    return 0 if parameters.start == "random" else min(parameters.frozen, model.config.num_hidden_layers)


def _without_hits(train: Examples, parameters: EncoderParameters) -> Examples:
    return train if parameters.hits else replace(train, units=replace(train.units, hits=None))


def _sampled(train: Examples, share: float, seed: int) -> Examples:
    """A share of the texts of certificates, drawn under the seed, and all terms of list and dictionaries."""
    of_certificates = np.flatnonzero(train.times > 0)
    kept = np.random.default_rng(seed).permutation(of_certificates)[: max(1, round(share * len(of_certificates)))]
    rows = np.sort(np.r_[kept, np.flatnonzero(train.times == 0)])
    if len(rows) == len(train):
        return train
    return replace(
        train,
        units=train.units.take(rows),
        y=csr_array(train.y[rows]),
        weights=train.weights[rows],
        times=train.times[rows],
        era=train.era[rows],
    )


def _head(
    learnt: Examples, knowledge: Knowledge, model: Any, reader: Reader, parameters: EncoderParameters, seed: int
) -> Head:
    import torch

    torch.manual_seed(seed)
    units, width, meant = learnt.units, model.config.hidden_size, MEANT[parameters.loss]
    head = heads.initial(
        meant.logits(learnt.log_odds()).astype(np.float32),
        width,
        parameters.pooling if parameters.head == "pooled" else None,
        hits=(0 if units.hits is None else units.hits.shape[1], parameters.hits),
        covariates=0 if units.covariates is None else units.covariates.shape[1],
    )
    if parameters.head != "titles":
        return head
    labels = LabelSet((*learnt.labels.codes, *learnt.listed.codes))
    return heads.titled(head, _titles(labels, knowledge, model, reader), float(meant.logits(np.array(_unseen(learnt)))))


def _unseen(learnt: Examples) -> float:
    """The log-odds of a code without examples: all of them together stand on as many as the codes of one example do.

    References
    ----------
    Good. The Population Frequencies of Species and the Estimation of Population Parameters. Biometrika 1953.
    """
    once = int((np.asarray(learnt.times @ learnt.y) == 1.0).sum())
    each = min(0.5, max(1, once) / max(1, len(learnt.listed)))  # half an example at most
    return float(np.log(each / max(1.0, learnt.root_weights().sum())))


def _titles(labels: LabelSet, knowledge: Knowledge, model: Any, reader: Reader) -> npt.NDArray[np.float32]:
    """The mean hidden state of each label's title, zeros where it has none; (n_labels, width)."""
    import torch

    listed = {} if knowledge.code_list is None else knowledge.code_list.by_code
    titles = [listed[code].title if code in listed else "" for code in labels.codes]
    some = np.array([place for place, title in enumerate(titles) if title], dtype=np.int64)
    found = np.zeros((len(labels), model.config.hidden_size), dtype=np.float32)
    read = reader.read(Units(strings([titles[place] for place in some])))
    for rows in alike(read.lengths(reader.most)):
        ids, mask = (torch.from_numpy(part).to(model.device) for part in reader.block(read, rows))
        with torch.inference_mode():
            hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
            found[some[rows]] = heads.POOLINGS["mean"](hidden, mask).cpu().numpy()
    return found


def _material(
    learnt: Examples, model: Any, reader: Reader, parameters: EncoderParameters, context: Context, temporary: Path
) -> Material:
    """What is learnt from; with the frozen layers' output where there are some, shared by all fits that have a cache."""
    found = reader.read(learnt.units, context.cache)
    material = Material(learnt, found, reader.most, reader.tokenizer.pad_token_id)
    width, low = model.config.hidden_size, _frozen(parameters, model)
    if not low or not frozen.fits(found, reader.most, width):
        return material
    device = str(model.device.type)
    below = body.lower(model, low)

    def compute(ids: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
        import torch

        with torch.inference_mode(), torch_runtime.learning(device):
            states = below(torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device))
        return states.float().cpu().numpy()  # type: ignore[no-any-return]

    rounded = torch_runtime.fast_bf16(device)
    key = f"{pretrained.fingerprint(_folder(parameters, context))} {low} {device} {rounded}"
    home = (context.cache or temporary) / "frozen"
    states = frozen.kept(found, reader.most, reader.tokenizer.pad_token_id, width, compute, key, home)
    return replace(material, hidden=states)


def _followed(
    course: Course,
    model: Any,
    reader: Reader,
    validation: Units | None,
    parameters: EncoderParameters,
    context: Context,
) -> EncoderModel:
    """The model after its epochs, or after those that its deadline allows; each is reported when it is safe."""

    def now(done: int) -> EncoderModel:
        """The model as it stands; where low-rank products learn, a copy that has them merged."""
        return EncoderModel(body.merged(model), course.head.settled(), reader, parameters.loss, done)

    def reported(done: int) -> None:
        if seen is not None and validation is not None and context.report is not None:
            context.report(done, now(done).scores(validation, seen))

    seen = None if validation is None or context.report is None else reader.read(validation, context.cache)
    return now(checkpoints.follow(course, parameters.epochs, context, reported))
