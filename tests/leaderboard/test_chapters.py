"""Chapters and codes by model: rows in, heat maps out, and nothing that the rows do not give."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from example_quality import Row, card, code_row, write_quality
from example_run import write_run
from in_browser import browser, opened, until

import harness.leaderboard
from harness.leaderboard.draw import chapters as draw
from harness.leaderboard.figures import chapters as numbers
from harness.leaderboard.figures.chapters import Cell, Chapters, Untold, chapters
from harness.leaderboard.figures.looks import looks
from harness.leaderboard.panel import Figure, Missing, Panel
from harness.leaderboard.rows import Evidence, read

__all__ = ["browser"]  # the fixture
HIDDEN = Untold.HIDDEN
CARDS = (
    card("floor-a", micro_f1=0.99, coverage=None),
    card("b", micro_f1=0.6, coverage=0.4),
    card("a", micro_f1=0.8, coverage=None),
    card("none", micro_f1=None, coverage=None),
)


def evidence(rows: Sequence[Row], cards: Sequence[Row] = CARDS) -> Evidence:
    return Evidence({}, {}, (), tuple(cards), None, (), codes=tuple(rows))


def found(rows: Sequence[Row], cards: Sequence[Row] = CARDS) -> Chapters:
    one = evidence(rows, cards)
    return chapters(one, looks(one, one.models()))


def panel(rows: Sequence[Row]) -> Panel:
    one = evidence(rows)
    made = draw.panel(one, looks(one, one.models()))
    assert isinstance(made, Panel)
    return made


def maps(made: Panel, option: int) -> list[Figure]:
    """The heat maps of one option of the first chooser, by measure."""
    each = len(made.choosers[1].options)
    return [view["data"][0] for view in made.figure["views"][option * each : (option + 1) * each]]


def test_models_stand_best_first_and_floors_only_where_there_is_nothing_else() -> None:
    rows = [code_row(model, "I21", 9) for model in ("floor-a", "none", "b", "a")]
    assert [look.label for look in found(rows).models] == ["a", "b", "none"]
    assert [look.label for look in found(rows[:1]).models] == ["floor-a"]


def test_a_value_that_is_not_given_is_told_from_one_that_is_undefined() -> None:
    rows = [
        code_row("b", "I21", 40, predicted=0, precision=None, recall=0.0, f1=0.0, automatic=None),
        code_row("a", "I21", 40, predicted=None, precision=None, f1=None, automatic=None),
        code_row("b", None, None, automatic=None),
        code_row("a", None, None, automatic=None),
    ]
    value = found(rows)
    (line,) = value.groups[0].codes
    # a gave the code to 1 to 4 certificates and has no working point; b gave it to nobody and has one
    assert line.cells == (Cell(0.5, HIDDEN, HIDDEN, None), Cell(0.0, None, 0.0, HIDDEN))
    (whole,) = value.chapters
    assert (whole.support, whole.cells) == (None, (Cell(HIDDEN, HIDDEN, HIDDEN, HIDDEN),) * 2)


def test_a_model_without_a_row_of_a_code_has_no_cell() -> None:
    value = found([code_row("a", "I21", 9), code_row("b", "I22", 7)])
    assert [[cell is None for cell in line.cells] for line in value.groups[0].codes] == [[False, True], [True, False]]
    made = panel([code_row("a", "I21", 9), code_row("b", "I22", 7)])
    assert maps(made, 0)[0]["text"] == [["0.500", "–"], ["–", "0.500"]]


def test_codes_come_by_their_certificates_and_hidden_ones_are_only_counted() -> None:
    rows = [code_row("a", code, n) for code, n in (("I10", 8), ("I25", 30), ("I11", 8), ("I50", None), ("I51", None))]
    value = found(rows)
    assert [line.code for line in value.groups[0].codes] == ["I25", "I10", "I11"]
    assert (value.left_out, value.hidden) == (0, 2)
    assert "2 codes of which no number can be given are left out." in panel(rows).caption


def test_chapters_stand_in_the_order_of_their_codes() -> None:
    rows = [code_row("a", None, 50, chapter=name) for name in ("XX", "IX", "II", "V")]
    rows += [code_row("a", code, 9, chapter=name) for code, name in (("X42", "XX"), ("I21", "IX"), ("C34", "II"))]
    value = found(rows)
    assert [line.chapter for line in value.chapters] == ["II", "IX", "XX", "V"]
    assert [group.chapter for group in value.groups] == ["II", "IX", "XX"]


def test_there_is_room_for_so_many_codes_of_a_chapter_and_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "MOST_OF_CHAPTER", 2)
    monkeypatch.setattr(numbers, "MOST_CELLS", 7)
    rows = [code_row("a", f"I{n}", n) for n in range(20, 25)]
    rows += [code_row(model, f"C{n}", n, chapter="II") for n in range(10, 15) for model in ("a", "b")]
    value = found(rows)  # two models: room for 3 codes
    assert [[line.code for line in group.codes] for group in value.groups] == [["I24", "I23"], ["C14"]]
    assert value.left_out == 7


def test_codes_without_chapters_are_one_group() -> None:
    made = panel([code_row("a", "heart", 9, chapter=None), code_row("a", "lung", 12, chapter=None)])
    assert made.title == "Quality by code"
    assert made.choosers[0].options == ("2 codes without a chapter",)
    assert maps(made, 0)[0]["y"] == ["lung", "heart"]
    assert "drill" not in maps(made, 0)[0]["meta"]


def test_codes_without_a_chapter_stand_below_the_chapters_and_lead_to_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(draw, "MOST_LOOSE", 1)
    loose = [code_row("a", name, n, chapter=None) for name, n in (("LUNG", 9), ("XYLAZINE", 441), ("FEW", None))]
    made = panel([code_row("a", None, 50), code_row("a", "I21", 30), *loose])
    assert made.choosers[0].options[1:] == (
        "IX Diseases of the circulatory system (1 code)",
        "2 codes without a chapter",
    )
    whole = maps(made, 0)[0]
    assert whole["y"] == ["IX Diseases of the circul…", "XYLAZINE"]
    assert whole["meta"]["drill"] == [0, [1, 2]]
    assert "Below the chapters stands the code without a chapter" in made.caption
    assert [row[0] for row in made.numbers.rows] == [None, "I21", "XYLAZINE", "LUNG"]  # none of them twice


def test_only_nothing_and_all_read_0_and_1() -> None:
    row = code_row("a", "I21", 3000, recall=1.0, precision=0.9996, f1=0.0004, automatic=0.0)
    assert [one["text"] for one in maps(panel([row]), 0)[:4]] == [[["1"]], [["0.999"]], [["0.001"]], [["0"]]]


def test_rows_of_another_role_or_model_and_old_runs_are_missing() -> None:
    for rows in ([], [code_row("a", "I21", 9, role="validation")], [code_row("trial-9", "I21", 9)]):
        one = evidence(rows)
        made = draw.panel(one, looks(one, one.models()))
        assert isinstance(made, Missing)
        assert made.reason == "this run has no scores of single codes that can be given"


def test_a_click_on_a_chapter_leads_to_its_codes() -> None:
    rows = [code_row("a", None, 50, chapter=name, title=title) for name, title in (("II", "Tumours"), ("IX", None))]
    rows += [code_row("a", None, None, chapter="VII"), code_row("a", "H60", None, chapter="VII")]
    rows += [code_row("a", "I21", 30), code_row("a", "C34", 9, chapter="II"), code_row("a", "C50", 9, chapter="II")]
    made = panel(rows)
    assert made.choosers[0].options == (
        "all chapters",
        "II Tumours (2 codes)",
        "IX Diseases of the circulatory system (1 code)",
    )
    assert maps(made, 0)[0]["y"] == ["II Tumours", "VII Diseases of the eye a…", "IX Diseases of the circul…"]
    assert all(one["meta"]["drill"] == [0, [1, None, 2]] for one in maps(made, 0))
    assert maps(made, 1)[0]["y"] == ["C34", "C50"]
    assert len(made.figure["views"]) == 3 * 5


def test_cells_hold_the_measure_and_the_certificates_stand_once() -> None:
    row = code_row("b", "I21", 1234, predicted=1000, precision=0.1236, recall=0.25, f1=0.375, automatic=0.9996)
    made = panel([row, code_row("a", "I21", 1234, predicted=None, precision=None, f1=None)])
    recall, precision, f1, automatic, support = maps(made, 0)
    assert made.choosers[1].options == ("recall", "precision", "F1", "coded without a person", "certificates")
    assert (recall["x"], recall["z"], recall["text"]) == (["a", "b"], [[0.5, 0.25]], [["0.500", "0.250"]])
    assert (precision["z"], precision["text"]) == ([[None, 0.124]], [["&lt;5", "0.124"]])
    assert (f1["text"], automatic["text"]) == ([["&lt;5", "0.375"]], [["0.250", "0.999"]])
    assert recall["meta"]["groups"] == ["m2", "m1"]
    assert (support["x"], support["text"], support["customdata"]) == (["certificates"], [["1,234"]], [[1234]])
    assert support["zmin"] < support["z"][0][0] == pytest.approx(3.091, abs=1e-3) == support["zmax"]


def test_numbers_are_those_of_the_rows_and_hidden_ones_are_left_empty() -> None:
    row = code_row("a", "I21", 40, title="Infarction", predicted=None, precision=None, f1=None, recall=2 / 3)
    made = panel([row, code_row("a", None, None)])
    assert [one.key for one in made.numbers.headings] == [
        *("code", "title", "chapter", "model", "support", "precision", "recall", "f1", "automatic")
    ]
    assert made.numbers.rows == (
        (None, "Diseases of the circulatory system", "IX", "a", None, None, None, None, None),
        ("I21", "Infarction", "IX", "a", 40, None, 2 / 3, None, 0.25),
    )


def test_names_are_short_exact_and_different() -> None:
    title = "<b>Disease</b> & a very long name of it"
    made = panel([code_row("a", f"I2{n}", 9, title=title) for n in range(3)])
    names = maps(made, 0)[0]["y"]
    assert len(set(names)) == 3
    assert names[0] == "I20 &lt;b&gt;Disease&lt;/b&gt; &amp; a ve…"


def test_every_view_is_one_that_plotly_knows(tmp_path: Path) -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    one = read(_run(tmp_path))
    made = draw.panel(one, looks(one, one.models()))
    assert isinstance(made, Panel)
    for view in made.figure["views"]:
        assert view["height"] == 28 * max(len(view["data"][0]["y"]), 4) + 110
        for trace in view["data"]:
            plotly.Figure({"data": [{**trace, "colorscale": "Blues"}], "layout": made.figure["layout"]})
    assert len(json.dumps(made.data(), separators=(",", ":"))) < 160_000


def test_the_ramp_rises_in_lightness_alone_in_both_themes() -> None:
    css = Path(harness.leaderboard.__file__).parent / "templates" / "css" / "60-quality.css"
    light, dark = css.read_text(encoding="utf-8").split("@media")
    ramps = [[_luminance(colour) for colour in re.findall(r"--heat\d: (#[0-9a-f]{6})", part)] for part in (light, dark)]
    assert [len(ramp) for ramp in ramps] == [5, 5]
    for ramp in (ramps[0][::-1], ramps[1]):
        for lower, higher in pairwise(ramp):
            assert (higher + 0.05) / (lower + 0.05) > 1.3
    # black or white, whichever the page chooses, can be read on all of them
    assert all(max((one + 0.05) / 0.05, 1.05 / (one + 0.05)) >= 4.5 for ramp in ramps for one in ramp)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _run(path: Path) -> Any:
    run = write_run(path / "run")
    write_quality(run)
    return run


@pytest.mark.browser
def test_a_click_drills_down_and_the_figure_grows_with_its_rows(tmp_path: Path, browser: Any) -> None:
    watch = opened(browser, _run(tmp_path), drawn=["chapters"])
    page = watch.page
    plot, chooser = page.locator("[data-plot=chapters]"), page.locator("select[data-figure=chapters][data-chooser='0']")
    assert "<5" in plot.locator(".main-svg").first.text_content()  # chapter VII
    box = plot.locator(".nsewdrag").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 3, box["y"] + box["height"] * 4.5 / 7)
    until(page, "document.querySelector('select[data-figure=chapters]').value === '4'")
    assert chooser.locator("option:checked").text_content().startswith("IX Diseases of the circulatory system")
    until(page, "document.querySelector('[data-plot=chapters]').getBoundingClientRect().height > 1500")
    until(page, "document.querySelector('[data-plot=chapters] .main-svg').getBoundingClientRect().height > 1500")
    assert "I00.0" in plot.locator(".main-svg").first.text_content()
    chooser.select_option("0")
    until(page, "document.querySelector('[data-plot=chapters] .main-svg').getBoundingClientRect().height < 400")
    assert not watch.found


LABELS = "[...document.querySelectorAll('[data-plot=chapters] .heatmap-label')]"


@pytest.mark.browser
def test_a_measure_of_which_nothing_is_told_is_drawn_all_the_same(tmp_path: Path, browser: Any) -> None:
    run = write_run(tmp_path / "run")
    models = ("linear-3", "bag-1")
    rows = [code_row(model, None, 50, automatic=None, chapter=name) for model in models for name in ("II", "IX")]
    run.write_figure("codes", [*rows, code_row("linear-3", "I21", 9)])
    watch = opened(browser, run, drawn=["chapters"])
    watch.page.locator("select[data-figure=chapters][data-chooser='1']").select_option("3")
    until(watch.page, f"{LABELS}.filter((one) => one.textContent === '<5').length === 4")
    texts = watch.page.locator("[data-plot=chapters] .main-svg").first.text_content()
    assert "IX Diseases of the circul…" in texts
    assert "linear-3" in texts
    assert not watch.found


@pytest.mark.browser
def test_cells_hold_no_text_that_they_have_no_room_for(tmp_path: Path, browser: Any) -> None:
    watch = opened(browser, _run(tmp_path), drawn=["chapters"])
    shown = f"{LABELS}.length && {LABELS}.every((one) => getComputedStyle(one).display !== 'none')"
    until(watch.page, shown)
    watch.page.set_viewport_size({"width": 320, "height": 900})
    until(watch.page, f"{LABELS}.length && {LABELS}.every((one) => getComputedStyle(one).display === 'none')")
    watch.page.set_viewport_size({"width": 1280, "height": 900})
    until(watch.page, shown)
    assert not watch.found


def test_models_that_were_scored_on_different_certificates_have_no_support_in_common() -> None:
    rows = [code_row("a", "I21", 40), code_row("b", "I21", 900)]
    made = panel(rows)
    assert made.choosers[1].options == ("recall", "precision", "F1", "coded without a person")
    assert len(made.figure["views"]) == 4 * len(made.choosers[0].options)
    assert {row[4] for row in made.numbers.rows} == {None}
    assert "numbers of certificates are left out" in made.caption
