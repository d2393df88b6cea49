"""Importances from rows of trials, held against those of the study that drew them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.importance import get_param_importances
from optuna.trial import TrialState

from harness.files import Row
from harness.search.importances import LEAST_TRIALS, importances
from harness.search.space import Space, check_space

RAW: dict[str, dict[str, Any]] = {
    "unit": {"choices": ["line", "certificate"], "default": "line"},
    "glued": {"value": True},
    "char_ngrams": {"range": [3, 6], "default": 4},
    "cost": {"range": [0.05, 5.0], "log": True, "default": 1.0},
    "propensity": {"range": [0.0, 1.0], "default": 0.0, "when": {"unit": ["line"]}},
}
Score = Callable[[Row], float]


def space(**changed: dict[str, Any]) -> Space:
    return check_space("linear", {**RAW, **changed}, "test")


def searched(n: int, score: Score, of: Space | None = None, seed: int = 0) -> tuple[optuna.study.Study, list[Row]]:
    """A study that drew ``n`` trials, as the search draws them, and our rows of these."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    rows = []
    for _ in range(n):
        trial = study.ask()
        parameters = (of or space()).suggest(trial)
        study.tell(trial, score(parameters))
        rows.append(row(trial.number, parameters, score(parameters)))
    return study, rows


def row(number: int, parameters: Row, score: float | None, status: str = "done") -> Row:
    return {
        "trial": f"linear-{number}",
        "family": "linear",
        "status": status,
        "parameters": parameters,
        "score": score,
    }


def by_cost(parameters: Row) -> float:
    return -abs(math.log(parameters["cost"] / 0.5)) + 0.001 * float(parameters["char_ngrams"])


def shares(rows: list[Row], of: Space | None = None) -> dict[str, float]:
    return {one["parameter"]: one["importance"] for one in importances({"linear": of or space()}, rows)}


def test_they_are_those_of_the_study_that_drew_the_trials() -> None:
    """Of a space with a conditional parameter, and one that never varies."""
    study, rows = searched(40, by_cost)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = get_param_importances(study)
    assert set(wanted) == {"unit", "char_ngrams", "cost", "propensity"}
    found = importances({"linear": space()}, rows)
    assert shares(rows) == pytest.approx(wanted)
    assert sum(one["importance"] for one in found) == pytest.approx(1.0)
    assert [one["parameter"] for one in found] == sorted(wanted, key=lambda name: -wanted[name])
    assert all(set(one) == {"family", "parameter", "importance", "n_trials"} for one in found)
    assert {(one["family"], one["n_trials"]) for one in found} == {("linear", 40)}


@pytest.mark.parametrize("name", ["cost", "char_ngrams"])
def test_what_the_score_hangs_on_comes_first(name: str) -> None:
    wanted = {"cost": 0.5, "char_ngrams": 5}[name]
    _, rows = searched(60, lambda parameters: -abs(math.log(parameters[name] / wanted)))
    assert importances({"linear": space()}, rows)[0]["parameter"] == name


def test_a_resumed_run_whose_rows_lie_in_another_order_says_the_same() -> None:
    _, rows = searched(25, by_cost)
    assert importances({"linear": space()}, rows) == importances({"linear": space()}, rows[::-1])


def test_trials_that_did_not_end_do_not_count() -> None:
    """As in the study: a stopped one is pruned, one that failed has failed."""
    study, rows = searched(20, by_cost)
    for status, score, state in (
        ("stopped", 9.0, TrialState.PRUNED),
        ("failed", None, TrialState.FAIL),
        ("failed", 9.0, TrialState.FAIL),
    ):
        trial = study.ask()
        rows.append(row(trial.number, space().suggest(trial), score, status))
        study.tell(trial, state=state)
    assert shares(rows) == pytest.approx(get_param_importances(study))
    assert {one["n_trials"] for one in importances({"linear": space()}, rows)} == {20}


@pytest.mark.parametrize("n", [0, LEAST_TRIALS - 1, LEAST_TRIALS])
def test_of_few_trials_nothing_is_said(n: int) -> None:
    _, rows = searched(n, by_cost)
    assert bool(shares(rows)) == (n >= LEAST_TRIALS)


def test_nothing_is_said_where_nothing_differs() -> None:
    """All scores are the same; or all values are."""
    _, rows = searched(12, lambda parameters: 0.5)
    assert shares(rows) == {}
    fixed = space(
        unit={"value": "line"},
        char_ngrams={"value": 4},
        cost={"range": [0.05, 5.0], "default": 1.0},
        propensity={"value": 0.0},
    )
    rows = [row(number, {**fixed.defaults()}, number / 20) for number in range(12)]
    assert shares(rows, fixed) == {}


def test_a_parameter_that_was_never_varied_has_no_share() -> None:
    _, rows = searched(15, by_cost)
    rows = [one | {"parameters": one["parameters"] | {"char_ngrams": 4}} for one in rows]
    assert "char_ngrams" not in shares(rows)
    assert "cost" in shares(rows)


def test_a_parameter_that_the_best_trials_did_not_have_is_of_no_importance() -> None:
    """What counts is its condition."""
    of = space(char_ngrams={"value": 4}, cost={"value": 1.0})
    with_it = [{"unit": "line", "glued": True, "char_ngrams": 4, "cost": 1.0, "propensity": n / 20} for n in range(10)]
    without = {"unit": "certificate", "glued": True, "char_ngrams": 4, "cost": 1.0}
    rows = [row(number, one, number / 20) for number, one in enumerate(with_it)]
    rows += [row(10 + number, without, 1.0 + number / 20) for number in range(10)]
    assert shares(rows, of) == {"unit": 1.0, "propensity": 0.0}


def test_nothing_is_written_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    _, rows = searched(12, by_cost)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert shares(rows)
    assert capfd.readouterr() == ("", "")


def test_families_come_by_name_and_those_without_a_space_are_passed_over() -> None:
    _, rows = searched(12, by_cost)
    other = [one | {"family": "dictionary", "trial": one["trial"].replace("linear", "dictionary")} for one in rows]
    assert [one["family"] for one in importances({"linear": space()}, rows + other)] == ["linear"] * len(shares(rows))
