"""Scores by year."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from example_run import PICK, write_run

from harness.leaderboard.draw import years as draw
from harness.leaderboard.figures.looks import Look, looks
from harness.leaderboard.figures.years import ByYear, by_year
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.rows import Evidence, read


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return read(write_run(tmp_path_factory.mktemp("runs") / "20260302-093012"))


def found(one: Evidence) -> ByYear:
    return by_year(one, looks(one, one.models()))


def panel(one: Evidence) -> Panel:
    made = draw.panel(one, looks(one, one.models()))
    assert isinstance(made, Panel)
    return made


def test_undefined_scores_are_left_out(evidence: Evidence) -> None:
    cards = tuple(
        row | ({"micro_f1": None} if row["model"] == "bag-1" and row["year"] == "2021" else {})
        for row in evidence.scorecards
    )
    value = found(replace(evidence, scorecards=cards))
    assert (value.years, value.n) == (("2020", "2021"), (1200, 1200))
    bag = next(line for line in value.lines if line.look.label == "bag-1")
    assert [score is None for score in bag.scores["micro_f1"]] == [False, True]
    drawn = panel(replace(evidence, scorecards=cards)).figure["views"][0]["data"]
    assert [len(trace["x"]) for trace in drawn if trace["name"] == "bag-1"] == [1]


def test_coverage_and_risk_are_those_of_the_rows_and_the_promise_is_a_line(evidence: Evidence) -> None:
    value = found(evidence)
    assert value.measures == ("micro_f1", "exact_match", "coverage", "risk")
    assert value.promised == 0.02
    row = evidence.row(PICK, "heldout", "2021")
    assert row is not None
    pick = next(line for line in value.lines if line.look.label == PICK)
    coverage, risk = pick.scores["coverage"][1], pick.scores["risk"][1]
    assert coverage is not None
    assert risk is not None
    assert (coverage.value, coverage.low) == (row["coverage"], None)
    assert (risk.value, risk.low, risk.high) == (row["risk"], row["risk_low"], row["risk_high"])
    made = panel(evidence)
    assert made.choosers[0].options == ("micro-F1", "exact match", "coverage", "risk")
    shares, risks = (view["data"] for view in made.figure["views"][2:])
    assert all("error_y" not in trace for trace in shares)
    assert (risks[-1]["y"], risks[-1]["text"][0]) == ([0.02, 0.02], "promised: 2\xa0%")
    assert not any(trace.get("name", "").startswith("floor") for trace in risks)  # nothing is certified of them
    numbers = dict(zip((one.key for one in made.numbers.headings), made.numbers.rows[1], strict=True))
    assert (numbers["model"], numbers["year"], numbers["n"]) == (PICK, "2021", 1200)
    assert {key: numbers[key] for key in ("coverage", "risk", "risk_high")} == {
        key: row[key] for key in ("coverage", "risk", "risk_high")
    }


def test_without_a_promise_there_is_no_line_and_without_working_points_no_choice(evidence: Evidence) -> None:
    none = dict.fromkeys(("coverage", "risk", "risk_low", "risk_high"))
    cards = tuple(row | none for row in evidence.scorecards)
    assert panel(replace(evidence, scorecards=cards)).choosers[0].options == ("micro-F1", "exact match")
    assert evidence.pick is not None
    pick = {**evidence.pick, "promise": {**evidence.pick["promise"], "made": False}}
    made = panel(replace(evidence, pick=pick))
    assert not any(trace["mode"] == "lines+text" for trace in made.figure["views"][3]["data"])
    assert "promised" not in made.caption


def test_validation_years_say_so(tmp_path: Path) -> None:
    made = panel(read(write_run(tmp_path / "run", heldout=False)))
    assert made.title == "Scores by validation year"
    assert made.caption.endswith("These are validation years, on which every choice was made.")


def test_points_of_models_stand_apart_and_floors_to_their_right() -> None:
    ours = [Look(f"m{n}", "a", n, n) for n in range(3)]
    floor = Look("m9", "f", None, 0)
    assert draw.apart([ours[0], floor, *ours[1:]]) == pytest.approx([-0.09, 0.18, 0.0, 0.09])
    many = draw.apart([Look(f"m{n}", "a", 0, n) for n in range(50)])
    assert max(many) - min(many) < 0.7
    assert draw.apart([]) == []


def test_every_view_is_one_that_plotly_knows(evidence: Evidence) -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    made = panel(evidence)
    for view in made.figure["views"]:
        plotly.Figure({"data": view["data"], "layout": made.figure["layout"]})


def test_a_run_that_is_not_scored_has_no_years() -> None:
    assert isinstance(draw.panel(Evidence({}, {}, (), (), None, ()), {}), Missing)
