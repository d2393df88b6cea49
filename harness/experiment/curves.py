"""The learning curves of a study: every tuned arm fitted again at each training size, with each seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from harness.corpus.store import Store
from harness.experiment.arms import Arm, on_part
from harness.experiment.heldout import HeldOut
from harness.experiment.tuning import shares, trial_time
from harness.experiment.work import Work
from harness.families.family import Predictions
from harness.families.normalised import Use
from harness.files import Row
from harness.run.study import StudyFolder, prediction_name
from harness.search.measure import Measured, MeasureSpec
from harness.search.worker import sample_size

Point = tuple[str, str, int]  # arm, size, seed
PATIENCE = 3.0  # times as long as a trial may take: a fit repeats one, but never ends early with what it has


def measure_stage(
    work: Work,
    study: StudyFolder,
    arms: Sequence[Arm],
    tuned: Sequence[Row],
    heldout: HeldOut,
    stores: Mapping[Use, Store] | None = None,
    more: Callable[[Arm, Predictions], Row] = lambda arm, codes: {},
) -> list[str]:
    """Fit the points that are not there yet; each row is written when its fit ends.

    Parameters
    ----------
    tuned : what was frozen of each arm that was tuned
    stores : the certificates of arms that do not read the text as it was written, by the text that they read
    more : columns of a row, from the codes that the held-out certificates were given and what was written of them

    Returns
    -------
    Which points are missing, and why.
    """
    there = {(row["arm"], row["size"], row["seed"]) for row in study.rows()}
    frozen = {row["arm"]: row for row in tuned if row["parameters"] is not None}
    by_name = {arm.name: arm for arm in arms if arm.name in frozen}
    points = [point for point in _points(study, list(by_name)) if point not in there]
    if points:
        work.say(f"fitting {len(points)} models: arms, sizes and seeds")
    share = shares(work.config, arms)
    specs = []
    for arm, size, seed in points:
        one = by_name[arm]
        store = work.store if one.use == "raw" else (stores or {})[one.use]
        specs.append(_spec(work, one, frozen[arm], store, size, seed, trial_time(work.config, share[arm])))
    for place, found in work.cluster.measure(specs):
        arm, size, seed = points[place]
        row = {**_point(work, frozen[arm], size, seed), "parameters": dict(specs[place].fit.parameters)}
        if isinstance(found, Measured) and found.score is not None:
            study.save_predictions(prediction_name(arm, size, seed), found.codes)
            row |= _fitted(found) | heldout.scores(found.codes, work.config.search.seed)
            row |= more(by_name[arm], found.codes)
        else:
            row |= {"status": "failed", "reason": found.reason}
        study.add_row(row)
        work.say(f"[{len(study.rows())}] {arm} on {_part(size)} of train, seed {seed}: {_said(row)}")
    return [
        f"{row['arm']} on {_part(row['size'])} of train, seed {row['seed']} ({row['reason']})"
        for row in study.rows()
        if row["status"] == "failed"
    ]


def _points(study: StudyFolder, arms: Sequence[str]) -> list[Point]:
    """Seed by seed, the longest fits first."""
    meta = study.meta()
    return [(arm, str(size), seed) for seed in range(meta["seeds"]) for size in reversed(meta["sizes"]) for arm in arms]


def _spec(work: Work, arm: Arm, frozen: Row, store: Store, size: str, seed: int, trial: float) -> MeasureSpec:
    """One seed draws the certificates and starts the fit, for every arm alike.

    What a fit on a part makes on its way is of no use to others, so that it goes with the fit.
    """
    share, own = float(Fraction(size)), work.config.search.seed + seed
    parameters, steps = on_part(arm.family, frozen["parameters"], frozen["steps"], share)
    fit = replace(
        work.spec(),
        family=arm.family,
        store=str(store.path),
        parameters=parameters,
        seed=own,
        steps=steps,
        device=work.cluster.device(arm.family),
        sample=None if share == 1.0 else (share, own),
        cache=work.cache if share == 1.0 else "",
    )
    validation, heldout = (work.store.roles[role] for role in ("validation", "heldout"))
    limit = PATIENCE * trial * (1.0 + len(heldout) / len(validation))
    return MeasureSpec(fit, validation, heldout, limit)


def _point(work: Work, frozen: Row, size: str, seed: int) -> Row:
    return {
        "run": work.run.name,
        **{key: frozen[key] for key in ("arm", "family", "kind")},
        "size": size,
        "n_train": sample_size(len(work.store.roles["train"]), float(Fraction(size))),
        "seed": seed,
        "role": "heldout",
    }


def _part(size: str) -> str:
    return "all" if size == "1" else size


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
