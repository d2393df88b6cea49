"""``python -m benchmarks.encoder``: the encoder's speed against onnxruntime and against a bare PyTorch loop.

One thread each, the same batches, the same network; the median of five pairs, in seconds of the processor, so that
what else runs on the machine does not count.
"""

from __future__ import annotations

import copy
import io
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from harness.config import Synthetic
from harness.corpus.certificate import Corpus
from harness.corpus.knowledge import Knowledge
from harness.corpus.synthetic import generate
from harness.families import frame
from harness.families.encoder import EncoderModel, Reader
from harness.families.examples import FrameParameters, examples
from harness.families.family import Context, Units
from harness.families.runtime import settle
from harness.families.torch_parts import pretrained, torch_runtime
from harness.families.torch_parts.finetuning import Course, Material, TuningParameters
from harness.families.torch_parts.heads import initial
from harness.families.torch_parts.tokens import batches
from harness.families.torch_parts.widths import alike, block

LAYERS = 3
LENGTH = 64
SEED = 0
PAIRS = 5


def ratio(ours: Callable[[], object], peer: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of ours, and how many times as long the peer takes in the same pair, after one pair to warm up."""
    found = []
    for _ in range(1 + PAIRS):
        started = time.process_time()
        ours()
        middle = time.process_time()
        peer()
        found.append((middle - started, (time.process_time() - middle) / (middle - started)))
    seconds, ratios = zip(*found[1:], strict=True)
    return statistics.median(seconds), statistics.median(ratios)


def onnx_session(model: EncoderModel) -> Any:
    """A fitted network as a bare onnxruntime session on one thread: from ids and mask to logits."""
    import onnxruntime
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it speaks of torchvision

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = model.model

        def forward(self, ids: Any, mask: Any) -> Any:
            return model.head.logits(self.body(input_ids=ids, attention_mask=mask).last_hidden_state, mask)

    ids = torch.full((3, 16), 5)
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of PyTorch about itself
        exported = torch.onnx.export(
            Network().eval(),
            (ids, ids > 0),
            dynamo=True,
            dynamic_shapes=(free, free),
            input_names=["ids", "mask"],
            verbose=False,
        )
    exported.save(written)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(written.getvalue(), options, providers=["CPUExecutionProvider"])


def inference(corpus: Corpus) -> tuple[tuple[float, float], tuple[float, float]]:
    """Scoring each distinct line, and whole certificates with their repeats, against a session that is run alone."""
    parameters = {"unit": "line", "layers": LAYERS, "length": LENGTH, "epochs": 1, "hits": 0.0, "share": 0.02}
    fitted = frame.fit("encoder", corpus, None, Knowledge(), parameters, Context(seed=SEED))
    model = fitted.inner
    assert isinstance(model, EncoderModel)
    session = onnx_session(model)
    lines = corpus.texts.lines
    once, every = Units(lines.dictionary_encode().dictionary), Units(lines)
    fed, fed_all = _fed(model.reader, once), _fed(model.reader, every)
    read = model.reader.read(once)
    _agree(model, session, fed)
    return (
        ratio(lambda: model.scores(once, read), lambda: [session.run(None, batch) for batch in fed]),
        ratio(lambda: fitted.predict(corpus.texts), lambda: [session.run(None, batch) for batch in fed_all]),
    )


def _fed(reader: Reader, units: Units) -> list[dict[str, Any]]:
    """The batches that the family scores, as a session takes them."""
    found = reader.read(units)
    parts = (reader.block(found, rows) for rows in alike(found.lengths(reader.most)))
    return [{"ids": ids, "mask": mask} for ids, mask in parts]


def _agree(model: EncoderModel, session: Any, fed: list[dict[str, Any]]) -> None:
    """Both must be the same network."""
    import torch

    for batch in (fed[0], fed[-1]):
        ids, mask = torch.from_numpy(batch["ids"]), torch.from_numpy(batch["mask"])
        with torch.inference_mode():
            ours = model.head.logits(model.model(input_ids=ids, attention_mask=mask).last_hidden_state, mask)
        np.testing.assert_allclose(session.run(None, batch)[0], ours.numpy(), atol=1e-3)


def fit(corpus: Corpus, n: int) -> tuple[float, float]:
    """An epoch of the family's training over ``n`` lines, against a bare loop over the same batches."""
    import torch

    found = examples(corpus, FrameParameters(unit="line"))
    rows = np.arange(min(n, len(found)))
    learnt = replace(
        found,
        units=found.units.take(rows),
        y=found.y[rows],
        weights=found.weights[rows],
        times=found.times[rows],
        era=found.era[rows],
    )
    folder = pretrained.base_folder(pretrained.PACKAGED)
    reader = Reader(pretrained.tokenizer(folder), LENGTH)
    material = Material(learnt, reader.read(learnt.units), reader.most, reader.tokenizer.pad_token_id)
    parameters = TuningParameters()
    model = pretrained.encoder(folder, layers=LAYERS, random=False, seed=SEED)
    torch.manual_seed(SEED)
    head = initial(
        np.zeros(len(learnt.labels), np.float32), model.config.hidden_size, None, hits=(0, 0.0), covariates=0
    )
    bare = _BareLoop(copy.deepcopy(model), head.to("cpu"), material, parameters)
    course = Course(model, head.to("cpu"), material, 0, parameters, SEED)
    return ratio(lambda: course.epoch(0), bare.epoch)


class _BareLoop:
    """What one would write by hand: batches that lie ready, forward, loss, backward, step."""

    def __init__(self, model: Any, head: Any, material: Material, parameters: TuningParameters) -> None:
        import torch

        self._model, self._head, self._dropout = model.train(), head, parameters.dropout
        weights = [{"params": list(model.parameters()), "lr": parameters.learning_rate}]
        weights.append({"params": list(head.trained.values()), "lr": parameters.head_rate})
        self._optimizer = torch.optim.AdamW(weights, fused=True)
        lengths = material.tokens.lengths(material.most)
        self._batches = []
        for rows in batches(lengths, parameters.batch, np.random.default_rng((SEED, 0))):
            ids, mask = block(material.tokens, rows, material.most, material.pad)
            y = material.examples.y[rows].toarray().astype(np.float32)
            self._batches.append(tuple(torch.from_numpy(part) for part in (ids, mask, y)))

    def epoch(self) -> None:
        import torch

        for ids, mask, y in self._batches:
            with torch_runtime.learning("cpu"):
                hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
                logits = self._head.logits(hidden, mask, dropout=self._dropout)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), y, reduction="sum") / len(y)
            loss.backward()
            self._optimizer.step()
            self._optimizer.zero_grad(set_to_none=True)


def main(certificates: int = 1_500, fitted: int = 800) -> None:
    settle(1)
    torch_runtime.settle(1, "cpu")
    corpus = generate(Synthetic(certificates=certificates)).corpus
    alone, repeated = inference(corpus)
    for name, (seconds, times) in {
        "encoder, distinct lines: ours against onnxruntime": alone,
        "encoder, with repeats: ours against onnxruntime": repeated,
        "encoder, an epoch: ours against a bare loop": fit(corpus, fitted),
    }.items():
        print(f"{name:50s} {seconds:8.3f} s   {times:6.2f} x as fast")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
