"""The studies by their kind: what each of them asks, and the one course that all of them take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.config import RunConfig
from harness.errors import PartlyDone
from harness.experiment import normalisation, transfer
from harness.experiment.arms import Arm
from harness.experiment.heldout import HeldOut
from harness.experiment.readings import fingerprints, readings_of, record
from harness.experiment.work import Work
from harness.files import Row
from harness.leaderboard.index import refresh_index
from harness.leaderboard.study.kinds import findings
from harness.leaderboard.study.page import write_study_page
from harness.run.study import NORMALISATION, TRANSFER, StudyFolder


@dataclass(frozen=True, slots=True)
class Study:
    """What a kind of study does.

    Attributes
    ----------
    command : as a user types it
    arms : of a configuration
    prepare : the configuration as the study reads it, checked; the second argument names its file
    smoke : the same, as small as it can be
    meta : what ``run.json`` says besides
    run : every stage in turn; what is missing, and why
    needs_wording : whether it has nothing to ask where neither certificates nor code list word the codes
    """

    command: str
    arms: Callable[[RunConfig], Sequence[Arm]]
    prepare: Callable[[RunConfig, str], RunConfig]
    smoke: Callable[[RunConfig], RunConfig]
    meta: Callable[[RunConfig], Row]
    run: Callable[[Work, StudyFolder, HeldOut], list[str]]
    needs_wording: bool = False


READ = "read"  # the stage that says that held-out years are read

STUDIES: Mapping[str, Study] = {
    TRANSFER: Study("study transfer", transfer.arms, transfer.for_study, transfer.smoke, transfer.meta, transfer.run),
    NORMALISATION: Study(
        "study normalise",
        normalisation.arms,
        normalisation.for_study,
        normalisation.smoke,
        normalisation.meta,
        normalisation.run,
        needs_wording=True,
    ),
}


def run_study(work: Work) -> Row:
    """Every stage in turn; each leaves rows behind, and what is there is not done again.

    Returns
    -------
    The sentences that state the gains, and under ``missing`` the arms that could not be tuned and the fits that failed.
    """
    study = StudyFolder(work.run.path)
    started, before = time.monotonic(), float(study.meta().get("wall_seconds", 0.0))
    heldout = HeldOut.of(work.corpus("heldout"), work.corpus("train"))
    if study.stage(READ) is None:
        years = fingerprints(work.store, "heldout")
        record(readings_of(study.path), study.name, "heldout", years, work.config_digest())
        study.write_stage(READ, {"years": sorted(years)})
    try:
        missing = STUDIES[study.meta()["kind"]].run(work, study, heldout)
    except (PartlyDone, KeyboardInterrupt):
        work.note({"wall_seconds": round(time.monotonic() - started + before, 1)})
        write_study_page(study)  # it says what there is, and that the study is unfinished
        refresh_index(study)
        raise
    work.note({"wall_seconds": round(time.monotonic() - started + before, 1)})
    write_study_page(study)
    refresh_index(study)
    work.tidy()
    return {"findings": [finding.sentence for finding in findings(study)], "missing": missing}
