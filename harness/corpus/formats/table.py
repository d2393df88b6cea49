"""``table``: one row a certificate, its codes in one delimited column or in indicator columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from harness.config import COVARIATES, CorpusConfig
from harness.corpus.builder import Builder, RawLine, ReadResult
from harness.corpus.formats.rows import file_names, read_rows, split_codes, year_of
from harness.errors import ConfigError

_BESIDE = ("role", "coder", "cluster")  # read with the codes alone


def read(paths: tuple[Path, ...], config: CorpusConfig, with_codes: bool, absent: Collection[str] = ()) -> ReadResult:
    """Read certificates; without ``with_codes`` the columns of codes need not be there, nor ever those of ``absent``."""
    columns = config.columns
    year_column = columns.year or columns.date
    if not columns.text or year_column is None:
        raise ConfigError("corpus.columns of the format table must name text, and year or date")
    if with_codes and (columns.codes is None) == (not config.indicators):
        raise ConfigError("the format table needs either corpus.columns.codes or corpus.indicators")
    unknown = [name for name in config.part2 if name not in columns.text]
    if unknown:
        raise ConfigError(
            f"corpus.part2 must name columns of corpus.columns.text ({', '.join(columns.text)}), but got {unknown[0]!r}"
        )
    covariates = {name: column for name in COVARIATES if (column := getattr(columns, name)) is not None}
    optional = {name: column for name in ("id", *_BESIDE) if (column := getattr(columns, name)) is not None}
    if not with_codes:
        optional = {name: column for name, column in optional.items() if name == "id"}
    indicators = [(code, column) for code, names in config.indicators.items() for column in names] if with_codes else []
    codes = [columns.codes] if with_codes and columns.codes is not None else []
    wanted = [
        year_column,
        *columns.text,
        *covariates.values(),
        *optional.values(),
        *codes,
        *(column for _, column in indicators),
    ]

    builder = Builder(
        files=file_names(paths),
        codes_by_line=False,
        has_roles="role" in optional,
        has_clusters="cluster" in optional,
        covariates=tuple(covariates),
    )
    n_text, _n_covariates, n_optional = len(columns.text), len(covariates), len(optional)
    for row in read_rows(paths, config, wanted, builder.quarantine, absent):
        cells = iter(row.cells)
        year = year_of(next(cells))
        texts = [next(cells) for _ in range(n_text)]
        known = {name: next(cells) or None for name in covariates}
        more = dict(zip(optional, (next(cells) for _ in range(n_optional)), strict=True))
        found = [next(cells) for _ in codes]
        given = _codes(found, list(cells), indicators, config.code_separator)
        name = builder.files[row.file]
        if year is None:
            builder.quarantine.add(name, row.line, f"{year_column} must hold a year")
        elif "id" in more and not more["id"]:
            builder.quarantine.add(name, row.line, f"{columns.id} must not be empty")
        elif more.get("coder", "").casefold() == "model":
            builder.quarantine.add(name, row.line, "codes that a model gave are neither learnt from nor scored against")
        else:
            builder.add(
                more.get("id") or f"{name}:{row.line}",
                year,
                [
                    RawLine(text, 2 if column in config.part2 else 1)
                    for column, text in zip(columns.text, texts, strict=True)
                    if text
                ],
                place=(row.file, row.line),
                codes=given,
                role=more.get("role"),
                cluster=more.get("cluster") or None,
                covariates=known,
            )
    return builder.finish()


def _codes(
    delimited: Sequence[str], cells: Sequence[str], indicators: Sequence[tuple[str, str]], separator: str
) -> list[str]:
    if delimited:
        return split_codes(delimited[0], separator)
    return list(dict.fromkeys(code for (code, _), cell in zip(indicators, cells, strict=True) if _counts(cell)))


def _counts(cell: str) -> bool:
    small = cell.casefold()
    return small.startswith("y") or small in ("1", "true", "x")
