"""What a made-up run leaves of single codes: rows by chapter and code, confused pairs, and both alarms of each year."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

import numpy as np

Row = dict[str, Any]

CODES, CHAPTERS, PAIRS = 1_500, 22, 200  # as many codes and pairs of a model as a run keeps
SHOWN = 30  # tests of the practice alarm that a run keeps of a year
NUMERALS = (
    *("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI"),
    *("XII", "XIII", "XIV", "XV", "XVI", "XVII", "XVIII", "XIX", "XX", "XXI", "XXII"),
)
WORDS = ("disease", "disorder", "failure", "neoplasm", "infection", "injury", "poisoning", "sequelae")
SITES = ("heart", "lung", "liver", "kidney", "brain", "colon", "skin", "blood", "bone", "pancreas")
SORTS = ("acute", "chronic", "unspecified", "other specified", "primary", "secondary", "congenital")


def code_rows(model: str, quality: float, n: int) -> list[Row]:
    """The chapters, and as many codes of each; the rarest have fewer certificates than may be told.

    Parameters
    ----------
    quality : near which the model's scores of each code lie
    n : certificates of the most frequent code
    """
    random = np.random.default_rng(crc32(model.encode()))
    supports = [n // (place + 1) + 3 for place in range(CODES)]
    by_chapter = [sum(supports[chapter::CHAPTERS]) for chapter in range(CHAPTERS)]
    found = [
        _code_row(model, None, NUMERALS[chapter], support, quality, random)
        for chapter, support in enumerate(by_chapter)
    ]
    for place, support in enumerate(supports):
        found.append(_code_row(model, _code(place), NUMERALS[place % CHAPTERS], support, quality, random))
    return found


def _code_row(
    model: str, code: str | None, chapter: str, support: int, quality: float, random: np.random.Generator
) -> Row:
    hidden = support < 5
    scores = dict(zip(("precision", "recall", "f1", "automatic"), _near(quality, 4, random), strict=True))
    told: Row = {"support": support, "predicted": support, **scores}
    found: Row = {"model": model, "role": "heldout", "level": "chapter" if code is None else "code", "code": code}
    found |= {"title": None if code is None else _title(code), "chapter": chapter}
    return found | (dict.fromkeys(told) if hidden else told) | {"suppressed": hidden}


def _near(quality: float, n: int, random: np.random.Generator) -> list[float]:
    shares: list[float] = np.clip(quality + random.normal(0, 0.1, n), 0.01, 1.0).tolist()
    return shares


def _code(place: int) -> str:
    """Codes of one chapter have one letter; chapters take turns."""
    chapter, within = place % CHAPTERS, place // CHAPTERS
    return f"{chr(65 + chapter)}{within // 10:02}.{within % 10}"


def _title(code: str) -> str:
    at = 100 * (ord(code[0]) - 65) + 10 * int(code[1:3]) + int(code[4])
    return f"{WORDS[at % len(WORDS)]} of {SITES[at % len(SITES)]}, {SORTS[at % len(SORTS)]}, type {at}"


def confusion_rows(model: str, quality: float) -> list[Row]:
    """Pairs of neighbours, the most frequent first."""
    found: list[Row] = []
    for place in range(PAIRS):
        true, predicted = _code(place), _code(place + CHAPTERS)
        row: Row = {"model": model, "role": "heldout", "chapter": NUMERALS[place % CHAPTERS]}
        row |= {"true_code": true, "predicted_code": predicted, "n": round(2000 * (1 - quality) / (place + 1)) + 5}
        found.append(row | {"true_title": _title(true), "predicted_title": _title(predicted)})
    return found


def alarm_rows(models: Sequence[str], years: Sequence[str], n: int) -> list[Row]:
    """Every test that a run keeps; in the last year some ring."""
    return [row for year in years for row in (*_words(models, year, n, year == years[-1]), *_practice(year, n))]


def _words(models: Sequence[str], year: str, n: int, last: bool) -> Iterator[Row]:
    for model in models:
        for place, measure in enumerate(
            (
                "certificates with an unseen word",
                "certificates with an unseen text",
                "shift of the confidence",
                "shift of the predicted codes' shares",
            )
        ):
            expected = 0.05 * (place + 1)
            rings = last and place == 0
            said: Row = {"model": model, "measure": measure, "expected": expected, "high": 1.4 * expected}
            said |= {"found": expected * (1.8 if rings else 1.1), "p_value": 0.001 if rings else 0.2}
            yield _alarm("words", year, rings=rings, n=n, **said)


def _practice(year: str, n: int) -> Iterator[Row]:
    for place in range(SHOWN):
        code, expected = _code(place), 0.9 - 0.02 * place
        measure = "its own words in part II only" if place % 3 == 2 else "its own words"
        said: Row = {"measure": measure, "code": code, "title": _title(code), "expected": expected}
        said |= {"found": expected + 0.01, "low": expected - 0.03, "high": expected + 0.03, "p_value": 0.4}
        yield _alarm("practice", year, rings=False, n=n // (place + 2), **said)


def _alarm(alarm: str, year: str, **said: Any) -> Row:
    keys = ("model", "measure", "code", "title", "expected", "found", "low", "high", "p_value", "rings", "n", "reason")
    return {"alarm": alarm, "year": int(year), **dict.fromkeys(keys), **said}
