"""Numbers, drawings and judgements behind the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_run import PICK, write_run
from hypothesis import given
from hypothesis import strategies as st

from harness.leaderboard import draw, figures, marks, text
from harness.leaderboard.rows import Evidence, number, read
from harness.leaderboard.table import MOST_TRIALS, leaderboard, trials
from harness.leaderboard.verdict import judge, verdict


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return read(write_run(tmp_path_factory.mktemp("runs") / "20260302-093012"))


def changed(evidence: Evidence, **changes: Any) -> Evidence:
    values = {name: getattr(evidence, name) for name in Evidence.__dataclass_fields__}
    return Evidence(**(values | changes))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200), st.sampled_from([1e-3, 0.05]))
def test_thinning_errs_by_no_more_than_its_tolerance(values: list[float], tolerance: float) -> None:
    x, y = np.arange(len(values)) / len(values), np.array(values)
    kept = figures.thin(x, y, tolerance, most=1000)
    assert {0, len(values) - 1} <= set(kept.tolist())
    assert np.max(np.abs(np.interp(x, x[kept], y[kept]) - y)) <= tolerance + 1e-9


def test_thinning_keeps_to_its_number_of_points() -> None:
    random = np.random.default_rng(0)
    assert len(figures.thin(np.arange(5000) / 5000, random.random(5000), most=300)) <= 300


def test_models_look_the_same_in_every_figure_and_floors_are_grey(evidence: Evidence) -> None:
    looks = figures.looks(evidence, evidence.models())
    families = figures.family_looks(evidence)
    for name, family in (("linear-3", "linear"), ("bag-1", "bag"), ("dictionary-0", "dictionary")):
        assert (looks[name].colour, looks[name].shape) == (families[family].colour, families[family].shape)
    assert [name for name, look in looks.items() if look.floor] == [name for name in looks if name.startswith("floor-")]
    assert [name for name, look in looks.items() if look.picked] == [PICK]
    assert len({(look.colour, look.shape) for look in looks.values()}) == len(looks)


def test_curves_come_held_out_first_and_are_read_at_whole_tenths(evidence: Evidence) -> None:
    value = figures.risk_coverage(evidence, figures.looks(evidence, evidence.models()))
    assert [view.label for view in value.views] == [
        "held-out 2020–2021, all together",
        "held-out 2020",
        "held-out 2021",
        "calibration 2019",
        "validation 2018",
    ]
    assert value.promised == 0.02
    first = value.views[0].curves[0]
    row = evidence.row("linear-3", "heldout")
    assert row is not None
    assert first.at[-1] == pytest.approx(1 - row["exact_match"])
    point = value.views[0].point
    assert point is not None
    assert (point.coverage, point.risk.value) == (row["coverage"], row["risk"])


def test_a_curve_that_a_gate_ends_is_undefined_beyond() -> None:
    rows = ({"model": "a", "role": "heldout", "year": "all", "coverage": c, "risk": 0.1} for c in (0.2, 0.55))
    card = {"model": "a", "family": "f", "kind": "baseline", "role": "heldout", "year": "all"}
    one = Evidence({}, {}, (), (card,), None, tuple(rows))
    curve = figures.risk_coverage(one, figures.looks(one, one.models())).views[0].curves[0]
    assert [risk is None for risk in curve.at] == [False] * 5 + [True] * 5
    assert curve.has_steps


def test_scores_by_year_leave_undefined_ones_out(evidence: Evidence) -> None:
    cards = tuple(
        row | ({"micro_f1": None} if row["model"] == "bag-1" and row["year"] == "2021" else {})
        for row in evidence.scorecards
    )
    one = changed(evidence, scorecards=cards)
    value = figures.by_year(one, figures.looks(one, one.models()))
    assert (value.years, value.n) == (("2020", "2021"), (1200, 1200))
    bag = next(line for line in value.lines if line.look.label == "bag-1")
    assert bag.micro_f1[0] is not None
    assert bag.micro_f1[1] is None
    assert len(draw.by_year(value, "micro_f1")["views"][0]["data"][1]["x"]) == 1


def test_best_so_far_only_rises_and_failed_trials_do_not_count(evidence: Evidence) -> None:
    failed = evidence.trials[0] | {"trial": "dictionary-99", "status": "failed", "score": 0.999}
    value = figures.progress(changed(evidence, trials=(*evidence.trials, failed)))
    for race in value.races:
        scores = [trial.score for trial in race.best]
        assert scores == sorted(set(scores))
        assert scores[-1] == max(trial.score for trial in race.trials) < 0.9
    first = evidence.trials[0]
    ends = {trial.name: trial.end for race in value.races for trial in race.trials}
    assert ends[first["trial"]] == first["started"] + first["slot_seconds"]
    listed = trials(changed(evidence, trials=(*evidence.trials, failed)))
    assert listed.lines[0].name != "dictionary-99"
    assert max(one.best or 0 for one in listed.families) < 0.9


def test_many_trials_are_cut_to_the_best_and_the_failed(evidence: Evidence) -> None:
    rows = [evidence.trials[0] | {"trial": f"linear-{n}", "score": n / 1000} for n in range(400)]
    rows += [evidence.trials[0] | {"trial": f"bag-{n}", "status": "failed", "score": None} for n in range(3)]
    listed = trials(changed(evidence, trials=tuple(rows)))
    assert (len(listed.lines), listed.total) == (MOST_TRIALS, 403)
    assert listed.lines[0].name == "linear-399"
    assert {line.name for line in listed.lines[-3:]} == {"bag-0", "bag-1", "bag-2"}


def test_every_figure_is_one_that_plotly_knows(evidence: Evidence) -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    looks = figures.looks(evidence, evidence.models())
    by_year = figures.by_year(evidence, looks)
    for figure in (
        draw.risk_coverage(figures.risk_coverage(evidence, looks)),
        draw.by_year(by_year, "micro_f1"),
        draw.by_year(by_year, "exact_match"),
        draw.progress(figures.progress(evidence)),
    ):
        for view in figure["views"]:
            plotly.Figure({"data": view["data"], "layout": figure["layout"]})


def test_texts_are_exact_in_plotly() -> None:
    assert marks.exact("<b>a</b> & <a href='x'>") == "&lt;b&gt;a&lt;/b&gt; &amp; &lt;a href='x'&gt;"


def test_the_table_is_sorted_by_the_held_out_score_and_nulls_come_last(evidence: Evidence) -> None:
    cards = tuple(
        row | ({"micro_f1": None, "reason": "no code occurs"} if row["model"] == "linear-3" else {})
        for row in evidence.scorecards
    )
    one = changed(evidence, scorecards=cards)
    table = leaderboard(one, one.models(), figures.looks(one, one.models()))
    assert table.lines[0].model.name == "bag-1"
    assert table.lines[-1].model.name == "linear-3"
    place = [column.key for column in table.columns].index("micro_f1")
    assert (table.lines[-1].cells[place].text, table.lines[-1].cells[place].reason) == ("–", "no code occurs")
    assert table.lines[-1].raw[table.raw_columns.index("micro_f1")] is None


def test_a_floor_below_the_scale_is_marked_so(evidence: Evidence) -> None:
    table = leaderboard(evidence, evidence.models(), figures.looks(evidence, evidence.models()))
    place = [column.key for column in table.columns].index("micro_f1")
    outside = {line.model.name: line.cells[place].bar for line in table.lines}
    nothing, best = outside["floor-nothing"], outside["linear-3"]
    assert nothing is not None
    assert best is not None
    assert (nothing.outside, best.outside) == ("below", "")
    assert best.low < best.value < best.high


@pytest.mark.parametrize(
    ("low", "high", "state"),
    [
        (0.0, 0.02, "kept"),
        (0.0, 0.0201, "undecided"),
        (0.02, 0.05, "undecided"),
        (0.0201, 0.05, "broken"),
        (None, None, "unaudited"),
    ],
)
def test_a_promise_is_judged_by_the_whole_interval(low: float | None, high: float | None, state: str) -> None:
    assert judge(0.02, low, high) == state


def test_the_verdict_states_what_happened(evidence: Evidence) -> None:
    found = verdict(evidence)
    row = evidence.row(PICK, "heldout")
    assert row is not None
    assert found.state == "kept"
    assert found.audits[0].accepted == round(row["coverage"] * row["n"])
    assert found.audits[0].wrong == round(row["risk"] * round(row["coverage"] * row["n"]))
    assert [audit.label for audit in found.audits] == ["held-out 2020–2021", "2020", "2021"]


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({"risk": 0.05, "risk_low": 0.03, "risk_high": 0.08}, "broken", "break the promise"),
        ({"risk": 0.02, "risk_low": 0.01, "risk_high": 0.04}, "undecided", "neither confirm nor refute"),
        (
            {"risk": None, "risk_low": None, "risk_high": None, "coverage": 0.0},
            "unaudited",
            "nothing confirms it yet",
        ),
    ],
)
def test_other_verdicts(evidence: Evidence, changes: dict[str, float | None], state: str, words: str) -> None:
    cards = tuple(row | changes if row["role"] == "heldout" else row for row in evidence.scorecards)
    found = verdict(changed(evidence, scorecards=cards))
    assert found.state == state
    assert words in found.headline


def test_a_year_that_breaks_the_promise_is_a_warning_where_all_years_do_not(evidence: Evidence) -> None:
    worse = {"risk": 0.05, "risk_low": 0.03, "risk_high": 0.08}
    cards = tuple(row | worse if row["year"] == "2021" else row for row in evidence.scorecards)
    assert "The promise was broken on 2021 alone." in verdict(changed(evidence, scorecards=cards)).warnings


def test_no_promise_no_held_out_no_pick(evidence: Evidence) -> None:
    assert evidence.pick is not None
    none = verdict(changed(evidence, pick=evidence.pick | {"promise": None}))
    assert (none.state, "no calibration years" in none.explanation, none.audits) == ("none", True, ())
    failed = {**evidence.pick["promise"], "made": False, "reason": "impossible: too few", "threshold": None}
    assert verdict(changed(evidence, pick=evidence.pick | {"promise": failed})).explanation.endswith(
        "Impossible: too few."
    )
    seen = tuple(row for row in evidence.scorecards if row["role"] != "heldout")
    alone = verdict(changed(evidence, scorecards=seen))
    assert (alone.state, "no held-out years" in alone.explanation) == ("unaudited", True)
    assert verdict(changed(evidence, pick=None)).state == "unfinished"


def test_numbers_are_written_as_a_reader_expects() -> None:
    assert text.size(999) == "999\xa0B"
    assert text.size(18_400_000) == "18.4\xa0MB"
    assert text.duration(3725) == "1\xa0h 2\xa0min"
    assert text.years(["2014", 2015, "2017"]) == "2014–2015, 2017"
    assert text.interval(text.share(0.1), text.share(0.2)) == "[10.0, 20.0\xa0%]"
    assert text.level(0.025) == "2.5\xa0%"
    assert (text.score(None), text.count(1234.0), number(float("nan")), number(True)) == ("–", "1,234", None, None)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("harness search /home/anna/office/search.toml", "harness search …/search.toml"),
        (r"OSError at C:\Users\anna\x.py", r"OSError at …/x.py"),
        ("~/office/a b", "…/a b"),
        ("precision and/or recall, 1/2, </script>", "precision and/or recall, 1/2, </script>"),
        ("examples/search.toml", "examples/search.toml"),
    ],
)
def test_folders_stay_in_the_office(written: str, shown: str) -> None:
    assert text.public(written) == shown


def test_the_palette_can_be_seen_in_both_themes() -> None:
    css = (Path(draw.__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")
    light, dark = (_variables(part) for part in css.split("@media screen and (prefers-color-scheme: dark)")[:2])
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
