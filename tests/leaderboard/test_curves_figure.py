"""Risk-coverage curves with working points and promise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_run import PICK, write_run

from harness.leaderboard.draw.curves import panel
from harness.leaderboard.figures.curves import GRID, MOST, RiskCoverage, risk_coverage
from harness.leaderboard.figures.looks import looks
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.rows import Evidence, read


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return read(write_run(tmp_path_factory.mktemp("runs") / "20260302-093012"))


def shown(evidence: Evidence) -> RiskCoverage:
    return risk_coverage(evidence, looks(evidence, evidence.models()))


def drawn(evidence: Evidence) -> Panel:
    found = panel(evidence, looks(evidence, evidence.models()))
    assert isinstance(found, Panel)
    return found


def unit(promise: Any, name: str) -> Any:
    return {**promise, "unit": name}


def test_held_out_comes_first_and_curves_are_read_at_whole_tenths(evidence: Evidence) -> None:
    value = shown(evidence)
    assert [view.label for view in value.views] == [
        "held-out 2020–2021, all together",
        "held-out 2020",
        "held-out 2021",
        "calibration 2019",
        "validation 2018",
    ]
    assert (value.promised, value.made, value.of_lines) == (0.02, True, False)
    first = value.views[0].curves[0]
    row = evidence.row(PICK, "heldout")
    assert row is not None
    assert first.at[-1] == pytest.approx(1 - row["exact_match"])
    assert len(first.at) == len(GRID)


def test_every_certified_finalist_has_its_working_point_and_the_pick_s_is_last(evidence: Evidence) -> None:
    for view in shown(evidence).views[:4]:
        assert [point.look.label for point in view.points] == ["bag-1", PICK]
        for point in view.points:
            row = evidence.row(point.look.label, view.role, view.year)
            assert row is not None
            assert (point.coverage, point.risk.value) == (row["coverage"], row["risk"])
    assert shown(evidence).views[4].points == ()  # nothing was covered on validation


def test_the_pick_s_point_is_the_large_one(evidence: Evidence) -> None:
    *_, other, mine = drawn(evidence).figure["views"][0]["data"]
    assert mine["marker"]["size"] > other["marker"]["size"]
    assert (mine["name"], other["name"]) == (PICK, "bag-1")
    assert mine["marker"]["symbol"] != other["marker"]["symbol"]


def test_a_curve_that_a_gate_ends_is_undefined_beyond() -> None:
    rows = ({"model": "a", "role": "heldout", "year": "all", "coverage": c, "risk": 0.1} for c in (0.2, 0.55))
    card = {"model": "a", "family": "f", "kind": "baseline", "role": "heldout", "year": "all"}
    curve = shown(Evidence({}, {}, (), (card,), None, tuple(rows))).views[0].curves[0]
    assert [risk is None for risk in curve.at] == [False] * 5 + [True] * 5
    assert curve.has_steps


def test_numbers_are_those_that_are_drawn_and_few(evidence: Evidence) -> None:
    found = drawn(evidence)
    lines = [trace for view in found.figure["views"] for trace in view["data"] if trace["mode"].startswith("lines")]
    points = [trace for view in found.figure["views"] for trace in view["data"] if trace["mode"] == "markers"]
    assert max(len(trace["x"]) for trace in lines) <= MOST
    assert len(found.numbers.rows) == sum(len(trace["x"]) for trace in (*lines, *points))
    first = dict(zip((one.key for one in found.numbers.headings), found.numbers.rows[0], strict=True))
    row = evidence.row(PICK, "heldout")
    assert row is not None
    assert first["model"] == PICK
    assert {key: first[key] for key in ("coverage", "risk", "risk_low", "risk_high")} == {
        key: row[key] for key in ("coverage", "risk", "risk_low", "risk_high")
    }


def test_a_promise_of_lines_is_not_drawn_on_curves_of_certificates(evidence: Evidence) -> None:
    assert evidence.pick is not None
    pick = evidence.pick | {"promise": unit(evidence.pick["promise"], "line"), "shortlist": []}
    found = drawn(replace(evidence, pick=pick, certified=None))
    assert "What is promised is the risk of lines" in found.caption
    assert "shapes" not in found.figure["layout"]


def test_what_could_not_be_promised_was_asked_for(evidence: Evidence) -> None:
    assert evidence.pick is not None
    pick = evidence.pick | {"promise": {**evidence.pick["promise"], "made": False}, "shortlist": []}
    found = drawn(replace(evidence, pick=pick, certified=None))
    assert found.figure["layout"]["annotations"][0]["text"] == "asked for: 2\xa0%"
    assert "could not be promised" in found.caption


def test_without_curves_the_reason_is_said(evidence: Evidence) -> None:
    found = panel(replace(evidence, curves=()), {})
    assert isinstance(found, Missing)
    assert found.reason.startswith("no curves yet")


def test_plotly_knows_every_figure(evidence: Evidence) -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    figure = drawn(evidence).figure
    for view in figure["views"]:
        plotly.Figure({"data": view["data"], "layout": figure["layout"]})
