from __future__ import annotations

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom

from harness.metrics import bootstrap
from harness.metrics.bootstrap import distinct, intervals, paired_difference
from harness.metrics.multilabel import Counts, exact, micro_f1


def some(n: int, seed: int = 0) -> Counts:
    rng = np.random.default_rng(seed)
    tp, fp, fn = rng.poisson(2.5, n), rng.binomial(1, 0.15, n), rng.poisson(0.3, n)
    return Counts(tp.astype(np.int64), fp.astype(np.int64), fn.astype(np.int64))


def take(counts: Counts, rows: npt.NDArray[np.int64]) -> Counts:
    return Counts(counts.tp[rows], counts.fp[rows], counts.fn[rows])


def defined(value: float | None) -> float:
    assert value is not None
    return value


def direct(parts: list[Counts], draws: int, seed: int) -> list[npt.NDArray[np.float64]]:
    """Micro-F1 of each resample, drawing certificates themselves."""
    rng = np.random.default_rng(seed)
    scores: list[list[float]] = [[] for _ in parts]
    for _ in range(draws):
        rows = rng.integers(0, len(parts[0].tp), len(parts[0].tp))
        for score, counts in zip(scores, parts, strict=True):
            score.append(defined(micro_f1(take(counts, rows))))
    return [np.array(score) for score in scores]


def test_equals_direct_resampling() -> None:
    counts = some(300)
    ours = intervals(counts, seed=1, draws=20_000)
    (f1,) = direct([counts], 4_000, seed=2)
    low, high = np.quantile(f1, [0.025, 0.975])
    error = 4 * f1.std() * 2.67 / np.sqrt(4_000)  # four standard errors of a percentile at 2.5 %
    assert ours.micro_f1_low == pytest.approx(low, abs=error)
    assert ours.micro_f1_high == pytest.approx(high, abs=error)
    assert error < (high - low) / 8, "else this test could not fail"


def test_exact_match_is_binomial() -> None:
    counts = some(400)
    share = float(exact(counts).mean())
    for confidence in (0.8, 0.95):
        ours = intervals(counts, seed=5, draws=20_000, confidence=confidence)
        tails = (1 - confidence) / 2, (1 + confidence) / 2
        for end, tail in zip((ours.exact_match_low, ours.exact_match_high), tails, strict=True):
            assert defined(end) * 400 == pytest.approx(binom.ppf(tail, 400, share), abs=1.01)


def test_paired_equals_direct_resampling() -> None:
    a = some(300)
    b = Counts(a.tp, a.fp + (np.arange(300) % 25 == 0), a.fn)  # the same but for one code too many now and then
    ours = paired_difference(a, b, seed=1, draws=20_000)
    assert ours is not None
    assert ours.difference == defined(micro_f1(a)) - defined(micro_f1(b))
    f1_a, f1_b = direct([a, b], 4_000, seed=3)
    low, high = np.quantile(f1_a - f1_b, [0.025, 0.975])
    error = 4 * (f1_a - f1_b).std() * 2.67 / np.sqrt(4_000)
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=error)
    assert ours.low > 0, "a small difference is seen because the certificates are the same"
    assert intervals(a, seed=1).micro_f1_low < defined(micro_f1(b))  # type: ignore[operator]


def test_paired_signs() -> None:
    a, b = some(200, seed=1), some(200, seed=2)
    assert paired_difference(a, a, seed=0) == (0.0, 0.0, 0.0)
    there, back = paired_difference(a, b, seed=0, draws=4_000), paired_difference(b, a, seed=0, draws=4_000)
    assert there is not None
    assert back is not None
    assert there.difference == -back.difference
    assert there.low == pytest.approx(-back.high, abs=0.1 * (there.high - there.low))
    assert there.low < there.difference < there.high


def test_a_seed_decides_and_order_and_blocks_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = some(500)
    ours = intervals(counts, seed=7)
    assert intervals(take(counts, np.random.default_rng(0).permutation(500)), seed=7) == ours
    assert intervals(counts, seed=8) != ours
    monkeypatch.setattr(bootstrap, "CELLS", 300)
    assert intervals(counts, seed=7) == ours


def test_more_certificates_make_it_narrower() -> None:
    def width(n: int) -> float:
        ours = intervals(take(some(250), np.arange(n) % 250), seed=0)
        return defined(ours.micro_f1_high) - defined(ours.micro_f1_low)

    assert width(250) / width(25_000) == pytest.approx(10, rel=0.15)


def test_memory_does_not_grow_with_draws_times_certificates() -> None:
    counts = some(200_000)
    tracemalloc.start()
    intervals(counts, seed=0, draws=1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60_000_000  # 200 million rows drawn one by one would take 1.6 GB


@given(st.integers(1, 20).flatmap(lambda n: arrays(np.int64, (n, 6), elements=st.sampled_from([0, 1, 2, 4_000]))))
def test_distinct_equals_numpy(table: npt.NDArray[np.int64]) -> None:
    rows, weights = distinct(*table.T)
    their_rows, their_weights = np.unique(table, axis=0, return_counts=True)
    assert rows.tolist() == their_rows.tolist()
    assert weights.tolist() == their_weights.tolist()


def test_distinct_where_the_product_of_ranges_leaves_64_bits() -> None:
    top = 2**11 - 1  # six columns of eleven bits: of the first, two would be cut off
    table = np.array([[2**9, 0, 0, 0, 0, 0], [0] * 6, [top] * 6, [2**10, 0, 0, 0, 0, 0], [0] * 6], np.int64)
    rows, weights = distinct(*table.T)
    assert rows.tolist() == [[0] * 6, [2**9, 0, 0, 0, 0, 0], [2**10, 0, 0, 0, 0, 0], [top] * 6]
    assert weights.tolist() == [2, 1, 1, 1]


def test_undefined_is_not_zero() -> None:
    zeros = np.zeros(4, np.int64)
    empty = Counts(zeros, zeros, zeros)
    ours = intervals(empty, seed=0)
    assert (ours.micro_f1_low, ours.micro_f1_high, ours.exact_match_low, ours.exact_match_high) == (None, None, 1, 1)
    none = take(empty, np.empty(0, np.int64))
    ours = intervals(none, seed=0)
    assert (ours.micro_f1_low, ours.micro_f1_high, ours.exact_match_low, ours.exact_match_high) == (None,) * 4
    assert paired_difference(empty, some(4), seed=0) is None
    assert paired_difference(none, none, seed=0) is None


def test_resamples_without_any_code_are_left_out() -> None:
    found = Counts(np.array([1, 0], np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64))
    ours = intervals(found, seed=0)  # in one resample of four, the certificate with a code is missing
    assert (ours.micro_f1_low, ours.micro_f1_high) == (1.0, 1.0)
