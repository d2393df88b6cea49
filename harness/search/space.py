"""Search spaces: one TOML file a family becomes checked dimensions; Optuna draws from them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isclose
from pathlib import Path
from typing import Any

import optuna
from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import SpaceError
from harness.families import family as family_named
from harness.families import frame
from harness.families.examples import FrameParameters

Scalar = str | int | float | bool
PACKAGED = (Path(__file__).parent.parent / "search_spaces", Path(__file__).parent.parent.parent / "search_spaces")


class Dimension(BaseModel):
    """One hyper-parameter as its TOML states it."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    range: tuple[Any, Any] | None = None
    choices: tuple[Any, ...] | None = None
    value: Any = None
    default: Any = None
    log: bool = False
    step: Any = None
    when: Mapping[str, tuple[Any, ...]] = {}


@dataclass(frozen=True, slots=True)
class Space:
    """The dimensions of one family, checked against its Parameters."""

    family: str
    dimensions: Mapping[str, Dimension]
    whole: frozenset[str]

    def defaults(self) -> dict[str, Scalar]:
        """The first trial: each dimension at its default."""
        found: dict[str, Scalar] = {}
        for name, dimension in self.dimensions.items():
            if _active(dimension, found):
                found[name] = dimension.value if dimension.value is not None else dimension.default
        return found

    def suggest(self, trial: optuna.trial.BaseTrial) -> dict[str, Scalar]:
        """Draw the dimensions that are active, in the file's order."""
        found: dict[str, Scalar] = {}
        for name, dimension in self.dimensions.items():
            if not _active(dimension, found):
                continue
            if dimension.value is not None:
                found[name] = dimension.value
            elif dimension.choices is not None:
                found[name] = trial.suggest_categorical(name, dimension.choices)
            elif dimension.range is not None:
                low, high = dimension.range
                if name in self.whole:
                    found[name] = trial.suggest_int(name, low, high, log=dimension.log, step=dimension.step or 1)
                else:
                    found[name] = trial.suggest_float(name, low, high, log=dimension.log, step=dimension.step)
        return found

    def offered(self, *, by_line: bool, code_list: bool, lexicon: bool, years: int, covariates: bool) -> Space:
        """Without what a corpus cannot offer: ``years`` of training, codes by line, a code list, dictionaries, covariates."""
        missing = {
            name
            for name, there in (
                ("hits", code_list or lexicon),
                ("lexicon", code_list or lexicon),
                ("half_life", years > 1),
                ("covariates", covariates),
            )
            if name in self.dimensions and not there
        }
        dimensions = {name: dimension for name, dimension in self.dimensions.items() if name not in missing}
        unit = dimensions.get("unit")
        if not by_line and unit is not None:
            only = {"choices": None, "value": "certificate", "default": None}
            dimensions["unit"] = unit.model_copy(update=only)
        return self if dimensions == self.dimensions else Space(self.family, dimensions, self.whole - missing)

    def plain(self) -> dict[str, dict[str, Any]]:
        """The space as its TOML states it."""
        return {
            name: dimension.model_dump(mode="json", exclude_defaults=True)
            for name, dimension in self.dimensions.items()
        }

    def most_steps(self) -> int:
        """The most steps that a trial of this space may ask for."""
        found = self.defaults()
        for name, dimension in self.dimensions.items():
            found = max(({**found, name: value} for value in _extremes(dimension)), key=self._steps)
        return self._steps(found)

    def _steps(self, parameters: Mapping[str, Scalar]) -> int:
        return family_named(self.family).most_steps(frame.part(self.family, parameters)[1])


def _active(dimension: Dimension, found: Mapping[str, Scalar]) -> bool:
    return all(found.get(name) in values for name, values in dimension.when.items())


def load_space(family: str, folders: tuple[Path, ...] = ()) -> Space:
    """Read ``<family>.toml`` from the first of some folders, the package or the checkout that has it.

    Raises
    ------
    SpaceError
        A typo or an impossible range: rule, value, choices and place in one line.
    """
    for folder in (*folders, *PACKAGED):
        path = folder / f"{family}.toml"
        if path.is_file():
            try:
                raw = tomllib.loads(path.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise SpaceError(f"a search space must be TOML: {error} ({path.name})") from None
            return check_space(family, raw, path.name)
    raise SpaceError(f"the family {family} needs a search space {family}.toml, and no folder has it")


def check_space(family: str, raw: Mapping[str, Any], place: str) -> Space:
    """Check a space as its TOML states it."""
    parameters = {**FrameParameters.model_fields, **family_named(family).Parameters.model_fields}
    known = tuple(parameters)
    dimensions: dict[str, Dimension] = {}
    for name, value in raw.items():
        if name not in known:
            raise SpaceError(f"{name} is not a parameter of {family}; they are {', '.join(known)} ({place})")
        if not isinstance(value, dict):
            raise SpaceError(
                f"{name} must be a table such as {{ range = [1, 5], default = 2 }}, but got {value!r} ({place})"
            )
        try:
            dimension = Dimension.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            if first["type"] == "extra_forbidden":
                raise SpaceError(
                    f"{name}.{key} is not a key; they are {', '.join(Dimension.model_fields)} ({place})"
                ) from None
            raise SpaceError(f"{name}.{key}: {first['msg']}, but got {first['input']!r} ({place})") from None
        whole = parameters[name].annotation is int
        _check(family, name, dimension, whole, dimensions, place)
        dimensions[name] = dimension
    whole_names = frozenset(name for name in dimensions if parameters[name].annotation is int)
    return Space(family, dimensions, whole_names)


def _check(
    family: str, name: str, dimension: Dimension, whole: bool, before: Mapping[str, Dimension], place: str
) -> None:
    kinds = [kind for kind in ("range", "choices", "value") if getattr(dimension, kind) is not None]
    if len(kinds) != 1:
        raise SpaceError(
            f"{name} must have exactly one of range, choices and value, but has {', '.join(kinds) or 'none'} ({place})"
        )
    for key in ("log", "step"):
        if getattr(dimension, key) and dimension.range is None:
            raise SpaceError(f"{name}.{key} must stand beside a range, but stands beside {kinds[0]} ({place})")
    for other, values in dimension.when.items():
        allowed = _values(before[other]) if other in before else None
        if other not in before or (allowed is not None and any(value not in allowed for value in values)):
            choices = (
                f"one of {', '.join(map(str, allowed))}"
                if allowed
                else f"a parameter above it ({', '.join(before) or 'none'})"
            )
            raise SpaceError(f"{name}.when.{other} must be {choices}, but got {', '.join(map(str, values))} ({place})")
    if dimension.range is not None:
        low, high = dimension.range
        number = int if whole else (int, float)
        if any(not isinstance(bound, number) or isinstance(bound, bool) for bound in (low, high)) or not (
            -inf < low < high < inf
        ):
            rule = "two whole numbers" if whole else "two finite numbers"
            raise SpaceError(f"{name}.range must be {rule}, the lower first, but got {[low, high]!r} ({place})")
        if dimension.log and (low <= 0 or dimension.step is not None):
            raise SpaceError(f"{name}.log needs a range above zero and no step, but got {[low, high]!r} ({place})")
        if dimension.step is not None and not (isinstance(dimension.step, number) and dimension.step > 0):
            raise SpaceError(f"{name}.step must be a number above zero, but got {dimension.step!r} ({place})")
        if not (isinstance(dimension.default, number) and low <= dimension.default <= high):
            raise SpaceError(f"{name}.default must lie in {[low, high]!r}, but got {dimension.default!r} ({place})")
        if dimension.step is not None and not _on_grid(dimension.default - low, dimension.step):
            raise SpaceError(
                f"{name}.default must be {low!r} and some steps of {dimension.step!r}, but got {dimension.default!r} ({place})"
            )
    elif dimension.choices is not None and dimension.default not in dimension.choices:
        raise SpaceError(
            f"{name}.default must be one of {', '.join(map(str, dimension.choices))}, but got {dimension.default!r} ({place})"
        )
    for value in _extremes(dimension):
        try:
            frame.part(family, {name: value})
        except SpaceError as error:
            raise SpaceError(f"{error} ({place})") from None


def _on_grid(distance: float, step: float) -> bool:
    return isclose(distance / step, round(distance / step), abs_tol=1e-6)


def _extremes(dimension: Dimension) -> tuple[Any, ...]:
    """The values between which, or among which, a dimension lies."""
    return dimension.range or _values(dimension) or ()


def _values(dimension: Dimension) -> tuple[Any, ...] | None:
    return (
        dimension.choices if dimension.choices is not None else None if dimension.value is None else (dimension.value,)
    )
