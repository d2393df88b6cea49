"""Importances of hyper-parameters: rows in, bars out."""

from __future__ import annotations

from typing import Any

import pytest
from example_search import importance_rows

from harness.leaderboard.draw import importance as draw
from harness.leaderboard.figures.importance import importances
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.rows import Evidence


def evidence(rows: list[dict[str, Any]], trials: tuple[dict[str, Any], ...] = ()) -> Evidence:
    meta = {"families": ["dictionary", "linear", "bag", "encoder"]}
    return Evidence(meta, {}, trials, (), {"family": "encoder"}, (), importances=tuple(rows))


def test_bars_are_those_of_the_rows_the_largest_first_and_the_family_of_the_pick_before_others() -> None:
    value = importances(evidence(importance_rows()[::-1]))
    assert [(one.look.label, one.n_trials) for one in value.families] == [("encoder", 21), ("linear", 28), ("bag", 24)]
    assert value.families[1].parameters == (
        ("cost", 0.61),
        ("char_ngrams", 0.2),
        ("unit", 0.12),
        ("weighting", 0.04),
        ("max_features", 0.03),
    )


def test_a_family_with_too_few_trials_is_named_with_those_that_ended() -> None:
    trials = tuple(
        {"trial": f"dictionary-{n}", "family": "dictionary", "status": status, "score": score}
        for n, (status, score) in enumerate([("done", 0.5), ("stopped", 0.4), ("failed", None), ("done", None)])
    )
    panel = draw.panel(evidence(importance_rows(), trials), {})
    assert isinstance(panel, Panel)
    assert "for too few trials ended or all scored alike: dictionary (1 trial)." in panel.caption
    assert "PED-ANOVA" in panel.caption
    assert panel.choosers[0].options == (
        *("encoder (best 3 of 21 trials)", "linear (best 3 of 28 trials)", "bag (best 3 of 24 trials)"),
    )


def test_each_family_has_a_view_with_its_own_names() -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    panel = draw.panel(evidence(importance_rows()), {})
    assert isinstance(panel, Panel)
    bag = panel.figure["views"][2]
    assert bag["yaxis"]["ticktext"] == ["learning_rate", "loss", "dropout"]
    assert (bag["data"][0]["x"], bag["data"][0]["y"]) == ([0.7, 0.18, 0.12], [0, 1, 2])
    assert bag["data"][0]["text"][0] == "70.0\N{NO-BREAK SPACE}%"
    assert bag["yaxis"]["range"][0] > bag["yaxis"]["range"][1]  # the largest above
    assert panel.numbers.rows[0] == ("encoder", "learning_rate", 0.5, 21, 3)
    for view in panel.figure["views"]:
        plotly.Figure({"data": view["data"], "layout": panel.figure["layout"]})


def test_a_run_without_importances_has_no_figure() -> None:
    none = draw.panel(evidence([]), {})
    assert isinstance(none, Missing)
    assert none.reason.startswith("no family has enough trials")
