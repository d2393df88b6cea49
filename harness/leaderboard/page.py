"""The page: one HTML file that shows a run, opens from disk, and asks the network for nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.files import write_text
from harness.leaderboard import shell, text
from harness.leaderboard.automation import Automation, automation
from harness.leaderboard.board.data import board_data
from harness.leaderboard.board.table import Table, leaderboard
from harness.leaderboard.board.trials import trials
from harness.leaderboard.draw import (
    alarms,
    audits,
    bands,
    chapters,
    confusions,
    cost,
    curves,
    importance,
    parallel,
    progress,
    reliability,
    slots,
    years,
)
from harness.leaderboard.draw.slider import slider
from harness.leaderboard.figures.looks import Look, family_looks, looks
from harness.leaderboard.glossary import TERMS, WORDING_TERMS, term_of
from harness.leaderboard.language import ENGLISH, N_, say, speaking
from harness.leaderboard.merge import Merged, merged
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.provenance import Provenance, provenance
from harness.leaderboard.reasons import reason
from harness.leaderboard.references import REFERENCES
from harness.leaderboard.rows import Evidence, read
from harness.leaderboard.spread import spread
from harness.leaderboard.study.section import StudyPart, study_panels
from harness.leaderboard.terms_confidence import CONFIDENCE_TERMS
from harness.leaderboard.verdict import Verdict, verdict
from harness.run.folder import RunFolder
from harness.run.study import StudyFolder

Draw = Callable[[Evidence, Mapping[str, Look]], Panel | Missing]

# The sections with figures, in the order of the page.
FIGURES: tuple[tuple[str, str, tuple[Draw, ...]], ...] = (
    (
        "automation",
        N_("Automation"),
        (curves.panel, audits.panel, reliability.panel, alarms.panel),
    ),
    ("quality", N_("Quality"), (years.panel, chapters.panel, bands.panel, confusions.panel)),
    ("cost", N_("Cost"), (cost.panel,)),
    ("search", N_("Search"), (progress.panel, parallel.panel, importance.panel, slots.panel)),
)


@dataclass(frozen=True, slots=True)
class Section:
    """Figures under one heading."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What the page says of each run alone; ``run`` is empty where there is only one, ``suffix`` tells addresses apart."""

    run: str
    suffix: str
    generated: bool
    verdict: Verdict
    automation: Automation
    made: Provenance


def write_page(run: RunFolder, language: str = ENGLISH, path: Path | None = None) -> Path:
    """Build the page of a run and put it in its place, or at ``path``, at once."""
    path = path or run.page
    write_text(path, build_page(run, language))
    return path


def build_page(run: RunFolder, language: str = ENGLISH) -> str:
    """The page as a pure function of the run's rows: the same rows give the same bytes."""
    return build_merged([run], [], language)


def write_merged(
    runs: Sequence[RunFolder], studies: Sequence[StudyFolder], path: Path, language: str = ENGLISH
) -> Path:
    """Build one page of several runs, and of studies beside them."""
    write_text(path, build_merged(runs, studies, language))
    return path


def build_merged(runs: Sequence[RunFolder], studies: Sequence[StudyFolder], language: str = ENGLISH) -> str:
    """One page of several runs, and of studies beside them, as a pure function of their rows."""
    with speaking(language):
        found = merged([(name, read(run)) for name, run in zip(_named(runs), runs, strict=True)])
        return _built(found, tuple(study_panels(study, place) for place, study in enumerate(studies)))


def _named(runs: Sequence[RunFolder]) -> list[str]:
    """The runs' own names; those that others have too, by the order in which they were given."""
    names = [str(run.meta().get("run") or run.name) for run in runs]
    return [
        name if names.count(name) == 1 else f"{name} ({names[: place + 1].count(name)})"
        for place, name in enumerate(names)
    ]


def _built(runs: Merged, studies: tuple[StudyPart, ...]) -> str:
    evidence = runs.evidence
    models = evidence.models()
    seen, families = looks(evidence, models), family_looks(evidence)
    sections = tuple(_section(evidence, seen, *one) for one in FIGURES)
    table = leaderboard(evidence, models, seen)
    panels = [panel for section in sections for panel in section.panels]
    panels += [panel for study in studies for panel in study.panels]
    moved = slider(evidence, seen)
    parts = tuple(_part(one, place, runs) for place, one in enumerate(runs.parts))
    data = {
        "figures": {panel.name: panel.data() for panel in panels},
        "file": re.sub(r"[^\w.-]+", "-", "-".join(("leaderboard", *runs.runs))),
        "models": [
            [
                line.model.name,
                line.look.group,
                families[line.model.family].group if line.model.family in families else "",
            ]
            for line in table.lines
        ],
        "slider": moved and moved.data,
        **board_data(evidence, table),
        "terms": {key: slug for key in _keys(table, panels) if (slug := term_of(key))},
    }
    return shell.render(
        "page.html.jinja",
        data,
        runs=runs.runs,
        notices=runs.notices,
        facts=_facts(evidence) if len(parts) == 1 else (text.number_of(len(parts), "run"),),
        generated=bool(evidence.corpus.get("generated")),
        generated_runs=() if all(one.generated for one in parts) else tuple(one.run for one in parts if one.generated),
        parts=parts,
        verdict=_one(parts),
        table=table,
        sections=sections,
        slider=moved,
        trials=trials(evidence),
        term_of=term_of,
        ensemble=reason(evidence.ensemble),
        spread=spread(evidence),
        objective=str(evidence.meta.get("objective") or "objective"),
        studies=studies,
        references=REFERENCES,
        glossary=(*TERMS, *CONFIDENCE_TERMS, *(WORDING_TERMS if table.has("wording") else ())),
        heldout=evidence.shown_role == "heldout",
    )


def _part(evidence: Evidence, place: int, runs: Merged) -> Part:
    return Part(
        run=runs.runs[place] if len(runs.runs) > 1 else "",
        suffix=f"-{place + 1}" if place else "",
        generated=bool(evidence.corpus.get("generated")),
        verdict=verdict(evidence),
        automation=automation(evidence),
        made=provenance(evidence),
    )


def _one(parts: tuple[Part, ...]) -> Verdict:
    """The verdict whose pick and promise mark rows of the tables; that of one run says nothing about several."""
    first = parts[0].verdict
    return first if len(parts) == 1 else replace(first, model="", promise=None)


def _keys(table: Table, panels: Iterable[Panel]) -> list[str]:
    """The keys of all columns that the page shows, whose headings explain themselves."""
    keys = [*table.raw_columns, *(heading.key for panel in panels for heading in panel.numbers.headings)]
    return list(dict.fromkeys(keys))


def _section(evidence: Evidence, seen: Mapping[str, Look], name: str, title: str, draws: tuple[Draw, ...]) -> Section:
    drawn = [draw(evidence, seen) for draw in draws]
    return Section(
        name,
        say(title),
        tuple(one for one in drawn if isinstance(one, Panel)),
        tuple(one for one in drawn if isinstance(one, Missing)),
    )


def _facts(evidence: Evidence) -> tuple[str, ...]:
    meta, corpus = evidence.meta, evidence.corpus
    found = [say("started {moment}", moment=text.moment(meta.get("started")))]
    if corpus.get("n_certificates") is not None:
        found.append(text.number_of(corpus["n_certificates"], "certificate"))
    found.append(text.number_of(len(evidence.trials), "trial"))
    return (
        *found,
        say("families {names}", names=text.plain(meta.get("families"))),
        f"harness {text.plain(meta.get('version'))}",
    )
