"""What every figure keeps to, and the colours they are drawn in."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import plotly.graph_objects as go
import pytest
from drawn_numbers import APART, HELD, undrawn, unlisted
from whole_panels import PAGES, Found, shown_texts, traces

from harness.leaderboard import marks, shell
from harness.leaderboard.figures.looks import Interval, Look
from harness.leaderboard.language import LANGUAGES, speaking
from harness.leaderboard.page import FIGURES
from harness.leaderboard.panel import Chooser, Heading, Missing, Numbers, Panel

KINDS = {"text", "count", "score", "share", "risk", "area", "small", "seconds", "size", "points", "number"}


@pytest.fixture(scope="module", params=PAGES)
def panels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """All that a page draws: of a run, of two, of studies, and of a run whose names hold markup."""
    return PAGES[request.param](tmp_path_factory.mktemp("runs"))


@pytest.fixture
def drawn(panels: Found) -> list[Panel]:
    return [one for one in panels if isinstance(one, Panel)]


def test_a_panel_tells_the_page_its_views_and_its_numbers_in_eight_digits() -> None:
    numbers = Numbers(
        (Heading("model", "model"), Heading("risk", "risk", "risk"), Heading("n", "certificates", "count")),
        (("a", 0.123456789123, 3_000_000), ("b", None, None), ("a", 0.5, 1), (None, 0.25, 2)),
    )
    panel = Panel("one", "One", "", {"views": [], "layout": {}, "zooms": []}, numbers, (Chooser("Year", ("1", "2")),))
    assert panel.data() == {
        "views": [],
        "layout": {},
        "zooms": [],
        "choosers": [2],
        "numbers": {
            "columns": [["model", "model", "text"], ["risk", "risk", "risk"], ["n", "certificates", "count"]],
            "values": [
                {"texts": ["a", "b"], "at": [0, 1, 0, None]},
                [0.12345679, None, 0.5, 0.25],
                [3_000_000, None, 1, 2],
            ],
        },
    }


def test_every_figure_is_there(panels: Found) -> None:
    """The run has rows for each: a figure that draws nothing of them would hide in none of these tests."""
    assert [one.name for one in panels if isinstance(one, Missing)] == []
    assert len({one.name for one in panels}) == len(panels)
    assert len(panels) in (4, sum(len(draws) for _, _, draws in FIGURES))


def test_every_panel_keeps_to_the_contract(drawn: list[Panel]) -> None:
    for panel in drawn:
        figure = panel.figure
        assert panel.title, panel.name
        assert panel.caption.endswith((".", ":")), panel.name
        assert len(figure["views"]) == math.prod(len(chooser.options) for chooser in panel.choosers), panel.name
        assert all(len(set(chooser.options)) == len(chooser.options) for chooser in panel.choosers), panel.name
        assert {heading.kind for heading in panel.numbers.headings} <= KINDS, panel.name
        assert len({heading.key for heading in panel.numbers.headings}) == len(panel.numbers.headings), panel.name
        assert {len(row) for row in panel.numbers.rows} == {len(panel.numbers.headings)}, panel.name
        assert all(isinstance(value, str | int | float | None) for row in panel.numbers.rows for value in row)
        json.dumps(panel.data(), allow_nan=False)


def test_groups_of_traces_are_those_of_the_key(drawn: list[Panel]) -> None:
    for panel in drawn:
        labels = {look.group: look.label for look in panel.looks}
        assert len(labels) == len(panel.looks), panel.name
        used = set()
        for trace in traces(panel):
            assert trace["type"] in ("scatter", "bar", "heatmap"), panel.name
            group = trace.get("legendgroup")
            used.add(group)
            if group is not None and labels:
                assert unescape(trace["name"]) == labels[group], panel.name
        assert labels.keys() <= used, panel.name  # a key that hides nothing is dead


def test_a_heat_map_leads_to_views_that_there_are_and_knows_its_columns(drawn: list[Panel]) -> None:
    for panel in drawn:
        for trace in traces(panel):
            meta = trace.get("meta", {})
            if "drill" in meta:
                chooser, options = meta["drill"]
                assert len(options) == len(trace["z"]), panel.name
                assert all(one is None or 0 <= one < len(panel.choosers[chooser].options) for one in options)
            if "groups" in meta:
                assert {len(row) for row in trace["z"]} == {len(meta["groups"])}, panel.name
                assert len(meta["groups"]) == len(trace["x"]), panel.name


def test_every_figure_is_one_that_plotly_knows(drawn: list[Panel]) -> None:
    for panel in drawn:
        for view in panel.figure["views"]:
            layout = dict(panel.figure["layout"])
            for axis in ("xaxis", "yaxis"):
                layout[axis] = layout.get(axis, {}) | view.get(axis, {})
            go.Figure({"data": view["data"], "layout": layout})


def test_no_text_of_a_figure_is_markup(drawn: list[Panel]) -> None:
    """Plotly reads tags and entities: all but our own line breaks and bold headings are written out."""
    for panel in drawn:
        for text in shown_texts(panel.figure):
            rest = re.sub(r"<(br|extra)>|</extra>|^<b>|</b>$|%\{[\w.:,~%]+\}", "", text)
            assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", rest), (panel.name, text)


def test_what_is_drawn_stands_among_the_numbers(drawn: list[Panel]) -> None:
    names = {panel.name for panel in drawn}
    assert names <= HELD.keys() | APART
    for panel in drawn:
        if panel.name in HELD:
            assert unlisted(panel) == [], panel.name
            assert undrawn(panel) == [], panel.name


def test_a_number_that_differs_by_a_thousandth_is_noticed(drawn: list[Panel]) -> None:
    for panel in drawn:
        if panel.name in HELD:
            rows = tuple(
                tuple(value + 0.0011 if isinstance(value, int | float) else value for value in row)
                for row in panel.numbers.rows
            )
            changed = replace(panel, numbers=replace(panel.numbers, rows=rows))
            assert unlisted(changed), panel.name
            assert undrawn(changed), panel.name


# marks ---------------------------------------------------------------------------------------------------------------


def test_texts_are_exact_in_plotly() -> None:
    assert marks.exact("<b>a</b> & <a href='x'>") == "&lt;b&gt;a&lt;/b&gt; &amp; &lt;a href='x'&gt;"


def test_only_the_pick_has_an_unbroken_line_and_floors_are_grey() -> None:
    pick, other = Look("m0", "a", 0, 0, picked=True), Look("m1", "b", 1, 1)
    floor = Look("m2", "c", None, 0)
    assert [marks.trace(look)["line"]["dash"] for look in (pick, other, floor)] == ["solid", "6px,3px", "1px,4px"]
    assert [marks.colour(look) for look in (pick, other, floor)] == ["var(--m0)", "var(--m1)", "var(--floor)"]


def test_errors_reach_from_end_to_end_and_are_never_negative() -> None:
    found = marks.errors([Interval(0.5, 0.4, 0.7), Interval(0.5, None, None), Interval(0.5, 0.6, 0.7)])
    assert found["array"] == [0.2, None, 0.2]
    assert found["arrayminus"] == [0.1, None, 0.0]


def test_another_plotly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "document.createElement('style')")
    with pytest.raises(RuntimeError, match="this version differs"):
        marks.library()


# the page around them ------------------------------------------------------------------------------------------------


def test_words_of_states_are_said_in_the_language_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "say", lambda text: text.upper())
    assert shell._Said(shell.STATES)["unaudited"] == "NOT AUDITED"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_without_figures_carries_no_plotly(tmp_path: Path, language: str) -> None:
    with speaking(language):
        policy = shell._policy("a {}", "1", None)
    assert policy.count("sha256-") == 2
    assert "script-src 'sha256-" in policy


def test_figures_are_packed_so_that_they_can_be_unpacked() -> None:
    content = '{"a":[1,2,3],"é":"</script>"}' * 100
    packed = shell._packed(content)
    assert len(packed) < len(content) / 10
    assert gzip.decompress(base64.b64decode(packed)).decode() == content


def test_what_would_end_its_element_is_refused() -> None:
    for content in ("</SCRIPT>", "<!-- -->", "a\r\nb"):
        with pytest.raises(ValueError, match="must hold no"):
            shell._inside(content, "script")


# colours -------------------------------------------------------------------------------------------------------------


def test_the_palette_can_be_seen_in_both_themes() -> None:
    css = (Path(shell.__file__).parent / "templates" / "css" / "00-base.css").read_text(encoding="utf-8")
    light, dark = (_variables(part) for part in css.split("@media screen and (prefers-color-scheme: dark)")[:2])
    assert light.keys() == dark.keys()
    assert sum(name.startswith("m") for name in light) == 8
    for theme in (light, dark):
        for name, value in theme.items():
            if name == "floor" or (name.startswith("m") and name[1:].isdigit()):
                assert _contrast(value, theme["surface"]) >= 3, name
        for front, back in (
            *((name, back) for name in ("ink", "quiet", "accent") for back in ("page", "surface", "raised", "pick")),
            *((name, f"{name}-back") for name in ("kept", "broken", "undecided", "none")),
            ("surface", "accent"),
            ("undecided", "surface"),
        ):
            assert _contrast(theme[front], theme[back]) >= 4.5, (front, back)


def _variables(css: str) -> dict[str, str]:
    block = css[css.index("{", css.index(":root")) :].split("}")[0]
    lines = (line.strip().rstrip(";") for line in block.splitlines())
    return {name[2:]: value.strip() for name, _, value in (line.partition(":") for line in lines) if name[:2] == "--"}


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(colour: str) -> float:
        parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
        r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)
