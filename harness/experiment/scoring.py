"""Score rows: what a candidate reached on some certificates, with everything needed to read the row alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit

from harness.corpus.certificate import BoolArray, Corpus, FloatArray, IntArray, LabelSet, Texts
from harness.decision.objective import align
from harness.decision.rule import Decisions
from harness.families.family import Predictions
from harness.files import Row
from harness.metrics import bands, bootstrap, calibration, hierarchical, multilabel, ranking, selective
from harness.metrics.clef import Clef, clef

ORACLE_RISK = 0.02
CURVE_POINTS = 400
NOT_BY_LINE = "the corpus has no codes by line"
WHOLE = "the model codes whole certificates, not lines"
# What makes a probability of each estimator of the confidence.
PROBABILITY: Mapping[str, Callable[[FloatArray], FloatArray]] = {"product": np.asarray, "margin": expit}


@dataclass(frozen=True, slots=True)
class Said:
    """What a candidate said of some certificates: a model's scores, and what its rule made of them.

    Attributes
    ----------
    estimator : the rule's estimator of the confidence
    promised : the least confidence of an automatic certificate, or None without a promise
    """

    predictions: Predictions
    decisions: Decisions
    estimator: str
    promised: float | None

    def rows(self, texts: Texts, start: int, stop: int) -> Said:
        """What it said of a run of the certificates, whose texts are ``texts``."""
        if (start, stop) == (0, len(texts)):
            return self  # slicing would copy every score
        part, said, lines = slice(start, stop), self.decisions, self.decisions.line_codes
        of_lines = slice(int(texts.first_line[start]), int(texts.first_line[stop]))
        units = part if lines is None else of_lines
        return Said(
            Predictions(self.predictions.labels, self.predictions.scores[part]),
            Decisions(
                said.labels,
                said.codes[part],
                said.confidence[part],
                said.eligible[part],
                said.reason[part],
                None if lines is None else lines[of_lines],
                None if said.written is None else said.written.take(np.arange(units.start, units.stop)),
            ),
            self.estimator,
            self.promised,
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """Decisions held against the experts' codes, over the codes of both.

    Attributes
    ----------
    labels : the corpus' codes and the model's
    y_true, y_pred : (n, n_labels) indicator matrices
    tally : the pairs of both, counted by certificate and by code
    errors : (n,) True where the sets differ
    """

    labels: LabelSet
    y_true: csr_array
    y_pred: csr_array
    tally: multilabel.Tally
    errors: BoolArray

    @property
    def counts(self) -> multilabel.Counts:
        return self.tally.certificates


def judge(reference: Corpus, decisions: Decisions) -> Judged:
    """Compare decided codes with the reference; codes that the model cannot give count as misses."""
    aligned = align(reference, Predictions(decisions.labels, decisions.codes))
    tally = multilabel.tally(aligned.y_true, aligned.y_score)
    errors = ~multilabel.exact(tally.certificates)
    return Judged(aligned.labels, aligned.y_true, aligned.y_score, tally, errors)


def score_row(reference: Corpus, said: Said, judged: Judged, frequency: IntArray, *, seed: int) -> Row:
    """The measured part of a row for these certificates.

    Parameters
    ----------
    frequency : (n_labels of the reference,) in how many certificates of the fit each code stood
    """
    sure, eligible = said.decisions.confidence, said.decisions.eligible
    point = None if said.promised is None else selective.working_point(judged.errors, sure, said.promised, eligible)
    return {
        "unit": "certificate",
        "n": len(reference),
        "n_labels": len(said.decisions.labels),
        **_sets(judged, seed),
        "aurc": selective.aurc(judged.errors, sure),
        "augrc": selective.augrc(judged.errors, sure),
        "oracle_coverage_at_2": selective.oracle_coverage(judged.errors, sure, ORACLE_RISK, eligible),
        "coverage": None if point is None else point.coverage,
        "risk": None if point is None else point.risk,
        "risk_low": None if point is None else point.risk_low,
        "risk_high": None if point is None else point.risk_high,
        "eligible": float(np.mean(eligible)) if len(eligible) else None,
        "median_confidence": float(np.median(sure)) if len(sure) else None,
        **_confidence(judged, said),
        **_ranks(reference, said.predictions),
        **_levels(judged),
        **bands.columns(
            bands.by_frequency(judged.tally.codes, frequencies(reference.labels, frequency, judged.labels))
        ),
        **_lines(reference, judged, said.decisions),
    }


def curve_rows(judged: Judged, decisions: Decisions) -> list[Row]:
    """The risk-coverage curve in at most 400 points, evenly spread over its own."""
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


def _sets(judged: Judged, seed: int) -> Row:
    counts = judged.counts
    interval = bootstrap.intervals(counts, seed=seed)
    return {
        "micro_f1": multilabel.micro_f1(counts),
        "micro_f1_low": interval.micro_f1_low,
        "micro_f1_high": interval.micro_f1_high,
        "micro_precision": multilabel.micro_precision(counts),
        "micro_recall": multilabel.micro_recall(counts),
        "macro_f1": multilabel.mean_f1(judged.tally.codes),
        "samples_f1": multilabel.samples_f1(counts),
        "hamming_loss": multilabel.hamming_loss(counts, len(judged.labels)),
        "exact_match": multilabel.exact_match(counts),
        "exact_match_low": interval.exact_match_low,
        "exact_match_high": interval.exact_match_high,
    }


def _confidence(judged: Judged, said: Said) -> Row:
    if said.estimator not in PROBABILITY:
        return {"brier": None, "ece": None, "confidence_reason": f"the confidence {said.estimator} is no probability"}
    probability = PROBABILITY[said.estimator](said.decisions.confidence)
    return {
        "brier": calibration.brier(~judged.errors, probability),
        "ece": calibration.expected_calibration_error(~judged.errors, probability),
        "confidence_reason": None,
    }


def _ranks(reference: Corpus, predictions: Predictions) -> Row:
    aligned = align(reference, predictions)
    found = ranking.ranking(aligned.y_true, aligned.y_score)
    return {
        "average_precision": found.average_precision,
        "lrap": found.lrap,
        **{f"precision_at_{place}": value for place, value in found.precision_at.items()},
    }


def _levels(judged: Judged) -> Row:
    codes = judged.tally.codes
    found = hierarchical.levels(judged.labels, codes.tp + codes.fn)
    row: Row = {}
    for name, level in (("category", found.category), ("chapter", found.chapter)):
        tally = None
        if level is not None:
            tally = multilabel.tally(level.collapse(judged.y_true), level.collapse(judged.y_pred))
        row |= {
            f"{name}_micro_f1": tally and multilabel.micro_f1(tally.certificates),
            f"{name}_macro_f1": tally and multilabel.mean_f1(tally.codes),
            f"{name}_exact_match": tally and multilabel.exact_match(tally.certificates),
        }
    return {**row, "levels_reason": found.reason}


def frequencies(reference: LabelSet, frequency: IntArray, labels: LabelSet) -> IntArray:
    """The frequency of each label; one that only a model knows, through its list, stood in no certificate.

    Parameters
    ----------
    frequency : (n_labels of the reference,)
    labels : which hold those of the reference
    """
    often = np.zeros(len(labels), np.int64)
    often[reference.columns_in(labels)] = frequency
    return often


def _lines(reference: Corpus, judged: Judged, decisions: Decisions) -> Row:
    """CLEF's measure by line, or why there is none."""
    found, reason = Clef(None, None, None, None), None
    if reference.by_line is None:
        reason = NOT_BY_LINE
    elif decisions.line_codes is None:
        reason = WHOLE
    else:
        true = reference.by_line.matrix(len(reference.labels))
        found = clef(
            judged.labels,
            Predictions(reference.labels, true).over(judged.labels),
            Predictions(decisions.labels, decisions.line_codes).over(judged.labels),
        )
    return {
        "clef_precision": found.precision,
        "clef_recall": found.recall,
        "clef_f1": found.f1,
        "clef_external_f1": found.external_f1,
        "lines_reason": reason,
    }
