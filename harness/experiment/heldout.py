"""What codes given to the held-out certificates are worth: a row of scores, and counts that can be resampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.corpus.certificate import Corpus, IntArray
from harness.decision.objective import Aligned, align
from harness.experiment.scoring import frequencies
from harness.families.family import Predictions
from harness.files import Row
from harness.metrics import bands, bootstrap, multilabel
from harness.metrics.multilabel import Counts

WHOLE = "all"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The certificates on which arms are compared.

    Attributes
    ----------
    frequency : (n_labels,) in how many certificates of all training years each code stood, whatever part of them an
        arm was fitted on: so a band holds the same codes at every training size
    """

    corpus: Corpus
    frequency: IntArray

    @classmethod
    def of(cls, corpus: Corpus, train: Corpus) -> HeldOut:
        return cls(corpus, np.bincount(train.codes.indices, minlength=len(train.labels)))

    @property
    def untold(self) -> frozenset[str]:
        """The bands of codes of which no score is given."""
        return bands.untold(self.corpus.codes, self.frequency, [slice(0, len(self.corpus))])

    def scores(self, codes: Predictions, seed: int) -> Row:
        """The scores of some codes, ``codes`` being an indicator matrix, with intervals of this fit alone."""
        aligned = align(self.corpus, codes)
        tally = multilabel.tally(aligned.y_true, aligned.y_score)
        interval = bootstrap.intervals(tally.certificates, seed=seed)
        return {
            "n": len(self.corpus),
            "micro_f1": multilabel.micro_f1(tally.certificates),
            "micro_f1_low": interval.micro_f1_low,
            "micro_f1_high": interval.micro_f1_high,
            "macro_f1": multilabel.mean_f1(tally.codes),
            "exact_match": multilabel.exact_match(tally.certificates),
            "exact_match_low": interval.exact_match_low,
            "exact_match_high": interval.exact_match_high,
            **bands.columns(bands.by_frequency(tally.codes, self._often(aligned)), self.untold),
        }

    def counts(self, codes: Predictions) -> dict[str, Counts]:
        """The counts of each certificate: over all codes, and over those of each band; of an untold one, of no code."""
        aligned = align(self.corpus, codes)
        often = self._often(aligned)
        found = {WHOLE: multilabel.counts(aligned.y_true, aligned.y_score)}
        for name, (least, most) in bands.BANDS.items():
            mine = np.flatnonzero((often >= least) & (often <= most) & (name not in self.untold))
            found[name] = multilabel.counts(aligned.y_true[:, mine], aligned.y_score[:, mine])
        return found

    def _often(self, aligned: Aligned) -> IntArray:
        return frequencies(self.corpus.labels, self.frequency, aligned.labels)
