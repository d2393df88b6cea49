"""The page: one HTML file that shows a run, opens from disk, and asks the network for nothing."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from harness.files import write_text
from harness.leaderboard import draw, figures, text
from harness.leaderboard.more import more
from harness.leaderboard.provenance import GLOSSARY, provenance
from harness.leaderboard.rows import Evidence, read
from harness.leaderboard.spread import spread
from harness.leaderboard.table import BAR, MOST_TRIALS, leaderboard, trials
from harness.leaderboard.verdict import verdict
from harness.run.folder import RunFolder

_JSON_ESCAPES = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})
_EMPTY_STYLE = "/**/"  # what stands in the style elements that plotly.js fills through the style sheet's own interface


@dataclass(frozen=True, slots=True)
class _Library:
    """plotly.js as it lies in the page: packed, with the hash of what it unpacks to."""

    packed: str
    hash: str
    style: str


def write_page(run: RunFolder) -> Path:
    """Build the page of a run and put it in its place at once."""
    write_text(run.page, build_page(run))
    return run.page


def build_page(run: RunFolder) -> str:
    """The page as a pure function of the run's rows: the same rows give the same bytes."""
    evidence = read(run)
    models = evidence.models()
    looks = figures.looks(evidence, models)
    curves = figures.risk_coverage(evidence, looks)
    years = figures.by_year(evidence, looks)
    progress = figures.progress(evidence)
    table = leaderboard(evidence, models, looks)
    drawn = _figures(curves, years, progress)
    name = str(evidence.meta.get("run") or run.name)
    data = {
        "figures": drawn,
        "file": re.sub(r"[^\w.-]+", "-", f"leaderboard-{name}"),
        "table": {"columns": table.raw_columns, "rows": [line.raw for line in table.lines]},
    }
    style, script, library = _resource("page.css"), _resource("page.js"), _library()
    page: str = _template().render(
        policy=_policy(style, script, library),
        style=_inside(style, "style"),
        script=_inside(script, "script"),
        library=library,
        empty_style=Markup(_EMPTY_STYLE),  # noqa: S704  (a constant)
        data=Markup(_json(data)),  # noqa: S704  (every character that HTML could read is escaped)
        name=name,
        facts=_facts(evidence),
        generated=bool(evidence.corpus.get("generated")),
        verdict=verdict(evidence),
        table=table,
        more=more(evidence, table),
        curves=curves,
        grid=figures.GRID,
        years=years,
        progress=progress,
        trials=trials(evidence),
        most_trials=MOST_TRIALS,
        drawn=drawn,
        ensemble=text.public(evidence.ensemble),
        spread=spread(evidence),
        made=provenance(evidence),
        glossary=GLOSSARY,
        heldout=evidence.shown_role == "heldout",
    )
    return page


def _figures(curves: figures.RiskCoverage, years: figures.ByYear, progress: figures.Progress) -> dict[str, draw.Figure]:
    """The figures that have something to show."""
    drawn = {}
    if curves.views:
        drawn["curves"] = draw.risk_coverage(curves)
    if years.lines:
        drawn["years-micro"] = draw.by_year(years, "micro_f1")
        drawn["years-exact"] = draw.by_year(years, "exact_match")
    if progress.races:
        drawn["progress"] = draw.progress(progress)
    return drawn


def _facts(evidence: Evidence) -> tuple[str, ...]:
    meta, corpus = evidence.meta, evidence.corpus
    found = [f"started {text.moment(meta.get('started'))}"]
    if corpus.get("n_certificates") is not None:
        found.append(text.number_of(corpus["n_certificates"], "certificate"))
    found.append(text.number_of(len(evidence.trials), "trial"))
    return (*found, f"families {text.plain(meta.get('families'))}", f"harness {text.plain(meta.get('version'))}")


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
    script, style = draw.library()
    packed = base64.b64encode(gzip.compress(script.encode(), 9, mtime=0)).decode()
    return _Library(packed, _hash(script), style)


@cache
def _template() -> Any:
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"text": text, "paths": draw.PATHS, "dash": draw.dash, "bar_width": round(BAR)}
    return environment.get_template("page.html.jinja")


@cache
def _resource(name: str) -> str:
    return files("harness.leaderboard").joinpath("templates", name).read_text(encoding="utf-8")
