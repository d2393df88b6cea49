from __future__ import annotations

import numpy as np
import pytest

from harness.experiment.gains import Pair, compare
from harness.experiment.transfer import pairs
from harness.files import Row
from harness.metrics.bands import BANDS
from harness.metrics.multilabel import Counts

N = 200


def counts(right: np.ndarray) -> Counts:
    """Certificates of one code each: found, or missed with a wrong one in its place."""
    tp = right.astype(np.int64)
    return Counts(tp, 1 - tp, 1 - tp)


def slices(right: np.ndarray) -> dict[str, Counts]:
    """All codes are frequent; the other bands have none."""
    empty = Counts(*(np.zeros(N, np.int64) for _ in range(3)))
    return {"all": counts(right), **dict.fromkeys(BANDS, empty), "100_up": counts(right)}


def drawn(accuracy: float, seed: int) -> np.ndarray:
    found: np.ndarray = np.random.default_rng(seed).random(N) < accuracy
    return found


def row(rows: list[Row], **wanted: str) -> Row:
    (found,) = [one for one in rows if wanted.items() <= one.items()]
    return found


def test_validation_chooses_who_stands_for_transfer_and_for_the_baselines() -> None:
    score = {"random": 0.5, "pretrained": 0.7, "adapted": 0.6, "bag": 0.4, "label_attention": 0.65, "linear": 0.66}
    tuned = [{"arm": arm, "score": value} for arm, value in score.items()]
    assert pairs(tuned, ["bag", "label_attention"]) == [
        Pair("over_neural", "pretrained", "label_attention"),
        Pair("over_linear", "pretrained", "linear"),
        Pair("pretraining", "pretrained", "random"),
        Pair("adaptation", "adapted", "pretrained"),
    ]


def test_an_arm_that_could_not_be_tuned_is_compared_with_nothing() -> None:
    tuned: list[Row] = [
        {"arm": "pretrained", "score": 0.7},
        {"arm": "random", "score": None},
        {"arm": "bag", "score": None},
    ]
    assert pairs([*tuned, {"arm": "linear", "score": 0.6}], ["bag"]) == [Pair("over_linear", "pretrained", "linear")]


def test_all_right_against_all_wrong_gains_one_for_certain() -> None:
    arms = {
        "a": dict.fromkeys(range(3), slices(np.ones(N, bool))),
        "b": dict.fromkeys(range(3), slices(np.zeros(N, bool))),
    }
    scores, gains = compare(arms, [Pair("g", "a", "b"), Pair("back", "b", "a")], seed=0)
    for measure in ("micro_f1", "exact_match"):
        found = row(gains, gain="g", slice="all", measure=measure)
        assert (found["value"], found["low"], found["high"], found["n_seeds"]) == (1.0, 1.0, 1.0, 3)
        assert row(gains, gain="back", slice="all", measure=measure)["value"] == -1.0
    assert row(scores, arm="a", slice="100_up")["value"] == 1.0


def test_a_score_of_no_code_is_undefined_and_not_zero() -> None:
    arms = {"a": {0: slices(drawn(0.8, 0)), 1: slices(drawn(0.8, 1))}}
    scores, gains = compare({**arms, "b": arms["a"]}, [Pair("g", "a", "b")], seed=0)
    for found in (row(scores, arm="a", slice="unseen"), row(gains, slice="unseen")):
        assert (found["value"], found["low"], found["high"]) == (None, None, None)


def test_equal_arms_gain_nothing_whatever_is_drawn() -> None:
    arm = {seed: slices(drawn(0.7, seed)) for seed in range(3)}
    _, gains = compare({"a": arm, "b": arm}, [Pair("g", "a", "b")], seed=0)
    found = row(gains, slice="all", measure="micro_f1")
    assert (found["value"], found["low"], found["high"]) == (0.0, 0.0, 0.0)


def test_certificates_are_resampled_in_pairs() -> None:
    """An arm that codes some certificates better has a gain whose interval is far narrower than the scores'."""
    base = drawn(0.6, 0)
    better = base | (np.arange(N) % 8 == 0)
    gained = float((better & ~base).mean())
    scores, gains = compare(
        {"a": dict.fromkeys(range(3), slices(better)), "b": dict.fromkeys(range(3), slices(base))},
        [Pair("g", "a", "b")],
        seed=0,
    )
    gain, score = (
        row(gains, slice="all", measure="exact_match"),
        row(scores, arm="b", slice="all", measure="exact_match"),
    )
    assert gain["value"] == pytest.approx(gained)
    assert 0 < gain["low"] < gained < gain["high"]
    assert gain["high"] - gain["low"] < 0.6 * (score["high"] - score["low"])
    exact = 1.96 * (gained * (1 - gained) / N) ** 0.5
    assert (gain["high"] - gain["low"]) / 2 == pytest.approx(exact, rel=0.2)


def test_only_seeds_that_both_arms_have_are_compared() -> None:
    arms = {
        "a": {0: slices(np.ones(N, bool)), 1: slices(np.zeros(N, bool))},
        "b": {0: slices(np.zeros(N, bool))},
    }
    scores, gains = compare(arms, [Pair("g", "a", "b"), Pair("none", "a", "c")], seed=0)
    assert row(gains, gain="g", slice="all", measure="micro_f1") == {
        "gain": "g",
        "first": "a",
        "second": "b",
        "slice": "all",
        "measure": "micro_f1",
        "n_seeds": 1,
        "value": 1.0,
        "low": 1.0,
        "high": 1.0,
    }
    assert row(scores, arm="a", slice="all", measure="micro_f1")["value"] == 0.5


def test_a_gain_that_could_not_be_measured_is_a_row_without_a_value() -> None:
    """An arm whose fits all failed at a size must not make its gain there look as if nobody had asked."""
    wanted = [Pair("g", "a", "b")]
    for arms in ({"a": {0: slices(np.ones(N, bool))}}, {}):
        found = row(compare(arms, wanted, seed=0)[1], gain="g", slice="all", measure="micro_f1")
        assert (found["n_seeds"], found["value"], found["low"], found["high"]) == (0, None, None, None)
