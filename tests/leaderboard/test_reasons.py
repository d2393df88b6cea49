"""Reasons are found by their pattern, and said again with the numbers of the page's language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.decision.contrast import naive
from harness.decision.promise import certify
from harness.decision.promise_lines import certify_lines
from harness.experiment import selection
from harness.leaderboard import reason_texts, reasons
from harness.leaderboard.reasons import knows, reason
from harness.run.folder import RunFolder

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "leaderboards").glob("example*"))
FOLDER = Path(__file__).parent.parent.parent / "leaderboards" / "example"


def written(value: Any, key: str = "") -> Iterator[str]:
    """Every reason in some rows, whatever the key that it stands under."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from written(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from written(inner, key)
    elif isinstance(value, str) and value and ("reason" in key or key in ("warnings", "sentence", "refused")):
        yield value


def rows_of(run: RunFolder) -> Iterator[Any]:
    yield from run.trials()
    yield from run.scorecards()
    yield run.pick() or {}
    for path in (*(run.path / "stages").glob("*.json"), run.path / "corpus.json"):
        yield json.loads(path.read_text(encoding="utf-8"))
    for path in (run.path / "figures").glob("*.parquet"):
        yield from run.figure(path.stem)


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_every_reason_of_the_examples_is_known(folder: Path) -> None:
    found = {one for row in rows_of(RunFolder(folder)) for one in written(row)}
    assert found or folder.name != "example"
    assert [one for one in sorted(found) if not knows(one)] == []


def test_every_reason_of_a_promise_is_known() -> None:
    """Of the real certification: made, impossible for want of certificates, and because too many are wrong."""
    sure = np.linspace(1, 0, 2000)
    few, many = np.arange(2000) % 400 == 399, np.arange(2000) % 3 == 0
    asked: dict[str, Any] = {"risk": 0.02, "confidence_level": 0.95, "expected_coverage": 0.9}
    found = [
        certify(few, sure, None, candidates=1, **asked),
        certify(few, sure, None, candidates=3, promises=2, design_effect=1.25, **asked),
        certify(many, sure, None, candidates=3, validation_risk=0.01, **asked),
        certify(many, sure, None, candidates=3, validation_risk=0.03, **asked),
        certify(many[:20], sure[:20], None, candidates=1, validation_risk=0.01, **asked),
        certify(few, sure, np.zeros(2000, bool), candidates=1, validation_risk=0.01, **asked),
    ]
    said = [promise.reason for promise in found] + [naive(errors, sure, None, 0.02).sentence for errors in (few, many)]
    assert {promise.made for promise in found} == {True, False}
    assert [one for one in said if not knows(one)] == []


def test_every_reason_of_a_promise_by_line_is_known() -> None:
    lines = np.repeat(np.arange(900), 2)
    sure = np.linspace(1, 0, 1800)
    for wrong in (np.arange(1800) % 600 == 599, np.arange(1800) % 3 == 0):
        made = certify_lines(
            wrong, sure, None, lines, risk=0.02, confidence_level=0.95, candidates=2, expected_coverage=0.9, seed=0
        )
        assert knows(made.reason), made.reason


def test_every_reason_of_the_pick_is_known() -> None:
    def model(name: str, kind: str = "baseline", **changes: Any) -> dict[str, Any]:
        row = {"model": name, "family": name, "kind": kind, "score": 0.8, "expected_coverage": 0.5, "reason": None}
        return {**row, "parameters": {}, "bytes": 1000, "certificates_per_second": 10.0, **changes}

    def promise(coverage: float, **changes: Any) -> dict[str, Any]:
        return {"made": coverage > 0, "coverage": coverage, "reason": "there are no calibration years", **changes}

    models = [model("a-1"), model("b-2", score=0.7), model("c", bytes=10), model("f", "floor"), model("d", score=0.1)]
    weights = {"a-1": 0.6, "b-2": 0.4}
    together = [*models, model("e", "ensemble", score=0.9, parameters=weights, score_in_sample=0.91)]
    ties = [{"first": "a-1", "second": "b-2", "difference": 0.02, "low": 0.01, "high": 0.03}]
    promises = {"a-1": promise(0.5), "b-2": promise(0.4), "c": promise(0.0), "d": promise(0.5)}
    both = {name: one | {"line": promise(0.3, unit="line")} for name, one in promises.items()}
    limits = selection.Limits(max_bytes=500, min_certificates_per_second=20.0)
    for promised in (promises, both, {}):
        for calibration in (True, False):
            for within in (selection.NO_LIMITS, limits, selection.Limits(min_certificates_per_second=20.0)):
                made = selection.pick(together, promised, "micro_f1", calibration=calibration, ties=ties, limits=within)
                said = [*made["reasons"], *(row["reason"] for row in made["rejected"])]
                assert [one for one in said if not knows(one)] == []
    said = [one for one in selection.shortlist(models, 1).values() if one]
    assert [one for one in said if not knows(one)] == []


def test_what_is_not_known_stays_as_it_is_but_for_folders() -> None:
    assert not knows("the moon stood wrong")
    assert reason("the moon stood wrong in /home/somebody/office/x.csv") == "the moon stood wrong in …/x.csv"
    assert reason(None) == ""


def test_a_reason_is_said_again_with_its_numbers_in_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue of this test's own: two sentences, and the words for two numbers of things."""
    texts = {
        "promised {asked}: of {calibration}, the {n} most confident that passed the gate hold {wrong}": (
            "promis {asked} : sur {calibration}, les {n} plus sûrs en ont {wrong}"
        ),
        "{pct} at {pct2} for {candidates}": "{pct} à {pct2} pour {candidates}",
        "not certified: {reason}": "non certifié : {reason}",
        "a floor is scored and never picked": "un plancher n’est jamais choisi",
    }
    monkeypatch.setattr(reasons, "spoken", lambda: "fr")
    monkeypatch.setattr("harness.leaderboard.text.spoken", lambda: "fr")

    def say(message: str, **values: object) -> str:
        return texts.get(message, message).format(**values)

    monkeypatch.setattr(reasons, "say", say)
    monkeypatch.setattr(reasons, "say_n", lambda one, many, number, **values: f"{values['n']} choses")
    reasons._again.cache_clear()
    made = (
        "promised 2.5 % at 95 % for 3 candidates: of 2,500 calibration certificates, the 913 most confident that passed the "
        "gate hold 31 wrong ones."
    )
    assert reason(made) == (
        "promis 2,5\xa0% à 95\xa0% pour 3 choses : sur 2\u202f500 choses, les 913 plus sûrs en ont 31 choses."
    )
    assert reason("not certified: a floor is scored and never picked") == (
        "non certifié : un plancher n’est jamais choisi"
    )
    assert reason("a-1 · b: ValueError at harness/x.py:3") == "a-1 · b: ValueError at harness/x.py:3"
    reasons._again.cache_clear()


def test_every_text_names_what_is_known_and_no_name_twice() -> None:
    for message in (*reason_texts.TEXTS, *reason_texts.LAST, *reason_texts.ASKED, *reason_texts.COVERED):
        names = re.findall(r"\{(\w+)\}", message)
        assert len(set(names)) == len(names)
        assert all(re.sub(r"\d", "", name) in reasons._KINDS for name in names)
