from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap

from harness.experiment.tying import ties

FEW = np.array([True] * 30 + [False] * 70)


def test_each_two_models_once_by_name() -> None:
    rows = ties({"c": FEW, "a": ~FEW, "b": FEW}, seed=0)
    assert [(row["first"], row["second"]) for row in rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [row["difference"] for row in rows] == pytest.approx([0.4, 0.4, 0.0])
    assert (rows[2]["low"], rows[2]["high"]) == (0.0, 0.0)
    assert rows[0]["low"] < 0.4 < rows[0]["high"]
    assert ties({"a": FEW}, seed=0) == []
    none = np.zeros(0, dtype=bool)
    assert ties({"a": none, "b": none}, seed=0) == []


def test_the_interval_is_that_of_scipy() -> None:
    generator = np.random.default_rng(3)
    first, second = generator.random(400) < 0.5, generator.random(400) < 0.4
    (row,) = ties({"a": first, "b": second}, seed=1)
    paired = (first.astype(float) - second.astype(float),)
    oracle = bootstrap(paired, np.mean, n_resamples=20_000, method="percentile", rng=generator).confidence_interval
    assert row["difference"] == pytest.approx(paired[0].mean())
    assert (row["low"], row["high"]) == pytest.approx((oracle.low, oracle.high), abs=0.008)


def test_pairs_tell_apart_what_two_samples_would_not() -> None:
    """The second makes 12 of 600 certificates more automatic, the same besides: ±5 points apart, but not in pairs."""
    first = np.arange(600) % 2 == 0
    second = first.copy()
    second[1:24:2] = True
    (row,) = ties({"a": first, "b": second}, seed=0)
    assert row["difference"] == pytest.approx(-0.02)
    assert -0.05 < row["low"] < row["high"] < 0.0


def test_units_of_one_group_are_drawn_together() -> None:
    """Five lines of each certificate that are all alike tell no more than one line of each would."""
    generator = np.random.default_rng(5)
    a, b = generator.random(200) < 0.5, generator.random(200) < 0.5
    lines = {"a": np.repeat(a, 5), "b": np.repeat(b, 5)}
    (alone,), (grouped,), (apart,) = (
        ties({"a": a, "b": b}, seed=2),
        ties(lines, seed=2, groups=np.repeat(np.arange(200), 5)),
        ties(lines, seed=2),
    )
    assert grouped == alone
    assert apart["difference"] == alone["difference"]
    assert apart["high"] - apart["low"] == pytest.approx((alone["high"] - alone["low"]) / 5**0.5, rel=0.15)


def test_lines_of_unlike_certificates_count_as_lines() -> None:
    """Of three lines two, and of one line none: half of the four lines, not a third of the certificates."""
    groups, seed = np.array([0, 0, 0, 1]), 0
    (row,) = ties({"a": np.array([True, True, False, False]), "b": np.zeros(4, dtype=bool)}, seed=seed, groups=groups)
    assert row["difference"] == pytest.approx(0.5)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_neither_the_order_of_models_nor_of_certificates_matters(pairs: list[tuple[bool, bool]]) -> None:
    a, b = (np.array([pair[which] for pair in pairs]) for which in (0, 1))
    order = np.random.default_rng(len(pairs)).permutation(len(pairs))
    (row,) = ties({"a": a, "b": b}, seed=0)
    assert ties({"b": b[order], "a": a[order]}, seed=0) == [row]
    assert row["low"] <= row["difference"] + 1e-12
    assert row["difference"] <= row["high"] + 1e-12
    assert row["difference"] == pytest.approx(a.mean() - b.mean())
