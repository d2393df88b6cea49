"""What every measure of the page means, which way is better, and where it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.leaderboard.terms import TERMS as TERMS
from harness.leaderboard.terms import WORDING_TERMS as WORDING_TERMS
from harness.leaderboard.terms import Term as Term

# The term of each column of the page, and of each heading of numbers behind a figure; others follow from a part of the key.
OF_KEY: Mapping[str, str] = {
    "model": "model",
    "family": "family",
    "kind": "kind",
    "validation_micro_f1": "micro-f1",
    "micro_f1": "micro-f1",
    "macro_f1": "macro-f1",
    "exact_match": "exact-match",
    "aurc": "aurc",
    "augrc": "augrc",
    "oracle_coverage_at_2": "oracle-coverage",
    "promised_coverage": "promised-coverage",
    "promised": "promised-coverage",
    "coverage": "coverage",
    "automatic": "coverage",
    "automated": "coverage",
    "risk": "risk",
    "n_labels": "labels",
    "fit_seconds": "fit-time",
    "certificates_per_second": "speed",
    "bytes": "size",
    "micro_precision": "precision-recall",
    "micro_recall": "precision-recall",
    "precision": "precision-recall",
    "recall": "precision-recall",
    "f1": "f1",
    "samples_f1": "samples-f1",
    "hamming_loss": "hamming-loss",
    "average_precision": "ap",
    "lrap": "lrap",
    "brier": "brier",
    "ece": "ece",
    "verdict": "audit",
    "threshold": "threshold",
    "support": "support",
    "importance": "importance",
    "tied": "tie",
    "rings": "alarms",
    "p_value": "p-value",
    "hours_saved": "hours-saved",
    "estimator": "estimator",
    "recalibration": "recalibration",
    "product": "product",
    "margin": "margin",
    "entropy": "entropy",
    "sequence": "sequence",
    "beam_gap": "beam-gap",
    "agreement": "agreement",
    "novelty": "novelty",
    "learnt": "learnt",
}
_PATTERNS = tuple(
    (re.compile(pattern), slug)
    for pattern, slug in (
        (r"precision_at_\d+", "p-at-k"),
        (r"(micro_f1|macro_f1|recall|n_codes)_(unseen|1_9|10_99|100_up)", "frequency"),
        (r"(category|chapter)_.+", "levels"),
        (r"clef_.+", "clef"),
        (r"normalised_exact_match.*|n_unseen_lines", "wording"),
        (r"normalised_cer.*", "cer"),
        (r"normalised_chrf.*", "chrf"),
        (r"normalised_code_f1.*", "code-f1"),
        (r".+_(low|high)", "interval"),
    )
)


def term_of(key: str) -> str:
    """The address of the term that explains a column, or "" where it needs none."""
    key = key.removeprefix("line_")  # the same measure, by line
    found = OF_KEY.get(key)
    if found is None:
        found = next((slug for pattern, slug in _PATTERNS if pattern.fullmatch(key)), "")
    return found
