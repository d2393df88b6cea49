from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import CorpusError, SpaceError
from harness.families.torch_parts import grammar as module
from harness.families.torch_parts.grammar import (
    FOUND,
    NO_SEASONS,
    Constrained,
    Grammar,
    Seasons,
    accepts,
    codes,
    text,
    text_and_codes,
)

PAD, END, SEPARATOR, VOCABULARY = 0, 1, 2, 16  # the decoder starts with the padding, as T5 does
WORDS, CODES = range(3, 7), range(9, 13)
ERAS = 3
Output = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """A grammar, and its outputs as the definition has them."""

    kind: str
    terms: tuple[Output, ...]
    codes_of_term: tuple[Output, ...]
    most: int
    barred: tuple[tuple[bool, ...], ...]

    @cached_property
    def grammar(self) -> Grammar:
        seasons = Seasons(np.array(CODES), np.array(self.barred))
        if self.kind == "codes":
            return codes(np.array(CODES), END, self.most, seasons)
        if self.kind == "text":
            return text(self.terms, SEPARATOR, END)
        return text_and_codes(self.terms, self.codes_of_term, END, seasons)

    def outputs(self, era: int, most: int) -> set[Output]:
        """All that may be written in at most so many tokens."""
        parts = list(self._parts(era))
        between = (SEPARATOR,) if self.kind == "text" else ()
        found: set[Output] = {(END,)}
        longer: dict[Output, tuple[Output, ...]] = {(): ()}
        while longer:
            grown = {
                (*body, *(between if body else ()), *part): (*used, part)
                for body, used in longer.items()
                for part in parts
                if self.kind != "codes" or (part not in used and len(used) < self.most)
            }
            longer = {body: used for body, used in grown.items() if len(body) < most}
            found |= {(*body, END) for body in longer}
        return found

    def _parts(self, era: int) -> Iterator[Output]:
        given = {code for code, barred in zip(CODES, self.barred[era], strict=True) if not barred}
        if self.kind == "codes":
            yield from ((code,) for code in given)
        elif self.kind == "text":
            yield from set(self.terms)
        else:
            yield from {
                (*term, code)
                for term, own in zip(self.terms, self.codes_of_term, strict=True)
                for code in own
                if code in given
            }

    def allowed(self, era: int, most: int) -> dict[Output, list[int]]:
        """A plain trie: from what was written to what may come next."""
        nodes: dict[Output, set[int]] = {}
        for output in self.outputs(era, most):
            for place, token in enumerate(output):
                nodes.setdefault(output[:place], set()).add(token)
        return {prefix: sorted(tokens) for prefix, tokens in nodes.items()}


TERM = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(tuple)
PAIRS = st.lists(st.tuples(TERM, st.lists(st.sampled_from(CODES), max_size=2).map(tuple)), max_size=5)
BARRED = st.lists(st.tuples(*[st.booleans()] * len(CODES)), min_size=ERAS, max_size=ERAS).map(tuple)


@st.composite
def cases(draw: st.DrawFn, kinds: Sequence[str] = ("codes", "text", "text_and_codes")) -> Case:
    pairs = draw(PAIRS)
    return Case(
        draw(st.sampled_from(kinds)),
        tuple(term for term, _ in pairs),
        tuple(own for _, own in pairs),
        draw(st.integers(0, 3)),
        draw(BARRED),
    )


@pytest.fixture(params=[0, 4, 16], ids=["ragged", "mixed", "dense"])
def wide(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """States with this many edges or more for each 16 tokens of the vocabulary are dense rows."""
    monkeypatch.setattr(module, "_WIDE", request.param)


quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
slow = settings(quick, max_examples=12)


@quick
@given(cases(), st.integers(0, ERAS - 1), st.data())
def test_outputs_are_accepted_and_nothing_else_is(case: Case, era: int, data: st.DataObject) -> None:
    outputs = case.outputs(era, 6)
    assert all(accepts(case.grammar, output, era) for output in outputs)
    changed = list(data.draw(st.sampled_from(sorted(outputs))))
    place = data.draw(st.integers(0, len(changed)))
    changed[place : place + data.draw(st.integers(0, 1))] = data.draw(
        st.lists(st.integers(0, VOCABULARY - 1), max_size=2)
    )
    assert accepts(case.grammar, changed, era) == (tuple(changed) in case.outputs(era, len(changed)))


@quick
@given(case=cases(), most=st.integers(1, 6), data=st.data())
def test_exactly_what_leads_to_an_output_in_time_is_allowed(
    wide: None, case: Case, most: int, data: st.DataObject
) -> None:
    import torch

    tries = [case.allowed(era, most) for era in range(ERAS)]
    era = data.draw(st.lists(st.integers(0, ERAS - 1), min_size=1, max_size=4))
    written: list[Output] = [() for _ in era]
    process = Constrained(case.grammar, np.array(era), max_length=1 + most, pad=PAD)
    for _ in range(most):
        scores = torch.rand(len(era), VOCABULARY)
        found = process(torch.tensor([(PAD, *row) for row in written]), scores)
        for row, output in enumerate(written):
            expected = [PAD] if END in output else tries[era[row]][output]
            assert torch.isfinite(found[row]).nonzero()[:, 0].tolist() == expected
            if END not in output:
                assert found[row, expected].tolist() == scores[row, expected].tolist()
            written[row] = (*output, data.draw(st.sampled_from(expected)))
    assert all(END in output for output in written)


@quick
@given(case=cases(), most=st.integers(1, 8), seed=st.integers(0, 99))
def test_no_scores_lead_out_of_the_grammar(wide: None, case: Case, most: int, seed: int) -> None:
    import torch

    rng = np.random.default_rng(seed)
    era = rng.integers(0, ERAS, 4)
    process = Constrained(case.grammar, era, max_length=2 + most, pad=PAD, prompt=2)
    ids = torch.full((4, 2), 5)
    while ids.shape[1] < 2 + most:
        hostile = rng.choice([-np.inf, np.inf, np.nan, -3e38, 3e38, 0.0, 1.0], (4, VOCABULARY)).astype(np.float32)
        hostile[:, END] = rng.choice([-np.inf, np.nan, -3e38])
        ids = torch.cat([ids, process(ids, torch.from_numpy(hostile)).argmax(-1, keepdim=True)], dim=1)
    assert all(accepts(case.grammar, read(row), int(of)) for row, of in zip(ids[:, 2:].tolist(), era, strict=True))


@pytest.mark.parametrize("beams", [1, 3])
@quick
@given(case=cases(), seed=st.integers(0, 99))
def test_rows_may_change_places(beams: int, case: Case, seed: int) -> None:
    import torch

    rng, most = np.random.default_rng(seed), 6
    process = Constrained(case.grammar, np.array([0, 1]), max_length=1 + most, pad=PAD, beams=beams)
    ids = torch.full((2 * beams, 1), PAD)
    for _ in range(most):
        scores = torch.from_numpy(rng.random((len(ids), VOCABULARY)))
        fresh = Constrained(case.grammar, np.array([0, 1]), max_length=1 + most, pad=PAD, beams=beams)
        found = process(ids, scores)
        assert torch.equal(found, fresh(ids, scores))
        tokens = found.argmax(-1, keepdim=True)
        places = np.concatenate([rng.integers(0, beams, beams), beams + rng.integers(0, beams, beams)])
        if rng.random() < 0.2:  # even to another text, or with another past
            places = rng.permutation(places)
        ids.fill_(SEPARATOR) if rng.random() < 0.2 else None
        ids = torch.cat([ids, tokens], dim=1)[torch.from_numpy(places)]


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=VOCABULARY, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, dropout_rate=0.0,
        pad_token_id=PAD, eos_token_id=END, decoder_start_token_id=PAD,
    )  # fmt: skip
    return T5ForConditionalGeneration(config).eval()


def weighted(model: Any, seed: int, scale: float) -> Any:
    """The model with other weights."""
    import torch

    torch.manual_seed(seed)
    with torch.no_grad():
        for weights in model.parameters():
            weights.normal_(0, scale)
    return model


def written(model: Any, rows: int, most: int, beams: int, **how: Any) -> list[tuple[int, Output]]:
    """Pairs of text and output, of the best beams of each text; where fewer were found, those alone."""
    import torch

    ids = torch.arange(3, 3 + 4 * rows).view(rows, 4) % VOCABULARY
    found = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_length=1 + most, num_beams=beams, do_sample=False,
        num_return_sequences=beams, return_dict_in_generate=True, output_scores=True,
        **({"length_penalty": 0.0} if beams > 1 else {}), **how,
    )  # fmt: skip
    scores = found.sequences_scores.tolist() if beams > 1 else [0.0] * rows
    return [
        (row // beams, read(output[1:]))
        for row, (output, score) in enumerate(zip(found.sequences.tolist(), scores, strict=True))
        if score > FOUND
    ]


def read(output: Sequence[int]) -> Output:
    """What was written, without padding."""
    return tuple(output[: output.index(END) + 1]) if END in output else tuple(output)


def prefixes(case: Case, era: Sequence[int], most: int) -> Callable[[int, Any], list[int]]:
    tries = [case.allowed(of, most) for of in era]
    return lambda row, ids: tries[row].get(tuple(ids[1:].tolist()), [PAD])


@pytest.mark.parametrize("beams", [1, 3])
@slow
@given(
    case=cases(), most=st.integers(1, 6), era=st.lists(st.integers(0, ERAS - 1), min_size=1, max_size=4),
    seed=st.integers(0, 99), scale=st.sampled_from([0.01, 0.3, 1.0, 50.0]),
)  # fmt: skip
def test_whatever_the_weights_the_outputs_are_of_the_grammar(
    model: Any, beams: int, case: Case, most: int, era: list[int], seed: int, scale: float
) -> None:
    process = Constrained(case.grammar, np.array(era), max_length=1 + most, pad=PAD, beams=beams)
    found = written(weighted(model, seed, scale), len(era), most, beams, logits_processor=[process])
    assert all(accepts(case.grammar, output, era[row]) for row, output in found)
    for row, of in enumerate(era):
        own = [output for place, output in found if place == row]
        assert len(set(own)) == len(own) >= min(beams, 2, len(case.outputs(of, most)))


@pytest.mark.parametrize("beams", [1, 3])
@slow
@given(
    case=cases(), most=st.integers(1, 6), era=st.lists(st.integers(0, ERAS - 1), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_outputs_equal_those_under_a_plain_trie(
    model: Any, beams: int, case: Case, most: int, era: list[int], seed: int
) -> None:
    process = Constrained(case.grammar, np.array(era), max_length=1 + most, pad=PAD, beams=beams)
    chosen = weighted(model, seed, 0.3)
    assert written(chosen, len(era), most, beams, logits_processor=[process]) == written(
        chosen, len(era), most, beams, prefix_allowed_tokens_fn=prefixes(case, era, most)
    )


def next_tokens(grammar: Grammar, output: Output, era: int = 0, most: int = 20) -> list[int]:
    import torch

    process = Constrained(grammar, np.array([era]), max_length=1 + most, pad=PAD)
    found = process(torch.tensor([(PAD, *output)]), torch.zeros(1, VOCABULARY))
    return torch.isfinite(found[0]).nonzero()[:, 0].tolist()  # type: ignore[no-any-return]


def test_a_term_may_begin_another(wide: None) -> None:
    joined = text([(3,), (3, 4)], SEPARATOR, END)
    assert next_tokens(joined, ()) == [END, 3]
    assert next_tokens(joined, (3,)) == [END, SEPARATOR, 4]
    assert next_tokens(joined, (3, 4)) == [END, SEPARATOR]
    assert next_tokens(joined, (3, SEPARATOR)) == [3]
    coded = text_and_codes([(3,), (3, 4)], [(9,), (10, 11)], END)
    assert next_tokens(coded, (3,)) == [4, 9]
    assert next_tokens(coded, (3, 4)) == [10, 11]
    assert next_tokens(coded, (3, 4, 10)) == [END, 3]


def test_where_too_little_room_is_left_the_output_ends(wide: None) -> None:
    coded = text_and_codes([(3,), (3, 4)], [(9,), (10,)], END)
    assert [next_tokens(coded, (), most=most) for most in (1, 2, 3)] == [[END], [END], [END, 3]]
    assert [next_tokens(coded, (3,), most=most) for most in (3, 4)] == [[9], [4, 9]]


def test_a_term_without_a_valid_code_is_never_begun(wide: None) -> None:
    seasons = Seasons(np.array([10, 9]), np.array([[False, True], [True, False], [True, True], [False, False]]))
    coded = text_and_codes([(3, 4), (3, 5), (6,)], [(9,), (10,), ()], END, seasons)
    assert [next_tokens(coded, (3,), era) for era in (0, 1, 3)] == [[5], [4], [4, 5]]
    assert [next_tokens(coded, (), era) for era in range(4)] == [[END, 3], [END, 3], [END], [END, 3]]


def test_a_code_is_given_once(wide: None) -> None:
    grammar = codes(np.array([9, 10, 11]), END, 2, Seasons(np.array([9]), np.array([[False], [True]])))
    assert next_tokens(grammar, ()) == [END, 9, 10, 11]
    assert next_tokens(grammar, (), era=1) == [END, 10, 11]
    assert next_tokens(grammar, (10,)) == [END, 9, 11]
    assert next_tokens(grammar, (10, 9)) == [END]
    assert accepts(grammar, (10, 9, END))
    assert not accepts(grammar, (10, 10, END))
    assert not accepts(grammar, (10, 9, END), era=1)


@pytest.mark.parametrize(
    "grammar",
    [codes(np.array([], dtype=np.int64), END, 3), text([], SEPARATOR, END), text([()], SEPARATOR, END),
     text_and_codes([(3,), ()], [(), (9,)], END), codes(np.array([9]), END, 0)],
)  # fmt: skip
def test_nothing_to_say_leaves_the_empty_output(grammar: Grammar) -> None:
    assert next_tokens(grammar, ()) == [END]
    assert accepts(grammar, (END,))
    assert not any(accepts(grammar, output) for output in [(), (3,), (9,), (3, 9, END), (END, END)])


def test_equal_terms_have_the_codes_of_all(wide: None) -> None:
    assert next_tokens(text_and_codes([(3, 4), (3, 4)], [(9, 10), (10, 11)], END), (3, 4)) == [9, 10, 11]


def test_a_grammar_that_bars_nothing_takes_every_era() -> None:
    grammar = text([(3,)], SEPARATOR, END)
    assert grammar.seasons is NO_SEASONS
    assert next_tokens(grammar, (), era=7) == [END, 3]
    assert accepts(grammar, (3, END), era=7)


def test_the_cost_of_an_edge_is_the_shortest_rest() -> None:
    seasons = Seasons(np.array([9, 10]), np.array([[False, False], [True, False], [True, True]]))
    coded = text_and_codes([(3,), (3, 4)], [(9,), (10,)], END, seasons)
    costs = {
        (state, int(coded.token[edge])): coded.cost[:, edge].tolist()
        for state in range(len(coded.first) - 1)
        for edge in range(coded.first[state], coded.first[state + 1])
    }
    never = module.NEVER
    assert costs == {
        (0, END): [1, 1, 1], (0, 3): [3, 4, never],
        (1, 4): [3, 3, never], (1, 9): [2, never, never], (2, 10): [2, 2, never],
    }  # fmt: skip


@pytest.mark.parametrize(
    "build",
    [
        lambda term: text([(3,), term], SEPARATOR, END),
        lambda term: text_and_codes([(3,), term], [(), (SEPARATOR,)], END),
    ],
)
@pytest.mark.parametrize("token", [SEPARATOR, END])
def test_a_term_that_would_break_the_grammar_is_refused(build: Callable[[Output], Grammar], token: int) -> None:
    with pytest.raises(CorpusError, match=r"a term must not hold .* but 1 do"):
        build((4, token, token))


def test_the_end_must_have_room() -> None:
    with pytest.raises(SpaceError, match="at least 1 token beside the 1 before it, but got 1"):
        Constrained(text([], SEPARATOR, END), np.array([0]), max_length=1, pad=PAD)


def test_a_beam_out_of_the_grammar_is_padded() -> None:
    assert next_tokens(text([(3,)], SEPARATOR, END), (4, 3)) == [PAD]


def test_many_terms_are_a_tree_of_their_beginnings() -> None:
    rng = np.random.default_rng(0)
    terms = [tuple(rng.integers(3, 3000, rng.integers(1, 9)).tolist()) for _ in range(5000)]
    grammar = text(terms, SEPARATOR, END)
    beginnings = {term[:n] for term in terms for n in range(1 + len(term))}
    assert len(grammar.first) - 1 == len(beginnings) + 2
    assert len(grammar.token) == len(beginnings) - 1 + len({term[0] for term in terms}) + 2 * len(set(terms)) + 1
    assert all(accepts(grammar, (*term, END)) for term in terms[:200])
    assert not any(accepts(grammar, (*term, END)) for term in beginnings - {(), *terms})


def test_tables_are_made_once_and_a_copy_has_its_own() -> None:
    grammar = text([(3,)], SEPARATOR, END)
    assert grammar.tables(VOCABULARY, PAD, "cpu") is grammar.tables(VOCABULARY, PAD, "cpu")
    assert grammar.tables(VOCABULARY, PAD, "cpu") is not grammar.tables(2 * VOCABULARY, PAD, "cpu")
    assert grammar.tables(VOCABULARY, PAD, "cpu") is not grammar.tables(VOCABULARY, END, "cpu")
    assert next_tokens(copy.deepcopy(grammar), (3,)) == [END, SEPARATOR]


def test_the_scores_given_stay_as_they_are() -> None:
    import torch

    scores = torch.zeros(1, VOCABULARY)
    found = Constrained(text([(3,)], SEPARATOR, END), np.array([0]), max_length=5, pad=PAD)(
        torch.tensor([[PAD]]), scores
    )
    assert not scores.any()
    assert found.min() == -math.inf
