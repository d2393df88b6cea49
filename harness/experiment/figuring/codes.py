"""How well each code and chapter is coded, without any number of certificates by which somebody could be recognised.

What is hidden, and why, is told in :mod:`harness.metrics.disclosure`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.corpus.certificate import BoolArray, IntArray, LabelSet
from harness.experiment.scoring import Judged
from harness.files import Row
from harness.metrics import disclosure, hierarchical, multilabel
from harness.metrics.disclosure import Counted, Hidden, column_sizes
from harness.metrics.multilabel import Counts, Int64Array

MOST_CODES = 1_500  # of a model; those with the largest support


@dataclass(frozen=True, slots=True)
class Chapters:
    """The chapters of some codes, a code without one standing for itself.

    Attributes
    ----------
    names : (n_chapters,) None where a code stands for itself
    of : (n_codes,) the place of each code's chapter
    true, pred : which certificate has which code and chapter
    """

    names: tuple[str | None, ...]
    of: IntArray
    true: Counted
    pred: Counted

    @classmethod
    def of_codes(cls, judged: Judged) -> Chapters:
        """Those of all codes that were judged; none has a chapter where the codes are not the ICD's."""
        codes = judged.tally.codes
        level = hierarchical.levels(judged.labels, codes.tp + codes.fn).chapter
        if level is None:
            own = np.arange(len(judged.labels))
            return cls(
                (None,) * len(own),
                own,
                Counted(judged.y_true, judged.y_true, own),
                Counted(judged.y_pred, judged.y_pred, own),
            )
        names: list[str | None] = [None] * len(level.labels)
        for code, place in zip(judged.labels.codes, level.columns.tolist(), strict=True):
            names[place] = hierarchical.chapter(code)
        true, pred = level.collapse(judged.y_true), level.collapse(judged.y_pred)
        return cls(
            tuple(names),
            level.columns,
            Counted(judged.y_true, true, level.columns),
            Counted(judged.y_pred, pred, level.columns),
        )

    def of_code(self, column: int) -> str | None:
        """The chapter of a code; None where it has none."""
        return self.names[int(self.of[column])]


def code_rows(
    judged: Judged, chapters: Chapters, support: Hidden, automatic: BoolArray | None, titles: Mapping[str, str]
) -> list[Row]:
    """A row of each chapter, then one of each code that reference or prediction has, by name.

    Parameters
    ----------
    support : what is hidden of the reference
    automatic : (n,) whether the certificate needs no person; None without a working point
    titles : by code
    """
    predicted = disclosure.of_predicted(chapters.pred, support)
    codes, whole = judged.tally.codes, multilabel.tally(chapters.true.chapters, chapters.pred.chapters).codes
    of_codes = _Table(codes, support.codes, predicted.codes)
    of_chapters = _Table(whole, support.chapters, predicted.chapters)
    if automatic is not None:
        mine, share = chapters.true.part(automatic), disclosure.of_share(chapters.true, automatic, support)
        of_codes = replace(of_codes, shares=_shares(codes, column_sizes(mine.codes), share.codes))
        of_chapters = replace(of_chapters, shares=_shares(whole, column_sizes(mine.chapters), share.chapters))
    rows: list[Row] = []
    for place in _chapter_order(chapters):
        name = chapters.names[place]
        if name is not None and of_chapters.occurs[place]:
            title = titles.get(name) or None
            rows.append({"level": "chapter", "code": None, "title": title, "chapter": name, **of_chapters.row(place)})
    for column in _listed(of_codes, judged.labels):
        code = judged.labels.codes[column]
        where = {"code": code, "title": titles.get(code) or None, "chapter": chapters.of_code(column)}
        rows.append({"level": "code", **where, **of_codes.row(column)})
    return rows


@dataclass(frozen=True, slots=True)
class _Table:
    """Counts of codes or chapters, and what of them is not given; each (n,).

    Attributes
    ----------
    support, predicted : True where it is hidden
    shares : of its certificates that were coded without a person, NaN where hidden; None without a working point
    """

    counts: Counts
    support: BoolArray
    predicted: BoolArray
    shares: npt.NDArray[np.float64] | None = None

    @property
    def occurs(self) -> BoolArray:
        """Whether reference or prediction has it."""
        there: BoolArray = self.counts.tp + self.counts.fp + self.counts.fn > 0
        return there

    def row(self, place: int) -> Row:
        tp, fp, fn = (int(part[place]) for part in (self.counts.tp, self.counts.fp, self.counts.fn))
        support, predicted = tp + fn, tp + fp
        counted, given = not self.support[place], not self.predicted[place]
        share = None if self.shares is None or np.isnan(self.shares[place]) else float(self.shares[place])
        return {
            "support": support if counted else None,
            "predicted": predicted if given else None,
            "precision": tp / predicted if given and predicted else None,
            "recall": tp / support if counted else None,
            "f1": 2 * tp / (support + predicted) if counted and given else None,
            "automatic": share,
            "suppressed": not counted,
        }


def _shares(counts: Counts, automatic: Int64Array, hidden: BoolArray) -> npt.NDArray[np.float64]:
    """The shares that are given; what is given stood in 10 certificates or more."""
    shares = np.full(len(automatic), np.nan)
    shares[~hidden] = automatic[~hidden] / (counts.tp + counts.fn)[~hidden]
    return shares


def _listed(table: _Table, labels: LabelSet) -> Sequence[int]:
    """The columns of the codes that are shown, by name: hidden ones are the last to be chosen, whatever their support."""
    support = np.where(table.support, 0, table.counts.tp + table.counts.fn)
    there = np.flatnonzero(table.occurs)
    chosen = there[np.argsort(-support[there], kind="stable")[:MOST_CODES]]
    return sorted(chosen.tolist(), key=labels.codes.__getitem__)


def _chapter_order(chapters: Chapters) -> list[int]:
    """The chapters in the order of their first codes."""
    places, first = np.unique(chapters.of, return_index=True)
    ordered: list[int] = places[np.argsort(first)].tolist()
    return ordered
