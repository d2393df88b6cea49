from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu import corpus_chrf
from sacrebleu.metrics.chrf import CHRF
from scipy.sparse import csr_array

import harness.metrics.text as module
from harness.corpus.certificate import IntArray, strings
from harness.corpus.words import normalise
from harness.metrics.multilabel import counts, micro_f1
from harness.metrics.text import (
    NO_CHARACTER,
    NO_CODE,
    NO_LINE,
    SIGNATURE,
    Normalisation,
    character_error_rate,
    chrf,
    code_f1,
    exact_match,
    normalisation,
    reached,
)

# Few letters, so that texts repeat and meet; what normalisation drops is among them.
TEXTS = st.lists(st.sampled_from(["ab", "É", "e", "c ", "; ", "-", "œ", "d4", "ééabcde"]), max_size=5).map("".join)
LINES = st.lists(st.tuples(TEXTS, TEXTS), max_size=8)
TERMS = ("a", "b", "B!", "c d", "c; d", "é", "-", "a; b; c")
TABLE = st.lists(st.tuples(st.sampled_from(TERMS), st.integers(0, 3), st.integers(1, 3)), max_size=12)


def columns_of(lines: list[tuple[str, str]]) -> tuple[pa.Array, pa.Array]:
    return strings([line[0] for line in lines]), strings([line[1] for line in lines])


def plain(texts: pa.Array) -> list[str]:
    found: list[str] = normalise(texts).to_pylist()
    return found


def edits(a: str, b: str) -> int:
    """Wagner and Fischer's table, row by row."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def matrix(rows: list[list[int]], n_labels: int = 3) -> csr_array:
    return csr_array(np.array(rows, np.int8).reshape(len(rows), n_labels))


def table(rows: list[tuple[str, int, int]]) -> tuple[pa.Array, IntArray, IntArray]:
    numbers = np.array([row[1:] for row in rows], np.int64).reshape(len(rows), 2)
    return strings([row[0] for row in rows]), numbers[:, 0], numbers[:, 1]


def test_case_accents_and_punctuation_do_not_count() -> None:
    reference, predicted = strings(["Décès; Œdème", "chat", ""]), strings(["deces oedeme", "chien", "-"])
    assert exact_match(reference, predicted) == 2 / 3
    assert character_error_rate(reference, predicted) == 3 / (12 + 4)  # chat → chien: a → i, t → e, n


def test_order_of_terms_counts() -> None:
    assert exact_match(strings(["a; b"]), strings(["b; a"])) == 0.0


def test_an_empty_reference_adds_edits_alone() -> None:
    assert character_error_rate(strings(["ab", ""]), strings(["ab", "abc"])) == 3 / 2
    assert chrf(strings(["ab", ""]), strings(["ab", "abc"])) == pytest.approx(100)


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_of_equal_texts(texts: list[str]) -> None:
    column = strings(texts)
    written = any(plain(column))
    assert exact_match(column, column) == 1
    assert character_error_rate(column, column) == (0 if written else None)
    assert chrf(column, column) == (pytest.approx(100) if written else None)


@given(LINES)
def test_equals_plain_python(lines: list[tuple[str, str]]) -> None:
    columns = columns_of(lines)
    pairs = list(zip(*map(plain, columns), strict=True))
    characters = sum(len(reference) for reference, _ in pairs)
    assert exact_match(*columns) == (sum(a == b for a, b in pairs) / len(pairs) if pairs else None)
    rate = character_error_rate(*columns)
    assert rate == (sum(edits(a, b) for a, b in pairs) / characters if characters else None)
    assert rate is None or rate >= 0


@given(LINES, st.integers(1, 3))
def test_chrf_equals_sacrebleu(lines: list[tuple[str, str]], block: int) -> None:
    columns = columns_of(lines)
    reference, predicted = map(plain, columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PAIRS", block)
        found = chrf(*columns)
    if any(reference):
        assert found == pytest.approx(corpus_chrf(predicted, [reference]).score)
        assert found is not None
        assert 0 <= found <= 100 + 1e-9
    else:
        assert found is None


def test_signature() -> None:
    metric = CHRF()
    metric.corpus_score(["a"], [["a"]])
    assert str(metric.get_signature().format(short=False)).startswith(SIGNATURE + "|version:")
    assert metric.beta == 2


@settings(max_examples=25)
@given(st.data())
def test_all_measures_together(data: st.DataObject) -> None:
    lines = data.draw(LINES)
    n = len(lines)
    rows = st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=n, max_size=n)
    y_true, y_reached = matrix(data.draw(rows)), matrix(data.draw(rows))
    unseen = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), np.bool_)
    order = np.array(data.draw(st.permutations(range(n))), np.int64)

    found = normalisation(*columns_of(lines), y_true, y_reached, unseen)
    new = [line for line, chosen in zip(lines, unseen, strict=True) if chosen]
    columns, columns_new = columns_of(lines), columns_of(new)
    assert (found.n, found.n_unseen) == (n, len(new))
    assert (found.exact_match, found.exact_match_unseen) == (exact_match(*columns), exact_match(*columns_new))
    assert found.character_error_rate == character_error_rate(*columns)
    assert found.character_error_rate_unseen == character_error_rate(*columns_new)
    assert (found.chrf, found.chrf_unseen) == (chrf(*columns), chrf(*columns_new))
    assert found.code_f1 == code_f1(y_true, y_reached) == micro_f1(counts(y_true, y_reached))
    assert found.code_f1_unseen == code_f1(csr_array(y_true[unseen]), csr_array(y_reached[unseen]))
    for values, reason in (
        ((found.exact_match, found.character_error_rate, found.chrf, found.code_f1), found.reason),
        (
            (found.exact_match_unseen, found.character_error_rate_unseen, found.chrf_unseen, found.code_f1_unseen),
            found.reason_unseen,
        ),
    ):
        assert (None in values) == (reason is not None)

    moved = [lines[i] for i in order]
    assert found == normalisation(
        *columns_of(moved), csr_array(y_true[order]), csr_array(y_reached[order]), unseen[order]
    )


def test_undefined_has_its_reason() -> None:
    none, nothing = matrix([]), np.zeros(0, np.bool_)
    assert normalisation(strings([]), strings([]), none, none, nothing) == Normalisation(
        0, None, None, None, None, NO_LINE, 0, None, None, None, None, NO_LINE
    )
    found = normalisation(
        strings(["", "a"]),
        strings(["b", "c"]),
        matrix([[0, 0, 0], [1, 0, 0]]),
        matrix([[0, 0, 0]] * 2),
        np.arange(2) < 1,
    )
    assert (found.reason, found.reason_unseen) == (None, f"{NO_CHARACTER}; {NO_CODE}")
    assert (found.exact_match_unseen, found.character_error_rate, found.code_f1) == (0.0, 2.0, 0.0)


def test_reached_by_hand() -> None:
    known = table(
        [("Grippe", 0, 2), ("grippe", 1, 1), ("GRIPPE!", 1, 1), ("toux", 2, 1), ("toux", 3, 5), ("mort; subite", 4, 1)]
    )
    predicted = strings(["toux; grippe", "Mort; Subite", "mort subite", "toux; mort; subite", "fièvre; toux", "", "; "])
    assert reached(predicted, *known, 5).toarray().tolist() == [
        [1, 0, 0, 1, 0],  # column 0 twice, column 1 once and once: the first column of two that are as frequent
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0],  # where the separator stands counts
        [0, 0, 0, 1, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]


@given(st.lists(st.lists(st.sampled_from(TERMS), max_size=3).map("; ".join), max_size=6), TABLE)
def test_reached_equals_plain_python(predicted: list[str], rows: list[tuple[str, int, int]]) -> None:
    def key(text: str) -> str:
        return "; ".join(part for part in plain(strings(text.split("; "))) if part)

    votes: dict[str, dict[int, int]] = {}
    for term, column, times in rows:
        of_term = votes.setdefault(key(term), {})
        of_term[column] = of_term.get(column, 0) + times
    votes.pop("", None)
    code = {term: min(of_term, key=lambda column: (-of_term[column], column)) for term, of_term in votes.items()}
    expected = []
    for text in predicted:
        whole = key(text)
        expected.append({code[whole]} if whole in code else {code[part] for part in whole.split("; ") if part in code})

    found = reached(strings(predicted), *table(rows), 4)
    assert found.shape == (len(predicted), 4)
    assert [set(found[[i]].indices.tolist()) for i in range(len(predicted))] == expected
    assert found.nnz == sum(map(len, expected))


@given(st.lists(st.sampled_from(["a", "b", "c d", "é", "?"]), max_size=4), TABLE)
def test_reached_unites_terms(terms: list[str], rows: list[tuple[str, int, int]]) -> None:
    known = table([row for row in rows if ";" not in row[0]])
    together = reached(strings(["; ".join(terms)]), *known, 4).toarray()[0]
    apart = reached(strings(terms), *known, 4).toarray()
    assert together.tolist() == apart.max(axis=0, initial=0).tolist()


def test_reached_without_anything() -> None:
    assert reached(strings([]), *table([]), 0).shape == (0, 0)
    assert reached(strings(["a"]), *table([]), 3).toarray().tolist() == [[0, 0, 0]]
    assert reached(strings([]), *table([("a", 1, 1)]), 3).shape == (0, 3)
