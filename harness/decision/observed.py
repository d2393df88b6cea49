"""What decisions rest on: a model's scores, its witnesses' codes and how strange the text is; of certificates and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from harness.corpus.certificate import BoolArray, FloatArray, IntArray, LabelSet, Texts
from harness.decision.confidence.evidence import Evidence
from harness.decision.objective import chosen
from harness.decision.textgate import Looked, TextGate
from harness.families.committee import union
from harness.families.family import Predictions, Written
from harness.metrics import multilabel


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of n units of one kind before anything is decided.

    Attributes
    ----------
    codes : (n, n_labels) the model's codes
    evidence : what a confidence may be read from
    looked : what the gate saw in the text
    disagreement : (n,) whether a witness gives another set of codes
    """

    codes: csr_array
    evidence: Evidence
    looked: Looked
    disagreement: BoolArray


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of some certificates, and of their lines where the model scores lines."""

    certificates: Observed
    lines: Observed | None


def observe(
    threshold: float,
    predictions: Predictions,
    texts: Texts,
    gate: TextGate,
    witnesses: Sequence[tuple[float, Predictions]] = (),
) -> Seen:
    """What is known of some certificates.

    Parameters
    ----------
    threshold : from which the model's codes are chosen
    witnesses : each one's own threshold, and its predictions of the same certificates
    """
    of_lines = gate.look(texts)
    looked = of_lines.certificates(texts.first_line)
    codes = chosen(predictions.scores, threshold)
    agreed = [
        same_sets(predictions.labels, codes, other.labels, chosen(other.scores, least)) for least, other in witnesses
    ]
    certificates = _observed(threshold, predictions.scores, codes, looked, agreed, _of_certificates(predictions, texts))
    if predictions.line_scores is None:
        return Seen(certificates, None)
    line_codes = chosen(predictions.line_scores, threshold)
    agreed_lines = [
        same_sets(predictions.labels, line_codes, other.labels, chosen(other.line_scores, least))
        if other.line_scores is not None
        else agreement[texts.certificate_of_line]  # a witness of whole certificates speaks for all their lines
        for agreement, (least, other) in zip(agreed, witnesses, strict=True)
    ]
    written = predictions.written
    lines = _observed(threshold, predictions.line_scores, line_codes, of_lines, agreed_lines, _Sureness.of(written))
    return Seen(certificates, lines)


def same_sets(labels: LabelSet, codes: csr_array, others: LabelSet, other_codes: csr_array) -> BoolArray:
    """Whether two models give the same codes, row by row; (n,)."""
    both = union((labels, others))
    found = multilabel.counts(Predictions(labels, codes).over(both), Predictions(others, other_codes).over(both))
    return multilabel.exact(found)


@dataclass(frozen=True, slots=True)
class _Sureness:
    """How sure a writing model was of what it wrote of each unit; (n,) each, or None."""

    log_probability: FloatArray | None = None
    gap: FloatArray | None = None

    @classmethod
    def of(cls, written: Written | None) -> _Sureness:
        return cls() if written is None else cls(written.log_probability, written.gap)


def _of_certificates(predictions: Predictions, texts: Texts) -> _Sureness:
    """Of lines, all must be right: their log-probabilities add up, and the smallest gap counts."""
    sure = _Sureness.of(predictions.written)
    if predictions.line_scores is None:
        return sure
    of_line, n = texts.certificate_of_line, len(texts)
    total: FloatArray | None = None
    if sure.log_probability is not None:
        total = np.bincount(of_line, weights=sure.log_probability, minlength=n).astype(np.float64)
    return _Sureness(total, None if sure.gap is None else _least(sure.gap, of_line, n))


def _least(values: FloatArray, of_line: IntArray, n: int) -> FloatArray:
    least = np.full(n, np.inf)
    np.minimum.at(least, of_line, values)
    return np.where(np.isinf(least), 0.0, least)


def _observed(
    threshold: float, scores: csr_array, codes: csr_array, looked: Looked, agreed: list[BoolArray], sure: _Sureness
) -> Observed:
    agreement = np.mean(agreed, axis=0) if agreed else None
    evidence = Evidence(
        scores=scores,
        threshold=threshold,
        agreement=agreement,
        unseen_words=looked.unseen_words.astype(np.float64),
        unseen_ngrams=looked.unseen_ngrams,
        log_probability=sure.log_probability,
        gap=sure.gap,
    )
    disagreement = np.zeros(codes.shape[0], dtype=bool) if agreement is None else agreement < 1.0
    return Observed(codes, evidence, looked, disagreement)
