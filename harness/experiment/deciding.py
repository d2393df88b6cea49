"""The stage decide: rules, shortlist and floors, frozen on validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.corpus.certificate import Corpus
from harness.decision.objective import NO_CODES, objective
from harness.decision.rule import DISAGREEMENT, UNSEEN_WORD
from harness.decision.textgate import TextGate
from harness.experiment import selection
from harness.experiment.backtest import learnt_kept
from harness.experiment.ensemble import ensemble
from harness.experiment.freezing import Validation
from harness.experiment.replaying import Replayed
from harness.experiment.work import WITNESS, Work
from harness.families import FLOORS, committee
from harness.families.family import Predictions
from harness.files import Row
from harness.run.folder import FROZEN
from harness.search.worker import Failure, FitResult, PredictResult, Report, run_fit

ENSEMBLE = "ensemble"


def decide_stage(work: Work) -> None:
    """Freeze the finalists' and floors' rules on validation, and the shortlist."""
    if work.run.stage("decide") is not None:
        return
    train, validation = work.corpus("train"), work.corpus("validation")
    gate = TextGate.learnt([train.texts], work.known())
    frozen = work.run.stage(FROZEN)
    if frozen is not None:
        said: Row = {"reason": f"none but the pick of {frozen['from']}, which this run was rolled forward from"}
        finalists, witnesses = [dict(frozen["model"])], [dict(row) for row in frozen["witnesses"]]
        silent: dict[str, str] = {}
    else:
        mean, said = _ensemble(work, validation)
        work.say(f"ensemble: {said['reason']}")
        alone = [_of_trial(row) for row in selection.best_trials(work.run.trials())]
        witnesses, silent = _witnesses(work, alone)
        finalists = alone + mean
    models = finalists + _floors(work)
    for model in models + [row for row in witnesses if row["kind"] == WITNESS]:
        scored = objective(work.config.search.objective, validation, _kept(work, model["model"]))
        model["threshold"] = scored.threshold
        model.setdefault("score", 0.0 if scored.score is None else scored.score)
    bench = Validation(work.config, validation, gate, work.later_clusters())
    for model in models:
        others = [] if model["kind"] == "floor" else [row for row in witnesses if row["family"] != model["family"]]
        asked = [(row, _kept(work, row["model"])) for row in others]
        learnt = model["kind"] != "floor" and _may_learn(work, model, others)
        found = bench.freeze(model, _kept(work, model["model"]), asked, learnt=learnt)
        model |= found.row
        found.rule.save(work.run.path / "rules" / model["model"])
        for unit, confidence in found.confidences.items():
            work.run.save_confidence(model["model"], unit, confidence)
    reasons = _shortlist(work, models)
    for model in models:
        reason = reasons[model["model"]]
        model |= {"shortlisted": reason is None, "reason": reason}
    used = {name for model in models for name in model["witnesses"]}
    own = [row for row in witnesses if row["kind"] == WITNESS and row["model"] in used]
    work.run.write_stage("decide", {"models": models, "witnesses": own, "silent": silent, "ensemble": said})


def _may_learn(work: Work, model: Row, witnesses: list[Row]) -> bool:
    """Whether a learned confidence is eligible: it was asked for, a gate is on, and back-tests kept its promise."""
    automation = work.config.automation
    if not automation.learned_confidence or UNSEEN_WORD not in automation.gates:
        return False
    work.say(f"back-testing a learned confidence of {model['model']}")
    kept = learnt_kept(work, Replayed(model, tuple(row | {"kind": WITNESS} for row in witnesses)))
    work.say(f"a learned confidence of {model['model']} is {'eligible' if kept else 'not eligible'}")
    return kept


def _shortlist(work: Work, models: list[Row]) -> dict[str, str | None]:
    """For each model None if it is to be certified, else why it is not."""
    if "calibration" not in work.store.roles:
        return {model["model"]: "there are no calibration years" for model in models}
    unfit = {model["model"]: _unfit(work, model) for model in models if model["kind"] != "floor"}
    able = [model for model in models if unfit.get(model["model"]) is None]
    return unfit | selection.shortlist(able, work.config.promise.shortlist)


def _unfit(work: Work, model: Row) -> str | None:
    """What a model lacks for the promise that is asked, or for a gate that has to be there for it."""
    units = ("certificate", "line") if work.config.promise.unit == "both" else (work.config.promise.unit,)
    if not all(unit in model["expected"] for unit in units):
        return "it codes whole certificates, and lines are promised"
    if DISAGREEMENT in work.config.automation.gates and not model["witnesses"]:
        return f"it has no witness of another family, which the gate {DISAGREEMENT} has to ask"
    return None


def _kept(work: Work, name: str) -> Predictions:
    return work.run.predictions(_validation(name))


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
    members = [row["trial"] for row, weight in zip(trials, found.weights, strict=True) if weight]
    run.save_predictions(_validation(ENSEMBLE), _as_shipped(found.crossfitted, members, load))
    members = [
        {**_of_trial(row), "weight": float(weight)} for row, weight in zip(trials, found.weights, strict=True) if weight
    ]
    row = _of_members(members) | {"score": found.score, "score_in_sample": found.score_in_sample}
    return [row], {
        "reason": f"{selection.weighting(row['parameters'])}, chosen from {len(trials)} trials: "
        f"{options.objective} {found.score:.4f} cross-fitted, {found.score_in_sample:.4f} in sample"
    }


def _as_shipped(crossfitted: Predictions, members: list[str], load: Callable[[str], Predictions]) -> Predictions:
    """No more than what the ensemble of these members will say as well: other folds may have had other members.

    It scores lines where all members do. What it wrote would be one member's, and another one's in another fold.
    """
    by_line = all(load(name).line_scores is not None for name in members)
    return replace(crossfitted, written=None, line_scores=crossfitted.line_scores if by_line else None)


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
        model, parameters = f"floor-{name.replace('_', '-')}", {"unit": "certificate"}
        spec = replace(work.spec(), family=name, parameters=parameters, validation=(work.store.roles["validation"],))

        def keep(report: Report, model: str = model) -> None:
            work.run.save_predictions(_validation(model), report.predictions)

        rows.append(_fitted(model, name, "floor", parameters, run_fit(spec, keep)))
    return rows


def _fitted(model: str, family: str, kind: str, parameters: Row, result: FitResult) -> Row:
    return {
        "model": model,
        "family": family,
        "kind": kind,
        "parameters": parameters,
        "steps": result.steps,
        "fit_seconds": result.seconds,
    }


def _witnesses(work: Work, finalists: list[Row]) -> tuple[list[Row], dict[str, str]]:
    """The finalist of each family whose agreement is asked, or where it was not searched a fit of its defaults.

    Returns
    -------
    The witnesses; and why each that could not be fitted, or could not predict, is silent.
    """
    rows: list[Row] = []
    silent: dict[str, str] = {}
    for family in work.config.automation.witnesses:
        found = next((row for row in finalists if row["family"] == family), None) or _at_defaults(work, family)
        if isinstance(found, Failure):
            silent[f"{WITNESS}-{family}"] = found.reason
        else:
            rows.append(found)
    return rows, silent


def _at_defaults(work: Work, family: str) -> Row | Failure:
    """A witness that is no finalist, with its predictions of validation; or why there is none."""
    model, unit = f"{WITNESS}-{family}", "line" if work.store.by_line else "certificate"
    spec = replace(work.spec(), family=family, parameters={"unit": unit}, keep=True, device=work.cluster.device(family))
    (result,) = work.cluster.fit([spec])
    found: PredictResult | Failure | FitResult = result
    if isinstance(result, FitResult):
        row = _fitted(model, family, WITNESS, {"unit": unit}, result)
        (found,) = work.cluster.predict([work.asked(row, result.model, "validation")], [family])
        if isinstance(found, PredictResult):
            work.run.save_predictions(_validation(model), found.predictions)
            return row
    assert isinstance(found, Failure)  # noqa: S101  (what is no result is a failure)
    work.say(f"{model} cannot be asked as a witness ({found.reason})")
    return found
