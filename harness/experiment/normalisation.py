"""The normalisation study: does it help to bring the text into the experts' standard wording first?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from harness.config import RunConfig
from harness.experiment import normaliser, wordings
from harness.experiment.arms import Arm, check_families, of_arms, smoke_study
from harness.experiment.comparing import compare_stage
from harness.experiment.curves import measure_stage
from harness.experiment.gains import Pair, best, between
from harness.experiment.heldout import HeldOut
from harness.experiment.normaliser import SEQ2SEQ
from harness.experiment.normalising import Learnt, normalised
from harness.experiment.tuning import not_tuned, shares, tune
from harness.experiment.work import Work
from harness.families import FAMILIES
from harness.families import family as family_named
from harness.families.family import Predictions, Written
from harness.files import Row
from harness.run.study import NORMALISATION, NORMALISER, WORDINGS, StudyFolder, prediction_name

CODE, NORMALISE, JOINT = "code", "normalise", "joint"
TASKS = (CODE, NORMALISE, JOINT)  # of the family seq2seq
WRITES, LEARNS = 4.0, 3.0  # times the share of the budget that a coder has which does not learn in epochs


def arms(config: RunConfig, *, by_line: bool = True) -> tuple[Arm, ...]:
    """The three tasks of one encoder-decoder, and each coder on raw text, on normalised text and on both."""
    unit = "line" if by_line else "certificate"
    tasks = [Arm(task, SEQ2SEQ, {"task": task, "unit": unit}, weight=WRITES) for task in TASKS]
    coders: list[Arm] = []
    for family in config.study.coders:
        weight = LEARNS if family in FAMILIES and family_named(family).reports else 1.0
        coders.append(Arm(family, family, weight=weight))
        coders += [Arm(f"{family}-{use}", family, use=use, weight=weight) for use in normaliser.USES]
    return (*tasks, *coders)


def for_study(config: RunConfig, place: str) -> RunConfig:
    """The configuration as the study reads it.

    Raises
    ------
    ConfigError, UnknownName
        There are no held-out years, or a coder is none.
    """
    found = of_arms(config, arms(config), place)
    check_families(config.study.coders, _coders(), "study.coders", "families that are no encoder-decoder", place)
    return found


def _coders() -> list[str]:
    return [name for name in FAMILIES if family_named(name).kind != "encoder-decoder"]


def meta(config: RunConfig) -> Row:
    """What ``run.json`` says of the study besides what it says of every run."""
    return {
        "kind": NORMALISATION,
        "arms": [arm.name for arm in arms(config)],
        "coders": list(config.study.coders),
        "sizes": ["1"],
        "seeds": config.study.seeds,
        "folds": config.study.folds,
    }


def smoke(config: RunConfig) -> RunConfig:
    """The same study, small: every arm, two folds."""
    return smoke_study(config, arms(config), folds=2)


def run(work: Work, study: StudyFolder, heldout: HeldOut) -> list[str]:
    """Tune the tasks, make the normaliser of the better one, tune the coders, fit all, compare; what is missing, and why."""
    mine = arms(work.config, by_line=work.store.by_line)
    share = shares(work.config, mine)
    tuned = [tune(work, study, arm, share[arm.name]) for arm in mine if arm.family == SEQ2SEQ]
    made = normaliser.normaliser_stage(work, study, [row for row in tuned if row["arm"] != CODE])
    stores = normaliser.stores(work, study, made)
    for arm in mine:
        if arm.family == SEQ2SEQ:
            continue
        if arm.use != "raw" and made["reason"]:
            tuned.append(study.stage_of(arm.name) or not_tuned(study, arm, made["reason"]))
        else:
            tuned.append(tune(work, study, arm, share[arm.name], None if arm.use == "raw" else stores[arm.use]))
    work.note({"search_seconds": round(sum(arm["wall_seconds"] for arm in tuned), 1)})
    missing = [f"{NORMALISER} ({made['reason']})"] if made["reason"] else []
    missing += [
        f"{row['arm']} has no finished trial ({row['reason']})"
        for row in tuned
        if row["reason"] and row["reason"] != made["reason"]
    ]
    learnt = cache(lambda: Learnt.of(work.corpus("train"), work.known()))
    missing += measure_stage(work, study, mine, tuned, heldout, stores, _columns(heldout, learnt))
    compare_stage(work, study, pairs(tuned, work.config.study.coders), heldout)
    _wordings(work, study, heldout, learnt)
    return missing


def pairs(tuned: Sequence[Row], coders: Sequence[str]) -> list[Pair]:
    """What the study asks. Which task and which coder are compared as the best of theirs, validation has chosen."""
    asked = [
        (NORMALISE, NORMALISE, CODE),
        (JOINT, JOINT, CODE),
        ("over_baseline", best(tuned, TASKS), best(tuned, coders)),
        *((f"{coder}-{use}", f"{coder}-{use}", coder) for coder in coders for use in normaliser.USES),
    ]
    return between(tuned, asked)


def _columns(heldout: HeldOut, learnt: Callable[[], Learnt]) -> Callable[[Arm, Predictions], Row]:
    """What a row of this study says besides: which text the arm read, and how well it wrote."""
    by_line = heldout.corpus.by_line is not None

    def columns(arm: Arm, codes: Predictions) -> Row:
        return {"text": arm.use, **normalised(heldout.corpus, codes.written, by_line, learnt)}

    return columns


def _wordings(work: Work, study: StudyFolder, heldout: HeldOut, learnt: Callable[[], Learnt]) -> None:
    """Write the numbers behind the table of standard wordings."""
    fits: dict[str, dict[int, Written]] = {}
    for arm in (NORMALISE, JOINT):
        rows = [row for row in study.rows() if row["arm"] == arm and row["status"] == "done"]
        found = {row["seed"]: study.predictions(prediction_name(arm, "1", row["seed"])).written for row in rows}
        if found:
            fits[arm] = {seed: written for seed, written in sorted(found.items()) if written is not None}
    ceilings = None
    if work.config.corpus.format == "synthetic" and work.store.by_line:
        ceilings = wordings.generated_ceilings(work.config.corpus.synthetic, work.store.years["heldout"], learnt())
    rows = wordings.wordings(heldout.corpus, learnt, fits, seed=work.config.search.seed, ceilings=ceilings)
    study.write_figure(WORDINGS, rows)
