"""The figures that the stage score writes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import binomtest
from scored_by_hand import PROMISE, corpus, decided, unit

from harness.corpus.certificate import Corpus, LabelSet
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import Slice
from harness.decision.rule import DecisionRule, Reason, decide
from harness.decision.textgate import TextGate
from harness.experiment.figuring.figures import NAMES
from harness.experiment.figuring.reliability import reliability_rows
from harness.experiment.figuring.thresholds import DENSE, EVEN, LARGEST, ladder, threshold_rows
from harness.experiment.figuring.ties import Kept, tie_rows
from harness.experiment.score import score_stage
from harness.families.family import Predictions
from harness.files import Row, write_json
from harness.metrics import multilabel
from harness.metrics.calibration import expected_calibration_error
from harness.metrics.multilabel import Counts
from harness.metrics.selective import risk_coverage
from harness.run.folder import RunFolder

KEYS = {
    "thresholds": "model role year threshold accepted wrong n certified",
    "reliability": "model role estimator year bin low high confidence right right_low right_high n",
    "codes": "model role level code title chapter support predicted precision recall f1 automatic suppressed",
    "confusions": "model role chapter true_code predicted_code n true_title predicted_title",
    "ties": "role measure model best difference low high tied",
}
NO_PERSON = csr_array((6, 1))


# thresholds -------------------------------------------------------------------------------------------------------


def test_stops_by_hand() -> None:
    sure, eligible = [0.9, 0.8, 0.8, 0.3, 0.95, np.nan], [True, True, True, True, False, True]
    said = decided(NO_PERSON, sure, eligible, 0.5)
    errors = np.array([False, True, False, True, True, False])
    rows = threshold_rows(errors, said, {"2020": Slice(0, 2), "2021": Slice(2, 6)}, 0.5)
    found = [(row["year"], row["threshold"], row["accepted"], row["wrong"], row["n"]) for row in rows]
    assert found == [
        ("2020", 0.3, 2, 1, 2),
        ("2020", 0.5, 2, 1, 2),
        ("2020", 0.8, 2, 1, 2),
        ("2020", 0.9, 1, 0, 2),
        ("2020", None, 0, 0, 2),
        ("2021", 0.3, 2, 1, 4),
        ("2021", 0.5, 1, 0, 4),
        ("2021", 0.8, 1, 0, 4),
        ("2021", 0.9, 0, 0, 4),
        ("2021", None, 0, 0, 4),
    ]
    assert [row["threshold"] for row in rows if row["certified"]] == [0.5, 0.5]


def test_without_a_promise_no_stop_is_certified_and_where_nobody_may_be_accepted_one_is_left() -> None:
    said = decided(NO_PERSON, [0.5] * 6, [False] * 6, None)
    rows = threshold_rows(np.zeros(6, bool), said, {"2020": Slice(0, 6)}, None)
    assert rows == [{"year": "2020", "threshold": None, "accepted": 0, "wrong": 0, "n": 6, "certified": False}]


def test_infinite_thresholds_are_numbers_that_json_knows() -> None:
    said = decided(NO_PERSON, [np.inf, 0.5, -np.inf, 0.1, 0.2, 0.3], None, -np.inf)
    rows = threshold_rows(np.zeros(6, bool), said, {"2020": Slice(0, 6)}, -np.inf)
    assert (rows[0]["threshold"], rows[0]["accepted"], rows[0]["certified"]) == (-LARGEST, 6, True)
    assert (rows[-2]["threshold"], rows[-2]["accepted"]) == (LARGEST, 1)
    json.dumps(rows, allow_nan=False)


def test_a_long_curve_has_few_stops_close_together_at_its_start() -> None:
    n = 100_000
    sure = np.random.default_rng(0).random(n)
    curve = risk_coverage(np.zeros(n, bool), sure)
    stops = ladder(curve, 0.123)
    assert 300 <= len(stops) <= EVEN + DENSE + 1
    assert 0.123 in stops
    assert stops[0] == sure.min()
    assert stops[-1] == sure.max()
    accepted = n - np.searchsorted(np.sort(sure), stops[stops != 0.123])
    steps = -np.diff(accepted)
    assert steps.max() <= n / (EVEN - 1) + 1
    assert (accepted <= 100).sum() >= 25
    assert np.isin(stops[stops != 0.123], sure).all()


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.2, 0.7]) | st.floats(0, 1), st.booleans(), st.booleans())))
def test_years_add_up_to_the_curve_of_all(cases: list[tuple[float, bool, bool]]) -> None:
    sure, eligible, wrong = (list(part) for part in zip(*cases, strict=True)) if cases else ([], [], [])
    said = decided(csr_array((len(cases), 1)), sure, eligible, None)
    errors, cut = np.array(wrong, bool), len(cases) // 3
    rows = threshold_rows(errors, said, {"1": Slice(0, cut), "2": Slice(cut, len(cases))}, None)
    first, second = ([row for row in rows if row["year"] == year] for year in "12")
    curve = risk_coverage(errors, said.confidence, said.eligible)
    together = [
        (a["threshold"], a["accepted"] + b["accepted"], a["wrong"] + b["wrong"])
        for a, b in zip(first, second, strict=True)
    ]
    points = list(zip(curve.threshold.tolist(), curve.accepted.tolist(), curve.wrong.tolist(), strict=True))
    assert together == [*points[::-1], (None, 0, 0)]


@pytest.mark.parametrize(("always", "most"), [(0, 20), (3, 12), (5, 15)])
def test_where_few_always_go_to_a_person_the_ladder_ends_before_it_tells_how_many(always: int, most: int) -> None:
    """Of 20 certificates ``always`` have a code that a person always sees; the curve of the others tells no 1 to 4."""
    eligible = np.arange(20) >= always
    said = decided(csr_array((20, 1)), (np.arange(20) / 20).tolist(), eligible.tolist(), None)
    said = replace(said, reason=np.where(eligible, Reason.AUTOMATIC, Reason.ALWAYS_PERSON).astype(np.int8))
    rows = threshold_rows(np.zeros(20, bool), said, {"2020": Slice(0, 20)}, None)
    assert max(row["accepted"] for row in rows) == most


# reliability ------------------------------------------------------------------------------------------------------


def test_groups_by_hand() -> None:
    """Of thirty certificates two to a group; the four surest are equal and stay together."""
    sure = np.append(np.arange(26) / 30, [0.99] * 4)
    errors = np.zeros(30, bool)
    errors[[0, 1, 2, 29]] = True
    rows = reliability_rows(errors, sure, {"all": Slice(0, 30)})
    assert [row["bin"] for row in rows] == list(range(14))
    assert (rows[0]["right"], rows[1]["right"], rows[13]["right"]) == (0.0, 0.5, 0.75)
    assert (rows[1]["low"], rows[1]["high"], rows[1]["confidence"]) == (2 / 30, 3 / 30, pytest.approx(2.5 / 30))
    assert (rows[13]["low"], rows[13]["high"], rows[13]["n"]) == (0.99, 0.99, 4)
    exact = binomtest(3, 4).proportion_ci(method="exact")
    assert (rows[13]["right_low"], rows[13]["right_high"]) == (pytest.approx(exact.low), pytest.approx(exact.high))


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.3, np.nan]) | st.floats(0, 1), st.booleans()), max_size=60))
def test_the_calibration_error_is_in_the_rows(cases: list[tuple[float, bool]]) -> None:
    sure = np.array([value for value, _ in cases], np.float64)
    errors = np.array([wrong for _, wrong in cases], bool)
    rows = reliability_rows(errors, sure, {"all": Slice(0, len(cases))})
    assert sum(row["n"] for row in rows) == len(cases)
    if cases:
        error = sum(row["n"] * abs(row["confidence"] - row["right"]) for row in rows) / len(cases)
        assert error == pytest.approx(expected_calibration_error(~errors, sure), abs=1e-12)
    else:
        assert rows == []


# ties -------------------------------------------------------------------------------------------------------------


def some(n: int, miss: float, seed: int) -> Counts:
    rng = np.random.default_rng(seed)
    fn = rng.binomial(1, miss, n)
    return Counts((2 - fn).astype(np.int64), rng.binomial(1, 0.1, n).astype(np.int64), fn.astype(np.int64))


@pytest.mark.parametrize("measure", ["micro_f1", "exact_match"])
def test_what_is_far_behind_is_no_tie(measure: str) -> None:
    counts = {"worse": some(2000, 0.5, 1), "best": some(2000, 0.2, 2), "near": some(2000, 0.21, 3)}
    rows = tie_rows({name: Kept.of(measure, part) for name, part in counts.items()}, seed=0)
    by_model = {row["model"]: row for row in rows}
    assert list(by_model) == ["worse", "best", "near"]
    assert {row["best"] for row in rows} == {"best"}
    assert by_model["best"] == {
        "model": "best",
        "best": "best",
        "difference": 0.0,
        "low": 0.0,
        "high": 0.0,
        "tied": True,
    }
    score = multilabel.micro_f1 if measure == "micro_f1" else multilabel.exact_match
    for name in ("worse", "near"):
        row, best, own = by_model[name], score(counts["best"]), score(counts[name])
        assert best is not None
        assert own is not None
        assert row["difference"] == pytest.approx(best - own)
        assert row["low"] < row["difference"] < row["high"]
        assert row["tied"] == (name == "near")
    if measure == "exact_match":  # of independent errors the interval is the textbook's
        wrong, right = (multilabel.exact(counts[name]) for name in ("worse", "best"))
        half = 1.96 * np.std(right.astype(float) - wrong) / np.sqrt(2000)
        assert by_model["worse"]["high"] - by_model["worse"]["difference"] == pytest.approx(half, rel=0.15)


def test_undefined_values_are_null() -> None:
    none = np.zeros(3, np.int64)
    empty, one = Kept.of("micro_f1", Counts(none, none, none)), Kept.of("micro_f1", Counts(none + 1, none, none))
    assert tie_rows({"a": empty}, seed=0) == []
    assert tie_rows({}, seed=0) == []
    rows = tie_rows({"a": empty, "b": one, "c": one}, seed=0)
    assert [(row["best"], row["difference"], row["tied"]) for row in rows] == [
        ("b", None, None),
        ("b", 0.0, True),
        ("b", 0.0, True),
    ]


# the stage --------------------------------------------------------------------------------------------------------

N = 600
ICD = ("A00", "I10", "I21", "I25", "J18", "J44", "XYLAZINE")
TITLE = "Acute myocardial infarction"


def scored(folder: Path, roles: dict[str, Slice], objective: str = "micro_f1", estimator: str = "product") -> RunFolder:
    """The stage over random certificates of two years a role, two models and a floor."""
    rng = np.random.default_rng(0)
    run = RunFolder(folder / "run")
    labels = LabelSet(ICD)
    dense = rng.random((N, len(ICD))) < np.array([0.01, 0.2, 0.4, 0.2, 0.3, 0.02, 0.1])
    everything = replace(corpus(*[""] * N), labels=labels, codes=csr_array(dense.astype(np.int8)))
    years = {
        role: {2016 + 2 * place: Slice(of.start, of.start + 40), 2017 + 2 * place: Slice(of.start + 40, of.stop)}
        for place, (role, of) in enumerate(roles.items())
    }

    def part(role: str) -> Corpus:
        return everything if role == "train" else everything.rows(roles[role].start, roles[role].stop)

    models: list[Row] = [
        {"model": name, "family": name, "kind": kind, "parameters": {}, "steps": 1, "fit_seconds": 1.0, "reason": None}
        for name, kind in (("good", "baseline"), ("poor", "baseline"), ("floor-nothing", "floor"))
    ]
    rule = DecisionRule(0.5, unit(estimator=estimator), TextGate.learnt([everything.texts], Knowledge()))
    for place, model in enumerate(models):
        noise = rng.random(dense.shape)
        scores = np.clip(0.8 * dense + (0.9, 2.4)[place % 2] * (noise - 0.4), 0, 0.999) * (place < 2)
        for role, rows in roles.items():
            found = csr_array(scores[rows.start : rows.stop].astype(np.float32))
            run.save_predictions(f"{role}/{model['model']}", Predictions(labels, found))
        rule.save(run.path / "rules" / model["model"])
        certified = rule.certified(replace(PROMISE, threshold=0.3)) if model["model"] == "good" else rule
        certified.save(run.model(model["model"]) / "rule")
    write_json(run.path / "run.json", dict.fromkeys(("version", "commit", "libraries", "hardware", "seed")))
    write_json(run.path / "corpus.json", {"fingerprint": "f", "roles": {role: {"years": []} for role in roles}})
    listed = CodeList((CodeEntry("I21", TITLE), CodeEntry("J18", "")))
    work: Any = SimpleNamespace(
        run=run,
        store=SimpleNamespace(roles=roles, years=years, corpus=lambda rows: everything.rows(rows.start, rows.stop)),
        config=SimpleNamespace(
            years=SimpleNamespace(refit=True),
            search=SimpleNamespace(seed=0, objective=objective),
            promise=SimpleNamespace(risk=0.4),
            automation=SimpleNamespace(minutes_per_certificate=6.0, minutes_per_line=2.0),
        ),
        said=lambda rule, predictions, role, texts: decide(rule, predictions, texts),
        corpus=part,
        known=lambda: Knowledge(listed),
        models=lambda: models,
        asked_models=lambda: models,
        config_digest=lambda: "0123",
        predict=lambda models, role: ({}, {}),
        refitted=lambda: {model["model"]: {"seconds": 1.0, "bytes": 1} for model in models},
    )
    score_stage(work)
    return run


THREE = {"validation": Slice(0, 200), "calibration": Slice(200, 400), "heldout": Slice(400, 600)}


def test_figures_of_held_out_years_agree_with_the_score_rows(tmp_path: Path) -> None:
    run = scored(tmp_path, THREE)
    figures = {name: run.figure(name) for name in NAMES}
    json.dumps(figures, allow_nan=False)
    for name, keys in KEYS.items():
        assert {tuple(row) for row in figures[name]} == {tuple(keys.split())}, name
        assert {row["role"] for row in figures[name]} == {"heldout"}
        if name != "confusions":
            assert {row["model"] for row in figures[name]} == {"good", "poor", "floor-nothing"}
    cards = {(row["model"], row["year"]): row for row in run.scorecards() if row["role"] == "heldout"}
    certified = {row["year"]: row for row in figures["thresholds"] if row["certified"]}
    assert {row["model"] for row in certified.values()} == {"good"}
    assert set(certified) == {"2020", "2021"}
    for year, row in certified.items():
        assert 0 < row["accepted"] < row["n"]
        assert row["accepted"] / row["n"] == cards["good", year]["coverage"]
        assert row["wrong"] / row["accepted"] == cards["good", year]["risk"]
    for (model, year), card in cards.items():
        rows = [row for row in figures["reliability"] if (row["model"], row["year"]) == (model, year)]
        error = sum(row["n"] * abs(row["confidence"] - row["right"]) for row in rows) / card["n"]
        assert error == pytest.approx(card["ece"], abs=1e-12)
    assert {row["title"] for row in figures["codes"] if row["code"] in ("I21", "J18")} == {TITLE, None}
    support = [{row["code"]: row["support"] for row in figures["codes"] if row["model"] == m} for m in ("good", "poor")]
    assert support[0] == support[1]
    assert None in support[0].values()
    for model in ("good", "poor"):
        mine = {row["code"]: row for row in figures["codes"] if row["model"] == model}
        assert all(row["automatic"] is None for row in mine.values()) == (model == "poor")
    assert list(dict.fromkeys(row["measure"] for row in figures["ties"])) == ["micro_f1", "exact_match"]
    for measure in ("micro_f1", "exact_match"):
        mine = {row["model"]: row for row in figures["ties"] if row["measure"] == measure}
        assert {name: row["tied"] for name, row in mine.items()} == {
            "good": True,
            "poor": False,
            "floor-nothing": False,
        }
        behind = cards["good", "all"][measure] - cards["poor", "all"][measure]
        assert mine["poor"]["difference"] == pytest.approx(behind)


@pytest.mark.parametrize(
    ("objective", "measures"), [("augrc", {"exact_match"}), ("macro_f1", {"micro_f1", "exact_match"})]
)
def test_without_held_out_years_validation_is_shown(tmp_path: Path, objective: str, measures: set[str]) -> None:
    run = scored(tmp_path, {"validation": Slice(0, 300), "calibration": Slice(300, 600)}, objective, "entropy")
    for name in ("thresholds", "codes", "ties"):
        assert {row["role"] for row in run.figure(name)} == {"validation"}
    assert {row["measure"] for row in run.figure("ties")} == measures
    # of the search's fit nothing is certified, and an entropy is no probability: the product of the codes' is shown
    assert not [row for row in run.figure("thresholds") if row["certified"]]
    assert {row["automatic"] for row in run.figure("codes")} == {None}
    assert {row["estimator"] for row in run.figure("reliability")} == {"product"}
    assert all(0 <= row["confidence"] <= 1 for row in run.figure("reliability"))
