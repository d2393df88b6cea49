from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from harness.corpus.certificate import strings
from harness.families.family import Seasons, probabilities
from harness.families.torch_parts import decoding, outputs
from harness.families.torch_parts.grammar import Grammar
from harness.families.torch_parts.outputs import Terms, Vocabulary, Writes

PAD, END, SEP, FIRST, CODES, SIZE = 0, 1, 2, 8, 4, 12
VOCABULARY = Vocabulary(PAD, END, SEP, FIRST, CODES)
IDS = ((SEP,), (3,), (3, 4), (5, 3))  # the terms, the first one for codes without wording
OF_TERM = ((3,), (0, 1), (1,), (2,))  # their codes
BARRED = np.array([[0, 0, 0, 0], [1, 0, 1, 0]])
OWNERS: Any = csr_array([[int(code in own) for code in range(CODES)] for own in OF_TERM])
KNOWN = Terms(strings(["", "a", "a b", "c a"]), IDS, OWNERS)
MOST = 2  # codes of an output


@cache
def network(seed: int, sharpness: float = 1.0, layers: int = 1, decoder_layers: int = 1) -> Any:
    """A fresh T5 that has learnt nothing; the sharper, the surer it is of what it writes."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found = T5ForConditionalGeneration(
            T5Config(
                vocab_size=SIZE, d_model=32, d_kv=16, d_ff=48, num_layers=layers, num_decoder_layers=decoder_layers, num_heads=2,
                pad_token_id=PAD, eos_token_id=END, decoder_start_token_id=PAD,
            )
        )  # fmt: skip
    with torch.no_grad():
        found.shared.weight.mul_(0.5)
        found.decoder.final_layer_norm.weight.mul_(sharpness)
    return found.eval()


def texts(seed: int, n: int = 3) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    mask = np.arange(8) < rng.integers(1, 9, n)[:, None]
    return np.where(mask, rng.integers(3, SIZE, (n, 8)), PAD), mask


@cache
def allowed(writes: Writes) -> Grammar:
    return outputs.allowed(writes, KNOWN, VOCABULARY, MOST, Seasons(np.array([0]), csr_array(BARRED)))


@cache
def written(writes: Writes, era: int, longest: int) -> set[tuple[int, ...]]:
    """All outputs by their definition."""
    may = [code for code in range(CODES) if not BARRED[era, code]]
    parts: list[tuple[int, ...]] = []
    if writes == "codes":
        parts = [(FIRST + code,) for code in may]
    if writes == "text":
        parts = list(IDS[1:])
    if writes == "pairs":
        parts = [(*ids, FIRST + code) for ids, codes in zip(IDS, OF_TERM, strict=True) for code in codes if code in may]
    found: set[tuple[int, ...]] = {(END,)}
    longer: set[tuple[int, ...]] = {()}
    while longer:
        longer = {
            (*before, *((SEP,) if before and writes == "text" else ()), *part)
            for before in longer
            for part in parts
            if writes != "codes" or (len(before) < MOST and part[0] not in before)
        }
        longer = {output for output in longer if len(output) < longest}
        found |= {(*output, END) for output in longer}
    return found


def log_softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    above = logits - logits.max()
    found: np.ndarray[Any, Any] = above - np.log(np.exp(above).sum())
    return found


def logits_of(model: Any, ids: Any, mask: Any, start: int, some: Sequence[Sequence[int]]) -> np.ndarray[Any, Any]:
    """The logits of each token of a text's outputs, (n_outputs, length, SIZE): no cache, no search."""
    import torch

    before = np.full((len(some), max(map(len, some))), PAD)
    for row, output in enumerate(some):
        before[row, : len(output)] = [start, *output[:-1]]
    with torch.inference_mode():
        logits = model(
            input_ids=torch.from_numpy(np.repeat(ids[None], len(some), axis=0)),
            attention_mask=torch.from_numpy(np.repeat(mask[None], len(some), axis=0)),
            decoder_input_ids=torch.from_numpy(before),
            use_cache=False,
        ).logits
    found: np.ndarray[Any, Any] = logits.double().numpy()
    return found


def greedy(logits: Any, output: Sequence[int], may: set[tuple[int, ...]], writes: Writes) -> tuple[Any, float]:
    """Along an output what each code's probability lacks of 1, and the output's log-probability.

    Each of its tokens must be the surest of those that an output may go on with.
    """
    lacks, sure, entry = np.ones(CODES), 0.0, 1.0
    for n, token in enumerate(output):
        some = sorted({other[n] for other in may if other[:n] == tuple(output[:n])})
        p = dict(zip(some, np.exp(log_softmax(logits[n, some])).tolist(), strict=True))
        assert p[token] >= max(p.values()) - 1e-6
        sure, entry = sure + float(np.log(p[token])), entry * p[token]
        if writes == "codes":
            lacks *= [1.0 - p.get(FIRST + code, 0.0) for code in range(CODES)]
        elif token >= FIRST:
            lacks[token - FIRST] *= 1.0 - entry
            entry = 1.0
    return lacks, sure


def decode(model: Any, ids: Any, mask: Any, era: Any, writes: Writes, **more: Any) -> decoding.Said:
    return decoding.decode(model, ids, mask, allowed(writes), np.asarray(era), VOCABULARY, writes, **more)


def outputs_of(said: decoding.Said) -> list[list[int]]:
    return [row[: row.index(END) + 1] for row in said.ids.tolist()]


@pytest.mark.parametrize("writes", ["codes", "text", "pairs"])
@settings(max_examples=8)
@given(st.integers(0, 2**20), st.sampled_from([0.3, 1.0, 6.0]), st.integers(4, 8))
def test_greedy_is_what_the_network_says_step_by_step(
    writes: Writes, seed: int, sharpness: float, longest: int
) -> None:
    model, (ids, mask), era = network(seed % 7, sharpness), texts(seed), [0, 1, 0]
    said = decode(model, ids, mask, era, writes, longest=longest)
    scores = said.scores.toarray()
    assert said.gap is None
    for row in range(len(ids)):
        output = outputs_of(said)[row]
        logits = logits_of(model, ids[row], mask[row], VOCABULARY.start(writes), [output])[0]
        lacks, sure = greedy(logits, output, written(writes, era[row], longest), writes)
        np.testing.assert_allclose(said.log_probability[row], sure, rtol=1e-3, atol=1e-4)
        with np.errstate(divide="ignore"):
            logits = np.log(np.maximum(1.0 - lacks, 1e-30)) - np.log(np.maximum(lacks, 1e-30))
        np.testing.assert_allclose(scores[row], probabilities(logits), rtol=2e-3, atol=1e-6)


def beams_of(model: Any, ids: Any, mask: Any, era: int, writes: Writes, longest: int) -> dict[tuple[int, ...], float]:
    """Every output with its log-probability, in which what is not allowed keeps its share."""
    may = sorted(written(writes, era, longest))
    logits = logits_of(model, ids, mask, VOCABULARY.start(writes), may)
    return {
        output: sum(float(log_softmax(logits[row, place])[token]) for place, token in enumerate(output))
        for row, output in enumerate(may)
    }


@pytest.mark.parametrize("writes", ["codes", "pairs"])
@settings(max_examples=4)
@given(st.integers(0, 2**20), st.sampled_from([0.3, 1.0, 3.0]))
def test_beams_that_find_every_output_score_codes_by_the_outputs_that_hold_them(
    writes: Writes, seed: int, sharpness: float
) -> None:
    longest = 3 if writes == "codes" else 4
    model, (ids, mask), era = network(seed % 7, sharpness), texts(seed, 2), [0, 1]
    said = decode(model, ids, mask, era, writes, longest=longest, beams=20)
    scores = said.scores.toarray()
    assert said.gap is not None
    for row in range(2):
        of_output = beams_of(model, ids[row], mask[row], era[row], writes, longest)
        sure = sorted(of_output.values(), reverse=True)
        assert len(sure) <= 20
        assert of_output[tuple(outputs_of(said)[row])] == sure[0]
        np.testing.assert_allclose(said.log_probability[row], sure[0], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(said.gap[row], sure[0] - sure[1], rtol=1e-2, atol=1e-3)
        p = {output: np.exp(value) for output, value in of_output.items()}
        for code in range(CODES):
            held = sum(value for output, value in p.items() if FIRST + code in output) / sum(p.values())
            soft = probabilities(np.log(np.array([max(held, 1e-12) / max(1.0 - held, 1e-12)])))[0]
            if BARRED[era[row], code]:
                assert scores[row, code] < 1e-9
            else:
                assert scores[row, code] == pytest.approx(soft, rel=0.02, abs=2e-3)


@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("writes", ["codes", "text", "pairs"])
def test_a_text_is_written_of_alone(writes: Writes, beams: int) -> None:
    model, (ids, mask), era = network(3, 2.0), texts(5, 6), np.array([0, 1, 0, 1, 1, 0])
    together = decode(model, ids, mask, era, writes, longest=6, beams=beams)
    for row in range(6):
        alone = decode(model, ids[[row]], mask[[row]], era[[row]], writes, longest=6, beams=beams)
        assert outputs_of(alone)[0] == outputs_of(together)[row]
        np.testing.assert_allclose(alone.scores.toarray()[0], together.scores.toarray()[row], rtol=1e-4, atol=1e-9)
        np.testing.assert_allclose(alone.log_probability[0], together.log_probability[row], rtol=1e-4)
        if beams > 1:
            assert alone.gap is not None
            assert together.gap is not None
            np.testing.assert_allclose(alone.gap[0], together.gap[row], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize(("layers", "decoder_layers"), [(1, 3), (2, 1)])
def test_a_decoder_may_be_deeper_than_its_encoder(layers: int, decoder_layers: int, beams: int) -> None:
    model, (ids, mask) = network(0, 1.0, layers, decoder_layers), texts(0, 2)
    said = decode(model, ids, mask, [0, 0], "codes", longest=4, beams=beams)
    for row, output in enumerate(outputs_of(said)):
        if beams == 1:
            logits = logits_of(model, ids[row], mask[row], PAD, [output])[0]
            sure = greedy(logits, output, written("codes", 0, 4), "codes")[1]
        else:
            sure = beams_of(model, ids[row], mask[row], 0, "codes", 4)[tuple(output)]
        np.testing.assert_allclose(said.log_probability[row], sure, rtol=1e-3, atol=1e-4)


def test_where_one_output_is_all_there_is_the_gap_is_wide() -> None:
    """Not the difference to what a search fills up with."""
    alone = outputs.allowed("codes", KNOWN, VOCABULARY, MOST, Seasons(np.array([0]), csr_array(np.ones((1, CODES)))))
    ids, mask = texts(0, 2)
    said = decoding.decode(network(0), ids, mask, alone, np.zeros(2, int), VOCABULARY, "codes", longest=4, beams=3)
    assert outputs_of(said) == [[END], [END]]
    assert said.gap is not None
    assert np.isfinite(said.gap).all()
    assert (said.gap > 1e6).all()
    assert said.scores.toarray().max() < 1e-9


@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("writes", ["codes", "pairs"])
@settings(max_examples=8)
@given(seed=st.integers(0, 2**20), sharpness=st.sampled_from([0.3, 3.0, 40.0]))
def test_scores_are_between_0_and_1_and_what_is_written_beats_what_was_never_thought_of(
    writes: Writes, beams: int, seed: int, sharpness: float
) -> None:
    model, (ids, mask), era = network(seed % 7, sharpness), texts(seed, 4), [0, 1, 0, 1]
    said = decode(model, ids, mask, era, writes, longest=8, beams=beams)
    assert said.scores.dtype == np.float32
    assert ((said.scores.data > 0) & (said.scores.data < 1)).all()
    assert (np.diff(said.scores.indptr) == CODES).all()
    assert (said.log_probability <= 1e-6).all()
    scores = said.scores.toarray()
    for row, output in enumerate(outputs_of(said)):
        own = [token - FIRST for token in output if token >= FIRST]
        never = np.flatnonzero(BARRED[era[row]])
        assert not set(own) & set(never.tolist())
        if own and len(never):
            assert scores[row, own].min() > scores[row, never].max()


# ------------------------------------------------------------------- what single precision would no longer tell


def steps(*logits: Sequence[float]) -> Iterator[Any]:
    import torch

    return (torch.tensor([row], dtype=torch.float32) for row in logits)


def row_of(token: int, margin: float) -> list[float]:
    found = [-np.inf] * SIZE
    found[END], found[FIRST], found[FIRST + 1] = 0.0, 0.0, 0.0
    found[token] = margin
    return found


@pytest.mark.parametrize("writes", ["codes", "pairs"])
def test_sure_outputs_are_not_tied(writes: Writes) -> None:
    import torch

    found = []
    for margin in (2.0, 20.0, 30.0, 40.0, 60.0):
        ids = torch.tensor([[FIRST, END]])
        said = decoding._greedy(ids, tuple(steps(row_of(FIRST, margin), row_of(END, 5.0))), VOCABULARY, writes)
        found.append(float(said.scores.toarray()[0, 0]))
    assert found == sorted(set(found))
    assert found[-1] < 1.0


def test_what_follows_an_end_counts_for_nothing() -> None:
    import torch

    said = [
        decoding._greedy(
            torch.tensor([[FIRST, END, PAD][:n]]),
            tuple(steps(row_of(FIRST, 2.0), row_of(END, 2.0), row_of(FIRST + 1, 9.0)))[:n],
            VOCABULARY,
            "codes",
        )
        for n in (2, 3)
    ]
    np.testing.assert_array_equal(said[0].scores.toarray(), said[1].scores.toarray())
    np.testing.assert_array_equal(said[0].log_probability, said[1].log_probability)


def beams(*found: tuple[Sequence[int], float]) -> decoding.Said:
    import torch

    width = max(len(ids) for ids, _ in found)
    ids = torch.tensor([[[*ids, *([PAD] * (width - len(ids)))] for ids, _ in found]])
    sure = torch.tensor([[log_p for _, log_p in found]])
    first = torch.log(torch.full((len(found), SIZE), 1.0 / SIZE))
    return decoding._beams(ids, sure, (first,), VOCABULARY)


def test_a_code_that_more_outputs_hold_is_surer() -> None:
    """Also than one that all but a hopeless output hold."""
    for hopeless in (-3.0, -10.0, -20.0, -40.0):
        said = beams(([FIRST, FIRST + 1, END], -1.0), ([FIRST, END], hopeless), ([FIRST, FIRST + 2, END], hopeless - 1))
        scores = said.scores.toarray()[0]
        assert scores[0] >= scores[1] > scores[2] > 0
        assert scores[0] > scores[1] or hopeless < -9.0  # so far single precision tells them apart
        assert said.gap is not None
        np.testing.assert_allclose(said.gap, [-1.0 - hopeless], rtol=1e-5)


def test_what_a_search_fills_up_with_is_no_output() -> None:
    some = beams(([FIRST, END], -1.0), ([FIRST + 1, END], -2.0))
    filled = beams(([FIRST, END], -1.0), ([FIRST + 1, END], -2.0), ([FIRST + 2, END], -1e9))
    np.testing.assert_allclose(filled.scores.toarray()[0, :2], some.scores.toarray()[0, :2], rtol=1e-6)
    assert filled.scores.toarray()[0, 2] <= filled.scores.toarray()[0, 1]
