"""Formats of input files: one file each, found by name in an explicit registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from harness.config import CorpusConfig
from harness.corpus.builder import ReadResult
from harness.errors import UnknownName

Reader = Callable[[tuple[Path, ...], CorpusConfig, bool], ReadResult]

FORMATS: Mapping[str, str] = {
    "connecticut": "harness.corpus.formats.connecticut:read",
    "table": "harness.corpus.formats.table:read",
    "lines": "harness.corpus.formats.lines:read",
    "synthetic": "harness.corpus.formats.synthetic:read",
}

CLUSTERED = frozenset({"connecticut", "table", "lines"})  # that can read a column for promise.cluster
WHOLE = frozenset({"connecticut", "table"})  # whose codes are those of certificates, not of lines


def reader(name: str) -> Reader:
    """The reader of the format called ``name``: (files, configuration, with codes) to certificates."""
    if name not in FORMATS:
        raise UnknownName(f"corpus.format must be one of {', '.join(sorted(FORMATS))}, but got {name!r}")
    module, _, attribute = FORMATS[name].partition(":")
    found: Reader = getattr(import_module(module), attribute)
    return found
