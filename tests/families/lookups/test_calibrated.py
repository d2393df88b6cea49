from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from harness.families.family import probabilities
from harness.families.lookups.calibrated import COLUMN, Calibration, Evidence, evidence, given
from harness.families.lookups.counts import Answers, FloatArray
from harness.families.lookups.lookup import LEVELS

UNKNOWN = float(len(LEVELS))


def answers(
    pair: list[int], share: list[float], of_pair: dict[str, list[float]], of_row: dict[str, list[float]]
) -> Answers:
    def arrays(numbers: dict[str, list[float]]) -> dict[str, FloatArray]:
        return {name: np.array(values, dtype=np.float64) for name, values in numbers.items()}

    return Answers(np.array(pair, dtype=np.int64), np.array(share, dtype=np.float64), arrays(of_pair), arrays(of_row))


LOOKUP = answers([1, 2], [0.9, 0.1], {}, {"level": [2, UNKNOWN], "seen": [4, 0]})  # two texts, three labels
LINES = answers([1, 3, 5], [0.8, 0.7, 0.2], {"seen": [4, 1, 6]}, {"covered": [1.0, 0.5]})
NEAR = answers([5], [0.6], {"cosine": [0.4], "nearest": [1], "part": [0.9]}, {"best": [0.0, 0.4]})
USUAL = np.array([0.5, 0.2, 0.1])


def test_numbers_of_each_pair() -> None:
    found = evidence(USUAL, LOOKUP, {"lines": LINES, "neighbours": NEAR})
    assert found.pair.tolist() == [1, 2, 3, 5]
    assert found.known.tolist() == [True, True, False, False]

    def numbers(name: str) -> list[float]:
        values: list[float] = found.features[:, COLUMN[name]].tolist()
        return values

    assert numbers("lookup_says") == [1, 1, 0, 0]
    assert numbers("at_plain") == [1, 1, 0, 0]
    assert numbers("lookup_odds") == pytest.approx([np.log(9), -np.log(9), 0, 0])
    assert numbers("lookup_often") == pytest.approx([np.log(5), np.log(5), 0, 0])
    assert numbers("lines_says") == [0, 0, 1, 1]  # a known text is its own line
    assert numbers("lines_covered") == [0, 0, 0.5, 0.5]
    assert numbers("neighbours_cosine") == [0, 0, 0, 0.4]
    assert numbers("neighbours_far") == pytest.approx([0, 0, 0.6, 0.6])
    assert numbers("agreeing") == [2, 0, 1, 1]
    assert numbers("rival") == pytest.approx([0.1, 0.9, 0.6, 0.7])
    assert numbers("usual") == pytest.approx([np.log(0.25), np.log(1 / 9), 0, np.log(1 / 9)])


def test_before_anything_is_learnt_a_share_of_lookup_is_believed() -> None:
    found = evidence(USUAL, LOOKUP, {})
    assert Calibration.believed().scores(found) == pytest.approx([0.9, 0.1])


def test_learns_how_often_sources_are_right() -> None:
    """Neighbours of cosine 0.8 that are right in 90 of 100, of 0.4 in 20 of 100; lookup of 0.99 that is right in half."""
    rng = np.random.default_rng(0)
    n = 2000
    cosine = rng.choice([0.4, 0.8], n)
    y = (rng.random(n) < np.where(cosine == 0.8, 0.9, 0.2)).astype(np.float64)
    row = np.arange(n)
    lookup = answers([], [], {}, {"level": [UNKNOWN] * n, "seen": [0] * n})
    ones: list[float] = [1.0] * n
    near = answers(
        row.tolist(), [0.67] * n, {"cosine": cosine.tolist(), "nearest": ones, "part": ones}, {"best": cosine.tolist()}
    )
    found = evidence(np.array([0.3]), lookup, {"neighbours": near})
    scores = Calibration.believed().learnt(found, y, np.ones(n)).scores(found)
    for value, share in ((0.4, 0.2), (0.8, 0.9)):
        assert scores[cosine == value].mean() == pytest.approx(share, abs=0.03)
    known = answers(row.tolist(), [0.99] * n, {}, {"level": [0] * n, "seen": [3] * n})
    found = evidence(np.array([0.3]), known, {})
    half = (row % 2).astype(np.float64)
    assert Calibration.believed().learnt(found, half, np.ones(n)).scores(found) == pytest.approx(0.5, abs=0.02)
    # what counts nothing teaches nothing
    weightless = Calibration.believed().learnt(found, half, np.zeros(n)).scores(found)
    assert weightless == pytest.approx(probabilities(np.full(n, np.log(99))), abs=1e-6)


def test_nothing_said_is_nothing_learnt() -> None:
    empty = Evidence(np.zeros(0, np.int64), np.zeros((0, len(COLUMN))), np.zeros(0, bool))
    believed = Calibration.believed()
    learnt = believed.learnt(empty, np.zeros(0), np.zeros(0))
    np.testing.assert_array_equal(learnt.known, believed.known)
    assert len(learnt.scores(empty)) == 0


def test_given() -> None:
    y = csr_array(np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]]))
    assert given(np.array([0, 1, 2, 3, 7, 8]), y).tolist() == [1, 0, 1, 0, 1, 0]
