"""The back-test on generated certificates, in this process."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fits_here import DICTIONARY, FINALISTS, FOUR, Here, here, row_of, store_of_years, work_of
from hypothesis import given
from hypothesis import strategies as st

from harness.config import Synthetic
from harness.corpus.builder import ReadResult
from harness.corpus.certificate import Corpus
from harness.corpus.store import Slice
from harness.corpus.synthetic import generate
from harness.decision.objective import objective
from harness.decision.promise import certify
from harness.decision.rule import DecisionRule, Decisions, decide
from harness.decision.textgate import TextGate
from harness.experiment import backtest as module
from harness.experiment import promising
from harness.experiment.backtest import BY_COLUMN, NO_YEARS, backtest_stage, described, windows
from harness.experiment.freezing import Validation
from harness.experiment.replaying import Replayed
from harness.experiment.work import Work
from harness.files import Row
from harness.search.worker import Failure, PredictSpec, run_fit, run_predict


@pytest.fixture(scope="module")
def generated() -> ReadResult:
    return generate(Synthetic(certificates=480, codes=20, first_year=2013, years=6))


@pytest.fixture(scope="module")
def tested(generated: ReadResult, tmp_path_factory: pytest.TempPathFactory) -> tuple[Work, list[Row]]:
    work = work_of(generated, tmp_path_factory.mktemp("tested"))
    return work, backtest_stage(work, "dictionary-0")


# Windows --------------------------------------------------------------------------------------------------------------


def test_windows_by_hand() -> None:
    found = windows(
        store_of_years({"train": [2012, 2013], "validation": [2014], "calibration": [2015], "heldout": [2016]})
    )
    assert [window.years for window in found] == [((2012,), 2013, 2014, 2015), ((2012, 2013), 2014, 2015, 2016)]
    last = found[-1]
    assert last.train == (Slice(0, 10), Slice(10, 20))
    assert (last.validation, last.calibration, last.audit) == (Slice(20, 30), Slice(30, 40), Slice(40, 50))


@pytest.mark.parametrize(
    "years",
    [
        {"train": [2012, 2013], "validation": [2014]},  # three years
        {"train": [2012, 2013, 2014], "validation": [2013, 2014], "heldout": [2015]},  # by a column, each year parted
        {"train": [2015], "validation": [2014], "calibration": [2013], "heldout": [2012]},  # by a column, backwards
    ],
)
def test_no_windows(years: dict[str, list[int]]) -> None:
    assert windows(store_of_years(years)) == []


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.integers(1990, 2020))
def test_each_window_is_in_the_order_of_years(sizes: list[int], first: int) -> None:
    names, years = ("train", "validation", "calibration", "heldout"), iter(range(first, first + 20))
    found = windows(
        store_of_years({name: [next(years) for _ in range(n)] for name, n in zip(names, sizes, strict=False)})
    )
    assert len(found) == max(0, sum(sizes) - 3)
    for window in found:
        train, *later = window.years
        assert [*train, *later] == list(range(first, later[-1] + 1))
        rows = [*window.train, window.validation, window.calibration, window.audit]
        assert all(earlier.stop == after.start for earlier, after in itertools.pairwise(rows))


# Rows -----------------------------------------------------------------------------------------------------------------


def test_each_window_has_a_row_with_the_refit_and_one_without(tested: tuple[Work, list[Row]]) -> None:
    work, rows = tested
    assert [
        (row["train_from"], row["train_to"], row["validation"], row["calibration"], row["audit"]) for row in rows[::2]
    ] == [(2013, last, last + 1, last + 2, last + 3) for last in (2013, 2014, 2015)]
    assert [row["refit"] for row in rows] == [False, True] * 3
    assert {row["audit"]: row["legal"] for row in rows} == {2016: True, 2017: False, 2018: False}
    assert {row["validation"]: row["hyper_parameters_saw_later"] for row in rows} == {
        2014: True,
        2015: True,
        2016: False,
    }
    assert any(row["made"] for row in rows)
    assert work.run.figure("backtest") == rows
    assert (work.run.stage("backtest") or {})["rows"] == rows


def test_fits_of_a_window_see_no_later_year(tested: tuple[Work, list[Row]]) -> None:
    work, _ = tested
    cluster = work.cluster
    assert isinstance(cluster, Here)
    last = [spec.train[-1].stop for spec in cluster.fits]
    ends = {year: rows.stop for of_role in work.store.years.values() for year, rows in of_role.items()}
    assert last == [ends[year + more] for year in (2013, 2014, 2015) for more in (0, 1)]
    assert all(spec.train[0].start == 0 and spec.steps == 1 and not spec.validation for spec in cluster.fits)


def codes_of(corpus: Corpus | Decisions, row: int) -> set[str]:
    return {corpus.labels.codes[column] for column in corpus.codes[[row]].indices}


@pytest.mark.parametrize("refit", [False, True])
def test_a_row_is_what_one_finds_step_by_step(tested: tuple[Work, list[Row]], refit: bool) -> None:
    """The last window again, its errors counted certificate by certificate."""
    work, rows = tested
    (row,) = (row for row in rows if row["audit"] == 2018 and row["refit"] == refit)
    assert row["made"]
    years = {year: part for of_role in work.store.years.values() for year, part in of_role.items()}
    train, validation = tuple(years[year] for year in range(2013, 2016)), years[2016]
    spec = replace(work.spec(), family="dictionary", parameters=DICTIONARY, train=train, keep=True)
    predicted = run_predict(PredictSpec(run_fit(spec).model, spec.store, (validation,))).predictions
    reference = work.store.corpus(validation)
    gate = TextGate.learnt([work.store.corpus(*train).texts], work.known())
    model = {"model": "dictionary-0", "threshold": objective("micro_f1", reference, predicted).threshold}
    frozen = Validation(work.config, reference, gate).freeze(model, predicted, [])
    rule = frozen.rule
    if refit:
        spec = replace(spec, train=(*train, validation))
        rule = rule.refitted(TextGate.learnt([work.store.corpus(*spec.train).texts], work.known()))
    fitted = run_fit(spec).model

    def said(year: int, rule: DecisionRule) -> tuple[Corpus, Decisions]:
        corpus = work.store.corpus(years[year])
        return corpus, decide(
            rule, run_predict(PredictSpec(fitted, spec.store, (years[year],))).predictions, corpus.texts
        )

    calibration, decisions = said(2017, rule)
    errors = np.array([codes_of(decisions, n) != codes_of(calibration, n) for n in range(len(calibration))])
    promise = certify(
        errors,
        decisions.confidence,
        decisions.eligible,
        risk=0.25,
        confidence_level=0.8,
        candidates=1,
        expected_coverage=frozen.row["expected"]["certificate"]["coverage"],
        validation_risk=frozen.row["expected"]["certificate"]["risk"],
    )
    assert (row["promised_coverage"], row["reason"]) == (promise.coverage, promise.reason)
    audit, decisions = said(2018, rule.certified(promise))
    automatic = np.flatnonzero(decisions.automatic).tolist()
    wrong = sum(codes_of(decisions, n) != codes_of(audit, n) for n in automatic)
    assert (row["n"], row["coverage"]) == (len(audit), pytest.approx(len(automatic) / len(audit)))
    assert row["risk"] == pytest.approx(wrong / len(automatic))
    assert row["risk_low"] < row["risk"] < row["risk_high"]
    verdict = "kept" if row["risk_high"] <= 0.25 else "broken" if row["risk_low"] > 0.25 else "undecided"
    assert row["verdict"] == verdict


@pytest.mark.parametrize("learnt", [False, True])
def test_no_code_after_validation_touches_a_rule(
    generated: ReadResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, learnt: bool
) -> None:
    """The one window of four years: its rule and threshold stay, though later certificates have others' codes."""
    corpus = generated.corpus
    order = np.arange(len(corpus))
    late = np.flatnonzero(corpus.texts.years > 2016)
    order[late] = np.random.default_rng(0).permutation(late)
    read = {
        "as they are": replace(generated, corpus=corpus.with_codes(corpus.codes)),
        "others'": replace(generated, corpus=corpus.with_codes(corpus.codes[order])),
    }
    rules: dict[str, list[Row]] = {}
    promised: dict[str, list[Any]] = {}

    def spied(rule: DecisionRule, *given: Any) -> Decisions:
        rules[name].append({**rule.certified(None).certificate.to_dict(), "threshold": rule.threshold})
        return decide(rule, *given)

    monkeypatch.setattr(module, "decide", spied)
    for name, found in read.items():
        rules[name] = []
        work = work_of(found, tmp_path / name, FOUR)
        monkeypatch.setattr(module, "_learns", lambda rule: learnt)
        whole_model = {"models": [row_of("dictionary-0", "dictionary", {"unit": "certificate"})]}
        work.run.write_stage("decide", whole_model)
        rows = backtest_stage(work, "dictionary-0")
        promised[name] = [(row["made"], row["promised_coverage"], row["risk"]) for row in rows]
    first, *others = rules["as they are"]
    assert all(other == first for other in others)  # one rule for all of a window, with the refit and without
    assert rules["others'"][0] == first
    assert promised["as they are"] != promised["others'"]  # what calibration is read for


def test_both_units_share_the_confidence(
    generated: ReadResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def spied(*given: Any, **more: Any) -> Any:
        asked.append(more)
        return certify(*given, **more)

    monkeypatch.setattr(promising, "certify", spied)
    for unit in ("certificate", "both"):
        backtest_stage(work_of(generated, tmp_path / unit, FOUR, promise={"unit": unit}), "dictionary-0")
    assert [(more["promises"], more["candidates"], more["confidence_level"]) for more in asked] == [
        (1, 1, 0.8),
        (1, 1, 0.8),
        (2, 1, 0.8),
        (2, 1, 0.8),
    ]


def test_lines_are_audited_where_lines_are_promised(generated: ReadResult, tmp_path: Path) -> None:
    rows = backtest_stage(work_of(generated, tmp_path, FOUR, promise={"unit": "line"}), "dictionary-0")
    corpus = generated.corpus
    of_year = corpus.texts.years == 2018
    n_lines = int(np.diff(corpus.texts.first_line)[of_year].sum())
    assert any(row["made"] for row in rows)
    assert {row["n"] for row in rows if row["made"]} == {n_lines}


def test_a_model_of_whole_certificates_has_no_promise_by_line(generated: ReadResult, tmp_path: Path) -> None:
    work = work_of(generated, tmp_path, FOUR, promise={"unit": "line"})
    work.run.write_stage("decide", {"models": [row_of("dictionary-0", "dictionary", {"unit": "certificate"})]})
    rows = backtest_stage(work, "dictionary-0")
    assert [(row["made"], row["reason"]) for row in rows] == [
        (False, "the model codes whole certificates, and lines are promised")
    ] * 2


# Which models ---------------------------------------------------------------------------------------------------------


def test_a_model_with_a_witness(generated: ReadResult, tmp_path: Path) -> None:
    """Its witness is fitted on the same years and asked wherever the model is."""
    gates = {"gates": ["disagreement"]}
    alone: Row = {}
    together: Row = {}
    for name, found, model in (
        ("linear-0", together, FINALISTS[1]),
        ("alone", alone, {**FINALISTS[1], "witnesses": []}),
    ):
        work = work_of(generated, tmp_path / name, FOUR, automation=gates)
        work.run.write_stage("decide", {"models": [FINALISTS[0], model], "witnesses": []})
        found["rows"] = backtest_stage(work, "linear-0")
        assert isinstance(work.cluster, Here)
        found["fits"] = [(spec.family, spec.train[-1].stop) for spec in work.cluster.fits]
        found["predicted"] = len(work.cluster.predictions)
    assert [row["family"] for row in together["rows"]] == ["linear", "linear"]
    assert together["fits"] == [fit for fit in alone["fits"] for fit in (fit, ("dictionary", fit[1]))]
    assert together["predicted"] == 2 * alone["predicted"]
    assert all(row["made"] for row in together["rows"])
    covered = [[row["coverage"] for row in found["rows"]] for found in (alone, together)]
    assert covered[0] != covered[1]  # the gate that asks the witness stops some


def test_an_ensemble_is_put_together_in_each_window(generated: ReadResult, tmp_path: Path) -> None:
    work = work_of(generated, tmp_path, FOUR, automation={"gates": ["disagreement"]})
    rows = backtest_stage(work, "ensemble")
    assert isinstance(work.cluster, Here)
    assert [spec.family for spec in work.cluster.fits] == ["dictionary", "linear", "linear"] * 2
    assert [(row["model"], row["family"], row["refit"]) for row in rows] == [
        ("ensemble", "committee", False),
        ("ensemble", "committee", True),
    ]
    assert all(row["made"] for row in rows)
    assert all(row["n"] == 80 for row in rows)
    replayed = Replayed.of(work.run.stage("decide") or {}, "ensemble")
    (years,) = windows(work.store)
    fitted = replayed.fit(work, years.train)
    assert not isinstance(fitted, Failure)
    found = replayed.predict(work, replayed.models(fitted), years.validation)
    assert not isinstance(found, Failure)
    parts = {
        name: run_predict(PredictSpec(fitted[name].model, str(work.store.path), (years.validation,))).predictions
        for name in ("dictionary-0", "linear-0")
    }
    labels = found["ensemble"].labels
    mean = sum(
        weight * parts[name].over(labels).toarray() for name, weight in (("dictionary-0", 0.75), ("linear-0", 0.25))
    )
    assert np.allclose(found["ensemble"].scores.toarray(), mean, atol=1e-4)


# Going on -------------------------------------------------------------------------------------------------------------


def test_a_killed_back_test_goes_on_where_it_was(
    generated: ReadResult, tmp_path: Path, tested: tuple[Work, list[Row]]
) -> None:
    work = work_of(generated, tmp_path, cluster=here(tmp_path, killed_at=3))  # in the middle of the second window
    with pytest.raises(KeyboardInterrupt):
        backtest_stage(work, "dictionary-0")
    kept = (work.run.stage("backtest") or {})["rows"]
    assert kept == tested[1][:2]
    again = replace(work, cluster=here(tmp_path))
    assert backtest_stage(again, "dictionary-0") == tested[1]
    assert isinstance(again.cluster, Here)
    assert len(again.cluster.fits) == 4
    idle = replace(work, cluster=here(tmp_path))
    assert backtest_stage(idle, "dictionary-0") == tested[1]
    assert isinstance(idle.cluster, Here)
    assert idle.cluster.fits == []


def test_each_finalist_keeps_its_rows(generated: ReadResult, tmp_path: Path) -> None:
    work = work_of(generated, tmp_path, FOUR)
    first, second = backtest_stage(work, "dictionary-0"), backtest_stage(work, "linear-0")
    assert {row["model"] for row in second} == {"linear-0"}
    assert work.run.figure("backtest") == first + second
    idle = replace(work, cluster=here(tmp_path))
    assert backtest_stage(idle, "dictionary-0") == first
    assert isinstance(idle.cluster, Here)
    assert idle.cluster.fits == []
    assert [row["model"] for row in work.run.figure("backtest")] == ["linear-0"] * 2 + ["dictionary-0"] * 2


@pytest.mark.parametrize("fails_at", [0, 1])
def test_a_window_whose_fit_failed_says_so_and_is_tried_again(
    generated: ReadResult, tmp_path: Path, fails_at: int
) -> None:
    work = work_of(generated, tmp_path, FOUR, cluster=here(tmp_path, fails_at=fails_at))
    rows = backtest_stage(work, "dictionary-0")
    assert [row["refit"] for row in rows] == [False, True]
    failed = rows[fails_at:]
    assert {(row["made"], row["verdict"], row["reason"]) for row in failed} == {
        (None, None, "dictionary-0: ValueError at harness/x.py:3")
    }
    assert (
        described(failed[-1]) == "2015-2015, 2016, 2017, 2018, with refit: dictionary-0: ValueError at harness/x.py:3"
    )
    again = backtest_stage(replace(work, cluster=here(tmp_path)), "dictionary-0")
    assert [row["made"] is None for row in again] == [False, False]
    assert work.run.figure("backtest") == again


def test_without_windows_it_says_why(generated: ReadResult, tmp_path: Path) -> None:
    said: list[str] = []
    three = {"train": "2016", "validation": "2017", "heldout": "2018"}
    work = replace(work_of(generated, tmp_path, three), say=said.append)
    assert backtest_stage(work, "dictionary-0") == []
    parted = replace(
        work, store=replace(work.store, years={"train": {2016: Slice(0, 9)}, "validation": {2016: Slice(9, 18)}})
    )
    assert backtest_stage(parted, "dictionary-0") == []
    assert said == [f"no back-test: {NO_YEARS}", f"no back-test: {BY_COLUMN}"]
    assert work.run.figure("backtest") == []


# In words -------------------------------------------------------------------------------------------------------------

BASE: Row = {"train_from": 2012, "train_to": 2014, "validation": 2015, "calibration": 2016, "audit": 2017}
MADE: Row = {"made": True, "promised_coverage": 0.5, "reason": "promised"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {
                **MADE,
                "refit": True,
                "coverage": 0.4,
                "risk": 0.01,
                "risk_low": 0.001,
                "risk_high": 0.05,
                "verdict": "undecided",
            },
            "with refit: promised for 50.0 %; in 2017 40.0 % automatic, risk 1.00 % [0.10, 5.00]: undecided",
        ),
        (
            {**MADE, "refit": False, "coverage": 0.0, "risk": None},
            "without refit: promised for 50.0 %; in 2017 0.0 % automatic, none automatic",
        ),
        ({"refit": False, "made": False, "reason": "impossible: too few"}, "without refit: impossible: too few"),
    ],
)
def test_a_row_in_words(row: Row, said: str) -> None:
    assert described({**BASE, **row}) == f"2012-2014, 2015, 2016, 2017, {said}"
