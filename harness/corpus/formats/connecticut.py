"""``connecticut``: the state's open-data file "Accidental Drug Related Deaths" as it is; a preset over ``table``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

from harness.config import Columns, CorpusConfig
from harness.corpus.builder import ReadResult
from harness.corpus.formats import table
from harness.corpus.formats.rows import file_names, header_of
from harness.errors import ConfigError, CorpusError

CAUSE, OTHER, INJURY = "Cause of Death", "Other Significant Conditions", "Description of Injury"
COLUMNS = Columns(date="Date", text=(CAUSE, OTHER, INJURY), age="Age", sex="Sex")
REQUIRED = ("Date", CAUSE)
FREE = ("role", "coder", "place", "source")  # what an office may add to the preset
# The substances as ICD-10 codes (WHO 2019); xylazine has no code of its own. Left out: `Other` and `Other Opioid`, free
# text; `Any Opioid`, derived from the others; `Heroin/Morph/Codeine`, filled in some years only and of two codes.
SUBSTANCES: Mapping[str, tuple[str, ...]] = {
    "T40.1": ("Heroin", "Heroin death certificate (DC)"),
    "T40.2": ("Oxycodone", "Oxymorphone", "Hydrocodone", "Hydromorphone", "Morphine (Not Heroin)"),
    "T40.3": ("Methadone",),
    "T40.4": ("Fentanyl", "Fentanyl Analogue", "Tramad"),
    "T40.5": ("Cocaine",),
    "T40.6": ("Opiate NOS",),
    "T42.4": ("Benzodiazepine",),
    "T42.6": ("Gabapentin",),
    "T43.6": ("Meth/Amphetamine", "Amphet"),
    "T51.0": ("Ethanol",),
    "XYLAZINE": ("Xylazine",),
}


def read(paths: tuple[Path, ...], config: CorpusConfig, with_codes: bool) -> ReadResult:
    """Read deaths; a certificate's id is its file and row.

    Of the substances' columns those are used that a file has: the state renames some and adds others.
    """
    _refuse_others(config)
    substances = tuple(chain.from_iterable(SUBSTANCES.values()))
    notes = []
    for path, name in zip(paths, file_names(paths), strict=True):
        header = header_of(path, name, config)
        for column in REQUIRED:
            if column not in header:
                raise CorpusError(
                    f"a file of the format connecticut must have the column {column!r}, but {name} lacks it"
                )
        missing = [column for column in substances if column not in header]
        if with_codes and len(missing) == len(substances):
            raise CorpusError(
                f"a file of the format connecticut must have columns of substances ({', '.join(substances[:3])}, …), "
                f"but {name} has none"
            )
        if with_codes and missing:
            notes.append(f"{name} lacks the columns {', '.join(missing)}: nothing is coded by them")
    preset = config.model_copy(
        update={
            "columns": COLUMNS.model_copy(update=_given(config)),
            "indicators": SUBSTANCES,
            "part2": (OTHER,),
        }
    )
    absent = {*substances, OTHER, INJURY, "Age", "Sex"}
    return replace(table.read(paths, preset, with_codes, absent), notes=tuple(notes))


def _given(config: CorpusConfig) -> dict[str, object]:
    """The columns that the configuration names itself."""
    return {name: value for name, value in config.columns if value}


def _refuse_others(config: CorpusConfig) -> None:
    for name, value in _given(config).items():
        if name not in (*FREE, "cluster") and value != getattr(COLUMNS, name):
            raise ConfigError(
                f"corpus.columns.{name} must be left out with the format connecticut, which knows the state's columns "
                f"({', '.join(FREE)} may be added), but got {value!r}"
            )
    for key, value, known in (("indicators", dict(config.indicators), SUBSTANCES), ("part2", config.part2, (OTHER,))):
        if value and value != known:
            raise ConfigError(
                f"corpus.{key} must be left out with the format connecticut, which knows the state's columns; "
                f"the format table reads other columns"
            )
