"""The stage certify: one reading of the calibration years."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from harness.decision.contrast import naive
from harness.decision.rule import DecisionRule
from harness.errors import RunError
from harness.experiment.promising import CERTIFICATE, LINE, promises
from harness.experiment.readings import earlier, fingerprints, readings_of, record
from harness.experiment.scoring import judge
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
    certified: dict[str, Row] = {}
    naives: dict[str, Row] = {}
    for model in shortlisted:
        name = model["model"]
        rule = DecisionRule.load(work.run.model(name) / "rule")
        decisions = work.said(rule, work.run.predictions(f"calibration/{name}"), "calibration", calibration.texts)
        made = promises(work.config, model, calibration, decisions, len(shortlisted))
        rule.certified(made.get(CERTIFICATE), made.get(LINE)).save(work.run.model(name) / "rule")
        first, *more = made.values()  # the pick goes by certificates where both are promised
        certified[name] = first.to_dict() | {promise.unit: promise.to_dict() for promise in more}
        errors = judge(calibration, decisions).errors
        contrast = naive(errors, decisions.confidence, decisions.eligible, work.config.promise.risk)
        naives[name] = asdict(contrast)
        for promise in made.values():
            work.say(f"{name}: {promise.reason}")
    work.run.write_stage(
        "certify",
        {
            "promises": certified,
            "naive": naives,
            "ties": _ties(work, certified),
            "earlier_readings": before,
            "speeds": speeds,
            "lost": lost,
        },
    )


def _record_reading(work: Work) -> int:
    """Note that these certificates' codes are read now; how many runs read them before."""
    path, years = readings_of(work.run.path), fingerprints(work.store, "calibration")
    before = earlier(path, work.run.name, years, work.config_digest())
    record(path, work.run.name, "calibration", years, work.config_digest())
    return before


def _ties(work: Work, certified: Mapping[str, Row]) -> list[Row]:
    """What validation says of the automatic shares of the certified models, two by two."""
    rows: list[Row] = []
    for unit in ("certificate", "line"):
        automatic = {
            name: work.run.confidence(name, unit) >= float(promise["threshold"])
            for name, promise in certified.items()
            if promise["made"] and promise["unit"] == unit
        }
        groups = work.corpus("validation").texts.certificate_of_line if unit == "line" else None
        rows += ties(automatic, seed=work.config.search.seed, groups=groups)
    return rows
