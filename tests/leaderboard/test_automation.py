"""The section on automation: rows worked by hand become cells, and the page shows them as text alone."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from example_run import PICK, backtest_rows, write_run
from hypothesis import given
from hypothesis import strategies as st

from harness.decision.contrast import naive
from harness.decision.promise import certify
from harness.leaderboard.automation import Automation, automation
from harness.leaderboard.page import build_page
from harness.leaderboard.rows import Evidence
from harness.run.folder import RunFolder

Row = dict[str, Any]

EMPTY = Evidence(meta={}, corpus={}, trials=(), scorecards=(), pick=None, curves=())
HOSTILE = "</script><b>bold</b><img src=x>"
SP = "\N{NO-BREAK SPACE}"


def promise(**changes: Any) -> Row:
    made = {"made": True, "risk": 0.02, "confidence": 0.95, "candidates": 3, "coverage": 0.5, "promises": 1}
    return {**made, "accepted": 400, "wrong": 3, "unit": "certificate", "reason": "promised", **changes}


def card(year: str, **changes: Any) -> Row:
    row = {"model": "a", "role": "heldout", "year": year, "unit": "certificate", "n": 1000, "coverage": 0.4}
    row |= {"risk": 0.01, "risk_low": 0.0027, "risk_high": 0.0254, "verdict": "undecided", "hours_saved": 20.0}
    return {**row, "estimator": "margin", "recalibration": "isotonic", "reason": None, **changes}


def window(**changes: Any) -> Row:
    row: Row = {"model": "a", "family": "linear", "train_from": 2012, "train_to": 2014, "validation": 2015}
    row |= {"calibration": 2016, "audit": 2017, "legal": True, "hyper_parameters_saw_later": True, "refit": True}
    row |= {"made": True, "promised_coverage": 0.41, "n": 800, "coverage": 0.4, "risk": 0.0125, "risk_low": 0.0034}
    return {**row, "risk_high": 0.0317, "verdict": "undecided", "reason": "promised 2 % at 95 %", **changes}


def shown(**changes: Any) -> Automation:
    return automation(replace(EMPTY, **changes))


def table(page: str, name: str) -> list[list[str]]:
    """The body of a table of the page, as a reader sees its cells."""
    found = re.search(rf'<table id="{name}".*?<tbody>(.*?)</tbody>', page, re.S)
    assert found is not None
    return [
        [re.sub("<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
        for row in re.findall("<tr.*?</tr>", found[1], re.S)
    ]


# promises ------------------------------------------------------------------------------------------------------------


def test_a_promise_and_the_naive_threshold_stand_side_by_side() -> None:
    point = {"coverage": 0.6, "risk": 0.02, "accepted": 500, "wrong": 10, "sentence": "no promise: …"}
    found = shown(
        certified={"promises": {"a": promise()}, "naive": {"a": point}},
        scorecards=(card("2020", estimator="beam_gap"),),
    ).promises
    assert found is not None
    assert (found.risk, found.confidence, found.shared) == (f"2{SP}%", f"95{SP}%", f"3{SP}candidates")
    of, by = "certificate", ("beam gap", "isotonic")
    assert [(one.kind, one.unit, one.coverage, one.accepted, one.wrong, one.risk) for one in found.thresholds] == [
        ("promise", of, f"50.0{SP}%", "400", "3", f"0.75{SP}%"),
        ("naive", of, f"60.0{SP}%", "500", "10", f"2.00{SP}%"),
    ]
    assert {(one.estimator, one.recalibration) for one in found.thresholds} == {by}
    assert found.naive
    assert not found.units
    assert found.reasons == ()


def test_what_could_not_be_promised_is_a_dash_with_its_reason_and_never_zero() -> None:
    """The reasons are those of the real certification and its contrast, all of whose certificates are wrong."""
    errors, sure = np.ones(300, bool), np.linspace(0, 1, 300)
    made = certify(errors, sure, None, risk=0.02, confidence_level=0.95, candidates=1, expected_coverage=0.9)
    found = shown(
        certified={
            "promises": {"b": promise(), "a": made.to_dict()},
            "naive": {"a": asdict(naive(errors, sure, None, 0.02))},
        },
        pick={"model": "b"},
    ).promises
    assert found is not None
    assert [(one.model, one.kind) for one in found.thresholds] == [("b", "promise"), ("a", "none"), ("a", "naive")]
    for one in found.thresholds[1:]:
        assert (one.coverage, one.accepted, one.wrong, one.risk) == ("–",) * 4
    assert [name for name, _ in found.reasons] == ["a", "a, naive"]
    assert found.reasons[0][1].startswith("impossible: to promise 2 % at 95 %")
    assert found.reasons[1][1] == "no promise: no threshold keeps 2 % on 300 calibration certificates"


def test_both_units_are_told_apart_and_lines_are_counted_as_lines() -> None:
    line = promise(unit="line", promises=2, coverage=0.7, lines=2100, wrong_lines=21)
    found = shown(
        certified={"promises": {"a": {**promise(promises=2), "line": line}}},
        scorecards=(card("2020"),),
        lines=(card("2020", unit="line", estimator="product", recalibration="none"),),
    ).promises
    assert found is not None
    assert found.units
    assert not found.naive
    whole, of_lines = found.thresholds
    assert (whole.unit, whole.accepted, whole.estimator) == ("certificate", "400", "margin")
    assert (of_lines.unit, of_lines.accepted, of_lines.wrong, of_lines.risk) == ("line", "2,100", "21", f"1.00{SP}%")
    assert (of_lines.estimator, of_lines.recalibration) == ("product", "none")
    assert found.shared.endswith("each with a promise for certificates and one for lines")


# back-test -----------------------------------------------------------------------------------------------------------


def test_a_window_says_what_was_promised_and_kept() -> None:
    (test,) = shown(backtest=(window(verdict="kept"),)).backtests
    (one,) = test.windows
    assert (test.model, test.family, test.unit) == ("a", "linear", "certificate")
    assert (one.trained, one.validation, one.calibration, one.audit) == ("2012–2014", "2015", "2016", "2017")
    assert (one.promised, one.coverage, one.n) == (f"41.0{SP}%", f"40.0{SP}%", "800")
    assert (one.risk, one.interval, one.state) == (f"1.25{SP}%", f"[0.34, 3.17{SP}%]", "kept")
    assert (one.refit, one.legal, one.saw_later) == (True, True, True)
    assert test.reasons == ()


def test_windows_without_a_verdict_keep_apart_why() -> None:
    empty = dict.fromkeys(("n", "coverage", "risk", "risk_low", "risk_high", "verdict"))
    rows = (
        window(**empty, made=False, promised_coverage=0.0, reason="impossible: too few."),
        window(**empty, made=None, promised_coverage=None, reason="out of memory in /home/somebody/office/x.py"),
        window(**empty, reason="the audit year could not be predicted"),
        window(**{**empty, "coverage": 0.0, "n": 800}),
    )
    (test,) = shown(backtest=rows).backtests
    assert [one.state for one in test.windows] == ["none", "unfinished", "unaudited", "unaudited"]
    assert [one.promised for one in test.windows] == ["–", "–", f"41.0{SP}%", f"41.0{SP}%"]
    assert [reason for _, reason in test.reasons] == [
        "impossible: too few",
        "out of memory in …/x.py",
        "the audit year could not be predicted",
        "nothing was automatic in the audit year",
    ]
    assert test.reasons[0][0] == "audit 2017, refit on"
    assert test.counts == (
        f"With the refit, 4{SP}windows: 0 broken, 2 promised but not audited, 1 without a promise, 1 unfinished.",
    )


def test_a_line_promise_is_back_tested_by_line_and_one_training_year_is_no_span() -> None:
    (test,) = shown(backtest=(window(train_from=2014),), pick={"model": "a", "promise": promise(unit="line")}).backtests
    assert (test.unit, test.windows[0].trained) == ("line", "2014")


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["kept", "broken", "undecided", None]), st.booleans()), min_size=1
    )
)
def test_every_window_is_counted_once(windows: list[tuple[bool, str | None, bool]]) -> None:
    rows = tuple(window(refit=refit, verdict=verdict, made=made) for refit, verdict, made in windows)
    (test,) = shown(backtest=rows).backtests
    numbers = [[int(n) for n in re.findall(rf"(?:^|\s|, )(\d+)(?={SP}| )", count)] for count in test.counts]
    assert all(total == sum(parts) for total, *parts in numbers)
    assert sum(total for total, *_ in numbers) == len(windows)
    assert len(test.reasons) == sum(verdict is None for _, verdict, _ in windows)


# the page ------------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_section(tmp_path: Path) -> None:
    page = build_page(write_run(tmp_path / "20260302-093012"))
    promises = table(page, "promises")
    assert [row[:2] for row in promises] == [
        [PICK, "promise"],
        [PICK, "naive no promise"],
        ["bag-1", "promise"],
        ["bag-1", "naive no promise"],
    ]
    backtest = table(page, "backtest-1")
    assert len(backtest) == len(backtest_rows())
    assert backtest[0][:3] == ["2018", "off", "– no promise"]
    assert [row[-2:] for row in backtest[::2]] == [["yes", "yes"], ["no", "yes"], ["no", "no"], ["no", "no"]]
    for words in (
        '<a href="#automation">Automation</a>',
        '<h2 id="automation-h">Automation</h2>',
        f"with 95{SP}% confidence, shared by 2{SP}candidates, at most 2{SP}%",
        "The naive threshold is <strong>no promise</strong>",
        "audit 2018, refit off: impossible: 101 certificates passed the gate",
        "<li><strong>bag-1</strong>: validation shows that it covers less than linear-3</li>",
    ):
        assert words in page


def test_a_run_without_such_rows_has_its_figures_alone(tmp_path: Path) -> None:
    """As runs were before rows knew of verdicts."""
    run = write_run(tmp_path / "old")
    (run.path / "figures" / "backtest.parquet").unlink()
    (run.path / "stages" / "certify.json").unlink()
    newer = ("verdict", "hours_saved", "recalibration")
    cards = [row for row in run.scorecards() if row["unit"] == "certificate"]
    run.write_scorecards([{key: value for key, value in row.items() if key not in newer} for row in cards])
    run.write_pick({key: value for key, value in (run.pick() or {}).items() if key != "rejected"})
    page = build_page(run)
    section = re.search(r'<section id="automation".*?</section>', page, re.S)
    assert section is not None
    for words in ("What each candidate promised", "Back-test of", "Why the others were not picked"):
        assert words not in section[0]
    assert 'data-plot="curves"' in section[0]


def test_the_audit_stands_on_the_page_once(tmp_path: Path) -> None:
    """In the verdict, and not again in this section."""
    page = build_page(write_run(tmp_path / "run"))
    assert len(re.findall(r'class="audit"', page)) == 2  # by certificate, and by line for orientation
    section = re.search(r'<section id="automation".*?</section>', page, re.S)
    assert section is not None
    assert 'class="audit"' not in section[0]
    assert [row[:2] for row in table(page, "audit-certificate")] == [
        ["held-out 2020–2021", "✓ kept"],
        ["2020", "≈ undecided"],
        ["2021", "✓ kept"],
    ]


def test_hostile_texts_of_the_section_are_only_text(tmp_path: Path) -> None:
    run: RunFolder = write_run(tmp_path / "hostile")
    certified = run.stage("certify") or {}
    certified["promises"] = {
        f"{name}{HOSTILE}": one | {"made": False, "reason": HOSTILE} for name, one in certified["promises"].items()
    }
    certified["naive"] = {name: {"accepted": 0, "sentence": HOSTILE} for name in certified["promises"]}
    run.write_stage("certify", certified)
    cards = [row | {"estimator": HOSTILE, "recalibration": HOSTILE} for row in run.scorecards()]
    run.write_scorecards([{**row, "model": f"{row['model']}{HOSTILE}"} for row in cards])
    rows = [row | {"reason": HOSTILE, "verdict": None, "model": HOSTILE, "family": HOSTILE} for row in backtest_rows()]
    run.write_figure("backtest", rows)
    pick = run.pick() or {}
    rejected = [{"model": HOSTILE, "reason": HOSTILE}]
    run.write_pick(pick | {"model": f"{PICK}{HOSTILE}", "family": HOSTILE, "rejected": rejected})
    found = re.search(r'<section id="automation".*?</section>', build_page(run), re.S)
    assert found is not None
    assert "<b>" not in found[0]
    assert "<img" not in found[0]
    assert "</script" not in found[0]
    assert found[0].count("&lt;/script&gt;&lt;b&gt;bold") > 20
