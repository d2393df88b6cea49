"""The stage score: every model on every role, the held-out years after the pick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from harness.corpus.certificate import Corpus, IntArray
from harness.corpus.store import Slice
from harness.decision.rule import DecisionRule
from harness.experiment.figuring.figures import WHOLE, Figures
from harness.experiment.normalising import Learnt, normalised
from harness.experiment.readings import fingerprints, readings_of, record
from harness.experiment.scoring import Judged, Said, audited, curve_rows, judge, line_row, saved_work, score_row
from harness.experiment.selection import shipped_bytes
from harness.experiment.work import Work
from harness.files import Row
from harness.metrics.bands import untold


def score_stage(work: Work) -> None:
    """Rows of every model: validation from the search's fit, calibration and held-out from the refit.

    A model that cannot predict a role has no rows of it, and the stage keeps the reason.
    """
    if work.run.stage("score") is not None:
        return
    speeds: dict[str, float] = dict((work.run.stage("certify") or {}).get("speeds", {}))
    lost: dict[str, str] = {}
    if "heldout" in work.store.roles:
        years = fingerprints(work.store, "heldout")
        record(readings_of(work.run.path), work.run.name, "heldout", years, work.config_digest())
        more, lost = work.predict(work.asked_models(), "heldout")
        speeds |= more
    refitted, provenance, roles = work.refitted(), _provenance(work), _roles(work)
    found = _Found(_figures(work, roles))
    for model in work.models():
        name = model["model"]
        rule = DecisionRule.load(work.run.path / "rules" / name)
        shared = {**provenance, "bytes": shipped_bytes(model, refitted)}
        searched = {**shared, "fit_seconds": model["fit_seconds"], "certificates_per_second": None}
        _score(work, found, model, roles["validation"], rule, searched)
        if name in refitted:
            rule = DecisionRule.load(work.run.model(name) / "rule")
            again = {**shared, "fit_seconds": refitted[name]["seconds"], "certificates_per_second": speeds.get(name)}
            for role in ("calibration", "heldout"):
                if role in roles and all(
                    work.run.has_predictions(f"{role}/{part}") for part in (name, *model.get("witnesses", []))
                ):
                    _score(work, found, model, roles[role], rule, again)
    work.run.write_figure("risk_coverage", found.curves)
    found.figures.write(work.run, seed=work.config.search.seed)
    work.run.write_scorecards(found.rows)
    work.run.write_stage("score", {"rows": len(found.rows), "lost": lost})


@dataclass(frozen=True, slots=True)
class _Found:
    """What the stage writes, gathered model by model."""

    figures: Figures
    rows: list[Row] = field(default_factory=list)
    curves: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Role:
    """What all models are scored on.

    Attributes
    ----------
    slices : the role's rows by year, all of them together first; counted from its first certificate
    frequency : (n_labels,) in how many certificates of the fits behind its rows each code stood
    untold : bands of codes of which no score is given
    learnt : what those fits had of lines and wordings; read only for a model that writes text
    """

    name: str
    corpus: Corpus
    slices: dict[str, Slice]
    frequency: IntArray
    untold: frozenset[str]
    learnt: Callable[[], Learnt]


def _roles(work: Work) -> dict[str, _Role]:
    """The roles that are scored; validation was predicted by the search's fits, the others by the refitted models."""
    counts = {role: _frequency(work.corpus(role)) for role in ("train", "validation")}
    plain, more = _learnt(work, "train"), _learnt(work, "train", "validation")
    found: dict[str, _Role] = {}
    for role in ("validation", "calibration", "heldout"):
        if role in work.store.roles:
            whole = work.store.roles[role]
            again = role != "validation" and work.config.years.refit
            slices = {
                year: Slice(rows.start - whole.start, rows.stop - whole.start)
                for year, rows in (
                    (WHOLE, whole),
                    *((str(year), rows) for year, rows in sorted(work.store.years[role].items())),
                )
            }
            corpus, frequency = work.corpus(role), counts["train"] + counts["validation"] if again else counts["train"]
            parts = (slice(rows.start, rows.stop) for rows in slices.values())
            few = untold(corpus.codes, frequency, parts)
            found[role] = _Role(role, corpus, slices, frequency, few, more if again else plain)
    return found


def _figures(work: Work, roles: dict[str, _Role]) -> Figures:
    """Of the held-out years, or of validation where there are none; no row yet."""
    shown = roles.get("heldout", roles["validation"])
    listed = work.known().code_list
    titles = {} if listed is None else {entry.code: entry.title for entry in listed.entries}
    return Figures(shown.name, shown.slices, work.config.search.objective, titles)


def _learnt(work: Work, *roles: str) -> Callable[[], Learnt]:
    """What a fit on some roles had, made at the first call."""
    return cache(lambda: Learnt.of(work.store.corpus(*(work.store.roles[role] for role in roles)), work.known()))


def _frequency(corpus: Corpus) -> IntArray:
    return np.bincount(corpus.codes.indices, minlength=len(corpus.labels))


def _score(work: Work, found: _Found, model: Row, role: _Role, rule: DecisionRule, more: Row) -> None:
    """Append the rows, curves and figures of one model and role; ``more`` is what all of its rows carry besides."""
    name = model["model"]
    predictions = work.run.predictions(f"{role.name}/{name}")
    said = Said(predictions, work.said(rule, predictions, role.name, role.corpus.texts), rule.certificate, rule.line)
    measured: dict[Slice, tuple[list[Row], list[Row]]] = {}
    for year, where in role.slices.items():
        if where not in measured:  # a role of one year is that year
            mine = said.rows(role.corpus.texts, where.start, where.stop)
            reference = role.corpus.rows(where.start, where.stop)
            judged = judge(reference, mine.decisions)
            measured[where] = _measured(work, role, reference, mine, judged)
            if role.name == found.figures.role and year == WHOLE:
                found.figures.add(name, mine, judged, rule.threshold)
        of_units, curve = measured[where]
        for row in of_units:
            unit = rule.line if row["unit"] == "line" else rule.certificate
            assert unit is not None  # noqa: S101  (lines are scored where there is a rule for them)
            promise = unit.promise
            found.rows.append(
                {
                    **more,
                    "run": work.run.name,
                    "model": name,
                    "family": model["family"],
                    "kind": model["kind"],
                    "parameters": model["parameters"],
                    "steps": model["steps"],
                    "threshold": rule.threshold,
                    "estimator": unit.estimator,
                    "recalibration": unit.recalibration.kind,
                    "role": role.name,
                    "refit": role.name != "validation" and work.config.years.refit,
                    "year": year,
                    **row,
                    "promised_coverage": promise.coverage
                    if promise is not None and promise.made and role.name == "calibration"
                    else None,
                    "reason": _reason(model, role.name, rule, row["unit"]),
                }
            )
        found.curves.extend({"model": name, "role": role.name, "year": year, **point} for point in curve)


def _measured(work: Work, role: _Role, reference: Corpus, mine: Said, judged: Judged) -> tuple[list[Row], list[Row]]:
    """The rows and the curve of one slice, of which ``mine`` was said, and ``judged`` once."""
    risk, seed = work.config.promise.risk, work.config.search.seed
    automation = work.config.automation
    row = score_row(reference, mine, judged, role.frequency, seed=seed, untold=role.untold)
    written, by_line = mine.decisions.written, mine.decisions.lines is not None
    row |= normalised(reference, written, by_line, role.learnt)
    row |= saved_work(row, automation.minutes_per_certificate)
    units = [row]
    if by_line and reference.by_line is not None:
        line = line_row(reference, mine)
        units.append({**dict.fromkeys(row), **line, **saved_work(line, automation.minutes_per_line)})
    if role.name == "heldout":
        units = [unit | audited(unit, risk if mine.made(unit["unit"]) else None) for unit in units]
    return units, curve_rows(judged, mine.decisions)


def _reason(model: Row, role: str, rule: DecisionRule, unit: str) -> str | None:
    """Why this row has no coverage and risk at a working point."""
    if role == "validation":
        return "a working point is certified on calibration years, for the refitted model"
    promises = {"certificate": rule.certificate.promise, "line": None if rule.line is None else rule.line.promise}
    asked = [promise for promise in promises.values() if promise is not None]
    if not asked:
        return f"not certified: {model['reason']}"
    mine = promises[unit] or asked[0]  # of lines alone: certificates go by their lines, and the other way round
    return None if mine.made else mine.reason


def _provenance(work: Work) -> Row:
    meta, corpus = work.run.meta(), work.run.corpus()
    return {
        "version": meta["version"],
        "commit": meta["commit"],
        "libraries": meta["libraries"],
        "hardware": meta["hardware"],
        "seed": meta["seed"],
        "fingerprint": corpus["fingerprint"],
        **{name: (corpus.get(name) or {}).get("fingerprint") for name in ("code_list", "dictionaries")},
        "years": {role: part["years"] for role, part in corpus["roles"].items()},
    }
