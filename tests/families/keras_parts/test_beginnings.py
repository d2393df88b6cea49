"""Decoding: what is written, and each code's probability, against all that a decoder might write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from harness.families.family import Written
from harness.families.keras_parts.beginnings import ALONE, decode

N_LABELS, MOST, ALL = 3, 3, 64


class Toy:
    """A decoder whose logits hang on a text's number and on all that was written; its state is what was written."""

    def __init__(self, seed: int, texts: list[int], sharpness: float = 2.0) -> None:
        self.seed, self.texts, self.sharpness = seed, texts, sharpness
        self.state = np.zeros((len(texts), 1))

    def logits(self, text: int, written: float) -> Any:
        return np.random.default_rng([self.seed, text, int(written)]).normal(0.0, self.sharpness, N_LABELS + 1)

    def __call__(self, text: Any, last: Any, state: Any) -> tuple[Any, Any]:
        new = state * (N_LABELS + 1) + np.where(last == N_LABELS, 0, last + 1)[:, None]
        of = zip(text, new[:, 0], strict=True)
        return np.stack([self.logits(self.texts[each], written) for each, written in of]), new

    def everything(self, text: int, barred: frozenset[int] = frozenset()) -> dict[tuple[int, ...], float]:
        """The probability of each output."""
        found: dict[tuple[int, ...], float] = {}

        def go_on(codes: tuple[int, ...], state: float, mass: float) -> None:
            if len(codes) == MOST:
                found[codes] = mass
                return
            new = state * (N_LABELS + 1) + (codes[-1] + 1 if codes else 0)
            logits = self.logits(text, new)
            allowed = [token for token in range(N_LABELS + 1) if token not in codes and token not in barred]
            shares = np.exp(logits[allowed]) / np.exp(logits[allowed]).sum()
            for token, share in zip(allowed, shares, strict=True):
                if token == N_LABELS:
                    found[codes] = mass * share
                else:
                    go_on((*codes, token), new, mass * share)

        go_on((), 0.0, 1.0)
        return found


def decoded(toy: Toy, beams: int = 1, barred: Any = None, most: int = MOST) -> tuple[Any, Written]:
    return decode(toy, toy.state, N_LABELS, most, beams, barred)


def codes_of(written: Written, row: int) -> tuple[int, ...]:
    return tuple(written.columns[written.first[row] : written.first[row + 1]].tolist())


@given(st.integers(0, 10_000), st.sets(st.integers(0, N_LABELS - 1)))
def test_following_everything_gives_the_exact_shares_and_the_likeliest_output(seed: int, out: set[int]) -> None:
    toy = Toy(seed, [0, 1])
    barred = np.zeros((2, N_LABELS), dtype=bool)
    barred[1, list(out)] = True
    log_odds, written = decoded(toy, ALL, barred)
    for row, without in enumerate((frozenset[int](), frozenset(out))):
        outputs = toy.everything(row, without)
        shares = [sum(mass for codes, mass in outputs.items() if code in codes) for code in range(N_LABELS)]
        np.testing.assert_allclose(expit(log_odds[row]), shares, atol=1e-9)
        assert codes_of(written, row) == max(outputs, key=lambda codes: outputs[codes])
        surest = np.log(sorted(outputs.values())[::-1])
        assert written.log_probability is not None
        assert written.gap is not None
        np.testing.assert_allclose(written.log_probability[row], surest[0], atol=1e-5)
        np.testing.assert_allclose(written.gap[row], surest[0] - surest[1] if len(surest) > 1 else ALONE, atol=1e-5)


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_a_code_comes_once_and_a_barred_one_never(seed: int, beams: int) -> None:
    toy = Toy(seed, list(range(5)), sharpness=0.3)  # the end is not likely, nor is anything else
    barred = np.zeros((5, N_LABELS), dtype=bool)
    barred[::2, 1] = True
    log_odds, written = decoded(toy, beams, barred)
    for row in range(5):
        codes = codes_of(written, row)
        assert len(set(codes)) == len(codes) <= MOST
        assert not (barred[row, 1] and 1 in codes)
    assert (log_odds[::2, 1] == -np.inf).all()
    assert np.isfinite(log_odds[1::2]).all()


@given(st.integers(0, 10_000))
def test_greedy_takes_the_likeliest_next_token(seed: int) -> None:
    toy = Toy(seed, [0])
    log_odds, written = decoded(toy)
    codes: list[int] = []
    lacking = np.ones(N_LABELS)
    state = 0.0
    while len(codes) < MOST:
        state = state * (N_LABELS + 1) + (codes[-1] + 1 if codes else 0)
        logits = toy.logits(0, state)
        logits[codes] = -np.inf
        shares = np.exp(logits) / np.exp(logits).sum()
        lacking *= 1.0 - shares[:-1]
        if shares.argmax() == N_LABELS:
            break
        codes.append(int(shares.argmax()))
    assert codes_of(written, 0) == tuple(codes)
    assert written.gap is None
    np.testing.assert_allclose(expit(log_odds[0]), 1.0 - lacking, atol=1e-12)


@pytest.mark.parametrize("beams", [1, 3])
def test_a_text_is_decoded_alone(beams: int) -> None:
    together, written = decoded(Toy(3, [4, 9, 2]), beams)
    for row, text in enumerate([4, 9, 2]):
        alone, own = decoded(Toy(3, [text]), beams)
        np.testing.assert_allclose(alone[0], together[row])
        assert codes_of(own, 0) == codes_of(written, row)


def test_certainties_are_told_apart() -> None:
    """Where single precision has only 1."""

    def step(text: Any, last: Any, state: Any) -> tuple[Any, Any]:
        first = np.where(last == 1, np.array([20.0, 21.0])[text], -50.0)
        return np.stack([first, np.zeros(len(text))], axis=1), state

    log_odds, written = decode(step, np.zeros((2, 1)), 1, 2)
    np.testing.assert_allclose(log_odds.ravel(), [20.0, 21.0], rtol=1e-5)
    assert written.columns.tolist() == [0, 0]


def test_no_more_codes_than_asked_for_and_none_of_no_text() -> None:
    toy = Toy(0, list(range(20)))
    assert np.diff(decoded(toy, most=1)[1].first).max() == 1
    log_odds, written = decoded(Toy(0, []))
    assert log_odds.shape == (0, N_LABELS)
    assert (len(written), len(written.columns)) == (0, 0)


def test_a_code_that_may_come_in_either_order_is_surer_where_both_are_followed() -> None:
    """By hand: the first code comes first with .6, the second with .4; then the other one, with .9."""

    def step(text: Any, last: Any, state: Any) -> tuple[Any, Any]:
        begin, rest = np.log([0.6, 0.4, 1e-9]), np.log([0.9, 0.9, 0.1])
        return np.where((last == 2)[:, None], begin, rest), state

    for beams, wanted in ((1, [0.6, 1.0 - 0.6 * 0.1]), (2, [0.6 + 0.4 * 0.9, 0.4 + 0.6 * 0.9])):
        log_odds, written = decode(step, np.zeros((1, 1)), 2, 2, beams)
        np.testing.assert_allclose(expit(log_odds[0]), wanted, rtol=1e-6)
        assert codes_of(written, 0) == (0, 1)
