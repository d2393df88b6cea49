"""Rolling a run forward: the same hyper-parameters on newer years, certified afresh; what an office deploys.

All roles move on by the same number of years. Threshold and rule are set afresh on the new validation year, and the
one candidate is certified at full confidence on the new calibration year, which must not have chosen anything.
"""

from __future__ import annotations

from harness.config import ROLES, RunConfig
from harness.decision.objective import objective
from harness.errors import PartlyDone, RunError
from harness.experiment.readings import digest_of
from harness.experiment.replaying import Replayed
from harness.experiment.work import Work
from harness.files import Row
from harness.run.folder import FROZEN, RunFolder
from harness.search.worker import Failure


def moved(run: RunFolder, config: RunConfig, by: int | None) -> tuple[RunConfig, int]:
    """The configuration with all roles moved on, and by how many years.

    Raises
    ------
    RunError
        The run has no calibration year, or roles from a column; or the shift is not one that leaves a calibration year.
    """
    if config.corpus.columns.role is not None:
        raise RunError(f"a run that is rolled forward needs roles by year, but those of {run.name} come from a column")
    if not config.years.calibration:
        raise RunError(f"a run that is rolled forward needs calibration years to certify on, but {run.name} has none")
    there = sorted({year for part in run.corpus()["roles"].values() for year in part["years"]})
    most = there[-1] - max(config.years.calibration)
    shift = most if by is None else by
    if shift < 1:
        raise RunError(
            f"--by must be 1 or more, but got {shift}"
            if by is not None
            else f"a run that is rolled forward needs years after its calibration year, but those of {run.name} end "
            f"with {there[-1]}; --by N names years that its files have by now"
        )
    years = {role: tuple(year + shift for year in config.years.of(role)) for role in ROLES}
    held = tuple(year for year in years["heldout"] if year <= there[-1])
    moved_years = config.years.model_copy(update={**years, "heldout": held})
    return config.model_copy(update={"years": moved_years}), shift


def frozen_of(run: RunFolder, config: RunConfig) -> tuple[RunConfig, Row]:
    """What of a run is fitted again: its pick alone, with its witnesses; and the configuration of a single candidate.

    The configuration names the families of the pick alone: a witness is no candidate, and nothing is asked of it that
    is asked of one.

    Raises
    ------
    RunError
        The run has no pick yet.
    """
    found, decided = run.pick(), run.stage("decide")
    if found is None or decided is None or found["model"] is None:
        raise RunError(f"a run that is rolled forward needs a pick, but {run.name} has none")
    candidate = Replayed.of(decided, found["model"])
    alone = candidate.model.get("members") or [candidate.model]
    families = tuple(dict.fromkeys(row["family"] for row in alone))
    search = config.search.model_copy(update={"families": families, "seeds": 1})
    promise = config.promise.model_copy(update={"shortlist": 1})
    kept = ("model", "family", "kind", "parameters", "steps", "members")
    rows = [{key: row[key] for key in kept if key in row} for row in (candidate.model, *candidate.witnesses)]
    before = run.stage(FROZEN) or {}  # a run that was itself rolled forward chose none of this
    return config.model_copy(update={"search": search, "promise": promise}), {
        "from": run.name,
        "config": before.get("config") or digest_of(run, config),
        "began": before.get("began") or run.meta()["started"],
        "model": rows[0],
        "witnesses": rows[1:],
    }


def replay_stage(work: Work) -> None:
    """Fit what is frozen on the moved training years, and keep its predictions of the new validation year.

    Raises
    ------
    PartlyDone
        It could not be fitted.
    """
    frozen = work.run.stage(FROZEN)
    if frozen is None or "done" in frozen:
        return
    candidate = Replayed(frozen["model"], tuple(frozen["witnesses"]))
    work.say(f"fitting {candidate.model['model']} of {frozen['from']} on the years that moved on")
    fitted = candidate.fit(work, (work.store.roles["train"],))
    if isinstance(fitted, Failure):
        raise PartlyDone(f"{fitted.reason}; the page of {work.run.name} shows why")
    predicted = candidate.predict(work, candidate.models(fitted), work.store.roles["validation"])
    if isinstance(predicted, Failure):
        raise PartlyDone(f"{predicted.reason}; the page of {work.run.name} shows why")
    for name, predictions in predicted.items():
        work.run.save_predictions(f"validation/{name}", predictions)
    seconds = {name: round(result.seconds, 3) for name, result in fitted.items()}
    model = candidate.model
    validation = work.corpus("validation")
    score = objective(work.config.search.objective, validation, predicted[model["model"]]).score
    model = (
        {
            **model,
            "members": [{**row, "fit_seconds": seconds[row["model"]]} for row in model["members"]],
        }
        if "members" in model
        else model
    )
    spent = sum(seconds[row["model"]] for row in model.get("members") or [model])
    model |= {"fit_seconds": round(spent, 3), "score": score or 0.0, "score_in_sample": score or 0.0}
    witnesses = [{**row, "fit_seconds": seconds[row["model"]]} for row in candidate.witnesses]
    work.run.write_stage(FROZEN, {**frozen, "model": model, "witnesses": witnesses, "done": True})
