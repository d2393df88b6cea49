"""Score rows: what a candidate reached on some certificates, with everything needed to read the row alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from harness.corpus.certificate import BoolArray, Corpus, FloatArray, IntArray, LabelSet, LineCodes, Texts
from harness.decision.audit import verdict_of
from harness.decision.confidence import ESTIMATORS, LEARNT
from harness.decision.objective import align
from harness.decision.observed import same_sets
from harness.decision.rule import Decided, Decisions, Reason, UnitRule
from harness.families.committee import union
from harness.families.family import Predictions
from harness.files import Row
from harness.metrics import bands, bootstrap, calibration, hierarchical, multilabel, ranking, selective
from harness.metrics.clef import Clef, clef
from harness.metrics.design import design_effect

ORACLE_RISK = 0.02
CURVE_POINTS = 400
NOT_BY_LINE = "the corpus has no codes by line"
FEW = f"fewer than {bands.FEWEST} certificates of a year have such a code, or it would let their number be told"
WHOLE = "the model codes whole certificates, not lines"


@dataclass(frozen=True, slots=True)
class Said:
    """What a candidate said of some certificates: a model's scores, and what its rule made of them.

    Attributes
    ----------
    certificate, line : how sure the rule must be of each kind of unit; None where the model scores no lines
    """

    predictions: Predictions
    decisions: Decisions
    certificate: UnitRule
    line: UnitRule | None = None

    def made(self, unit: str) -> bool:
        """Whether a promise of such units is made."""
        own = self.line if unit == "line" else self.certificate
        return own is not None and own.least_confidence is not None

    def promised(self, unit: Literal["certificate", "line"]) -> bool:
        """Whether such units may be automatic at all: by a promise of their own, else by that of the other kind."""
        own, other = (self.certificate, self.line) if unit == "certificate" else (self.line, self.certificate)
        asked = own if own is not None and own.promise is not None else other
        return asked is not None and asked.least_confidence is not None

    def rows(self, texts: Texts, start: int, stop: int) -> Said:
        """What it said of a run of the certificates, whose texts are ``texts``."""
        if (start, stop) == (0, len(texts)):
            return self  # slicing would copy every score
        part, said = slice(start, stop), self.decisions
        of_lines = slice(int(texts.first_line[start]), int(texts.first_line[stop]))
        units = part if said.lines is None else of_lines
        scores = self.predictions.line_scores
        return Said(
            Predictions(
                self.predictions.labels, self.predictions.scores[part], None if scores is None else scores[of_lines]
            ),
            Decisions(
                said.codes[part],
                said.confidence[part],
                said.eligible[part],
                said.reason[part],
                labels=said.labels,
                lines=None if said.lines is None else said.lines[of_lines],
                written=None if said.written is None else said.written.take(np.arange(units.start, units.stop)),
            ),
            self.certificate,
            self.line,
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


def judge_lines(reference: Corpus, decisions: Decisions) -> BoolArray:
    """Where a line's codes differ from the expert's, (n_lines,); both have codes by line."""
    lines, decided = _of_lines(reference, decisions)
    return ~same_sets(reference.labels, lines.matrix(len(reference.labels)), decisions.labels, decided.codes)


def _of_lines(reference: Corpus, decisions: Decisions) -> tuple[LineCodes, Decided]:
    if reference.by_line is None or decisions.lines is None:
        raise ValueError("reference and model must have codes by line")
    return reference.by_line, decisions.lines


def score_row(
    reference: Corpus,
    said: Said,
    judged: Judged,
    frequency: IntArray,
    *,
    seed: int,
    untold: Collection[str] = (),
) -> Row:
    """The measured part of a row for these certificates.

    Parameters
    ----------
    frequency : (n_labels of the reference,) in how many certificates of the fit each code stood
    untold : bands of codes of which no score is given
    """
    sure, eligible = said.decisions.confidence, said.decisions.eligible
    point = selective.accepted_point(judged.errors, said.decisions.automatic) if said.promised("certificate") else None
    low, high = (None, None)
    if point is not None:
        low, high = interval(judged.errors, said.decisions.automatic, reference.cluster_numbers())
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
        "risk_low": low,
        "risk_high": high,
        "eligible": float(np.mean(eligible)) if len(eligible) and told_to(said.decisions) is None else None,
        "median_confidence": float(np.median(sure)) if len(sure) else None,
        **_confidence(judged, said),
        **_ranks(reference, said.predictions),
        **_levels(judged),
        **bands.columns(
            bands.by_frequency(judged.tally.codes, frequencies(reference.labels, frequency, judged.labels)), untold
        ),
        **{f"reason_{name}": FEW if name in untold else None for name in bands.BANDS},
        **_lines(reference, judged, said.decisions),
    }


def line_row(reference: Corpus, said: Said) -> Row:
    """The measured part of a row for the lines of these certificates, where reference and model have codes by line.

    Lines of one certificate err together: the interval of the risk counts the automatic ones for as many as are worth
    as much as independent ones would be.
    """
    lines, decided = _of_lines(reference, said.decisions)
    texts = reference.texts
    true = Predictions(reference.labels, lines.matrix(len(reference.labels)))
    pred = Predictions(said.decisions.labels, decided.codes)
    both = union((true.labels, pred.labels))
    counts = multilabel.counts(true.over(both), pred.over(both))
    errors = ~multilabel.exact(counts)
    point = selective.accepted_point(errors, decided.automatic) if said.promised("line") else None
    of_line, clusters = texts.certificate_of_line, reference.cluster_numbers()
    groups = of_line if clusters is None else clusters[of_line]
    low, high = (None, None) if point is None else interval(errors, decided.automatic, groups)
    return {
        "unit": "line",
        "n": len(errors),
        "n_labels": len(said.decisions.labels),
        "micro_f1": multilabel.micro_f1(counts),
        "micro_precision": multilabel.micro_precision(counts),
        "micro_recall": multilabel.micro_recall(counts),
        "exact_match": multilabel.exact_match(counts),
        "aurc": selective.aurc(errors, decided.confidence),
        "augrc": selective.augrc(errors, decided.confidence),
        "oracle_coverage_at_2": selective.oracle_coverage(errors, decided.confidence, ORACLE_RISK, decided.eligible),
        "coverage": None if point is None else point.coverage,
        "risk": None if point is None else point.risk,
        "risk_low": low,
        "risk_high": high,
        "eligible": float(np.mean(decided.eligible)) if len(errors) else None,
        "median_confidence": float(np.median(decided.confidence)) if len(errors) else None,
    }


def interval(errors: BoolArray, automatic: BoolArray, groups: IntArray | None) -> tuple[float | None, float | None]:
    """The 95 % interval of the risk among automatic units; None where there is none.

    Units of one group err together: the lines of a certificate, the certificates of a certifier. They count for as many
    as are worth as much as independent ones would be.

    Parameters
    ----------
    groups : (n,) numbers, or None where each unit stands alone
    """
    accepted, wrong = int(automatic.sum()), int(errors[automatic].sum())
    effect = 1.0 if groups is None else design_effect(errors, groups, automatic) or 1.0
    return selective.exact_interval(wrong / effect, accepted / effect) or (None, None)


def saved_work(row: Row, minutes: float) -> Row:
    """The hours of persons' work that automatic units save, at so many minutes each; None without a working point."""
    return {"hours_saved": None if row["coverage"] is None else round(row["coverage"] * row["n"] * minutes / 60, 3)}


def audited(row: Row, risk: float | None) -> Row:
    """What a held-out year says of the promised ``risk``: kept, broken or undecided.

    None where nothing was automatic, and where nothing is promised of this unit.
    """
    if row["risk"] is None or risk is None:
        return {"verdict": None}
    return {"verdict": verdict_of(row["risk_low"], row["risk_high"], risk)}


def curve_rows(judged: Judged, decisions: Decisions) -> list[Row]:
    """The risk-coverage curve in at most 400 points, evenly spread over its own."""
    curve = selective.risk_coverage(judged.errors, decisions.confidence, decisions.eligible)
    most = told_to(decisions)
    n = len(curve.coverage) if most is None else int(np.searchsorted(curve.accepted, most, side="right"))
    kept = np.unique(np.linspace(0, n - 1, min(n, CURVE_POINTS)).astype(int)) if n else np.zeros(0, dtype=int)
    return [
        {"coverage": float(curve.coverage[i]), "risk": float(curve.risk[i]), "threshold": float(curve.threshold[i])}
        for i in kept
    ]


def told_to(decisions: Decided) -> int | None:
    """Up to how many accepted certificates a curve may be shown; None where all of it may.

    Where a curve ends tells how many certificates a person always sees. Where these are one to four, it would tell to how
    many a model gave a code of which such a number is not given.
    """
    always = int(np.count_nonzero(decisions.reason == Reason.ALWAYS_PERSON))
    able = int(np.count_nonzero(selective.may_be_accepted(decisions.confidence, decisions.eligible)))
    return max(able - bands.FEWEST, 0) if 0 < always < bands.FEWEST else None


def expected(errors: BoolArray, confidence: FloatArray, eligible: BoolArray, risk: float) -> float:
    """The coverage at the best threshold in hindsight whose empirical risk is at most ``risk``; 0.0 without units."""
    return selective.oracle_coverage(errors, confidence, risk, eligible) or 0.0


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


def probability(said: Said) -> FloatArray | None:
    """The probability that all codes of a certificate are right, (n,); None where the confidence is no probability."""
    estimator = said.certificate.estimator
    makes = np.asarray if estimator == LEARNT else ESTIMATORS[estimator].probability
    return None if makes is None else makes(said.decisions.confidence)


def _confidence(judged: Judged, said: Said) -> Row:
    sure = probability(said)
    if sure is None:
        reason = f"the confidence {said.certificate.estimator} is no probability"
        return {"brier": None, "ece": None, "confidence_reason": reason}
    return {
        "brier": calibration.brier(~judged.errors, sure),
        "ece": calibration.expected_calibration_error(~judged.errors, sure),
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
    elif decisions.lines is None:
        reason = WHOLE
    else:
        true = reference.by_line.matrix(len(reference.labels))
        found = clef(
            judged.labels,
            Predictions(reference.labels, true).over(judged.labels),
            Predictions(decisions.labels, decisions.lines.codes).over(judged.labels),
        )
    return {
        "clef_precision": found.precision,
        "clef_recall": found.recall,
        "clef_f1": found.f1,
        "clef_external_f1": found.external_f1,
        "lines_reason": reason,
    }
