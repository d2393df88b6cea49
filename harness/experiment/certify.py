"""The stage certify: one reading of the calibration years."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypedDict

from harness.corpus.certificate import Corpus
from harness.decision.contrast import naive
from harness.decision.promise import Promise, certify
from harness.decision.promise_lines import certify_lines
from harness.decision.rule import DecisionRule, Decisions
from harness.errors import RunError
from harness.experiment.readings import READINGS, earlier, fingerprints, record
from harness.experiment.scoring import judge, judge_lines
from harness.experiment.tying import ties
from harness.experiment.work import Work
from harness.files import Row


def certify_stage(work: Work) -> None:
    """Read the calibration years once, and promise what they allow for each shortlisted candidate."""
    if "calibration" not in work.store.roles or work.run.stage("certify") is not None:
        return
    models = work.fitted()
    speeds, lost = work.predict(work.asked_models(), "calibration")
    left = [model for model in models if model["kind"] != "floor" and model["model"] not in lost]
    if not left:
        raise RunError(
            f"a run needs a finalist that can predict calibration, but none could ({'; '.join(lost.values())})"
        )
    shortlisted = [model for model in left if model["shortlisted"]]
    calibration = work.corpus("calibration")
    before = _record_reading(work)
    promises, naives = {}, {}
    for model in shortlisted:
        name = model["model"]
        rule = DecisionRule.load(work.run.model(name) / "rule")
        decisions = work.said(rule, work.run.predictions(f"calibration/{name}"), "calibration", calibration.texts)
        made = _promises(work, model, calibration, decisions, len(shortlisted))
        rule.certified(**made).save(work.run.model(name) / "rule")
        found = [promise for promise in (made["certificate"], made["line"]) if promise is not None]
        promises[name] = found[0].to_dict()  # the pick goes by certificates where both are promised
        if len(found) > 1:
            promises[name]["line"] = found[1].to_dict()
        errors = judge(calibration, decisions).errors
        contrast = naive(errors, decisions.confidence, decisions.eligible, work.config.promise.risk)
        naives[name] = asdict(contrast)
        for promise in found:
            work.say(f"{name}: {promise.reason}")
    work.run.write_stage(
        "certify",
        {
            "promises": promises,
            "naive": naives,
            "ties": _ties(work, promises),
            "earlier_readings": before,
            "speeds": speeds,
            "lost": lost,
        },
    )


class _Promises(TypedDict):
    certificate: Promise | None
    line: Promise | None


def _promises(work: Work, model: Row, calibration: Corpus, decisions: Decisions, candidates: int) -> _Promises:
    """What calibration allows to promise of each unit that the configuration asks for."""
    asked = work.config.promise
    units = ("certificate", "line") if asked.unit == "both" else (asked.unit,)
    shared: dict[str, Any] = {
        "risk": asked.risk,
        "confidence_level": asked.confidence,
        "candidates": candidates,
        "promises": len(units),
        "design_effect": model["design_effect"],
    }
    made: _Promises = {"certificate": None, "line": None}
    if "certificate" in units:
        made["certificate"] = certify(
            judge(calibration, decisions).errors,
            decisions.confidence,
            decisions.eligible,
            expected_coverage=model["expected"]["certificate"]["coverage"],
            validation_risk=model["expected"]["certificate"]["risk"],
            **shared,
        )
    if "line" in units and decisions.lines is not None:
        made["line"] = certify_lines(
            judge_lines(calibration, decisions),
            decisions.lines.confidence,
            decisions.lines.eligible,
            calibration.texts.certificate_of_line,
            expected_coverage=model["expected"]["line"]["coverage"],
            validation_risk=model["expected"]["line"]["risk"],
            seed=work.config.search.seed,
            **shared,
        )
    return made


def _record_reading(work: Work) -> int:
    """Note that these certificates' codes are read now; how many runs read them before."""
    path, years = work.run.path.parent / READINGS, fingerprints(work.store, "calibration")
    before = earlier(path, work.run.name, years, work.config_digest())
    record(path, work.run.name, "calibration", years, work.config_digest())
    return before


def _ties(work: Work, promises: Mapping[str, Row]) -> list[Row]:
    """What validation says of the automatic shares of the certified models, two by two."""
    rows: list[Row] = []
    for unit in ("certificate", "line"):
        automatic = {
            name: work.run.confidence(name, unit) >= float(promise["threshold"])
            for name, promise in promises.items()
            if promise["made"] and promise["unit"] == unit
        }
        groups = work.corpus("validation").texts.certificate_of_line if unit == "line" else None
        rows += ties(automatic, seed=work.config.search.seed, groups=groups)
    return rows
