"""The page of a transfer study: the same kind of file as a run's, from the study's rows alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from harness.files import Row, write_text
from harness.leaderboard import shell, text
from harness.leaderboard.provenance import GLOSSARY, Provenance, Term, provenance
from harness.leaderboard.rows import number, read
from harness.leaderboard.study import curves, findings, looks, measure_of
from harness.leaderboard.study_draw import learning_curves
from harness.leaderboard.study_tables import FITS, KEYS, fit_lines, gain_groups, raw, tuned_lines
from harness.leaderboard.table import trials
from harness.run.folder import RunFolder
from harness.run.study import GAINS, StudyFolder

USES = {
    "train": "fitting, whole and in parts",
    "validation": "tuning, thresholds",
    "held-out": "comparison of the arms",
}
TERMS = ("micro-F1", "exact match", "macro-F1")
OWN_TERMS = (
    Term("arm", "", "One way to a model, tuned once with all training certificates and then frozen."),
    Term(
        "gain",
        "",
        "The score of one arm less that of another on the same held-out certificates, in the mean over seeds.",
    ),
    Term(
        "interval of a gain",
        "",
        "From 95 % of resamples of the held-out certificates, both arms in the same resamples, each widened by what a mean "
        "of so few seeds may be off (Student’s t). A seed draws the training certificates and starts the fit. It covers "
        "the chance of both; not that of the tuning, which was done once, nor that of other years.",
    ),
    Term(
        "the gain vanishes",
        "",
        "At the smallest training size from which on every interval of the gain reaches 0 or less. That no gain is shown "
        "is no proof that there is none.",
    ),
    Term(
        "frequency of a code",
        "",
        "The number of certificates with the code in all training years, so that a band holds the same codes at every "
        "training size.",
    ),
)


def write_study_page(run: RunFolder) -> Path:
    """Build the page of a study and put it in its place at once."""
    write_text(run.page, build_study_page(StudyFolder(run.path)))
    return run.page


def build_study_page(study: StudyFolder) -> str:
    """The page as a pure function of the study's rows: the same rows give the same bytes."""
    evidence, rows, tuned = read(study), study.rows(), study.tuned()
    main = curves(study, measure_of(study))
    other = curves(study, "micro_f1" if main.measure == "exact_match" else "exact_match")
    drawn = {
        name: learning_curves(value) for name, value in (("study-main", main), ("study-other", other)) if value.views
    }
    name = str(evidence.meta.get("run") or study.name)
    arms = [str(arm) for arm in evidence.meta["arms"]]
    data = {
        "figures": drawn,
        "file": re.sub(r"[^\w.-]+", "-", f"study-{name}"),
        "table": {"columns": KEYS, "rows": raw(rows)},
    }
    return shell.render(
        "study.html.jinja",
        data,
        name=name,
        facts=_facts(evidence.meta, len(rows)),
        generated=bool(evidence.corpus.get("generated")),
        unfinished=_unfinished(evidence.meta, tuned, len(rows)),
        findings=findings(study),
        looks=tuple(looks(study).values()),
        main=main,
        other=other,
        gains=gain_groups(study.figure(GAINS)),
        columns=FITS,
        fits=fit_lines(rows, arms),
        tuned=tuned_lines(tuned),
        trials=trials(evidence),
        meta=evidence.meta,
        n_arms=len(arms),
        layers=_layers(tuned),
        made=_made(provenance(evidence)),
        glossary=(*(term for term in GLOSSARY if term.name in TERMS), *OWN_TERMS),
    )


def _facts(meta: Row, n_fits: int) -> tuple[str, ...]:
    return (
        f"started {text.moment(meta.get('started'))}",
        text.number_of(len(meta["arms"]), "arm"),
        f"sizes {text.plain(meta.get('sizes'))}",
        text.number_of(number(meta.get("seeds")) or 0, "seed"),
        text.number_of(n_fits, "fit"),
        f"harness {text.plain(meta.get('version'))}",
    )


def _unfinished(meta: Row, tuned: list[Row], n_fits: int) -> str:
    """What is not done yet, in words; empty where all is. An arm without a finished trial is not fitted."""
    n_arms = len(meta["arms"])
    if len(tuned) < n_arms:
        return f"{len(tuned)} of {n_arms} arms are tuned"
    wanted = sum(row["parameters"] is not None for row in tuned) * len(meta["sizes"]) * meta["seeds"]
    return "" if n_fits >= wanted else f"{n_fits} of {wanted} fits are done"


def _layers(tuned: list[Row]) -> str:
    """How many layers of the pretrained encoder its arms kept; a number where all kept the same."""
    kept = {row["parameters"].get("layers") or 0 for row in tuned if row.get("start") and row["parameters"]}
    return ", ".join(str(number or "all") for number in sorted(kept))  # 0 says all, as does saying nothing


def _made(found: Provenance) -> Provenance:
    """How it was made, each role of the years with its use in a study."""
    return replace(found, roles=tuple(replace(role, use=USES.get(role.name, role.use)) for role in found.roles))
