from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from small_rules import certificates

from harness.corpus.certificate import LabelSet
from harness.corpus.knowledge import Knowledge
from harness.decision.observed import Seen, observe, same_sets
from harness.decision.textgate import TextGate
from harness.families.family import Predictions, Written

CODES = ("I50", "I64", "J18")


GATE = TextGate.learnt([certificates(["heart failure", "stroke"])], Knowledge())


def matrix(rows: list[list[float]], n_labels: int = len(CODES)) -> csr_array:
    return csr_array(np.array(rows, dtype=np.float32).reshape(len(rows), n_labels))


def written(log_probability: list[float] | None, gap: list[float] | None, n: int) -> Written:
    numbers = (None if part is None else np.array(part, dtype=np.float32) for part in (log_probability, gap))
    return Written(np.zeros(n + 1, np.int64), np.zeros(0, np.int32), None, *numbers)


# equal sets


SETS = st.lists(st.sets(st.sampled_from("ABCDE")), max_size=6)
LABELS = st.permutations("ABCDE").flatmap(lambda codes: st.integers(0, 5).map(lambda n: tuple(codes[:n])))


@given(st.data())
def test_equal_sets_by_a_loop(data: st.DataObject) -> None:
    """Two label sets in any order; codes that one of them lacks."""
    mine, theirs = data.draw(LABELS), data.draw(LABELS)
    sets = data.draw(SETS)
    others = data.draw(st.lists(st.sets(st.sampled_from("ABCDE")), min_size=len(sets), max_size=len(sets)))
    one, other = [found & set(mine) for found in sets], [found & set(theirs) for found in others]

    def as_matrix(codes: tuple[str, ...], given_sets: list[set[str]]) -> csr_array:
        rows = [[float(code in found) for code in codes] for found in given_sets]
        return csr_array(np.array(rows, dtype=np.int8).reshape(len(given_sets), len(codes)))

    found = same_sets(LabelSet(mine), as_matrix(mine, one), LabelSet(theirs), as_matrix(theirs, other))
    assert found.tolist() == [a == b for a, b in zip(one, other, strict=True)]


# what a model says of itself


def test_of_lines_log_probabilities_add_up_and_the_smallest_gap_counts() -> None:
    texts = certificates(["heart", "stroke"], [], ["heart failure"])
    sure = written([-0.5, -0.25, -2.0], [3.0, 0.125, 1.0], 3)
    predictions = Predictions(LabelSet(CODES), matrix([[0.9, 0.9, 0]] * 3), matrix([[0.9, 0, 0]] * 3), sure)
    found = observe(0.5, predictions, texts, GATE)
    assert found.certificates.evidence.log_probability is not None
    assert found.certificates.evidence.gap is not None
    assert found.certificates.evidence.log_probability.tolist() == [-0.75, 0.0, -2.0]
    assert found.certificates.evidence.gap.tolist() == [0.125, 0.0, 1.0]  # nothing was written of the second
    assert found.lines is not None
    assert found.lines.evidence.log_probability is sure.log_probability
    assert found.lines.evidence.gap is sure.gap


@given(st.lists(st.lists(st.tuples(st.floats(-50, 0, width=32), st.floats(0, 50, width=32)), max_size=4), max_size=5))
@settings(max_examples=50, deadline=None)
def test_of_lines_by_a_loop(drawn: list[list[tuple[float, float]]]) -> None:
    texts = certificates(*(["heart"] * len(lines) for lines in drawn))
    every = [line for lines in drawn for line in lines]
    sure = written([log for log, _ in every], [gap for _, gap in every], len(every))
    scores, lines = matrix([[0.0] * 3] * len(drawn)), matrix([[0.0] * 3] * len(every))
    found = observe(0.5, Predictions(LabelSet(CODES), scores, lines, sure), texts, GATE).certificates.evidence
    assert found.log_probability is not None
    assert found.gap is not None
    assert found.log_probability == pytest.approx([sum(log for log, _ in lines) for lines in drawn])
    assert found.gap.tolist() == [min((gap for _, gap in lines), default=0.0) for lines in drawn]


def test_of_whole_certificates_they_are_as_they_came() -> None:
    sure = written([-0.5, -2.0], [3.0, 1.0], 2)
    texts = certificates(["heart", "stroke"], ["heart"])
    found = observe(0.5, Predictions(LabelSet(CODES), matrix([[0.9, 0, 0]] * 2), None, sure), texts, GATE)
    assert found.lines is None
    assert found.certificates.evidence.log_probability is sure.log_probability
    assert found.certificates.evidence.gap is sure.gap


@pytest.mark.parametrize("by_line", [False, True])
def test_what_nobody_said_is_not_known(by_line: bool) -> None:
    lines = matrix([[0.9, 0, 0]]) if by_line else None
    for sure in (None, written(None, None, 1)):
        predictions = Predictions(LabelSet(CODES), matrix([[0.9, 0, 0]]), lines, sure)
        seen = observe(0.5, predictions, certificates(["heart"]), GATE)
        for found in (seen.certificates, *(() if seen.lines is None else (seen.lines,))):
            assert found.evidence.log_probability is None
            assert found.evidence.gap is None
            assert found.evidence.agreement is None
            assert found.disagreement.tolist() == [False]


# what texts and witnesses say


def test_unseen_words_of_lines_and_of_their_certificates() -> None:
    texts = certificates(["heart zworgitis", "glombosis of zworg"], ["stroke"], [])
    seen = observe(0.5, Predictions(LabelSet(CODES), matrix([[0.9, 0, 0]] * 3), matrix([[0.9, 0, 0]] * 3)), texts, GATE)
    assert seen.lines is not None
    assert seen.lines.evidence.unseen_words is not None
    assert seen.lines.evidence.unseen_words.tolist() == [1, 2, 0]
    assert seen.certificates.evidence.unseen_words is not None
    assert seen.certificates.evidence.unseen_words.tolist() == [3, 0, 0]
    assert seen.certificates.evidence.unseen_ngrams is not None
    assert seen.certificates.evidence.unseen_ngrams[0] > 0
    assert seen.certificates.evidence.unseen_ngrams[1:].tolist() == [0, 0]


def agreement(seen: Seen) -> list[list[float]]:
    assert seen.lines is not None
    assert seen.certificates.evidence.agreement is not None
    assert seen.lines.evidence.agreement is not None
    return [seen.certificates.evidence.agreement.tolist(), seen.lines.evidence.agreement.tolist()]


def test_agreement_is_a_share_of_witnesses() -> None:
    """One scores lines, the other whole certificates, each from its own threshold on."""
    labels, texts = LabelSet(CODES), certificates(["heart", "stroke"], ["stroke"])
    mine = Predictions(labels, matrix([[0.9, 0.9, 0], [0, 0.9, 0]]), matrix([[0.9, 0, 0], [0, 0.9, 0], [0, 0.9, 0]]))
    lines = Predictions(labels, matrix([[0.9, 0.9, 0], [0, 0.9, 0]]), matrix([[0, 0.9, 0], [0.9, 0, 0], [0.1, 0.9, 0]]))
    whole = Predictions(LabelSet(("I64", "I50")), matrix([[0.3, 0.3], [0.3, 0.3]], 2))
    seen = observe(0.5, mine, texts, GATE, [(0.5, lines), (0.25, whole)])
    assert agreement(seen) == [[1.0, 0.5], [0.5, 0.5, 0.5]]
    assert seen.certificates.disagreement.tolist() == [False, True]
    assert seen.lines is not None
    assert seen.lines.disagreement.tolist() == [True, True, True]
    later = observe(0.5, mine, texts, GATE, [(0.05, lines), (0.35, whole)])
    assert agreement(later) == [[0.5, 0.5], [0.0, 0.0, 0.0]]  # nothing chosen by one, and I50 beside I64 by the other


def test_codes_are_those_from_the_threshold_on() -> None:
    seen = observe(
        0.5,
        Predictions(LabelSet(CODES), matrix([[0.5, 0.49, 0.9]]), matrix([[0.49, 0.5, 0]])),
        certificates(["x"]),
        GATE,
    )
    assert seen.certificates.codes.toarray().tolist() == [[1, 0, 1]]
    assert seen.certificates.evidence.threshold == 0.5
    assert seen.lines is not None
    assert seen.lines.codes.toarray().tolist() == [[0, 1, 0]]
