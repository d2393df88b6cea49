"""What a decoder may write: outputs as a finite automaton, and the processor that leaves a search no others.

Where a beam search of transformers finds fewer outputs than it was asked for, it fills up with sequences that are none;
with ``length_penalty=0`` their scores lie below ``FOUND`` and those of outputs above.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.corpus.certificate import BoolArray, IntArray
from harness.errors import CorpusError, SpaceError

NEVER = 2**15 - 1  # tokens to the end where none is in reach
LEAST = -1e6  # what an allowed token scores at least, lest a search take it for a forbidden one
FOUND = -5e8
_WIDE = (
    16  # a state with an edge for every so many tokens of the vocabulary has a dense row: 16 entries an edge at most
)

Terms = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Seasons:
    """Which codes must not be given when.

    Attributes
    ----------
    tokens : (n_codes,) each code's token
    barred : (n_eras, n_codes)
    """

    tokens: IntArray
    barred: BoolArray


NO_SEASONS = Seasons(np.zeros(0, dtype=np.int64), np.zeros((1, 0), dtype=bool))


@dataclass(frozen=True, eq=False)
class Grammar:
    """A finite automaton over tokens, and how far each of its edges is from the end.

    Outputs begin in state 0 and are whole in the last one, which only ``end`` leads to.

    Attributes
    ----------
    first : (n_states + 1,) state ``i`` has the edges ``first[i]`` up to ``first[i + 1]``
    token, target : (n_edges,) sorted by token within a state
    cost : (n_eras, n_edges) the fewest tokens of an output's rest that begins with the edge; NEVER where there is none
    once : whether each token may stand in an output once only
    seasons : what is barred when; a grammar of a single era is the same in all
    """

    first: npt.NDArray[np.int64]
    token: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    cost: npt.NDArray[np.int16]
    end: int
    once: bool
    seasons: Seasons
    _tables: dict[tuple[int, int, str], _Tables] = field(default_factory=dict, init=False, repr=False)

    @property
    def final(self) -> int:
        return len(self.first) - 2

    def era(self, era: npt.NDArray[np.integer[Any]]) -> IntArray:
        """The rows of ``cost`` that some eras have, (n,)."""
        return np.asarray(era, dtype=np.int64) if len(self.cost) > 1 else np.zeros(len(era), dtype=np.int64)

    def tables(self, vocabulary: int, pad: int, device: Any) -> _Tables:
        """The automaton as tensors; made once for a vocabulary, its padding and a device."""
        key = vocabulary, pad, str(device)
        if key not in self._tables:
            self._tables[key] = _Tables(self, vocabulary, pad, device)
        return self._tables[key]


def codes(code_tokens: IntArray, end: int, most: int, seasons: Seasons = NO_SEASONS) -> Grammar:
    """At most ``most`` different codes in any order, then the end.

    Parameters
    ----------
    code_tokens : (n_codes,) all different
    """
    given = np.asarray(code_tokens, dtype=np.int64)
    state = np.repeat(np.arange(most), len(given))
    edges = _Edges(state, np.tile(given, most), state + 1).ended(np.arange(most + 1), end, most + 1)
    return _grammar(edges, end, seasons, once=True)


def text(terms: Terms, separator: int, end: int) -> Grammar:
    """Any number of terms with the separator between them, then the end.

    Parameters
    ----------
    terms : each its tokens; one without tokens is left out

    Raises
    ------
    CorpusError
        A term holds the separator or the end.
    """
    trie, last, n_states = _trie(terms, [separator, end], first=2)
    begin = trie.state == 0
    again = _Edges(np.ones(int(begin.sum()), dtype=np.int64), trie.token[begin], trie.target[begin])
    whole = np.unique(last[last > 0])
    joined = _Edges(whole, np.full(len(whole), separator), np.ones(len(whole), dtype=np.int64))
    edges = trie.with_edges(again).with_edges(joined).ended(np.r_[0, whole], end, n_states)
    return _grammar(edges, end, NO_SEASONS)


def text_and_codes(terms: Terms, codes_of_term: Terms, end: int, seasons: Seasons = NO_SEASONS) -> Grammar:
    """Any number of pairs of a term and one of its codes, then the end.

    Parameters
    ----------
    terms : each its tokens; one without tokens is left out, and equal ones have the codes of all
    codes_of_term : the tokens of each term's codes; a term of which none may be given is never begun

    Raises
    ------
    CorpusError
        A term holds a code's token or the end.
    """
    given = np.fromiter(chain.from_iterable(codes_of_term), dtype=np.int64)
    trie, last, n_states = _trie(terms, [end, *np.unique(given).tolist()], first=1)
    term = np.repeat(last, [len(row) for row in codes_of_term])
    whole, code = np.unique(np.stack([term[term > 0], given[term > 0]]), axis=1)
    edges = trie.with_edges(_Edges(whole, code, np.zeros(len(whole), dtype=np.int64)))
    return _grammar(edges.ended(np.zeros(1, dtype=np.int64), end, n_states), end, seasons)


def accepts(grammar: Grammar, tokens: Sequence[int], era: int = 0) -> bool:
    """Whether an output, the end being its last token, is whole and all its codes may be given in an era."""
    barred = grammar.seasons.barred[era if len(grammar.seasons.barred) > 1 else 0]
    forbidden = set(grammar.seasons.tokens[barred].tolist())
    state = 0
    for token in tokens:
        start, stop = int(grammar.first[state]), int(grammar.first[state + 1])
        edge = bisect_left(grammar.token, token, start, stop)
        if edge == stop or grammar.token[edge] != token or token in forbidden:
            return False
        state = int(grammar.target[edge])
    return state == grammar.final and not (grammar.once and len(set(tokens)) < len(tokens))


class Constrained:
    """Sets the scores of all that a batch's outputs must not go on with to minus infinity.

    It takes a LogitsProcessor's place in ``generate``, greedy or with beams, and never leaves an output without a way
    to its end within ``max_length``. It keeps nothing of a row but the state that its last tokens led to, which is used
    only for a row of the same text with the very same tokens: beams may change places.

    Parameters
    ----------
    era : (n_texts,)
    beams : rows of a text, which follow each other
    max_length : of the decoder's ids, those before the output counted
    pad : the one token that goes on with an output that has ended
    prompt : how many of the decoder's ids stand before the output

    Raises
    ------
    SpaceError
        Not even the end has room.
    """

    def __init__(
        self,
        grammar: Grammar,
        era: npt.NDArray[np.integer[Any]],
        *,
        max_length: int,
        pad: int,
        beams: int = 1,
        prompt: int = 1,
    ) -> None:
        if max_length <= prompt:
            raise SpaceError(
                f"an output's length must be at least 1 token beside the {prompt} before it, but got {max_length}"
            )
        self._grammar, self._era, self._beams = grammar, np.repeat(grammar.era(era), beams), beams
        self._max_length, self._pad, self._prompt = max_length, pad, prompt
        self._rows: Any = None  # their eras where the scores are
        self._written: tuple[Any, Any] | None = None  # the last call's outputs (n_rows, length) and states (n_rows,)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """From the ids so far, (n_rows, length), and the scores of the next, (n_rows, vocabulary), to those allowed."""
        import torch

        tables = self._grammar.tables(scores.shape[1], self._pad, scores.device)
        if self._rows is None or self._rows.device != scores.device:
            self._rows = torch.from_numpy(self._era).to(scores.device)
        output = input_ids[:, self._prompt :]
        states = self._states(tables, output)
        found = tables.allowed(states, self._rows, self._max_length - input_ids.shape[1], scores)
        if self._grammar.once and output.shape[1]:
            found.scatter_(1, output.masked_fill(output == self._pad, self._grammar.end), -torch.inf)
        return found

    def _states(self, tables: _Tables, output: Any) -> Any:
        """Each row's state, (n_rows,)."""
        import torch

        states = self._known(output[:, :-1])
        if states is None:
            states = torch.zeros(len(output), dtype=torch.int64, device=output.device)
            for column in range(output.shape[1]):
                states = tables.step(states, output[:, column])
        elif output.shape[1]:
            states = tables.step(states, output[:, -1])
        self._written = output.clone(), states  # generate may write into its own
        return states

    def _known(self, before: Any) -> Any:
        """The states of outputs that the last call saw, (n_rows,); None where it did not see one of them."""
        if self._written is None or self._written[0].shape != before.shape:
            return None
        if self._beams == 1:
            return self._written[1] if before.equal(self._written[0]) else None
        written, states = (self._by_text(part) for part in self._written)
        same = (self._by_text(before)[:, :, None] == written[:, None]).all(-1)
        if not same.any(-1).all():
            return None
        return states.gather(1, same.int().argmax(-1)).view(-1)

    def _by_text(self, rows: Any) -> Any:
        return rows.view(len(rows) // self._beams, self._beams, *rows.shape[1:])


@dataclass(frozen=True, slots=True)
class _Edges:
    """Edges of an automaton in the making; (n_edges,) each."""

    state: npt.NDArray[np.int64]
    token: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]

    def with_edges(self, more: _Edges) -> _Edges:
        return _Edges(np.r_[self.state, more.state], np.r_[self.token, more.token], np.r_[self.target, more.target])

    def ended(self, states: npt.NDArray[np.int64], end: int, final: int) -> _Edges:
        return self.with_edges(_Edges(states, np.full(len(states), end), np.full(len(states), final)))


def _trie(terms: Terms, reserved: Sequence[int], first: int) -> tuple[_Edges, npt.NDArray[np.int64], int]:
    """The terms' tree, one level at a time.

    Returns
    -------
    edges : of the tree, whose root is state 0 and whose other states are ``first`` and those after it
    last : (n_terms,) the state that each term ends in; 0 for one without tokens
    n_states : how many states there are with the root and those before ``first``
    """
    lengths = np.fromiter(map(len, terms), dtype=np.int64, count=len(terms))
    ids = np.fromiter(chain.from_iterable(terms), dtype=np.int64, count=int(lengths.sum()))
    held = np.isin(ids, reserved)
    if held.any():
        n = len(np.unique(np.repeat(np.arange(len(terms)), lengths)[held]))
        raise CorpusError(f"a term must not hold a separator's, a code's or the end's token, but {n} do")
    width, start = int(ids.max(initial=0)) + 1, np.cumsum(lengths) - lengths
    last = np.zeros(len(terms), dtype=np.int64)
    levels = [_Edges(*np.zeros((3, 0), dtype=np.int64))]
    for depth in range(int(lengths.max(initial=0))):
        longer = np.flatnonzero(lengths > depth)
        keys, place = np.unique(last[longer] * width + ids[start[longer] + depth], return_inverse=True)
        levels.append(_Edges(keys // width, keys % width, first + np.arange(len(keys))))
        last[longer] = first + place
        first += len(keys)
    parts = ([getattr(level, name) for level in levels] for name in ("state", "token", "target"))
    return _Edges(*map(np.concatenate, parts)), last, first


def _grammar(edges: _Edges, end: int, seasons: Seasons, once: bool = False) -> Grammar:
    """The automaton of some edges, without those that lead to the end in no era."""
    order = np.lexsort((edges.token, edges.state))
    state, token, target = (part[order] for part in (edges.state, edges.token, edges.target))
    states = np.arange(int(target.max()) + 2)  # the final one is the last, and the end leads to it
    cost = _cost(np.searchsorted(state, states), target, _barred(token, seasons))
    kept = (cost < NEVER).any(axis=0)
    first = np.searchsorted(state[kept], states)
    return Grammar(first, token[kept], target[kept], cost[:, kept], end, once, seasons)


def _barred(token: npt.NDArray[np.int64], seasons: Seasons) -> BoolArray:
    """Which edges are a code that must not be given, (n_eras, n_edges)."""
    barred = np.zeros((len(seasons.barred), len(token)), dtype=bool)
    if len(seasons.tokens):
        order = np.argsort(seasons.tokens)
        column = order[np.searchsorted(seasons.tokens, token, sorter=order).clip(max=len(order) - 1)]
        code = seasons.tokens[column] == token
        barred[:, code] = seasons.barred[:, column[code]]
    return barred


def _cost(first: npt.NDArray[np.int64], target: npt.NDArray[np.int64], barred: BoolArray) -> npt.NDArray[np.int16]:
    """Fewest tokens to the end by each edge, (n_eras, n_edges): backwards from the end, one token at a time."""
    starts = first[:-1]
    some = np.flatnonzero(np.diff(first))
    left = np.full((len(barred), len(starts)), NEVER, dtype=np.int32)
    left[:, -1] = 0
    while True:
        cost = np.where(barred, NEVER, np.minimum(left[:, target] + 1, NEVER))
        found = left.copy()
        found[:, some] = np.minimum.reduceat(cost, starts[some], axis=1)
        if (found == left).all():
            return cost.astype(np.int16)
        left = found


class _Tables:
    """A grammar as tensors: states with few edges ragged, those with many as dense rows of costs.

    The final state has the padding as its edge.
    """

    def __init__(self, grammar: Grammar, vocabulary: int, pad: int, device: Any) -> None:
        import torch

        def tensor(values: npt.NDArray[Any]) -> Any:
            return torch.from_numpy(np.ascontiguousarray(values)).to(device)

        n_edges = np.diff(grammar.first)
        state = np.repeat(np.arange(len(n_edges)), n_edges)
        wide = np.flatnonzero(n_edges * _WIDE >= vocabulary)
        slot = np.full(len(n_edges), -1)
        slot[wide] = np.arange(len(wide))
        dense = np.full((len(grammar.cost), len(wide), vocabulary), NEVER, dtype=np.int16)
        held = slot[state] >= 0
        dense[:, slot[state[held]], grammar.token[held]] = grammar.cost[:, held]
        n_edges[-1] = 1
        cost = np.c_[grammar.cost, np.zeros(len(grammar.cost), dtype=np.int16)]
        self._vocabulary, self._n_edges, self._n_wide = vocabulary, len(state) + 1, len(wide)
        self._keys = tensor(np.r_[state * vocabulary + grammar.token, grammar.final * vocabulary + pad])
        self._target = tensor(np.r_[grammar.target, grammar.final])
        self._final, self._furthest = grammar.final, int(cost.max())
        self._first = tensor(grammar.first[:-1])
        self._last = tensor(grammar.first[:-1] + np.where(slot < 0, n_edges - 1, 0))
        self._count = tensor(np.arange(int(n_edges.max())))
        self._token, self._cost = tensor(np.r_[grammar.token, pad]), tensor(cost.ravel())
        self._slot, self._dense = tensor(slot), tensor(dense.reshape(-1, vocabulary))
        self._least = torch.tensor(LEAST, device=device)

    def step(self, states: Any, tokens: Any) -> Any:
        """Where a token leads from each state, (n,); to the final one where it must not stand, as padding."""
        import torch

        keys = states * self._vocabulary + tokens
        edges = torch.searchsorted(self._keys, keys).clamp_(max=self._n_edges - 1)
        return torch.where(self._keys[edges] == keys, self._target[edges], self._final)

    def allowed(self, states: Any, eras: Any, room: int, scores: Any) -> Any:
        """The scores of each row's edges whose output ends within ``room`` tokens, else minus infinity."""
        import torch

        room = min(room, NEVER - 1)
        found = torch.full_like(scores, -torch.inf)
        first, last = self._first[states], self._last[states]
        most = int((last - first).max()) + 1
        edges = torch.minimum(first[:, None] + self._count[:most], last[:, None])  # a state's last fills up
        token = self._token[edges]
        values = scores.gather(1, token).fmax(self._least)
        if room < self._furthest:
            values.masked_fill_(self._cost[edges + (eras * self._n_edges)[:, None]] > room, -torch.inf)
        found.scatter_(1, token, values)
        if self._n_wide:
            slot = self._slot[states]
            wide = (slot >= 0).nonzero()[:, 0]
            if len(wide):
                far = self._dense[eras[wide] * self._n_wide + slot[wide]] > room
                found[wide] = scores[wide].fmax(self._least).masked_fill_(far, -torch.inf)
        return found
