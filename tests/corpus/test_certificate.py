from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
from certificates import by_certificate, by_line
from hypothesis import given
from hypothesis import strategies as st

from harness.corpus.builder import Builder, RawLine
from harness.corpus.certificate import Corpus, LabelSet, indicator, lines_of

line = st.tuples(
    st.sampled_from(["", "flu", "cough", "é\nx"]), st.lists(st.sampled_from("ABCD"), unique=True, max_size=3)
)
certificates = st.lists(st.tuples(st.integers(2000, 2005), st.lists(line, max_size=3)), max_size=8)


def plain(corpus: Corpus) -> list[object]:
    """A corpus certificate by certificate, without columns."""
    texts, by_line = corpus.texts, corpus.by_line
    codes = corpus.codes.toarray()
    found: list[object] = []
    for row in range(len(corpus)):
        span = range(int(texts.first_line[row]), int(texts.first_line[row + 1]))
        found.append(
            (
                texts.ids[row].as_py(),
                int(texts.years[row]),
                [texts.lines[line].as_py() for line in span],
                [int(texts.parts[line]) for line in span],
                None if texts.intervals is None else [texts.intervals[line].as_py() for line in span],
                {name: column[row].as_py() for name, column in texts.covariates.items()},
                {corpus.labels.codes[column] for column in np.flatnonzero(codes[row])},
                None if corpus.clusters is None else corpus.clusters[row].as_py(),
                by_line
                and [
                    [
                        (
                            corpus.labels.codes[by_line.columns[entry]],
                            None if by_line.standard is None else by_line.standard[entry].as_py(),
                        )
                        for entry in range(int(by_line.first_code[line]), int(by_line.first_code[line + 1]))
                    ]
                    for line in span
                ],
            )
        )
    return found


def full() -> Corpus:
    """Certificates that have everything a source may have."""
    builder = Builder(
        files=("a.csv",),
        codes_by_line=True,
        has_standard=True,
        has_intervals=True,
        has_clusters=True,
        covariates=("age", "sex"),
    )
    for number in range(6):
        lines = [
            RawLine(
                f"line {number} {k}",
                1 + k % 2,
                f"{k} days" if k else None,
                ("A", f"C{k}")[: k + 1],
                ("ay", None)[: k + 1],
            )
            for k in range(number % 4)
        ]
        builder.add(
            f"id{number}",
            2000 + number,
            lines,
            place=(0, number),
            cluster=f"office {number % 3}" if number % 3 else None,
            covariates={"age": str(number) if number else None},
        )
    return builder.finish().corpus


@given(certificates, st.data())
def test_rows_and_take_are_what_lists_do(
    given: list[tuple[int, list[tuple[str, list[str]]]]], data: st.DataObject
) -> None:
    corpus = by_line(*given)
    whole = plain(corpus)
    start = data.draw(st.integers(0, len(corpus)))
    stop = data.draw(st.integers(start, len(corpus)))
    assert plain(corpus.rows(start, stop)) == whole[start:stop]
    chosen = data.draw(st.lists(st.sampled_from(range(len(corpus))), max_size=10)) if given else []
    assert plain(corpus.take(np.array(chosen, dtype=np.int64))) == [whole[row] for row in chosen]
    again = corpus.rows(start, stop).take(np.arange(stop - start)[::-1])
    assert plain(again) == whole[start:stop][::-1]


def test_rows_and_take_of_everything_a_source_may_have() -> None:
    corpus = full()
    whole = plain(corpus)
    assert whole[3] == (
        "id3",
        2003,
        ["line 3 0", "line 3 1", "line 3 2"],
        [1, 2, 1],
        [None, "1 days", "2 days"],
        {"age": "3", "sex": None},
        {"A", "C1", "C2"},
        None,
        [[("A", "ay")], [("A", "ay"), ("C1", None)], [("A", "ay"), ("C2", None)]],
    )
    assert plain(corpus.rows(2, 5)) == whole[2:5]
    assert plain(corpus.rows(2, 5).take(np.array([2, 0]))) == [whole[4], whole[2]]


def test_rows_copy_no_text() -> None:
    corpus = by_line(*[(2000, [("x" * 1000, ["A"])])] * 100)
    before = pa.total_allocated_bytes()
    part = corpus.rows(10, 90)
    assert len(part.texts.lines) == 80
    assert pa.total_allocated_bytes() == before


@given(certificates)
def test_whole_joins_what_is_written(given: list[tuple[int, list[tuple[str, list[str]]]]]) -> None:
    corpus = by_line(*given)
    expected = ["\n".join(text for text, _ in lines if text) for _, lines in given]
    assert corpus.texts.whole().to_pylist() == expected
    half = len(given) // 2
    assert corpus.texts.rows(half, len(given)).whole().to_pylist() == expected[half:]


def test_certificate_of_line() -> None:
    texts = by_certificate((2000, ["a", "b"], []), (2000, [], []), (2000, ["c"], [])).texts
    assert texts.certificate_of_line.tolist() == [0, 0, 2]
    assert texts.rows(1, 3).certificate_of_line.tolist() == [1]


def test_codes_of_lines_are_united_and_kept_in_order() -> None:
    corpus = by_line((2000, [("a", ["C", "A"]), ("b", ["A", "B"])]), (2000, [("c", [])]))
    assert corpus.labels.codes == ("A", "B", "C")
    assert corpus.codes.toarray().tolist() == [[1, 1, 1], [0, 0, 0]]
    assert corpus.by_line is not None
    assert corpus.by_line.columns.tolist() == [2, 0, 0, 1]
    assert corpus.by_line.matrix(3).toarray().tolist() == [[1, 0, 1], [1, 1, 0], [0, 0, 0]]


def test_with_codes_forgets_the_lines() -> None:
    corpus = by_line((2000, [("a", ["A"])]), (2000, [("b", ["B"])]))
    other = corpus.with_codes(corpus.codes[[1, 0]])
    assert other.by_line is None
    assert other.codes.toarray().tolist() == [[0, 1], [1, 0]]
    assert other.texts is corpus.texts


def test_label_sets() -> None:
    labels = LabelSet(("A", "B", "C"))
    assert labels.index == {"A": 0, "B": 1, "C": 2}
    assert labels.columns_in(LabelSet(("C", "A"))).tolist() == [1, -1, 0]
    assert LabelSet(()).columns_in(labels).tolist() == []
    assert len(labels) == 3


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=8), st.data())
def test_lines_of_ragged_rows(ragged: list[list[int]], data: st.DataObject) -> None:
    first = np.cumsum([0, *map(len, ragged)], dtype=np.int64)
    flat = np.array([value for row in ragged for value in row], dtype=np.int64)
    rows = data.draw(st.lists(st.sampled_from(range(len(ragged))), max_size=6)) if ragged else []
    inner, offsets = lines_of(first, np.array(rows, dtype=np.int64))
    assert [flat[inner[a:b]].tolist() for a, b in pairwise(offsets)] == [ragged[row] for row in rows]


def test_a_code_given_twice_counts_once() -> None:
    columns = np.array([1, 1, 0], dtype=np.int32)
    matrix = indicator(np.array([0, 3]), columns, 2)
    assert matrix.toarray().tolist() == [[1, 1]]
    assert matrix.has_canonical_format
    assert columns.tolist() == [1, 1, 0]  # the caller's are left alone
