"""The page: one HTML file that shows a run, opens from disk, and asks the network for nothing."""

from __future__ import annotations

import re
from pathlib import Path

from harness.files import write_text
from harness.leaderboard import draw, figures, shell, text
from harness.leaderboard.automation import automation
from harness.leaderboard.columns import WORDING
from harness.leaderboard.marks import Figure
from harness.leaderboard.more import more
from harness.leaderboard.provenance import GLOSSARY, WORDING_TERMS, provenance
from harness.leaderboard.rows import Evidence, read
from harness.leaderboard.spread import spread
from harness.leaderboard.table import MOST_TRIALS, leaderboard, trials
from harness.leaderboard.verdict import verdict
from harness.run.folder import RunFolder


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
    scores = more(evidence, table)
    drawn = _figures(curves, years, progress)
    name = str(evidence.meta.get("run") or run.name)
    data = {
        "figures": drawn,
        "file": re.sub(r"[^\w.-]+", "-", f"leaderboard-{name}"),
        "table": {"columns": table.raw_columns, "rows": [line.raw for line in table.lines]},
    }
    return shell.render(
        "page.html.jinja",
        data,
        name=name,
        facts=_facts(evidence),
        generated=bool(evidence.corpus.get("generated")),
        verdict=verdict(evidence),
        automation=automation(evidence),
        table=table,
        more=scores,
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
        glossary=(*GLOSSARY, *(WORDING_TERMS if any(one.title == WORDING for one in scores) else ())),
        heldout=evidence.shown_role == "heldout",
    )


def _figures(curves: figures.RiskCoverage, years: figures.ByYear, progress: figures.Progress) -> dict[str, Figure]:
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
