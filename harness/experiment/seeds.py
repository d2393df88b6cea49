"""The stage seeds: how much the finalists' scores depend on the seed of their fit; nothing is chosen by it."""

from __future__ import annotations

from harness.corpus.certificate import Corpus
from harness.decision.objective import align, chosen, objective
from harness.experiment.work import Work
from harness.families.family import Predictions
from harness.files import Row
from harness.metrics import multilabel
from harness.search.worker import Failure, FitResult


def seeds_stage(work: Work) -> None:
    """Fit each finalist again on train with other seeds, parameters and steps frozen, and score validation.

    The candidate is the fit of the search's own seed; the others never are. What a killed run had done of a seed's
    fits is done again, seeds that were done are not.
    """
    options = work.config.search
    if options.seeds == 1 or work.run.stage("seeds") is not None:
        return
    validation = work.corpus("validation")
    finalists = [model for model in work.models() if model["kind"] not in ("ensemble", "floor")]
    rows = [_of_candidate(work, model, validation) for model in finalists]
    for seed in range(options.seed + 1, options.seed + options.seeds):
        if work.run.stage(f"seeds-{seed}") is None:
            work.say(f"fitting {len(finalists)} finalists with the seed {seed}")
            work.run.write_stage(f"seeds-{seed}", {"rows": _of_seed(work, finalists, seed, validation)})
        rows += (work.run.stage(f"seeds-{seed}") or {})["rows"]
    work.run.write_figure("seeds", rows)
    work.run.write_stage("seeds", {"rows": len(rows)})


def _of_candidate(work: Work, model: Row, validation: Corpus) -> Row:
    measured = _measured(work, validation, work.run.predictions(f"validation/{model['model']}"))
    return _row(model, work.config.search.seed) | measured | {"candidate": True, "seconds": model["fit_seconds"]}


def _of_seed(work: Work, finalists: list[Row], seed: int, validation: Corpus) -> list[Row]:
    rows = {model["model"]: _row(model, seed) for model in finalists}
    fitted: list[tuple[Row, FitResult]] = []
    train = (work.store.roles["train"],)
    for model, fit in zip(
        finalists, work.cluster.fit([work.fit_again(model, train, seed) for model in finalists]), strict=True
    ):
        if isinstance(fit, Failure):
            rows[model["model"]]["reason"] = fit.reason
            continue
        rows[model["model"]]["seconds"] = round(fit.seconds, 3)
        fitted.append((model, fit))
    asked = [work.asked(model, fit.model, "validation") for model, fit in fitted]
    predicted = work.cluster.predict(asked, [model["family"] for model, _ in fitted])
    for (model, _), result in zip(fitted, predicted, strict=True):
        row = rows[model["model"]]
        if isinstance(result, Failure):
            row["reason"] = result.reason
        else:
            row |= _measured(work, validation, result.predictions)
    return list(rows.values())


def _row(model: Row, seed: int) -> Row:
    """A row without any score yet; all rows have the same keys."""
    keys = ("score", "threshold", "micro_f1", "exact_match", "seconds", "reason")
    return {"model": model["model"], "family": model["family"], "seed": seed, "candidate": False} | dict.fromkeys(keys)


def _measured(work: Work, validation: Corpus, predictions: Predictions) -> Row:
    """Score and threshold as a trial has them, and what comes of that threshold."""
    scored = objective(work.config.search.objective, validation, predictions)
    aligned = align(validation, predictions)
    counts = multilabel.counts(aligned.y_true, chosen(aligned.y_score, scored.threshold))
    return {
        "score": scored.score,
        "threshold": scored.threshold,
        "micro_f1": multilabel.micro_f1(counts),
        "exact_match": multilabel.exact_match(counts),
        "reason": scored.reason,
    }
