"""The stage refit: finalists and floors fitted once more, kept and exportable."""

from __future__ import annotations

from harness.corpus.store import Slice
from harness.decision.novelty import UnseenWords
from harness.decision.rule import DecisionRule
from harness.errors import RunError
from harness.experiment.work import Work
from harness.files import Row
from harness.search.worker import Failure, FitSpec, write_files


def refit_stage(work: Work) -> list[str]:
    """Fit finalists and floors again as the rule of refitting says; what was lost on the way."""
    stage = work.run.stage("refit")
    if stage is None:
        stage = _refit(work)
        work.run.write_stage("refit", stage)
    return [f"{model} could not be fitted again ({reason})" for model, reason in sorted(stage["lost"].items())]


def _refit(work: Work) -> Row:
    models, rows = work.models(), _fit_rows(work)
    work.say(f"fitting {len(models)} models again on {' + '.join(_fit_roles(work))}")
    gate = UnseenWords.learnt([work.store.corpus(*rows).texts], work.known())
    specs = [
        FitSpec(
            family=model["family"],
            parameters=model["parameters"],
            store=str(work.store.path),
            train=rows,
            knowledge=work.knowledge,
            seed=work.config.search.seed,
            steps=model["steps"],
            keep=True,
            device=work.cluster.device(model["family"]),
            cache=work.cache,
        )
        for model in models
    ]
    lost, done = {}, {}
    for model, result in zip(models, work.cluster.fit(specs), strict=True):
        name = model["model"]
        if isinstance(result, Failure):
            lost[name] = result.reason
            continue
        folder = work.run.model(name)
        write_files(result.model, folder / "model")
        DecisionRule.load(work.run.path / "rules" / name).refitted(gate).save(folder / "rule")
        done[name] = {
            "seconds": round(result.seconds, 3),
            "n_labels": result.n_labels,
            "bytes": sum(map(len, result.model.values())),
        }
    if not any(model["model"] in done for model in models if model["kind"] != "floor"):
        raise RunError(f"a run needs a finalist that can be fitted again, but none could ({'; '.join(lost.values())})")
    return {"lost": lost, "models": done, "roles": _fit_roles(work)}


def _fit_roles(work: Work) -> list[str]:
    return ["train", "validation"] if work.config.years.refit else ["train"]


def _fit_rows(work: Work) -> tuple[Slice, ...]:
    return tuple(work.store.roles[role] for role in _fit_roles(work))
