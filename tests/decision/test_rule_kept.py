"""A rule's witnesses, what of it is frozen, how it lies on disk, and that what is scored is what is shipped."""

from __future__ import annotations

import dataclasses
import inspect
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from small_rules import (
    BY_LINE,
    NOT_MADE,
    PROMISE,
    RULE,
    WEIGHTS,
    WITNESS,
    WITNESSED,
    certificates,
    learnt_gate,
    of_lines,
    reasons,
    scores,
    texts,
    with_threshold,
)

from harness.corpus.certificate import Corpus, LabelSet
from harness.corpus.knowledge import Knowledge
from harness.decision.confidence import ESTIMATORS, LEARNT, PLAIN
from harness.decision.recalibration import fit_isotonic, fit_temperature
from harness.decision.rule import (
    DISAGREEMENT,
    GATES,
    OUTSIDE,
    UNSEEN_WORD,
    Candidate,
    DecisionRule,
    Decisions,
    Reason,
    UnitRule,
    Witness,
    decide,
    needed,
    predict,
)
from harness.decision.textgate import TextGate
from harness.families import frame
from harness.families.family import Context, Predictions

# witnesses


def test_a_witness_that_gives_other_codes_stops_certificate_and_line() -> None:
    said = certificates(["heart", "stroke"], ["heart"], ["stroke"])
    mine = of_lines([{"I50": 0.9}, {"I64": 0.9}], [{"I50": 0.9}], [{"I64": 0.9}])
    swapped = of_lines([{"I64": 0.4}, {"I50": 0.4}], [{"I50": 0.4, "I64": 0.2}], [{"I64": 0.4}])
    agreed = of_lines([{"I50": 0.8}, {"I64": 0.8}], [{"I50": 0.8}], [{"I64": 0.69}])
    found = decide(WITNESSED, mine, said, {"dictionary-0": swapped, "bag-0": agreed})
    assert reasons(found) == [Reason.AUTOMATIC, Reason.AUTOMATIC, Reason.DISAGREEMENT]  # 0.69 is below its threshold
    assert reasons(found.lines) == [
        Reason.DISAGREEMENT,  # the same codes of the certificate, on other lines
        Reason.DISAGREEMENT,
        Reason.AUTOMATIC,
        Reason.DISAGREEMENT,
    ]
    assert found.eligible.tolist() == [True, True, False]
    open_ = dataclasses.replace(WITNESSED, gates=(UNSEEN_WORD, OUTSIDE))
    free = decide(open_, mine, said, {"dictionary-0": swapped, "bag-0": agreed})
    assert free.automatic.all()
    assert free.lines is not None
    assert free.lines.automatic.all()


def test_a_witness_of_whole_certificates_speaks_for_all_their_lines() -> None:
    said = certificates(["heart", "stroke"], ["heart", "stroke"])
    mine = of_lines(*[[{"I50": 0.9}, {"I64": 0.9}]] * 2)
    rule = dataclasses.replace(WITNESSED, witnesses=WITNESSED.witnesses[:1])
    whole = scores({"I50": 0.9, "I64": 0.9}, {"I50": 0.9}, codes=("I64", "I50"))  # its labels in another order
    found = decide(rule, mine, said, {"dictionary-0": whole})
    assert reasons(found) == [Reason.AUTOMATIC, Reason.DISAGREEMENT]
    assert reasons(found.lines) == [Reason.AUTOMATIC] * 2 + [Reason.DISAGREEMENT] * 2


def test_a_code_that_only_the_witness_knows_is_another_code() -> None:
    rule = dataclasses.replace(WITNESSED, line=None, witnesses=WITNESSED.witnesses[:1])
    foreign = scores({"I50": 0.9, "Z99": 0.9}, {"I50": 0.9, "Z99": 0.1}, codes=("I50", "Z99"))
    found = decide(rule, scores({"I50": 0.9}, {"I50": 0.9}), texts("heart", "heart"), {"dictionary-0": foreign})
    assert reasons(found) == [Reason.DISAGREEMENT, Reason.AUTOMATIC]


def test_the_confidence_may_be_read_from_the_agreement() -> None:
    unit = UnitRule("agreement", promise=with_threshold(1.0))
    rule = dataclasses.replace(WITNESSED, certificate=unit, line=None, gates=())
    other = scores({"I50": 0.9}, {"I50": 0.9, "I64": 0.9}, {"I50": 0.9})
    bag = scores({"I50": 0.9}, {"I50": 0.9}, {"I64": 0.9})
    found = decide(rule, scores(*[{"I50": 0.9}] * 3), texts(*["heart"] * 3), {"dictionary-0": other, "bag-0": bag})
    assert np.floor(2 * found.confidence).tolist() == [2, 1, 1]  # halves, and a little of the product
    assert reasons(found) == [Reason.AUTOMATIC, Reason.NOT_SURE, Reason.NOT_SURE]


@pytest.mark.parametrize(
    ("units", "gates", "asked"),
    [
        ([UnitRule("product")], (UNSEEN_WORD, OUTSIDE), False),
        ([UnitRule("product")], (DISAGREEMENT,), True),
        ([UnitRule("agreement")], (), True),
        ([UnitRule("product"), UnitRule("agreement")], (), True),
        ([UnitRule(LEARNT, learnt=WEIGHTS)], (), True),
        ([UnitRule(LEARNT, learnt=dataclasses.replace(WEIGHTS, features=("product", "margin")))], (), False),
    ],
)
def test_witnesses_are_needed_where_somebody_asks_them(
    units: list[UnitRule], gates: tuple[str, ...], asked: bool
) -> None:
    assert needed([WITNESS], units, gates) == ((WITNESS,) if asked else ())
    assert needed([], units, gates) == ()


def test_what_stops_a_certificate_is_said_in_words() -> None:
    assert len(RULE.stops()) == 4
    assert "O00-O99, X60" in RULE.stops()[-1]
    assert len(dataclasses.replace(RULE, gates=(), always_person=()).stops()) == 1
    assert "dictionary-0 and bag-0" in WITNESSED.stops()[3]
    assert len(dataclasses.replace(WITNESSED, witnesses=()).stops()) == 4  # nobody is asked


# frozen


def test_a_rule_cannot_be_changed() -> None:
    for name in ("threshold", "certificate", "line", "gate", "gates", "witnesses", "always_person"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(RULE, name, None)
    for name in ("estimator", "recalibration", "learnt", "promise"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(RULE.certificate, name, None)
    makers = {name for name, _ in inspect.getmembers(DecisionRule, callable) if not name.startswith("_")}
    assert makers == {"certified", "refitted", "stops", "save", "load"}


def test_only_the_promises_are_new_after_certification_and_only_the_gate_after_a_refit() -> None:
    gate, before = learnt_gate("oedema"), dataclasses.replace(WITNESSED, certificate=UnitRule("margin"))
    refitted, certified = before.refitted(gate), before.certified(NOT_MADE, PROMISE)
    for field in dataclasses.fields(DecisionRule):
        kept = getattr(before, field.name)
        assert getattr(refitted, field.name) is (gate if field.name == "gate" else kept)
        if field.name not in ("certificate", "line"):
            assert getattr(certified, field.name) is kept
    assert before.line is not None
    assert certified.certificate == dataclasses.replace(before.certificate, promise=NOT_MADE)
    assert certified.line == dataclasses.replace(before.line, promise=PROMISE)
    assert before.certificate.promise is None
    assert RULE.certified(NOT_MADE, PROMISE).line is None  # nothing is promised of lines that are not scored


def test_a_refit_changes_what_the_gate_stops_and_nothing_else() -> None:
    every = scores({"I50": 0.9}, {"I50": 0.9})
    said = texts("oedema", "heart")
    before = decide(RULE, every, said)
    after = decide(RULE.refitted(learnt_gate("oedema")), every, said)
    assert reasons(before) == [Reason.UNSEEN_WORD, Reason.AUTOMATIC]
    assert reasons(after) == [Reason.AUTOMATIC, Reason.UNSEEN_WORD]
    assert after.confidence.tolist() == before.confidence.tolist()
    assert after.codes.toarray().tolist() == before.codes.toarray().tolist()


# on disk


def without_gate(rule: DecisionRule) -> dict[str, Any]:
    return {field.name: getattr(rule, field.name) for field in dataclasses.fields(rule) if field.name != "gate"}


DRAWN = np.random.default_rng(0).random(200)
HIT = np.random.default_rng(1).random(200) < DRAWN**2
FULL = dataclasses.replace(
    WITNESSED,
    certificate=UnitRule("margin", fit_isotonic(DRAWN, HIT), promise=PROMISE),
    line=UnitRule(LEARNT, fit_temperature(DRAWN, HIT), WEIGHTS, dataclasses.replace(NOT_MADE, unit="line")),
)


@pytest.mark.parametrize("rule", [RULE, RULE.certified(None), RULE.certified(NOT_MADE), BY_LINE, FULL])
def test_a_rule_is_read_as_it_was_written(tmp_path: Path, rule: DecisionRule) -> None:
    gate = TextGate.learnt([texts("Œdème aigu", "हृदय रोग", "сердце")], Knowledge())
    rule.refitted(gate).save(tmp_path / "a" / "rule")
    loaded = DecisionRule.load(tmp_path / "a" / "rule")
    assert without_gate(loaded) == without_gate(rule)
    said = texts("Œdème", "heart", "сердце", "сердце" * 20, "हृदय", "漢")
    for name in ("unseen_words", "unseen_ngrams", "unseen_text", "unknown_character", "too_long", "other_language"):
        assert getattr(loaded.gate.look(said), name).tolist() == getattr(gate.look(said), name).tolist()
    loaded.save(tmp_path / "b")
    written = {path.name for path in (tmp_path / "b").iterdir()}
    assert written == {"rule.json", "words.txt", "fragments.npz", "reference.json"}
    for name in written:
        assert (tmp_path / "a" / "rule" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("threshold", [math.inf, -math.inf])
def test_an_infinite_promised_threshold_is_strict_json(tmp_path: Path, threshold: float) -> None:
    rule = FULL.certified(with_threshold(threshold), with_threshold(-threshold))
    rule.save(tmp_path)

    def refuse(name: str) -> float:
        raise ValueError(name)

    json.loads((tmp_path / "rule.json").read_text(), parse_constant=refuse)
    loaded = DecisionRule.load(tmp_path)
    assert without_gate(loaded) == without_gate(rule)
    assert loaded.certificate.least_confidence == threshold
    assert loaded.line is not None
    assert loaded.line.least_confidence == -threshold


def test_a_gate_without_words_is_read_as_it_was_written(tmp_path: Path) -> None:
    rule = DecisionRule(0.5, UnitRule("product"), TextGate.learnt([texts()], Knowledge()))
    rule.save(tmp_path)
    loaded = DecisionRule.load(tmp_path)
    assert without_gate(loaded) == without_gate(rule)
    assert loaded.gate.look(texts("heart")).unseen_words.tolist() == [1]


# what is scored is what is shipped


WORDS = ("heart failure", "Stroke", "sepsis", "stroke, heart failure", "unheard", "", "X", "FAILURE heart")
NAMES = sorted({*PLAIN, *(name for name, one in ESTIMATORS.items() if "unseen_words" in one.needs), "agreement"})
LEARNT_FROM = texts("heart failure", "stroke", "stroke", "sepsis", "stroke heart failure")
TRAIN = Corpus(
    LEARNT_FROM,
    LabelSet(("I50", "I64", "O85")),
    csr_array(np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 1, 0]], dtype=np.int8)),
    None,
)
OF_TRAIN = TextGate.learnt([LEARNT_FROM], Knowledge())
MODELS = {
    "dictionary-0": frame.fit("dictionary", TRAIN, None, Knowledge(), {}, Context()),
    "exact-0": frame.fit("exact_repeat", TRAIN, None, Knowledge(), {"unit": "certificate"}, Context()),
}


def kept(predictions: Predictions) -> Predictions:
    """The same, written and read as a run keeps them."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **predictions.arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return Predictions.of_arrays(arrays)


@given(
    st.lists(st.sampled_from(WORDS), max_size=8),
    st.sampled_from(NAMES),
    st.floats(0.05, 0.9),
    st.sets(st.sampled_from(GATES)),
)
@settings(max_examples=30, deadline=None)
def test_predict_equals_decide_on_kept_predictions(
    said: list[str], estimator: str, threshold: float, gates: set[str]
) -> None:
    """With a witness that is asked, too."""
    rule = DecisionRule(
        threshold,
        UnitRule(estimator, promise=PROMISE),
        OF_TRAIN,
        gates=tuple(gates),
        witnesses=(Witness("exact-0", 0.5),),
        always_person=("O85",),
    )
    now = predict(Candidate(MODELS["dictionary-0"], rule, {"exact-0": MODELS["exact-0"]}), texts(*said))
    of_role = {name: kept(model.predict(texts(*said))) for name, model in MODELS.items()}
    later = decide(rule, of_role["dictionary-0"], texts(*said), of_role)
    assert later.labels == now.labels
    assert later.codes.toarray().tolist() == now.codes.toarray().tolist()
    for name in ("confidence", "eligible", "reason"):
        assert getattr(later, name).tolist() == getattr(now, name).tolist()
    assert isinstance(now, Decisions)
