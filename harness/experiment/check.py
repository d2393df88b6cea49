"""Everything that can be wrong with a configuration is found before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.config import RunConfig
from harness.corpus.builder import ReadResult
from harness.corpus.codes import CodeList, icd10, read_code_list
from harness.corpus.dictionaries import Dictionaries, read_dictionaries
from harness.corpus.formats import CLUSTERED, WHOLE, Reader, reader
from harness.decision.always import check_patterns
from harness.decision.confidence import ESTIMATORS
from harness.decision.rule import DISAGREEMENT
from harness.errors import ConfigError, UnknownName
from harness.experiment.bases import check_bases
from harness.families import FAMILIES
from harness.families import family as family_named
from harness.families.family import SequenceParameters
from harness.search.space import Space, load_space

SMOKE_TRIALS = 1
SMOKE_CERTIFICATES = 250  # of each year
OWN_LIST = "synthetic"


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration whose names all stand for something."""

    config: RunConfig
    read: Reader
    spaces: Mapping[str, Space]
    code_list: CodeList | None
    dictionaries: Dictionaries | None


def check(config: RunConfig, folder: Path) -> Checked:
    """Resolve the names of a configuration; ``folder`` is where its own search spaces may lie."""
    repeated = {name for name in config.search.families if config.search.families.count(name) > 1}
    if repeated:
        raise ConfigError(
            f"search.families must name each family once, but names {', '.join(sorted(repeated))} more often"
        )
    for name in config.search.families:
        if name not in FAMILIES:
            raise UnknownName(f"search.families must hold {', '.join(FAMILIES)}, but got {name!r}")
    for name in config.automation.witnesses:
        if name not in FAMILIES:
            raise UnknownName(f"automation.witnesses must hold {', '.join(FAMILIES)}, but got {name!r}")
    if DISAGREEMENT in config.automation.gates and not config.automation.witnesses:
        raise ConfigError(
            f'automation.witnesses must name a family where automation.gates holds "{DISAGREEMENT}": it stops what a '
            "witness codes in another way, but got []"
        )
    check_patterns(config.automation.always_person)
    _check_estimators(config)
    if config.promise.unit != "certificate" and config.corpus.format in WHOLE:
        raise ConfigError(
            f"promise.unit must be certificate with the format {config.corpus.format}, whose lines have no codes of their "
            f"own, but got {config.promise.unit!r}"
        )
    if config.promise.cluster is not None and config.corpus.format not in CLUSTERED:
        raise ConfigError(
            f"promise.cluster must be left out with the format {config.corpus.format}, which has no such column; "
            f"the formats {', '.join(sorted(CLUSTERED))} read one"
        )
    spaces = config.search.spaces
    if spaces is not None and not spaces.is_dir():
        raise ConfigError(f"search.spaces must be a folder, but got {spaces}")
    folders = ((spaces,) if spaces is not None else ()) + (folder / "search_spaces",)
    loaded = {name: load_space(name, folders) for name in config.search.families}
    check_bases(loaded)
    return Checked(
        config=config,
        read=reader(config.corpus.format),
        spaces=loaded,
        code_list=_code_list(config),
        dictionaries=_dictionaries(config),
    )


def with_own_list(checked: Checked, read: ReadResult) -> CodeList | None:
    """The code list of the configuration, which may be the one that the source brings with it."""
    return read.code_list if checked.config.corpus.codes == OWN_LIST else checked.code_list


def _check_estimators(config: RunConfig) -> None:
    """Each name must be known, and each family must have one of them."""
    asked, witnesses = config.automation.estimators, config.automation.witnesses
    for name in asked:
        if name not in ESTIMATORS:
            raise UnknownName(f"automation.estimators must hold {', '.join(ESTIMATORS)}, but got {name!r}")
    for family in config.search.families if asked else ():
        lacking = (
            set() if issubclass(family_named(family).Parameters, SequenceParameters) else {"log_probability", "gap"}
        )
        if not any(witness != family for witness in witnesses):
            lacking.add("agreement")
        has = [name for name, estimator in ESTIMATORS.items() if not lacking.intersection(estimator.needs)]
        if not set(asked) & set(has):
            raise ConfigError(
                f"automation.estimators must leave each family one that it has: {family} has {', '.join(has)}, but got "
                f"{', '.join(asked)}"
            )


def _code_list(config: RunConfig) -> CodeList | None:
    named = config.corpus.codes
    if named is None or (named == OWN_LIST and config.corpus.format == "synthetic"):
        return None
    if named == "icd-10":
        return icd10()
    if not named.lower().endswith(".csv"):
        raise ConfigError(
            f'corpus.codes must be a CSV file, "icd-10", or "{OWN_LIST}" with the format synthetic, but got {named!r}'
        )
    return read_code_list(Path(named))


def _dictionaries(config: RunConfig) -> Dictionaries | None:
    corpus = config.corpus
    return (
        read_dictionaries(corpus.dictionaries, corpus.encoding, corpus.code_separator) if corpus.dictionaries else None
    )


def smoke(config: RunConfig) -> RunConfig:
    """The same configuration, as small as it can be while every stage still runs."""
    small = config.corpus.synthetic.model_copy(
        update={
            "certificates": min(config.corpus.synthetic.certificates, 2_000),
            "codes": min(config.corpus.synthetic.codes, 60),
        }
    )
    return config.model_copy(
        update={
            "corpus": config.corpus.model_copy(update={"synthetic": small}),
            "search": config.search.model_copy(
                update={
                    "trials": SMOKE_TRIALS,
                    "budget": min(config.search.budget, 60.0),
                    "adaptation": min(config.search.adaptation, 10.0),
                }
            ),
        }
    )
