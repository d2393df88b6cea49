"""Which numbers of certificates are not given, because a few people could be recognised by them.

Definitions of record. A code or chapter stands in so many certificates (its count). A count under 5 is not given, nor
whatever it could be computed from. A count of 0 is hidden like the others, but nothing more is hidden for its sake: that
nobody has a code says nothing of anybody.

What a reader could subtract, and what is done about it:

- *A chapter's total less its shown codes.* The total counts certificates, the codes count (certificate, code) pairs, so
  the difference is exact only where no certificate has two codes of the chapter, else a lower bound of what is hidden.
  A chapter with something hidden therefore hides at least two codes that occur, which together hold at least 5 pairs
  and stand in at least 5 certificates, and whose difference is not 1 to 4 either, though it would be a number of
  nothing. Where one of these fails, the chapter's smallest code that is still shown is hidden, too.
- *All certificates, or all pairs, less the shown chapters.* The same rule, the chapters being the cells. A code without
  a chapter stands for itself among them.
- *A hidden chapter from its codes.* It lies between the largest and the sum of them: with the chapter, all of its codes
  are hidden. So all pairs less all shown codes are none or at least 5, too.
- *One model's table less another's.* What is hidden of the reference depends on the reference alone, so all models hide
  the same. A code that only a model gives has a count of 0, and changes nothing for the others.
- *A count from scores.* Recall × support are a model's errors, which may be given. Where the support is hidden, every
  score of the code is. ``predicted`` stands in precision, and with recall and support in F1: the three are hidden
  together, where 1 to 4 certificates were given the code, or where the support is hidden (a good model's ``predicted``
  is nearly the support). They are complemented like the support, for each model apart.
- *Automatic certificates.* A share of the support tells two counts, the automatic ones and the rest: it is hidden where
  either is 1 to 4, and both are complemented. A share of none or of all is given: it tells a count of 0, and the
  support. No working point, no share.
- *All of few.* Where only 1 to 4 certificates have any code at all (of a part, or as a model gives them), nothing is given.
- *The order or the choice of the rows.* Whoever writes them must not sort or choose hidden cells by their counts.

What this does not do: that a code occurs at all is not hidden, and no guess is bounded. Of two hidden codes with 9 pairs
together one can be reckoned to have 1 to 4, and more closely by a reader who knows which code is hidden for the other's
sake and that no certificate has both.

References
----------
Hundepool et al. Statistical Disclosure Control. Wiley 2012, chapter 4 (primary and complementary suppression).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from harness.corpus.certificate import BoolArray, IntArray
from harness.metrics.multilabel import Int64Array, indicators

LEAST = 5  # certificates; fewer are not given


@dataclass(frozen=True, slots=True)
class Counted:
    """Which of n certificates has what.

    Attributes
    ----------
    codes : (n, n_codes) indicator matrix
    chapters : (n, n_chapters) indicator matrix: any code of the chapter
    chapter_of : (n_codes,) the chapter of each code; one without a chapter has a place of its own
    """

    codes: csr_array
    chapters: csr_array
    chapter_of: IntArray

    def part(self, rows: BoolArray) -> Counted:
        """Those of some certificates alone; ``rows`` is (n,)."""
        chosen = np.flatnonzero(rows)
        return Counted(csr_array(self.codes[chosen]), csr_array(self.chapters[chosen]), self.chapter_of)


@dataclass(frozen=True, slots=True)
class Hidden:
    """Cells that are not given: ``codes`` is (n_codes,), ``chapters`` (n_chapters,)."""

    codes: BoolArray
    chapters: BoolArray

    def __or__(self, other: Hidden) -> Hidden:
        return Hidden(self.codes | other.codes, self.chapters | other.chapters)


def of_support(true: Counted) -> Hidden:
    """The codes and chapters whose number of certificates is not given."""
    first = Hidden(column_sizes(true.codes) < LEAST, column_sizes(true.chapters) < LEAST)
    return _complemented(true, first)


def of_predicted(pred: Counted, support: Hidden) -> Hidden:
    """Those of which it is not given to how many certificates a model gave them; 0 is given, being no certificate."""
    codes, chapters = column_sizes(pred.codes), column_sizes(pred.chapters)
    return _complemented(pred, Hidden(_few(codes), _few(chapters)) | support)


def of_share(true: Counted, automatic: BoolArray, support: Hidden) -> Hidden:
    """Those of which it is not given what share of their certificates was automatic; ``automatic`` is (n,)."""
    hidden, parts = support, (true.part(automatic), true.part(~automatic))
    for part in parts:
        hidden |= Hidden(_few(column_sizes(part.codes)), _few(column_sizes(part.chapters)))
    while True:  # what is hidden for the one part's sake may expose the other
        before = hidden
        for part in parts:
            hidden = _complemented(part, hidden)
        if np.array_equal(hidden.codes, before.codes) and np.array_equal(hidden.chapters, before.chapters):
            return hidden


def complete(counts: IntArray, groups: IntArray, hidden: BoolArray, together: IntArray, totals: IntArray) -> BoolArray:
    """Hide more cells, so that subtracting the shown ones from a total tells nothing.

    A group is exposed if something that occurs is hidden in it, and this is one cell alone, or stands in fewer than 5
    certificates (as it does where it holds fewer than 5 pairs), or is 1 to 4 by a reader's subtraction. Its smallest
    shown cell of 5 or more is hidden then, the first of equal ones, until it is exposed no more or has none left.

    Parameters
    ----------
    counts : (n_cells,) certificates with each
    groups : (n_cells,) which total each is part of
    hidden : (n_cells,) what is hidden already; every count under 5 that is not 0 must be
    together : (n_groups,) certificates with any cell that is hidden already
    totals : (n_totals, n_groups) certificates that a reader knows of each group

    Returns
    -------
    What is hidden in the end, (n_cells,).
    """
    hidden = hidden.copy()
    n_groups = len(together)
    order = np.lexsort((np.arange(len(counts)), counts, groups))
    while True:
        exposed = _exposed(counts, groups, hidden, together, totals)
        left = order[(~hidden & (counts >= LEAST) & exposed[groups])[order]]
        if not len(left):
            return hidden
        _, first = np.unique(groups[left], return_index=True)
        smallest = left[first]
        hidden[smallest] = True
        larger = np.zeros(n_groups, np.int64)
        larger[groups[smallest]] = counts[smallest]
        together = np.maximum(together, larger)  # at least these have a hidden cell now, which is 5 or more


def column_sizes(matrix: csr_array) -> Int64Array:
    """In how many rows of an indicator matrix each column is set; (n_columns,)."""
    return np.bincount(indicators(matrix).indices, minlength=matrix.shape[1]).astype(np.int64)


def _few(counts: IntArray) -> BoolArray:
    """Which counts are of 1 to 4 certificates; 0 is of no certificate."""
    few: BoolArray = (counts > 0) & (counts < LEAST)
    return few


def _exposed(counts: IntArray, groups: IntArray, hidden: BoolArray, together: IntArray, totals: IntArray) -> BoolArray:
    """Whether what is hidden in each group can be told; (n_groups,)."""
    n_groups = len(together)
    occur = hidden & (counts > 0)
    cells = np.bincount(groups[occur], minlength=n_groups)
    shown = np.bincount(groups[~hidden], weights=counts[~hidden], minlength=n_groups)
    differences = totals - shown
    told = ((differences > 0) & (differences < LEAST)).any(axis=0)
    exposed: BoolArray = (cells > 0) & ((cells < 2) | (together < LEAST) | told)
    return exposed


def _complemented(counted: Counted, first: Hidden) -> Hidden:
    """Complete the chapters against all certificates, then the codes against the chapters that are shown."""
    n, n_chapters = counted.chapters.shape
    of_all = np.zeros(n_chapters, np.int64)
    any_code = int(np.count_nonzero(np.diff(counted.chapters.indptr)))
    if 0 < any_code < LEAST:  # a count of 0 would say that they are among the hidden ones
        return Hidden(np.ones_like(first.codes), np.ones_like(first.chapters))
    sizes = column_sizes(counted.chapters)
    few = _with_any(counted.chapters, first.chapters, of_all, 1)
    chapters = complete(sizes, of_all, first.chapters, few, np.array([[n], [any_code]]))
    codes = first.codes | chapters[counted.chapter_of]
    few = _with_any(counted.codes, codes, counted.chapter_of, n_chapters)
    return Hidden(
        complete(column_sizes(counted.codes), counted.chapter_of, codes, few, sizes[np.newaxis]),
        chapters,
    )


def _with_any(matrix: csr_array, chosen: BoolArray, groups: IntArray, n_groups: int) -> Int64Array:
    """In how many rows any of some columns is set, by the columns' group; (n_groups,)."""
    matrix = indicators(matrix)
    kept = chosen[matrix.indices]
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))[kept]
    keys = np.unique(rows * n_groups + groups[matrix.indices[kept]])
    return np.bincount(keys % n_groups, minlength=n_groups).astype(np.int64)
