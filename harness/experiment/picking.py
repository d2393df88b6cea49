"""The stage pick: from the rows of a run to ``pick.json``."""

from __future__ import annotations

from harness.errors import RunError
from harness.experiment import selection
from harness.files import Row
from harness.run.folder import RunFolder


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
    models = [
        model for model in decided["models"] if model["model"] in refitted["models"] and model["model"] not in gone
    ]
    found = selection.pick(models, promises, run.meta()["objective"], calibration=calibration)
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
        "warnings": _warnings(run),
        "earlier_readings": earlier,
    }
    run.write_pick(found)
    return found


def lost(run: RunFolder) -> list[str]:
    """Each finalist or floor that was lost on the way, and why."""
    ways = (("refit", "be fitted again"), ("certify", "predict calibration"), ("score", "predict held-out years"))
    return [
        f"{model} could not {what} ({reason})"
        for stage, what in ways
        for model, reason in sorted((run.stage(stage) or {}).get("lost", {}).items())
    ]


def _warnings(run: RunFolder) -> list[str]:
    """What to watch."""
    corpus, warnings = run.corpus(), []
    if "heldout" not in corpus["roles"]:
        warnings.append("There are no held-out years: nothing confirms the pick.")
    if corpus["quarantine"]["total"]:
        warnings.append(f"{corpus['quarantine']['total']:,} rows could not be read and were left out.")
    return warnings + [f"{sentence}." for sentence in lost(run)]


def notes(run: RunFolder, found: Row) -> list[str]:
    """What the page says at its own places, for those who read the command's output alone."""
    said = []
    if run.corpus()["generated"]:
        said.append("the certificates are generated text: these results test the plumbing, not medicine")
    if found["earlier_readings"] and found["promise"] is not None:
        said.append(
            f"the same calibration certificates were read by {found['earlier_readings']} earlier runs: what was changed "
            "since in the light of those results makes this promise weaker than it says"
        )
    return said
