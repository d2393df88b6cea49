"""The stage score: every model on every role, the held-out years after the pick."""

from __future__ import annotations

from harness.decision.rule import DecisionRule, Decisions, decide
from harness.experiment.scoring import curve_rows, score_row
from harness.experiment.work import Work
from harness.files import Row


def score_stage(work: Work) -> None:
    """Rows of every model: validation from the search's fit, calibration and held-out from the refit."""
    if work.run.stage("score") is not None:
        return
    certified = work.run.stage("certify") or {"promises": {}, "speeds": {}}
    speeds = dict(certified["speeds"])
    if "heldout" in work.store.roles:
        speeds |= work.predict(work.fitted(), "heldout")
    rows: list[Row] = []
    curves: list[Row] = []
    refitted, provenance = work.refitted(), _provenance(work)
    for model in work.models():
        name = model["model"]
        rule = DecisionRule.load(work.run.path / "rules" / name)
        shared = {**provenance, "bytes": refitted.get(name, {}).get("bytes")}
        searched = {**shared, "fit_seconds": model["fit_seconds"], "certificates_per_second": None}
        _score(work, rows, curves, model, "validation", rule, searched)
        if name in refitted:
            rule = DecisionRule.load(work.run.model(name) / "rule")
            again = {**shared, "fit_seconds": refitted[name]["seconds"], "certificates_per_second": speeds.get(name)}
            for role in ("calibration", "heldout"):
                if role in work.store.roles:
                    _score(work, rows, curves, model, role, rule, again)
    work.run.write_figure("risk_coverage", curves)
    work.run.write_scorecards(rows)
    work.run.write_stage("score", {"rows": len(rows)})


def _score(
    work: Work, rows: list[Row], curves: list[Row], model: Row, role: str, rule: DecisionRule, more: Row
) -> None:
    """Append the rows and curves of one model and role; ``more`` is what all of its rows carry besides."""
    name = model["model"]
    corpus, predictions = work.corpus(role), work.run.predictions(f"{role}/{name}")
    decisions = decide(rule, predictions, corpus.texts)
    promised = rule.promise if rule.promise is not None and rule.promise.made else None
    start = work.store.roles[role].start
    slices = {
        "all": work.store.roles[role],
        **{str(year): of_year for year, of_year in sorted(work.store.years[role].items())},
    }
    for year, where in slices.items():
        part = slice(where.start - start, where.stop - start)
        reference = corpus.rows(part.start, part.stop)
        said = _rows_of(decisions, part)
        rows.append(
            {
                **more,
                "run": work.run.name,
                "model": name,
                "family": model["family"],
                "kind": model["kind"],
                "parameters": model["parameters"],
                "steps": model["steps"],
                "threshold": rule.threshold,
                "estimator": rule.estimator,
                "role": role,
                "refit": role != "validation" and work.config.years.refit,
                "year": year,
                **score_row(reference, said, rule.least_confidence, seed=work.config.search.seed),
                "promised_coverage": promised.coverage if promised is not None and role == "calibration" else None,
                "reason": _reason(model, role, rule),
            }
        )
        curves += [{"model": name, "role": role, "year": year, **point} for point in curve_rows(reference, said)]


def _reason(model: Row, role: str, rule: DecisionRule) -> str | None:
    """Why this row has no coverage and risk at a working point."""
    if role == "validation":
        return "a working point is certified on calibration years, for the refitted model"
    if rule.promise is None:
        return f"not certified: {model['reason']}"
    return None if rule.promise.made else rule.promise.reason


def _provenance(work: Work) -> Row:
    meta, corpus = work.run.meta(), work.run.corpus()
    return {
        "version": meta["version"],
        "commit": meta["commit"],
        "libraries": meta["libraries"],
        "hardware": meta["hardware"],
        "seed": meta["seed"],
        "fingerprint": corpus["fingerprint"],
        "code_list": corpus["code_list"] and corpus["code_list"]["fingerprint"],
        "years": {role: part["years"] for role, part in corpus["roles"].items()},
    }


def _rows_of(decisions: Decisions, part: slice) -> Decisions:
    return Decisions(
        decisions.labels,
        decisions.codes[part],
        decisions.confidence[part],
        decisions.eligible[part],
        decisions.reason[part],
    )
