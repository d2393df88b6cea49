"""An arm of a study, what is tuned of it, and how a tuned arm is fitted on fewer certificates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from annotated_types import Le
from pydantic.fields import FieldInfo

from harness.config import RunConfig
from harness.errors import ConfigError, UnknownName
from harness.experiment.check import smoke
from harness.families import FAMILIES, frame
from harness.families import family as family_named
from harness.families.normalised import Use
from harness.files import Row
from harness.search.space import Dimension, Scalar, Space

START, EPOCHS = "start", "epochs"
MOST_GROWTH = 4.0  # of the epochs
SMOKE_SHARE = 20.0  # seconds for the tuning of an arm


@dataclass(frozen=True, slots=True)
class Arm:
    """A family, some of its parameters fixed, and the text that it reads.

    Attributes
    ----------
    fixed : values of parameters that make the arm what it is
    use : the text as it was written, or what a normaliser wrote of it
    weight : the arm's share of the budget is its part of all arms' weights
    """

    name: str
    family: str
    fixed: Mapping[str, Scalar] = field(default_factory=dict)
    use: Use = "raw"
    weight: float = 1.0

    def space(self, space: Space) -> Space:
        """The family's space with the arm's own values; whatever is conditional on them follows."""
        if not self.fixed:
            return space
        own = {name: Dimension(value=value) for name, value in self.fixed.items()}
        return replace(space, dimensions={**own, **space.dimensions, **own})


def of_arms(config: RunConfig, arms: Sequence[Arm], place: str) -> RunConfig:
    """The configuration as a study reads it: with its arms' families, without the years that certify a promise.

    Raises
    ------
    ConfigError
        There are no held-out years.
    """
    if config.corpus.columns.role is None and not config.years.heldout:
        raise ConfigError(
            f"years.heldout must name at least one year: a study compares its arms on held-out certificates ({place})"
        )
    families = tuple(dict.fromkeys(arm.family for arm in arms))
    return config.model_copy(
        update={
            "years": config.years.model_copy(update={"calibration": ()}),
            "search": config.search.model_copy(update={"families": families, "budget": config.study.budget}),
        }
    )


def check_families(names: Sequence[str], allowed: Sequence[str], key: str, what: str, place: str) -> None:
    """Refuse a family that a study does not know or has no use for, or that is named twice; ``what`` it must be.

    Raises
    ------
    ConfigError, UnknownName
        One line with the key, the rule, the value and the file.
    """
    for name in names:
        if name not in FAMILIES:
            raise UnknownName(f"{key} must hold {', '.join(allowed)}, but got {name!r} ({place})")
        if name not in allowed or names.count(name) > 1:
            raise ConfigError(f"{key} must hold, once each, {what}, but got {name!r} ({place})")


def smoke_study(config: RunConfig, arms: Sequence[Arm], **fewer: Any) -> RunConfig:
    """The same study, as small as it can be while every arm is still tuned and compared; ``fewer`` of ``[study]``."""
    small, budget = smoke(config), min(config.study.budget, SMOKE_SHARE * sum(arm.weight for arm in arms))
    return small.model_copy(
        update={
            "search": small.search.model_copy(update={"budget": budget}),
            "study": small.study.model_copy(update={"seeds": 2, "budget": budget, **fewer}),
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
