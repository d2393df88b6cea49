"""Both alarms by year, against rows worked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_automation import alarm_rows, row

from harness.leaderboard.draw.alarms import MOST_ROWS, UNSAID, panel
from harness.leaderboard.figures.alarms import alarms
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.rows import Evidence

Row = dict[str, Any]

EMPTY = Evidence(meta={}, corpus={}, trials=(), scorecards=(), pick=None, curves=())
LOOKS = {"bag-1": Look("m0", "bag-1", 1, 1), "linear-3": Look("m1", "linear-3", 0, 0, picked=True)}
RUN = replace(EMPTY, alarms=tuple(alarm_rows()))
WORD = "certificates with an unseen word"


def drawn(*rows: Row) -> Panel:
    found = panel(replace(EMPTY, alarms=rows), LOOKS)
    assert isinstance(found, Panel)
    return found


def points(view: Row, symbol: str) -> list[tuple[float, int]]:
    return [
        point
        for trace in view["data"]
        if trace["mode"] == "markers" and trace["marker"]["symbol"] == symbol
        for point in zip(trace["x"], trace["y"], strict=True)
    ]


def words(year: int, model: str = "linear-3", **said: Any) -> Row:
    values = {"measure": WORD, "expected": 0.1, "found": 0.2, "high": 0.15, "rings": True, "n": 500, **said}
    return row("words", year, model=model, **values)


def code(name: str, year: int = 2021, **said: Any) -> Row:
    values = {
        "measure": "its own words",
        "expected": 0.6,
        "found": 0.7,
        "low": 0.5,
        "high": 0.65,
        "rings": True,
        "n": 80,
    }
    return row("practice", year, code=name, **{**values, **said})


def test_the_pick_s_words_come_first() -> None:
    value = alarms(RUN, LOOKS)
    assert [look.label for look in value.models] == ["linear-3", "bag-1"]
    assert value.years == ("2020", "2021")
    assert [test.model for test in value.tests if test.alarm == "words"] == ["linear-3"] * 8 + ["bag-1"] * 8


def test_found_is_read_as_a_multiple_of_what_was_expected() -> None:
    (test,) = alarms(replace(EMPTY, alarms=(words(2021),)), LOOKS).tests
    assert [test.ratio, test.most] == pytest.approx([2.0, 1.5])
    for said in ({"expected": None}, {"expected": 0.0}, {"found": None}):
        (test,) = alarms(replace(EMPTY, alarms=(words(2021, **said),)), LOOKS).tests
        assert test.ratio is None


def test_what_rings_is_a_star_beyond_its_band() -> None:
    (view,) = drawn(words(2020, rings=False, found=0.12), words(2021), words(2022, rings=None)).figure["views"]
    assert points(view, "circle") == [(1.2, 0)]
    assert points(view, "star") == [(2.0, 1)]
    assert points(view, "circle-open") == [(2.0, 2)]
    assert view["data"][0]["x"][:2] == [0.0, 1.5]
    assert view["yaxis"]["ticktext"][1] == "2021, unseen words"


def test_what_rings_is_said_in_words() -> None:
    found = panel(RUN, LOOKS)
    assert isinstance(found, Panel)
    assert f"The words alarm rings in 2021: {WORD} (linear-3)." in found.caption
    assert "The practice alarm rings in 2021: C34.9, R54." in found.caption
    assert found.choosers[0].options == ("words, linear-3", "words, bag-1", "practice, 2020", "practice, 2021")
    all_models = drawn(words(2021), words(2021, "bag-1"), words(2020), code("A", rings=False))
    assert f"The words alarm rings in 2020: {WORD} (linear-3); in 2021: {WORD}." in all_models.caption
    assert "The practice alarm rings in no year." in all_models.caption


def test_an_alarm_that_cannot_ring_is_not_said_to_be_quiet() -> None:
    caption = drawn(words(2021, rings=None)).caption
    assert "The words alarm cannot ring: it has too few past years." in caption
    assert "The practice alarm compared nothing." in caption


def test_many_codes_are_named_in_part() -> None:
    caption = drawn(*(code(f"A{number:02}") for number in range(10))).caption
    assert "rings in 2021: A00, A01, A02, A03, A04, A05, A06, A07 and 2 more." in caption


def test_counts_that_may_not_be_said_are_not_drawn_but_that_they_ring() -> None:
    hushed: Row = {"found": None, "expected": None, "low": None, "high": None, "n": None, "reason": "counts unsaid"}
    found = drawn(code("A", rings=False, **hushed), code("B", **hushed), code("C", rings=False))
    (view,) = found.figure["views"]
    assert view["yaxis"]["ticktext"] == ["B", "C"]
    assert points(view, "star") == [(UNSAID, 0)]
    assert view["xaxis"]["range"][0] < UNSAID
    said = {row[4]: row[6:11] for row in found.numbers.rows}
    assert said["A"] == said["B"] == (None,) * 5
    assert "what rings then lies at the left end" in found.caption


def test_what_rings_is_drawn_before_all_others() -> None:
    rows = [code(f"A{number:02}", rings=False) for number in range(MOST_ROWS + 5)]
    (view,) = drawn(*rows, code("Z")).figure["views"]
    assert len(view["yaxis"]["ticktext"]) == MOST_ROWS
    assert view["yaxis"]["ticktext"][0] == "Z"


def test_parts_are_told_apart() -> None:
    (view,) = drawn(code("A"), code("A", measure="its own words in part II only")).figure["views"]
    assert view["yaxis"]["ticktext"] == ["A", "A, part II"]


def test_years_without_an_alarm_are_named_with_the_reason() -> None:
    silent = row("practice", 2020, n=900, reason="the year is no later than calibration")
    assert "practice 2020, the year is no later than calibration." in drawn(words(2021), silent).caption
    alone = panel(replace(EMPTY, alarms=(silent,)), LOOKS)
    assert isinstance(alone, Missing)
    assert alone.reason == "no alarm says anything of these years: practice 2020, the year is no later than calibration"


def test_without_rows_the_reason_is_said() -> None:
    none = panel(EMPTY, LOOKS)
    assert isinstance(none, Missing)
    assert none.reason == "no held-out year is there for them to look at"
    card = {"model": "a", "role": "heldout", "year": "2021"}
    kept = panel(replace(EMPTY, scorecards=(card,)), LOOKS)
    assert isinstance(kept, Missing)
    assert kept.reason.startswith("no alarms were kept with this run")


def test_texts_of_the_rows_stay_texts() -> None:
    (view,) = drawn(code("<b>A</b>", title="<a href='x'>")).figure["views"]
    assert view["yaxis"]["ticktext"] == ["&lt;b&gt;A&lt;/b&gt;"]
    star = view["data"][-1]
    assert "<" not in star["text"][0]


def written(view: Row) -> list[tuple[float, int, str, str]]:
    """What stands beside points."""
    return [
        (x, y, text.strip("\N{NO-BREAK SPACE}"), place)
        for trace in view["data"]
        if trace["mode"] == "text"
        for x, y, text, place in zip(trace["x"], trace["y"], trace["text"], trace["textposition"], strict=True)
    ]


def test_a_point_without_a_line_has_its_p_value_beside_it_and_every_one_in_its_hover_text() -> None:
    distance = words(2021, measure="shift of the predicted codes' shares", high=None, p_value=0.244, rings=False)
    lined = words(2022, p_value=0.0004)
    (view,) = drawn(distance, lined, words(2020, rings=False, high=None, found=0.05, p_value=0.6)).figure["views"]
    assert written(view) == [(0.5, 0, "p = 0.60", "middle right"), (2.0, 1, "p = 0.24", "middle left")]
    hovers = [text for trace in view["data"] if trace["mode"] == "markers" for text in trace.get("text", [])]
    assert sorted(text.rpartition(", ")[2] for text in hovers) == ["p = 0.00040", "p = 0.24", "p = 0.60"]
    (plain,) = drawn(words(2022)).figure["views"]
    assert written(plain) == []


def test_what_could_not_be_judged_is_named() -> None:
    confidence = words(2021, measure="shift of the confidence", rings=None, high=None, expected=None)
    hushed = code("A", rings=False, found=None, expected=None, low=None, high=None, n=None, reason="counts unsaid")
    caption = drawn(confidence, words(2021, rings=False), hushed, code("B", rings=False)).caption
    assert "Could not be judged, with too few past years: shift of the confidence." in caption
    assert "1 comparison of the practice alarm, whose shares are unsaid, is not drawn: it does not ring." in caption
    assert "Could not be judged" not in drawn(words(2021, rings=False)).caption


def test_the_line_is_called_what_it_is() -> None:
    caption = drawn(words(2021)).caption
    assert "For words the grey line ends at the limit" in caption
    assert "For practice the line goes from the least to the largest of past years" in caption
