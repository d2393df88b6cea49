"""How well a model brings lines into the experts' standard wording, and the codes that its wording leads to.

Definitions of record. Texts are compared after the project's one normalisation
(:func:`harness.corpus.words.normalise`): case, accents, punctuation, and with it the mark between two terms, do not count; the order of
terms does. Characters are code points of normalised texts. A line without any code has an empty reference and counts like every other:
an empty prediction of it is an exact match. Each distinct (reference, predicted) pair is compared once and weighs as often
as it occurs, so that repeats cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from harness.corpus.certificate import SEPARATOR, BoolArray, IntArray, indicator
from harness.corpus.words import normalise
from harness.metrics.multilabel import counts, micro_f1

if TYPE_CHECKING:
    from sacrebleu.metrics.chrf import CHRF

Int64Array = npt.NDArray[np.int64]

SIGNATURE = "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no"  # of chrF2 as sacreBLEU writes it, less its version
ORDERS = 6  # chrF counts n-grams of 1 to 6 characters
PAIRS = 10_000  # how many pairs' n-grams are in memory at once
NO_LINE = "there is no line"
NO_CHARACTER = "no reference has a character"
NO_CODE = "no line has a code, and none is reached"


@dataclass(frozen=True, slots=True)
class Normalisation:
    """All measures on some lines, and on those among them whose text training never saw; each None where undefined.

    Attributes
    ----------
    n, n_unseen : how many lines
    exact_match : see :func:`exact_match`
    character_error_rate : see :func:`character_error_rate`
    chrf : see :func:`chrf`
    code_f1 : see :func:`code_f1`
    reason, reason_unseen : why some are None, or None where none is
    """

    n: int
    exact_match: float | None
    character_error_rate: float | None
    chrf: float | None
    code_f1: float | None
    reason: str | None
    n_unseen: int
    exact_match_unseen: float | None
    character_error_rate_unseen: float | None
    chrf_unseen: float | None
    code_f1_unseen: float | None
    reason_unseen: str | None


def normalisation(
    reference: pa.Array, predicted: pa.Array, y_true: csr_array, y_reached: csr_array, unseen: BoolArray
) -> Normalisation:
    """All measures in one pass over the pairs.

    Parameters
    ----------
    reference, predicted : (n,)
        As for :func:`exact_match`.
    y_true, y_reached : (n, n_labels)
        As for :func:`code_f1`.
    unseen : (n,)
        Whether training never had the text of the line.
    """
    codes = counts(y_true, y_reached)
    every, new = _sums(_pairs(reference, predicted), [np.ones(len(unseen), np.bool_), unseen])
    code_f1_every, code_f1_new = micro_f1(codes), micro_f1(codes.of(unseen))
    return Normalisation(
        n=every.n,
        exact_match=every.exact_match(),
        character_error_rate=every.character_error_rate(),
        chrf=every.chrf(),
        code_f1=code_f1_every,
        reason=every.reason(code_f1_every),
        n_unseen=new.n,
        exact_match_unseen=new.exact_match(),
        character_error_rate_unseen=new.character_error_rate(),
        chrf_unseen=new.chrf(),
        code_f1_unseen=code_f1_new,
        reason_unseen=new.reason(code_f1_new),
    )


def exact_match(reference: pa.Array, predicted: pa.Array) -> float | None:
    """Share of lines whose text is the reference, case, accents and punctuation apart.

    Parameters
    ----------
    reference, predicted : (n,)
        Strings, never null; empty where a line has no code, or none was written for it.

    Returns
    -------
    The share in [0, 1], or None without lines.
    """
    return _of(reference, predicted).exact_match()


def character_error_rate(reference: pa.Array, predicted: pa.Array) -> float | None:
    """Edits that turn predictions into references, over the references' characters, all lines together; lower is better.

    An edit inserts, deletes or replaces one character. What is written for an empty reference adds edits and no
    characters, so that the rate can exceed 1.

    Parameters
    ----------
    reference, predicted : (n,)
        As for :func:`exact_match`.

    Returns
    -------
    The rate, at least 0, or None where no reference has a character.

    References
    ----------
    Levenshtein. Binary codes capable of correcting deletions, insertions, and reversals. Soviet Physics Doklady 1966;
    counted by ``rapidfuzz.distance.Levenshtein``.
    """
    return _of(reference, predicted).character_error_rate()


def chrf(reference: pa.Array, predicted: pa.Array) -> float | None:
    """chrF2: the F-score, recall weighing twice, of n-grams of one to six characters; all lines together.

    sacreBLEU's ``corpus_chrf`` on normalised texts, one reference each; its signature is :data:`SIGNATURE`: precision
    and recall are averaged over the orders of n-grams that both sides have, spaces are left out, words have no part. A line with an
    empty reference has no part either, nor one of fewer than n characters in the order n.

    Parameters
    ----------
    reference, predicted : (n,)
        As for :func:`exact_match`.

    Returns
    -------
    The score in [0, 100], or None where no reference has a character (sacreBLEU says 0).

    References
    ----------
    Popović. chrF: character n-gram F-score for automatic MT evaluation. WMT 2015;
    Post. A Call for Clarity in Reporting BLEU Scores. WMT 2018 (sacreBLEU).
    """
    return _of(reference, predicted).chrf()


def code_f1(y_true: csr_array, y_reached: csr_array) -> float | None:
    """Micro-F1 over (line, code) pairs of the codes that the predicted text alone leads to.

    Parameters
    ----------
    y_true : (n, n_labels)
        The experts' codes of each line; an indicator matrix, as for :func:`harness.metrics.multilabel.counts`.
    y_reached : (n, n_labels)
        Those of :func:`reached`.

    Returns
    -------
    The score in [0, 1], or None where there is no true code and none is reached.
    """
    return micro_f1(counts(y_true, y_reached))


def reached(predicted: pa.Array, terms: pa.Array, columns: IntArray, times: IntArray, n_labels: int) -> csr_array:
    """The codes of each line's predicted terms, united over the line.

    A text that is, as a whole, a known term has that term's code alone: a term may hold a ``"; "`` itself. Any other is
    parted at each ``"; "``, and each part that is a known term gives its code; other parts give none. Case, accents and other punctuation
    do not count; where ``"; "`` stands does. Of a term's codes the most frequent one is meant; of equally frequent ones the
    first column.

    Parameters
    ----------
    predicted : (n,)
        Strings, never null.
    terms, columns, times : (n_rows,)
        A table of what is known: a standard term (never null), the column of one of its codes, and how often
        they stand together, at least once. A pair may have several rows, as one row an entry of a line.

    Returns
    -------
    An indicator matrix, (n, n_labels).
    """
    known, column = _commonest(terms, columns, times, n_labels)
    encoded = predicted.dictionary_encode()
    n = len(encoded.dictionary)
    parts, text_of_part = _parts(encoded.dictionary)
    whole = _place(_rejoined(parts, text_of_part, n), known)
    part = _place(parts, known)
    part[whole[text_of_part] >= 0] = -1
    text = np.r_[np.flatnonzero(whole >= 0), text_of_part[part >= 0]]
    found = np.unique(text * n_labels + column[np.r_[whole[whole >= 0], part[part >= 0]]])
    text, codes = found // max(n_labels, 1), found % max(n_labels, 1)
    matrix = indicator(np.searchsorted(text, np.arange(n + 1)), codes, n_labels)
    return csr_array(matrix[_positions(encoded.indices)])


def _commonest(terms: pa.Array, columns: IntArray, times: IntArray, n_labels: int) -> tuple[pa.Array, Int64Array]:
    """Distinct terms as :func:`_rejoined` writes them, none empty, and the column of each one's most frequent code."""
    encoded = terms.dictionary_encode()
    again = _rejoined(*_parts(encoded.dictionary), len(encoded.dictionary)).dictionary_encode()
    term = _positions(again.indices)[_positions(encoded.indices)]
    pair, row = np.unique(term * n_labels + columns, return_inverse=True)
    total = np.zeros(len(pair), np.int64)
    np.add.at(total, row, times)
    term, column = pair // max(n_labels, 1), pair % max(n_labels, 1)
    best = np.lexsort((column, -total, term))
    best = best[np.r_[True, np.diff(term[best]) != 0][: len(best)]]
    best = best[np.asarray(pc.not_equal(again.dictionary, ""), dtype=np.bool_)[term[best]]]
    return again.dictionary.take(pa.array(term[best])), column[best]


def _parts(texts: pa.Array) -> tuple[pa.Array, Int64Array]:
    """What stands between separators, normalised and never empty, and the position of each part's text, ascending."""
    split = pc.split_pattern(texts, SEPARATOR)
    parts = normalise(pc.list_flatten(split))
    kept = pc.not_equal(parts, "")
    return parts.filter(kept), _positions(pc.list_parent_indices(split).filter(kept))


def _rejoined(parts: pa.Array, text_of_part: Int64Array, n: int) -> pa.Array:
    """Texts of some parts with the separator between; (n,)."""
    first = pa.array(np.searchsorted(text_of_part, np.arange(n + 1)).astype(np.int64))
    return pc.binary_join(pa.LargeListArray.from_arrays(first, parts), pa.scalar(SEPARATOR, pa.large_string()))


def _place(texts: pa.Array, known: pa.Array) -> Int64Array:
    """The position of each text in ``known``, or -1."""
    return _positions(pc.fill_null(pc.index_in(texts, value_set=known), -1))


def _positions(indices: pa.Array) -> Int64Array:
    found: Int64Array = indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return found


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The distinct pairs of normalised texts.

    Attributes
    ----------
    reference, predicted : (n_pairs,)
    of_line : (n,) the pair of each line
    """

    reference: pa.Array
    predicted: pa.Array
    of_line: Int64Array

    def same(self) -> BoolArray:
        return np.asarray(pc.equal(self.reference, self.predicted), dtype=np.bool_)

    def distances(self) -> Int64Array:
        """The Levenshtein distance of each pair; (n_pairs,)."""
        from rapidfuzz.distance import Levenshtein
        from rapidfuzz.process import cpdist

        reference, predicted = self.reference.to_pylist(), self.predicted.to_pylist()
        found: Int64Array = cpdist(reference, predicted, scorer=Levenshtein.distance, dtype=np.int64)
        return found


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the measures are made of, over some lines together.

    Attributes
    ----------
    n : how many lines
    same : how many of them have the reference's text
    edits : their Levenshtein distances
    characters : those of their references
    ngrams : (3 * ORDERS,) for each order the n-grams that are predicted, in the references, and in both
    """

    n: int
    same: int
    edits: int
    characters: int
    ngrams: Int64Array

    def exact_match(self) -> float | None:
        return self.same / self.n if self.n else None

    def character_error_rate(self) -> float | None:
        return self.edits / self.characters if self.characters else None

    def chrf(self) -> float | None:
        return float(_chrf2()._compute_f_score(self.ngrams.tolist())) if self.characters else None

    def reason(self, code_f1: float | None) -> str | None:
        """Why measures are None."""
        if not self.n:
            return NO_LINE
        found = ([] if self.characters else [NO_CHARACTER]) + ([] if code_f1 is not None else [NO_CODE])
        return "; ".join(found) or None


def _of(reference: pa.Array, predicted: pa.Array) -> _Sums:
    return _sums(_pairs(reference, predicted), [np.ones(len(reference), np.bool_)])[0]


def _pairs(reference: pa.Array, predicted: pa.Array) -> _Pairs:
    references, row = _distinct(reference)
    predictions, column = _distinct(predicted)
    width = max(len(predictions), 1)
    pair, of_line = np.unique(row * width + column, return_inverse=True)
    return _Pairs(
        references.take(pa.array(pair // width)), predictions.take(pa.array(pair % width)), of_line.astype(np.int64)
    )


def _distinct(texts: pa.Array) -> tuple[pa.Array, Int64Array]:
    """The distinct normalised texts, and the position of each text among them."""
    encoded = texts.dictionary_encode()
    again = normalise(encoded.dictionary).dictionary_encode()
    return again.dictionary, _positions(again.indices)[_positions(encoded.indices)]


def _sums(pairs: _Pairs, chosen: list[BoolArray]) -> list[_Sums]:
    """The sums over each choice of lines, (n,) each; every pair is compared once."""
    n_pairs = len(pairs.reference)
    often = np.stack([np.bincount(pairs.of_line[lines], minlength=n_pairs) for lines in chosen]).astype(np.int64)
    same = often @ pairs.same()
    edits = often @ pairs.distances()
    characters = often @ _lengths(pairs.reference)
    ngrams = np.zeros((len(chosen), 3 * ORDERS), np.int64)
    for numbers, statistics in _ngrams(pairs):
        ngrams += often[:, numbers] @ statistics
    return [
        _Sums(int(times.sum()), int(same[i]), int(edits[i]), int(characters[i]), ngrams[i])
        for i, times in enumerate(often)
    ]


def _ngrams(pairs: _Pairs) -> Iterator[tuple[Int64Array, Int64Array]]:
    """Some pairs' numbers, and the counts of their n-grams as sacreBLEU keeps them, (n_some, 3 * ORDERS)."""
    score, same = _chrf2(), pairs.same()
    # Equal texts share every n-gram that they have: their length says how many.
    equal = np.flatnonzero(same)
    lengths = _lengths(pc.replace_substring(pairs.reference.take(pa.array(equal)), " ", ""))
    yield equal, np.repeat(np.maximum(lengths[:, None] - np.arange(ORDERS), 0), 3, axis=1)
    for numbers in _blocks(np.flatnonzero(~same)):
        rows = pa.array(numbers)
        reference, predicted = pairs.reference.take(rows).to_pylist(), pairs.predicted.take(rows).to_pylist()
        yield numbers, np.array(score._extract_corpus_statistics(predicted, [reference]), dtype=np.int64)


def _chrf2() -> CHRF:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(char_order=ORDERS, word_order=0, beta=2)


def _blocks(numbers: Int64Array) -> Iterator[Int64Array]:
    for start in range(0, len(numbers), PAIRS):
        yield numbers[start : start + PAIRS]


def _lengths(texts: pa.Array) -> Int64Array:
    return _positions(pc.utf8_length(texts))
