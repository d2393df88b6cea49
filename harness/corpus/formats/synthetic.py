"""``synthetic``: certificates generated from the configuration alone; it reads no file."""

from __future__ import annotations

from pathlib import Path

from harness.config import CorpusConfig
from harness.corpus.builder import ReadResult
from harness.corpus.synthetic import generate
from harness.errors import ConfigError


def read(paths: tuple[Path, ...], config: CorpusConfig, with_codes: bool) -> ReadResult:
    """Generate the corpus of ``corpus.synthetic``."""
    if paths:
        raise ConfigError("corpus.path must be left out with the format synthetic, which reads no file")
    return generate(config.synthetic)
