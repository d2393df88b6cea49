"""The scores in full: ours from sparse matrices against scikit-learn's, their values asserted equal; and our memory.

Ours include what scikit-learn does not have: precision at k, the calibration error.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import psutil
from scipy.sparse import csr_array

from harness.corpus.certificate import LabelSet
from harness.metrics import bands, calibration, hierarchical, multilabel, ranking
from harness.metrics.clef import clef

SCORED = 20  # codes of a certificate that have a score
BYTES = 32  # that scikit-learn's average precision takes for each certificate and code
Values = Mapping[str, float | None]
Expected = Mapping[str, float]
V = TypeVar("V")


@dataclass(frozen=True)
class Problem:
    """Certificates with 3 to 4 of ``n_labels`` codes, frequent and rare ones, and sparse scores that are often right."""

    labels: LabelSet
    y_true: csr_array
    y_score: csr_array
    y_pred: csr_array
    frequency: npt.NDArray[np.int64]
    right: npt.NDArray[np.bool_]
    confidence: npt.NDArray[np.float64]


def problem(n: int, n_labels: int) -> Problem:
    rng = np.random.default_rng(0)
    share = 1.0 / (np.arange(n_labels) + 20.0)

    def draw(often: int) -> npt.NDArray[np.int64]:
        return rng.choice(n_labels, (n, often), p=share / share.sum())

    def matrix(columns: npt.NDArray[np.int64], values: npt.NDArray[np.float32]) -> csr_array:
        row = np.repeat(np.arange(n), columns.shape[1])
        key, first = np.unique(row * n_labels + columns.ravel(), return_index=True)
        stored = values.ravel()[first]
        key, stored = key[stored > 0], stored[stored > 0]
        indptr = np.searchsorted(key, np.arange(n + 1) * n_labels)
        return csr_array((stored, (key % n_labels).astype(np.int32), indptr), shape=(n, n_labels))

    true = draw(4)
    given = (rng.random(true.shape) < 0.9).astype(np.float32)
    # Of the true codes 85 % have a score, a high one; thousandths, so that there are ties.
    found = (rng.random(true.shape) < 0.85) * given * rng.beta(4, 1.5, true.shape)
    others = rng.beta(1, 12, (n, SCORED - 4))
    scores = np.round(np.hstack([found, others]), 3).astype(np.float32)
    y_true = matrix(true, given).astype(np.int8)
    y_score = matrix(np.hstack([true, draw(SCORED - 4)]), scores)
    chosen = y_score.copy()
    chosen.data = (chosen.data >= 0.5).astype(np.float32)
    chosen.eliminate_zeros()
    y_pred = chosen.astype(np.int8)
    right = multilabel.exact(multilabel.counts(y_true, y_pred))
    confidence = np.clip(rng.normal(0.45 + 0.3 * right, 0.2), 0.0, 1.0)
    codes = LabelSet(tuple(f"{chr(65 + j % 24)}{j // 24 % 100:02d}.{j // 2400}" for j in range(n_labels)))
    return Problem(codes, y_true, y_score, y_pred, rng.poisson(2e3 * share), right, confidence)


def ours(given: Problem) -> dict[str, Callable[[], Values]]:
    """Our measures, by group."""

    def sets() -> Values:
        found = multilabel.tally(given.y_true, given.y_pred)
        return {**_f1(found), **_sets(found.certificates, len(given.labels))}

    def levels() -> Values:
        found = hierarchical.levels(given.labels, multilabel.tally(given.y_true, given.y_pred).codes.tp)
        values: dict[str, float | None] = {}
        for name, level in (("category", found.category), ("chapter", found.chapter)):
            assert level is not None
            tally = multilabel.tally(level.collapse(given.y_true), level.collapse(given.y_pred))
            values |= {f"{name} {key}": value for key, value in _f1(tally).items()}
        return values

    def by_band() -> Values:
        found = bands.by_frequency(multilabel.tally(given.y_true, given.y_pred).codes, given.frequency)
        return {f"{name} {key}": getattr(band, key) for name, band in found.items() for key in ("micro_f1", "recall")}

    def ranks() -> Values:
        found = ranking.ranking(given.y_true, given.y_score)
        at = {f"precision at {place}": value for place, value in found.precision_at.items()}
        return {"average precision": found.average_precision, "lrap": found.lrap, **at}

    def confidence() -> Values:
        return {
            "brier": calibration.brier(given.right, given.confidence),
            "ece": calibration.expected_calibration_error(given.right, given.confidence),
        }

    def lines() -> Values:
        found = clef(given.labels, given.y_true, given.y_pred)
        return {"precision": found.precision, "recall": found.recall, "f1": found.f1, "external": found.external_f1}

    return {
        "sets": sets,
        "ranking": ranks,
        "levels": levels,
        "bands": by_band,
        "confidence": confidence,
        "lines": lines,
    }


def peers(given: Problem) -> dict[str, Callable[[], Expected]]:
    """scikit-learn's for the same groups, of what it has; sparse where it takes sparse matrices."""
    from sklearn import metrics as peer

    y_true, y_pred = given.y_true, given.y_pred

    def f1(true: Any, pred: Any, average: str, **more: Any) -> float:
        return float(peer.f1_score(true, pred, average=average, zero_division=np.nan, **more))

    def occurring(true: Any) -> npt.NDArray[np.int64]:
        return np.flatnonzero(np.bincount(true.indices, minlength=true.shape[1]))

    def both(true: Any, pred: Any) -> Expected:
        return {"micro": f1(true, pred, "micro"), "macro": f1(true, pred, "macro", labels=occurring(true))}

    def sets() -> Expected:
        precision, recall, _, _ = peer.precision_recall_fscore_support(y_true, y_pred, average="micro")
        return {
            **both(y_true, y_pred),
            "precision": precision,
            "recall": recall,
            "samples": peer.f1_score(y_true, y_pred, average="samples", zero_division=1),
            "hamming": peer.hamming_loss(y_true, y_pred),
            "exact match": peer.accuracy_score(y_true, y_pred),
        }

    def levels() -> Expected:
        values: dict[str, float] = {}
        for name, group in (("category", hierarchical.category), ("chapter", hierarchical.chapter)):
            _, columns = np.unique([group(code) for code in given.labels.codes], return_inverse=True)
            join = csr_array((np.ones(len(columns), np.int32), (np.arange(len(columns)), columns)))
            true, pred = (
                csr_array((matrix.astype(np.int32) @ join) > 0).astype(np.int8) for matrix in (y_true, y_pred)
            )
            values |= {f"{name} {key}": value for key, value in both(true, pred).items()}
        return values

    def by_band() -> Expected:
        values: dict[str, float] = {}
        for name, (least, most) in bands.BANDS.items():
            mine = np.flatnonzero((given.frequency >= least) & (given.frequency <= most))
            values[f"{name} micro_f1"] = f1(y_true, y_pred, "micro", labels=mine)
            values[f"{name} recall"] = float(
                peer.recall_score(y_true, y_pred, average="micro", labels=mine, zero_division=np.nan)
            )
        return values

    def ranks() -> Expected:
        dense = given.y_score.toarray()
        lrap = peer.label_ranking_average_precision_score(y_true, dense)
        return {
            "lrap": lrap,
            "average precision": peer.average_precision_score(y_true.toarray(), dense, average="micro"),
        }

    def lines() -> Expected:
        precision, recall, score, _ = peer.precision_recall_fscore_support(y_true, y_pred, average="micro")
        external = np.flatnonzero([("V01" <= code[:3] <= "Y98") for code in given.labels.codes])
        return {
            "precision": precision,
            "recall": recall,
            "f1": score,
            "external": f1(y_true, y_pred, "micro", labels=external),
        }

    return {
        "sets": sets,
        "ranking": ranks,
        "levels": levels,
        "bands": by_band,
        "confidence": lambda: {"brier": float(peer.brier_score_loss(given.right, given.confidence))},
        "lines": lines,
    }


def report(n: int = 100_000, n_labels: int = 4_000) -> None:
    """Print each group's seconds and ratio, their sum, and our peak memory."""
    print(f"{'scores, all: peak memory, data and imports too':50s} {_peak(n, n_labels) / 2**20:8.0f} MiB")
    needed, free = n * n_labels * BYTES, psutil.virtual_memory().available
    if free < needed:
        print(f"scores: scikit-learn needs {needed / 2**30:.0f} GiB for dense scores, but {free / 2**30:.0f} are free")
        return
    given = problem(n, n_labels)
    ours_by, peers_by = ours(given), peers(given)
    total, total_peer = 0.0, 0.0
    for name, mine in ours_by.items():
        seconds, values = min((_timed(mine) for _ in range(3)), key=lambda timed: timed[0])
        seconds_peer, expected = _timed(peers_by[name])
        _check(name, values, expected)
        total, total_peer = total + seconds, total_peer + seconds_peer
        _print(f"scores, {name}", seconds, seconds_peer / seconds)
    _print(f"scores, all: {n:,} x {n_labels:,}, equal to scikit-learn", total, total_peer / total)


def _print(name: str, seconds: float, times: float) -> None:
    print(f"{name:50s} {seconds:8.3f} s   {times:6.1f} x as fast")


def _f1(found: multilabel.Tally) -> Values:
    return {"micro": multilabel.micro_f1(found.certificates), "macro": multilabel.mean_f1(found.codes)}


def _sets(counts: multilabel.Counts, n_labels: int) -> Values:
    return {
        "precision": multilabel.micro_precision(counts),
        "recall": multilabel.micro_recall(counts),
        "samples": multilabel.samples_f1(counts),
        "hamming": multilabel.hamming_loss(counts, n_labels),
        "exact match": multilabel.exact_match(counts),
    }


def _timed(call: Callable[[], V]) -> tuple[float, V]:
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = call()
    return time.perf_counter() - started, values


def _check(group: str, values: Values, expected: Expected) -> None:
    for name, value in expected.items():
        mine = values[name]
        same = np.isnan(value) if mine is None else np.isclose(mine, value, rtol=1e-9, atol=0)
        assert same, f"{group}, {name}: {mine} is not scikit-learn's {value}"


def _peak(n: int, n_labels: int) -> int:
    """Our peak memory in bytes, of a process of its own that knows no scikit-learn."""
    command = [sys.executable, "-m", "benchmarks.metrics", str(n), str(n_labels)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parent.parent)  # noqa: S603
    return int(json.loads(done.stdout))


def _own_peak() -> int:
    # Not getrusage's: its peak outlives exec, so that it would hold that of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    size, codes = (int(word) for word in sys.argv[1:])
    made = problem(size, codes)
    for measure in ours(made).values():
        measure()
    print(_own_peak())
