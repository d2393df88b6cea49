"""The page of a study: the same kind of file as a run's, from the study's rows alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.files import Row, write_text
from harness.leaderboard import shell, text
from harness.leaderboard.board.trials import trials
from harness.leaderboard.language import ENGLISH, say, speaking
from harness.leaderboard.panel import Panel
from harness.leaderboard.provenance import Provenance, provenance
from harness.leaderboard.reasons import reason as said_reason
from harness.leaderboard.rows import read
from harness.leaderboard.study import section
from harness.leaderboard.study.kinds import Words, unfinished, words
from harness.leaderboard.study.normalise import normaliser_line
from harness.leaderboard.study.tables import fit_lines, raw, tuned_lines
from harness.leaderboard.study.wordings import wordings
from harness.run.folder import RunFolder
from harness.run.study import CURVES, GAINS, NORMALISER, TRANSFER, StudyFolder


def write_study_page(run: RunFolder, language: str = ENGLISH) -> Path:
    """Build the page of a study and put it in its place at once."""
    write_text(run.page, build_study_page(StudyFolder(run.path), language))
    return run.page


def build_study_page(study: StudyFolder, language: str = ENGLISH) -> str:
    """The page as a pure function of the study's rows: the same rows give the same bytes."""
    with speaking(language):
        return _built(study)


def _built(study: StudyFolder) -> str:
    evidence, rows, tuned = read(study), study.rows(), study.tuned()
    meta, said = evidence.meta, words(study)
    name = str(meta.get("run") or study.name)
    arms = [str(arm) for arm in meta["arms"]]
    drawn = section.draw(study, "study")
    panels = {one.name: one for one in drawn if isinstance(one, Panel)}
    data = {
        "figures": {name: panel.data() for name, panel in panels.items()},
        "file": re.sub(r"[^\w.-]+", "-", f"study-{name}"),
        "models": [],
        "saved": {"columns": list(said.KEYS), "rows": raw(rows, said.KEYS)},
    }
    return shell.render(
        said.TEMPLATE,
        data,
        name=name,
        title=say(section.TITLES[meta["kind"]]),
        facts=section.facts(study),
        generated=bool(evidence.corpus.get("generated")),
        unfinished=unfinished(study),
        findings=said.findings(study),
        left_out=_left_out(tuned, said),
        panels_shown=tuple(panels.values()),
        panels_missing=tuple(one for one in drawn if not isinstance(one, Panel)),
        gains=said.gain_groups(study.figure(GAINS)),
        columns=said.FITS,
        fits=fit_lines(rows, arms, said.FITS, said.label),
        tuned=tuned_lines(tuned, said.label),
        trials=trials(evidence),
        meta=meta,
        n_arms=len(arms),
        made=_made(provenance(evidence), said),
        glossary=said.TERMS,
        **(_transfer(tuned) if meta["kind"] == TRANSFER else _normalisation(study)),
    )


def _transfer(tuned: list[Row]) -> Mapping[str, Any]:
    """What the page of a transfer study alone has."""
    return {"layers": _layers(tuned)}


def _normalisation(study: StudyFolder) -> Mapping[str, Any]:
    """What the page of a normalisation study alone has."""
    stage = study.stage(NORMALISER)
    return {
        "wordings": wordings(study),
        "normaliser": normaliser_line(stage),
        "normalised": bool(stage and stage["arm"] and not stage["reason"]),
        "n_train": next((text.count(row["n_train"]) for row in study.figure(CURVES)), text.DASH),
    }


def _left_out(tuned: Sequence[Row], said: Words) -> tuple[str, ...]:
    """Which arms could not be tuned, by the reason."""
    found: dict[str, list[str]] = {}
    for row in tuned:
        if row["parameters"] is None:
            reason = said_reason(row.get("reason")) or say("no finished trial")
            found.setdefault(reason, []).append(said.label(row["arm"]))
    return tuple(say("{arms} ({reason})", arms=text.parted(arms), reason=reason) for reason, arms in found.items())


def _layers(tuned: list[Row]) -> str:
    """How many layers of the pretrained encoder its arms kept; a number where all kept the same."""
    kept = {row["parameters"].get("layers") or 0 for row in tuned if row.get("start") and row["parameters"]}
    return ", ".join(str(number or say("all")) for number in sorted(kept))  # 0 says all, as does saying nothing


def _made(found: Provenance, said: Words) -> Provenance:
    """How it was made, each role of the years with its use in a study."""
    uses = {name: say(use) for role, use in said.USES.items() for name in (role, say(role))}
    roles = tuple(replace(role, use=uses.get(role.name, role.use)) for role in found.roles)
    return replace(found, roles=roles, shares=())  # arms share a budget in another way, which Tuning says
