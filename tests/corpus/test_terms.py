from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.corpus.certificate import strings
from harness.corpus.terms import Terms

SOME = Terms.of(["heroin", "acute heroin", "heroin intoxication and more", "fentanyl", "para fluorofentanyl", ""])


def found(terms: Terms, *texts: str) -> list[list[str]]:
    """The terms of each text, in order."""
    names = terms.terms.to_pylist()
    hits = terms.find(strings(texts))
    return [
        [names[term] for text, term in zip(hits.text, hits.term, strict=True) if text == row]
        for row in range(len(texts))
    ]


def test_terms_are_distinct_and_ordered() -> None:
    assert SOME.terms.to_pylist() == sorted(SOME.terms.to_pylist())
    assert len(Terms.of(["a", "a", ""])) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Acute HEROIN intoxication", ["acute heroin"]),
        ("heroin intoxication and more; fentanyl", ["heroin intoxication and more", "fentanyl"]),
        ("heroin intoxication and", ["heroin"]),
        ("heroin\nintoxication and more", ["heroin"]),
        ("acute\nheroin", ["heroin"]),
        ("Para-fluorofentanyl, heroin", ["para fluorofentanyl", "heroin"]),
        ("heroins", []),
        ("heroin heroin", ["heroin", "heroin"]),
        ("", []),
        ("…\n\n", []),
    ],
)
def test_the_longest_term_counts_within_a_line(text: str, expected: list[str]) -> None:
    assert found(SOME, text) == [expected]


def test_how_much_of_a_text_terms_cover() -> None:
    hits = SOME.find(strings(["acute heroin and fentanyl", "nothing", "", "fentanyl"]))
    np.testing.assert_allclose(hits.covered, [0.75, 0.0, 0.0, 1.0])


def test_a_term_that_stands_twice_is_one_hit() -> None:
    hits = SOME.find(strings(["heroin heroin", "x"])).matrix(2, len(SOME))
    assert hits.toarray().sum(axis=1).tolist() == [1.0, 0.0]
    assert hits.data.tolist() == [1.0]


@pytest.mark.parametrize("terms", [Terms.of([]), Terms.of(["absent"])])
def test_no_term_and_no_text(terms: Terms) -> None:
    assert not len(terms.find(strings(["heroin", ""])).text)
    nothing = terms.find(strings([]))
    assert nothing.matrix(0, len(terms)).shape == (0, len(terms))


WORDS = st.sampled_from("abc")
SENTENCES = st.lists(WORDS, max_size=8).map(" ".join)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=3).map(" ".join), max_size=6), st.lists(SENTENCES, max_size=5))
def test_equals_a_search_word_by_word(terms: list[str], texts: list[str]) -> None:
    assert found(Terms.of(terms), *texts) == [_slow(set(terms), text.split()) for text in texts]


def _slow(terms: set[str], words: list[str]) -> list[str]:
    spans = []
    for start in range(len(words)):
        ends = [end for end in range(start + 1, len(words) + 1) if " ".join(words[start:end]) in terms]
        if ends:
            spans.append((start, max(ends)))
    return [" ".join(words[a:b]) for a, b in spans if not any((c, d) != (a, b) and c <= a and b <= d for c, d in spans)]
