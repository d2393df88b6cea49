from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest
from scored_by_hand import (
    BY_LINE,
    LINE_CODES,
    NOT_MADE,
    by_line,
    decided,
    named,
    said_by_line,
    unit,
    whole,
)

from harness.decision.rule import UnitRule
from harness.experiment.scoring import (
    Said,
    audited,
    judge_lines,
    line_row,
    saved_work,
)
from harness.families.family import Predictions


def test_lines_of_a_case_by_hand() -> None:
    row = line_row(BY_LINE, said_by_line(0.55))
    assert (row["unit"], row["n"], row["n_labels"]) == ("line", 6, 3)
    assert row["micro_f1"] == pytest.approx(8 / 10)  # tp 4; fn 2: W18, J18
    assert (row["micro_precision"], row["micro_recall"], row["exact_match"]) == (1.0, pytest.approx(4 / 6), 4 / 6)
    # in the order J18, I21, (W18 missed), J18, "", (J18 missed)
    assert row["aurc"] == pytest.approx(np.mean([0, 0, 1 / 3, 1 / 4, 1 / 5, 2 / 6]))
    assert row["augrc"] == pytest.approx((0 + 0 + 0.5 + 1 + 1 + 1.5) / 36)
    assert row["oracle_coverage_at_2"] == 1 / 6
    assert (row["coverage"], row["risk"]) == (4 / 6, 1 / 4)
    assert (row["eligible"], row["median_confidence"]) == (5 / 6, 0.75)
    # ratio to independent lines: its interval is that of as many lines as those are worth, so never a narrower one
    exact = binomtest(1, 4).proportion_ci(method="exact")
    assert row["risk_low"] <= exact.low + 1e-12
    assert row["risk_high"] >= exact.high - 1e-12


def test_lines_that_err_together_are_worth_less() -> None:
    """Twenty certificates of ten lines each, all right or all wrong: an interval as of far fewer lines."""
    names = ["I21" if number % 4 else "J18" for number in range(20) for _ in range(10)]
    reference = by_line(*names, first_line=list(range(0, 201, 10)), codes=LINE_CODES)
    lines = decided(named(LINE_CODES, *["I21"] * 200), [0.9] * 200, None, 0.5)
    found = whole(decided(named(LINE_CODES, *["I21"] * 20), [0.9] * 20, None, None), LINE_CODES, lines)
    said = Said(Predictions(found.labels, found.codes * 0.5, lines.codes * 0.5), found, unit(), unit(0.5))
    row = line_row(reference, said)
    independent, together = (binomtest(n // 4, n).proportion_ci(method="exact") for n in (200, 20))
    assert row["risk"] == 0.25
    assert (row["risk_low"], row["risk_high"]) == (pytest.approx(together.low), pytest.approx(together.high))
    assert row["risk_high"] > independent.high
    shuffled = np.random.default_rng(0).permutation(200)
    mixed = by_line(*[names[i] for i in shuffled], first_line=list(range(0, 201, 10)), codes=LINE_CODES)
    apart = line_row(mixed, said)
    assert apart["risk_high"] < row["risk_high"]


def test_lines_without_a_promise_have_no_working_point() -> None:
    row = line_row(BY_LINE, said_by_line())
    assert [row[name] for name in ("coverage", "risk", "risk_low", "risk_high")] == [None] * 4
    assert row["aurc"] is not None
    nobody = line_row(BY_LINE, said_by_line(0.99))
    assert [nobody[name] for name in ("coverage", "risk", "risk_low", "risk_high")] == [0.0, None, None, None]
    row = line_row(BY_LINE.rows(1, 1), said_by_line(0.55).rows(BY_LINE.texts, 1, 1))
    empty = {name: value for name, value in row.items() if value is not None}
    assert empty == {"unit": "line", "n": 0, "n_labels": 3}


def test_a_kind_of_unit_without_a_promise_goes_by_the_other() -> None:
    """And the other way round; but who was promised nothing, though it was asked, is not helped by the others."""
    certificates, lines = said_by_line(None, 0.5), said_by_line(0.5)
    whole_only, unmade = replace(certificates, line=None), UnitRule("product", promise=NOT_MADE)
    for said, promised in (
        (said_by_line(), (False, False)),
        (lines, (True, True)),
        (certificates, (True, True)),
        (whole_only, (True, True)),
        (replace(lines, certificate=unmade), (False, True)),
        (replace(certificates, line=unmade), (True, False)),
        (replace(lines, line=unmade), (False, False)),
        (replace(lines, line=None), (False, False)),
    ):
        assert (said.promised("certificate"), said.promised("line")) == promised


def test_a_run_of_certificates_has_its_own_lines() -> None:
    said = said_by_line(0.55)
    for start, stop in ((0, 1), (1, 2), (0, 2), (2, 2)):
        part = said.rows(BY_LINE.texts, start, stop)
        lines = slice(*(int(BY_LINE.texts.first_line[end]) for end in (start, stop)))
        assert part.decisions.lines is not None
        assert said.decisions.lines is not None
        assert part.predictions.line_scores is not None
        assert part.decisions.confidence.tolist() == said.decisions.confidence[start:stop].tolist()
        assert part.decisions.lines.confidence.tolist() == said.decisions.lines.confidence[lines].tolist()
        assert part.decisions.lines.reason.tolist() == said.decisions.lines.reason[lines].tolist()
        assert part.predictions.line_scores.shape == (lines.stop - lines.start, 3)
        assert (part.certificate, part.line) == (said.certificate, said.line)


def test_a_line_is_judged_by_its_own_codes() -> None:
    assert judge_lines(BY_LINE, said_by_line().decisions).tolist() == [False, True, False, False, True, False]


def test_hours_of_work_are_saved_by_what_is_automatic() -> None:
    assert saved_work({"coverage": 0.5, "n": 300}, 3.0) == {"hours_saved": 7.5}
    assert saved_work({"coverage": 0.0, "n": 300}, 3.0) == {"hours_saved": 0.0}
    assert saved_work({"coverage": None, "n": 300}, 3.0) == {"hours_saved": None}


@pytest.mark.parametrize(
    ("wrong", "n", "verdict"), [(3, 500, "kept"), (4, 500, "undecided"), (17, 500, "undecided"), (18, 500, "broken")]
)
def test_the_verdict_of_a_year(wrong: int, n: int, verdict: str) -> None:
    interval = binomtest(wrong, n).proportion_ci(method="exact")
    row = {"risk": wrong / n, "risk_low": interval.low, "risk_high": interval.high}
    assert audited(row, 0.02) == {"verdict": verdict}


def test_a_year_without_automatic_certificates_has_no_verdict() -> None:
    assert audited({"risk": None, "risk_low": None, "risk_high": None}, 0.02) == {"verdict": None}
