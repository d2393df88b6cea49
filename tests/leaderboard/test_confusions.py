"""Codes taken for one another: rows in, bars out."""

from __future__ import annotations

from typing import Any

import pytest
from example_quality import card

from harness.leaderboard.draw import confusions as draw
from harness.leaderboard.figures.confusions import MOST_PAIRS, confusions
from harness.leaderboard.figures.looks import looks
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.rows import Evidence


def row(model: str, true: str, given: str, n: int, **changes: Any) -> dict[str, Any]:
    pair = {"model": model, "role": "heldout", "chapter": "IX", "true_code": true, "predicted_code": given, "n": n}
    return {**pair, "true_title": None, "predicted_title": None, **changes}


def evidence(*rows: dict[str, Any], pick: str | None = None) -> Evidence:
    cards = (card("floor-a", micro_f1=0.1), card("b", micro_f1=0.6), card("a", micro_f1=0.8))
    return Evidence({}, {}, (), cards, {"model": pick, "family": pick} if pick else None, (), confusions=rows)


ROWS = (
    row("b", "I21", "I25", 7),
    row("a", "I50", "I51", 9, true_title="Heart <failure>", predicted_title="x" * 80),
    row("a", "I10", "I11", 5),
    row("a", "I21", "I25", 9),
    row("floor-a", "I21", "I10", 1200),
    row("a", "I21", "I22", 99, role="validation"),
)


def test_pairs_come_largest_first_models_by_their_score_and_the_pick_before_them() -> None:
    one = evidence(*ROWS)
    value = confusions(one, looks(one, one.models()))
    assert [confused.look.label for confused in value.models] == ["a", "b"]  # floors take the most frequent for all
    assert [(pair.true, pair.given, pair.n) for pair in value.models[0].pairs] == [
        *(("I21", "I25", 9), ("I50", "I51", 9), ("I10", "I11", 5))
    ]
    picked = evidence(*ROWS, pick="b")
    assert confusions(picked, looks(picked, picked.models())).models[0].look.label == "b"


def test_only_the_largest_pairs_are_shown() -> None:
    one = evidence(*(row("a", f"I{n}", "I99", n) for n in range(10, 10 + MOST_PAIRS + 4)))
    (confused,) = confusions(one, looks(one, one.models())).models
    assert (len(confused.pairs), confused.left_out, confused.pairs[-1].n) == (MOST_PAIRS, 4, 14)


def test_bars_are_labelled_with_codes_and_say_their_titles() -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    one = evidence(*ROWS)
    panel = draw.panel(one, looks(one, one.models()))
    assert isinstance(panel, Panel)
    assert panel.choosers[0].options == ("a", "b")
    first, last = panel.figure["views"][0], panel.figure["views"][-1]
    assert first["yaxis"]["ticktext"] == ["I21 → I25", "I50 → I51", "I10 → I11"]
    bars = first["data"][0]
    assert (bars["x"], bars["y"], bars["text"]) == ([9, 9, 5], [0, 1, 2], ["9", "9", "5"])
    assert bars["hovertext"][0] == "I21<br>→ I25<br>9 certificates"
    assert bars["hovertext"][1] == f"I50 Heart &lt;failure&gt;<br>→ I51 {'x' * 59}…<br>9 certificates"
    assert panel.height == first["height"] == last["height"] == 26 * 3 + 70
    assert panel.numbers.rows[1] == ("a", "IX", "I50", "Heart <failure>", "I51", "x" * 80, 9)
    for view in panel.figure["views"]:
        plotly.Figure({"data": view["data"], "layout": panel.figure["layout"]})


def test_a_run_without_pairs_has_none() -> None:
    one = evidence()
    missing = draw.panel(one, looks(one, one.models()))
    assert isinstance(missing, Missing)
    assert missing.reason == "no pair of codes of a chapter was confused on 5 certificates"
