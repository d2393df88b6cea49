"""A rule over four codes, and scores and texts written out by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from harness.corpus.certificate import LabelSet, Texts, strings
from harness.corpus.knowledge import Knowledge
from harness.decision.confidence import Learnt
from harness.decision.promise import Promise, Step
from harness.decision.rule import (
    GATES,
    Decided,
    DecisionRule,
    Reason,
    UnitRule,
    Witness,
)
from harness.decision.textgate import TextGate
from harness.families.family import Predictions

PROMISE = Promise(
    made=True,
    risk=0.02,
    confidence=0.95,
    candidates=3,
    delta=0.05 / 3,
    start=203,
    allowed=0,
    threshold=0.6,
    accepted=208,
    wrong=0,
    coverage=0.52,
    n=400,
    p_value=0.1 + 0.2,  # a number that has no short decimal form
    reason="promised",
    steps=(Step(203, 0, 0.0165, True), Step(208, 0, 0.1 + 0.2, True)),
)
NOT_MADE = dataclasses.replace(
    PROMISE, made=False, threshold=None, accepted=0, coverage=0.0, p_value=None, reason="impossible", steps=()
)
CODES = ("I50", "I64", "O10", "X60.1")


def texts(*lines: str) -> Texts:
    """One line a certificate."""
    return certificates(*([line] for line in lines))


def certificates(*lines: Sequence[str]) -> Texts:
    every = [line for certificate in lines for line in certificate]
    return Texts(
        strings([f"id-{i}" for i in range(len(lines))]),
        np.full(len(lines), 2018, np.int16),
        np.cumsum([0, *map(len, lines)]).astype(np.int64),
        strings(every),
        np.ones(len(every), np.int8),
        None,
        {},
    )


def learnt_gate(*lines: str, **limits: int) -> TextGate:
    """Learnt from so few texts that they tell little of length and characters: these limits are given."""
    gate = TextGate.learnt([texts(*lines)], Knowledge())
    given_limits = {"characters": 1000, "lines": 1000, "unknown_characters": 1000} | limits
    certificate = dataclasses.replace(gate.reference.certificate, **given_limits)
    return dataclasses.replace(gate, reference=dataclasses.replace(gate.reference, certificate=certificate))


GATE = learnt_gate("heart failure", "stroke", "sepsis")
RULE = DecisionRule(0.5, UnitRule("product", promise=PROMISE), GATE, always_person=("O00-O99", "X60"))
BY_LINE = dataclasses.replace(RULE, line=UnitRule("product"))


def scores(*rows: dict[str, float], codes: tuple[str, ...] = CODES) -> Predictions:
    return Predictions(LabelSet(codes), matrix(rows, codes))


def matrix(rows: Sequence[dict[str, float]], codes: tuple[str, ...] = CODES) -> csr_array:
    dense = [[row.get(code, 0.0) for code in codes] for row in rows]
    return csr_array(np.array(dense, dtype=np.float32).reshape(len(rows), len(codes)))


def of_lines(*rows: Sequence[dict[str, float]]) -> Predictions:
    """Scores of lines, and of certificates the largest of their lines'."""
    whole = [{code: max(line.get(code, 0.0) for line in lines) for code in CODES} if lines else {} for lines in rows]
    return Predictions(LabelSet(CODES), matrix(whole), matrix([line for lines in rows for line in lines]))


def reasons(decided: Decided | None) -> list[Reason]:
    assert decided is not None
    return [Reason(reason) for reason in decided.reason.tolist()]


def with_threshold(threshold: float) -> Promise:
    return dataclasses.replace(PROMISE, threshold=threshold)


WITNESSED = dataclasses.replace(
    BY_LINE.certified(PROMISE, PROMISE), gates=GATES, witnesses=(Witness("dictionary-0", 0.3), Witness("bag-0", 0.7))
)
WITNESS = Witness("dictionary-0", 0.3)
WEIGHTS = Learnt(("product", "agreement"), (0.5, 0.5), (0.25, 0.1), (1.0, 2.0), 0.1 + 0.2)
