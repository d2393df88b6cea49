from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.experiment.selection import CANDIDATES, best_trials, candidates, pick, shortlist

Row = dict[str, Any]


def trial(name: str, score: float | None, status: str = "done") -> Row:
    return {"trial": name, "family": name.rpartition("-")[0], "score": score, "status": status}


def model(name: str, score: float, expected_coverage: float = 0.0, kind: str = "baseline") -> Row:
    family = name.rpartition("-")[0]
    return {"model": name, "family": family, "kind": kind, "score": score, "expected_coverage": expected_coverage}


def promise(coverage: float | None) -> Row:
    """Of so much coverage, or none."""
    return {"made": coverage is not None, "coverage": coverage or 0.0, "reason": f"a reason for {coverage}"}


# finalists


def test_finalists_are_the_best_of_each_family() -> None:
    trials = [
        trial("linear-0", 0.5),
        trial("bag-0", None, "failed"),
        trial("linear-1", 0.7, "stopped"),
        trial("linear-2", 0.9, "failed"),
        trial("dictionary-0", 0.0),
        trial("tree-0", None),
    ]
    assert [row["trial"] for row in best_trials(trials)] == ["dictionary-0", "linear-1"]
    assert best_trials([]) == []


def test_equal_scores_go_to_the_first_trial_and_not_to_the_first_that_ended() -> None:
    trials = [trial("linear-10", 0.7), trial("linear-9", 0.7), trial("linear-2", 0.6), trial("bag-1", -0.1)]
    assert [row["trial"] for row in best_trials(trials)] == ["bag-1", "linear-9"]


def test_candidates_of_an_ensemble_are_some_of_each_family_the_best_first() -> None:
    trials = [trial(f"linear-{number}", 0.5 + number / 100) for number in range(12)]
    trials += [trial("bag-0", 0.555), trial("bag-1", None, "failed"), trial("bag-2", 0.99, "failed")]
    found = [row["trial"] for row in candidates(trials, most=3)]
    assert found == ["linear-11", "linear-10", "linear-9", "bag-0"]
    assert len(candidates(trials)) == CANDIDATES + 1


# shortlist


def shortlisted(*models: Row, size: int = 3) -> list[str]:
    reasons = shortlist(models, size)
    assert list(reasons) == [row["model"] for row in models]
    assert all(reason is None or reason for reason in reasons.values())
    return sorted(name for name, reason in reasons.items() if reason is None)


def test_the_largest_validation_coverage_among_those_near_the_best() -> None:
    models = [model("a-0", 1.0, 0.1), model("b-0", 0.9, 0.5), model("c-0", 0.89, 0.9), model("d-0", 0.95, 0.3)]
    assert shortlisted(*models, size=2) == ["b-0", "d-0"]
    reasons = shortlist(models, 2)
    assert reasons["c-0"] == "its validation score 0.8900 is below 0.9 of the best's (1.0000)"
    assert reasons["a-0"] == "2 others cover more of the validation year"
    assert shortlisted(*models, size=3) == ["a-0", "b-0", "d-0"]
    assert shortlisted(*models, size=9) == ["a-0", "b-0", "d-0"]


def test_near_the_best_where_less_is_better() -> None:
    """Scores of augrc are negative: -0.1 / 0.9 is the least that is near -0.1."""
    models = [model("a-0", -0.1, 0.1), model("b-0", -0.111, 0.5), model("c-0", -0.112, 0.9), model("d-0", -0.092, 0.0)]
    assert shortlisted(*models[:3]) == ["a-0", "b-0"]
    assert shortlisted(*models) == ["a-0", "d-0"]
    assert shortlisted(model("a-0", 0.0), model("b-0", -0.001)) == ["a-0"]


def test_a_floor_is_never_certified_and_sets_no_measure() -> None:
    floor = model("floor-nothing", 0.99, 1.0, kind="floor")
    assert shortlisted(floor, model("a-0", 0.5), model("b-0", 0.46)) == ["a-0", "b-0"]
    assert shortlist([floor], 3) == {"floor-nothing": "a floor is scored and never picked"}
    assert shortlist([], 3) == {}


def test_equal_coverage_goes_by_score_and_then_by_name() -> None:
    models = [model("c-0", 0.9, 0.5), model("b-0", 0.9, 0.5), model("a-0", 0.85, 0.5)]
    assert shortlisted(*models, size=1) == ["b-0"]
    assert shortlisted(*models, size=2) == ["b-0", "c-0"]


# pick


def test_the_certified_one_with_the_largest_calibration_coverage() -> None:
    models = [model("a-0", 0.9), model("b-0", 0.8), model("c-0", 0.85), model("floor-x", 0.99, kind="floor")]
    promises = {"a-0": promise(0.3), "b-0": promise(0.4), "c-0": promise(None)}
    found = pick(models, promises, "micro_f1", calibration=True)
    assert (found["model"], found["family"], found["promise"]) == ("b-0", "b", promises["b-0"])
    assert found["reasons"] == [
        "b-0 is certified: a reason for 0.4.",
        "It promises to code 40.0 % of the calibration certificates without a person, the most of the candidates "
        "(a-0 30.0 %, c-0 none).",
        "Its validation micro_f1 is 0.8000; the best of all is 0.9000 (a-0).",
    ]


def test_the_only_candidate() -> None:
    found = pick([model("a-0", 0.9)], {"a-0": promise(0.25)}, "augrc", calibration=True)
    assert found["reasons"][1] == "It promises to code 25.0 % of the calibration certificates without a person."


def test_ties_go_by_score_and_then_by_name() -> None:
    models = [model("c-0", 0.9), model("b-0", 0.9), model("a-0", 0.8)]
    equal = {name: promise(0.4) for name in ("a-0", "b-0", "c-0")}
    assert pick(models, equal, "micro_f1", calibration=True)["model"] == "b-0"
    assert pick(models, {}, "micro_f1", calibration=False)["model"] == "b-0"


@pytest.mark.parametrize(
    ("promises", "calibration", "why"),
    [
        ({"a-0": promise(None), "b-0": promise(None)}, True, "no candidate could be certified"),
        ({}, False, "there are no calibration years"),
    ],
)
def test_without_a_certified_one_the_best_on_validation(promises: dict[str, Row], calibration: bool, why: str) -> None:
    models = [model("a-0", 0.7, 0.9), model("b-0", 0.8), model("floor-x", 0.99, kind="floor")]
    found = pick(models, promises, "micro_f1", calibration=calibration)
    assert (found["model"], found["promise"]) == ("b-0", promises.get("b-0"))
    assert why in found["reasons"][0]
    assert "every certificate goes to a person" in found["reasons"][0]
    assert found["reasons"][1:-1] == [f"{name}: {promises[name]['reason']}." for name in sorted(promises)]


def test_a_promise_of_a_floor_or_of_a_lost_model_picks_nobody() -> None:
    models = [model("a-0", 0.7), model("floor-x", 0.2, kind="floor")]
    promises = {"floor-x": promise(0.9), "gone-0": promise(0.8)}
    assert pick(models, promises, "micro_f1", calibration=True)["model"] == "a-0"


def test_an_ensemble_that_wins_names_its_members() -> None:
    row = model("ensemble", 0.9, kind="ensemble") | {
        "parameters": {"a-0": 0.25, "b-3": 0.75},
        "score_in_sample": 0.91,
    }
    found = pick([model("a-0", 0.8), row], {}, "micro_f1", calibration=False)
    assert found["model"] == "ensemble"
    assert found["reasons"][-1] == (
        "It is the weighted mean of b-3 (0.75), a-0 (0.25); that score is cross-fitted, in sample it is 0.9100."
    )


# the order of rows


@given(st.data())
def test_the_order_of_rows_changes_nothing(data: st.DataObject) -> None:
    few = st.sampled_from([0.0, 0.5, 0.9, 0.95, 1.0])
    sign = data.draw(st.sampled_from([1, -1]))
    models = [
        model(f"{name}-0", sign * data.draw(few), data.draw(few), data.draw(st.sampled_from(["baseline", "floor"])))
        for name in "abcde"
    ] + [model("f-0", sign * 0.9, 0.5)]
    promises = {row["model"]: promise(data.draw(st.none() | few)) for row in models if data.draw(st.booleans())}
    trials = [trial(f"{name}-{i}", data.draw(st.none() | few)) for name in "ab" for i in (0, 9, 10)]
    shuffled = data.draw(st.permutations(models))
    renewed = dict(data.draw(st.permutations(list(promises.items()))))
    size = data.draw(st.integers(1, 4))
    assert shortlist(shuffled, size) == shortlist(models, size)
    assert pick(shuffled, renewed, "m", calibration=True) == pick(models, promises, "m", calibration=True)
    assert best_trials(data.draw(st.permutations(trials))) == best_trials(trials)
