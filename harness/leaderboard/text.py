"""How numbers are written, and what of a text may leave the office."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import reduce

from harness.leaderboard.language import N_, Nn_, say, say_n, spoken

DASH = "–"
SPACE = "\N{NO-BREAK SPACE}"
SEPARATORS = {"en": (".", ","), "fr": (",", "\N{NARROW NO-BREAK SPACE}")}  # of decimals, of thousands
_FOLDERS = re.compile(r"(?<![\w/\\.])(?:~|[A-Za-z]:)?[/\\](?:[^/\\\s:'\"<>]+[/\\])+")


def written(number: str) -> str:
    """A number that Python wrote, with the separators of the spoken language."""
    decimal, thousands = SEPARATORS[spoken()]
    return number.translate({ord("."): decimal, ord(","): thousands})


def score(value: float | None) -> str:
    return DASH if value is None else written(f"{value:.3f}")


def area(value: float | None) -> str:
    return DASH if value is None else written(f"{value:.4f}")


def small(value: float | None) -> str:
    """A share that is small whatever the model: two digits that count."""
    return DASH if value is None else written(f"{value:#.2g}")


def points(value: float | None) -> str:
    """A score of 100, with one decimal."""
    return DASH if value is None else written(f"{value:.1f}")


def share(value: float | None) -> str:
    """A share as a percentage with one decimal."""
    return DASH if value is None else written(f"{100 * value:.1f}") + f"{SPACE}%"


def risk(value: float | None) -> str:
    """A share that is small where it is good: two decimals."""
    return DASH if value is None else written(f"{100 * value:.2f}") + f"{SPACE}%"


def level(value: float) -> str:
    """A share that somebody chose, as it was chosen."""
    return written(f"{100 * value:.6g}") + f"{SPACE}%"


def interval(low: str, high: str) -> str:
    between = "\N{NARROW NO-BREAK SPACE}; " if spoken() == "fr" else ", "  # where the comma is the decimal mark
    return f"[{low.removesuffix(f'{SPACE}%')}{between}{high}]"


def count(value: float | None) -> str:
    return DASH if value is None else written(f"{value:,.0f}")


def seconds(value: float | None) -> str:
    """Seconds as a bare number, for a column whose heading names the unit."""
    if value is None:
        return DASH
    return written(f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}")


def duration(value: float | None) -> str:
    if value is None:
        return DASH
    if value < 60:
        return f"{seconds(value)}{SPACE}s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{SPACE}h {minutes}{SPACE}min" if hours else f"{minutes}{SPACE}min {rest}{SPACE}s"


def size(value: float | None) -> str:
    """Bytes in the unit that leaves one to three digits before the point."""
    if value is None:
        return DASH
    for unit in (N_("B"), N_("kB"), N_("MB")):
        if value < 999.5:
            digits = f"{value:.0f}" if unit == "B" or value >= 99.95 else f"{value:.1f}"
            return f"{written(digits)}{SPACE}{say(unit)}"
        value /= 1000
    return f"{written(f'{value:,.1f}')}{SPACE}{say('GB')}"


def moment(iso: object) -> str:
    """An ISO time to the minute, its zone kept; anything else as it stands."""
    if not iso:
        return DASH
    try:
        time = datetime.fromisoformat(str(iso))
    except ValueError:
        return str(iso)
    zone = f" {time.tzname()}" if time.tzinfo else ""
    return f"{time:%Y-%m-%d %H:%M}{zone}"


def plain(value: object) -> str:
    """Any value of a row in words."""
    if value is None or value == "" or value == []:
        return DASH
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, int):
        return written(f"{value:,}") if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return written(f"{value:.6g}")
    if isinstance(value, list | tuple):
        return ", ".join(plain(part) for part in value)
    return public(str(value))


def quoted(figure: str) -> str:
    """A figure as its source gives it, in the spoken language: its decimals too."""
    return re.sub(r"(?<=\d)\.(?=\d)", SEPARATORS[spoken()][0], say(figure))


def labelled(label: object, words: object) -> str:
    """Words with what they are about before them; in French a space parts the colon."""
    return say("{label}: {words}", label=label, words=words)


def parted(clauses: Iterable[str]) -> str:
    """Clauses in one sentence, with semicolons between them; empty without any."""
    return (
        reduce(lambda one, other: say("{one}; {other}", one=one, other=other), clauses)
        if (clauses := list(clauses))
        else ""
    )


def pairs(values: Mapping[str, object]) -> str:
    """Hyper-parameters as ``name=value``."""
    return ", ".join(f"{name}={_parameter(value)}" for name, value in sorted(values.items())) or DASH


def public(text: str) -> str:
    """The text with the folders of every absolute path left out: they name people and shares of an office."""
    return _FOLDERS.sub("…/", text)


def years(values: Iterable[object]) -> str:
    """Years with runs joined: 2014–2017, 2019."""
    found = [str(value) for value in values]
    if not found:
        return DASH
    if not all(year.isdigit() for year in found):
        return ", ".join(found)
    runs: list[list[int]] = []
    for year in sorted({int(year) for year in found}):
        if runs and year == runs[-1][1] + 1:
            runs[-1][1] = year
        else:
            runs.append([year, year])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)


THINGS = {
    "certificate": Nn_("{n} certificate", "{n} certificates"),
    "line": Nn_("{n} line", "{n} lines"),
    "trial": Nn_("{n} trial", "{n} trials"),
    "row": Nn_("{n} row", "{n} rows"),
    "code": Nn_("{n} code", "{n} codes"),
    "warning": Nn_("{n} warning", "{n} warnings"),
    "window": Nn_("{n} window", "{n} windows"),
    "earlier run": Nn_("{n} earlier run", "{n} earlier runs"),
    "candidate": Nn_("{n} candidate", "{n} candidates"),
    "arm": Nn_("{n} arm", "{n} arms"),
    "seed": Nn_("{n} seed", "{n} seeds"),
    "fit": Nn_("{n} fit", "{n} fits"),
    "run": Nn_("{n} run", "{n} runs"),
    "study": Nn_("{n} study", "{n} studies"),
}
OBJECTIVES = {
    "micro_f1": N_("micro-F1"),
    "macro_f1": N_("macro-F1"),
    "exact_match": N_("exact match"),
    "augrc": N_("AUGRC, negated"),
}


def objective(name: str) -> str:
    """The objective of a search, as the page calls it."""
    return say(OBJECTIVES.get(name, name))


def number_of(n: float, thing: str) -> str:
    """A number of things that stand in ``THINGS``."""
    return say_n(*THINGS[thing], n, n=count(n)).replace(" ", SPACE, 1)


def _parameter(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else plain(value)
