"""The stage that compares a study's arms: the numbers behind its curves and gains."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from harness.experiment.gains import BySeed, Pair, compare
from harness.experiment.heldout import HeldOut
from harness.experiment.work import Work
from harness.files import Row
from harness.run.study import CURVES, GAINS, StudyFolder, prediction_name
from harness.search.worker import sample_size


def compare_stage(work: Work, study: StudyFolder, wanted: Sequence[Pair], heldout: HeldOut) -> None:
    """Write the numbers behind the learning curves and the gains; a size without fits has gains that are undefined."""
    done = [row for row in study.rows() if row["status"] == "done"]
    curves: list[Row] = []
    gains: list[Row] = []
    for size in study.meta()["sizes"]:
        mine = [row for row in done if row["size"] == size]
        at = {"size": size, "n_train": sample_size(len(work.store.roles["train"]), float(Fraction(size)))}
        by_arm = {arm: _counts(study, mine, arm, heldout) for arm in study.meta()["arms"]}
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
