from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import binomtest

from harness.corpus.certificate import Corpus, LabelSet, LineCodes, Texts, strings
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import Slice
from harness.decision.confidence import ESTIMATORS
from harness.decision.novelty import UnseenWords
from harness.decision.promise import Promise
from harness.decision.rule import DecisionRule, Decisions, Reason
from harness.experiment.score import score_stage
from harness.experiment.scoring import (
    CURVE_POINTS,
    NOT_BY_LINE,
    PROBABILITY,
    WHOLE,
    Said,
    curve_rows,
    hindsight,
    judge,
    score_row,
)
from harness.families.family import Predictions
from harness.files import Row, write_json
from harness.run.folder import RunFolder

# DESIGN.md, section 9: a score row has at least these.
DESIGN = """
    run model family kind role refit year unit n n_labels
    micro_f1 micro_f1_low micro_f1_high macro_f1 exact_match exact_match_low exact_match_high aurc augrc
    oracle_coverage_at_2 promised_coverage coverage risk risk_low risk_high
    fit_seconds certificates_per_second bytes
"""
NAMES = DESIGN.split()
OF_STAGE = {"run", "model", "family", "kind", "role", "refit", "year", "promised_coverage", "fit_seconds"}
OF_STAGE |= {"certificates_per_second", "bytes"}
BANDS = ("unseen", "1_9", "10_99", "100_up")
MORE_NAMES = """
    micro_precision micro_recall samples_f1 hamming_loss average_precision lrap
    precision_at_1 precision_at_3 precision_at_5 brier ece
    category_micro_f1 category_macro_f1 category_exact_match chapter_micro_f1 chapter_macro_f1 chapter_exact_match
    clef_precision clef_recall clef_f1 clef_external_f1 confidence_reason levels_reason lines_reason
"""
MORE = {*MORE_NAMES.split()}
MORE |= {f"{part}_{band}" for part in ("n_codes", "micro_f1", "macro_f1", "recall") for band in BANDS}


def corpus(*sets: str, codes: str = "ABCX", year: int = 2018) -> Corpus:
    """Certificates of the one word "heart" whose codes are the letters of a string."""
    n = len(sets)
    texts = Texts(
        strings([str(i) for i in range(n)]),
        np.full(n, year, np.int16),
        np.arange(n + 1, dtype=np.int64),
        strings(["heart"] * n),
        np.ones(n, np.int8),
        None,
        {},
    )
    dense = np.array([[code in row for code in codes] for row in sets], dtype=np.int8).reshape(n, len(codes))
    return Corpus(texts, LabelSet(tuple(codes)), csr_array(dense), None)


def decisions(*sets: str, sure: list[float], eligible: list[bool] | None = None, codes: str = "ABC") -> Decisions:
    dense = np.array([[code in row for code in codes] for row in sets], dtype=np.int8).reshape(len(sets), len(codes))
    passed = np.array([True] * len(sets) if eligible is None else eligible, dtype=bool)
    reason = np.where(passed, Reason.NO_PROMISE, Reason.UNSEEN_WORD).astype(np.int8)
    return Decisions(LabelSet(tuple(codes)), csr_array(dense), np.array(sure, dtype=np.float64), passed, reason)


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
    """The row of these decisions; without scores those of the decided codes are 0.5, and no code was seen in training."""
    found = said.codes * 0.5 if scores is None else csr_array(np.asarray(scores, np.float32))
    often = np.array([0] * len(reference.labels) if frequency is None else frequency)
    what = Said(Predictions(said.labels, found), said, estimator, promised)
    return score_row(reference, what, judge(reference, said), often, seed=seed)


# five certificates: right, wrong, right and empty, wrong for a foreign code, right but stopped by the gate
REFERENCE = corpus("A", "AB", "", "BX", "C")
SAID = decisions("A", "AC", "", "B", "C", sure=[0.9, 0.8, 0.7, 0.6, 0.95], eligible=[True, True, True, True, False])


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
    unknown = scored(corpus("A"), right, estimator="elsewhere")
    assert (unknown["brier"], unknown["ece"]) == (None, None)
    assert unknown["confidence_reason"] == "the confidence elsewhere is no probability"
    assert set(PROBABILITY) <= set(ESTIMATORS)


def named(codes: tuple[str, ...], *sets: str) -> csr_array:
    return csr_array(np.array([[code in row.split() for code in codes] for row in sets], np.int8))


def test_categories_and_chapters_are_unions() -> None:
    codes = ("I21.0", "I21.9", "I50", "J18")
    texts = corpus("", "").texts
    reference = Corpus(texts, LabelSet(codes), named(codes, "I21.0 J18", "I50"), None)
    own = ("I21.9", "I25", "J18")
    said = Decisions(
        LabelSet(own), named(own, "I21.9 J18", "I25"), np.full(2, 0.9), np.ones(2, bool), np.zeros(2, np.int8)
    )
    row = scored(reference, said)
    assert (row["micro_f1"], row["exact_match"]) == (pytest.approx(2 / 6), 0.0)
    assert (row["category_micro_f1"], row["category_exact_match"]) == (pytest.approx(4 / 6), 0.5)
    assert row["category_macro_f1"] == pytest.approx((1 + 0 + 1) / 3)  # I21, I50, J18
    assert (row["chapter_micro_f1"], row["chapter_macro_f1"], row["chapter_exact_match"]) == (1.0, 1.0, 1.0)
    assert row["levels_reason"] is None


def by_line(*lines: str, first_line: list[int], codes: tuple[str, ...]) -> Corpus:
    """Certificates of several lines, whose codes stand in ``lines``."""
    one = corpus(*[""] * (len(first_line) - 1)).texts
    texts = Texts(
        one.ids,
        one.years,
        np.array(first_line, np.int64),
        strings(["heart"] * len(lines)),
        np.ones(len(lines), np.int8),
        None,
        {},
    )
    matrix = named(codes, *lines)
    given_codes = LineCodes(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), None)
    whole = [" ".join(lines[a:b]) for a, b in itertools.pairwise(first_line)]
    return Corpus(texts, LabelSet(codes), named(codes, *whole), given_codes)


def test_lines_are_scored_as_clef_does() -> None:
    codes = ("I21", "J18", "W18")
    reference = by_line("I21", "J18", "W18", first_line=[0, 2, 3], codes=codes)
    own = ("A00", *codes)
    whole = Decisions(
        LabelSet(own), named(own, "I21 J18", "W18"), np.full(2, 0.9), np.ones(2, bool), np.zeros(2, np.int8)
    )
    said = replace(whole, line_codes=named(own, "J18", "J18 A00", "W18"))
    row = scored(reference, said)
    assert row["micro_f1"] == 1.0  # the right codes, two of them on other lines
    assert (row["clef_precision"], row["clef_recall"]) == (pytest.approx(2 / 4), pytest.approx(2 / 3))
    assert (row["clef_f1"], row["clef_external_f1"], row["lines_reason"]) == (pytest.approx(4 / 7), 1.0, None)

    part = Said(Predictions(said.labels, said.codes * 0.5), said, "product", None).rows(reference.texts, 1, 2)
    second = reference.rows(1, 2)
    row = score_row(second, part, judge(second, part.decisions), np.zeros(3, int), seed=0)
    assert (row["n"], row["clef_precision"], row["clef_recall"]) == (1, 1.0, 1.0)

    for corpus_, decisions_, reason in (
        (reference, whole, WHOLE),
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


def test_hindsight_is_the_largest_coverage_that_keeps_the_risk() -> None:
    assert hindsight(REFERENCE, SAID, 0.02) == 1 / 5
    assert hindsight(REFERENCE, SAID, 0.34) == 3 / 5
    assert hindsight(REFERENCE, SAID, 0.5) == 4 / 5
    assert hindsight(corpus(), decisions(sure=[]), 0.5) == 0.0
    assert hindsight(corpus("B"), decisions("A", sure=[0.9]), 0.5) == 0.0


# the stage


def test_rows_of_the_stage_have_every_column_of_the_design(tmp_path: Path) -> None:
    """Two validation years and a calibration year, one model with a promise, one that was lost in the refit."""
    run = RunFolder(tmp_path / "run")
    years = {"validation": {2017: Slice(0, 3), 2018: Slice(3, 5)}, "calibration": {2019: Slice(5, 9)}}
    roles = {"validation": Slice(0, 5), "calibration": Slice(5, 9)}
    corpora = {"train": corpus("A", "A", "B"), "validation": REFERENCE, "calibration": corpus("A", "A", "B", "C")}
    rule = DecisionRule(0.5, "product", UnseenWords.learnt([REFERENCE.texts], Knowledge()))
    models: list[dict[str, Any]] = [
        {
            "model": f"linear-{number}",
            "family": "linear",
            "kind": "baseline",
            "parameters": {},
            "steps": 1,
            "fit_seconds": 2.5,
            "reason": None,
        }
        for number in range(2)
    ]
    promise = Promise(True, 0.4, 0.95, 1, 0.05, 2, 0, 0.75, 2, 0, 0.5, 4, 0.04, "promised", ())
    for model in models:
        rule.save(run.path / "rules" / model["model"])
    rule.certified(promise).save(run.model("linear-0") / "rule")
    found = csr_array(np.array([[0.9, 0, 0], [0.8, 0, 0], [0, 0.7, 0], [0, 0, 0.6]], np.float32))
    later = Predictions(LabelSet(("A", "B", "C")), found)
    earlier = Predictions(later.labels, csr_array(found[np.array([0, 1, 2, 3, 3])]))
    for number in range(2):
        run.save_predictions(f"validation/linear-{number}", earlier)
    run.save_predictions("calibration/linear-0", later)
    write_json(
        run.path / "run.json", {"version": "1", "commit": None, "libraries": {}, "hardware": {}, "seed": 0, "format": 1}
    )
    described = {role: {"years": sorted(of_year)} for role, of_year in years.items()}
    write_json(run.path / "corpus.json", {"fingerprint": "f", "code_list": {"fingerprint": "c"}, "roles": described})
    run.write_stage("refit", {"models": {"linear-0": {"seconds": 3.5, "bytes": 1000, "n_labels": 3}}, "lost": {}})
    run.write_stage("certify", {"promises": {"linear-0": promise.to_dict()}, "speeds": {"linear-0": 99.0}})
    work: Any = SimpleNamespace(
        run=run,
        store=SimpleNamespace(roles=roles, years=years),
        config=SimpleNamespace(years=SimpleNamespace(refit=True), search=SimpleNamespace(seed=0)),
        corpus=corpora.__getitem__,
        models=lambda: models,
        refitted=lambda: (run.stage("refit") or {})["models"],
    )
    score_stage(work)

    rows = run.scorecards()
    assert all({*NAMES, *MORE} <= set(row) for row in rows)
    assert all((row["code_list"], row["dictionaries"]) == ("c", None) for row in rows)
    assert [(row["model"], row["role"], row["year"], row["n"]) for row in rows] == [
        ("linear-0", "validation", "all", 5),
        ("linear-0", "validation", "2017", 3),
        ("linear-0", "validation", "2018", 2),
        ("linear-0", "calibration", "all", 4),
        ("linear-0", "calibration", "2019", 4),
        ("linear-1", "validation", "all", 5),
        ("linear-1", "validation", "2017", 3),
        ("linear-1", "validation", "2018", 2),
    ]
    for row in rows:
        certified = row["role"] == "calibration"
        assert row["refit"] == certified
        assert (row["coverage"], row["promised_coverage"]) == ((0.5, 0.5) if certified else (None, None))
        assert row["fit_seconds"] == (3.5 if certified else 2.5)
        assert row["certificates_per_second"] == (99.0 if certified else None)
        assert (row["reason"] is None) == certified
        # A, B and C: validation knows them of train alone, where C is unseen; the refit also of validation
        assert row["n_codes_unseen"] == (0 if certified else {"all": 2, "2017": 0, "2018": 2}[row["year"]])
    assert {(row["model"], row["role"], row["year"]) for row in run.figure("risk_coverage")} == {
        (row["model"], row["role"], row["year"]) for row in rows
    }
    before = (run.path / "scorecards.jsonl").read_bytes()
    models.clear()
    score_stage(work)  # what is done is not done again
    assert (run.path / "scorecards.jsonl").read_bytes() == before
