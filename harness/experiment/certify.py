"""The stage certify: one reading of the calibration years."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from harness.corpus.certificate import Corpus
from harness.decision.promise import certify
from harness.decision.rule import DecisionRule, decide
from harness.errors import RunError
from harness.experiment.scoring import judge
from harness.experiment.work import Work
from harness.files import append_row, read_rows

READINGS = "readings.jsonl"


def certify_stage(work: Work) -> None:
    """Read the calibration years once, and promise what they allow for each shortlisted candidate."""
    if "calibration" not in work.store.roles or work.run.stage("certify") is not None:
        return
    models = work.fitted()
    speeds, lost = work.predict(models, "calibration")
    left = [model for model in models if model["kind"] != "floor" and model["model"] not in lost]
    if not left:
        raise RunError(
            f"a run needs a finalist that can predict calibration, but none could ({'; '.join(lost.values())})"
        )
    shortlisted = [model for model in left if model["shortlisted"]]
    calibration = work.corpus("calibration")
    earlier = _record_reading(work, calibration)
    promises = {}
    for model in shortlisted:
        rule = DecisionRule.load(work.run.model(model["model"]) / "rule")
        decisions = decide(rule, work.run.predictions(f"calibration/{model['model']}"), calibration.texts)
        promise = certify(
            judge(calibration, decisions).errors,
            decisions.confidence,
            decisions.eligible,
            risk=work.config.promise.risk,
            confidence_level=work.config.promise.confidence,
            candidates=len(shortlisted),
            expected_coverage=model["expected_coverage"],
        )
        rule.certified(promise).save(work.run.model(model["model"]) / "rule")
        promises[model["model"]] = promise.to_dict()
        work.say(f"{model['model']}: {promise.reason}")
    work.run.write_stage("certify", {"promises": promises, "earlier_readings": earlier, "speeds": speeds, "lost": lost})


def _record_reading(work: Work, calibration: Corpus) -> int:
    """Note that these certificates' codes are read now; how many runs read them before."""
    digest = hashlib.sha256()
    for text in (calibration.texts.ids, calibration.texts.whole()):
        for value in text.to_pylist():
            digest.update(value.encode() + b"\0")
    fingerprint = digest.hexdigest()[:16]
    path = work.run.path.parent / READINGS
    earlier = {row["run"] for row in read_rows(path) if row["fingerprint"] == fingerprint} - {work.run.name}
    years = sorted(work.store.years["calibration"])
    append_row(
        path,
        {
            "run": work.run.name,
            "fingerprint": fingerprint,
            "years": years,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
    return len(earlier)
