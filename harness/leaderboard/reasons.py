"""Reasons in the language of the page: the experiment writes them in English, and they are said again by their pattern."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache

from harness.leaderboard import reason_texts, text
from harness.leaderboard.language import ENGLISH, say, say_n, spoken

_NUMBER = r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
_PERCENT = rf"{_NUMBER} %"
_COVERED = rf"(?:{_PERCENT}|none)(?: of the calibration (?:certificates|lines))?(?: and (?:{_PERCENT}|none) of (?:the calibration )?lines)?"
_ASKED = (
    rf"{_PERCENT}(?: by line)? at {_PERCENT} for {_NUMBER} candidates?(?: and {_NUMBER} units)?"
    rf"(?: with a design effect of {_NUMBER} for clusters)?"
)
_WEIGHT = re.compile(r"\((\d\.\d+)\)")
_MEASURE = re.compile(r"(?<=validation )\w+(?= (?:is|equals) )|(?<= trials: )\w+(?= -?\d)")  # where a measure stands
_NAME = re.compile(r"\{([a-z]+)(\d*)\}")
_FAILED = re.compile(r"\w+(?: at [\w/.\-…]+:\d+)?")  # an exception by its type and place, which no language translates


def reason(written: object) -> str:
    """A reason as a reader may see it, in the spoken language; one of no known pattern stays as it is written.

    Folders of paths are left out first, in every language.
    """
    shown = text.public(str(written or ""))
    if spoken() == ENGLISH:
        return _MEASURE.sub(lambda found: text.objective(found[0]), shown)
    return _again(shown, spoken())


@lru_cache(maxsize=4096)
def _again(written: str, language: str) -> str:
    return _known(written) or written


def knows(written: str) -> bool:
    """Whether a reason has a known pattern, so that it can be said in every language."""
    return _known(text.public(written)) is not None


def _known(written: str) -> str | None:
    """The reason said again, or None where it, or a part of it, has no known pattern."""
    bare = written.removesuffix(".")
    said = _said(bare, reason_texts.TEXTS)
    if said is None and "; " in bare:
        parts = [_known(part) for part in bare.split("; ")]
        said = text.parted(part for part in parts if part is not None) if None not in parts else None
    if said is None:
        said = bare if _FAILED.fullmatch(bare) else _said(bare, reason_texts.LAST)
    return None if said is None else said + written[len(bare) :]


def _said(written: str, messages: tuple[str, ...]) -> str | None:
    """The first of some messages that a text is, with what varies in it said again."""
    for message in messages:
        found = _pattern(message).fullmatch(written)
        if found is not None:
            values = {
                name: _KINDS[kind][1](value)
                for (name, kind), value in zip(_names(message), found.groups(), strict=True)
            }
            if None not in values.values():
                return say(message, **values)
    return None


@cache
def _names(message: str) -> tuple[tuple[str, str], ...]:
    """The names in a message's braces, each with its kind: the name without its number."""
    return tuple((f"{kind}{number}", kind) for kind, number in _NAME.findall(message))


@cache
def _pattern(message: str) -> re.Pattern[str]:
    literals = [re.escape(part) for part in _NAME.split(message)[::3]]
    held = [f"({_KINDS[kind][0]})" for _, kind in _names(message)]
    return re.compile("".join(part for pair in zip(literals, [*held, ""], strict=True) for part in pair), re.DOTALL)


def _percent(value: str) -> str:
    return f"{text.written(value.removesuffix(' %'))}{text.SPACE}%"


def _things(kind: str) -> tuple[str, Callable[[str], str | None]]:
    """A number of things: its pattern, and how it is said."""
    one, many = reason_texts.THINGS[kind]
    words = "|".join(re.escape(form.removeprefix("{n} ")) for form in (many, one))

    def said(value: str) -> str:
        number = value.split(" ", 1)[0]
        return say_n(one, many, float(number.replace(",", "")), n=text.written(number))

    return rf"{_NUMBER} (?:{words})", said


def _others(value: str) -> str | None:
    """Other candidates, each with what it promises."""
    found = []
    for one in value.split(", "):
        name, _, covered = one.partition(" ")
        found.append((name, _said(covered, reason_texts.COVERED)))
    return ", ".join(f"{name} {covered}" for name, covered in found) if all(covered for _, covered in found) else None


def _as_it_is(value: str) -> str:
    return value


# Of each kind of a name: what may stand for it, and how that is said; None where a part of it is not known.
_KINDS: Mapping[str, tuple[str, Callable[[str], str | None]]] = {
    "n": (_NUMBER, text.written),
    "pct": (_PERCENT, _percent),
    "size": (rf"{_NUMBER} [KM]?B", text.written),
    "name": (r".+?", _as_it_is),
    "model": (r".+?", _as_it_is),
    "error": (r"\w+", _as_it_is),
    "measure": (r"\w+", text.objective),
    "reason": (r".+", _known),
    "limit": (r"i.+", lambda value: _said(value, reason_texts.LIMITS)),
    "how": ("|".join(map(re.escape, reason_texts.HOW)), say),
    "asked": (_ASKED, lambda value: _said(value, reason_texts.ASKED)),
    "covered": (_COVERED, lambda value: _said(value, reason_texts.COVERED)),
    "others": (r".+", _others),
    "weights": (r".+? \(\d\.\d+\)", lambda value: _WEIGHT.sub(lambda found: f"({text.written(found[1])})", value)),
    **{kind: _things(kind) for kind in reason_texts.THINGS},
}
