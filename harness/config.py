"""``search.toml`` becomes a frozen, validated :class:`RunConfig`; nothing below this module checks its keys again."""

from __future__ import annotations

import itertools
import os
import re
import tomllib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from harness.errors import ConfigError

ROLES = ("train", "validation", "calibration", "heldout")
DEFAULT_FAMILIES = ("dictionary", "linear", "bag", "encoder", "seq2seq")
COVARIATES = ("age", "sex", "place", "source")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_SIZES = {"": 1, "B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}


def parse_years(value: object) -> tuple[int, ...]:
    """``"2012-2014"``, ``2012`` or a list of such; sorted, without repeats."""
    if isinstance(value, bool) or not isinstance(value, str | int | list | tuple):
        raise ValueError(f'must be years such as "2012-2017" or ["2020", "2021"], but got {value!r}')
    if isinstance(value, list | tuple):
        if not value:
            raise ValueError("must name at least one year, or be left out")
        return tuple(sorted({year for part in value for year in parse_years(part)}))
    match = re.fullmatch(r"\s*(\d{4})\s*(?:-\s*(\d{4})\s*)?", str(value))
    if match is None:
        raise ValueError(f'must be years such as "2012-2017" or ["2020", "2021"], but got {value!r}')
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ValueError(f"must not end before it begins, but got {value!r}")
    return tuple(range(first, last + 1))


def parse_duration(value: object) -> float:
    """``"90s"``, ``"10m"``, ``"1.5h"`` in seconds; a bare number is seconds."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", str(value))
    if match is None or isinstance(value, bool) or float(match[1]) <= 0:
        raise ValueError(f'must be a time above zero such as "90s", "10m" or "2h", but got {value!r}')
    return float(match[1]) * _UNITS[match[2] or "s"]


def parse_size(value: object) -> int:
    """``"6GB"`` or ``"500MB"`` in bytes; a bare number is bytes."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?B?)\s*", str(value))
    if match is None or match[2] not in _SIZES or float(match[1]) <= 0:
        raise ValueError(f'must be a size such as "6GB" or "500MB", but got {value!r}')
    return int(float(match[1]) * _SIZES[match[2]])


def parse_sizes(value: object) -> tuple[Fraction, ...]:
    """``["1/16", "1/4", "1"]``: parts of the training years, the smallest first, the whole among them."""
    parts = value if isinstance(value, list | tuple) else [value]
    texts = [str(part).replace(" ", "") for part in parts]
    good = all(re.fullmatch(r"[1-9]\d{0,5}(/[1-9]\d{0,5})?", text) for text in texts)
    sizes = tuple(sorted({Fraction(text) for text in texts})) if good else ()
    if not sizes or sizes[-1] != 1:
        raise ValueError(
            f'must be parts of the training years such as ["1/16", "1/4", "1"], the whole among them, but got {value!r}'
        )
    return sizes


def _names(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise ValueError(f"must name each once, but names {twice!r} more often")
    return values


Years = Annotated[tuple[int, ...], BeforeValidator(parse_years)]
Seconds = Annotated[float, BeforeValidator(parse_duration)]
Bytes = Annotated[int, BeforeValidator(parse_size)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Gate = Literal["unseen_word", "outside_reference", "disagreement"]
Sizes = Annotated[tuple[Fraction, ...], BeforeValidator(parse_sizes)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Columns(_Section):
    """Which columns of the office's file hold what."""

    id: str | None = None
    year: str | None = None
    date: str | None = None
    text: Names = ()
    codes: str | None = None
    line: str | None = None
    part: str | None = None
    interval: str | None = None
    standard_text: str | None = None
    age: str | None = None
    sex: str | None = None
    place: str | None = None
    source: str | None = None
    role: str | None = None
    coder: str | None = None
    cluster: str | None = Field(None, exclude=True)  # promise.cluster, where readers look for columns


class Synthetic(_Section):
    """Parameters of the generated corpus (``format = "synthetic"``)."""

    seed: int = 0
    certificates: int = Field(20_000, ge=100)
    codes: int = Field(400, ge=20, le=4000)
    first_year: int = Field(2014, ge=1900, le=2100)
    years: int = Field(8, ge=2, le=40)
    noise: float = Field(0.01, ge=0.0, le=0.5)


class CorpusConfig(_Section):
    """Where the certificates are and how they are written."""

    format: str
    path: tuple[Path, ...] = ()
    columns: Columns = Columns()
    part2: Names = ()
    code_separator: str = Field(";", min_length=1)
    indicators: Mapping[str, Names] = Field(default_factory=dict)
    codes: str | None = None
    dictionaries: tuple[Path, ...] = ()
    language: Annotated[str, Field(pattern="^[a-z]{2,3}$")] | None = None
    encoding: str = "utf-8"
    delimiter: str = Field(",", min_length=1, max_length=1)
    synthetic: Synthetic = Synthetic()


class YearsConfig(_Section):
    """Which years have which role; empty where a role column says so."""

    train: Years = ()
    validation: Years = ()
    calibration: Years = ()
    heldout: Years = ()
    refit: bool = True

    def of(self, role: str) -> tuple[int, ...]:
        years: tuple[int, ...] = getattr(self, role)
        return years


class SearchConfig(_Section):
    """What is searched, by what objective, for how long."""

    families: tuple[str, ...] = Field(DEFAULT_FAMILIES, min_length=1)
    objective: Literal["micro_f1", "macro_f1", "exact_match", "augrc"] = "micro_f1"
    budget: Seconds = 360.0
    trials: int | None = Field(None, ge=1)
    seed: int = Field(0, ge=0, lt=2**31)
    seeds: int = Field(1, ge=1, le=20)
    ensemble: bool = True
    gpus: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    spaces: Path | None = None
    trial_time: Seconds | None = None
    trial_memory: Bytes | None = None
    adaptation: Seconds = 300.0


class PromiseConfig(_Section):
    """At most ``risk`` wrong among the automatic units, with this confidence.

    Attributes
    ----------
    unit : what is promised; ``both`` parts the confidence between certificates and lines
    shortlist : how many candidates are certified at most
    cluster : the column of the office's file that says which certificates belong together (certifier, office); it
        serves the promise and is never shown to a model
    """

    risk: float = Field(0.02, gt=0.0, lt=1.0)
    confidence: float = Field(0.95, gt=0.5, lt=1.0)
    unit: Literal["certificate", "line", "both"] = "certificate"
    shortlist: int = Field(3, ge=1, le=20)
    cluster: str | None = Field(None, min_length=1)


class AutomationConfig(_Section):
    """What a person always sees, what a person's work costs, and what the model that is picked may cost.

    Attributes
    ----------
    witnesses : families whose agreement is asked, none where it is empty
    gates : what stops a certificate whatever the confidence
    estimators : of the confidence, among which validation chooses; all that a model has where it is empty
    learned_confidence : whether a confidence may be learnt of all others; back-tests of each finalist decide, which
        takes two fits for each year before validation
    minutes_per_certificate, minutes_per_line : of a person's work
    max_bytes : of the models in the bundle of the pick
    min_certificates_per_second : of the pick, as measured on the calibration years
    """

    always_person: tuple[str, ...] = ()
    witnesses: Annotated[Names, AfterValidator(_once)] = ("dictionary",)
    gates: Annotated[tuple[Gate, ...], BeforeValidator(_names), AfterValidator(_once)] = (
        "unseen_word",
        "outside_reference",
    )
    estimators: Annotated[Names, AfterValidator(_once)] = ()
    learned_confidence: bool = False
    minutes_per_certificate: float = Field(3.0, gt=0.0, allow_inf_nan=False)
    minutes_per_line: float = Field(1.0, gt=0.0, allow_inf_nan=False)
    max_bytes: Bytes | None = None
    min_certificates_per_second: float | None = Field(None, gt=0.0, allow_inf_nan=False)


class StudyConfig(_Section):
    """A study: its seeds, and the time in which all of its arms are tuned.

    ``sizes`` and ``baselines`` are the transfer study's; ``coders`` and ``folds`` the normalisation study's.
    """

    sizes: Sizes = (Fraction(1, 16), Fraction(1, 4), Fraction(1))
    seeds: int = Field(3, ge=2, le=20)
    budget: Seconds = 900.0
    baselines: Names = Field(("bag", "label_attention"), min_length=1)
    coders: Names = Field(("dictionary", "linear", "encoder"), min_length=1)
    folds: int = Field(2, ge=2, le=20)


class RunConfig(_Section):
    """The whole of ``search.toml``."""

    corpus: CorpusConfig
    years: YearsConfig = YearsConfig()
    search: SearchConfig = SearchConfig()
    promise: PromiseConfig = PromiseConfig()
    automation: AutomationConfig = AutomationConfig()
    study: StudyConfig = StudyConfig()

    @model_validator(mode="before")
    @classmethod
    def _readers_look_for_the_cluster(cls, raw: object) -> object:
        """``promise.cluster`` among the columns, where the readers of the formats look."""
        promise, corpus = (raw.get(name) if isinstance(raw, Mapping) else None for name in ("promise", "corpus"))
        cluster = promise.get("cluster") if isinstance(promise, Mapping) else None
        if not isinstance(cluster, str) or not isinstance(raw, Mapping) or not isinstance(corpus, Mapping):
            return raw
        columns = corpus.get("columns", {})
        if not isinstance(columns, Mapping):
            return raw
        return {**raw, "corpus": {**corpus, "columns": {"cluster": cluster, **columns}}}

    @model_validator(mode="after")
    def _cluster_is_named_once(self) -> RunConfig:
        if self.corpus.columns.cluster != self.promise.cluster:
            raise ValueError("corpus.columns.cluster must be left out: promise.cluster names that column")
        return self

    @model_validator(mode="after")
    def _roles_are_named_once(self) -> RunConfig:
        named = [role for role in ROLES if self.years.of(role)]
        if self.corpus.columns.role is not None:
            if named:
                raise ValueError(f"years.{named[0]} must be left out where corpus.columns.role names the roles")
            return self
        for role in ("train", "validation"):
            if role not in named:
                raise ValueError(f"years.{role} must name at least one year (or corpus.columns.role a column)")
        for earlier, later in itertools.pairwise(named):
            a, b = self.years.of(earlier), self.years.of(later)
            both = sorted(set(a) & set(b))
            if both:
                raise ValueError(f"years.{later} must not overlap years.{earlier}, but both have {_list(both)}")
            if min(b) < max(a):
                raise ValueError(
                    f"years.{later} must come after years.{earlier} ({_list(a)}), but got {_list(b)}",
                )
        return self


def _list(years: tuple[int, ...] | list[int]) -> str:
    return ", ".join(map(str, years))


def load_config(path: Path) -> RunConfig:
    """Read and check a configuration file; its relative paths are relative to its folder.

    Raises
    ------
    ConfigError
        One line with the key, the rule, the value, the choices and the file.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration must be a readable file, but got {path} ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"the configuration must be UTF-8 text ({path})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration must be TOML: {error} ({path})") from None
    return resolve(raw, path.resolve().parent, path.name)


def resolve(raw: Mapping[str, Any], folder: Path, name: str) -> RunConfig:
    """Expand variables, make paths absolute against ``folder``, validate."""
    raw = {key: dict(value) if isinstance(value, Mapping) else value for key, value in raw.items()}
    corpus, search = raw.get("corpus"), raw.get("search")
    if isinstance(corpus, dict):
        for key in ("path", "dictionaries"):
            corpus[key] = _paths(corpus.get(key, []), folder, f"corpus.{key}", name)
        if isinstance(corpus.get("codes"), str) and corpus["codes"].lower().endswith(".csv"):
            corpus["codes"] = str(_path(corpus["codes"], folder, "corpus.codes", name))
    if isinstance(search, dict) and isinstance(search.get("spaces"), str):
        search["spaces"] = _path(search["spaces"], folder, "search.spaces", name)
    try:
        return RunConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(f"{_one_line(error)} ({name})") from None


def _paths(names: object, folder: Path, key: str, name: str) -> list[Path]:
    if not isinstance(names, str | list) or not all(isinstance(text, str) for text in names):
        raise ConfigError(f"{key} must be a file name or a list of them, but got {names!r} ({name})")
    return [_path(text, folder, key, name) for text in ([names] if isinstance(names, str) else names)]


def _path(text: str, folder: Path, key: str, name: str) -> Path:
    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise ConfigError(f"{key} needs the environment variable {match[1]}, which is not set ({name})")
        return os.environ[match[1]]

    try:
        return (folder / Path(re.sub(r"\$\{(\w+)\}", value, text)).expanduser()).resolve()
    except (RuntimeError, ValueError) as error:  # no such home folder; a null character
        raise ConfigError(
            f"{key} must be a path, but got {text!r}: {str(error).rstrip('.').lower()} ({name})"
        ) from None


def _one_line(error: ValidationError) -> str:
    first, *others = error.errors(include_url=False)
    key = _key(first["loc"])
    if first["type"] == "extra_forbidden":
        model: Any = RunConfig
        for part in first["loc"][:-1]:
            model = model.model_fields[part].annotation
        keys = [name for name, field in model.model_fields.items() if not field.exclude]
        return f"{key} is not a key; the keys here are {', '.join(keys)}"
    if first["type"] == "missing":
        return f"{key} is required"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{key} {message}".strip()
    given = first["input"]
    rules = [message, *(other["msg"] for other in others if _key(other["loc"]) == key)]  # one of each allowed kind
    return f"{key}: {' or '.join(rule[0].lower() + rule[1:] for rule in rules)}, but got {given!r}"


def _key(where: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in where if not str(part).startswith(("function-", "constrained-", "literal[")))
