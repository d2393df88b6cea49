"""Quality against cost, and the front of those that no other beats in both."""

from __future__ import annotations

from typing import Any

import pytest
from example_quality import card
from hypothesis import given
from hypothesis import strategies as st

from harness.leaderboard.draw import cost as draw
from harness.leaderboard.figures.cost import MOST_TICKS, Cost, cost, front, ticks
from harness.leaderboard.figures.looks import looks
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.rows import Evidence

CARDS = (
    card("quick", micro_f1=0.6, micro_f1_low=0.55, micro_f1_high=0.65, certificates_per_second=1000.0, bytes=20_000),
    card("slow", micro_f1=0.8, certificates_per_second=10.0, bytes=5_000_000, fit_seconds=20.0),
    card("poor", micro_f1=0.7, certificates_per_second=5.0, bytes=50_000, fit_seconds=0.0),
    card("floor-a", micro_f1=0.9, certificates_per_second=9_000.0, bytes=0),
    card("unmeasured", micro_f1=0.95),
)


def evidence(*cards: dict[str, Any]) -> Evidence:
    return Evidence({}, {}, (), cards or CARDS, None, ())


def found(one: Evidence) -> Cost:
    return cost(one, looks(one, one.models()))


@pytest.mark.parametrize(
    ("costs", "qualities", "best"),
    [
        ([], [], ()),
        ([1], [0.1], (True,)),
        ([1, 2, 3], [0.1, 0.3, 0.2], (True, True, False)),
        ([3, 2, 1], [0.2, 0.3, 0.1], (False, True, True)),
        ([1, 1, 2], [0.2, 0.1, 0.2], (True, False, False)),  # as dear and worse; dearer and as good
        ([1, 1, 2], [0.2, 0.2, 0.3], (True, True, True)),  # alike in both
        ([2, 2, 1], [0.2, 0.2, 0.2], (False, False, True)),
    ],
)
def test_fronts_worked_by_hand(costs: list[float], qualities: list[float], best: tuple[bool, ...]) -> None:
    assert front(costs, qualities) == best


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_a_point_is_on_the_front_unless_another_dominates_it(points: list[tuple[int, int]]) -> None:
    def beaten(cost: int, quality: int) -> bool:
        return any(c <= cost and q >= quality and (c < cost or q > quality) for c, q in points)

    assert front([c for c, _ in points], [q for _, q in points]) == tuple(not beaten(*point) for point in points)


def test_costs_are_those_of_the_rows_and_none_without_a_place_on_the_axis() -> None:
    value = found(evidence())
    assert (value.costs, value.qualities) == (("milliseconds", "bytes", "fit_seconds"), ("micro_f1",))
    assert [one.look.label for one in value.models] == ["quick", "slow", "poor", "floor-a"]
    assert [one.costs["milliseconds"] for one in value.models[:3]] == [1.0, 100.0, 200.0]
    assert [one.costs["bytes"] for one in value.models] == [20_000, 5_000_000, 50_000, None]
    assert [one.costs["fit_seconds"] for one in value.models] == [None, 20.0, None, None]


def test_floors_take_no_part_in_the_front() -> None:
    speed, size, fit = found(evidence()).views
    assert {one.look.label: one.best for one in speed.points} == {
        **{"quick": True, "slow": True, "poor": False, "floor-a": False}
    }
    assert [one.look.label for (front,) in [size.fronts] for one in front] == ["quick", "poor", "slow"]
    assert [one.look.label for one in fit.points] == ["slow"]


def test_speed_and_size_may_be_those_that_calibration_measured() -> None:
    measured = card("a", role="calibration", year="2019", certificates_per_second=100.0, bytes=7)
    (one,) = found(evidence(card("a", micro_f1=0.5, coverage=0.4, certificates_per_second=None), measured)).models
    assert (one.costs["milliseconds"], one.costs["bytes"]) == (10.0, 7.0)


def test_beaten_points_are_hollow_and_the_front_is_a_line_of_steps() -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    one = evidence()
    panel = draw.panel(one, looks(one, one.models()))
    assert isinstance(panel, Panel)
    assert panel.choosers[0].options == ("time per certificate", "size", "time of the fit")
    assert panel.choosers[1].options == ("micro-F1",)
    line, quick, slow, poor, _ = panel.figure["views"][0]["data"]
    assert (line["x"], line["y"], line["line"]["shape"]) == ([1.0, 100.0], [0.6, 0.8], "hv")
    assert "legendgroup" not in line
    assert [one["marker"]["color"] == "var(--surface)" for one in (quick, slow, poor)] == [False, False, True]
    assert poor["marker"]["line"]["color"] == poor["line"]["color"]
    assert quick["error_y"]["array"] == [pytest.approx(0.05)]
    assert "error_y" not in slow
    assert (quick["text"], slow["text"]) == (["1.0\xa0ms, 0.600 [0.550, 0.650]"], ["100\xa0ms, 0.800"])
    axis = panel.figure["views"][0]["xaxis"]
    assert axis["ticktext"] == ["1\xa0ms", "10\xa0ms", "100\xa0ms"]  # the floor costs less
    assert panel.figure["layout"]["xaxis"]["type"] == "log"
    assert panel.numbers.rows[0] == ("quick", 1.0, 20_000.0, None, 0.6, 0.55, 0.65)
    for view in panel.figure["views"]:
        layout = panel.figure["layout"]
        shown = {**layout, **{axis: {**layout[axis], **view[axis]} for axis in ("xaxis", "yaxis")}}
        plotly.Figure({"data": view["data"], "layout": shown})


def test_sizes_on_the_axis_are_in_units() -> None:
    one = evidence()
    panel = draw.panel(one, looks(one, one.models()))
    assert isinstance(panel, Panel)
    assert panel.figure["views"][1]["xaxis"]["ticktext"] == ["30\xa0kB", "100\xa0kB", "300\xa0kB", "1\xa0MB", "3\xa0MB"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.9, 12, (1, 2, 5, 10)),
        (0.9, 60, (1, 3, 10, 30)),
        (0.02, 0.4, (0.02, 0.05, 0.1, 0.2)),
        (1, 1e5, (1, 100, 1e4)),
        (3e-3, 2e3, (0.01, 1, 100)),
    ],
)
def test_ticks_are_few_and_round(low: float, high: float, expected: tuple[float, ...]) -> None:
    assert ticks(low, high) == expected


@given(st.floats(1e-6, 1e9), st.floats(1, 1e12))
def test_every_axis_has_ticks_within_it(cheapest: float, span: float) -> None:
    low, high = cheapest / draw.ASIDE, cheapest * span * draw.ASIDE
    found = ticks(low, high)
    assert 1 <= len(found) <= MOST_TICKS
    assert low <= found[0]
    assert found[-1] <= high


def test_a_run_without_costs_has_none() -> None:
    one = evidence(card("unmeasured", micro_f1=0.95))
    assert isinstance(draw.panel(one, looks(one, one.models())), Missing)
