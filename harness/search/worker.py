"""What runs in a worker's own process: the one way to fit, and the one way to predict.

Paths and row ranges come in, results go out: for trials, refits and everything after them alike. An error leaves the
worker as its type and place, never as its message, which may quote a certificate.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.corpus.certificate import BoolArray, IntArray
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import Slice, open_store
from harness.decision.objective import objective
from harness.families import family as family_named
from harness.families import frame, saved
from harness.families.family import Context, Predictions
from harness.families.normalised import fold_of
from harness.families.torch_parts import adaptation
from harness.families.torch_parts.pretrained import base_folder
from harness.files import read_json


@dataclass(frozen=True, slots=True)
class Part:
    """One of several parts of nearly equal size that some certificates fall into by chance."""

    number: int
    of: int
    seed: int

    def rows(self, n: int) -> BoolArray:
        """Which of ``n`` certificates are in it; (n,)."""
        found: BoolArray = fold_of(n, self.of, self.seed) == self.number
        return found


@dataclass(frozen=True, slots=True)
class FitSpec:
    """One fit: a family with its parameters on some rows of a store.

    Attributes
    ----------
    knowledge : the folder of what is known besides the certificates, empty where nothing is
    train, validation : neighbouring runs of certificates; without validation nothing is reported
    sample : a share of the training certificates, and the seed that draws it; None for all
    without : the part of the training certificates that is left out, or None
    soft_seconds : a family that reports ends after this time with what it has
    steps : the frozen number of steps of a refit
    keep : whether the fitted model itself is wanted
    cache, adapted, checkpoint : folders as :class:`Context` has them, empty where there are none
    """

    family: str
    parameters: Mapping[str, Any]
    store: str
    train: tuple[Slice, ...]
    validation: tuple[Slice, ...] = ()
    objective: str = "micro_f1"
    knowledge: str = ""
    seed: int = 0
    steps: int | None = None
    soft_seconds: float | None = None
    keep: bool = False
    device: str = "cpu"
    threads: int = 1
    cache: str = ""
    adapted: str = ""
    checkpoint: str = ""
    sample: tuple[float, int] | None = None
    without: Part | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One step's predictions of the validation certificates, scored by the one objective."""

    step: int
    score: float | None
    threshold: float
    reason: str | None
    predictions: Predictions
    last: bool = False  # all steps that its parameters ask for are done


@dataclass(frozen=True, slots=True)
class FitResult:
    """``model`` is the files of the saved model by their relative names, empty unless it was to be kept."""

    seconds: float
    steps: int
    n_labels: int
    model: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class PredictSpec:
    """Scores of some rows of a store, or of a part of them, by a fitted model."""

    model: Mapping[str, bytes]
    store: str
    rows: tuple[Slice, ...]
    device: str = "cpu"
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class PredictResult:
    predictions: Predictions
    seconds: float


@dataclass(frozen=True, slots=True)
class AdaptSpec:
    """A base model that goes on with its own task on the texts of some rows of a store, for ``seconds`` at most.

    ``base`` is a name as search spaces have it; the adapted form lies in ``adapted`` under the folder ``cache``.
    """

    base: str
    store: str
    train: tuple[Slice, ...]
    cache: str
    seconds: float
    seed: int = 0
    device: str = "cpu"
    threads: int = 1


@dataclass(frozen=True, slots=True)
class AdaptResult:
    """``folder`` is a name under ``adapted`` in the cache, ``record`` what its making left there, now or before."""

    folder: str
    record: Mapping[str, Any]
    made: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception as its type and place."""

    reason: str


def run_fit(spec: FitSpec, report: Callable[[Report], None] | None = None) -> FitResult:
    """Fit; every step of a family that reports, or its only one, is scored on validation and reported."""
    store = open_store(Path(spec.store))
    train = store.corpus(*spec.train)
    if spec.sample is not None:
        train = train.take(sampled(len(train), *spec.sample))
    if spec.without is not None:
        train = train.take(np.flatnonzero(~spec.without.rows(len(train))))
    validation = store.corpus(*spec.validation) if spec.validation and report is not None else None
    latest = 0

    def scored(step: int, predictions: Predictions) -> None:
        nonlocal latest
        if validation is not None and report is not None:
            latest = step
            found = objective(spec.objective, validation, predictions)
            most = family_named(spec.family).most_steps(frame.part(spec.family, spec.parameters)[1])
            report(Report(step, found.score, found.threshold, found.reason, predictions, last=step >= most))

    started = time.monotonic()
    context = Context(
        seed=spec.seed,
        deadline=None if spec.soft_seconds is None else started + spec.soft_seconds,
        steps=spec.steps,
        device=spec.device,
        threads=spec.threads,
        cache=_folder(spec.cache),
        adapted=_folder(spec.adapted),
        checkpoint=_folder(spec.checkpoint),
    )
    model = frame.fit(
        spec.family,
        train,
        None if validation is None else validation.texts,
        known(spec.knowledge),
        spec.parameters,
        context,
        scored,
    )
    seconds = time.monotonic() - started
    if validation is not None and latest != model.steps:
        scored(model.steps, model.predict(validation.texts))
    return FitResult(seconds, model.steps, len(model.labels), _files(model) if spec.keep else {})


def sampled(n: int, share: float, seed: int) -> IntArray:
    """Some of ``n`` certificates in their order; with one seed, a smaller share lies inside a larger one."""
    some: IntArray = np.sort(np.random.default_rng(seed).permutation(n)[: sample_size(n, share)])
    return some


def sample_size(n: int, share: float) -> int:
    """How many certificates a share of ``n`` is: one at least."""
    return max(1, round(share * n))


def _folder(path: str) -> Path | None:
    return Path(path) if path else None


def known(folder: str) -> Knowledge:
    """What lies in a folder of knowledge; nothing is known where none is named."""
    return Knowledge.load(Path(folder)) if folder else Knowledge()


def run_predict(spec: PredictSpec) -> PredictResult:
    """Load a model from its files and predict; ``seconds`` is the prediction alone."""
    texts = open_store(Path(spec.store)).corpus(*spec.rows).texts
    if spec.part is not None:
        texts = texts.take(np.flatnonzero(spec.part.rows(len(texts))))
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        write_files(spec.model, Path(folder))
        model = saved.load(Path(folder), spec.device)
        model.predict(texts.rows(0, min(64, len(texts))))  # what a framework does once is not the model's speed
        started = time.monotonic()
        return PredictResult(model.predict(texts), time.monotonic() - started)


def run_adapt(spec: AdaptSpec) -> AdaptResult:
    """Adapt a base model to the distinct lines of some certificates, unless an equal form lies in the cache.

    A line is what one hand writes in one place, and most come back on many certificates: each is read once an epoch,
    where whole certificates, which hardly ever repeat, would be many times as much text with the same words. A model
    of whole certificates gains from it as well: none of their text is left out.
    """
    lines = open_store(Path(spec.store)).corpus(*spec.train).texts.lines.dictionary_encode()
    counts = np.bincount(lines.indices.to_numpy(zero_copy_only=False), minlength=len(lines.dictionary))
    settings = adaptation.Settings(spec.seconds, seed=spec.seed, device=spec.device, threads=spec.threads)
    base = base_folder(spec.base)
    folder = adapted_home(spec.cache) / adaptation.name(base, lines.dictionary, counts, settings)
    if folder.is_dir():
        return AdaptResult(folder.name, read_json(folder / adaptation.RECORD), made=False)
    return AdaptResult(folder.name, adaptation.adapt(base, lines.dictionary, counts, folder, settings), made=True)


def adapted_home(cache: str) -> Path:
    """Where adapted base models lie in a folder of what fits share."""
    return Path(cache) / "adapted"


def _files(model: frame.Model) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        model.save(Path(folder) / "model")
        return read_files(Path(folder) / "model")


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Lay a saved model's files into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def read_files(folder: Path) -> dict[str, bytes]:
    """The files of a saved model by their relative names."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
