"""The base models that search spaces name, looked at before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import SpaceError
from harness.families import family as family_named
from harness.families.torch_parts.pretrained import FRESH, base_folder
from harness.search.space import Space

ADAPTED = "adapted"  # of the parameter ``start``


def check_bases(spaces: Mapping[str, Space]) -> None:
    """See that every base model is there, and that there is one alone where it is to be adapted.

    Raises
    ------
    SpaceError
        A base is neither the packaged one nor a folder of a model, or the spaces offer to adapt more than one.
    """
    for space in spaces.values():
        for base in (base for base in values(space, "base") if base != FRESH):
            try:
                base_folder(base)
            except SpaceError as error:
                raise SpaceError(f"{error} ({space.family}.toml)") from None
    to_adapt(spaces)


def to_adapt(spaces: Mapping[str, Space]) -> tuple[str, str] | None:
    """The family and the base to adapt, where a space offers it."""
    offering = {name: space for name, space in spaces.items() if ADAPTED in values(space, "start")}
    pairs = [(family, base) for family, space in offering.items() for base in values(space, "base")]
    if len({base for _, base in pairs}) > 1:
        raise SpaceError(
            f"base must have one value where start offers {ADAPTED}, but has {', '.join(base for _, base in pairs)}"
            f" ({', '.join(f'{name}.toml' for name in offering)})"
        )
    return pairs[0] if pairs else None


def values(space: Space, name: str) -> tuple[Any, ...]:
    """The values that a trial of a space may have for a parameter; none where its family does not have it."""
    dimension = space.dimensions.get(name)
    if dimension is not None:
        return dimension.choices if dimension.choices is not None else (dimension.value,)
    field = family_named(space.family).Parameters.model_fields.get(name)
    return () if field is None else (field.default,)
