from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import binomtest
from scored_by_hand import (
    BANDS,
    MORE,
    NAMES,
    OF_STAGE,
    REFERENCE,
    SAID,
    by_line,
    corpus,
    decided,
    decisions,
    named,
    unit,
    whole,
)

from harness.corpus.certificate import Corpus, LabelSet
from harness.decision.confidence import ESTIMATORS, LEARNT
from harness.decision.rule import Decisions
from harness.experiment.scoring import (
    CURVE_POINTS,
    NOT_BY_LINE,
    WHOLE,
    Said,
    curve_rows,
    expected,
    judge,
    score_row,
)
from harness.families.family import Predictions
from harness.files import Row


def scored(
    reference: Corpus,
    said: Decisions,
    promised: float | None = None,
    *,
    scores: npt.ArrayLike | None = None,
    estimator: str = "product",
    frequency: list[int] | None = None,
    seed: int = 0,
) -> Row:
    """The row of these decisions; without scores those of the decided codes are 0.5, and no code was seen in training.

    With ``promised`` those are automatic that are so sure.
    """
    found = said.codes * 0.5 if scores is None else csr_array(np.asarray(scores, np.float32))
    often = np.array([0] * len(reference.labels) if frequency is None else frequency)
    if promised is not None:
        mine = decided(said.codes, said.confidence.tolist(), said.eligible.tolist(), promised)
        said = replace(said, reason=mine.reason)
    what = Said(Predictions(said.labels, found), said, unit(promised, estimator))
    return score_row(reference, what, judge(reference, said), often, seed=seed)


def test_a_case_by_hand() -> None:
    row = scored(REFERENCE, SAID, 0.65)
    assert (row["unit"], row["n"], row["n_labels"]) == ("certificate", 5, 3)
    assert row["micro_f1"] == pytest.approx(8 / 11)  # tp 4: A, A, B, C; fp 1: C; fn 2: B, X
    assert (row["micro_precision"], row["micro_recall"]) == (pytest.approx(4 / 5), pytest.approx(4 / 6))
    assert row["macro_f1"] == pytest.approx(np.mean([1.0, 2 / 3, 2 / 3, 0.0]))  # A, B, C, X
    assert row["exact_match"] == 3 / 5
    assert row["aurc"] == pytest.approx(np.mean([0, 0, 1 / 3, 1 / 4, 2 / 5]))  # in the order C, A, AC, "", B
    assert row["augrc"] == pytest.approx((0 + 0 + 0.5 + 1 + 1.5) / 25)
    assert row["oracle_coverage_at_2"] == 1 / 5
    assert (row["coverage"], row["risk"]) == (3 / 5, 1 / 3)  # A, AC, ""
    interval = binomtest(1, 3).proportion_ci(method="exact")
    assert (row["risk_low"], row["risk_high"]) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert row["eligible"] == 4 / 5
    assert row["median_confidence"] == 0.8
    assert row["micro_f1_low"] <= row["micro_f1"] <= row["micro_f1_high"]
    assert row["exact_match_low"] <= row["exact_match"] <= row["exact_match_high"]


def test_the_measured_columns_of_the_design() -> None:
    assert (set(NAMES) - OF_STAGE) | MORE <= set(scored(REFERENCE, SAID))


def test_undefined_is_none_and_not_zero() -> None:
    row = scored(REFERENCE, SAID)
    assert [row[name] for name in ("coverage", "risk", "risk_low", "risk_high")] == [None] * 4
    nobody = scored(REFERENCE, SAID, 0.99)
    assert [nobody[name] for name in ("coverage", "risk", "risk_low", "risk_high")] == [0.0, None, None, None]

    without_codes = scored(corpus("", ""), decisions("", "", sure=[0.5, 0.6]))
    for name in ("micro_f1", "micro_f1_low", "micro_f1_high", "micro_precision", "micro_recall", "macro_f1"):
        assert without_codes[name] is None
    assert without_codes["exact_match"] == 1.0
    assert scored(corpus("A"), decisions("", sure=[0.5]))["micro_precision"] is None

    empty = scored(corpus(), decisions(sure=[]), 0.5)
    assert {name: value for name, value in empty.items() if value is not None} == {
        "unit": "certificate",
        "n": 0,
        "n_labels": 3,
        "levels_reason": "no certificate has a code",
        "lines_reason": NOT_BY_LINE,
        **{f"n_codes_{band}": 0 for band in BANDS},
    }


def test_the_scores_in_full_by_hand() -> None:
    """A decided code scores 0.5; a code that only the corpus knows stood in ten training certificates."""
    row = scored(REFERENCE, SAID, frequency=[0, 9, 100, 10])
    assert row["samples_f1"] == pytest.approx(np.mean([1, 2 / 4, 1, 2 / 3, 1]))
    assert row["hamming_loss"] == 3 / 20
    # five scores, all tied, four of them right; two true pairs have none
    assert row["average_precision"] == pytest.approx((4 * 4 / 5 + 2 * 6 / 20) / 6)
    assert row["lrap"] == pytest.approx(np.mean([1, (1 / 2 + 2 / 4) / 2, 1, (1 + 2 / 4) / 2, 1]))
    assert row["precision_at_1"] == pytest.approx(np.mean([1, 1 / 2, 1, 1]))
    assert row["precision_at_5"] is None  # of four codes
    assert [row[f"n_codes_{band}"] for band in BANDS] == [1, 1, 1, 1]
    assert [row[f"micro_f1_{band}"] for band in BANDS] == pytest.approx([1, 2 / 3, 0, 2 / 3])  # A, B, X, C
    assert [row[f"macro_f1_{band}"] for band in BANDS] == pytest.approx([1, 2 / 3, 0, 2 / 3])
    assert [row[f"recall_{band}"] for band in BANDS] == [1, 1 / 2, 0, 1]
    assert row["brier"] == pytest.approx(np.mean(np.square([0.9 - 1, 0.8, 0.7 - 1, 0.6, 0.95 - 1])))
    assert row["ece"] == pytest.approx((0.1 + 0.8 + 0.3 + 0.6 + 0.05) / 5)
    assert row["category_micro_f1"] is None
    assert "not ICD-10" in row["levels_reason"]


def test_odds_become_probabilities_and_other_confidences_are_none() -> None:
    right = decisions("A", sure=[0.0])
    assert scored(corpus("A"), right, estimator="margin")["brier"] == 0.25
    assert scored(corpus("A"), decisions("A", sure=[np.inf]), estimator="margin")["brier"] == 0.0
    assert scored(corpus("A"), decisions("A", sure=[np.log(0.25)]), estimator="sequence")["brier"] == 0.75**2
    assert scored(corpus("A"), decisions("A", sure=[0.25]), estimator=LEARNT)["brier"] == 0.75**2
    for name in [name for name, estimator in ESTIMATORS.items() if estimator.probability is None]:
        unknown = scored(corpus("A"), right, estimator=name)
        assert (unknown["brier"], unknown["ece"]) == (None, None)
        assert unknown["confidence_reason"] == f"the confidence {name} is no probability"


def test_categories_and_chapters_are_unions() -> None:
    codes = ("I21.0", "I21.9", "I50", "J18")
    texts = corpus("", "").texts
    reference = Corpus(texts, LabelSet(codes), named(codes, "I21.0 J18", "I50"), None)
    own = ("I21.9", "I25", "J18")
    said = whole(decided(named(own, "I21.9 J18", "I25"), [0.9, 0.9], None, None), own)
    row = scored(reference, said)
    assert (row["micro_f1"], row["exact_match"]) == (pytest.approx(2 / 6), 0.0)
    assert (row["category_micro_f1"], row["category_exact_match"]) == (pytest.approx(4 / 6), 0.5)
    assert row["category_macro_f1"] == pytest.approx((1 + 0 + 1) / 3)  # I21, I50, J18
    assert (row["chapter_micro_f1"], row["chapter_macro_f1"], row["chapter_exact_match"]) == (1.0, 1.0, 1.0)
    assert row["levels_reason"] is None


def test_lines_are_scored_as_clef_does() -> None:
    codes = ("I21", "J18", "W18")
    reference = by_line("I21", "J18", "W18", first_line=[0, 2, 3], codes=codes)
    own = ("A00", *codes)
    without = whole(decided(named(own, "I21 J18", "W18"), [0.9, 0.9], None, None), own)
    said = replace(without, lines=decided(named(own, "J18", "J18 A00", "W18"), [0.9] * 3, None, None))
    row = scored(reference, said)
    assert row["micro_f1"] == 1.0  # the right codes, two of them on other lines
    assert (row["clef_precision"], row["clef_recall"]) == (pytest.approx(2 / 4), pytest.approx(2 / 3))
    assert (row["clef_f1"], row["clef_external_f1"], row["lines_reason"]) == (pytest.approx(4 / 7), 1.0, None)

    part = Said(Predictions(said.labels, said.codes * 0.5), said, unit(), unit()).rows(reference.texts, 1, 2)
    second = reference.rows(1, 2)
    row = score_row(second, part, judge(second, part.decisions), np.zeros(3, int), seed=0)
    assert (row["n"], row["clef_precision"], row["clef_recall"]) == (1, 1.0, 1.0)

    for corpus_, decisions_, reason in (
        (reference, without, WHOLE),
        (reference.with_codes(reference.codes), said, NOT_BY_LINE),
    ):
        row = scored(corpus_, decisions_)
        assert [row[f"clef_{part}"] for part in ("precision", "recall", "f1", "external_f1")] == [None] * 4
        assert row["lines_reason"] == reason


def test_judging_counts_foreign_codes_as_missed() -> None:
    judged = judge(REFERENCE, SAID)
    assert judged.errors.tolist() == [False, True, False, True, False]
    assert judged.counts.tp.tolist() == [1, 1, 0, 1, 1]
    assert judged.counts.fp.tolist() == [0, 1, 0, 0, 0]
    assert judged.counts.fn.tolist() == [0, 1, 0, 1, 0]
    assert judged.labels.codes == ("A", "B", "C", "X")
    assert judge(corpus("X"), decisions("", sure=[0.9])).errors.tolist() == [True]


@given(st.data())
def test_the_order_of_certificates_changes_no_score(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 12))
    sets = st.lists(st.sampled_from(["", "A", "AB", "BC", "ABC"]), min_size=n, max_size=n)
    true, given_codes = data.draw(sets), data.draw(sets)
    sure = data.draw(st.lists(st.sampled_from([0.2, 0.5, 0.7, 0.9]), min_size=n, max_size=n))
    passed = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    order = data.draw(st.permutations(range(n)))
    before = scored(corpus(*true), decisions(*given_codes, sure=sure, eligible=passed), 0.5, seed=3)
    after = scored(
        corpus(*(true[i] for i in order)),
        decisions(*(given_codes[i] for i in order), sure=[sure[i] for i in order], eligible=[passed[i] for i in order]),
        0.5,
        seed=3,
    )
    assert after == {
        name: pytest.approx(value) if isinstance(value, float) else value for name, value in before.items()
    }


# curves


def many(n: int, seed: int = 0) -> tuple[Corpus, Decisions, npt.NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    right = rng.random(n) < 0.8
    said = decisions(
        *("A" if is_right else "B" for is_right in right),
        sure=(rng.random(n) + 0.3 * right).tolist(),
        eligible=(rng.random(n) < 0.9).tolist(),
    )
    return corpus(*["A"] * n), said, right


@pytest.mark.parametrize("n", [0, 1, 2, 399, 400, 401, 3000])
def test_a_curve_has_few_points_and_both_ends(n: int) -> None:
    reference, said, right = many(n)
    rows = curve_rows(judge(reference, said), said)
    coverage = [row["coverage"] for row in rows]
    assert len(rows) == min(int(said.eligible.sum()), CURVE_POINTS) <= 400
    assert coverage == sorted(set(coverage))
    assert [row["threshold"] for row in rows] == sorted((row["threshold"] for row in rows), reverse=True)
    for row in rows[:: max(1, len(rows) // 20)]:
        accepted = said.eligible & (said.confidence >= row["threshold"])
        assert row["coverage"] == accepted.sum() / n
        assert row["risk"] == pytest.approx(1 - right[accepted].mean())
    if rows:
        assert rows[0]["threshold"] == said.confidence[said.eligible].max()
        assert coverage[-1] == said.eligible.mean()


def test_a_curve_without_an_eligible_certificate_has_no_point() -> None:
    said = decisions("A", sure=[0.9], eligible=[False])
    assert curve_rows(judge(corpus("A"), said), said) == []


def test_what_is_expected_is_the_largest_coverage_that_keeps_the_risk() -> None:
    errors, sure, eligible = judge(REFERENCE, SAID).errors, SAID.confidence, SAID.eligible
    assert expected(errors, sure, eligible, 0.02) == 1 / 5
    assert expected(errors, sure, eligible, 0.34) == 3 / 5
    assert expected(errors, sure, eligible, 0.5) == 4 / 5
    assert expected(np.zeros(0, bool), np.zeros(0), np.zeros(0, bool), 0.5) == 0.0
    assert expected(np.ones(1, bool), np.array([0.9]), np.ones(1, bool), 0.5) == 0.0
