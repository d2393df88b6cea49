"""Scores by how often training had the code."""

from __future__ import annotations

from typing import Any

import pytest
from example_quality import card

from harness.leaderboard.draw import bands as draw
from harness.leaderboard.figures.bands import ByBand, by_band
from harness.leaderboard.figures.looks import looks
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.rows import Evidence


def scores(unseen: float | None, few: float | None, some: float, many: float) -> dict[str, float | None]:
    values = dict(zip(("unseen", "1_9", "10_99", "100_up"), (unseen, few, some, many), strict=True))
    found = {f"micro_f1_{band}": value for band, value in values.items()}
    return found | {f"macro_f1_{band}": None if value is None else value / 2 for band, value in values.items()}


def counts(*n: int) -> dict[str, int]:
    return dict(zip(("n_codes_unseen", "n_codes_1_9", "n_codes_10_99", "n_codes_100_up"), n, strict=True))


CARDS = (
    card("a", **scores(None, 0.2, 0.6, 0.9), **counts(0, 1, 1200, 40)),
    card("b", **scores(None, 0.1, 0.5, 0.8), **counts(0, 1, 1199, 41)),
    card("old"),
)


def evidence(*cards: dict[str, Any]) -> Evidence:
    return Evidence({}, {}, (), cards or CARDS, None, ())


def found(one: Evidence) -> ByBand:
    return by_band(one, looks(one, one.models()))


def test_each_model_has_a_score_of_each_band_and_one_without_any_is_left_out() -> None:
    value = found(evidence())
    assert value.bands == ("unseen", "1_9", "10_99", "100_up")
    assert [line.look.label for line in value.lines] == ["a", "b"]
    assert value.lines[0].scores["micro_f1"] == (None, 0.2, 0.6, 0.9)
    assert value.lines[0].scores["recall"] == (None,) * 4
    assert value.lines[1].n_codes == (0, 1, 1199, 41)
    assert value.n_codes == ((0, 0), (1, 1), (1199, 1200), (40, 41))


def test_bands_are_drawn_with_their_codes_and_an_undefined_score_is_no_point() -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    one = evidence()
    panel = draw.panel(one, looks(one, one.models()))
    assert isinstance(panel, Panel)
    assert panel.choosers[0].options == ("micro-F1", "macro-F1", "recall")
    assert panel.figure["layout"]["xaxis"]["ticktext"] == [
        *(
            "never<br>0\xa0codes",
            "1–9<br>1\xa0code",
            "10–99<br>1,199–1,200 codes",
            "≥ 100<br>40–41 codes",
        )
    ]
    micro, macro, recall = (view["data"] for view in panel.figure["views"])
    assert (micro[0]["y"], macro[1]["y"], recall[0]["y"]) == ([0.2, 0.6, 0.9], [0.05, 0.25, 0.4], [])
    assert micro[0]["text"] == ["0.200, 1 code", "0.600, 1,200 codes", "0.900, 40 codes"]
    assert micro[0]["x"] == pytest.approx([1 - 0.045, 2 - 0.045, 3 - 0.045])  # side by side
    assert micro[1]["x"] == pytest.approx([1 + 0.045, 2 + 0.045, 3 + 0.045])
    assert panel.numbers.rows[1] == ("a", "1–9", 1, 0.2, 0.1, None)
    for view in panel.figure["views"]:
        plotly.Figure({"data": view["data"], "layout": panel.figure["layout"]})


def test_a_run_without_bands_has_none() -> None:
    one = evidence(card("old"))
    assert isinstance(draw.panel(one, looks(one, one.models())), Missing)
