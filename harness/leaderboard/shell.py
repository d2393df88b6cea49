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
from harness.leaderboard.table import BAR

_JSON_ESCAPES = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})
_EMPTY_STYLE = "/**/"  # what stands in the style elements that plotly.js fills through the style sheet's own interface


@dataclass(frozen=True, slots=True)
class _Library:
    """plotly.js as it lies in the page: packed, with the hash of what it unpacks to."""

    packed: str
    hash: str
    style: str


def render(template: str, data: Mapping[str, Any], **values: Any) -> str:
    """A page as its template has it; ``data`` is for its script: figures, a table, the name of downloaded files."""
    style, script, library = _resource("page.css"), _resource("page.js"), _library()
    page: str = (
        _environment()
        .get_template(template)
        .render(
            policy=_policy(style, script, library),
            style=_inside(style, "style"),
            script=_inside(script, "script"),
            library=library,
            empty_style=Markup(_EMPTY_STYLE),  # noqa: S704  (a constant)
            data=Markup(_json(data)),  # noqa: S704  (every character that HTML could read is escaped)
            **values,
        )
    )
    return page


def _policy(style: str, script: str, library: _Library) -> str:
    """The content security policy: these scripts and styles, by their hashes, and nothing from anywhere."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)} {library.hash}",
            f"style-src {_hash(style)} {_hash(_EMPTY_STYLE)}",
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


def _inside(content: str, element: str) -> Markup:
    """Our own style or script, as it stands; it must not hold what would end its element."""
    if f"</{element}" in content.lower() or "<!--" in content or "\r" in content:
        raise ValueError(f"page.{element} must hold no </{element}, no <!-- and no carriage return")
    return Markup(content)  # noqa: S704  (packaged with the program)


@cache
def _library() -> _Library:
    script, style = marks.library()
    packed = base64.b64encode(gzip.compress(script.encode(), 9, mtime=0)).decode()
    return _Library(packed, _hash(script), style)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"text": text, "paths": marks.PATHS, "dash": marks.dash, "bar_width": round(BAR)}
    return environment


@cache
def _resource(name: str) -> str:
    return files("harness.leaderboard").joinpath("templates", name).read_text(encoding="utf-8")
