from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.corpus.certificate import Corpus, LabelSet, LineCodes, Texts, indicator, strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge, Lexicon
from harness.decision.watch import SUPPORT, Watch

Line = tuple[str, int]  # text and part

LIST = CodeList(
    (
        CodeEntry("F10", "Alcohol", ("ethanol",)),
        CodeEntry("F10.3", "Alcohol withdrawal", valid_from=2015),
        CodeEntry("T40.1", "Heroin"),
        CodeEntry("X", ""),
    )
)


def texts(*certificates: Sequence[Line], year: int = 2018) -> Texts:
    lines = [line for certificate in certificates for line in certificate]
    return Texts(
        ids=strings([f"id-{i}" for i in range(len(certificates))]),
        years=np.full(len(certificates), year, np.int16),
        first_line=np.cumsum([0, *map(len, certificates)]).astype(np.int64),
        lines=strings([text for text, _ in lines]),
        parts=np.array([part for _, part in lines], np.int8),
        intervals=None,
        covariates={},
    )


def corpus(certificates: Sequence[tuple[Sequence[Line], Sequence[str]]], labels: LabelSet, year: int = 2018) -> Corpus:
    columns = np.array([labels.index[code] for _, codes in certificates for code in codes], np.int64)
    first = np.cumsum([0, *(len(codes) for _, codes in certificates)])
    return Corpus(
        texts(*(lines for lines, _ in certificates), year=year), labels, indicator(first, columns, len(labels)), None
    )


NOTHING = corpus([], LabelSet(("T40.1",)))
WATCH = Watch.learnt(NOTHING, Knowledge(LIST))


def held(watch: Watch, *certificates: Sequence[Line]) -> list[tuple[set[str], set[str]]]:
    """Codes held anywhere and in part II only, by certificate."""
    anywhere, part2 = (matrix.toarray() for matrix in watch.holders(texts(*certificates)))
    assert set(np.unique(anywhere)) | set(np.unique(part2)) <= {0, 1}
    return [
        tuple({watch.codes[c] for c in np.flatnonzero(m[i])} for m in (anywhere, part2))  # type: ignore[misc]
        for i in range(len(certificates))
    ]


def test_terms_of_the_list_are_found_and_the_longest_counts() -> None:
    assert WATCH.codes == ("F10", "F10.3", "T40.1")
    assert held(WATCH, [("ETHANOL, and heroïn", 1)], [("alcohol withdrawal", 1)], [("alcohols", 1)], []) == [
        ({"F10", "T40.1"}, set()),
        ({"F10.3"}, set()),
        (set(), set()),
        (set(), set()),
    ]


def test_part_two_only_is_what_part_one_does_not_name() -> None:
    assert held(
        WATCH,
        [("heroin", 1), ("ethanol", 2), ("heroin", 2)],
        [("ethanol", 2), ("ethanol again", 2)],
        [("ethanol", 2), ("alcohol", 1)],
    ) == [({"T40.1", "F10"}, {"F10"}), ({"F10"}, {"F10"}), ({"F10"}, set())]


def test_a_term_of_two_codes_is_held_for_both_and_dictionaries_count() -> None:
    lexicon = Lexicon(strings(["smack", "smack", "Ethanol"]), strings(["T40.1", "F10", "T51"]))
    watch = Watch.learnt(NOTHING, Knowledge(LIST, lexicon))
    assert held(watch, [("smack", 1)], [("ethanol", 1)]) == [({"T40.1", "F10"}, set()), ({"F10", "T51"}, set())]


def test_holders_do_not_depend_on_validity_but_it_is_known() -> None:
    assert WATCH.valid[WATCH.codes.index("F10.3")].tolist()[0] == 2015
    early = texts([("alcohol withdrawal", 1)], year=2010)
    assert WATCH.holders(early)[0].toarray().tolist() == [[0, 1, 0]]


TWO = LabelSet(("A", "B"))


def training(n: int = 120) -> Corpus:
    """ "smoke" is A's own; "grey" stands beside it alone; "pain" stands with and without A."""
    rows: list[tuple[Sequence[Line], Sequence[str]]] = []
    for i in range(n):
        rows.append(([(f"smoke grey n{i}", 1)], ["A"]))
        rows.append(([(f"smoke pain n{i}", 1)], ["A"]))
        rows.append(([(f"pain n{i}", 1)], ["B"] if i % 2 else []))
        rows.append(([(f"rest n{i}", 1)], []))
    return corpus(rows, TWO)


def test_a_pure_word_is_learnt_and_its_company_is_not() -> None:
    watch = Watch.learnt(training(), Knowledge())
    assert watch.codes == ("A",)
    assert watch.pure.terms.terms.to_pylist() == ["smoke"]
    assert held(watch, [("white smoke", 2)], [("grey", 1)]) == [({"A"}, {"A"}), (set(), set())]
    assert watch.words == {"A": ()}


def test_a_listed_word_leaves_nothing_to_be_learnt() -> None:
    watch = Watch.learnt(training(), Knowledge(CodeList((CodeEntry("A", "Smoke"),))))
    assert not len(watch.pure.terms)
    assert watch.words == {"A": ("smoke",)}


def test_too_few_distinct_texts_teach_nothing() -> None:
    assert not Watch.learnt(training(SUPPORT // 2 - 1), Knowledge()).codes
    repeated = corpus([([("smoke", 1)], ["A"]), ([("rest", 1)], [])] * 500, TWO)
    assert not Watch.learnt(repeated, Knowledge()).codes


def test_a_word_of_a_code_that_nearly_all_have_is_not_its_own() -> None:
    rows = [([(f"{word} n{i}", 1)], ["A"] if i % 20 else []) for i in range(400) for word in ("one", "two")]
    assert not Watch.learnt(corpus(rows, TWO), Knowledge()).codes


def test_lines_teach_where_they_have_codes() -> None:
    lines = [(f"smoke n{i // 2}", 1) if i % 2 else (f"ash n{i // 2}", 1) for i in range(200)]
    by_line = LineCodes(np.arange(201, dtype=np.int64), np.array([i % 2 for i in range(200)], np.int32), None)
    certificates = texts(*[lines[i : i + 2] for i in range(0, 200, 2)])
    whole = indicator(np.arange(0, 201, 2), by_line.columns, 2)
    watch = Watch.learnt(Corpus(certificates, TWO, whole, by_line), Knowledge())
    assert held(watch, [("smoke", 1)], [("ash", 1)]) == [({"B"}, set()), ({"A"}, set())]
    assert not Watch.learnt(Corpus(certificates, TWO, whole, None), Knowledge()).codes  # each certificate has both


def test_a_learnt_pair_does_not_hide_the_word_within_it() -> None:
    rows: list[tuple[Sequence[Line], Sequence[str]]] = []
    for i in range(150):
        rows.append(([(f"bad air n{i}", 1)], ["A", "B"]))
        rows.append(([(f"bad n{i}", 1)], []))
        rows.append(([(f"air n{i}", 1)], ["A"]))
        rows.append(([(f"rest n{i}", 1)], []))
    watch = Watch.learnt(corpus(rows, TWO), Knowledge())
    assert set(watch.pure.terms.terms.to_pylist()) == {"air", "bad air"}
    assert held(watch, [("bad air", 1)], [("air", 1)]) == [({"A", "B"}, set()), ({"A"}, set())]


def test_shown_words_are_the_most_frequent_terms_of_the_list() -> None:
    code_list = CodeList((CodeEntry("A", "Smoke inhaled", tuple(f"w{i:02}" for i in range(20))),))
    train = corpus([([("w07", 1), ("w07", 1)], []), ([("w03", 1)], [])], TWO)
    words = Watch.learnt(train, Knowledge(code_list)).words["A"]
    assert words[:2] == ("w07", "w03")
    assert len(words) == 10


@pytest.mark.parametrize("knowledge", [Knowledge(), Knowledge(LIST)])
def test_saved_and_loaded(tmp_path: Path, knowledge: Knowledge) -> None:
    watch = Watch.learnt(training(), knowledge)
    watch.save(tmp_path / "watch")
    again = Watch.load(tmp_path / "watch")
    probe = texts([("smoke and heroin", 1), ("alcohol", 2)], [("alcohol withdrawal", 2)])
    assert again.codes == watch.codes
    assert again.words == watch.words
    assert again.valid.tolist() == watch.valid.tolist()
    for one, other in zip(watch.holders(probe), again.holders(probe), strict=True):
        assert one.toarray().tolist() == other.toarray().tolist()


def test_a_watch_without_words_holds_nothing() -> None:
    watch = Watch.learnt(NOTHING, Knowledge())
    assert watch.codes == ()
    assert watch.holders(texts([("heroin", 1)]))[0].shape == (1, 0)


VOCABULARY = ["alcohol", "withdrawal", "heroin", "ethanol", "other"]
LINES = st.tuples(st.lists(st.sampled_from(VOCABULARY), max_size=4).map(" ".join), st.sampled_from([1, 2]))


@given(st.lists(st.lists(LINES, max_size=3), max_size=5))
@settings(max_examples=100, deadline=None)
def test_equals_one_certificate_after_the_other(certificates: list[list[Line]]) -> None:
    def codes(line: str) -> set[str]:
        rest = line.replace("alcohol withdrawal", "<F10.3>")
        found = {"F10.3"} if "<F10.3>" in rest else set()
        found |= {"F10"} if "alcohol" in rest or "ethanol" in rest else set()
        return found | ({"T40.1"} if "heroin" in rest else set())

    wanted = []
    for certificate in certificates:
        parts = {part: set().union(*(codes(text) for text, p in certificate if p == part)) for part in (1, 2)}
        wanted.append((parts[1] | parts[2], parts[2] - parts[1]))
    assert held(WATCH, *certificates) == wanted


def test_sliced_columns_are_read_from_their_own_start() -> None:
    whole = texts([("heroin", 1)], [("ethanol", 2)], [("other", 1)])
    assert isinstance(whole.lines, pa.Array)
    part = whole.rows(1, 3)
    assert WATCH.holders(part)[1].toarray().tolist() == [[1, 0, 0], [0, 0, 0]]
