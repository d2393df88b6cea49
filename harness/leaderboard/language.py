"""The languages of the page: English as it stands in the code, others from a catalogue beside it.

Texts are marked where they are written: ``say`` puts one into the language that is spoken, ``N_`` only marks one that is
put into it later, where a constant is shown. Templates write ``_()`` and ``{% trans %}``. ``speaking`` sets the language
for everything that is built inside it.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ENGLISH = "en"
LANGUAGES = (ENGLISH, "fr")
_spoken: ContextVar[str] = ContextVar("spoken", default=ENGLISH)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Everything inside is said in this language, one of ``LANGUAGES``."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def spoken() -> str:
    return _spoken.get()


def N_(message: str) -> str:  # noqa: N802  (gettext's name for it)
    """Mark a text for the catalogues; it is said later."""
    return message


def Nn_(one: str, many: str) -> tuple[str, str]:  # noqa: N802
    """Mark a text for one thing and for many."""
    return one, many


def say(message: str, /, **values: object) -> str:
    """The text in the spoken language, with values put into its braces."""
    said = translate(message)
    return said.format(**values) if values else said


def say_n(one: str, many: str, n: float, /, **values: object) -> str:
    """The text for one thing or for many, in the spoken language; ``{n}`` and other values are put in as they are."""
    said = translate_n(one, many, n)
    return said.format(**values) if values else said


def translate(message: str) -> str:
    """The text in the spoken language, as it stands in its catalogue."""
    return _catalogue(spoken()).gettext(message) if message else message


def translate_n(one: str, many: str, n: float) -> str:
    """Of two texts the one for so many things, in the spoken language."""
    return _catalogue(spoken()).ngettext(one, many, 1 if n == 1 else 0 if n < 1 else 2)


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == ENGLISH:
        return gettext.NullTranslations()
    source = files("harness.leaderboard").joinpath("locale", f"{language}.po").read_bytes()
    packed = io.BytesIO()
    write_mo(packed, read_po(io.BytesIO(source), locale=language))
    packed.seek(0)
    return gettext.GNUTranslations(packed)
