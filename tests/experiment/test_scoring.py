from __future__ import annotations

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

from harness.corpus.certificate import Corpus, LabelSet, Texts, strings
from harness.corpus.store import Slice
from harness.decision.novelty import UnseenWords
from harness.decision.promise import Promise
from harness.decision.rule import DecisionRule, Decisions, Reason
from harness.experiment.score import score_stage
from harness.experiment.scoring import CURVE_POINTS, curve_rows, hindsight, judge, score_row
from harness.families.family import Predictions
from harness.files import write_json
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


# five certificates: right, wrong, right and empty, wrong for a foreign code, right but stopped by the gate
REFERENCE = corpus("A", "AB", "", "BX", "C")
SAID = decisions("A", "AC", "", "B", "C", sure=[0.9, 0.8, 0.7, 0.6, 0.95], eligible=[True, True, True, True, False])


def test_a_case_by_hand() -> None:
    row = score_row(REFERENCE, SAID, 0.65, seed=0)
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
    assert set(NAMES) - OF_STAGE <= set(score_row(REFERENCE, SAID, None, seed=0))


def test_undefined_is_none_and_not_zero() -> None:
    row = score_row(REFERENCE, SAID, None, seed=0)
    assert [row[name] for name in ("coverage", "risk", "risk_low", "risk_high")] == [None] * 4
    nobody = score_row(REFERENCE, SAID, 0.99, seed=0)
    assert [nobody[name] for name in ("coverage", "risk", "risk_low", "risk_high")] == [0.0, None, None, None]

    without_codes = score_row(corpus("", ""), decisions("", "", sure=[0.5, 0.6]), None, seed=0)
    for name in ("micro_f1", "micro_f1_low", "micro_f1_high", "micro_precision", "micro_recall", "macro_f1"):
        assert without_codes[name] is None
    assert without_codes["exact_match"] == 1.0
    assert score_row(corpus("A"), decisions("", sure=[0.5]), None, seed=0)["micro_precision"] is None

    empty = score_row(corpus(), decisions(sure=[]), 0.5, seed=0)
    assert {name: value for name, value in empty.items() if value is not None} == {
        "unit": "certificate",
        "n": 0,
        "n_labels": 3,
    }


def test_judging_counts_foreign_codes_as_missed() -> None:
    judged = judge(REFERENCE, SAID)
    assert judged.errors.tolist() == [False, True, False, True, False]
    assert judged.counts.tp.tolist() == [1, 1, 0, 1, 1]
    assert judged.counts.fp.tolist() == [0, 1, 0, 0, 0]
    assert judged.counts.fn.tolist() == [0, 1, 0, 1, 0]
    assert judge(corpus("X"), decisions("", sure=[0.9])).errors.tolist() == [True]


@given(st.data())
def test_the_order_of_certificates_changes_no_score(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 12))
    sets = st.lists(st.sampled_from(["", "A", "AB", "BC", "ABC"]), min_size=n, max_size=n)
    true, given_codes = data.draw(sets), data.draw(sets)
    sure = data.draw(st.lists(st.sampled_from([0.2, 0.5, 0.7, 0.9]), min_size=n, max_size=n))
    passed = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    order = data.draw(st.permutations(range(n)))
    before = score_row(corpus(*true), decisions(*given_codes, sure=sure, eligible=passed), 0.5, seed=3)
    after = score_row(
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
    rows = curve_rows(reference, said)
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
    assert curve_rows(corpus("A"), decisions("A", sure=[0.9], eligible=[False])) == []


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
    corpora = {"validation": REFERENCE, "calibration": corpus("A", "A", "B", "C")}
    rule = DecisionRule(0.5, "product", UnseenWords.learnt([REFERENCE.texts], None))
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
    write_json(run.path / "corpus.json", {"fingerprint": "f", "code_list": None, "roles": described})
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
    assert all(set(NAMES) <= set(row) for row in rows)
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
    assert {(row["model"], row["role"], row["year"]) for row in run.figure("risk_coverage")} == {
        (row["model"], row["role"], row["year"]) for row in rows
    }
    before = (run.path / "scorecards.jsonl").read_bytes()
    models.clear()
    score_stage(work)  # what is done is not done again
    assert (run.path / "scorecards.jsonl").read_bytes() == before
