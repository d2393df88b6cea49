"""The figures that name codes: how well each is coded, and which are given in place of which."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scored_by_hand import corpus, decided, whole

from harness.corpus.certificate import LabelSet
from harness.experiment.figuring import codes as of_codes
from harness.experiment.figuring.codes import Chapters, code_rows
from harness.experiment.figuring.confusions import MOST_PAIRS, confusion_rows
from harness.experiment.scoring import Judged, judge
from harness.files import Row
from harness.metrics import disclosure

ICD = ("A00", "I10", "I21", "I25", "J18", "J44", "XYLAZINE")
TITLES = {"I21": "Acute myocardial infarction", "J18": "", "IX": "Circulatory system"}


def matrix(codes: tuple[str, ...], sets: list[str]) -> csr_array:
    dense = [[code in row.split() for code in codes] for row in sets]
    return csr_array(np.array(dense, np.int8).reshape(len(sets), len(codes)))


def judged(true: list[str], pred: list[str], codes: tuple[str, ...] = ICD) -> Judged:
    """Certificates whose codes stand in strings."""
    reference = replace(corpus(*[""] * len(true)), labels=LabelSet(codes), codes=matrix(codes, true))
    return judge(reference, whole(decided(matrix(codes, pred), [0.5] * len(pred), None, None), codes))


def rows_of(found: Judged, automatic: npt.NDArray[np.bool_] | None = None) -> tuple[list[Row], list[Row]]:
    """The rows of chapters and of codes, and those of confusions."""
    chapters = Chapters.of_codes(found)
    support = disclosure.of_support(chapters.true)
    return code_rows(found, chapters, support, automatic, TITLES), confusion_rows(
        found, chapters, support.codes, TITLES
    )


TRUE = ["I21"] * 20 + ["I25"] * 12 + ["I10"] * 3 + ["J18 J44"] * 10 + ["J18"] * 10 + ["XYLAZINE"] * 12 + [""] * 2
PRED = ["I21"] * 14 + ["I25"] * 6 + ["I25"] * 5 + ["I21"] * 7 + ["I10"] * 3
PRED += ["J18 J44"] * 4 + ["J18"] * 6 + ["J44"] * 10 + ["XYLAZINE"] * 12 + ["A00"] * 2


def test_codes_by_hand() -> None:
    automatic = np.zeros(len(TRUE), bool)
    automatic[[*range(5), *range(35, 40), *range(45, 50), *range(55, 60)]] = True
    # five of I21, ten of J18, of which five have J44, and five of XYLAZINE
    rows, _ = rows_of(judged(TRUE, PRED), automatic)
    by_code = {row["code"] or row["chapter"]: row for row in rows}
    assert list(by_code) == ["I", "IX", "X", "A00", "I10", "I21", "I25", "J18", "J44", "XYLAZINE"]
    assert [row["level"] for row in rows] == ["chapter"] * 3 + ["code"] * 7
    # I10 has 3 certificates, and I25 is the chapter's next smallest
    assert {code for code, row in by_code.items() if row["suppressed"]} == {"I", "A00", "I10", "I25"}
    derived = ("support", "predicted", "precision", "recall", "f1", "automatic")
    for code in ("I", "A00", "I10", "I25"):
        assert [by_code[code][name] for name in derived] == [None] * 6
    assert by_code["I21"] == {
        "level": "code",
        "code": "I21",
        "title": "Acute myocardial infarction",
        "chapter": "IX",
        "support": 20,
        "predicted": 21,
        "precision": 14 / 21,
        "recall": 14 / 20,
        "f1": 28 / 41,
        "automatic": 5 / 20,
        "suppressed": False,
    }
    assert (by_code["IX"]["support"], by_code["IX"]["code"], by_code["IX"]["title"]) == (35, None, TITLES["IX"])
    assert (by_code["IX"]["predicted"], by_code["IX"]["recall"], by_code["IX"]["precision"]) == (35, 1.0, 1.0)
    assert (by_code["X"]["support"], by_code["J18"]["support"], by_code["J44"]["support"]) == (20, 20, 10)
    assert by_code["J18"]["title"] is None
    assert (by_code["J18"]["automatic"], by_code["J44"]["automatic"], by_code["X"]["automatic"]) == (0.5, 0.5, 0.5)
    assert (by_code["XYLAZINE"]["chapter"], by_code["XYLAZINE"]["support"]) == (None, 12)
    assert by_code["XYLAZINE"]["automatic"] == 5 / 12


def test_without_a_working_point_no_share_is_automatic() -> None:
    rows, _ = rows_of(judged(TRUE, PRED))
    assert {row["automatic"] for row in rows} == {None}


def test_all_models_hide_the_same_codes() -> None:
    """Whatever they predict, and whatever codes of their own they know."""
    first, _ = rows_of(judged(TRUE, PRED))
    second, _ = rows_of(judged(TRUE, ["B99 I99"] * len(TRUE), (*ICD[:1], "B99", *ICD[1:4], "I99", *ICD[4:])))
    shown = [{row["code"] or row["chapter"]: row["support"] for row in rows} for rows in (first, second)]
    common = shown[0].keys() & shown[1].keys()
    assert {"I", "IX", "X", "I10", "I21", "I25", "J18", "J44", "XYLAZINE"} == common
    assert all(shown[0][code] == shown[1][code] for code in common)
    assert shown[1]["B99"] is shown[1]["I99"] is None


def test_a_rarely_given_code_has_neither_precision_nor_f1() -> None:
    codes = ("I10", "I21", "I25", "J18")
    rows, _ = rows_of(judged(["I10"] * 9 + ["I21"] * 9 + ["I25"] * 9, ["I10"] * 3 + [""] * 6 + ["I21"] * 18, codes))
    by_code = {row["code"]: row for row in rows if row["level"] == "code"}
    assert (by_code["I10"]["support"], by_code["I10"]["recall"]) == (9, 3 / 9)
    assert (by_code["I10"]["predicted"], by_code["I10"]["precision"], by_code["I10"]["f1"]) == (None, None, None)
    assert by_code["I21"]["predicted"] is None  # else the chapter's 21 less its 18 would be the 3
    assert by_code["I21"]["f1"] is None
    # never given: that is told, and its precision is undefined
    assert (by_code["I25"]["predicted"], by_code["I25"]["precision"], by_code["I25"]["f1"]) == (0, None, 0.0)
    assert "J18" not in by_code  # neither reference nor prediction has it


def test_codes_that_are_not_the_icds_have_no_chapters_and_no_confusions() -> None:
    codes = ("fentanyl", "heroin", "xylazine")
    true, pred = ["fentanyl"] * 9 + ["heroin"] * 3 + ["xylazine"] * 30, ["heroin"] * 9 + ["fentanyl"] * 33
    rows, pairs = rows_of(judged(true, pred, codes))
    assert pairs == []
    assert [(row["code"], row["chapter"], row["support"]) for row in rows] == [
        ("fentanyl", None, None),  # it is the next smallest: 42 less 9 and 30 would be 3
        ("heroin", None, None),
        ("xylazine", None, 30),
    ]


def test_the_most_frequent_codes_are_shown_and_the_choice_tells_nothing_of_hidden_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(of_codes, "MOST_CODES", 5)
    rows, _ = rows_of(judged(TRUE, PRED))
    assert [row["code"] for row in rows if row["level"] == "code"] == ["A00", "I21", "J18", "J44", "XYLAZINE"]


def test_confusions_by_hand() -> None:
    """I21 was given as I25 six times; I25, whose support is hidden, seven times as I21; no J18 was missed on a J18 J44."""
    _, pairs = rows_of(judged(TRUE, PRED))
    assert pairs == [
        {
            "chapter": "X",
            "true_code": "J18",
            "predicted_code": "J44",
            "n": 10,
            "true_title": None,
            "predicted_title": None,
        },
        {
            "chapter": "IX",
            "true_code": "I21",
            "predicted_code": "I25",
            "n": 6,
            "true_title": TITLES["I21"],
            "predicted_title": None,
        },
    ]


@given(st.integers(0, 2**32 - 1))
def test_confusions_equal_a_plain_count(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, pred = rng.random((60, len(ICD))) < 0.3, rng.random((60, len(ICD))) < 0.3
    first, second = ([" ".join(np.array(ICD)[row]) for row in part] for part in (true, pred))
    found = judged(first, second)
    _, pairs = rows_of(found)
    hidden = disclosure.of_support(Chapters.of_codes(found).true).codes
    expected = {}
    for (a, missed), (b, wrong) in itertools.product(enumerate(ICD), repeat=2):
        n = int((true[:, a] & ~pred[:, a] & pred[:, b] & ~true[:, b]).sum())
        if n >= 5 and missed[0] == wrong[0] and missed[0] != "X" and not hidden[a]:
            expected[missed, wrong] = n
    assert {(row["true_code"], row["predicted_code"]): row["n"] for row in pairs} == expected
    assert [row["n"] for row in pairs] == sorted((row["n"] for row in pairs), reverse=True)


def test_the_largest_confusions_are_kept() -> None:
    codes = tuple(f"I{number:02}" for number in range(32))
    first, second = codes[:16], codes[16:]
    n = {(a, b): 5 + (i + j) % 7 for i, a in enumerate(first) for j, b in enumerate(second)}
    true, pred = ([pair[side] for pair, count in n.items() for _ in range(count)] for side in (0, 1))
    _, pairs = rows_of(judged(true, pred, codes))
    assert [row["n"] for row in pairs] == sorted(n.values(), reverse=True)[:MOST_PAIRS]
