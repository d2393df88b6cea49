"""What a confidence is read from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.corpus.certificate import BoolArray, FloatArray, IntArray
from harness.decision.recalibration import IDENTITY, UNSEEN, Recalibration

__all__ = ["UNSEEN", "Array", "Evidence", "Stored"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of n certificates, or lines; a column is None where the model or the office has no such thing.

    Attributes
    ----------
    scores : (n, n_labels) as the model gave them
    threshold : from which score on a code is chosen; it holds for the scores as they came
    recalibration : makes probabilities of the scores; it never changes which codes are chosen
    agreement : (n,) share of the witnesses that choose exactly the same codes
    unseen_words : (n,) number of words known neither from training nor from code list and dictionaries
    unseen_ngrams : (n,) share of the runs of four characters that training did not have, 0 without text
    log_probability : (n,) of what an encoder-decoder wrote
    gap : (n,) by how much the surest output's log-probability exceeds the second's
    """

    scores: csr_array
    threshold: float
    recalibration: Recalibration = IDENTITY
    agreement: FloatArray | None = None
    unseen_words: FloatArray | None = None
    unseen_ngrams: FloatArray | None = None
    log_probability: FloatArray | None = None
    gap: FloatArray | None = None

    def __len__(self) -> int:
        return int(self.scores.shape[0])

    def take(self, rows: IntArray | slice) -> Evidence:
        """The evidence of some units, in the order of ``rows``."""

        def some(column: FloatArray | None) -> FloatArray | None:
            return None if column is None else column[rows]

        return replace(
            self,
            scores=csr_array(self.scores[rows]),
            agreement=some(self.agreement),
            unseen_words=some(self.unseen_words),
            unseen_ngrams=some(self.unseen_ngrams),
            log_probability=some(self.log_probability),
            gap=some(self.gap),
        )

    def lacks(self, needs: tuple[str, ...]) -> tuple[str, ...]:
        """The columns among ``needs`` that are not known."""
        return tuple(name for name in needs if getattr(self, name) is None)

    def stored(self) -> Stored:
        """The stored scores as probabilities."""
        scores = self.scores
        return Stored(
            len(self),
            np.repeat(np.arange(len(self)), np.diff(scores.indptr)),
            self.recalibration(scores.data),
            scores.data.astype(np.float64) >= self.threshold,
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """Scores of codes, one after the other.

    Attributes
    ----------
    n : the number of units
    row : (nnz,) of the unit
    p : (nnz,) strictly inside (0, 1)
    chosen : (nnz,) whether the score reaches the threshold
    """

    n: int
    row: npt.NDArray[np.int64]
    p: Array
    chosen: BoolArray

    def sums(self, values: FloatArray | BoolArray) -> Array:
        """The sum of (nnz,) values for each unit; (n,)."""
        return np.bincount(self.row, weights=np.asarray(values, dtype=np.float64), minlength=self.n).astype(np.float64)
