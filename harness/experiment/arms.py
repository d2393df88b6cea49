"""The arms of a transfer study, what is tuned of each, and how a tuned arm is fitted on fewer certificates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf
from typing import Any

from annotated_types import Le
from pydantic.fields import FieldInfo

from harness.config import RunConfig
from harness.errors import ConfigError, UnknownName
from harness.experiment.bases import ADAPTED
from harness.experiment.check import smoke
from harness.families import FAMILIES, frame
from harness.families import family as family_named
from harness.files import Row
from harness.run.study import KIND
from harness.search.space import Dimension, Space

ENCODER = "encoder"
LINEAR = "linear"
RANDOM, PRETRAINED = "random", "pretrained"
STARTS = (RANDOM, PRETRAINED, ADAPTED)  # of the encoder
START = "start"
EPOCHS = "epochs"
MOST_GROWTH = 4.0  # of the epochs
SMOKE_BUDGET = 120.0


@dataclass(frozen=True, slots=True)
class Arm:
    """A family, and for the encoder what its weights are before it learns from codes; empty for other families."""

    name: str
    family: str
    start: str = ""

    def space(self, space: Space) -> Space:
        """The family's space with the arm's own start; whatever is conditional on it follows."""
        if not self.start:
            return space
        return replace(space, dimensions={**space.dimensions, START: Dimension(value=self.start)})


def arms(config: RunConfig) -> tuple[Arm, ...]:
    """The encoder's three starts, the candidates for the best neural baseline, and the linear model."""
    return (
        *(Arm(start, ENCODER, start) for start in STARTS),
        *(Arm(family, family) for family in config.study.baselines),
        Arm(LINEAR, LINEAR),
    )


def for_study(config: RunConfig, place: str) -> RunConfig:
    """The configuration as a study reads it: with its arms' families, without the years that certify a promise.

    Raises
    ------
    ConfigError, UnknownName
        There are no held-out years, or a baseline is none.
    """
    if config.corpus.columns.role is None and not config.years.heldout:
        raise ConfigError(
            f"years.heldout must name at least one year: a study compares its arms on held-out certificates ({place})"
        )
    for name in config.study.baselines:
        if name not in FAMILIES:
            raise UnknownName(f"study.baselines must hold {', '.join(_baselines())}, but got {name!r} ({place})")
        if name not in _baselines() or config.study.baselines.count(name) > 1:
            raise ConfigError(
                f"study.baselines must hold, once each, neural families that are no arm already, but got {name!r} ({place})"
            )
    families = tuple(dict.fromkeys(arm.family for arm in arms(config)))
    return config.model_copy(
        update={
            "years": config.years.model_copy(update={"calibration": ()}),
            "search": config.search.model_copy(update={"families": families, "budget": config.study.budget}),
        }
    )


def _baselines() -> list[str]:
    """The baselines that learn in epochs from nothing: a study calls the best of them the best neural baseline."""
    found = {name: family_named(name) for name in FAMILIES if name not in (ENCODER, LINEAR)}
    return [name for name, family in found.items() if family.kind == "baseline" and family.reports]


def study_meta(config: RunConfig) -> Row:
    """What ``run.json`` says of a study besides what it says of every run."""
    return {
        "kind": KIND,
        "arms": [arm.name for arm in arms(config)],
        "baselines": list(config.study.baselines),
        "sizes": [str(size) for size in config.study.sizes],
        "seeds": config.study.seeds,
    }


def smoke_study(config: RunConfig) -> RunConfig:
    """The same study, as small as it can be while every arm is still tuned and compared at two sizes."""
    small, budget = smoke(config), min(config.study.budget, SMOKE_BUDGET)
    fewer = {"sizes": (Fraction(1, 4), Fraction(1)), "seeds": 2, "budget": budget}
    return small.model_copy(
        update={
            "search": small.search.model_copy(update={"budget": budget}),
            "study": small.study.model_copy(update=fewer),
        }
    )


def on_part(family: str, parameters: Mapping[str, Any], steps: int, share: float) -> tuple[Row, int | None]:
    """Parameters and frozen number of steps of a tuned arm on a share of the training certificates.

    Fewer certificates make an epoch shorter, so that the same epochs would be too few steps: they grow with
    share^-0.5, at most fourfold, and never over what the family allows. The epochs that a fall of the learning rate is
    spread over, and those after which the tuned fit was at its best, grow alike.
    """
    known = family_named(family)
    field = known.Parameters.model_fields.get(EPOCHS)
    if not known.reports or field is None:
        return dict(parameters), steps if known.reports else None
    epochs = known.most_steps(frame.part(family, parameters)[1])
    growth = max(1.0, min(share**-0.5, MOST_GROWTH, _most(field) / epochs))
    return {**parameters, EPOCHS: round(epochs * growth)}, max(1, round(steps * growth))


def _most(field: FieldInfo) -> float:
    """The largest value that a parameter may have."""
    bounds: list[Any] = [rule.le for rule in field.metadata if isinstance(rule, Le)]
    return min(bounds, default=inf)
