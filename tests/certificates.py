"""Small corpora for tests, written out by hand or generated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.corpus.builder import Builder, RawLine, ReadResult
from harness.corpus.certificate import Corpus

Line = tuple[str, Sequence[str]]  # its text, its codes in order


def read_by_line(*certificates: tuple[int, Sequence[Line]], ids: Sequence[str] | None = None) -> ReadResult:
    """Certificates as (year, lines), whose lines have the codes."""
    builder = Builder(files=("test.csv",), codes_by_line=True)
    for number, (year, lines) in enumerate(certificates):
        raw = [RawLine(text, codes=codes) for text, codes in lines]
        builder.add(str(number) if ids is None else ids[number], year, raw, place=(0, number + 2))
    return builder.finish()


def by_line(*certificates: tuple[int, Sequence[Line]]) -> Corpus:
    return read_by_line(*certificates).corpus


def by_certificate(*certificates: tuple[int, Sequence[str], Sequence[str]]) -> Corpus:
    """Certificates as (year, texts of the lines, codes)."""
    builder = Builder(files=("test.csv",), codes_by_line=False)
    for number, (year, lines, codes) in enumerate(certificates):
        builder.add(str(number), year, [RawLine(text) for text in lines], place=(0, number + 2), codes=codes)
    return builder.finish().corpus


class Roles(NamedTuple):
    """Corpora over one label set; LATER stands on certificates of the later year alone."""

    read: ReadResult
    train: Corpus
    validation: Corpus
    later: Corpus


LATER = "Z99.LATER"
YEARS = {"train": (2012, 2013, 2014), "validation": (2015,), "heldout": (2016,)}
_SYLLABLES = (
    "car",
    "dio",
    "neph",
    "ro",
    "hep",
    "ato",
    "pul",
    "mon",
    "ence",
    "phal",
    "oste",
    "my",
    "gas",
    "tri",
    "derm",
)
_ADJECTIVES = ("acute", "chronic", "severe", "old", "recurrent", "suspected", "bilateral")


def tiny(seed: int = 0, n_codes: int = 30) -> Roles:
    """Certificates of one to three lines, each with a wording of one code, sometimes of two or of none."""
    rng = np.random.default_rng(seed)
    names = [
        f"{''.join(rng.permutation(_SYLLABLES)[:2])}itis {''.join(rng.permutation(_SYLLABLES)[:2])}osis"
        for _ in range(n_codes)
    ]
    codes = [f"C{number:02}" for number in range(n_codes)]
    share = 1.0 / np.arange(1, n_codes + 1) ** 0.7
    share /= share.sum()

    def wording(code: int) -> str:
        first, second = names[code].split()
        adjective = _ADJECTIVES[rng.integers(len(_ADJECTIVES))]
        forms = (
            f"{first} {second}",
            f"{second}, {first}",
            f"{adjective} {first} {second}",
            f"{first.upper()} {second}",
        )
        return forms[rng.integers(len(forms))]

    def line(later: bool) -> Line:
        kind = rng.random()
        if kind < 0.05:
            return ("unknown", ())
        if later and kind < 0.3:
            return ("novel zworgaemia", (LATER,))
        chosen = [int(code) for code in rng.choice(n_codes, size=2 if kind > 0.85 else 1, replace=False, p=share)]
        return (" due to ".join(map(wording, chosen)), [codes[code] for code in chosen])

    years = np.r_[rng.choice(YEARS["train"], 300), np.full(80, 2015), np.full(60, 2016)]
    read = read_by_line(
        *((int(year), [line(year == 2016) for _ in range(rng.integers(1, 4))]) for year in years),
    )
    return Roles(read, read.corpus.rows(0, 300), read.corpus.rows(300, 380), read.corpus.rows(380, 440))
