"""``python -m benchmarks.linear``: the linear family at 4,000 codes and 300,000 distinct lines.

Against exact one-vs-rest, in which every line is a row of every code's problem, on some of the codes. Each fit is a
process of its own, whose time and memory are the figures.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array, load_npz, save_npz

from harness.config import Synthetic
from harness.corpus.certificate import LabelSet
from harness.corpus.knowledge import Knowledge
from harness.corpus.synthetic import generate
from harness.families.examples import FrameParameters, examples
from harness.families.family import Context, Examples, Units
from harness.families.linear import Features, Linear, LinearParameters, problem_of
from harness.families.linears import one_vs_rest

HELD_OUT = 50_000


@dataclass(frozen=True, slots=True)
class Size:
    """Certificates to generate, distinct lines to learn from, codes, codes compared with exact one-vs-rest."""

    certificates: int = 480_000
    lines: int = 300_000
    codes: int = 4_000
    compared: int = 60


@dataclass(frozen=True, slots=True)
class Fit:
    """What one process took to fit, and what it was worth.

    Attributes
    ----------
    seconds : of the processor
    gigabytes : the most memory that the process ever held
    f1 : micro-F1 on held-out lines over the compared codes, at the threshold that is best there
    """

    codes: int
    lines: int
    seconds: float
    gigabytes: float
    f1: float


def compare(size: Size) -> tuple[Fit, Fit]:
    """The family's fit of all codes, and the exact fit of some."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(size, folder)
        ours, exact = (_process(folder, kind) for kind in ("ours", "exact"))
    return ours, exact


def _write(size: Size, folder: Path) -> None:
    """Generated lines, each text on one side only."""
    corpus = generate(Synthetic(certificates=size.certificates, codes=size.codes)).corpus
    found = examples(corpus, FrameParameters(unit="line"))
    encoded = found.units.text.dictionary_encode()
    text = encoded.indices.to_numpy(zero_copy_only=False)
    place = np.random.default_rng(0).permutation(len(encoded.dictionary))[text]
    learnt, held_out = (
        np.flatnonzero((place >= low) & (place < high))
        for low, high in ((0, size.lines), (size.lines, size.lines + HELD_OUT))
    )
    known = np.flatnonzero(np.bincount(found.y[learnt].indices, minlength=len(found.labels)))
    compared = np.random.default_rng(1).choice(len(known), min(size.compared, len(known)), replace=False)
    for part, rows in (("learnt", learnt), ("held_out", held_out)):
        table = pa.table({"text": found.units.text.take(pa.array(rows)), "times": found.times[rows]})
        with pa.OSFile(str(folder / f"{part}.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        save_npz(folder / f"{part}.npz", found.y[rows][:, known])
    np.save(folder / "compared.npy", np.sort(compared))


def _read(folder: Path, part: str) -> Examples:
    with pa.OSFile(str(folder / f"{part}.arrow")) as file:
        table = pa.ipc.open_file(file).read_all().combine_chunks()
    times = table.column("times").to_numpy()
    y = csr_array(load_npz(folder / f"{part}.npz"))
    nothing = csr_array((1, y.shape[1]), dtype=np.int8)
    labels = LabelSet(tuple(map(str, range(y.shape[1]))))
    text = table.column("text").combine_chunks()
    text = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    return Examples(Units(text), y, times, labels, times, np.zeros(len(times), np.int64), nothing)


def _process(folder: Path, kind: str) -> Fit:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks.linear", kind, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return Fit(**json.loads(done.stdout))


def _measure(kind: str, folder: Path) -> Fit:
    train = _read(folder, "learnt")
    compared: npt.NDArray[np.int64] = np.load(folder / "compared.npy")
    parameters = LinearParameters()
    started = time.process_time()
    if kind == "ours":
        model = Linear().fit(train, None, Knowledge(), parameters, Context())
        features, planes = model.features, model.planes
    else:
        features, x = Features.fitted(train.units, parameters)
        some = problem_of(train, x, parameters, 0).part(np.arange(len(train)), compared)
        planes = one_vs_rest.fit(some, small=len(train))
    seconds = time.process_time() - started
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    n_codes = len(planes)
    if kind == "ours":
        planes = replace(planes, coefficients=planes.coefficients[compared], intercepts=planes.intercepts[compared])
    held_out = _read(folder, "held_out")
    dense = planes.dense(slice(None))
    blocks = [planes.margins(x, dense=dense) for x in features.matrices(held_out.units, 4_096)]
    return Fit(n_codes, len(train), seconds, gigabytes, _best_f1(np.concatenate(blocks), held_out.y[:, compared]))


def _best_f1(margins: npt.NDArray[Any], y: csr_array) -> float:
    given = y.toarray().ravel() > 0
    order = np.argsort(-margins.ravel(), kind="stable")
    right = np.cumsum(given[order])
    return float((2.0 * right / (np.arange(1, len(order) + 1) + given.sum())).max())


def main(*numbers: int) -> None:
    ours, exact = compare(Size(*numbers))
    for name, fit in (("ours", ours), ("exact", exact)):
        print(
            f"{name:6s} {fit.codes:5d} codes {fit.lines:7d} lines {fit.seconds / 60:7.2f} core-minutes "
            f"{fit.gigabytes:5.2f} GiB   micro-F1 {fit.f1:.4f}"
        )
    times = (exact.seconds / exact.codes) / (ours.seconds / ours.codes)
    print(f"a code: {times:.1f} x as fast as exact one-vs-rest, at {ours.f1 / exact.f1:.4f} of its micro-F1")


if __name__ == "__main__":
    if sys.argv[1:2] in (["ours"], ["exact"]):
        print(json.dumps(asdict(_measure(sys.argv[1], Path(sys.argv[2])))))
    else:
        main(*(int(word) for word in sys.argv[1:]))
