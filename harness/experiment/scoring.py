"""Score rows: what a candidate reached on some certificates, with everything needed to read the row alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.corpus.certificate import BoolArray, Corpus
from harness.decision.objective import align
from harness.decision.rule import Decisions
from harness.families.family import Predictions
from harness.files import Row
from harness.metrics import bootstrap, multilabel, selective

ORACLE_RISK = 0.02
CURVE_POINTS = 400


@dataclass(frozen=True, slots=True)
class Judged:
    """Decisions held against the experts' codes; errors is (n,), True where the sets differ."""

    counts: multilabel.Counts
    errors: BoolArray
    macro_f1: float | None


def judge(reference: Corpus, decisions: Decisions) -> Judged:
    """Compare decided codes with the reference; codes that the model cannot give count as misses."""
    aligned = align(reference, Predictions(decisions.labels, decisions.codes))
    counts = multilabel.counts(aligned.y_true, aligned.y_score)
    return Judged(counts, ~multilabel.exact(counts), multilabel.macro_f1(aligned.y_true, aligned.y_score))


def score_row(reference: Corpus, decisions: Decisions, promised: float | None, *, seed: int) -> Row:
    """The measured part of a row for these certificates.

    ``promised`` is the least confidence of an automatic certificate, or None without a promise.
    """
    judged = judge(reference, decisions)
    sure, eligible = decisions.confidence, decisions.eligible
    interval = bootstrap.intervals(judged.counts, seed=seed)
    point = None if promised is None else selective.working_point(judged.errors, sure, promised, eligible)
    return {
        "unit": "certificate",
        "n": len(reference),
        "n_labels": len(decisions.labels),
        "micro_f1": multilabel.micro_f1(judged.counts),
        "micro_f1_low": interval.micro_f1_low,
        "micro_f1_high": interval.micro_f1_high,
        "micro_precision": multilabel.micro_precision(judged.counts),
        "micro_recall": multilabel.micro_recall(judged.counts),
        "macro_f1": judged.macro_f1,
        "exact_match": multilabel.exact_match(judged.counts),
        "exact_match_low": interval.exact_match_low,
        "exact_match_high": interval.exact_match_high,
        "aurc": selective.aurc(judged.errors, sure),
        "augrc": selective.augrc(judged.errors, sure),
        "oracle_coverage_at_2": selective.oracle_coverage(judged.errors, sure, ORACLE_RISK, eligible),
        "coverage": None if point is None else point.coverage,
        "risk": None if point is None else point.risk,
        "risk_low": None if point is None else point.risk_low,
        "risk_high": None if point is None else point.risk_high,
        "eligible": float(np.mean(eligible)) if len(eligible) else None,
        "median_confidence": float(np.median(sure)) if len(sure) else None,
    }


def curve_rows(reference: Corpus, decisions: Decisions) -> list[Row]:
    """The risk-coverage curve in at most 400 points, evenly spread over its own."""
    judged = judge(reference, decisions)
    curve = selective.risk_coverage(judged.errors, decisions.confidence, decisions.eligible)
    n = len(curve.coverage)
    kept = np.unique(np.linspace(0, n - 1, min(n, CURVE_POINTS)).astype(int)) if n else np.zeros(0, dtype=int)
    return [
        {"coverage": float(curve.coverage[i]), "risk": float(curve.risk[i]), "threshold": float(curve.threshold[i])}
        for i in kept
    ]


def hindsight(reference: Corpus, decisions: Decisions, risk: float) -> float:
    """The coverage at the best threshold in hindsight whose empirical risk is at most ``risk``."""
    judged = judge(reference, decisions)
    return selective.oracle_coverage(judged.errors, decisions.confidence, risk, decisions.eligible) or 0.0
