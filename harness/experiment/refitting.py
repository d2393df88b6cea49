"""The stage refit: finalists and floors fitted once more, kept and exportable."""

from __future__ import annotations

from harness.corpus.store import Slice
from harness.decision.rule import DecisionRule
from harness.decision.textgate import TextGate
from harness.errors import RunError
from harness.experiment.work import WITNESS, Work
from harness.families import committee
from harness.files import Row
from harness.search.worker import Failure, FitResult, write_files


def refit_stage(work: Work) -> None:
    """Fit finalists, floors and the ensemble's members again as the rule of refitting says."""
    if work.run.stage("refit") is None:
        work.run.write_stage("refit", _refit(work))


def _refit(work: Work) -> Row:
    models, witnesses, rows = work.models(), work.witnesses(), _fit_rows(work)
    fits = _fits(models + witnesses)
    work.say(f"fitting {len(fits)} models again on {' + '.join(work.fit_roles())}")
    gate = TextGate.learnt([work.store.corpus(*rows).texts], work.known())
    specs = [work.fit_again(model, rows, work.config.search.seed) for model in fits.values()]
    results = dict(zip(fits, work.cluster.fit(specs), strict=True))
    lost, done = {}, {}
    for model in witnesses + models:
        name = model["model"]
        result = _together(model, results) if model["kind"] == "ensemble" else results[name]
        silent = [other for other in model.get("witnesses", []) if isinstance(results[other], Failure)]
        if silent:
            result = Failure(f"its witness {silent[0]} could not")
        if isinstance(result, Failure):
            lost[name] = result.reason
            continue
        folder = work.run.model(name)
        write_files(result.model, folder / "model")
        if model["kind"] != WITNESS:
            DecisionRule.load(work.run.path / "rules" / name).refitted(gate).save(folder / "rule")
        done[name] = {
            "seconds": round(result.seconds, 3),
            "n_labels": result.n_labels,
            "bytes": sum(map(len, result.model.values())),
        }
    if not any(model["model"] in done for model in models if model["kind"] != "floor"):
        raise RunError(f"a run needs a finalist that can be fitted again, but none could ({'; '.join(lost.values())})")
    return {"lost": lost, "models": done, "roles": work.fit_roles()}


def _fits(models: list[Row]) -> dict[str, Row]:
    """What is fitted, each once: finalists, floors, and the members of the ensemble that are no finalists."""
    alone = {model["model"]: model for model in models if model["kind"] != "ensemble"}
    members = {member["model"]: member for model in models for member in model.get("members", [])}
    return members | alone


def _together(model: Row, results: dict[str, FitResult | Failure]) -> FitResult | Failure:
    """The ensemble of its members' fits; it is lost with any of them."""
    fitted: list[FitResult] = []
    for member in model["members"]:
        result = results[member["model"]]
        if isinstance(result, Failure):
            return Failure(f"its member {member['model']}: {result.reason}")
        fitted.append(result)
    names, weights = ([member[key] for member in model["members"]] for key in ("model", "weight"))
    files = committee.assemble(names, weights, [result.model for result in fitted])
    return FitResult(sum(result.seconds for result in fitted), model["steps"], len(committee.labels_of(files)), files)


def _fit_rows(work: Work) -> tuple[Slice, ...]:
    return tuple(work.store.roles[role] for role in work.fit_roles())
