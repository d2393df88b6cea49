"""Seq2seq: an encoder-decoder that writes codes, or the experts' wording and codes (transformers, PyTorch).

Sutskever, Vinyals, Le. Sequence to Sequence Learning with Neural Networks. NeurIPS 2014. Coding of certificates by
it: Tutubalina, Miftahutdinov. An Encoder-Decoder Model for ICD-10 Coding of Death Certificates. 2017.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field
from scipy.sparse import csr_array, load_npz, save_npz, vstack

from harness.corpus.certificate import LineCodes, strings
from harness.corpus.knowledge import Knowledge
from harness.families.family import Context, Examples, Parameters, Units, Written, no_scores, stack
from harness.families.torch_parts import (
    checkpoints,
    decoding,
    outputs,
    own_tokens,
    pretrained,
    small_t5,
    torch_runtime,
    word_parts,
    writers,
)
from harness.families.torch_parts.outputs import Task, Terms, Vocabulary, Writes
from harness.families.torch_parts.small_t5 import HEAD_SIZE, Sizes
from harness.families.torch_parts.tokens import Tokens, tokenizer_key, tokens
from harness.families.torch_parts.translating import CODES, PAIRS, TEXT, Course, Pairs, WritingParameters
from harness.families.torch_parts.widths import STEP, alike, block
from harness.families.torch_parts.word_parts import WordReader

KINDS: dict[Writes, int] = {"codes": CODES, "text": TEXT, "pairs": PAIRS}
_SLACK = 8  # tokens by which an output may be longer than those of training: it cannot go round in circles for long
WRITES: dict[Task, tuple[Writes, ...]] = {"code": ("codes",), "normalise": ("pairs",), "joint": ("codes", "text")}


class Seq2SeqParameters(WritingParameters):
    """What is written, by which network.

    ``task``: the codes alone; each term in the experts' wording, then its code; or both apart, by one network.
    ``base``: ``fresh``, a small T5 that learns from nothing; ``minilm``, or the absolute path of a Hugging Face folder:
    an encoder gets a fresh decoder, an encoder-decoder such as T5 or BART is tuned whole. ``input``: what a fresh one
    reads, words as the sum of their parts in 2 to the power of ``buckets_log2`` buckets, or the pieces that it writes;
    ``by_code``: whether each of its codes also looks at the text by itself, whatever has been written.
    ``pieces`` and ``vocabulary`` are of the tokenizer that is learnt where the base brings none. ``layers``: of a fresh
    encoder, or kept of a pretrained one, 0 for all. ``length``: words or tokens of a text that are read; ``longest``:
    tokens of an output.
    ``beams``: 1 writes the surest token at each place; more keep so many outputs, whose probabilities the scores are.
    """

    task: Task = "code"
    base: str = pretrained.FRESH
    input: Literal["words", "pieces"] = "words"
    buckets_log2: int = Field(15, ge=8, le=22)
    by_code: bool = True
    pieces: own_tokens.Pieces = "subwords"
    vocabulary: int = Field(2000, ge=32, le=100_000)
    width: int = Field(128, ge=HEAD_SIZE, le=2048, multiple_of=HEAD_SIZE)
    layers: int = Field(2, ge=0, le=48)
    decoder_layers: int = Field(1, ge=1, le=24)
    length: int = Field(64, ge=8, le=512)
    longest: int = Field(128, ge=4, le=writers.PLACES)
    beams: int = Field(1, ge=1, le=16)


class Seq2Seq:
    """An output is a sentence: the codes of a text in the order in which an expert would give them."""

    name: ClassVar[str] = "seq2seq"
    kind: ClassVar[str] = "encoder-decoder"
    needs: ClassVar[float] = 0.5
    reports: ClassVar[bool] = True
    Parameters: ClassVar[type[Parameters]] = Seq2SeqParameters

    def fit(
        self,
        train: Examples,
        validation: Units | None,
        knowledge: Knowledge,
        parameters: Seq2SeqParameters,
        context: Context,
    ) -> Seq2SeqModel:
        device = torch_runtime.settle(context.threads, context.device)
        entries = _entries(train)
        known, term = outputs.terms(entries, train.times, len(train.labels))
        network, reader, vocabulary, known = _network(train, known, parameters, context)
        most_codes = int(np.diff(entries.first_code).max(initial=1)) + 1
        model = Seq2SeqModel(
            network.model.to(device).eval(), reader, vocabulary, known, parameters.task, most_codes,
            parameters.longest, parameters.beams, 0,
        )  # fmt: skip
        pairs = _pairs(train, term, model, context.cache)
        written = int(np.diff(pairs.target.first).max())
        model = replace(model, longest=min(model.longest, written + _SLACK))
        course = Course(model.network, network.fresh, pairs, vocabulary, parameters, context.seed)

        def reported(done: int) -> None:
            if seen is not None and validation is not None and context.report is not None:
                context.report(done, *model.written(validation, seen))

        seen = None if validation is None or context.report is None else reader.read(validation, context.cache)
        done = checkpoints.follow(course, parameters.epochs, context, reported)
        return replace(model, steps=done)

    def load(self, folder: Path, device: str) -> Seq2SeqModel:
        said = json.loads((folder / "seq2seq.json").read_text(encoding="utf-8"))
        known = Terms(strings(said["terms"]), said["ids"], csr_array(load_npz(folder / "terms.npz")))
        reads = folder / "reader"
        reader = Reader(pretrained.tokenizer(reads) if reads.exists() else None, **said["reader"])
        return Seq2SeqModel(
            writers.load(folder / "network").to(torch_runtime.place(device)),
            reader,
            Vocabulary(**said["vocabulary"]),
            known,
            said["task"],
            said["most_codes"],
            said["longest"],
            said["beams"],
            said["steps"],
        )

    def most_steps(self, parameters: Seq2SeqParameters) -> int:
        return parameters.epochs


@dataclass(frozen=True, slots=True)
class Source:
    """Texts as numbers of tokens, or of words whose parts stand beside; ``most`` of each are read."""

    tokens: Tokens
    most: int
    pad: int
    parts: csr_array | None = None

    def block(self, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        return block(self.tokens, rows, self.most, self.pad)


@dataclass(frozen=True, slots=True)
class Reader:
    """From texts to tokens or words, of which at most ``length`` are read; before them one a value of covariates.

    Attributes
    ----------
    tokenizer : that reads tokens, or None where words are read
    length : of a text, without covariates
    first_value : the token of the first value
    n_values : of covariates; 0 where they are not read
    buckets : that the parts of words are hashed into
    """

    tokenizer: Any
    length: int
    first_value: int = 0
    n_values: int = 0
    buckets: int = 0

    @property
    def features(self) -> int:
        """How many vectors words are made of; 0 where tokens are read."""
        return 0 if self.tokenizer is not None else self.buckets + self.n_values

    @property
    def words(self) -> WordReader:
        return WordReader(self.length, self.buckets, self.n_values)

    def read(self, units: Units, cache: Path | None = None) -> Source:
        most = max(STEP, self.length // STEP * STEP)
        if self.tokenizer is None:
            found, parts = self.words.read(units)
            first, pad = 1, 0
        else:
            found, parts = tokens(units.text, self.tokenizer, tokenizer_key(self.tokenizer), cache), None
            first, pad = self.first_value, self.tokenizer.pad_token_id
        if self.n_values and units.covariates is not None:
            found = _after_values(found, units.covariates, first)
        return Source(found, most, pad, parts)


def _after_values(found: Tokens, values: csr_array, first_value: int) -> Tokens:
    """Each text's tokens, and before them one for each value that its certificate has."""
    more = np.diff(values.indptr)
    first = found.first + np.r_[0, np.cumsum(more)]
    ids = np.empty(int(first[-1]), dtype=np.int32)
    before = np.zeros(len(ids), dtype=bool)
    before[np.arange(more.sum()) - np.repeat(values.indptr[:-1], more) + np.repeat(first[:-1], more)] = True
    ids[before], ids[~before] = first_value + values.indices, found.ids
    return Tokens(ids, first)


@dataclass(frozen=True, slots=True)
class Seq2SeqModel:
    """A network that has learnt to write, and what it may write.

    Attributes
    ----------
    most_codes : that one output holds, where it holds codes alone
    longest : tokens of an output
    """

    network: Any
    reader: Reader
    vocabulary: Vocabulary
    known: Terms
    task: Task
    most_codes: int
    longest: int
    beams: int
    steps: int

    def predict(self, units: Units) -> csr_array:
        return self.write(units)[0]

    def write(self, units: Units) -> tuple[csr_array, Written]:
        return self.written(units, self.reader.read(units))

    def written(self, units: Units, found: Source) -> tuple[csr_array, Written]:
        """Scores, and what is written, of units whose tokens are known."""
        coding: Writes = WRITES[self.task][0]
        blocks = list(self._blocks(units, found, coding, self.beams))
        if not blocks:
            text = None if self.task == "code" else strings([])
            nothing = Written(np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32), text)
            return no_scores(0, self.vocabulary.n_labels), nothing
        back = np.argsort(np.concatenate([rows for rows, _ in blocks]), kind="stable")
        scores = csr_array(stack([said.scores for _, said in blocks])[back])
        own = _joined([self._back(said.ids, coding) for _, said in blocks], back)
        numbers = [
            None if getattr(blocks[0][1], name) is None
            else np.concatenate([getattr(said, name) for _, said in blocks])[back]
            for name in ("log_probability", "gap")
        ]  # fmt: skip
        text = own.text
        if self.task == "joint":
            blocks = list(self._blocks(units, found, "text", 1))
            text = _joined([self._back(said.ids, "text") for _, said in blocks], back).text
        return scores, Written(own.first, own.columns, text, *numbers)

    def _back(self, ids: npt.NDArray[np.int64], writes: Writes) -> Written:
        return outputs.read_back(ids, self.known, self.vocabulary, writes)

    def _blocks(
        self, units: Units, found: Source, writes: Writes, beams: int
    ) -> Iterator[tuple[npt.NDArray[np.int64], decoding.Said]]:
        """Outputs of texts that are read in one width, and which texts they are."""
        seasons = units.seasons
        grammar = outputs.allowed(writes, self.known, self.vocabulary, self.most_codes, seasons)
        word_parts.tell(self.network, found.parts)
        for rows in alike(found.tokens.lengths(found.most), self.vocabulary.n_labels):
            era = np.zeros(len(rows), dtype=np.int64) if seasons is None else seasons.era[rows]
            yield rows, decoding.decode(
                self.network, *found.block(rows), grammar, era, self.vocabulary, writes,
                longest=self.longest, beams=beams,
            )  # fmt: skip

    def save(self, folder: Path) -> None:
        self.network.save_pretrained(folder / "network")
        if self.reader.tokenizer is not None:
            self.reader.tokenizer.save_pretrained(folder / "reader")
        save_npz(folder / "terms.npz", self.known.codes)
        said = {
            "terms": self.known.text.to_pylist(),
            "ids": [list(map(int, ids)) for ids in self.known.ids],
            "vocabulary": {name: getattr(self.vocabulary, name) for name in Vocabulary.__slots__},
            "reader": {name: getattr(self.reader, name) for name in ("length", "first_value", "n_values", "buckets")},
            **{name: getattr(self, name) for name in ("task", "most_codes", "longest", "beams", "steps")},
        }
        (folder / "seq2seq.json").write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Network:
    """A network before its first step; ``fresh`` names the weights that no pretraining made."""

    model: Any
    fresh: frozenset[str]


def _network(
    train: Examples, known: Terms, parameters: Seq2SeqParameters, context: Context
) -> tuple[Network, Reader, Vocabulary, Terms]:
    """The network of a base, what reads for it, what it writes with, and the terms as its tokens."""
    n_labels = len(train.labels)
    n_values = 0 if train.units.covariates is None else train.units.covariates.shape[1]
    folder = None if parameters.base == pretrained.FRESH else pretrained.base_folder(parameters.base)
    whole = folder is not None and writers.is_whole(folder)
    if folder is not None and whole:
        reads = writes = writers.tokenizer(folder, writes=True)
    else:
        learns = [known.text] if parameters.task != "code" else []
        if folder is None and parameters.input == "pieces":
            learns = [train.units.text, known.text]
        writes = own_tokens.learnt(learns, parameters.pieces, parameters.vocabulary)
        reads = writes if folder is None else writers.tokenizer(folder, writes=False)
    separator = writes.sep_token_id if not whole else len(writes)
    first_code = len(writes) + int(whole)
    vocabulary = Vocabulary(writes.pad_token_id, writes.eos_token_id, separator, first_code, n_labels)
    size = first_code + n_labels
    # An expert may write what looks like a token of the tokenizer's own.
    ids = writes(known.text.to_pylist(), add_special_tokens=False, split_special_tokens=True)["input_ids"]
    known = Terms(known.text, [[separator], *ids[1:]], known.codes)
    tokens_of = {"pad": vocabulary.pad, "end": vocabulary.end, "seed": context.seed}
    by_code = n_labels if folder is None and parameters.by_code else 0
    sizes = Sizes(
        size, parameters.width, parameters.layers, parameters.decoder_layers, parameters.dropout, 0, first_code, by_code
    )
    if folder is None and parameters.input == "words":
        reader = Reader(None, parameters.length, n_values=n_values, buckets=2**parameters.buckets_log2)
        model = small_t5.fresh(replace(sizes, features=reader.features), **tokens_of)
        _copying(model, reader, writes, known, vocabulary, train)
        return Network(model, _names(model)), reader, vocabulary, known
    if folder is None:
        model = small_t5.fresh(replace(sizes, tokens=size + n_values), **tokens_of)
        small_t5.begin_by_copying(model, _told_by_pieces(known, size + n_values, first_code), _log_shares(train))
        fresh, first_value, room = _names(model), size, parameters.length
    elif whole:
        model = writers.whole(folder, size + n_values, context.seed)
        writers.drop_out(model, parameters.dropout)
        places = writers.places(model, folder, parameters.longest)
        fresh, first_value, room = frozenset[str](), size, min(parameters.length, reads.model_max_length, places)
    else:
        body = writers.encoder(folder, parameters.layers, context.seed)
        first_value = body.get_input_embeddings().num_embeddings
        room = min(parameters.length, pretrained.room(body.config, reads))
        model = writers.on_encoder(body, n_values, sizes, **tokens_of)
        fresh = frozenset(name for name in _names(model) if not name.startswith("encoder."))
    return Network(model, fresh), Reader(reads, room, first_value, n_values), vocabulary, known


def _copying(model: Any, reader: Reader, writes: Any, known: Terms, vocabulary: Vocabulary, train: Examples) -> None:
    """Let a network that reads words begin by writing what it reads."""
    pieces = [piece.replace(own_tokens.MARK, "") for piece in writes.convert_ids_to_tokens(range(len(writes)))]
    found, parts = reader.words.read(Units(known.text))
    held = csr_array((np.ones(len(found.ids)), found.ids, found.first), shape=(len(found), parts.shape[0])) @ parts
    told: Any = vstack([reader.words.parts(pieces), outputs.told_by_terms(known, csr_array(held))], format="csr")
    small_t5.begin_by_copying(model, told, _log_shares(train))


def _told_by_pieces(known: Terms, size: int, first_code: int) -> csr_array:
    """For a network that reads the pieces that it writes: what the terms of each code are made of; (size, size)."""
    lengths = [len(ids) for ids in known.ids]
    ids = np.fromiter((piece for row in known.ids for piece in row), dtype=np.int64, count=sum(lengths))
    held = csr_array((np.ones(len(ids)), ids, np.r_[0, np.cumsum(lengths)]), shape=(len(lengths), size))
    held.sum_duplicates()
    told = outputs.told_by_terms(known, held)
    first = np.r_[np.zeros(first_code, dtype=np.int64), told.indptr]
    rest = np.full(size - first_code - told.shape[0], told.nnz)
    return csr_array((told.data, told.indices, np.r_[first, rest]), shape=(size, size))


def _log_shares(train: Examples) -> npt.NDArray[np.float64]:
    """The logarithm of each code's share of all that are given; (n_labels,)."""
    often = np.asarray(train.root_weights() @ train.y).ravel() + 1e-6
    shares: npt.NDArray[np.float64] = np.log(often / often.sum())
    return shares


def _names(model: Any) -> frozenset[str]:
    return frozenset(name for name, _ in model.named_parameters())


def _entries(train: Examples) -> LineCodes:
    if train.entries is None:
        raise ValueError("a family that writes needs examples with their codes in order")
    return train.entries


def _pairs(train: Examples, term: npt.NDArray[np.int64], model: Seq2SeqModel, cache: Path | None) -> Pairs:
    """What the network learns from; a text with a task for codes and one for its wording stands twice."""
    entries = _entries(train)
    weights = train.root_weights()
    text, start, kind, shares, ids, lengths = [], [], [], [], [], []
    for writes in WRITES[model.task]:
        own, first, whole = outputs.sequences(entries, term, model.known, model.vocabulary, writes, model.longest)
        kept = whole if writes == "text" else np.ones(len(whole), dtype=bool)
        rows = np.flatnonzero(kept)
        text.append(rows)
        start.append(np.full(len(rows), model.vocabulary.start(writes)))
        kind.append(np.full(len(rows), KINDS[writes], dtype=np.int8))
        shares.append(weights[rows])
        ids.append(own[np.repeat(kept, np.diff(first))])
        lengths.append(np.diff(first)[rows])
    target = Tokens(np.concatenate(ids).astype(np.int32), np.r_[np.int64(0), np.cumsum(np.concatenate(lengths))])
    source = model.reader.read(train.units, cache)
    return Pairs(
        source.tokens,
        source.most,
        source.pad,
        np.concatenate(text),
        target,
        np.concatenate(start),
        np.concatenate(kind),
        np.concatenate(shares),
        train.unknown_at(np.arange(len(train))) if train.unknown.nnz else None,
        source.parts,
    )


def _joined(parts: list[Written], back: npt.NDArray[np.int64]) -> Written:
    """Several parts one after the other, then in another order."""
    first = np.r_[np.int64(0), np.cumsum(np.concatenate([np.diff(part.first) for part in parts]))]
    texts = [part.text for part in parts if part.text is not None]
    text = pa.concat_arrays(texts) if texts else None
    return Written(first, np.concatenate([part.columns for part in parts]), text).take(back)
