"""Teaching: the tokens that a decoder is to write, and what its loss does not hold against it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from certificates import by_line

from harness.corpus.certificate import LineCodes
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.families.examples import FrameParameters, examples
from harness.families.keras_parts.teaching import loss, most_codes, start_logits, targets

END = 5
CODES = LineCodes(np.array([0, 2, 2, 5]), np.array([3, 1, 0, 4, 2], dtype=np.int32), None)


def test_targets_are_codes_in_their_order_and_an_end() -> None:
    found = targets(CODES, np.array([1, 0, 2]), END, 8)
    assert found.tolist() == [[END, -1, -1, -1], [3, 1, END, -1], [0, 4, 2, END]]
    assert targets(CODES, np.array([1]), END, 8).tolist() == [[END]]
    assert (most_codes(CODES, 8), most_codes(CODES, 2)) == (3, 2)


def test_what_comes_after_the_most_codes_is_left_out() -> None:
    """A text with more codes does not teach that it ends."""
    assert targets(CODES, np.array([0, 2]), END, 2).tolist() == [[3, 1], [0, 4]]


def value(wanted: Any, logits: Any, unknown: Any = (), weight: Any = None) -> float:
    wanted = np.array(wanted, dtype=np.int32)
    weights = np.ones(len(wanted), np.float32) if weight is None else np.array(weight, dtype=np.float32)
    pairs = np.array(unknown, dtype=np.int32).reshape(-1, 2)
    return float(loss(np.array(logits, dtype=np.float32), wanted, pairs, weights))


LOGITS = np.log([[[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]])  # two codes and the end


def test_the_loss_is_the_cross_entropy_of_each_step_among_what_has_not_come() -> None:
    assert value([[0, 2]], LOGITS) == pytest.approx(-np.log(0.5) - np.log(0.2 / 0.5), rel=1e-5)
    assert value([[2, -1]], LOGITS) == pytest.approx(-np.log(0.2), rel=1e-5)
    both = np.repeat(LOGITS, 2, axis=0)
    assert value([[0, 2], [2, -1]], both, weight=[2.0, 0.0]) == pytest.approx(value([[0, 2]], LOGITS), rel=1e-5)


def test_a_code_of_which_a_text_says_nothing_is_no_mistake() -> None:
    assert value([[0, 2]], LOGITS, [(0, 1)]) == pytest.approx(-np.log(0.5 / 0.7), rel=1e-5)


def test_begins_with_how_often_each_code_stands_where_it_was_known() -> None:
    rows = [(2012, ["A"])] * 6 + [(2013, ["A", "N"]), (2013, ["A"])]
    corpus = by_line(*((year, [(f"x {n}", codes)]) for n, (year, codes) in enumerate(rows)))
    knowledge = Knowledge(CodeList((CodeEntry("N", valid_from=2013),)))
    found = start_logits(examples(corpus, FrameParameters(unit="line"), knowledge))
    np.testing.assert_allclose(np.exp(found), [1.0, 0.5, 1.0], rtol=1e-4)
