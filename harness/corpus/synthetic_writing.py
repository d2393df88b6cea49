"""How certifiers write: typing errors, short forms, word order, durations, capitals, several conditions on a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from harness.corpus.certificate import SEPARATOR
from harness.corpus.synthetic_wordings import table

CAREFUL, USUAL, HURRIED = 0, 1, 2
UPPER, LOWER, SENTENCE = 0, 1, 2
# Chance of one more change of a wording, and of words around it, by style.
CHANGED = (0.01, 0.23, 0.77)
AROUND = (0.02, 0.08, 0.18)
_NEIGHBOURS = {
    "a": "qs", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "ko", "m": "n", "n": "bm", "o": "ip", "p": "ol", "q": "wa", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "xs",
}  # fmt: skip

T = TypeVar("T")
Draws = Iterator[float]


class Writer:
    """Turns wordings into what stands on the form; all chance comes from ``draws``, so it keeps no state of its own."""

    def __init__(self) -> None:
        words = table("words")
        self._short: dict[str, str] = words["short"]
        self._before: Sequence[str] = words["around"]["before"]
        self._after: Sequence[str] = words["around"]["after"]
        self._joins: Sequence[str] = words["joins"]["words"]
        self._nothing: tuple[Sequence[str], ...] = (words["nothing"]["part1"], words["nothing"]["part2"])
        self._lasts = {name: _durations(row["written"], row["top"]) for name, row in words["lasts"].items()}
        self._changes: Sequence[Callable[[str, Draws], str]] = (
            self._mistyped, self._mistyped, self._mistyped, self._shortened, self._shortened,
            self._turned, self._dropped, self._glued,
        )  # fmt: skip

    def condition(self, wording: str, style: int, draws: Draws) -> str:
        """One condition as written in a style."""
        text = wording
        while next(draws) < CHANGED[style]:
            text = _one(self._changes, draws)(text, draws)
        chance = next(draws)
        if chance < AROUND[style]:
            if chance < 0.7 * AROUND[style]:
                text = f"{_often_first(self._before, draws)} {text}"
            else:
                text = f"{text} {_often_first(self._after, draws)}"
        return text

    def duration(self, lasts: str, draws: Draws) -> str:
        """How long a condition lasted."""
        return _one(self._lasts[lasts], draws)

    def with_duration(self, text: str, duration: str, draws: Draws) -> str:
        """A condition and its duration on the same line."""
        return _one(("{} {}", "{} x {}", "{} ({})", "{} - {}", "{}, {}"), draws).format(text, duration)

    def joined(self, conditions: Sequence[str], habit: float, draws: Draws) -> str:
        """Several conditions on one line; ``habit`` in [0, 1) is the certifier's usual way to join them."""
        text = conditions[0]
        for other in conditions[1:]:
            chance = habit if next(draws) < 0.7 else next(draws)
            text += self._joins[int(chance * chance * len(self._joins))] + other
        return text

    def nothing(self, part: int, draws: Draws) -> str:
        """A line that names no condition."""
        return _often_first(self._nothing[part - 1], draws)

    def cased(self, text: str, capitals: int) -> str:
        """The text in a certifier's capitals."""
        if capitals == UPPER:
            return text.upper()
        return text[0].upper() + text[1:] if capitals == SENTENCE else text

    def _shortened(self, text: str, draws: Draws) -> str:
        words = text.split(" ")
        known = [position for position, word in enumerate(words) if word.lower() in self._short]
        if not known:
            return self._mistyped(text, draws)
        position = _one(known, draws)
        words[position] = self._short[words[position].lower()]
        return " ".join(words)

    def _mistyped(self, text: str, draws: Draws) -> str:
        """One letter too few, too many, wrong, or two exchanged; never in an abbreviation."""
        at = 1 + int(next(draws) * (len(text) - 1))
        kind = next(draws)
        letter = text[at : at + 1].lower()
        if len(text) < 6 or letter not in _NEIGHBOURS or text[at].isupper():
            return text
        if kind < 0.3:
            return text[:at] + text[at + 1 :]
        if kind < 0.5:
            return text[:at] + letter + text[at:]
        if kind < 0.75:
            return text[:at] + _one(_NEIGHBOURS[letter], draws) + text[at + 1 :]
        return text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :] if text[at - 1] != " " else text

    def _turned(self, text: str, draws: Draws) -> str:
        """The last word first, as in an index: "stenosis, aortic"."""
        head, _, last = text.rpartition(" ")
        if not head or next(draws) < 0.3:
            return text
        return f"{last}, {head}" if next(draws) < 0.7 else f"{last} {head}"

    def _dropped(self, text: str, draws: Draws) -> str:
        words = text.split(" ")
        if len(words) < 3:
            return text
        del words[int(next(draws) * (len(words) - 1))]
        return " ".join(words)

    def _glued(self, text: str, draws: Draws) -> str:
        words = text.split(" ")
        if len(words) < 2:
            return text
        at = int(next(draws) * (len(words) - 1))
        return " ".join([*words[:at], words[at] + words[at + 1], *words[at + 2 :]])


class Plain(Writer):
    """Writes the wordings alone as they are in the table, with ``SEPARATOR`` between: what every other text is made from."""

    def condition(self, wording: str, style: int, draws: Draws) -> str:
        return wording

    def joined(self, conditions: Sequence[str], habit: float, draws: Draws) -> str:
        return SEPARATOR.join(conditions)

    def with_duration(self, text: str, duration: str, draws: Draws) -> str:
        return text


def _durations(written: Sequence[str], top: int) -> tuple[str, ...]:
    """Ready-made durations; small numbers are commoner."""
    numbers = sorted({2 + int((top - 1) * (step / 12) ** 2) for step in range(12)})
    return tuple(form.format(n=n) for form in written for n in numbers)


def _one(choices: Sequence[T], draws: Draws) -> T:
    return choices[int(next(draws) * len(choices))]


def _often_first(choices: Sequence[T], draws: Draws) -> T:
    chance = next(draws)
    return choices[int(chance * chance * len(choices))]
