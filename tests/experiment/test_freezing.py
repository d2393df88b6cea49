"""What of a rule is chosen on validation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from fits_here import DICTIONARY, FOUR, LINEAR, here, work_of

from harness.config import RunConfig, Synthetic
from harness.corpus.certificate import Corpus
from harness.corpus.synthetic import generate
from harness.decision.confidence import LEARNT
from harness.decision.objective import objective
from harness.decision.rule import decide
from harness.decision.textgate import TextGate
from harness.experiment.freezing import Frozen, Validation
from harness.families.family import Predictions
from harness.files import Row
from harness.metrics.design import design_effect
from harness.search.worker import PredictSpec, run_fit, run_predict

RAW: Row = {"corpus": {"format": "synthetic"}, "years": FOUR, "promise": {"risk": 0.1}}


class Given(NamedTuple):
    """Validation certificates, and two models' predictions of them, by line and of whole certificates."""

    corpus: Corpus
    gate: TextGate
    linear: Predictions
    dictionary: Predictions
    whole: Predictions


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    folder = tmp_path_factory.mktemp("given")
    work = work_of(
        generate(Synthetic(certificates=800, codes=20, first_year=2015, years=4)), folder, FOUR, here(folder)
    )
    train, validation = work.store.roles["train"], work.store.roles["validation"]

    def predicted(family: str, parameters: Row) -> Predictions:
        spec = replace(work.spec(), family=family, parameters=parameters, train=(train,), keep=True)
        return run_predict(PredictSpec(run_fit(spec).model, spec.store, (validation,))).predictions

    gate = TextGate.learnt([work.store.corpus(train).texts], work.known())
    models = [
        predicted(family, parameters)
        for family, parameters in (
            ("linear", LINEAR),
            ("dictionary", DICTIONARY),
            ("linear", {**LINEAR, "unit": "certificate"}),
        )
    ]
    return Given(work.store.corpus(validation), gate, *models)


def row_of(given: Given, predictions: Predictions, name: str = "linear-0") -> Row:
    return {"model": name, "threshold": objective("micro_f1", given.corpus, predictions).threshold}


def frozen(
    given: Given,
    predictions: Predictions,
    *,
    witness: bool = False,
    learnt: bool = False,
    corpus: Corpus | None = None,
    later: pa.Array | None = None,
    **sections: Row,
) -> Frozen:
    asked = [(row_of(given, given.dictionary, "dictionary-0"), given.dictionary)] if witness else []
    bench = Validation(RunConfig.model_validate({**RAW, **sections}), corpus or given.corpus, given.gate, later)
    return bench.freeze(row_of(given, predictions), predictions, asked, learnt=learnt)


def errors_of(given: Given, found: Frozen, predictions: Predictions, *, witness: bool = False) -> list[bool]:
    """Certificate by certificate."""
    decided = decide(
        found.rule, predictions, given.corpus.texts, {"dictionary-0": given.dictionary} if witness else None
    )
    return [
        {decided.labels.codes[column] for column in decided.codes[[n]].indices}
        != {given.corpus.labels.codes[column] for column in given.corpus.codes[[n]].indices}
        for n in range(len(given.corpus))
    ]


def test_the_estimator_of_least_area_is_frozen(given: Given) -> None:
    found = frozen(given, given.linear)
    for prefix, unit in (("", found.rule.certificate), ("line_", found.rule.line)):
        assert unit is not None
        assert unit.promise is None
        rows = found.row[f"{prefix}confidences"]
        best = min(rows, key=lambda row: row["augrc"])
        assert len({row["estimator"] for row in rows}) > 2
        assert len({row["augrc"] for row in rows}) > 2
        assert (unit.estimator, unit.recalibration.kind) == (best["estimator"], best["recalibration"])
        assert found.row[f"{prefix}estimator"] == best["estimator"]
        assert found.row[f"{prefix}recalibration"] == best["recalibration"]


def test_the_same_again(given: Given) -> None:
    first, second = frozen(given, given.linear, learnt=True), frozen(given, given.linear, learnt=True)
    assert first.row == second.row
    assert first.rule == second.rule


@pytest.mark.parametrize("risk", [0.02, 0.1, 0.3])
def test_what_validation_lets_expect(given: Given, risk: float) -> None:
    """The largest share that is automatic at a threshold with at most ``risk`` wrong, by trying every threshold."""
    found = frozen(given, given.whole, promise={"risk": risk})
    wrong, sure = np.array(errors_of(given, found, given.whole)), found.confidences["certificate"]
    shares = [float((sure >= least).mean()) for least in sure[np.isfinite(sure)] if wrong[sure >= least].mean() <= risk]
    assert found.row["expected"]["certificate"]["coverage"] == pytest.approx(max(shares, default=0.0))
    assert found.row["expected_coverage"] == found.row["expected"]["certificate"]["coverage"]


def test_a_model_of_whole_certificates_has_no_rule_for_lines(given: Given) -> None:
    found = frozen(given, given.whole, promise={"unit": "line"})
    assert found.rule.line is None
    assert set(found.row["expected"]) == set(found.confidences) == {"certificate"}
    assert found.row["expected_coverage"] == 0.0  # of lines there is none


def test_the_unit_that_is_promised_is_what_is_expected(given: Given) -> None:
    found = frozen(given, given.linear, promise={"risk": 0.1, "unit": "line"})
    assert found.row["expected_coverage"] == found.row["expected"]["line"]["coverage"] > 0
    assert found.confidences["line"].shape == (len(given.corpus.texts.lines),)


def test_what_a_gate_stops_is_the_least_sure(given: Given) -> None:
    open_, stopped = (frozen(given, given.whole, automation={"gates": gates}) for gates in ([], ["unseen_word"]))
    decided = decide(stopped.rule, given.whole, given.corpus.texts)
    assert 0 < (~decided.eligible).sum() < len(given.corpus)
    assert np.array_equal(np.isneginf(stopped.confidences["certificate"]), ~decided.eligible)
    assert np.isneginf(open_.confidences["certificate"]).sum() < (~decided.eligible).sum()


def test_a_witness_stays_only_where_it_is_asked(given: Given) -> None:
    gated = frozen(given, given.linear, witness=True, automation={"gates": ["disagreement"]})
    assert gated.row["witnesses"] == [witness.model for witness in gated.rule.witnesses] == ["dictionary-0"]
    assert gated.rule.witnesses[0].threshold == objective("micro_f1", given.corpus, given.dictionary).threshold
    alone = frozen(given, given.linear)
    assert "agreement" not in {row["estimator"] for row in alone.row["confidences"]}
    assert alone.rule.witnesses == ()


def test_a_witness_that_no_estimator_reads_is_left_out(given: Given) -> None:
    found = frozen(given, given.whole, witness=True, automation={"estimators": ["product"]})
    assert found.row["estimator"] == "product"
    assert (found.row["witnesses"], found.rule.witnesses) == ([], ())


@pytest.mark.parametrize("learnt", [False, True])
def test_a_learned_confidence_is_tried_only_where_it_may_be_chosen(given: Given, learnt: bool) -> None:
    found = frozen(given, given.whole, learnt=learnt)
    assert (LEARNT in {row["estimator"] for row in found.row["confidences"]}) == learnt
    assert learnt or found.rule.certificate.learnt is None


# Certificates that belong together ------------------------------------------------------------------------------------


def clustered(given: Given, names: list[str]) -> Corpus:
    return replace(given.corpus, clusters=pa.array(names, type=pa.large_string()))


def test_without_clusters_each_certificate_counts_whole(given: Given) -> None:
    assert frozen(given, given.whole).row["design_effect"] == 1.0


def test_clusters_that_err_together_count_less(given: Given) -> None:
    """Ten certificates a certifier, those that are wrong put together."""
    plain = frozen(given, given.whole)
    wrong = np.array(errors_of(given, plain, given.whole))
    place = np.empty(len(wrong), dtype=int)
    place[np.argsort(~wrong, kind="stable")] = np.arange(len(wrong)) // 10
    corpus = clustered(given, [f"office {number}" for number in place])
    found = frozen(given, given.whole, corpus=corpus)
    assert found.row["design_effect"] > 3.0
    sure = found.confidences["certificate"]
    least = min(least for least in sure[np.isfinite(sure)] if wrong[sure >= least].mean() <= 0.1)
    assert found.row["design_effect"] == pytest.approx(design_effect(wrong, place, sure >= least))
    assert found.row | {"design_effect": 1.0} == plain.row  # nothing else depends on them


def test_calibration_tells_how_large_its_clusters_are(given: Given) -> None:
    wrong = np.array(errors_of(given, frozen(given, given.whole), given.whole))
    place = np.empty(len(wrong), dtype=int)
    place[np.argsort(~wrong, kind="stable")] = np.arange(len(wrong)) // 10
    corpus = clustered(given, [f"office {number}" for number in place])
    later = {n: pa.array([f"other {row // n}" for row in range(120)], type=pa.large_string()) for n in (1, 5, 20)}
    found = {n: frozen(given, given.whole, corpus=corpus, later=later[n]).row["design_effect"] for n in later}
    assert found[1] == 1.0
    assert (found[20] - 1.0) / (found[5] - 1.0) == pytest.approx(19 / 4)  # 1 + (m - 1) ICC


def test_no_codes_of_later_certificates_can_be_given() -> None:
    """A rule is frozen on what has no field for them."""
    assert set(Validation.__dataclass_fields__) == {"config", "corpus", "gate", "later"}


def test_it_is_kept_as_it_was_frozen(given: Given, tmp_path: Path) -> None:
    found = frozen(given, given.linear, witness=True, automation={"gates": ["disagreement"]})
    found.rule.save(tmp_path)
    again = type(found.rule).load(tmp_path)
    kept = {"dictionary-0": given.dictionary}
    one, other = (decide(rule, given.linear, given.corpus.texts, kept) for rule in (found.rule, again))
    assert np.array_equal(one.reason, other.reason)
    assert np.array_equal(one.confidence, other.confidence)
