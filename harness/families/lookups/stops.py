"""Stop words, learnt: frequent words that say little about codes."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from harness.corpus import words
from harness.families.family import Examples
from harness.families.lookups.counts import Counts, IntArray

FREQUENT, COMMON, AGREEING, LIFT, ENOUGH = 0.002, 0.01, 0.8, 0.1, 4


def learnt_stops(train: Examples) -> tuple[str, ...]:
    """Frequent words that say little about codes, in order.

    A fixed list would hold "sin" (without), "no" and "gran" (large), which matter. A word counts as empty if it stands in
    at least 0.2 % of the texts, and if texts that are equal but for the word have equal codes: (agreeing + 1) /
    (twins + 1.25) ≥ 0.8. With fewer than four such twins, it must also stand in 1 % of the texts and make no code
    more frequent by more than a tenth.
    """
    found, text_of_word = words.words_of(words.normalise(train.units.text))
    encoded = found.dictionary_encode()
    n, n_words = len(train), len(encoded.dictionary)
    if not n_words:
        return ()
    word = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    text = np.asarray(text_of_word).astype(np.int64)
    stands = csr_array((np.ones(len(word)), (word, text)), shape=(n_words, n))
    stands.data[:] = 1.0
    often = np.diff(stands.indptr)
    # Bags of words as sums of random numbers: leaving a word out is a subtraction.
    number = np.random.default_rng(0).integers(0, 2**63, size=n_words, dtype=np.uint64)
    bag = np.zeros(n, dtype=np.uint64)
    np.add.at(bag, text, number[word])
    tried = np.flatnonzero(often >= max(5.0, FREQUENT * n))
    bags, of_bag = np.unique(bag, return_inverse=True)
    keys = csr_array((np.ones(n), (of_bag, np.arange(n))), shape=(len(bags), n))
    counts = Counts.of(keys, train, np.ones(n))
    overall = np.asarray(train.weights @ train.y).ravel() / train.weights.sum()
    stops = []
    for candidate in tried:
        rows = stands.indices[stands.indptr[candidate] : stands.indptr[candidate + 1]]
        without = bag[rows] - number[candidate]
        place = np.minimum(np.searchsorted(bags, without), len(bags) - 1)
        twin = bags[place] == without
        agreement, pairs = _agreement(train, rows[twin], counts, place[twin])
        if (agreement + 1.0) / (pairs + 1.25) < AGREEING:
            continue
        weights = train.weights[rows]
        gain = np.asarray(weights @ train.y[rows]).ravel() / weights.sum() - overall
        if pairs >= ENOUGH or (often[candidate] >= COMMON * n and gain.max() <= LIFT):
            stops.append(encoded.dictionary[int(candidate)].as_py())
    return tuple(sorted(stops))


def _agreement(train: Examples, rows: IntArray, counts: Counts, place: IntArray) -> tuple[float, int]:
    """How many examples have the codes of their twins, and how many twins there are with any code."""
    if not len(rows):
        return 0.0, 0
    mine = train.y[rows].astype(np.float64)
    theirs = csr_array(counts.given[place])
    theirs.data = theirs.data / np.repeat(np.maximum(counts.total[place], 1e-12), np.diff(theirs.indptr))
    coded = (np.diff(mine.indptr) > 0) | (np.diff(theirs.indptr) > 0)
    # One code of many that comes or goes makes other codes.
    furthest = abs(mine - theirs).max(axis=1).toarray().ravel()[coded]
    return float(np.maximum(0.0, 1.0 - furthest).sum()), int(coded.sum())
