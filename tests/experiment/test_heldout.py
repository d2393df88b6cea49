from __future__ import annotations

import numpy as np
import pytest
from certificates import by_certificate
from scipy.sparse import csr_array

from harness.corpus.certificate import LabelSet
from harness.experiment.heldout import HeldOut
from harness.families.family import Predictions
from harness.metrics.multilabel import micro_f1

TRUE = [["A"], ["A", "B"], ["C"], []]
TIMES = 5  # of each certificate, so that of every band enough have a code for its scores to be told


@pytest.fixture
def heldout() -> HeldOut:
    """Codes A, B, C, of which all training years had A in 100 certificates, B in 3 and C in none."""
    corpus = by_certificate(*((2020, ["text"], codes) for codes in TIMES * TRUE))
    return HeldOut(corpus, np.array([100, 3, 0]))


def given(*codes: list[str], labels: tuple[str, ...] = ("A", "B", "Z")) -> Predictions:
    """What a model gave that does not know C, and whose list knows Z."""
    y = np.array([[label in row for label in labels] for row in codes], dtype=np.int8)
    return Predictions(LabelSet(labels), csr_array(y))


def test_scores_and_bands_worked_by_hand(heldout: HeldOut) -> None:
    row = heldout.scores(given(*TIMES * [["A"], ["A"], ["Z"], []]), seed=0)
    # Pairs: A twice right; B and C missed; Z wrong.
    assert row["micro_f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 2))
    assert row["exact_match"] == 0.5
    assert row["macro_f1"] == pytest.approx(1 / 3)
    assert row["micro_f1_low"] < row["micro_f1"] < row["micro_f1_high"]
    assert (row["micro_f1_100_up"], row["micro_f1_1_9"], row["micro_f1_unseen"]) == (1.0, 0.0, 0.0)
    assert row["micro_f1_10_99"] is None
    assert [row[f"n_codes_{band}"] for band in ("unseen", "1_9", "10_99", "100_up")] == [1, 1, 0, 1]


def test_counts_of_each_slice_agree_with_the_scores(heldout: HeldOut) -> None:
    codes = given(*TIMES * [["A"], ["A"], ["Z"], []])
    row, counts = heldout.scores(codes, seed=0), heldout.counts(codes)
    assert micro_f1(counts["all"]) == row["micro_f1"]
    for band in ("unseen", "1_9", "10_99", "100_up"):
        assert micro_f1(counts[band]) == row[f"micro_f1_{band}"]
    assert counts["all"].tp.tolist() == TIMES * [1, 1, 0, 0]
    assert counts["unseen"].fp.tolist() == TIMES * [0, 0, 1, 0]
    assert counts["unseen"].fn.tolist() == TIMES * [0, 0, 1, 0]


def test_a_band_that_few_certificates_have_has_no_score_and_no_counts() -> None:
    corpus = by_certificate(*((2020, ["text"], codes) for codes in [*TIMES * [["A"]], ["B"], *TIMES * [["C"], []]]))
    heldout = HeldOut(corpus, np.array([100, 3, 0]))
    codes = given(*([["A"]] * len(corpus)))
    row, counts = heldout.scores(codes, seed=0), heldout.counts(codes)
    assert (row["n_codes_1_9"], row["micro_f1_1_9"], row["recall_1_9"]) == (1, None, None)
    assert micro_f1(counts["1_9"]) is None
    assert row["micro_f1_100_up"] is None or row["micro_f1_unseen"] is None  # nor can it be reckoned from the others


def test_bands_are_those_of_all_training_years() -> None:
    train = by_certificate(*((2019, ["text"], codes) for codes in [["A"]] * 12 + [["B"]]))
    corpus = by_certificate((2020, ["text"], ["A"]), (2020, ["text"], ["B"]))
    assert HeldOut.of(corpus, train).frequency.tolist() == [12, 1]
