"""The page of a study: the same kind of file as a run's, from the study's rows alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.files import Row, write_text
from harness.leaderboard import shell, text
from harness.leaderboard.marks import Figure
from harness.leaderboard.provenance import Provenance, provenance
from harness.leaderboard.rows import number, read
from harness.leaderboard.study import Words, words
from harness.leaderboard.study_draw import arm_scores, height, learning_curves
from harness.leaderboard.study_gains import measure_of
from harness.leaderboard.study_normalise import normaliser_line, scores
from harness.leaderboard.study_tables import fit_lines, raw, tuned_lines
from harness.leaderboard.study_transfer import curves, looks
from harness.leaderboard.study_wordings import wordings
from harness.leaderboard.table import trials
from harness.run.folder import RunFolder
from harness.run.study import CURVES, GAINS, NORMALISATION, NORMALISER, TRANSFER, StudyFolder


def write_study_page(run: RunFolder) -> Path:
    """Build the page of a study and put it in its place at once."""
    write_text(run.page, build_study_page(StudyFolder(run.path)))
    return run.page


def build_study_page(study: StudyFolder) -> str:
    """The page as a pure function of the study's rows: the same rows give the same bytes."""
    evidence, rows, tuned = read(study), study.rows(), study.tuned()
    meta, said = evidence.meta, words(study)
    own = _transfer(study, tuned) if meta["kind"] == TRANSFER else _normalisation(study)
    name = str(meta.get("run") or study.name)
    arms = [str(arm) for arm in meta["arms"]]
    data = {
        "figures": own.figures,
        "file": re.sub(r"[^\w.-]+", "-", f"study-{name}"),
        "table": {"columns": list(said.KEYS), "rows": raw(rows, said.KEYS)},
    }
    return shell.render(
        said.TEMPLATE,
        data,
        name=name,
        facts=_facts(meta, len(rows)),
        generated=bool(evidence.corpus.get("generated")),
        unfinished=_unfinished(study, tuned, len(rows)),
        findings=said.findings(study),
        missing=_missing(tuned, said),
        gains=said.gain_groups(study.figure(GAINS)),
        columns=said.FITS,
        fits=fit_lines(rows, arms, said.FITS, said.label),
        tuned=tuned_lines(tuned, said.label),
        trials=trials(evidence),
        meta=meta,
        n_arms=len(arms),
        made=_made(provenance(evidence), said),
        glossary=said.TERMS,
        **own.values,
    )


@dataclass(frozen=True, slots=True)
class _Own:
    """What the page of one kind of study alone has: its figures, and other values of its template."""

    figures: Mapping[str, Figure]
    values: Mapping[str, Any]


def _transfer(study: StudyFolder, tuned: list[Row]) -> _Own:
    main = curves(study, measure_of(study))
    other = curves(study, "micro_f1" if main.measure == "exact_match" else "exact_match")
    shown = {name: value for name, value in (("study-main", main), ("study-other", other)) if value.views}
    return _Own(
        {name: learning_curves(value) for name, value in shown.items()},
        {"looks": tuple(looks(study).values()), "main": main, "other": other, "layers": _layers(tuned)},
    )


def _normalisation(study: StudyFolder) -> _Own:
    found, stage = scores(study), study.stage(NORMALISER)
    return _Own(
        {"study-arms": arm_scores(found)} if found.views else {},
        {
            "scores": found,
            "looks": tuple({line.look.group: line.look for line in found.lines}.values()),
            "height": height(found),
            "wordings": wordings(study),
            "normaliser": normaliser_line(stage),
            "normalised": bool(stage and stage["arm"] and not stage["reason"]),
            "n_train": next((text.count(row["n_train"]) for row in study.figure(CURVES)), text.DASH),
        },
    )


def _facts(meta: Row, n_fits: int) -> tuple[str, ...]:
    sizes = meta["sizes"]
    return (
        f"started {text.moment(meta.get('started'))}",
        text.number_of(len(meta["arms"]), "arm"),
        *([f"sizes {text.plain(sizes)}"] if len(sizes) > 1 else []),
        text.number_of(number(meta.get("seeds")) or 0, "seed"),
        text.number_of(n_fits, "fit"),
        f"harness {text.plain(meta.get('version'))}",
    )


def _unfinished(study: StudyFolder, tuned: list[Row], n_fits: int) -> str:
    """What is not done yet, in words; empty where all is. An arm without a finished trial is not fitted."""
    meta = study.meta()
    n_arms = len(meta["arms"])
    if len(tuned) < n_arms:
        waits = meta["kind"] == NORMALISATION and study.stage(NORMALISER) is None
        return f"{len(tuned)} of {n_arms} arms are tuned{', the normaliser is not made yet' if waits else ''}"
    wanted = sum(row["parameters"] is not None for row in tuned) * len(meta["sizes"]) * meta["seeds"]
    return "" if n_fits >= wanted else f"{n_fits} of {wanted} fits are done"


def _missing(tuned: Sequence[Row], said: Words) -> tuple[str, ...]:
    """Which arms could not be tuned, by the reason."""
    found: dict[str, list[str]] = {}
    for row in tuned:
        if row["parameters"] is None:
            found.setdefault(text.public(str(row.get("reason") or "no finished trial")), []).append(
                said.label(row["arm"])
            )
    return tuple(f"{'; '.join(arms)} ({reason})" for reason, arms in found.items())


def _layers(tuned: list[Row]) -> str:
    """How many layers of the pretrained encoder its arms kept; a number where all kept the same."""
    kept = {row["parameters"].get("layers") or 0 for row in tuned if row.get("start") and row["parameters"]}
    return ", ".join(str(number or "all") for number in sorted(kept))  # 0 says all, as does saying nothing


def _made(found: Provenance, said: Words) -> Provenance:
    """How it was made, each role of the years with its use in a study."""
    return replace(found, roles=tuple(replace(role, use=said.USES.get(role.name, role.use)) for role in found.roles))
