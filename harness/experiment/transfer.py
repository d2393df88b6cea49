"""The transfer study from its first trial to its page: tune every arm, fit it at every size, compare."""

from __future__ import annotations

import time
from collections.abc import Sequence

from harness.errors import PartlyDone
from harness.experiment.arms import arms
from harness.experiment.curves import measure_stage
from harness.experiment.gains import BySeed, compare, pairs
from harness.experiment.heldout import HeldOut
from harness.experiment.tuning import tune
from harness.experiment.work import Work
from harness.files import Row
from harness.leaderboard.study import findings
from harness.leaderboard.study_page import write_study_page
from harness.run.study import CURVES, GAINS, StudyFolder, prediction_name
from harness.search.worker import sample_size


def run_study(work: Work) -> Row:
    """Every stage in turn; each leaves rows behind, and what is there is not done again.

    Returns
    -------
    The sentences that state the gains, and under ``missing`` the arms that could not be tuned and the fits that failed.
    """
    study = StudyFolder(work.run.path)
    started, before = time.monotonic(), float(study.meta().get("wall_seconds", 0.0))
    heldout = HeldOut.of(work.corpus("heldout"), work.corpus("train"))
    try:
        tuned = [tune(work, study, arm) for arm in arms(work.config)]
        work.note({"search_seconds": round(sum(arm["wall_seconds"] for arm in tuned), 1)})
        missing = [f"{arm['arm']} has no finished trial ({arm['reason']})" for arm in tuned if arm["reason"]]
        missing += measure_stage(work, study, tuned, heldout)
    except (PartlyDone, KeyboardInterrupt):
        work.note({"wall_seconds": round(time.monotonic() - started + before, 1)})
        write_study_page(study)  # it says what there is, and that the study is unfinished
        raise
    compare_stage(work, study, tuned, heldout)
    work.note({"wall_seconds": round(time.monotonic() - started + before, 1)})
    write_study_page(study)
    work.tidy()
    return {"findings": [finding.sentence for finding in findings(study)], "missing": missing}


def compare_stage(work: Work, study: StudyFolder, tuned: Sequence[Row], heldout: HeldOut) -> None:
    """Write the numbers behind the learning curves and the gains; a size without fits has gains that are undefined."""
    done = [row for row in study.rows() if row["status"] == "done"]
    wanted = pairs(tuned, work.config.study.baselines)
    curves: list[Row] = []
    gains: list[Row] = []
    for share in work.config.study.sizes:
        size = str(share)
        mine = [row for row in done if row["size"] == size]
        at = {"size": size, "n_train": sample_size(len(work.store.roles["train"]), float(share))}
        by_arm = {arm["arm"]: _counts(study, mine, arm["arm"], heldout) for arm in tuned}
        scores, found = compare(
            {arm: counts for arm, counts in by_arm.items() if counts}, wanted, seed=work.config.search.seed
        )
        curves += [{**at, **row} for row in scores]
        gains += [{**at, **row} for row in found]
    study.write_figure(CURVES, curves)
    study.write_figure(GAINS, gains)


def _counts(study: StudyFolder, rows: Sequence[Row], arm: str, heldout: HeldOut) -> BySeed:
    return {
        row["seed"]: heldout.counts(study.predictions(prediction_name(arm, row["size"], row["seed"])))
        for row in sorted(rows, key=lambda row: int(row["seed"]))
        if row["arm"] == arm
    }
