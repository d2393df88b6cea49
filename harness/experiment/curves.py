"""The learning curves of a study: every tuned arm fitted again at each training size, with each seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from harness.experiment.arms import on_part
from harness.experiment.heldout import HeldOut
from harness.experiment.tuning import trial_time
from harness.experiment.work import Work
from harness.files import Row
from harness.run.study import StudyFolder, prediction_name
from harness.search.measure import Measured, MeasureSpec
from harness.search.worker import sample_size

Point = tuple[str, str, int]  # arm, size, seed
PATIENCE = 3.0  # times as long as a trial may take: a fit repeats one, but never ends early with what it has


def measure_stage(work: Work, study: StudyFolder, tuned: Sequence[Row], heldout: HeldOut) -> list[str]:
    """Fit the points that are not there yet; each row is written when its fit ends. Which points are missing, and why."""
    there = {(row["arm"], row["size"], row["seed"]) for row in study.rows()}
    arms = {arm["arm"]: arm for arm in tuned if arm["parameters"] is not None}
    points = [point for point in _points(work, list(arms)) if point not in there]
    if points:
        work.say(f"fitting {len(points)} points of the learning curves")
    specs = [_spec(work, arms[arm], size, seed) for arm, size, seed in points]
    for place, found in work.cluster.measure(specs):
        arm, size, seed = points[place]
        row = {**_point(work, arms[arm], size, seed), "parameters": dict(specs[place].fit.parameters)}
        if isinstance(found, Measured) and found.score is not None:
            study.save_predictions(prediction_name(arm, size, seed), found.codes)
            row |= _fitted(found) | heldout.scores(found.codes, work.config.search.seed)
        else:
            row |= {"status": "failed", "reason": found.reason}
        study.add_row(row)
        work.say(f"[{len(study.rows())}] {arm} on {size} of train, seed {seed}: {_said(row)}")
    return [
        f"{row['arm']} on {row['size']} of train, seed {row['seed']} ({row['reason']})"
        for row in study.rows()
        if row["status"] == "failed"
    ]


def _points(work: Work, arms: Sequence[str]) -> list[Point]:
    """Seed by seed, the longest fits first."""
    return [
        (arm, str(size), seed)
        for seed in range(work.config.study.seeds)
        for size in reversed(work.config.study.sizes)
        for arm in arms
    ]


def _spec(work: Work, arm: Row, size: str, seed: int) -> MeasureSpec:
    """One seed draws the certificates and starts the fit, for every arm alike.

    What a fit on a part makes on its way is of no use to others, so that it goes with the fit.
    """
    share, own = float(Fraction(size)), work.config.search.seed + seed
    parameters, steps = on_part(arm["family"], arm["parameters"], arm["steps"], share)
    fit = replace(
        work.spec(),
        family=arm["family"],
        parameters=parameters,
        seed=own,
        steps=steps,
        device=work.cluster.device(arm["family"]),
        sample=None if share == 1.0 else (share, own),
        cache=work.cache if share == 1.0 else "",
    )
    validation, heldout = (work.store.roles[role] for role in ("validation", "heldout"))
    limit = PATIENCE * trial_time(work) * (1.0 + len(heldout) / len(validation))
    return MeasureSpec(fit, validation, heldout, limit)


def _point(work: Work, arm: Row, size: str, seed: int) -> Row:
    return {
        "run": work.run.name,
        **{key: arm[key] for key in ("arm", "family", "kind")},
        "size": size,
        "n_train": sample_size(len(work.store.roles["train"]), float(Fraction(size))),
        "seed": seed,
        "role": "heldout",
    }


def _said(row: Row) -> str:
    if row["status"] == "failed":
        return str(row["reason"])
    return "no held-out code" if row["micro_f1"] is None else f"held-out micro_f1 {row['micro_f1']:.4f}"


def _fitted(found: Measured) -> Row:
    return {
        "status": "done",
        "reason": None,
        "epochs": found.fit.steps,
        "threshold": found.threshold,
        "validation_score": found.score,
        "n_labels": found.fit.n_labels,
        "fit_seconds": round(found.fit.seconds, 3),
    }
