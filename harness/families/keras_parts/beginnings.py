"""From the steps of a decoder to the codes it writes, and to a probability for each code.

A decoder gives, after the codes that it has written, a probability to each code as the next one and to the end. Of all
that it might write some beginnings are followed, the likeliest; one alone is greedy. A code's probability is one less
the product over steps of the chance that it does not come there, among the beginnings without it. Were all beginnings
followed, that would be the exact share of the outputs that have the code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.corpus.certificate import BoolArray, IntArray
from harness.families.family import Written

Array = npt.NDArray[np.floating[Any]]
TINY = 1e-15
ALONE = 1e9  # the gap to a second output where there is none
# Of some beginnings their texts (m,), last tokens (m,) and states (m, width): logits (m, n_labels + 1) and new states.
Step = Callable[[IntArray, IntArray, Array], tuple[Array, Array]]


@dataclass(frozen=True, slots=True)
class _Beginnings:
    """What may be written, by texts in their order.

    Attributes
    ----------
    text : (m,)
    mass : (m,) the logarithm of its probability
    codes : (m, steps) columns, −1 after an end
    open : (m,) whether it may go on
    state : (m, width) the decoder's, after its codes but the last
    """

    text: IntArray
    mass: npt.NDArray[np.float64]
    codes: IntArray
    open: BoolArray
    state: Array

    def take(self, rows: IntArray) -> _Beginnings:
        return _Beginnings(self.text[rows], self.mass[rows], self.codes[rows], self.open[rows], self.state[rows])


def decode(
    step: Step, state: Array, n_labels: int, most: int, beams: int = 1, barred: BoolArray | None = None
) -> tuple[npt.NDArray[np.float64], Written]:
    """Log-odds of each code (n, n_labels), and the likeliest of what was followed.

    Parameters
    ----------
    state : (n, width) of the decoder before its first step; the token ``n_labels`` begins and ends
    most : how many codes a text has at most; none comes twice
    beams : how many beginnings of a text are followed
    barred : (n, n_labels) codes that must not come; they have log-odds of −inf
    """
    n = len(state)
    lacking = np.zeros((n, n_labels))  # the logarithm of the chance that a code has not come
    found = _Beginnings(np.arange(n), np.zeros(n), np.empty((n, 0), dtype=np.int64), np.ones(n, dtype=bool), state)
    for number in range(most):
        going = np.flatnonzero(found.open)
        if not len(going):
            break
        last = found.codes[going, -1] if number else np.full(len(going), n_labels)
        logits, new = step(found.text[going], last, found.state[going])
        log_share = _log_shares(logits, found.text[going], found.codes[going], barred)
        _come(lacking, found, going, log_share)
        found = _followed(found, going, log_share, new, beams)
    with np.errstate(divide="ignore"):
        log_odds = np.log(-np.expm1(lacking)) - lacking
    return log_odds, _likeliest(found, beams)


def _likeliest(found: _Beginnings, beams: int) -> Written:
    """Of each text the likeliest of what was followed, and by how much; (n,)."""
    order = np.lexsort((-found.mass, found.text))
    text, mass = found.text[order], found.mass[order]
    best = np.flatnonzero(np.r_[True, np.diff(text) != 0]) if len(text) else np.zeros(0, dtype=np.int64)
    codes = found.codes[order[best]]
    first = np.r_[np.int64(0), np.cumsum((codes >= 0).sum(axis=1), dtype=np.int64)]
    second = np.minimum(best + 1, len(text) - 1)
    gap = np.where((text[second] == text[best]) & (second > best), mass[best] - mass[second], ALONE)
    return Written(
        first,
        codes[codes >= 0].astype(np.int32),
        log_probability=mass[best].astype(np.float32),
        gap=gap.astype(np.float32) if beams > 1 else None,
    )


def _log_shares(logits: Array, text: IntArray, codes: IntArray, barred: BoolArray | None) -> npt.NDArray[np.float64]:
    """Logarithms of the probabilities of the next token, in double precision: near certainty odds are differences."""
    allowed = np.asarray(logits, dtype=np.float64).copy()
    if barred is not None:
        allowed[:, :-1][barred[text]] = -np.inf
    allowed[np.arange(len(codes))[:, None], codes] = -np.inf
    allowed -= allowed.max(axis=1, keepdims=True)
    shares: npt.NDArray[np.float64] = allowed - np.log(np.exp(allowed).sum(axis=1, keepdims=True))
    return shares


def _come(
    lacking: npt.NDArray[np.float64], found: _Beginnings, going: IntArray, log_share: npt.NDArray[np.float64]
) -> None:
    """Take from each code's chance of not having come what comes in this step; texts that have ended keep theirs."""
    weight = np.exp(found.mass)
    weight /= np.bincount(found.text, weights=weight)[found.text]
    rows, begins = np.unique(found.text[going], return_index=True)
    held = np.zeros_like(lacking)  # the share of a text's beginnings that have a code
    holder, place = np.nonzero(found.codes >= 0)
    np.add.at(held, (found.text[holder], found.codes[holder, place]), weight[holder])
    held = held[rows]
    ended = 1.0 - np.add.reduceat(weight[going], begins)[:, None]
    stays = np.add.reduceat(-np.expm1(log_share[:, :-1]) * weight[going, None], begins, axis=0) + ended - held
    without = 1.0 - held
    share = np.divide(stays, without, out=np.ones_like(stays), where=without > TINY)
    lacking[rows] += np.log(np.clip(share, TINY, 1.0))


def _followed(
    found: _Beginnings, going: IntArray, log_share: npt.NDArray[np.float64], state: Array, beams: int
) -> _Beginnings:
    """The likeliest beginnings one token later, of each text so many; ended ones stay among them."""
    n_tokens = log_share.shape[1]
    kept = min(beams, n_tokens)
    token = np.argpartition(-log_share, kept - 1, axis=1)[:, :kept] if kept > 1 else log_share.argmax(axis=1)[:, None]
    gain = np.take_along_axis(log_share, token, axis=1)
    longer = found.take(going)
    token = np.where(token == n_tokens - 1, -1, token)
    made = _Beginnings(
        np.repeat(longer.text, kept),
        (longer.mass[:, None] + gain).ravel(),
        np.concatenate([np.repeat(longer.codes, kept, axis=0), token.reshape(-1, 1)], axis=1),
        token.ravel() >= 0,
        np.repeat(state, kept, axis=0),
    )
    ended = found.take(np.flatnonzero(~found.open))
    ended_codes = np.concatenate([ended.codes, np.full((len(ended.text), 1), -1)], axis=1)
    both = _Beginnings(
        np.r_[ended.text, made.text],
        np.r_[ended.mass, made.mass],
        np.concatenate([ended_codes, made.codes]),
        np.r_[ended.open, made.open],
        np.concatenate([ended.state, made.state]),
    )
    order = np.lexsort((-both.mass, both.text))
    text = both.text[order]
    rank = np.arange(len(text)) - np.searchsorted(text, text)
    return both.take(order[(rank < beams) & np.isfinite(both.mass[order])])
