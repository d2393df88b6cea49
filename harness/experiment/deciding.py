"""The stage decide: rules, shortlist and floors, frozen on validation."""

from __future__ import annotations

import numpy as np

from harness.corpus.certificate import Corpus
from harness.decision.confidence import ESTIMATORS
from harness.decision.novelty import UnseenWords
from harness.decision.objective import NO_CODES, objective
from harness.decision.rule import DecisionRule, Decisions, decide
from harness.experiment import selection
from harness.experiment.ensemble import ensemble
from harness.experiment.scoring import hindsight, judge
from harness.experiment.work import Work
from harness.families import FLOORS, committee
from harness.families.family import Predictions
from harness.files import Row
from harness.metrics import selective
from harness.search.worker import FitSpec, Report, run_fit

ENSEMBLE = "ensemble"


def decide_stage(work: Work) -> None:
    """Freeze the finalists' and floors' rules on validation, and the shortlist."""
    if work.run.stage("decide") is not None:
        return
    train, validation = work.corpus("train"), work.corpus("validation")
    gate = UnseenWords.learnt([train.texts], work.known())
    mean, said = _ensemble(work, validation)
    work.say(f"ensemble: {said['reason']}")
    models = [_of_trial(row) for row in selection.best_trials(work.run.trials())] + mean + _floors(work)
    for model in models:
        predictions = work.run.predictions(f"validation/{model['model']}")
        scored = objective(work.config.search.objective, validation, predictions)
        rule, decisions = _rule(work, scored.threshold, gate, validation, predictions)
        model |= {
            "threshold": rule.threshold,
            "estimator": rule.estimator,
            "expected_coverage": hindsight(validation, decisions, work.config.promise.risk),
        }
        model.setdefault("score", 0.0 if scored.score is None else scored.score)
        rule.save(work.run.path / "rules" / model["model"])
    size = work.config.promise.shortlist
    reasons = selection.shortlist(models, size) if "calibration" in work.store.roles else {}
    for model in models:
        reason = reasons.get(model["model"], "there are no calibration years")
        model |= {"shortlisted": reason is None, "reason": reason}
    work.run.write_stage("decide", {"models": models, "ensemble": said})


def _of_trial(row: Row) -> Row:
    return {
        "model": row["trial"],
        "family": row["family"],
        "kind": row["kind"],
        "parameters": row["parameters"],
        "steps": row["steps"],
        "fit_seconds": row["seconds"],
    }


def _ensemble(work: Work, validation: Corpus) -> tuple[list[Row], Row]:
    """The ensemble as one more model, or none; and how it came about.

    What is kept as its validation predictions is cross-fitted: each certificate's scores come from weights that were
    chosen without its fold. So threshold, rule, expected coverage and rows of validation flatter it no more than others.
    """
    options, run = work.config.search, work.run
    trials = [row for row in selection.candidates(run.trials()) if run.has_predictions(_validation(row["trial"]))]
    if not options.ensemble:
        return [], {"reason": "none, as search.ensemble is false"}
    if len(trials) < 2:
        return [], {"reason": "none, as there is no second trial to choose from"}

    def load(name: str) -> Predictions:
        return run.predictions(_validation(name))

    if not validation.codes.nnz:
        return [], {"reason": f"none, as {NO_CODES}"}
    found = ensemble(validation, [row["trial"] for row in trials], load, options.objective, options.seed)
    if found is None:
        return [], {"reason": "none, as no mean of trials scores better on validation than the best of them alone"}
    run.save_predictions(_validation(ENSEMBLE), found.crossfitted)
    members = [
        {**_of_trial(row), "weight": float(weight)} for row, weight in zip(trials, found.weights, strict=True) if weight
    ]
    row = _of_members(members) | {"score": found.score, "score_in_sample": found.score_in_sample}
    return [row], {
        "reason": f"{selection.weighting(row['parameters'])}, chosen from {len(trials)} trials: "
        f"{options.objective} {found.score:.4f} cross-fitted, {found.score_in_sample:.4f} in sample"
    }


def _of_members(members: list[Row]) -> Row:
    return {
        "model": ENSEMBLE,
        "family": committee.NAME,
        "kind": ENSEMBLE,
        "parameters": {member["model"]: member["weight"] for member in members},
        "members": members,
        "steps": 1,
        "fit_seconds": round(sum(member["fit_seconds"] for member in members), 3),
    }


def _validation(name: str) -> str:
    return f"validation/{name}"


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
