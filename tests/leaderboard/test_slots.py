"""Slots over time: idle time and merging, against cases worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
from example_search import search_rows
from hypothesis import given
from hypothesis import strategies as st

from harness.leaderboard.draw import slots as draw
from harness.leaderboard.figures.slots import MOST_BARS, SEVERAL, idle_share, slots
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.rows import Evidence


def trial(n: int, slot: int, started: float, seconds: float, family: str = "a", status: str = "done") -> dict[str, Any]:
    row = {"trial": f"{family}-{n}", "family": family, "score": None, "status": status, "slot": slot}
    return row | {"started": started, "slot_seconds": seconds, "seconds": seconds}


def evidence(*rows: dict[str, Any], **meta: Any) -> Evidence:
    return Evidence({"families": ["a", "b"], **meta}, {}, rows, (), None, ())


def shown(one: Evidence) -> Panel:
    panel = draw.panel(one, {})
    assert isinstance(panel, Panel)
    return panel


THREE = (trial(0, 0, 0, 10), trial(1, 1, 2, 6, "b", "stopped"), trial(2, 0, 12, 4, "b", "failed"))


@pytest.mark.parametrize(
    ("spans", "end", "idle"),
    [
        ([[(0, 10), (12, 16)], [(2, 8)]], 20, 1 - 20 / 40),
        ([[(0, 20)]], 20, 0),
        ([[(0, 10), (5, 12), (6, 7)]], 20, 0.4),  # of what overlaps, each second counts once
        ([[(0, 5)], []], 10, 0.75),
        ([], 10, None),
        ([[]], 0, None),
    ],
)
def test_idle_share(spans: list[list[tuple[float, float]]], end: float, idle: float | None) -> None:
    found = idle_share(spans, end)
    assert found is None if idle is None else found == pytest.approx(idle)


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)).map(lambda ends: (min(ends), max(ends))), max_size=12)
)
def test_idle_share_counts_seconds_that_no_span_holds(spans: list[tuple[int, int]]) -> None:
    busy = {second for start, end in spans for second in range(start, end)}
    assert idle_share([spans], 100) == pytest.approx(1 - len(busy) / 100)


def test_bars_lie_in_their_slots_and_the_caption_says_what_was_idle() -> None:
    value = slots(evidence(*THREE, search_seconds=20.0))
    assert [(bar.slot, bar.start, bar.end, bar.family, bar.status) for bar in value.bars] == [
        (0, 0, 10, "a", "done"),
        (0, 12, 16, "b", "failed"),
        (1, 2, 8, "b", "stopped"),
    ]
    assert (value.n_slots, value.end, value.idle) == (2, 20, 0.5)
    caption = shown(evidence(*THREE, search_seconds=20.0)).caption
    assert "The 2 slots were idle for 50.0\N{NO-BREAK SPACE}% of their time." in caption
    assert "Striped bars were stopped early. Crossed bars failed." in caption
    assert "one bar" not in caption
    assert slots(evidence(*THREE)).idle is None  # the search has not ended
    assert "idle" not in shown(evidence(*THREE)).caption


def test_status_is_told_by_a_pattern_within_an_outline() -> None:
    panel = shown(evidence(*THREE))
    traces = {
        (trace["name"], trace["marker"].get("pattern", {}).get("shape", "")): trace
        for trace in panel.figure["views"][0]["data"]
    }
    assert set(traces) == {("a", ""), ("b", "/"), ("b", "x")}
    striped = traces["b", "/"]
    assert (striped["base"], striped["x"], striped["y"]) == ([2], [6], [1])
    assert striped["marker"]["line"]["color"] == striped["marker"]["color"]
    assert panel.figure["layout"]["barmode"] == "overlay"
    assert panel.numbers.rows[1] == (0, "b", "b-2", 1, "failed", 12, 16)


def test_beyond_the_limit_neighbours_of_one_family_become_one_bar() -> None:
    rows = [
        *(trial(n, 0, 10 * n, 9) for n in range(4)),
        trial(4, 0, 40, 9, status="failed"),
        *(trial(n, 0, 10 * n, 9, "b") for n in (5, 6)),
        trial(7, 1, 70, 5, "b"),
    ]
    some = slots(evidence(*rows), most=4)
    assert [(bar.slot, bar.start, bar.end, bar.n, bar.status) for bar in some.bars] == [
        (0, 0, 39, 4, "done"),
        (0, 40, 49, 1, "failed"),
        (0, 50, 69, 2, "done"),
        (1, 70, 75, 1, "done"),
    ]
    fewer = slots(evidence(*rows), most=3)
    assert [(bar.slot, bar.end, bar.n, bar.status) for bar in fewer.bars] == [
        (0, 49, 5, SEVERAL),
        (0, 69, 2, "done"),
        (1, 75, 1, "done"),
    ]
    assert (fewer.merged, fewer.n_left_out) == (True, 0)
    least = slots(evidence(*rows), most=2)
    assert ([bar.end for bar in least.bars], least.n_left_out) == ([49, 69], 1)
    idle = {slots(evidence(*rows, search_seconds=80.0), most=most).idle for most in (2, 3, 4, 99)}
    assert list(idle) == [pytest.approx(1 - (7 * 9 + 5) / 160)]  # it is counted before bars are merged


def test_ten_thousand_trials_are_two_thousand_bars_at_most() -> None:
    one = evidence(*search_rows(10_000), families=[])
    value = slots(one)
    assert len(value.bars) <= MOST_BARS
    assert value.n_trials == 10_000
    panel = shown(one)
    assert "To keep the 10,000 trials readable" in panel.caption
    assert f"The {value.n_left_out:,} shortest bars are left out." in panel.caption


def test_without_slots_there_is_nothing_to_draw() -> None:
    none = draw.panel(evidence({"trial": "a-0", "family": "a", "score": 0.5, "status": "done"}), {})
    assert isinstance(none, Missing)


def test_the_figure_is_one_that_plotly_knows() -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    panel = shown(evidence(*search_rows(80), families=[]))
    for view in panel.figure["views"]:
        plotly.Figure({"data": view["data"], "layout": panel.figure["layout"]})
