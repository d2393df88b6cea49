"""What every page is made of besides its own words: one style, one script, plotly.js, and a policy that lets in no more."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from harness.leaderboard import marks, text
from harness.leaderboard.board.cells import BAR
from harness.leaderboard.language import N_, say, spoken, translate, translate_n
from harness.leaderboard.script import WORDS

_JSON_ESCAPES = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})
_EMPTY_STYLE = "/**/"  # what stands in the style elements that plotly.js fills through the style sheet's own interface


class _Said(dict[str, str]):
    """Words that are said when they are looked up: a template is compiled once, for pages of every language."""

    def __getitem__(self, key: str) -> str:
        return say(super().__getitem__(key))


STATES = {
    "kept": N_("kept"),
    "broken": N_("broken"),
    "undecided": N_("undecided"),
    "unaudited": N_("not audited"),
    "none": N_("no promise"),
    "unfinished": N_("unfinished"),
}


PACKED = ("figures", "slider", "trials")  # of a page's data, most of it


@dataclass(frozen=True, slots=True)
class _Library:
    """plotly.js as it lies in the page: packed, with the hash of what it unpacks to."""

    packed: str
    hash: str
    style: str


def render(template: str, data: Mapping[str, Any], **values: Any) -> str:
    """A page as its template has it; ``data`` is for its script: figures, a table, the name of downloaded files.

    ``library`` is None in the template of a page without figures: it needs no plotly.js, and its policy knows of none.
    What is large in it and needed late is packed (``PACKED``).
    """
    style, script = _style(), _script()
    library = _library() if data.get("figures") else None
    packed = {name: _packed(_json(data[name])) for name in PACKED if data.get(name)}
    page: str = (
        _environment()
        .get_template(template)
        .render(
            policy=_policy(style, script, library),
            style=_inside(style, "style"),
            script=_inside(script, "script"),
            library=library,
            empty_style=Markup(_EMPTY_STYLE),  # noqa: S704  (a constant)
            data=Markup(_json({**data, **packed, **_spoken()})),  # noqa: S704  (every character that HTML could read is escaped)
            language=spoken(),
            **values,
        )
    )
    return page


def _policy(style: str, script: str, library: _Library | None) -> str:
    """The content security policy: these scripts and styles, by their hashes, and nothing from anywhere."""
    scripts = [_hash(script), *([library.hash] if library else [])]
    styles = [_hash(style), *([_hash(_EMPTY_STYLE)] if library else [])]
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(scripts)}",
            f"style-src {' '.join(styles)}",
            "style-src-attr 'unsafe-inline'",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _json(value: Mapping[str, Any]) -> str:
    """JSON that can stand inside a script element: nothing in it can end the element or open a comment."""
    written = json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False, ensure_ascii=False)
    return written.translate(_JSON_ESCAPES)


def _packed(content: str) -> str:
    """A text as the page's script unpacks it: gzip without a name or a time, in base64."""
    return base64.b64encode(gzip.compress(content.encode(), 9, mtime=0)).decode()


def _inside(content: str, element: str) -> Markup:
    """Our own style or script, as it stands; it must not hold what would end its element."""
    if f"</{element}" in content.lower() or "<!--" in content or "\r" in content:
        raise ValueError(f"the page’s {element} must hold no </{element}, no <!-- and no carriage return")
    return Markup(content)  # noqa: S704  (packaged with the program)


@cache
def _script() -> str:
    """The page's own script: its files in the order of their names, in one scope."""
    return f'"use strict";\n(() => {{\n{_joined("js")}}})();\n'


@cache
def _style() -> str:
    """The page's style sheet: its files in the order of their names."""
    return _joined("css")


def _joined(folder: str) -> str:
    parts = files("harness.leaderboard").joinpath("templates", folder).iterdir()
    return "\n".join(part.read_text(encoding="utf-8") for part in sorted(parts, key=lambda part: part.name))


def _spoken() -> dict[str, Any]:
    """What the script needs to speak the page's language."""
    decimal, thousands = text.SEPARATORS[spoken()]
    return {"decimal": decimal, "thousands": thousands, "words": {key: say(word) for key, word in WORDS.items()}}


@cache
def _library() -> _Library:
    script, style = marks.library()
    return _Library(_packed(script), _hash(script), style)


@cache
def _environment() -> Environment:
    environment = Environment(
        extensions=["jinja2.ext.i18n"],
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["ext.i18n.trimmed"] = True
    # Not newstyle: there ``_(text)`` would count as safe HTML, and a percent sign in it as a place for a value.
    environment.install_gettext_callables(translate, translate_n, newstyle=False)  # type: ignore[attr-defined]
    environment.globals |= {"text": text, "paths": marks.PATHS, "dash": marks.dash, "bar_width": round(BAR)}
    environment.globals["states"] = _Said(STATES)
    return environment


@cache
def _resource(name: str) -> str:
    return files("harness.leaderboard").joinpath("templates", name).read_text(encoding="utf-8")
