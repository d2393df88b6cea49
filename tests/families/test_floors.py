from __future__ import annotations

import numpy as np
import pytest
from certificates import by_certificate

from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.families import FLOORS, frame
from harness.families.family import Context, Predictions

TRAIN = by_certificate(
    (2012, ["flu"], ["A"]),
    (2012, ["flu"], ["A"]),
    (2012, ["flu"], ["A", "B"]),
    (2012, ["cough", "flu"], ["C"]),
    (2012, ["fall"], []),
)
LATER = by_certificate(
    (2013, ["flu"], []), (2013, ["Flu"], []), (2013, ["cough", "flu"], []), (2013, ["flu", "cough"], [])
)


def predict(name: str) -> Predictions:
    return frame.fit(name, TRAIN, None, Knowledge(), {}, Context()).predict(LATER.texts)


def test_nothing() -> None:
    assert predict("nothing").scores.nnz == 0


def test_most_frequent_gives_everybody_the_shares_of_training() -> None:
    assert predict("most_frequent").scores.toarray() == pytest.approx(np.tile([3 / 5, 1 / 5, 1 / 5], (4, 1)))


def test_exact_repeat_knows_only_the_very_same_certificate() -> None:
    scores = predict("exact_repeat").scores.toarray()
    assert scores[0] == pytest.approx([3 / 3.5, 1 / 3.5, 0])
    assert scores[2] == pytest.approx([0, 0, 1 / 1.5])
    assert not scores[[1, 3]].any()


def test_most_frequent_stays_sparse() -> None:
    """Thousands of rare codes on each of a million certificates would not fit in memory."""
    many = by_certificate(*((2012, [f"text {number}"], [f"C{number:04}"]) for number in range(3000)))
    scores = frame.fit("most_frequent", many, None, Knowledge(), {}, Context()).predict(LATER.texts).scores
    assert np.diff(scores.indptr).tolist() == [20] * 4
    frequent = by_certificate(*[(2012, [f"text {number}"], [f"C{number % 300:04}"]) for number in range(3000)])
    scores = frame.fit("most_frequent", frequent, None, Knowledge(), {}, Context()).predict(LATER.texts).scores
    assert np.diff(scores.indptr).tolist() == [300] * 4


def test_floors_have_nothing_to_choose() -> None:
    for name in FLOORS:
        assert not frame.part(name, {})[1].model_fields_set


def test_most_frequent_heeds_that_a_code_was_not_given_before_its_years() -> None:
    train = by_certificate(*[(2018, ["flu"], ["A"])] * 3, (2019, ["flu"], ["A", "X"]), (2019, ["cough"], []))
    listed = Knowledge(CodeList((CodeEntry("A"), CodeEntry("X", valid_from=2019))))
    later = by_certificate((2020, ["fall"], []))
    scores = frame.fit("most_frequent", train, None, listed, {}, Context()).predict(later.texts).scores.toarray()
    assert scores[0] == pytest.approx([4 / 5, 1 / 2])


def test_most_frequent_does_not_believe_a_stray_code() -> None:
    """Given once before its years, which the training years do not reach: no certificate denies it."""
    train = by_certificate(*[(2018, ["flu"], ["A"])] * 3, (2018, ["cough"], ["X"]))
    listed = Knowledge(CodeList((CodeEntry("A"), CodeEntry("X", valid_from=2025))))
    later = by_certificate((2020, ["fall"], []))
    found = frame.fit("most_frequent", train, None, listed, {}, Context()).predict(later.texts)
    for column in range(len(found.labels)):  # labels may leave it out altogether
        assert found.scores.toarray()[0, column] <= 0.75 + 1e-6


def test_terms_of_the_list_are_no_certificates() -> None:
    listed = Knowledge(CodeList((CodeEntry("A", "flu", ("grippe",)), CodeEntry("B"), CodeEntry("C"))))
    later = by_certificate((2013, ["grippe"], []))
    exact = frame.fit("exact_repeat", TRAIN, None, listed, {}, Context()).predict(later.texts).scores
    frequent = frame.fit("most_frequent", TRAIN, None, listed, {}, Context()).predict(later.texts).scores
    assert exact.nnz == 0
    assert frequent.toarray()[0] == pytest.approx([3 / 5, 1 / 5, 1 / 5])
