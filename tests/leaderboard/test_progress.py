"""Search history: improvements by three clocks, against cases worked by hand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from example_run import write_run
from example_search import search_rows
from hypothesis import given
from hypothesis import strategies as st

from harness.leaderboard.draw import progress as draw
from harness.leaderboard.figures.progress import MOST_POINTS, progress
from harness.leaderboard.figures.sample import best_and_even, shares
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.rows import Evidence, read


def trial(name: str, score: float | None, started: float, seconds: float, status: str = "done") -> dict[str, Any]:
    row: dict[str, Any] = {
        "trial": name,
        "family": name.partition("-")[0],
        "score": score,
        "status": status,
        "parameters": {},
    }
    return row | {"started": started, "slot_seconds": seconds, "seconds": seconds - 1, "slot": 0}


ROWS = (
    trial("a-0", 0.5, 0, 10),
    trial("b-0", 0.4, 0, 25),
    trial("a-1", None, 10, 5, "failed"),
    trial("a-2", 0.7, 15, 20),  # ends at 35, after a-3
    trial("a-3", 0.6, 16, 4, "stopped"),
    trial("a-4", 0.7, 40, 10),  # as good as the best is not better
    trial("b-1", 0.99, 30, 10, "failed"),
)
EVIDENCE = Evidence(
    {"families": ["a", "b", "c"], "objective": "micro_f1", "search_seconds": 60.0}, {}, ROWS, (), None, ()
)


def shown(evidence: Evidence) -> Panel:
    panel = draw.panel(evidence, {})
    assert isinstance(panel, Panel)
    return panel


def test_improvements_by_wall_time_slot_time_and_trials() -> None:
    value = progress(EVIDENCE)
    assert [race.look.label for race in value.races] == ["a", "b"]  # c has no score
    found = [(one.name, one.end, one.used, one.nth, one.score) for one in value.races[0].best]
    # The failed a-1 takes its seconds and its place, too.
    assert found == [("a-0", 10, 10, 1, 0.5), ("a-3", 20, 19, 3, 0.6), ("a-2", 35, 39, 4, 0.7)]
    assert (value.races[0].used, value.races[0].n, value.races[0].n_scored) == (49, 5, 4)
    assert [one.name for one in value.races[1].best] == ["b-0"]
    assert value.end == 60


def test_each_clock_has_a_view_whose_lines_end_where_the_family_does() -> None:
    panel = shown(EVIDENCE)
    assert panel.choosers[0].options == (
        "time since the search began",
        "slot time of the family",
        "trials of the family",
    )
    lines = [view["data"][0] for view in panel.figure["views"]]
    assert [line["x"] for line in lines] == [[10, 20, 35, 60], [10, 19, 39, 49], [1, 3, 4, 5]]
    assert all(line["y"] == [0.5, 0.6, 0.7, 0.7] for line in lines)
    assert [view["xaxis"]["title"]["text"] for view in panel.figure["views"]] == [
        "seconds since the search began",
        "seconds of slots that the family had taken",
        "trials of the family that had ended",
    ]


def test_stopped_trials_are_hollow_and_failed_ones_have_no_point() -> None:
    panel = shown(EVIDENCE)
    points = [trace for trace in panel.figure["views"][0]["data"] if trace["mode"] == "markers"]
    assert [(trace["text"], trace["marker"]["symbol"]) for trace in points] == [
        (["a-0", "a-2", "a-4"], "circle"),
        (["a-3"], "circle-open"),
        (["b-0"], "square"),
    ]
    assert "Hollow points were stopped early" in panel.caption


def test_the_numbers_are_the_improvements_in_the_digits_of_the_rows() -> None:
    panel = shown(EVIDENCE)
    assert panel.numbers.rows[1] == ("a", "a-3", "stopped", 20, 19, 3, 0.6)
    assert len(panel.numbers.rows) == 4


def test_of_many_trials_the_best_and_an_even_sample_are_drawn_and_this_is_said() -> None:
    rows = tuple(trial(f"a-{n}", n % 1000 / 1000, n, 1) for n in range(9000)) + ROWS[1:2]
    evidence = Evidence({"families": ["a", "b"]}, {}, rows, (), None, ())
    value = progress(evidence)
    assert (value.n_drawn, value.n_scored) == (MOST_POINTS, 9001)
    assert len(value.races[1].trials) == 1  # a small family is shown whole
    drawn = value.races[0].trials
    assert sum(one.score >= 0.9 for one in drawn) >= 900
    even = [one.end for one in drawn if one.score < 0.88]
    assert max(b - a for a, b in pairwise(even)) < 300  # no long stretch without one
    assert len(value.races[0].best) == 1000  # improvements are all there
    assert "Of the 9,001 trials with a score 2,000 are drawn" in shown(evidence).caption
    assert "are drawn" not in shown(EVIDENCE).caption


def test_without_a_score_there_is_nothing_to_draw() -> None:
    none = draw.panel(Evidence({}, {}, ROWS[2:3], (), None, ()), {})
    assert isinstance(none, Missing)
    assert none.reason == "no trial has a score yet"


def test_long_searches_are_told_in_minutes_and_hours() -> None:
    assert [draw.unit_of(seconds)[1] for seconds in (299, 300, 10_799, 10_800)] == [
        "seconds",
        "minutes",
        "minutes",
        "hours",
    ]


def test_the_upright_axis_can_show_the_best_of_the_families() -> None:
    rows = (trial("a-0", 0.1, 0, 1), trial("a-1", 0.8, 1, 1), trial("b-0", 0.7, 2, 1))
    whole, near = shown(Evidence({"families": ["a", "b"]}, {}, rows, (), None, ())).figure["zooms"]
    assert whole["range"] == pytest.approx([0.1 - 0.035, 0.8 + 0.035])
    assert near["range"] == pytest.approx([0.675 - 0.01, 0.8 + 0.01])  # from a quarter of 0.7 to 0.8 below
    assert shown(EVIDENCE).figure["zooms"] == []  # the worst trial is the best of its family


@given(st.lists(st.integers(0, 20), max_size=60), st.integers(0, 30))
def test_a_sample_holds_its_best_and_keeps_to_its_size(scores: list[int], most: int) -> None:
    kept = best_and_even(scores, most)
    assert len(kept) == min(most, len(scores))
    assert list(kept) == sorted(set(kept))
    half = sorted(scores, reverse=True)[: most - most // 2]
    assert sorted((scores[place] for place in kept), reverse=True)[: len(half)] == half[: len(kept)]


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 50), max_size=8), st.integers(0, 100))
def test_shares_fill_small_groups_first_and_use_all_there_is(sizes: dict[str, int], most: int) -> None:
    found = shares(sizes, most)
    assert list(found) == list(sizes)
    assert sum(found.values()) == min(most, sum(sizes.values()))
    cut = [found[name] for name in sizes if found[name] < sizes[name]]
    if cut:
        assert max(cut) - min(cut) <= 1
        assert all(found[name] <= max(cut) for name in sizes)


def test_the_figure_is_one_that_plotly_knows(tmp_path: Path) -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    run = write_run(tmp_path / "run")
    for row in search_rows(60):
        run.add_trial(row)
    panel = shown(read(run))
    for view in panel.figure["views"]:
        plotly.Figure({"data": view["data"], "layout": panel.figure["layout"]})
