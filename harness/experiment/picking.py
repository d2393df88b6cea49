"""The stage pick: from the rows of a run to ``pick.json``."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import RunError
from harness.experiment import selection
from harness.files import Row
from harness.run.folder import FROZEN, RunFolder


def make_pick(run: RunFolder) -> Row:
    """Pick from the rows of a run, and write ``pick.json``.

    Raises
    ------
    RunError
        The run has not got so far.
    """
    decided, refitted, certified = run.stage("decide"), run.stage("refit"), run.stage("certify")
    corpus = run.corpus()
    calibration = "calibration" in corpus["roles"]
    if decided is None or refitted is None or (calibration and certified is None):
        raise RunError(
            f"a pick needs a run that is certified, but {run.name} is not; harness resume {run.name} goes on with it"
        )
    promises = (certified or {}).get("promises", {})
    gone = (certified or {}).get("lost", {})
    speeds = (certified or {}).get("speeds", {})
    models = [
        model | _cost(model, refitted["models"], speeds)
        for model in decided["models"]
        if model["model"] in refitted["models"] and model["model"] not in gone
    ]
    limits = _limits(run)
    found = selection.pick(
        models,
        promises,
        run.meta()["objective"],
        calibration=calibration,
        ties=(certified or {}).get("ties", ()),
        limits=limits,
    )
    found["rejected"] = sorted(
        found["rejected"] + _lost_before(refitted["lost"], gone, decided["models"]), key=lambda row: str(row["model"])
    )
    earlier = (certified or {}).get("earlier_readings", 0)
    found |= {
        "shortlist": [
            {
                "model": model["model"],
                "shortlisted": model["shortlisted"],
                "reason": model["reason"],
                "promise": promises.get(model["model"]),
            }
            for model in decided["models"]
        ],
        "warnings": _warnings(run) + _unmeasured(found["model"], models, limits),
        "earlier_readings": earlier,
    }
    run.write_pick(found)
    return found


def _limits(run: RunFolder) -> selection.Limits:
    """As the run began with them: from its rows alone, so that the pick can be made again without its configuration."""
    meta = run.meta()
    return selection.Limits(meta.get("max_bytes"), meta.get("min_certificates_per_second"))


def _cost(model: Row, refitted: Mapping[str, Row], speeds: Mapping[str, float]) -> Row:
    """Bytes of a model and of its witnesses, which are shipped with it, and its speed, which counts them already.

    Either is None where it was not measured.
    """
    return {
        "bytes": selection.shipped_bytes(model, refitted),
        "certificates_per_second": speeds.get(model["model"]),
    }


def _unmeasured(name: str | None, models: list[Row], limits: selection.Limits) -> list[str]:
    """A limit that the pick could not be held against."""
    picked = next((model for model in models if model["model"] == name), None)
    if picked is None or limits.min_certificates_per_second is None or picked["certificates_per_second"] is not None:
        return []
    return [
        "The speed of the pick was not measured, so automation.min_certificates_per_second could not be asked of it."
    ]


def _lost_before(refit: Mapping[str, str], certify: Mapping[str, str], models: list[Row]) -> list[Row]:
    """Why each finalist that was lost before the pick could not be picked."""
    searched = {model["model"] for model in models if model["kind"] != "floor"}
    ways = ((refit, "could not be fitted again"), (certify, "could not predict calibration"))
    return [
        {"model": name, "reason": f"it {what} ({reason})"}
        for gone, what in ways
        for name, reason in gone.items()
        if name in searched
    ]


def lost(run: RunFolder) -> list[str]:
    """Each witness that could not be asked, each finalist or floor that was lost on the way, and why."""
    silent = (run.stage("decide") or {}).get("silent", {})
    ways = (("refit", "be fitted again"), ("certify", "predict calibration"), ("score", "predict held-out years"))
    return [f"{model} could not be asked as a witness ({reason})" for model, reason in sorted(silent.items())] + [
        f"{model} could not {what} ({reason})"
        for stage, what in ways
        for model, reason in sorted((run.stage(stage) or {}).get("lost", {}).items())
    ]


def _warnings(run: RunFolder) -> list[str]:
    """What to watch."""
    corpus, warnings = run.corpus(), []
    if "heldout" not in corpus["roles"]:
        warnings.append("There are no held-out years: nothing confirms the pick.")
    frozen = run.stage(FROZEN) or {}
    if "refused" in frozen:
        warnings.append(f"{frozen['refused'][0].upper()}{frozen['refused'][1:]}.")
    if corpus["quarantine"]["total"]:
        warnings.append(f"{corpus['quarantine']['total']:,} rows could not be read and were left out.")
    return warnings + [f"{sentence}." for sentence in lost(run)]


def _runs(n: int) -> str:
    return f"{n} earlier run{'' if n == 1 else 's'}"


def notes(run: RunFolder, found: Row) -> list[str]:
    """What the page says at its own places, for those who read the command's output alone."""
    said = []
    if run.corpus()["generated"]:
        said.append("the certificates are generated text: these results test the plumbing, not medicine")
    if found["earlier_readings"] and found["promise"] is not None:
        said.append(
            f"the same calibration certificates were read by {_runs(found['earlier_readings'])}: what was changed "
            "since in the light of those results makes this promise weaker than it says"
        )
    return said
