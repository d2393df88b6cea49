"""What calibration certificates allow to promise of a frozen candidate, for a run and for a back-test."""

from __future__ import annotations

from typing import Any

from harness.config import RunConfig
from harness.corpus.certificate import Corpus
from harness.decision.promise import Promise, certify
from harness.decision.promise_lines import certify_lines
from harness.decision.rule import Decisions
from harness.experiment.scoring import judge, judge_lines
from harness.files import Row

CERTIFICATE, LINE = "certificate", "line"


def units(config: RunConfig) -> tuple[str, ...]:
    """What the configuration asks to promise, the first of which a pick goes by."""
    return (CERTIFICATE, LINE) if config.promise.unit == "both" else (config.promise.unit,)


def promises(
    config: RunConfig, frozen: Row, calibration: Corpus, decisions: Decisions, candidates: int
) -> dict[str, Promise]:
    """A promise of each unit that is asked for and that the model decides, by unit.

    Parameters
    ----------
    frozen : what was ``expected`` of the candidate on validation, and its ``design_effect``
    candidates : how many share the confidence
    """
    asked, found = config.promise, {}
    shared: dict[str, Any] = {
        "risk": asked.risk,
        "confidence_level": asked.confidence,
        "candidates": candidates,
        "promises": len(units(config)),
        "design_effect": frozen["design_effect"],
    }
    for unit in units(config):
        if unit not in frozen["expected"]:
            continue
        expected = {
            "expected_coverage": frozen["expected"][unit]["coverage"],
            "validation_risk": frozen["expected"][unit]["risk"],
        }
        if unit == CERTIFICATE:
            errors = judge(calibration, decisions).errors
            found[unit] = certify(errors, decisions.confidence, decisions.eligible, **shared, **expected)
        elif decisions.lines is not None:
            found[unit] = certify_lines(
                judge_lines(calibration, decisions),
                decisions.lines.confidence,
                decisions.lines.eligible,
                calibration.texts.certificate_of_line,
                seed=config.search.seed,
                **shared,
                **expected,
            )
    return found
