"""The verdict: what it says of rows worked by hand, in every case that a run can end in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_run import PICK, write_run

from harness.leaderboard.audit import audited, judge
from harness.leaderboard.rows import Evidence, read
from harness.leaderboard.verdict import Verdict, verdict

Row = dict[str, Any]
SP = "\N{NO-BREAK SPACE}"
EMPTY = Evidence(meta={}, corpus={}, trials=(), scorecards=(), pick=None, curves=())
CORPUS: Row = {"fingerprint": "f", "generated": False, "roles": {"calibration": {"years": [2019]}}}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return read(write_run(tmp_path_factory.mktemp("runs") / "20260302-093012"))


def promise(**changes: Any) -> Row:
    made = {"made": True, "risk": 0.02, "confidence": 0.95, "candidates": 3, "coverage": 0.5, "n": 1000, "needed": None}
    return {**made, "accepted": 500, "wrong": 3, "unit": "certificate", "reason": "promised", "steps": [], **changes}


def card(model: str = "a", role: str = "heldout", year: str = "2020", **changes: Any) -> Row:
    row: Row = {"model": model, "family": "f", "kind": "baseline", "role": role, "year": year, "unit": "certificate"}
    row |= {"n": 1000, "coverage": 0.48, "risk": 0.0125, "risk_low": 0.005, "risk_high": 0.019, "micro_f1": 0.8}
    row |= {"certificates_per_second": 200.0, "bytes": 18_400_000, "fit_seconds": 14.21, "reason": None}
    return {**row, **changes}


def found(promised: Row | None = None, cards: tuple[Row, ...] | None = None, **changes: Any) -> Verdict:
    """The verdict on a run that picked ``a``."""
    pick: Row = {"model": "a", "family": "f", "promise": promised, "reasons": [], "shortlist": []}
    values: dict[str, Any] = {"corpus": CORPUS, "pick": pick, "scorecards": (card(),) if cards is None else cards}
    return verdict(replace(EMPTY, **values | changes))


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


# the sentence that is read first -------------------------------------------------------------------------------------


def test_a_kept_promise_is_one_sentence_with_coverage_promise_audit_and_cost() -> None:
    """480 of 1,000 were automatic, 6 of them wrong; a second codes 200 certificates, one takes 5 ms."""
    assert found(promise()).claim == (
        f"a (5.0{SP}ms a certificate; 18.4{SP}MB saved; fitted in 14.2{SP}s) codes 50.0{SP}% of the certificates without a "
        f"person and promises, with 95{SP}% confidence, that at most 2{SP}% of these are wrong; in 2020 it coded 48.0{SP}%, "
        f"6 of 480 were wrong (1.25{SP}% [0.50, 1.90{SP}%]), and the promise was kept."
    )


@pytest.mark.parametrize(
    ("changes", "state", "headline", "words"),
    [
        (
            {"risk": 0.05, "risk_low": 0.03, "risk_high": 0.08},
            "broken",
            "break the promise",
            "do not rely on the promise",
        ),
        ({"risk_high": 0.04}, "undecided", "neither confirm nor refute", "neither confirms nor refutes the promise"),
        (
            {"risk": None, "risk_low": None, "risk_high": None, "coverage": 0.0},
            "unaudited",
            "nothing confirms it yet",
            "no held-out certificate was automatic",
        ),
    ],
)
def test_other_audits(changes: Row, state: str, headline: str, words: str) -> None:
    said = found(promise(), (card(**changes),))
    assert said.state == state
    assert headline in said.headline
    assert words in said.claim


def test_without_held_out_years_the_promise_stands_unconfirmed() -> None:
    said = found(promise(), (card(role="calibration", year="2019"),))
    assert (said.state, said.audits) == ("unaudited", ())
    assert said.claim.endswith("there are no held-out years, so nothing confirms it.")


def test_a_promise_by_line_speaks_of_lines() -> None:
    line = card(unit="line", n=3000)
    said = found(promise(unit="line"), (card(risk=None, risk_low=None, risk_high=None),), lines=(line,))
    assert "codes 50.0\N{NO-BREAK SPACE}% of the lines" in said.claim
    assert "18 of 1,440 were wrong" in said.claim
    assert [(audit.unit, bool(audit.promised)) for audit in said.audits] == [("line", True)]


def test_where_no_promise_can_be_made_it_says_how_many_certificates_it_lacks() -> None:
    impossible = "impossible: 101 certificates passed the gate, and at least 149 are needed to promise 2 %"
    none = promise(made=False, coverage=0.0, reason=impossible)
    said = found({**none, "needed": 2600})
    assert (said.state, said.headline) == ("none", "No promise is made: every certificate needs a person.")
    assert said.claim.endswith("about 1,600 more calibration certificates would be needed, beside the 1,000 there are.")
    assert found({**none, "needed": 900}).claim.endswith("so every certificate needs a person.")
    assert said.promise is not None
    assert said.promise.reason == impossible


def test_without_calibration_years_nothing_is_promised() -> None:
    said = found(None, corpus={**CORPUS, "roles": {}})
    assert said.state == "none"
    assert "there are no calibration years, so nothing is promised" in said.claim
    assert "it was not certified, so nothing is promised" in found(None).claim


def test_without_a_pick_the_verdict_says_so() -> None:
    said = found(pick={"model": None, "promise": None, "reasons": ["No model lies within the limits."]})
    assert (said.state, said.headline, said.why) == ("none", "No model was picked.", "")
    assert said.claim.startswith("No model was picked")


@pytest.mark.parametrize(
    ("earlier", "words"),
    [
        (None, "resume it to end it."),
        (0, "No other run has certified on its calibration years."),
        (2, f"Its calibration years were read by 2{SP}earlier runs before"),
    ],
)
def test_an_unfinished_run_says_how_often_its_calibration_was_read_before(earlier: int | None, words: str) -> None:
    said = verdict(replace(EMPTY, meta={} if earlier is None else {"earlier_readings": earlier}))
    assert (said.state, said.headline) == ("unfinished", "unfinished: the certificates have not been read to the end")
    assert words in said.claim


def test_costs_that_were_not_measured_are_left_out() -> None:
    silent = card(certificates_per_second=None, bytes=None, fit_seconds=None)
    assert found(promise(), (silent,)).claim.startswith("a codes 50.0")


# why it won ----------------------------------------------------------------------------------------------------------


def shortlist(**promises: Row | None) -> Row:
    entries = [{"model": name, "shortlisted": True, "reason": None, "promise": one} for name, one in promises.items()]
    return {"model": "a", "family": "f", "promise": promises["a"], "reasons": [], "shortlist": entries}


def test_the_largest_promise_won() -> None:
    said = found(pick=shortlist(a=promise(), b=promise(coverage=0.41), c=promise(made=False, coverage=0.0)))
    assert (
        said.why
        == f"It won as the one of 3{SP}candidates that promises the most, 50.0{SP}%; the next is b with 41.0{SP}%."
    )


def test_the_only_certified_one_won() -> None:
    said = found(pick=shortlist(a=promise(), b=promise(made=False, coverage=0.0)))
    assert said.why == f"It won as the only one of 3{SP}candidates that could be certified."


@pytest.mark.parametrize(
    ("speeds", "sizes", "words"),
    [
        ({"a": 300.0, "b": 250.0}, (10_000_000, 90_000_000), f"as the smaller one (10.0{SP}MB against 90.0{SP}MB)"),
        ({"a": 300.0, "b": 100.0}, (90_000_000, 10_000_000), f"as the faster one (3.3{SP}ms against 10{SP}ms)"),
        ({"a": 300.0, "b": 300.0}, (10_000_000, 10_000_000), "It won a tie: b promises"),
    ],
)
def test_a_tie_is_broken_by_cost(speeds: Row, sizes: tuple[int, int], words: str) -> None:
    """As the pick itself does: speed where it differs by more than a factor of two, then size."""
    ties = [{"first": "b", "second": "a", "difference": 0.01, "low": -0.01, "high": 0.03}]
    promises = {"a": promise(), "b": promise(coverage=0.52)}
    cards = tuple(
        card(model, role, bytes=size)
        for model, size in zip("ab", sizes, strict=True)
        for role in ("calibration", "heldout")
    )
    said = found(
        pick=shortlist(**promises),
        scorecards=cards,
        certified={"promises": promises, "ties": ties, "speeds": speeds},
    )
    assert words in said.why
    assert f"b promises 52.0{SP}%, but validation does not show that a covers less." in said.why


def test_without_a_promise_the_best_on_validation_won() -> None:
    cards = (card("a", "validation", micro_f1=0.81), card("b", "validation", micro_f1=0.79))
    pick = shortlist(a=None, b=None)
    said = found(pick=pick, scorecards=cards, meta={"objective": "micro_f1"})
    assert said.why == "It won with micro-F1 0.8100 on validation; the next is b with 0.7900."
    augrc = tuple(row | {"augrc": value} for row, value in zip(cards, (0.04, 0.05), strict=True))
    said = found(pick=pick, scorecards=augrc, meta={"objective": "augrc"})
    assert said.why == "It won with AUGRC 0.0400 on validation; the next is b with 0.0500."


def test_an_ensemble_is_named_as_such() -> None:
    weights = {"linear-3": 0.6, "bag-1": 0.4}
    row = card("a", "validation", kind="ensemble", parameters=weights)
    assert found(promise(), (card(), row)).why.endswith(f"It is the weighted mean of 2{SP}trials.")


# what to watch -------------------------------------------------------------------------------------------------------


def test_a_year_that_breaks_or_falls_is_to_be_watched_where_all_years_do_not() -> None:
    worse: Row = {"risk": 0.05, "risk_low": 0.03, "risk_high": 0.08}
    cards = (card(year="all", n=2000), card(year="2020"), card(year="2021", coverage=0.44, **worse))
    said = found(promise(), cards)
    assert said.state == "kept"
    assert said.watch == (
        "The promise was broken in 2021, looked at alone.",
        f"In 2021 only 44.0{SP}% was automatic, where 50.0{SP}% was promised.",
    )
    assert found(promise(), (*cards[:2], card(year="2021", coverage=0.45))).watch == ()  # nine tenths are enough


def test_alarms_that_ring_earlier_readings_warnings_and_generated_text_are_to_be_watched() -> None:
    alarms = (
        {"alarm": "words", "year": 2020, "model": "a", "rings": True},
        {"alarm": "words", "year": 2021, "model": "a", "rings": False},
        {"alarm": "words", "year": 2021, "model": "b", "rings": True},
        {"alarm": "practice", "year": 2021, "model": None, "rings": True},
    )
    pick = {"model": "a", "promise": promise(), "earlier_readings": 2, "warnings": ["41 rows could not be read."]}
    said = found(pick=pick, alarms=alarms, corpus={**CORPUS, "generated": True})
    assert said.watch == (
        "The words alarm rings in 2020: the texts hold more that is new.",
        "The practice alarm rings in 2021: some codes are given in a new way.",
        f"The same calibration certificates were read by 2{SP}earlier runs; the confidence is that of a first reading, so the "
        "promise is weaker than it says.",
        "41 rows could not be read.",
        "The certificates are generated text: nothing here holds for real ones.",
    )


# the audit table -----------------------------------------------------------------------------------------------------


def test_each_held_out_year_stands_below_all_together(evidence: Evidence) -> None:
    (certificates, lines) = audited(evidence)
    row = evidence.row(PICK, "heldout")
    assert row is not None
    first = certificates.slices[0]
    assert first.accepted == round(row["coverage"] * row["n"])
    assert first.wrong == round(row["risk"] * first.accepted)
    assert [one.label for one in certificates.slices] == ["held-out 2020–2021", "2020", "2021"]
    assert first.hours == f"{row['hours_saved']:,.1f}"
    assert (certificates.promised, lines.promised) == (f"2{SP}%", "")
    assert {one.state for one in lines.slices} == {"none"}


def test_one_year_is_shown_once_and_its_places_lie_on_one_scale() -> None:
    """The scale ends at 4 %, twice what was promised."""
    (table,) = found(promise(), (card(year="all"), card(year="2020"))).audits
    (one,) = table.slices
    assert one.place == (12.5, 31.25, 47.5, 50.0)


def test_nothing_automatic_has_its_reason() -> None:
    silent: Row = dict.fromkeys(("coverage", "risk", "risk_low", "risk_high", "hours_saved"))
    (table,) = found(promise(), (card(**silent, reason="impossible: too few."),)).audits
    assert (table.reason, table.slices[0].state, table.slices[0].risk) == ("impossible: too few", "unaudited", "–")
    (other,) = found(promise(), (card(**silent),)).audits
    assert other.reason == "no certificate reached the threshold"


@pytest.mark.parametrize(
    ("given", "promised"),
    [
        (promise(), {"certificate": True, "line": False}),
        (promise(unit="line"), {"line": True, "certificate": False}),
        ({**promise(), "line": promise(unit="line")}, {"certificate": True, "line": True}),
        ({**promise(made=False), "line": promise(unit="line")}, {"line": True, "certificate": False}),
        (None, {"certificate": False, "line": False}),
    ],
)
def test_a_unit_is_judged_only_where_it_is_promised(given: Row | None, promised: dict[str, bool]) -> None:
    audits = found(given, lines=(card(unit="line"),)).audits
    assert {audit.unit: bool(audit.promised) for audit in audits} == promised
    assert list(promised) == [audit.unit for audit in audits]  # what is promised comes first
    for audit in audits:
        assert audit.slices[0].state == ("kept" if promised[audit.unit] else "none")


# the pick's back-test, its tests, and its scores ----------------------------------------------------------------------


def window(audit: int, verdict: str, **changes: Any) -> Row:
    return {"model": "a", "audit": audit, "verdict": verdict, "hyper_parameters_saw_later": False, **changes}


@pytest.mark.parametrize(
    ("saw_later", "words"),
    [
        (False, "In the back-test the promise was broken in 2019, 2021: in 2 of 3{SP}windows."),
        (
            True,
            "In the back-test the promise was broken in 2019, 2021: in 2 of 3{SP}windows, those included whose "
            "hyper-parameters saw later years, which flatters.",
        ),
    ],
)
def test_a_back_test_of_the_pick_that_broke_is_to_be_watched(saw_later: bool, words: str) -> None:
    rows = (
        window(2019, "broken", hyper_parameters_saw_later=saw_later),
        window(2020, "kept"),
        window(2021, "broken"),
        window(2022, "broken", model="b"),
    )
    assert words.replace("{SP}", SP) in found(promise(), backtest=rows).watch
    kept = found(promise(), backtest=(window(2020, "kept"), window(2022, "broken", model="b")))
    assert not any("back-test" in one for one in kept.watch)


def test_the_level_that_each_test_must_pass_is_said() -> None:
    row = promise(delta=0.05 / 3)
    made = found(row).promise
    assert made is not None
    assert made.test == f"A test passes at a p-value of at most 0.0167: 5{SP}% shared by 3{SP}candidates."
    both = found(row | {"delta": 0.05 / 6, "promises": 2}).promise
    assert both is not None
    assert "0.00833: 5" in both.test
    assert "one for lines" in both.test


def test_an_ensembles_scores_are_told_apart_and_it_has_no_family() -> None:
    reasons = ["Its validation micro_f1 is 0.9866; the best of all is 0.9899 (b)."]
    pick: Row = {"model": "a", "family": "committee", "promise": promise(), "reasons": reasons, "shortlist": []}
    ours = found(pick=pick, cards=(card(kind="ensemble"),))
    assert ours.family == ""
    assert ours.reasons == ("Its validation micro-F1 is 0.9866; the best of all is 0.9899 (b).",)
    assert "saw these certificates, and flatters" in ours.note
    alone = found(pick=pick, cards=(card(),))
    assert (alone.family, alone.note) == ("committee", "")


def test_an_ensemble_that_won_by_its_validation_score_says_what_the_score_is() -> None:
    cards = (card(kind="ensemble", role="validation"), card("b", role="validation"))
    assert "Its score is of weights that saw these certificates, and flatters." in found(cards=cards).why
    assert "flatters" not in found(cards=(card(role="validation"), card("b", role="validation"))).why
