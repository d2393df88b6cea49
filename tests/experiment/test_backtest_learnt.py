"""Whether a learned confidence may be chosen: back-tests decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fits_here import FINALISTS, FOUR, Here, store_of_years, work_of

from harness.config import Synthetic
from harness.corpus.builder import ReadResult
from harness.corpus.synthetic import generate
from harness.decision.confidence import LEARNT
from harness.decision.rule import UnitRule
from harness.experiment import backtest as module
from harness.experiment import deciding
from harness.experiment.backtest import backtest_stage, learnt_kept
from harness.experiment.replaying import Replayed
from harness.experiment.work import Work
from harness.files import Row


@pytest.fixture(scope="module")
def generated() -> ReadResult:
    return generate(Synthetic(certificates=480, codes=20, first_year=2013, years=6))


@pytest.mark.parametrize(
    ("verdicts", "refit", "eligible"),
    [
        ({2015: (None, "kept"), 2016: ("kept", "undecided")}, True, True),
        ({2015: (None, "kept"), 2016: ("kept", "broken")}, True, False),
        ({2015: (None, "kept"), 2016: ("kept", "broken")}, False, True),  # only as the configuration refits counts
        ({2015: ("kept", "kept"), 2016: ("kept", "kept"), 2017: ("broken", "broken")}, True, True),  # never looked at
        ({2015: (None, None), 2016: (None, None)}, True, False),  # nothing was promised: nothing was kept
    ],
)
def test_a_learned_confidence_is_eligible_where_no_legal_window_broke(
    generated: ReadResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verdicts: dict[int, tuple[str | None, str | None]],
    refit: bool,
    eligible: bool,
) -> None:
    six = {"train": [2012, 2013, 2014, 2015], "validation": [2016], "calibration": [2017], "heldout": [2018]}
    work = replace(work_of(generated, tmp_path, {**FOUR, "refit": refit}), store=store_of_years(six))
    looked = []

    def window(work: Work, candidate: Replayed, window: module.Window, *, learnt: bool) -> list[Row]:
        assert learnt
        looked.append(window.years[3])
        off, on = verdicts[window.years[3]]
        return [{"refit": False, "verdict": off}, {"refit": True, "verdict": on}]

    monkeypatch.setattr(module, "_window", window)
    assert learnt_kept(work, Replayed(FINALISTS[0], ())) == eligible
    assert looked == [2015, 2016]


def test_without_a_legal_window_none_is_eligible(generated: ReadResult, tmp_path: Path) -> None:
    work = work_of(generated, tmp_path, {**FOUR, "train": "2014", "validation": "2015"})
    assert not learnt_kept(work, Replayed(FINALISTS[0], ()))
    assert isinstance(work.cluster, Here)
    assert work.cluster.fits == []


def test_a_legal_window_reads_no_year_after_validation(generated: ReadResult, tmp_path: Path) -> None:
    work = work_of(generated, tmp_path)
    learnt_kept(work, Replayed(FINALISTS[0], ()))
    assert isinstance(work.cluster, Here)
    last = work.store.roles["validation"].stop
    assert len(work.cluster.fits) == 2
    assert max(spec.train[-1].stop for spec in work.cluster.fits) < last
    assert max(spec.rows[-1].stop for spec in work.cluster.predictions) <= last


@pytest.mark.parametrize(
    ("automation", "asked"),
    [
        ({"learned_confidence": True}, 1),
        ({"learned_confidence": True, "gates": ["outside_reference"]}, 0),
        ({"learned_confidence": False}, 0),
    ],
)
def test_it_is_back_tested_only_where_it_was_asked_for_and_the_gate_is_on(
    generated: ReadResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, automation: Row, asked: int
) -> None:
    calls: list[str] = []

    def kept(work: Work, candidate: Replayed) -> bool:
        calls.append(candidate.model["model"])
        return True

    monkeypatch.setattr(deciding, "learnt_kept", kept)
    work = work_of(generated, tmp_path, automation=automation)
    assert deciding._may_learn(work, FINALISTS[1], [FINALISTS[0]]) == bool(asked)
    assert calls == ["linear-0"] * asked


@pytest.mark.parametrize("unit", ["certificate", "line"])
def test_the_back_test_learns_where_the_rule_does(
    generated: ReadResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    learns: list[bool] = []

    def window(work: Work, candidate: Replayed, window: module.Window, *, learnt: bool) -> list[Row]:
        learns.append(learnt)
        return []

    monkeypatch.setattr(module, "_window", window)
    work = work_of(generated, tmp_path, FOUR)
    backtest_stage(work, "dictionary-0")
    rule = module.rule_of(work, "dictionary-0")
    learnt: Row = {"line": UnitRule("product"), unit: UnitRule(LEARNT)}
    replace(rule, **learnt).save(work.run.path / "rules" / "dictionary-0")
    backtest_stage(work, "dictionary-0")
    assert learns == [False, True]
