"""The same scores at coarser levels of the ICD: three-character categories and chapters.

Definitions of record. A code looks like ICD-10 if it is a letter, a digit, a digit or letter, and then at most a dot and
four more digits or letters, in either case; a dagger or asterisk may follow. Its category is the first three
characters, its chapter that of WHO's ICD-10 (2019) in whose range the category lies; categories that a national
modification adds between two chapters (D49, V00) belong to the one before. Any other code stands for itself at
both levels. A certificate has a category or chapter if it has any code of it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from harness.corpus.certificate import BoolArray, IntArray, LabelSet
from harness.metrics.multilabel import indicators

MOST_ODD = 0.95
NO_LEVELS = "the codes are not ICD-10's: they have no categories and chapters"
NO_CODE = "no certificate has a code"
_CODE = re.compile(r"([A-Z]\d[0-9A-Z])\.?[0-9A-Z]{0,4}[+*†]?", re.IGNORECASE | re.ASCII)
# Where each chapter begins; V00 stands for V01, as ICD-10-CM has it.
_CHAPTERS = {
    "A00": "I",
    "C00": "II",
    "D50": "III",
    "E00": "IV",
    "F00": "V",
    "G00": "VI",
    "H00": "VII",
    "H60": "VIII",
    "I00": "IX",
    "J00": "X",
    "K00": "XI",
    "L00": "XII",
    "M00": "XIII",
    "N00": "XIV",
    "O00": "XV",
    "P00": "XVI",
    "Q00": "XVII",
    "R00": "XVIII",
    "S00": "XIX",
    "V00": "XX",
    "Z00": "XXI",
    "U00": "XXII",
}
_STARTS = sorted(_CHAPTERS)


@dataclass(frozen=True, slots=True)
class Level:
    """Codes put together.

    Attributes
    ----------
    labels : the categories or chapters, and the codes that stand for themselves
    columns : (n_codes,) the place of each code in ``labels``
    """

    labels: LabelSet
    columns: IntArray

    def collapse(self, matrix: csr_array) -> csr_array:
        """The union of each group's columns: an indicator matrix, (n, n_codes) to (n, n_groups)."""
        matrix = indicators(matrix)
        moved = csr_array(
            (matrix.data, self.columns[matrix.indices], matrix.indptr), shape=(matrix.shape[0], len(self.labels))
        )
        return indicators(moved)


@dataclass(frozen=True, slots=True)
class Levels:
    """The two levels above the code; None with a reason where the corpus has none."""

    category: Level | None
    chapter: Level | None
    reason: str | None = None


def levels(labels: LabelSet, n_true: IntArray) -> Levels:
    """The levels of some codes; none where 95 % of the true pairs or more have a code that does not look like ICD-10.

    Parameters
    ----------
    labels : the codes
    n_true : (n_codes,) how many certificates have each
    """
    known = np.array([category(code) is not None for code in labels.codes], dtype=np.bool_)
    total = int(n_true.sum())
    if not total:
        return Levels(None, None, NO_CODE)
    if int(n_true[~known].sum()) >= MOST_ODD * total:
        return Levels(None, None, NO_LEVELS)
    return Levels(_level(labels, category), _level(labels, chapter))


def category(code: str) -> str | None:
    """The three characters that a code of the ICD begins with, in capitals; None if it is no such code."""
    found = _CODE.fullmatch(code)
    return None if found is None else found[1].upper()


def chapter(code: str) -> str | None:
    """The Roman number of a code's chapter; None if it is no code of the ICD."""
    found = category(code)
    return None if found is None else _CHAPTERS[_STARTS[bisect_right(_STARTS, found) - 1]]


def in_categories(labels: LabelSet, first: str, last: str) -> BoolArray:
    """Whether the category of each code lies in a range, both ends included; (n_codes,)."""
    found = (category(code) for code in labels.codes)
    return np.array([name is not None and first <= name <= last for name in found], dtype=np.bool_)


def _level(labels: LabelSet, group: Callable[[str], str | None]) -> Level:
    # An odd code must not meet a chapter of the same name.
    names = [(0, name) if (name := group(code)) is not None else (1, code) for code in labels.codes]
    groups = sorted(set(names))
    place = {name: column for column, name in enumerate(groups)}
    return Level(LabelSet(tuple(name for _, name in groups)), np.array([place[name] for name in names], dtype=np.int32))
