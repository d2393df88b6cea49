from __future__ import annotations

import itertools
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.experiment.selection import CANDIDATES, Limits, best_trials, candidates, pick, shipped_bytes, shortlist

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


def cost(row: Row, speed: float | None, size: int | None, reason: str | None = None) -> Row:
    return row | {"certificates_per_second": speed, "bytes": size, "shortlisted": reason is None, "reason": reason}


def tie(first: str, second: str, difference: float, low: float, high: float) -> Row:
    return {"first": first, "second": second, "difference": difference, "low": low, "high": high}


def against(found: Row) -> dict[str, str]:
    reasons = {row["model"]: row["reason"] for row in found["rejected"]}
    assert list(reasons) == sorted(reasons)
    assert found["model"] not in reasons
    assert all(reason and not reason.endswith(".") for reason in reasons.values())
    return reasons


def test_a_tie_goes_to_the_cheaper() -> None:
    models = [cost(model("a-0", 0.8), 900.0, 10), cost(model("b-0", 0.9), 100.0, 10)]
    promises = {"a-0": promise(0.38), "b-0": promise(0.40)}
    found = pick(models, promises, "m", calibration=True, ties=[tie("a-0", "b-0", -0.01, -0.03, 0.0)])
    assert found["model"] == "a-0"
    assert found["reasons"][1] == (
        "It promises to code 38.0 % of the calibration certificates without a person; b-0 promises 40.0 %, but "
        "validation does not show that a-0 covers less, and a-0 is faster."
    )
    assert against(found) == {"b-0": "in a tie with a-0 on validation, but a-0 is faster"}


@pytest.mark.parametrize(
    "measured", [tie("a-0", "b-0", -0.0201, -0.031, -0.0101), tie("b-0", "a-0", 0.0201, 0.0101, 0.031)]
)
def test_what_validation_tells_apart_is_no_tie_however_cheap(measured: Row) -> None:
    models = [cost(model("a-0", 0.8), 900.0, 10), cost(model("b-0", 0.9), 1.0, 10_000)]
    promises = {"a-0": promise(0.38), "b-0": promise(0.40)}
    found = pick(models, promises, "m", calibration=True, ties=[measured])
    assert found["model"] == "b-0"
    assert found["reasons"][1].endswith("the most of the candidates (a-0 38.0 %).")
    assert against(found) == {
        "a-0": "it promises 38.0 % of the calibration certificates, and b-0 40.0 %; on validation too it codes fewer "
        "without a person, by 2.0 points (95 % interval 1.0 to 3.1)"
    }


def test_one_that_covers_even_more_on_validation_is_not_behind() -> None:
    models = [cost(model("a-0", 0.8), 900.0, 10), cost(model("b-0", 0.9), 100.0, 10)]
    promises = {"a-0": promise(0.38), "b-0": promise(0.40)}
    found = pick(models, promises, "m", calibration=True, ties=[tie("b-0", "a-0", -0.05, -0.06, -0.04)])
    assert found["model"] == "a-0"


def test_without_a_measured_tie_coverage_alone_decides() -> None:
    models = [cost(model("a-0", 0.8), 900.0, 10), cost(model("b-0", 0.9), 1.0, 10_000)]
    found = pick(models, {"a-0": promise(0.399), "b-0": promise(0.40)}, "m", calibration=True)
    assert found["model"] == "b-0"
    assert against(found) == {"a-0": "it promises 39.9 % of the calibration certificates, and b-0 40.0 %"}


@pytest.mark.parametrize(
    ("a", "b", "how"),
    [
        ((201.0, 90), (100.0, 10), "is faster"),
        ((199.0, 90), (100.0, 91), "is smaller"),  # near enough to be as fast
        ((100.0, 90), (199.0, 91), "is smaller"),
        ((None, 9), (None, 10), "is smaller"),
        ((1.0, 90), (None, 1), "is faster"),  # what was not measured comes last
        ((1.0, 90), (1.0, None), "is smaller"),
        ((1.0, 90), (1.0, 90), "promises more"),
    ],
)
def test_what_is_cheaper(a: tuple[float | None, int | None], b: tuple[float | None, int | None], how: str) -> None:
    models = [cost(model("b-0", 0.9), *b), cost(model("a-0", 0.8), *a)]
    promises = {"a-0": promise(0.41), "b-0": promise(0.40)}
    even = [tie("a-0", "b-0", 0.0, -0.1, 0.1)]
    found = pick(models, promises, "m", calibration=True, ties=even)
    assert found["model"] == "a-0"
    assert against(found) == {"b-0": f"in a tie with a-0 on validation, but a-0 {how}"}


def test_only_those_in_a_tie_with_the_leader_come_into_question() -> None:
    """c is in a tie with b, but b is behind a: then the cheapest of a and those in a tie with a."""
    models = [
        cost(model(name, 0.9), speed, 1) for name, speed in (("a-0", 1.0), ("b-0", 9.0), ("c-0", 90.0), ("d-0", 5.0))
    ]
    promises = {"a-0": promise(0.5), "b-0": promise(0.48), "c-0": promise(0.47), "d-0": promise(0.45)}
    ties = [
        tie("a-0", "b-0", 0.02, 0.01, 0.03),
        tie("a-0", "c-0", 0.02, 0.005, 0.03),
        tie("a-0", "d-0", 0.02, -0.01, 0.03),
        tie("b-0", "c-0", 0.0, -0.01, 0.01),
    ]
    found = pick(models, promises, "m", calibration=True, ties=ties)
    assert found["model"] == "d-0"
    assert against(found)["a-0"] == "in a tie with d-0 on validation, but d-0 is faster"
    assert all(against(found)[name].startswith("it promises") for name in ("b-0", "c-0"))


def test_limits() -> None:
    row = cost(model("a-0", 0.9), 20.0, 3 * 2**20)
    assert Limits().exceeded(row) is None
    assert Limits(3 * 2**20, 20.0).exceeded(row) is None
    assert Limits(max_bytes=2**20).exceeded(row) == (
        "its models take 3.0 MB, more than the 1.0 MB of automation.max_bytes"
    )
    assert Limits(min_certificates_per_second=20.5).exceeded(row) == (
        "it codes 20 certificates per second, fewer than the 20.5 of automation.min_certificates_per_second"
    )
    assert Limits(1, 1e9).exceeded(cost(model("a-0", 0.9), None, None)) is None


def test_the_pick_lies_within_the_limits_and_every_other_has_its_reason() -> None:
    models = [
        cost(model("a-0", 0.95), 90.0, 9 * 2**20),
        cost(model("b-0", 0.9), 50.0, 2**20),
        cost(model("c-0", 0.91), 40.0, 2**20),
        cost(model("d-0", 0.5), 40.0, 2**20, "its validation score is low"),
        cost(model("floor-x", 0.1, kind="floor"), 1.0, 1, "a floor is scored and never picked"),
    ]
    promises = {"a-0": promise(0.6), "b-0": promise(0.4), "c-0": promise(None)}
    found = pick(models, promises, "m", calibration=True, limits=Limits(max_bytes=2**20))
    assert (found["model"], found["promise"]) == ("b-0", promises["b-0"])
    assert found["reasons"][1].endswith("the most of the candidates (c-0 none).")
    assert against(found) == {
        "a-0": "outside the limits: its models take 9.0 MB, more than the 1.0 MB of automation.max_bytes",
        "c-0": "not certified: a reason for None",
        "d-0": "not shortlisted: its validation score is low",
    }
    slow = pick(models, promises, "m", calibration=True, limits=Limits(2**20, 60.0))
    assert (slow["model"], slow["family"], slow["promise"]) == (None, None, None)
    assert slow["reasons"] == [
        "No model lies within the limits, so none is picked and every certificate goes to a person."
    ]
    assert list(against(slow)) == ["a-0", "b-0", "c-0", "d-0"]
    assert all(reason.startswith("outside the limits: it") for reason in against(slow).values())


def test_where_all_that_are_certified_lie_outside_the_best_on_validation_within() -> None:
    models = [cost(model("a-0", 0.95), 9.0, 9), cost(model("b-0", 0.8), 9.0, 1), cost(model("c-0", 0.8), 9.0, 1)]
    promises = {"a-0": promise(0.6), "b-0": promise(None)}
    found = pick(models, promises, "micro_f1", calibration=True, limits=Limits(max_bytes=8))
    assert (found["model"], found["promise"]) == ("b-0", promises["b-0"])
    assert "no candidate within the limits could be certified" in found["reasons"][0]
    assert found["reasons"][1] == (
        "a-0: a reason for 0.6, but its models take 9 B, more than the 8 B of automation.max_bytes."
    )
    assert against(found)["c-0"] == "its validation micro_f1 equals that of b-0, which comes first by name"


def test_without_calibration_each_other_is_worse_on_validation() -> None:
    found = pick([model("a-0", 0.9), model("b-0", 0.8)], {}, "micro_f1", calibration=False)
    assert against(found) == {"b-0": "its validation micro_f1 is 0.8000, below the 0.9000 of a-0"}


def test_a_promise_by_line_is_said_by_line() -> None:
    found = pick([model("a-0", 0.9)], {"a-0": promise(0.25) | {"unit": "line"}}, "m", calibration=True)
    assert found["reasons"][1] == "It promises to code 25.0 % of the calibration lines without a person."


def both(certificates: float | None, lines: float | None) -> Row:
    """Of both units, each with its coverage or none."""
    return promise(certificates) | {"unit": "certificate", "line": promise(lines) | {"unit": "line"}}


def test_of_two_units_certificates_go_before_lines() -> None:
    """c-0 has the most lines and no certificate; b-0 and a-0 have as many certificates, and b-0 more lines."""
    models = [model("a-0", 0.9), model("b-0", 0.8), model("c-0", 0.85), model("d-0", 0.7), model("e-0", 0.95)]
    promises = {
        "a-0": both(0.3, None),
        "b-0": both(0.3, 0.5),
        "c-0": both(None, 0.9),
        "d-0": both(0.2, 0.8),
        "e-0": both(None, None),
    }
    found = pick(models, promises, "m", calibration=True)
    assert (found["model"], found["promise"]) == ("b-0", promises["b-0"])
    assert found["reasons"][:2] == [
        "b-0 is certified: a reason for 0.3; a reason for 0.5.",
        "It promises to code 30.0 % of the calibration certificates and 50.0 % of the calibration lines without a "
        "person, the most of the candidates (a-0 30.0 % and none of lines, d-0 20.0 % and 80.0 % of lines, "
        "c-0 none and 90.0 % of lines, e-0 none).",
    ]
    reasons = against(found)
    assert reasons["c-0"] == (
        "it promises none of the calibration certificates and 90.0 % of the calibration lines, and b-0 30.0 % and "
        "50.0 % of lines"
    )
    assert reasons["a-0"].startswith("it promises 30.0 % of the calibration certificates and none of the")
    assert reasons["e-0"] == "not certified: a reason for None; a reason for None"


def test_a_promise_of_lines_alone_is_a_promise() -> None:
    models = [model("a-0", 0.9), model("b-0", 0.8)]
    promises = {"a-0": both(None, None), "b-0": both(None, 0.4)}
    found = pick(models, promises, "m", calibration=True)
    assert (found["model"], found["promise"]) == ("b-0", promises["b-0"])
    none = pick(models, dict.fromkeys(promises, both(None, None)), "m", calibration=True)
    assert (none["model"], none["reasons"][1]) == ("a-0", "a-0: a reason for None; a reason for None.")


def test_models_that_cost_as_much_go_by_what_they_promise_of_lines() -> None:
    models = [cost(model("a-0", 0.9), 1.0, 1), cost(model("b-0", 0.9), 1.0, 1)]
    promises = {"a-0": both(0.3, 0.4), "b-0": both(0.3, 0.5)}
    found = pick(models, promises, "m", calibration=True, ties=[tie("a-0", "b-0", 0.0, -0.1, 0.1)])
    assert found["model"] == "b-0"
    assert against(found)["a-0"] == "in a tie with b-0 on validation, but b-0 promises more"


def test_the_size_of_a_model_is_known_with_all_its_witnesses() -> None:
    fitted: dict[str, Row] = {"a-0": {"bytes": 3}, "b-0": {"bytes": 4}, "c-0": {}}
    asks = {"model": "a-0", "witnesses": ["b-0"]}
    assert shipped_bytes({"model": "a-0"}, fitted) == 3
    assert shipped_bytes(asks, fitted) == 7
    assert shipped_bytes({"model": "a-0", "witnesses": ["b-0", "c-0"]}, fitted) is None
    assert shipped_bytes({"model": "d-0"}, fitted) is None


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


@given(st.integers(0, 2**32))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    random = Random(seed)
    few = (0.0, 0.5, 0.9, 0.95, 1.0)
    sign = random.choice([1, -1])
    models = [
        model(f"{name}-0", sign * random.choice(few), random.choice(few), random.choice(["baseline", "floor"]))
        | {"bytes": random.choice([None, 1, 2, 3])}
        for name in "abcde"
    ] + [model("f-0", sign * 0.9, 0.5)]
    promises = {row["model"]: promise(random.choice([None, *few])) for row in models if random.random() < 0.7}
    ties = [
        tie(f"{a}-0", f"{b}-0", 0.0, 0.7 - random.choice(few), 1.0)
        for a, b in itertools.combinations("abcdef", 2)
        if random.random() < 0.8
    ]
    trials = [trial(f"{name}-{i}", random.choice([None, *few])) for name in "ab" for i in (0, 9, 10)]
    size, limits = random.randint(1, 4), Limits(random.choice([None, 2]))

    def shuffled(rows: Iterable[Any]) -> list[Any]:
        return sorted(rows, key=lambda row: random.random())

    def picked(rows: list[Row], promises: dict[str, Row], ties: list[Row]) -> Row:
        return pick(rows, promises, "m", calibration=True, ties=ties, limits=limits)

    found = picked(models, promises, ties)
    assert picked(shuffled(models), dict(shuffled(promises.items())), shuffled(ties)) == found
    assert {found["model"], *against(found)} - {None} == {row["model"] for row in models if row["kind"] != "floor"}
    assert shortlist(shuffled(models), size) == shortlist(models, size)
    assert best_trials(shuffled(trials)) == best_trials(trials)
