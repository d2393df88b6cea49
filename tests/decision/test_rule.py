from __future__ import annotations

import dataclasses
import inspect
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from writing import Entry, scribe

from harness.corpus.certificate import Corpus, LabelSet, Texts, strings
from harness.corpus.knowledge import Knowledge
from harness.decision.confidence import ESTIMATORS
from harness.decision.novelty import UnseenWords
from harness.decision.promise import Promise, Step
from harness.decision.rule import Candidate, DecisionRule, Reason, always_seen, check_patterns, decide, predict
from harness.errors import ConfigError
from harness.families import frame
from harness.families.family import Context, Predictions

PROMISE = Promise(
    made=True,
    risk=0.02,
    confidence=0.95,
    candidates=3,
    delta=0.05 / 3,
    start=203,
    allowed=0,
    threshold=0.6,
    accepted=208,
    wrong=0,
    coverage=0.52,
    n=400,
    p_value=0.1 + 0.2,  # a number that has no short decimal form
    reason="promised",
    steps=(Step(203, 0, 0.0165, True), Step(208, 0, 0.1 + 0.2, True)),
)
NOT_MADE = dataclasses.replace(
    PROMISE, made=False, threshold=None, accepted=0, coverage=0.0, p_value=None, reason="impossible", steps=()
)


def texts(*lines: str) -> Texts:
    """One line a certificate."""
    return Texts(
        strings([f"id-{i}" for i in range(len(lines))]),
        np.full(len(lines), 2018, np.int16),
        np.arange(len(lines) + 1, dtype=np.int64),
        strings(lines),
        np.ones(len(lines), np.int8),
        None,
        {},
    )


GATE = UnseenWords.learnt([texts("heart failure", "stroke", "sepsis")], Knowledge())
RULE = DecisionRule(0.5, "product", GATE, ("O00-O99", "X60"), PROMISE)


def scores(*rows: dict[str, float], codes: tuple[str, ...] = ("I50", "I64", "O10", "X60.1")) -> Predictions:
    dense = np.array([[row.get(code, 0.0) for code in codes] for row in rows], dtype=np.float32)
    return Predictions(LabelSet(codes), csr_array(dense))


# reasons


def test_each_reason() -> None:
    found = decide(
        RULE,
        scores({"I50": 0.9}, {"I50": 0.4}, {"I50": 0.9}, {"I50": 0.9, "O10": 0.95}, {"I50": 0.55}, {"X60.1": 0.9}),
        texts("heart", "heart", "oedema", "heart", "heart", "heart"),
    )
    assert [Reason(reason) for reason in found.reason] == [
        Reason.AUTOMATIC,
        Reason.NO_CODE,
        Reason.UNSEEN_WORD,
        Reason.ALWAYS_PERSON,
        Reason.NOT_SURE,
        Reason.ALWAYS_PERSON,
    ]
    assert found.automatic.tolist() == [True, False, False, False, False, False]
    assert found.eligible.tolist() == [True, False, False, False, True, False]
    assert found.codes.toarray().tolist() == [
        [1, 0, 0, 0],
        [0, 0, 0, 0],
        [1, 0, 0, 0],
        [1, 0, 1, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 1],
    ]
    assert found.confidence == pytest.approx([0.9, 0.6, 0.9, 0.9 * 0.95, 0.55, 0.9])


def test_the_first_reason_that_holds_is_given() -> None:
    """No code, then an unseen word, then a code that a person always sees, then the promise, then the confidence."""
    every = scores({"O10": 0.4}, {"O10": 0.55}, {"O10": 0.55}, {"I50": 0.55}, {"I50": 0.55})
    said = texts("oedema", "oedema", "heart", "heart", "heart")
    assert decide(RULE, every, said).reason.tolist() == [1, 2, 3, 5, 5]
    without = dataclasses.replace(RULE, promise=None)
    assert decide(without, every, said).reason.tolist() == [1, 2, 3, 4, 4]
    names = ["AUTOMATIC", "NO_CODE", "UNSEEN_WORD", "ALWAYS_PERSON", "NO_PROMISE", "NOT_SURE"]
    assert [reason.name for reason in Reason] == names
    assert len({reason.sentence for reason in Reason}) == len(Reason)


@pytest.mark.parametrize("promise", [None, NOT_MADE, dataclasses.replace(PROMISE, made=False)])
def test_without_a_promise_nothing_is_automatic(promise: Promise | None) -> None:
    found = decide(dataclasses.replace(RULE, promise=promise), scores({"I50": 0.9999}), texts("heart"))
    assert found.reason.tolist() == [Reason.NO_PROMISE]
    assert not found.automatic.any()
    assert found.eligible.all()  # so that it can be certified at all


def test_a_confidence_that_equals_the_promised_threshold_is_automatic() -> None:
    sure = decide(RULE, scores({"I50": 0.6}), texts("heart")).confidence[0]
    for threshold, reason in ((sure, Reason.AUTOMATIC), (np.nextafter(sure, 1), Reason.NOT_SURE)):
        promise = dataclasses.replace(PROMISE, threshold=float(threshold))
        assert decide(RULE.certified(promise), scores({"I50": 0.6}), texts("heart")).reason.tolist() == [reason]


@pytest.mark.parametrize(("threshold", "automatic"), [(-math.inf, True), (math.inf, False)])
def test_an_infinite_promised_threshold(threshold: float, automatic: bool) -> None:
    rule = RULE.certified(dataclasses.replace(PROMISE, threshold=threshold))
    assert decide(rule, scores({"I50": 0.51}), texts("heart")).automatic.tolist() == [automatic]


def test_no_certificates_and_no_labels() -> None:
    none = Predictions(LabelSet(()), csr_array(np.zeros((2, 0), np.float32)))
    assert decide(RULE, none, texts("heart", "stroke")).reason.tolist() == [Reason.NO_CODE] * 2
    empty = Predictions(LabelSet(("I50",)), csr_array(np.zeros((0, 1), np.float32)))
    assert decide(RULE, empty, texts()).reason.tolist() == []


def test_what_was_written_is_passed_on_as_it_is() -> None:
    """Whatever the threshold and the gates: a person reads it beside what was decided."""
    line = Entry({"I50": 0.9, "O10": 0.2}, ("O10", "I50"), "hypertension; heart failure")
    model = scribe(("I50", "O10"), {"oedema": line})
    found = predict(Candidate(model, RULE), texts("oedema", "heart"))
    assert found.reason.tolist() == [Reason.UNSEEN_WORD, Reason.NO_CODE]
    assert found.written is not None
    assert found.written.text is not None
    assert found.written.text.to_pylist() == [line.standard, ""]
    assert (found.written.first.tolist(), found.written.columns.tolist()) == ([0, 2, 2], [1, 0])
    assert found.line_codes is not None
    assert found.line_codes.toarray().tolist() == [[1, 0], [0, 0]]
    assert decide(RULE, scores({"I50": 0.9}), texts("heart")).written is None


# codes that a person always sees


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("O00-O99", ["O00", "O00.1", "O99", "O99.8", "O50", "O998", "O0000"], ["N99.9", "P00", "O", "Q00", "o50"]),
        ("X60", ["X60", "X60.0", "X60.12", "X600", "X60X"], ["X61", "X6", "AX60", "x60"]),
        ("T40.1", ["T40.1", "T40.10", "T40.1X"], ["T40", "T40.2", "T40."]),
        ("T40.0-T40.4", ["T40.0", "T40.4", "T40.2", "T40.45"], ["T40", "T40.5", "T41.0", "T39.9"]),
        ("A00-B99.8", ["A00", "B99.8", "B20.1", "A99", "B99"], ["B99.9", "C00", "99"]),
        ("heroin", ["heroin", "heroin.pure"], ["heroine", "hero", "opioid"]),
        ("c.1", ["c.1", "c.12"], ["c", "c.2"]),
    ],
)
def test_patterns(pattern: str, inside: list[str], outside: list[str]) -> None:
    check_patterns((pattern,))
    assert [code for code in inside if not always_seen(code, (pattern,))] == []
    assert [code for code in outside if always_seen(code, (pattern,))] == []
    assert [code for code in inside if not always_seen(code, ("Z99", pattern))] == []


def test_no_pattern_sees_nothing() -> None:
    assert not always_seen("O10", ())


@pytest.mark.parametrize(
    "pattern", ["", " ", " O00", "O00 ", "O99-O00", "O00-", "-O99", "-", "O-P", "o00-o99", "O00 - O99", "O00-O10-O20"]
)
def test_a_bad_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"automation\.always_person must hold codes or ranges") as caught:
        check_patterns(("I50", pattern))
    assert repr(pattern) in str(caught.value)
    assert "\n" not in str(caught.value)


# frozen


def test_a_rule_cannot_be_changed() -> None:
    for name in ("threshold", "estimator", "gate", "always_person", "promise"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(RULE, name, None)
    makers = {name for name, _ in inspect.getmembers(DecisionRule, callable) if not name.startswith("_")}
    assert makers == {"certified", "refitted", "save", "load"}


def test_only_the_promise_is_new_after_certification_and_only_the_words_after_a_refit() -> None:
    gate = UnseenWords.learnt([texts("oedema")], Knowledge())
    for field in dataclasses.fields(DecisionRule):
        before = getattr(RULE, field.name)
        assert getattr(RULE.refitted(gate), field.name) == (gate if field.name == "gate" else before)
        assert getattr(RULE.certified(NOT_MADE), field.name) == (NOT_MADE if field.name == "promise" else before)
    assert RULE.gate is GATE
    assert RULE.promise is PROMISE


def test_a_refit_changes_what_the_gate_stops_and_nothing_else() -> None:
    every = scores({"I50": 0.9}, {"I50": 0.9})
    said = texts("oedema", "heart")
    before = decide(RULE, every, said)
    after = decide(RULE.refitted(UnseenWords.learnt([texts("oedema")], Knowledge())), every, said)
    assert before.reason.tolist() == [Reason.UNSEEN_WORD, Reason.AUTOMATIC]
    assert after.reason.tolist() == [Reason.AUTOMATIC, Reason.UNSEEN_WORD]
    assert after.confidence.tolist() == before.confidence.tolist()
    assert after.codes.toarray().tolist() == before.codes.toarray().tolist()


# on disk


@pytest.mark.parametrize("promise", [None, PROMISE, NOT_MADE])
def test_a_rule_is_read_as_it_was_written(tmp_path: Path, promise: Promise | None) -> None:
    gate = UnseenWords.learnt([texts("Œdème aigu", "हृदय रोग", "сердце")], Knowledge())
    rule = DecisionRule(0.1 + 0.2, "margin", gate, ("O00-O99", "heroin"), promise)
    rule.save(tmp_path / "a" / "rule")
    assert DecisionRule.load(tmp_path / "a" / "rule") == rule
    DecisionRule.load(tmp_path / "a" / "rule").save(tmp_path / "b")
    for name in ("rule.json", "words.txt"):
        assert (tmp_path / "a" / "rule" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("threshold", [math.inf, -math.inf])
def test_an_infinite_promised_threshold_is_strict_json(tmp_path: Path, threshold: float) -> None:
    rule = RULE.certified(dataclasses.replace(PROMISE, threshold=threshold))
    rule.save(tmp_path)

    def refuse(name: str) -> float:
        raise ValueError(name)

    json.loads((tmp_path / "rule.json").read_text(), parse_constant=refuse)
    assert DecisionRule.load(tmp_path) == rule


def test_a_gate_without_words_is_read_as_it_was_written(tmp_path: Path) -> None:
    rule = DecisionRule(0.5, "product", UnseenWords.learnt([texts()], Knowledge()))
    rule.save(tmp_path)
    assert DecisionRule.load(tmp_path) == rule
    assert DecisionRule.load(tmp_path).gate.stops(texts("heart")).tolist() == [True]


# what is scored is what is shipped


WORDS = ("heart failure", "Stroke", "sepsis", "stroke, heart failure", "unheard", "", "X", "FAILURE heart")


@given(st.lists(st.sampled_from(WORDS), max_size=8), st.sampled_from(sorted(ESTIMATORS)), st.floats(0.05, 0.9))
@settings(max_examples=30, deadline=None)
def test_predict_equals_decide_on_kept_predictions(said: list[str], estimator: str, threshold: float) -> None:
    learnt = texts("heart failure", "stroke", "stroke", "sepsis", "stroke heart failure")
    y = csr_array(np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 1, 0]], dtype=np.int8))
    corpus = Corpus(learnt, LabelSet(("I50", "I64", "O85")), y, None)
    model = frame.fit("dictionary", corpus, None, Knowledge(), {}, Context())
    rule = DecisionRule(threshold, estimator, UnseenWords.learnt([learnt], Knowledge()), ("O85",), PROMISE)
    now = predict(Candidate(model, rule), texts(*said))

    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **model.predict(texts(*said)).arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        later = decide(rule, Predictions.of_arrays(arrays), texts(*said))
    assert later.labels == now.labels
    assert later.codes.toarray().tolist() == now.codes.toarray().tolist()
    for name in ("confidence", "eligible", "reason"):
        assert getattr(later, name).tolist() == getattr(now, name).tolist()
