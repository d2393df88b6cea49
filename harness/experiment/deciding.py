"""The stage decide: rules, shortlist and floors, frozen on validation."""

from __future__ import annotations

import numpy as np

from harness.corpus.certificate import Corpus
from harness.decision.confidence import ESTIMATORS
from harness.decision.novelty import UnseenWords
from harness.decision.objective import objective
from harness.decision.rule import DecisionRule, Decisions, decide
from harness.experiment import selection
from harness.experiment.scoring import hindsight, judge
from harness.experiment.work import Work
from harness.families import FLOORS
from harness.families.family import Predictions
from harness.files import Row
from harness.metrics import selective
from harness.search.worker import FitSpec, Report, run_fit


def decide_stage(work: Work) -> None:
    """Freeze the finalists' and floors' rules on validation, and the shortlist."""
    if work.run.stage("decide") is not None:
        return
    train, validation = work.corpus("train"), work.corpus("validation")
    gate = UnseenWords.learnt([train.texts], work.known())
    models = [_of_trial(row) for row in selection.best_trials(work.run.trials())] + _floors(work)
    for model in models:
        predictions = work.run.predictions(f"validation/{model['model']}")
        scored = objective(work.config.search.objective, validation, predictions)
        rule, decisions = _rule(work, scored.threshold, gate, validation, predictions)
        model |= {
            "threshold": rule.threshold,
            "estimator": rule.estimator,
            "score": 0.0 if scored.score is None else scored.score,
            "expected_coverage": hindsight(validation, decisions, work.config.promise.risk),
        }
        rule.save(work.run.path / "rules" / model["model"])
    size = work.config.promise.shortlist
    reasons = selection.shortlist(models, size) if "calibration" in work.store.roles else {}
    for model in models:
        reason = reasons.get(model["model"], "there are no calibration years")
        model |= {"shortlisted": reason is None, "reason": reason}
    work.run.write_stage("decide", {"models": models})


def _of_trial(row: Row) -> Row:
    return {
        "model": row["trial"],
        "family": row["family"],
        "kind": row["kind"],
        "parameters": row["parameters"],
        "steps": row["steps"],
        "fit_seconds": row["seconds"],
    }


def _floors(work: Work) -> list[Row]:
    rows = []
    for name in FLOORS:
        spec = FitSpec(
            family=name,
            parameters={"unit": "certificate"},
            store=str(work.store.path),
            train=(work.store.roles["train"],),
            validation=(work.store.roles["validation"],),
            objective=work.config.search.objective,
            knowledge=work.knowledge,
        )
        model = f"floor-{name.replace('_', '-')}"

        def keep(report: Report, model: str = model) -> None:
            work.run.save_predictions(f"validation/{model}", report.predictions)

        fitted = run_fit(spec, keep)
        rows.append(
            {
                "model": model,
                "family": name,
                "kind": "floor",
                "parameters": spec.parameters,
                "steps": 1,
                "fit_seconds": fitted.seconds,
            }
        )
    return rows


def _rule(
    work: Work, threshold: float, gate: UnseenWords, validation: Corpus, predictions: Predictions
) -> tuple[DecisionRule, Decisions]:
    """The rule with the estimator of least area under generalised risk and coverage, and what it decides."""
    best: tuple[float, DecisionRule, Decisions] | None = None
    for name in ESTIMATORS:
        rule = DecisionRule(threshold, name, gate, work.config.automation.always_person)
        decisions = decide(rule, predictions, validation.texts)
        area = selective.augrc(judge(validation, decisions).errors, decisions.confidence)
        if best is None or (area is not None and area < best[0]):
            best = (np.inf if area is None else area, rule, decisions)
    assert best is not None  # noqa: S101  (the registry of estimators is not empty)
    return best[1], best[2]
