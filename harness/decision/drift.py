"""The words alarm: the new certificates' words and predictions are unlike the calibration year's. It needs no codes.

Four statistics: the share of certificates with an unseen word, and with an unseen text; how far the confidence has
shifted, and how far the shares of the predicted codes have. Years differ anyhow: so each is held against pairs of past
years, of which the earlier stands to the vocabulary as calibration does, and the later as the new year does. The log
of a statistic is taken for normal over the pairs, and the new one must not exceed what a t distribution with pairs − 1
degrees of freedom foresees, its own sampling noise included. There is ONE alarm: its rate is split over the statistics
that have enough pairs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.stats import t

from harness.corpus.certificate import FloatArray, LabelSet
from harness.decision.gaps import Gap, design_of, gap_of, p_value
from harness.decision.summaries import Float64Array, Pair, YearSummary, bin_edges, summarise
from harness.errors import BundleError
from harness.files import read_json, write_json

LEAST_PAIRS = 5  # of past years, for a statistic to take part in the alarm
STATISTICS: Mapping[str, str] = {
    "words": "certificates with an unseen word",
    "texts": "certificates with an unseen text",
    "confidence": "shift of the confidence",
    "codes": "shift of the predicted codes' shares",
}


@dataclass(frozen=True, slots=True)
class DriftReference:
    """What new certificates are held against: counts alone.

    Attributes
    ----------
    labels : the model's codes; columns of ``calibration.codes``
    edges : (n_bins − 1,) ascending; a confidence lies in bin k where k edges are below it
    design : how many times more the codes' G varies than that of independent codes; at least 1
    pairs : of past years, the newest last; codes there are over any labels, the same within a pair
    """

    calibration: YearSummary
    labels: LabelSet
    edges: Float64Array
    design: float
    pairs: tuple[Pair, ...]

    @classmethod
    def learnt(
        cls,
        year: int,
        unseen_words: npt.NDArray[Any],
        unseen_texts: npt.NDArray[Any],
        confidence: FloatArray | None,
        labels: LabelSet,
        codes: csr_array,
        pairs: Sequence[Pair],
    ) -> DriftReference:
        """From the calibration year's certificates.

        Parameters
        ----------
        unseen_words, unseen_texts : (n,)
            How many each certificate has; or whether it has any.
        confidence : (n,)
            None where none is known.
        codes : (n, n_labels)
            The predicted codes.
        """
        edges = np.zeros(0) if confidence is None else bin_edges(confidence)
        calibration = summarise(year, unseen_words, unseen_texts, confidence, edges, codes)
        return cls(calibration, labels, edges, design_of(codes), tuple(pairs))

    def summary(
        self,
        year: int,
        unseen_words: npt.NDArray[Any],
        unseen_texts: npt.NDArray[Any],
        confidence: FloatArray | None,
        codes: csr_array,
    ) -> YearSummary:
        """The counts of a batch, to be given to :func:`words_alarm`; as in :meth:`learnt`."""
        return summarise(year, unseen_words, unseen_texts, confidence, self.edges, codes)

    def save(self, path: Path) -> None:
        """Write it as strict JSON."""
        write_json(
            path,
            {
                "calibration": self.calibration.to_dict(),
                "labels": list(self.labels.codes),
                "edges": [value if math.isfinite(value) else str(value) for value in self.edges.tolist()],
                "design": self.design,
                "pairs": [[pair.before.to_dict(), pair.after.to_dict()] for pair in self.pairs],
            },
        )

    @classmethod
    def load(cls, path: Path) -> DriftReference:
        """What :meth:`save` wrote.

        Raises
        ------
        BundleError
            The counts are of other codes or bins than the file names.
        """
        said = read_json(path)
        calibration = YearSummary.from_dict(said["calibration"])
        for name, found, wanted in (
            ("codes", calibration.codes, len(said["labels"])),
            ("confidence", calibration.confidence, len(said["edges"]) + 1),
        ):
            if found is not None and len(found) != wanted:
                raise BundleError(
                    f"the drift reference must count {wanted} cells of {name}, but counts {len(found)} ({path.name})"
                )
        return cls(
            calibration,
            LabelSet(tuple(said["labels"])),
            np.array([float(value) for value in said["edges"]], dtype=np.float64),
            said["design"],
            tuple(Pair(*(YearSummary.from_dict(part) for part in pair)) for pair in said["pairs"]),
        )


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic of a batch.

    Attributes
    ----------
    name : of STATISTICS
    value : a share, or a distance from the calibration year (at least 0)
    reference : the calibration year's share; for a distance the usual one between past years, None without these
    log_gap : log(value / reference); None where either is not known or 0
    standardised : the quantile of t with pairs − 1 degrees of freedom that is as rare as the value; None without alarm
    limit : what ``standardised`` must exceed to ring; None without alarm
    pairs : past pairs that know this statistic
    alarm_possible : whether there are enough of them
    """

    name: str
    value: float
    reference: float | None
    log_gap: float | None
    standardised: float | None
    limit: float | None
    pairs: int
    alarm_possible: bool

    @property
    def rings(self) -> bool:
        return self.standardised is not None and self.limit is not None and self.standardised > self.limit


@dataclass(frozen=True, slots=True)
class DriftState:
    """The words alarm of one batch.

    Attributes
    ----------
    rate : how often it rings, nominally, in years like the past ones
    statistics : the one nearest to its limit, or furthest beyond, first; those without alarm last
    """

    rings: bool
    rate: float
    n: int
    statistics: tuple[Statistic, ...]
    sentences: tuple[str, ...]


def words_alarm(reference: DriftReference, now: YearSummary, rate: float = 0.05) -> DriftState:
    """Hold a batch against the calibration year, by what past years let us expect.

    Of the pairs those count that lie as many years apart as the batch and calibration do, or else the furthest apart.
    """
    pairs = _as_far(reference, now)
    known = {name: gap for name in STATISTICS if (gap := gap_of(name, reference.calibration, now, reference.design))}
    past = {
        name: [gap for pair in pairs if (gap := gap_of(name, pair.before, pair.after, reference.design))]
        for name in known
    }
    able = sum(len(gaps) >= LEAST_PAIRS for gaps in past.values())
    statistics = [_statistic(name, gap, past[name], rate / max(1, able)) for name, gap in known.items()]
    statistics.sort(key=lambda one: math.inf if one.standardised is None else -one.standardised / (one.limit or 1.0))
    rings = any(one.rings for one in statistics)
    sentences = _sentences(statistics, reference.calibration.year, now, rate, able)
    return DriftState(rings, rate, now.n, tuple(statistics), sentences)


def _as_far(reference: DriftReference, now: YearSummary) -> tuple[Pair, ...]:
    apart = [pair.after.year - pair.before.year for pair in reference.pairs]
    wanted = min(max(1, now.year - reference.calibration.year), max(apart, default=1))
    return tuple(pair for pair, years in zip(reference.pairs, apart, strict=True) if years == wanted)


def _statistic(name: str, now: Gap, past: Sequence[Gap], level: float) -> Statistic:
    usual = float(np.mean([gap.log for gap in past])) if past else None
    reference = now.base if now.base is not None else None if usual is None else math.exp(usual)
    gap = math.log(now.value / reference) if now.value > 0 and reference else None
    if len(past) < LEAST_PAIRS or usual is None:
        return Statistic(name, now.value, reference, gap, None, None, len(past), False)
    freedom = len(past) - 1
    standardised, limit = float(t.isf(p_value(now, usual, past), freedom)), float(t.isf(level, freedom))
    return Statistic(name, now.value, reference, gap, standardised, limit, len(past), True)


def _sentences(
    statistics: Sequence[Statistic], calibration: int, now: YearSummary, rate: float, able: int
) -> tuple[str, ...]:
    """One line on the alarm, and one on each statistic."""
    rings = any(one.rings for one in statistics)
    if able:
        pairs = sorted({one.pairs for one in statistics if one.alarm_possible})
        head = (
            f"The words alarm {'RINGS' if rings else 'is silent'} for {now.n:,} certificates of {now.year} "
            f"(nominal rate {rate:.0%}, {' to '.join(map(str, pairs[:1] + pairs[1:][-1:]))} pairs of past years)."
        )
    else:
        head = f"No words alarm is possible: it takes {LEAST_PAIRS} pairs of past years, which no statistic has."
    return (head, *(_sentence(one, calibration, now.year) for one in statistics))


def _sentence(one: Statistic, calibration: int, year: int) -> str:
    def said(value: float | None) -> str:
        if value is None:
            return "unknown"
        return f"{value:.1%}" if one.name in ("words", "texts") else f"{value:.4f}"

    against = f"in {calibration}" if one.name in ("words", "texts") else "usual between past years"
    if one.standardised is None or one.limit is None:
        bound = f"no alarm, {one.pairs} of {LEAST_PAIRS} pairs"
    else:
        bound = f"t {one.standardised:.1f}, limit {one.limit:.1f}, {one.pairs} pairs"
    return f"{STATISTICS[one.name]}: {said(one.value)} in {year}, {said(one.reference)} {against} ({bound})"
