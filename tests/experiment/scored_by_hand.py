"""Certificates and decisions that are scored by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from harness.corpus.certificate import Corpus, LabelSet, LineCodes, Texts, strings
from harness.decision.promise import Promise
from harness.decision.rule import Decided, Decisions, Reason, UnitRule
from harness.experiment.scoring import (
    Said,
)
from harness.families.family import Predictions

# DESIGN.md, section 9: a score row has at least these.
DESIGN = """
    run model family kind role refit year unit n n_labels
    micro_f1 micro_f1_low micro_f1_high macro_f1 exact_match exact_match_low exact_match_high aurc augrc
    oracle_coverage_at_2 promised_coverage coverage risk risk_low risk_high
    fit_seconds certificates_per_second bytes
"""
NAMES = DESIGN.split()
OF_STAGE = {"run", "model", "family", "kind", "role", "refit", "year", "promised_coverage", "fit_seconds"}
OF_STAGE |= {"certificates_per_second", "bytes"}
BANDS = ("unseen", "1_9", "10_99", "100_up")
MORE_NAMES = """
    micro_precision micro_recall samples_f1 hamming_loss average_precision lrap
    precision_at_1 precision_at_3 precision_at_5 brier ece
    category_micro_f1 category_macro_f1 category_exact_match chapter_micro_f1 chapter_macro_f1 chapter_exact_match
    clef_precision clef_recall clef_f1 clef_external_f1 confidence_reason levels_reason lines_reason
"""
MORE = {*MORE_NAMES.split()}
MORE |= {f"{part}_{band}" for part in ("n_codes", "micro_f1", "macro_f1", "recall") for band in BANDS}


def corpus(*sets: str, codes: str = "ABCX", year: int = 2018) -> Corpus:
    """Certificates of the one word "heart" whose codes are the letters of a string."""
    n = len(sets)
    texts = Texts(
        strings([str(i) for i in range(n)]),
        np.full(n, year, np.int16),
        np.arange(n + 1, dtype=np.int64),
        strings(["heart"] * n),
        np.ones(n, np.int8),
        None,
        {},
    )
    dense = np.array([[code in row for code in codes] for row in sets], dtype=np.int8).reshape(n, len(codes))
    return Corpus(texts, LabelSet(tuple(codes)), csr_array(dense), None)


PROMISE = Promise(True, 0.4, 0.95, 1, 0.05, 2, 0, 0.75, 2, 0, 0.5, 4, 0.04, "promised", ())
NOT_MADE = replace(PROMISE, made=False, threshold=None, coverage=0.0, reason="impossible")


def unit(promised: float | None = None, estimator: str = "product") -> UnitRule:
    """A rule with a promise from some confidence on, or without one."""
    return UnitRule(estimator, promise=None if promised is None else replace(PROMISE, threshold=promised))


def decided(codes: csr_array, sure: list[float], eligible: list[bool] | None, promised: float | None) -> Decided:
    passed = np.array([True] * len(sure) if eligible is None else eligible, dtype=bool)
    confidence = np.array(sure, dtype=np.float64)
    last = (
        Reason.NO_PROMISE if promised is None else np.where(confidence >= promised, Reason.AUTOMATIC, Reason.NOT_SURE)
    )
    return Decided(codes, confidence, passed, np.where(passed, last, Reason.UNSEEN_WORD).astype(np.int8))


def decisions(
    *sets: str,
    sure: list[float],
    eligible: list[bool] | None = None,
    codes: str = "ABC",
    promised: float | None = None,
) -> Decisions:
    dense = np.array([[code in row for code in codes] for row in sets], dtype=np.int8).reshape(len(sets), len(codes))
    return whole(decided(csr_array(dense), sure, eligible, promised), tuple(codes))


def whole(found: Decided, codes: tuple[str, ...], lines: Decided | None = None) -> Decisions:
    return Decisions(found.codes, found.confidence, found.eligible, found.reason, labels=LabelSet(codes), lines=lines)


# five certificates: right, wrong, right and empty, wrong for a foreign code, right but stopped by the gate
REFERENCE = corpus("A", "AB", "", "BX", "C")
SAID = decisions("A", "AC", "", "B", "C", sure=[0.9, 0.8, 0.7, 0.6, 0.95], eligible=[True, True, True, True, False])


def named(codes: tuple[str, ...], *sets: str) -> csr_array:
    return csr_array(np.array([[code in row.split() for code in codes] for row in sets], np.int8))


def by_line(*lines: str, first_line: list[int], codes: tuple[str, ...]) -> Corpus:
    """Certificates of several lines, whose codes stand in ``lines``."""
    one = corpus(*[""] * (len(first_line) - 1)).texts
    texts = Texts(
        one.ids,
        one.years,
        np.array(first_line, np.int64),
        strings(["heart"] * len(lines)),
        np.ones(len(lines), np.int8),
        None,
        {},
    )
    matrix = named(codes, *lines)
    given_codes = LineCodes(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), None)
    whole = [" ".join(lines[a:b]) for a, b in itertools.pairwise(first_line)]
    return Corpus(texts, LabelSet(codes), named(codes, *whole), given_codes)


LINE_CODES = ("I21", "J18", "W18")
OWN = ("A00", "J18", "I21")
# two certificates of two and four lines: right, wrong for a foreign code, right, right and empty, wrong, right but stopped
BY_LINE = by_line("I21", "W18", "J18", "", "I21 J18", "J18", first_line=[0, 2, 6], codes=LINE_CODES)


def said_by_line(promised: float | None = None, certificate: float | None = None) -> Said:
    lines = decided(
        named(OWN, "I21", "", "J18", "", "I21", "J18"),
        [0.9, 0.8, 0.7, 0.6, 0.5, 0.95],
        [True] * 5 + [False],
        promised,
    )
    found = whole(decided(named(OWN, "I21", "I21 J18"), [0.4, 0.3], None, certificate), OWN, lines)
    scores, of_lines = found.codes * 0.5, lines.codes * 0.5
    return Said(Predictions(found.labels, scores, of_lines), found, unit(certificate), unit(promised))
