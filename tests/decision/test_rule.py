from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from small_rules import (
    BY_LINE,
    CODES,
    GATE,
    NOT_MADE,
    PROMISE,
    RULE,
    certificates,
    learnt_gate,
    matrix,
    of_lines,
    reasons,
    scores,
    texts,
    with_threshold,
)
from writing import Entry, scribe

from harness.corpus.certificate import LabelSet
from harness.decision.confidence import Evidence
from harness.decision.observed import Observed, Seen
from harness.decision.promise import Promise
from harness.decision.rule import (
    DISAGREEMENT,
    GATES,
    OUTSIDE,
    UNSEEN_WORD,
    Candidate,
    DecisionRule,
    Reason,
    UnitRule,
    decide,
    decide_seen,
    predict,
)
from harness.families.family import Predictions

# reasons


def test_each_reason() -> None:
    found = decide(
        RULE,
        scores({"I50": 0.9}, {"I50": 0.4}, {"I50": 0.9}, {"I50": 0.9, "O10": 0.95}, {"I50": 0.55}, {"X60.1": 0.9}),
        texts("heart", "heart", "oedema", "heart", "heart", "heart"),
    )
    assert reasons(found) == [
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
    assert found.lines is None


@pytest.mark.parametrize(
    ("limit", "text", "reason"),
    [
        ({"unknown_characters": 0}, "heart ж", Reason.UNKNOWN_CHARACTER),
        ({"characters": 12}, "heart failure", Reason.TOO_LONG),  # of 13
    ],
)
def test_a_text_outside_the_reference_goes_to_a_person(limit: dict[str, int], text: str, reason: Reason) -> None:
    """Whole certificates are judged, and the reason is given only where the gate is on."""
    rule = BY_LINE.refitted(learnt_gate("heart failure", "stroke", "sepsis", **limit))
    said, every = certificates([text], ["heart", "stroke"]), of_lines([{"I50": 0.9}], [{"I50": 0.9}, {"I64": 0.9}])
    found = decide(rule, every, said)
    assert reasons(found) == [reason, Reason.AUTOMATIC]
    assert reasons(found.lines) == [reason, Reason.AUTOMATIC, Reason.AUTOMATIC]
    within = dataclasses.replace(rule, gates=(UNSEEN_WORD, DISAGREEMENT))
    assert reasons(decide(within, every, said)) == [Reason.AUTOMATIC] * 2


FLAGS = ("no_code", "unknown_character", "too_long", "other_language", "unseen_word", "always_person", "disagreement")
ORDER = tuple(Reason[name.upper()] for name in FLAGS)  # the first that holds is given
GATE_OF = {UNSEEN_WORD: {4}, OUTSIDE: {1, 2, 3}, DISAGREEMENT: {6}}


def observed(flags: Sequence[tuple[bool, ...]], sure: Sequence[float]) -> Observed:
    """Units of which any flags hold."""
    n = len(flags)
    columns = dict(zip(FLAGS, np.array(flags, dtype=bool).T, strict=True))
    dense = np.where(columns["no_code"], 0.0, 1.0)[:, None] * np.array([[1.0, 0.0]])
    dense[columns["always_person"] & ~columns["no_code"], 1] = 1.0
    looked = GATE.look(texts(*["heart"] * n)).certificates(np.arange(n + 1))
    looked = dataclasses.replace(
        looked,
        unseen_words=columns["unseen_word"].astype(np.int64),
        **{name: columns[name] for name in ("unknown_character", "too_long", "other_language")},
    )
    evidence = Evidence(csr_array((n, 2)), 0.5, log_probability=np.asarray(sure, np.float32))
    return Observed(csr_array(dense.astype(np.int8)), evidence, looked, columns["disagreement"])


@pytest.mark.parametrize("gates", [gates for n in range(4) for gates in itertools.combinations(GATES, n)])
@pytest.mark.parametrize("promise", [None, NOT_MADE, with_threshold(-1.0)])
def test_the_first_reason_that_holds_is_given(gates: tuple[str, ...], promise: Promise | None) -> None:
    """Every set of flags, sure and unsure: by a loop over the order."""
    cases = [
        (flags, sure)
        for flags in itertools.product((False, True), repeat=len(FLAGS))
        for sure in (-0.5, -1.0, -2.0)
        if not (flags[0] and flags[5])  # without a code there is none that a person always sees
    ]
    off = {place for gate, places in GATE_OF.items() if gate not in gates for place in places}
    expected, eligible = [], []
    for flags, sure in cases:
        held = [reason for place, reason in enumerate(ORDER) if flags[place] and place not in off]
        if promise is None or not promise.made:
            otherwise = Reason.NO_PROMISE
        else:
            otherwise = Reason.AUTOMATIC if sure >= -1.0 else Reason.NOT_SURE
        expected.append([*held, otherwise][0])
        eligible.append(not held)
    labels = LabelSet(("I50", "O10"))
    rule = DecisionRule(0.5, UnitRule("sequence", promise=promise), GATE, gates=gates, always_person=("O00-O99",))
    whole = observed([flags for flags, _ in cases], [sure for _, sure in cases])
    n = len(cases)
    predictions = Predictions(labels, csr_array((n, 2)))
    found = decide_seen(rule, Seen(whole, None), predictions, texts(*["heart"] * n))
    assert reasons(found) == expected
    assert found.eligible.tolist() == eligible
    assert found.automatic.tolist() == [reason is Reason.AUTOMATIC for reason in expected]


@pytest.mark.parametrize("flag", ["unknown_character", "too_long", "other_language"])
def test_lines_are_outside_the_reference_as_their_certificate_is(flag: str) -> None:
    """A line alone is too short to tell; a word or a witness stops that line."""
    mine = tuple(name == flag for name in FLAGS)
    word, witness = (tuple(name == other for name in FLAGS) for other in ("unseen_word", "disagreement"))
    nothing = (False,) * len(FLAGS)
    found = Seen(observed([mine, nothing], [0.0, 0.0]), observed([nothing, mine, word, witness], [0.0] * 4))
    unit = UnitRule("sequence", promise=with_threshold(-1.0))
    rule = DecisionRule(0.5, unit, GATE, unit, GATES)
    said = certificates(["heart"], ["heart"] * 3)
    predictions = Predictions(LabelSet(("I50", "O10")), csr_array((2, 2)), csr_array((4, 2)))
    decided = decide_seen(rule, found, predictions, said)
    assert reasons(decided) == [Reason[flag.upper()], Reason.AUTOMATIC]
    assert reasons(decided.lines) == [
        Reason[flag.upper()],
        Reason.AUTOMATIC,
        Reason.UNSEEN_WORD,
        Reason.DISAGREEMENT,
    ]


def test_every_reason_has_a_sentence_of_its_own() -> None:
    assert [reason.value for reason in Reason] == list(range(11))
    assert len({reason.sentence for reason in Reason}) == len(Reason)
    assert set(ORDER) == set(Reason) - {Reason.AUTOMATIC, Reason.NO_PROMISE, Reason.NOT_SURE, Reason.SOME_LINE}


@pytest.mark.parametrize("promise", [None, NOT_MADE, dataclasses.replace(PROMISE, made=False)])
def test_without_a_promise_nothing_is_automatic(promise: Promise | None) -> None:
    found = decide(RULE.certified(promise), scores({"I50": 0.9999}), texts("heart"))
    assert reasons(found) == [Reason.NO_PROMISE]
    assert not found.automatic.any()
    assert found.eligible.all()  # so that it can be certified at all


def test_a_confidence_that_equals_the_promised_threshold_is_automatic() -> None:
    sure = decide(RULE, scores({"I50": 0.6}), texts("heart")).confidence[0]
    for threshold, reason in ((sure, Reason.AUTOMATIC), (np.nextafter(sure, 1), Reason.NOT_SURE)):
        rule = RULE.certified(with_threshold(float(threshold)))
        assert reasons(decide(rule, scores({"I50": 0.6}), texts("heart"))) == [reason]


@pytest.mark.parametrize(("threshold", "automatic"), [(-math.inf, True), (math.inf, False)])
def test_an_infinite_promised_threshold(threshold: float, automatic: bool) -> None:
    rule = RULE.certified(with_threshold(threshold))
    assert decide(rule, scores({"I50": 0.51}), texts("heart")).automatic.tolist() == [automatic]


def test_a_confidence_that_is_not_known_is_never_automatic() -> None:
    whole = observed([(False,) * 7], [math.nan])
    rule = DecisionRule(0.5, UnitRule("sequence", promise=with_threshold(-math.inf)), GATE)
    found = decide_seen(rule, Seen(whole, None), Predictions(LabelSet(("a", "b")), csr_array((1, 2))), texts("heart"))
    assert reasons(found) == [Reason.NOT_SURE]


def test_no_certificates_and_no_labels() -> None:
    none = Predictions(LabelSet(()), csr_array(np.zeros((2, 0), np.float32)))
    assert decide(RULE, none, texts("heart", "stroke")).reason.tolist() == [Reason.NO_CODE] * 2
    empty = Predictions(LabelSet(("I50",)), csr_array(np.zeros((0, 1), np.float32)))
    assert decide(RULE, empty, texts()).reason.tolist() == []
    nobody = decide(BY_LINE.certified(None, PROMISE), of_lines(), texts())
    assert (nobody.reason.tolist(), reasons(nobody.lines)) == ([], [])


def test_what_was_written_is_passed_on_as_it_is() -> None:
    """Whatever the threshold and the gates: a person reads it beside what was decided."""
    line = Entry({"I50": 0.9, "O10": 0.2}, ("O10", "I50"), "hypertension; heart failure")
    model = scribe(("I50", "O10"), {"oedema": line})
    found = predict(Candidate(model, BY_LINE), texts("oedema", "heart"))
    assert reasons(found) == [Reason.UNSEEN_WORD, Reason.NO_CODE]
    assert found.written is not None
    assert found.written.text is not None
    assert found.written.text.to_pylist() == [line.standard, ""]
    assert (found.written.first.tolist(), found.written.columns.tolist()) == ([0, 2, 2], [1, 0])
    assert found.lines is not None
    assert found.lines.codes.toarray().tolist() == [[1, 0], [0, 0]]
    assert decide(RULE, scores({"I50": 0.9}), texts("heart")).written is None


# lines


SAID = certificates(["heart", "stroke"], ["heart", "stroke"], ["heart", "oedema"], ["heart"], ["stroke", "stroke"], [])
SCORED = of_lines(
    [{"I50": 0.9}, {"I64": 0.8}],
    [{"I50": 0.9}, {"I64": 0.55}],
    [{"I50": 0.9}, {"I64": 0.9}],
    [{"O10": 0.9}],
    [{"I64": 0.9}, {}],
    [],
)


def test_where_lines_alone_are_promised_a_certificate_needs_no_person_if_none_of_its_lines_does() -> None:
    found = decide(BY_LINE.certified(None, PROMISE), SCORED, SAID)
    assert reasons(found.lines) == [
        *(Reason.AUTOMATIC, Reason.AUTOMATIC),
        *(Reason.AUTOMATIC, Reason.NOT_SURE),
        *(Reason.AUTOMATIC, Reason.UNSEEN_WORD),
        Reason.ALWAYS_PERSON,
        *(Reason.AUTOMATIC, Reason.NO_CODE),
    ]
    assert reasons(found) == [
        Reason.AUTOMATIC,
        Reason.SOME_LINE,
        Reason.UNSEEN_WORD,  # what stops the whole certificate is said first
        Reason.ALWAYS_PERSON,
        Reason.SOME_LINE,
        Reason.NO_CODE,
    ]
    assert found.lines is not None
    assert found.lines.confidence[:2] == pytest.approx([0.9, 0.8])
    assert found.confidence[0] == pytest.approx(0.9 * 0.8)
    assert found.lines.eligible.tolist() == [True, True, True, True, True, False, False, True, False]
    part = found.lines[2:4]
    assert (reasons(part), part.confidence.tolist()) == (
        reasons(found.lines)[2:4],
        found.lines.confidence[2:4].tolist(),
    )
    assert part.codes.toarray().tolist() == [[1, 0, 0, 0], [0, 1, 0, 0]]


def test_a_certificate_without_lines_is_never_automatic_by_its_lines() -> None:
    predictions = Predictions(LabelSet(CODES), matrix([{"I50": 0.9}]), matrix([]))
    found = decide(BY_LINE.certified(None, PROMISE), predictions, certificates([]))
    assert reasons(found) == [Reason.SOME_LINE]


def test_where_certificates_alone_are_promised_a_line_is_decided_as_its_certificate_is() -> None:
    found = decide(BY_LINE.certified(with_threshold(0.7)), SCORED, SAID)
    assert reasons(found) == [
        Reason.AUTOMATIC,
        Reason.NOT_SURE,
        Reason.UNSEEN_WORD,
        Reason.ALWAYS_PERSON,
        Reason.AUTOMATIC,
        Reason.NO_CODE,
    ]
    assert reasons(found.lines) == [reasons(found)[row] for row in SAID.certificate_of_line]
    uncertified = decide(BY_LINE.certified(None), SCORED, SAID)
    assert reasons(uncertified)[:2] == [Reason.NO_PROMISE] * 2
    assert found.lines is not None
    assert uncertified.lines is not None
    assert found.lines.eligible.tolist() == uncertified.lines.eligible.tolist()  # what calibration goes by


def test_where_both_are_promised_each_goes_by_its_own() -> None:
    found = decide(BY_LINE.certified(with_threshold(0.7), with_threshold(0.85)), SCORED, SAID)
    assert reasons(found)[:2] == [Reason.AUTOMATIC, Reason.NOT_SURE]  # 0.9 * 0.8, 0.9 * 0.55
    assert reasons(found.lines)[:4] == [Reason.AUTOMATIC, Reason.NOT_SURE] * 2
    assert Reason.SOME_LINE not in reasons(found)
    one = decide(BY_LINE.certified(NOT_MADE, with_threshold(0.85)), SCORED, SAID)
    assert reasons(one)[:2] == [Reason.NO_PROMISE] * 2
    assert reasons(one.lines) == reasons(found.lines)


@pytest.mark.parametrize("line", [None, NOT_MADE])
def test_a_line_promise_that_was_not_made_makes_nothing_automatic(line: Promise | None) -> None:
    found = decide(BY_LINE.certified(None, line), SCORED, SAID)
    assert reasons(found)[:2] == [Reason.NO_PROMISE] * 2
    assert reasons(found.lines)[:4] == [Reason.NO_PROMISE] * 4
    assert not found.automatic.any()


def test_a_model_of_whole_certificates_has_no_lines_to_promise() -> None:
    rule = BY_LINE.certified(PROMISE, PROMISE)
    whole = Predictions(SCORED.labels, SCORED.scores)
    assert decide(rule, whole, SAID).lines is None
    assert decide(dataclasses.replace(rule, line=None), SCORED, SAID).lines is None


@given(
    st.lists(st.lists(st.tuples(st.sampled_from(["heart", "oedema", "", "stroke"]), st.sampled_from([0.0, 0.55, 0.9]))))
)
@settings(max_examples=50, deadline=None)
def test_an_automatic_certificate_has_only_automatic_lines(drawn: list[list[tuple[str, float]]]) -> None:
    said = certificates(*([text for text, _ in lines] for lines in drawn))
    predictions = of_lines(*([{"I50": sure} for _, sure in lines] for lines in drawn))
    found = decide(BY_LINE.certified(None, PROMISE), predictions, said)
    assert found.lines is not None
    automatic = found.lines.automatic
    runs = itertools.pairwise(said.first_line.tolist())
    assert found.automatic.tolist() == [start < stop and bool(automatic[start:stop].all()) for start, stop in runs]
