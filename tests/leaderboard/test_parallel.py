"""Parallel coordinates: axes, places and colours, against cases worked by hand."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import pytest
from example_search import search_rows
from hypothesis import given
from hypothesis import strategies as st

from harness.leaderboard.draw import parallel as draw
from harness.leaderboard.figures.parallel import ABSENT, BINS, MOST, MOST_OF_FAMILY, Choices, parallel, place
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.rows import Evidence


def trial(n: int, score: float | None, status: str = "done", family: str = "a", **parameters: Any) -> dict[str, Any]:
    return {"trial": f"{family}-{n}", "family": family, "score": score, "status": status, "parameters": parameters}


ROWS = (
    trial(0, 0.50, unit="line", cost=0.1, grams=2, vote=True, same=3),
    trial(1, 0.70, unit="line", cost=1.0, grams=6, vote=False, same=3, frozen=1),
    trial(2, 0.60, "stopped", unit="certificate", cost=100.0, grams=3, vote=True, same=3, frozen=3),
    trial(3, None, "failed", unit="other", cost=1e9, grams=9, vote=True, same=4),
)


def evidence(*rows: dict[str, Any], **meta: Any) -> Evidence:
    return Evidence({"families": ["a", "b"], "objective": "micro_f1", **meta}, {}, rows, (), None, ())


def family(*rows: dict[str, Any]) -> Choices:
    return parallel(evidence(*rows)).families[0]


def shown(one: Evidence) -> Panel:
    panel = draw.panel(one, {})
    assert isinstance(panel, Panel)
    return panel


def test_what_varied_among_scored_trials_has_an_axis_and_the_score_is_last() -> None:
    axes = family(*ROWS).axes
    assert [(axis.name, axis.kind, axis.absent) for axis in axes] == [
        ("cost", "logarithmic", False),  # 0.1 to 100 are three decades
        ("frozen", "linear", True),
        ("grams", "linear", False),
        ("unit", "places", False),
        ("vote", "places", False),
        ("score", "linear", False),
    ]
    ticks = {axis.name: axis.ticks for axis in axes}
    assert ticks["cost"] == ((0, 0.1), (1, 100.0))
    assert ticks["unit"] == ((0, "certificate"), (1, "line"))
    assert ticks["vote"] == ((0, False), (1, True))


def test_a_list_is_a_choice_like_any_other() -> None:
    axes = family(trial(0, 0.5, layers=[0, 3]), trial(1, 0.6, layers=[1, 4])).axes
    assert (axes[0].name, axes[0].kind, axes[0].ticks) == ("layers", "places", ((0, "0, 3"), (1, "1, 4")))


def test_each_trial_has_its_place_on_every_axis() -> None:
    lines = {line.name: line.places for line in family(*ROWS).lines}
    assert lines["a-0"] == pytest.approx((0, ABSENT, 0, 1, 1, 0))
    assert lines["a-1"] == pytest.approx((1 / 3, 0, 1, 1, 0, 1))
    assert lines["a-2"] == pytest.approx((1, 1, 1 / 4, 0, 1, 1 / 2))
    assert "a-3" not in lines  # it failed


@pytest.mark.parametrize(
    ("values", "kind"), [((1, 100), "linear"), ((1, 101), "logarithmic"), ((0, 1000), "linear"), ((-1, 500), "linear")]
)
def test_an_axis_is_logarithmic_where_its_values_span_more_than_two_decades(values: tuple[int, int], kind: str) -> None:
    assert family(*(trial(n, n / 10, value=value) for n, value in enumerate(values))).axes[0].kind == kind


def test_colours_go_by_eighths_and_equal_scores_share_one() -> None:
    lines = family(*(trial(n, n / 100, x=n) for n in range(16))).lines
    assert [line.bin for line in lines] == [n // 2 for n in range(16)]
    same = family(*(trial(n, 0.5, x=n) for n in range(16))).lines
    assert {line.bin for line in same} == {0}
    assert {line.places[-1] for line in same} == {1}


@given(st.lists(st.floats(0.001, 1000), min_size=2, max_size=20, unique=True))
def test_places_keep_the_order_of_the_values(values: list[float]) -> None:
    axis = family(*(trial(n, n / 100, x=value) for n, value in enumerate(values))).axes[0]
    places = [place(axis, value) for value in sorted(values)]
    assert places == sorted(places)
    assert places[0] == pytest.approx(0)
    assert places[-1] == pytest.approx(1)


def test_families_without_a_choice_are_named() -> None:
    one = evidence(*ROWS, trial(0, 0.9, family="b", x=1), trial(1, 0.8, family="b", x=1))
    value = parallel(one)
    assert ([found.look.label for found in value.families], value.without) == (["a"], ("b",))
    assert "Families without two trials that have a score and chose differently: b." in shown(one).caption
    none = draw.panel(evidence(*ROWS[:1]), {})
    assert isinstance(none, Missing)


def test_the_family_of_the_pick_comes_first() -> None:
    rows = [trial(n, n / 10, family=name, x=n) for name in ("a", "b") for n in range(3)]
    found = Evidence({"families": ["a", "b"]}, {}, tuple(rows), (), {"family": "b"}, ())
    assert shown(found).choosers[0].options == ("b", "a")


def test_many_trials_are_cut_to_the_best_and_an_even_sample_and_this_is_said() -> None:
    rows = [trial(n, n / 1000, family=name, x=n) for name in ("a", "b", "c", "d", "e") for n in range(400)]
    found = parallel(evidence(*rows[:400]))
    assert len(found.families[0].lines) == MOST_OF_FAMILY
    assert found.families[0].lines[-150].name == "a-250"  # half of them the best
    all_five = evidence(*rows)
    assert sum(len(one.lines) for one in parallel(all_five).families) == MOST
    assert "drawn: a 200 of 400, b 200 of 400" in shown(all_five).caption


def test_lines_run_from_axis_to_axis_and_stopped_ones_are_dotted() -> None:
    panel = shown(evidence(*ROWS))
    view = panel.figure["views"][0]
    lines = [trace for trace in view["data"] if trace["mode"] == "lines"][1:]
    assert [trace["line"]["dash"] for trace in lines] == ["solid", "dot", "solid"]  # worst to best
    assert lines[0]["x"] == [0, ABSENT, 0, 1, 1, 0, None]
    assert lines[0]["y"] == [*range(6), None]
    assert lines[0]["line"]["width"] < lines[-1]["line"]["width"]
    assert view["yaxis"]["ticktext"] == ["cost, log", "frozen", "grams", "unit", "vote", "micro-F1"]
    (words,) = (trace for trace in view["data"] if trace["mode"] == "text")
    assert list(zip(words["x"], words["y"], words["text"], strict=True))[:5] == [
        (0, 0, "0.1"),
        (1, 0, "100"),
        (0, 1, "1"),
        (1, 1, "3"),
        (ABSENT, 1, "–"),
    ]
    assert "A dash at the left end" in panel.caption


def test_numbers_hold_what_each_trial_chose_the_best_first() -> None:
    rows = shown(evidence(*ROWS)).numbers.rows
    assert rows[0] == ("a", "a-1", "done", 0.7, "cost=1, frozen=1, grams=6, unit=line, vote=False")
    assert rows[-1] == ("a", "a-0", "done", 0.5, "cost=0.1, grams=2, unit=line, vote=True")


def test_folders_of_an_office_stay_there() -> None:
    rows = [trial(n, n / 10, base=f"/home/somebody/office/{name}") for n, name in enumerate("ab")]
    panel = shown(evidence(*rows))
    assert panel.numbers.rows[0][-1] == "base=…/b"
    assert "somebody" not in str(panel.figure)


def test_hostile_names_and_values_are_only_text() -> None:
    hostile = "<a href='x'>now</a>"
    rows = [trial(n, n / 10, **{hostile: value}) for n, value in enumerate((hostile, "b", "c"))]
    found = shown(evidence(*rows, objective=hostile))
    assert "<a" not in str(found.figure)


def test_the_figure_is_one_that_plotly_knows_and_stays_small() -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    panel = shown(evidence(*search_rows(80), families=[]))
    assert len(panel.choosers[0].options) == 4
    for view in panel.figure["views"]:
        plotly.Figure({"data": view["data"], "layout": panel.figure["layout"]})
        assert len([trace for trace in view["data"] if trace["mode"] == "markers"]) <= 2 * BINS


def test_the_colours_of_the_eighths_can_be_seen_in_both_themes_and_grow_stronger() -> None:
    css = files("harness.leaderboard").joinpath("templates", "css")
    base, own = (css.joinpath(name).read_text(encoding="utf-8") for name in ("00-base.css", "50-search.css"))
    dark = "@media screen and (prefers-color-scheme: dark)"
    for theme in (0, 1):
        surface = variables(base.split(dark)[theme])["surface"]
        bins = variables(own.split(dark)[theme])
        found = [contrast(bins[f"bin{place}"], surface) for place in range(BINS)]
        assert min(found) >= 3
        assert found == sorted(found)


def variables(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", css))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(colour: str) -> float:
        parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
        r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)
