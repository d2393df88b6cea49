from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from harness.corpus.certificate import LabelSet
from harness.decision import choosing
from harness.decision.choosing import FOLDS, Choice, choose, folds_of, hits
from harness.decision.confidence import ESTIMATORS, LEARNT, Evidence, Learnt, confidence, offered
from harness.decision.recalibration import IDENTITY, Recalibration, fit_isotonic, fit_temperature
from harness.decision.rule import UnitRule
from harness.metrics import selective

Array = npt.NDArray[Any]


def drawn(n: int, seed: int = 0, **columns: Any) -> tuple[Evidence, Array, Array]:
    """Evidence of n units, whether each scored code is right, and where the set of codes is wrong."""
    rng = np.random.default_rng(seed)
    dense = rng.uniform(0.01, 0.99, (n, 4)) * (rng.random((n, 4)) < 0.8)
    true = rng.random((n, 4)) < dense**2  # scores are too high
    scores = csr_array(dense.astype(np.float32))
    row = np.repeat(np.arange(n), np.diff(scores.indptr))
    errors = ((dense >= 0.5) != true).any(axis=1)
    return Evidence(scores, 0.5, **columns), true[row, scores.indices], errors


def chosen(evidence: Evidence, hit: Array, errors: Array, groups: Array | None = None, **more: Any) -> Choice:
    n = len(errors)
    given_: dict[str, Any] = {"eligible": np.ones(n, bool), "learnt": False, "seed": 0} | more
    eligible = given_.pop("eligible")
    return choose(evidence, hit, errors, eligible, np.arange(n) if groups is None else groups, **given_)


# the table


def test_every_way_of_reading_has_a_row_and_the_least_area_is_chosen() -> None:
    n = 200
    more = np.random.default_rng(1)
    evidence, hit, errors = drawn(
        n,
        agreement=more.integers(0, 2, n).astype(float),
        unseen_words=more.poisson(0.3, n).astype(float),
        unseen_ngrams=more.random(n),
        log_probability=-more.random(n),
    )
    found = chosen(evidence, hit, errors, learnt=True)
    ways = [(row["estimator"], row["recalibration"]) for row in found.areas]
    assert ways == [
        *((name, kind) for name in ("product", "margin", "entropy") for kind in ("none", "temperature", "isotonic")),
        ("sequence", "none"),
        *((name, kind) for name in ("agreement", "novelty") for kind in ("none", "temperature", "isotonic")),
        ("learnt", "none"),
    ]
    areas = [row["augrc"] for row in found.areas]
    best = int(np.argmin(areas))
    assert (found.unit.estimator, found.unit.recalibration.kind) == ways[best]
    assert selective.augrc(errors, found.confidence) == areas[best]
    assert found.unit.promise is None
    for name in offered(evidence):
        plain = next(row["augrc"] for row in found.areas if row["estimator"] == name)
        assert plain == selective.augrc(errors, confidence(name, evidence))


def test_what_tells_right_from_wrong_is_chosen() -> None:
    evidence, hit, errors = drawn(300, log_probability=np.zeros(300))
    told = replace(evidence, log_probability=np.where(errors, -2.0, -1.0))
    assert chosen(told, hit, errors).unit == UnitRule("sequence")
    assert chosen(evidence, hit, errors).unit.estimator != "sequence"


def test_of_equal_areas_the_first_listed_counts() -> None:
    evidence, hit, _ = drawn(50)
    found = chosen(evidence, hit, np.zeros(50, bool))  # nothing is wrong: every area is 0
    assert {row["augrc"] for row in found.areas} == {0.0}
    assert found.unit == UnitRule("product")


def test_a_learned_score_only_where_it_may_be_chosen() -> None:
    evidence, hit, errors = drawn(100)
    assert LEARNT not in {row["estimator"] for row in chosen(evidence, hit, errors).areas}
    assert LEARNT in {row["estimator"] for row in chosen(evidence, hit, errors, learnt=True).areas}


def test_a_stopped_unit_counts_as_the_least_sure() -> None:
    """Telling the stopped apart gains nothing: an estimator that is right on the others alone wins."""
    n = 200
    evidence, hit, errors = drawn(n)
    eligible = np.arange(n) % 2 == 0
    knows = np.where(errors, -2.0, -1.0)
    upside_down = np.where(errors, 1.0, -1.0)
    here = replace(evidence, log_probability=np.where(eligible, knows, upside_down))
    found = chosen(here, hit, errors, eligible=eligible)
    assert found.unit.estimator == "sequence"
    assert next(row["augrc"] for row in found.areas if row["estimator"] == "sequence") == selective.augrc(
        errors, np.where(eligible, knows, -np.inf)
    )
    there = replace(evidence, log_probability=np.where(eligible, upside_down, knows))
    assert chosen(there, hit, errors, eligible=eligible).unit.estimator != "sequence"


def test_without_a_unit_there_is_a_choice_all_the_same() -> None:
    nothing = Evidence(csr_array(np.zeros((0, 3), np.float32)), 0.5)
    found = chosen(nothing, np.zeros(0, bool), np.zeros(0, bool), learnt=True)
    assert found.unit == UnitRule("product")
    assert found.confidence.tolist() == []
    assert {row["augrc"] for row in found.areas} == {None}


def test_where_nothing_is_scored_there_is_a_choice_all_the_same() -> None:
    nothing = Evidence(csr_array(np.zeros((7, 3), np.float32)), 0.5)
    found = chosen(nothing, np.zeros(0, bool), np.arange(7) < 3, learnt=True)
    assert found.unit.estimator == "product"
    assert len(set(found.confidence.tolist())) == 1


def test_what_is_kept_says_minus_infinity_where_a_gate_stopped() -> None:
    sure = np.array([0.5, np.nan, 0.7, np.inf])
    choice = Choice(UnitRule("sequence"), sure, [])
    assert choice.kept(np.array([True, True, False, True])).tolist() == [0.5, -np.inf, -np.inf, np.inf]


# out of fold


def test_a_unit_is_judged_by_what_was_fitted_without_its_fold() -> None:
    """By a loop over folds; and what is shipped is fitted on all units."""
    evidence, hit, errors = drawn(120, seed=3)
    groups = np.repeat(np.arange(40), 3)
    found = chosen(evidence, hit, errors, groups, seed=7)
    fold, of_entry = folds_of(groups, 7), np.repeat(folds_of(groups, 7), np.diff(evidence.scores.indptr))
    areas = {(row["estimator"], row["recalibration"]): row["augrc"] for row in found.areas}
    for fit in (fit_temperature, fit_isotonic):
        kind = fit(evidence.scores.data, hit).kind
        for name in ("product", "margin", "entropy"):
            sure, cheating = np.zeros(120), np.zeros(120)
            for number in range(FOLDS):
                for into, rows in ((sure, of_entry != number), (cheating, of_entry == number)):
                    mine = replace(evidence, recalibration=fit(evidence.scores.data[rows], hit[rows]))
                    into[fold == number] = confidence(name, mine)[fold == number]
            assert areas[name, kind] == selective.augrc(errors, sure)
            assert areas[name, kind] != selective.augrc(errors, cheating)
    of_all = [IDENTITY, *(fit(evidence.scores.data, hit) for fit in (fit_temperature, fit_isotonic))]
    assert found.unit.recalibration in of_all


def test_no_recalibration_is_read_on_what_it_was_fitted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each score is another, so that a fit's scores say which units it saw."""
    evidence, hit, errors = drawn(60, seed=4)
    groups = np.repeat(np.arange(20), 3)
    seen: list[set[float]] = []

    def spy(p: Array, hit: Array, weights: Array | None = None) -> Recalibration:
        seen.append(set(p.tolist()))
        return IDENTITY

    monkeypatch.setattr(choosing, "RECALIBRATIONS", {"spy": spy})
    chosen(evidence, hit, errors, groups, seed=7)
    of_entry = np.repeat(folds_of(groups, 7), np.diff(evidence.scores.indptr))
    scores = evidence.scores.data
    assert len(set(scores.tolist())) == len(scores)
    others = [set(scores[of_entry != number].tolist()) for number in range(FOLDS)]
    assert seen == [*others, set(scores.tolist())]  # once, for product, margin and entropy alike


def test_the_learned_score_is_judged_out_of_fold_and_shipped_from_all() -> None:
    evidence, hit, errors = drawn(150, seed=5, unseen_words=np.zeros(150), unseen_ngrams=np.zeros(150))
    found = chosen(evidence, hit, errors, learnt=True, seed=2)
    fold, sure = folds_of(np.arange(150), 2), np.zeros(150)
    for number in range(FOLDS):
        out, mine = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        sure[mine] = Learnt.fit(evidence.take(out), ~errors[out], 2).read(evidence.take(mine))
    assert found.areas[-1] == {"estimator": LEARNT, "recalibration": "none", "augrc": selective.augrc(errors, sure)}
    told = replace(evidence, agreement=np.where(errors, 0.0, 1.0))
    strong = chosen(told, hit, errors, learnt=True, seed=2)
    assert strong.areas[-1]["augrc"] == pytest.approx(errors.mean() ** 2 / 2)  # no area can be smaller


def test_a_stopped_unit_teaches_the_learned_score_nothing() -> None:
    evidence, hit, _ = drawn(150, seed=5)
    rng = np.random.default_rng(0)
    told = replace(evidence, agreement=rng.random(150), gap=rng.random(150))
    assert told.agreement is not None
    assert told.gap is not None
    errors = told.agreement + told.gap < 0.9  # neither alone tells
    eligible = np.arange(150) % 3 > 0
    found = chosen(told, hit, errors, eligible=eligible, learnt=True)
    other = chosen(told, hit, errors ^ ~eligible, eligible=eligible, learnt=True)
    assert found.unit.estimator == other.unit.estimator == LEARNT
    assert found.unit.learnt == other.unit.learnt
    assert found.confidence.tolist() == other.confidence.tolist()


def test_what_is_chosen_reads_as_its_unit_says() -> None:
    """The confidence of the choice comes from fits on four fifths; the unit's own is near it."""
    evidence, hit, errors = drawn(400, seed=9)
    found = chosen(evidence, hit, errors)
    own = confidence(found.unit.estimator, replace(evidence, recalibration=found.unit.recalibration))
    assert np.corrcoef(own, found.confidence)[0, 1] > 0.95


@given(st.lists(st.integers(0, 12), max_size=40), st.integers(0, 5))
def test_groups_share_a_fold_and_folds_are_of_nearly_equal_size(groups: list[int], seed: int) -> None:
    of = np.array(groups, dtype=np.int64)
    fold = folds_of(of, seed)
    assert len(fold) == len(of)
    assert all(len(set(fold[of == group].tolist())) == 1 for group in set(groups))
    assert set(fold.tolist()) <= set(range(FOLDS))
    every = np.bincount(folds_of(np.arange(max(groups, default=-1) + 1), seed), minlength=FOLDS)
    assert every.max() - every.min() <= 1
    assert folds_of(of, seed).tolist() == fold.tolist()


# hits


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_hits_by_a_loop(data: st.DataObject) -> None:
    mine = tuple(data.draw(st.permutations("ABCD"))[: data.draw(st.integers(0, 4))])
    theirs = tuple(data.draw(st.permutations("ABCX"))[: data.draw(st.integers(0, 4))])
    n = data.draw(st.integers(0, 5))
    scored = data.draw(st.lists(st.sets(st.sampled_from("ABCD")), min_size=n, max_size=n))
    true = data.draw(st.lists(st.sets(st.sampled_from("ABCX")), min_size=n, max_size=n))

    def as_matrix(codes: tuple[str, ...], sets: list[set[str]]) -> csr_array:
        return csr_array(np.array([[code in row for code in codes] for row in sets], float).reshape(n, len(codes)))

    y_score = as_matrix(mine, scored)
    found = hits(LabelSet(mine), y_score, LabelSet(theirs), as_matrix(theirs, true))
    expected = [
        mine[column] in true[row] and mine[column] in theirs
        for row in range(n)
        for column in y_score.indices[y_score.indptr[row] : y_score.indptr[row + 1]]
    ]
    assert found.tolist() == expected


def test_every_estimator_that_reads_probabilities_is_tried_recalibrated() -> None:
    evidence, hit, errors = drawn(80)
    recalibrated = {row["estimator"] for row in chosen(evidence, hit, errors).areas if row["recalibration"] != "none"}
    assert recalibrated == {name for name in offered(evidence) if ESTIMATORS[name].recalibrated}
    assert all(isinstance(one, Recalibration) for one in (IDENTITY, fit_isotonic(evidence.scores.data, hit)))


def test_only_what_is_asked_is_chosen_among_and_all_where_nothing_of_it_is_offered() -> None:
    evidence, hit, errors = drawn(100, unseen_words=np.zeros(100), unseen_ngrams=np.random.default_rng(2).random(100))
    asked = chosen(evidence, hit, errors, asked=("novelty", "margin", "sequence"))
    assert {row["estimator"] for row in asked.areas} == {"margin", "novelty"}
    lacking = chosen(evidence, hit, errors, asked=("sequence",))
    assert {row["estimator"] for row in lacking.areas} == {"product", "margin", "entropy", "novelty"}
