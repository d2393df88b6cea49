"""The transfer study: what pretraining gains, and at which number of training certificates."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from harness.config import RunConfig
from harness.experiment.arms import START, Arm, check_families, of_arms, smoke_study
from harness.experiment.bases import ADAPTED
from harness.experiment.comparing import compare_stage
from harness.experiment.curves import measure_stage
from harness.experiment.gains import Pair, best, between
from harness.experiment.heldout import HeldOut
from harness.experiment.tuning import shares, tune
from harness.experiment.work import Work
from harness.families import FAMILIES
from harness.families import family as family_named
from harness.files import Row
from harness.run.study import TRANSFER, StudyFolder

ENCODER, LINEAR = "encoder", "linear"
RANDOM, PRETRAINED = "random", "pretrained"
STARTS = (RANDOM, PRETRAINED, ADAPTED)  # of the encoder: what its weights are before it learns from codes


def arms(config: RunConfig) -> tuple[Arm, ...]:
    """The encoder's three starts, the candidates for the best neural baseline, and the linear model."""
    return (
        *(Arm(start, ENCODER, {START: start}) for start in STARTS),
        *(Arm(family, family) for family in config.study.baselines),
        Arm(LINEAR, LINEAR),
    )


def for_study(config: RunConfig, place: str) -> RunConfig:
    """The configuration as the study reads it.

    Raises
    ------
    ConfigError, UnknownName
        There are no held-out years, or a baseline is none.
    """
    found = of_arms(config, arms(config), place)
    what = "neural families that are no arm already"
    check_families(config.study.baselines, _baselines(), "study.baselines", what, place)
    return found


def _baselines() -> list[str]:
    """The baselines that learn in epochs from nothing: a study calls the best of them the best neural baseline."""
    found = {name: family_named(name) for name in FAMILIES if name not in (ENCODER, LINEAR)}
    return [name for name, family in found.items() if family.kind == "baseline" and family.reports]


def meta(config: RunConfig) -> Row:
    """What ``run.json`` says of the study besides what it says of every run."""
    return {
        "kind": TRANSFER,
        "arms": [arm.name for arm in arms(config)],
        "baselines": list(config.study.baselines),
        "sizes": [str(size) for size in config.study.sizes],
        "seeds": config.study.seeds,
    }


def smoke(config: RunConfig) -> RunConfig:
    """The same study, small: every arm at two sizes."""
    return smoke_study(config, arms(config), sizes=(Fraction(1, 4), Fraction(1)))


def run(work: Work, study: StudyFolder, heldout: HeldOut) -> list[str]:
    """Tune every arm, fit it at every size, compare; what is missing, and why."""
    mine = arms(work.config)
    share = shares(work.config, mine)
    tuned = [tune(work, study, arm, share[arm.name]) for arm in mine]
    work.note({"search_seconds": round(sum(arm["wall_seconds"] for arm in tuned), 1)})
    missing = [f"{arm['arm']} has no finished trial ({arm['reason']})" for arm in tuned if arm["reason"]]
    missing += measure_stage(work, study, mine, tuned, heldout)
    compare_stage(work, study, pairs(tuned, work.config.study.baselines), heldout)
    return missing


def pairs(tuned: Sequence[Row], baselines: Sequence[str]) -> list[Pair]:
    """What the study asks. Which arm stands for transfer, and which for the neural baselines, validation has chosen."""
    transfer, neural = best(tuned, (PRETRAINED, ADAPTED)), best(tuned, baselines)
    asked = (
        ("over_neural", transfer, neural),
        ("over_linear", transfer, LINEAR),
        ("pretraining", PRETRAINED, RANDOM),
        ("adaptation", ADAPTED, PRETRAINED),
    )
    return between(tuned, asked)
