"""The stage normaliser: what a model writes of every certificate, without having been shown those of training."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from harness.corpus.certificate import Texts
from harness.corpus.store import Store, open_store, with_lines
from harness.errors import RunError
from harness.experiment.arms import on_part
from harness.experiment.curves import Source
from harness.experiment.work import Work
from harness.families.family import Predictions, Written
from harness.families.normalised import Use, rewritten
from harness.files import Row
from harness.run.study import NORMALISER, StudyFolder
from harness.search.worker import Failure, FitResult, FitSpec, Part, PredictSpec, read_files, write_files

USES: tuple[Use, ...] = ("normalised", "both")
NONE = "neither normalise nor joint has a finished trial"


def normaliser_stage(work: Work, study: StudyFolder, tuned: Sequence[Row], arm: str | None) -> Row:
    """Fit the normaliser, have every certificate normalised, keep both as stores of their own; unless that is done.

    Training certificates are normalised by models that were fitted without them, as many as there are folds; the others
    by one that was fitted on all of training, which is the normaliser.

    Parameters
    ----------
    arm : the one whose model writes best, of those that were tuned; None where none was

    Returns
    -------
    What the stage left: the arm, the folds, the seconds, the share of the lines of training that the normaliser changed,
    the stores by their fingerprints; or the reason why there is no normaliser.
    """
    found = study.stage(NORMALISER)
    if found is None:
        found = {"arm": arm, "folds": work.config.study.folds, "seconds": 0.0, "n_lines": 0, "changed": None}
        found |= {"stores": {}, "reason": NONE}
        if arm is not None:
            found |= _made(work, study, next(row for row in tuned if row["arm"] == arm))
        study.write_stage(NORMALISER, found)
    return found


def sources(work: Work, study: StudyFolder, made: Row) -> dict[Use, Source]:
    """What arms behind the normaliser learn from and read."""
    if made["reason"]:
        return {}
    files = read_files(study.model(NORMALISER) / "model")
    found: dict[Use, Source] = {}
    for use in USES:
        folder = work.store.path.parent / made["stores"][use]
        if not folder.is_dir():
            raise RunError(f"the study {study.name} needs its normalised certificates ({folder.name}), which are gone")
        found[use] = Source(open_store(folder), files)
    return found


def _made(work: Work, study: StudyFolder, tuned: Row) -> Row:
    folds, seed = work.config.study.folds, work.config.search.seed
    work.say(f"normalising: {tuned['arm']} is fitted on all of train, and {folds} times without a part of it")
    began = time.monotonic()
    parts = [Part(number, folds, seed) for number in range(folds)]
    fits = work.cluster.fit([_fit(work, tuned, None), *(_fit(work, tuned, part) for part in parts)])
    lost = [fit.reason for fit in fits if isinstance(fit, Failure)]
    if lost:
        return {"reason": f"it could not be fitted: {lost[0]}"}
    models = [fit.model for fit in fits if isinstance(fit, FitResult)]
    others = [role for role in work.store.roles if role != "train"]
    asked = [_ask(work, models[0], role) for role in others]
    asked += [_ask(work, model, "train", part) for model, part in zip(models[1:], parts, strict=True)]
    results = work.cluster.predict(asked, [tuned["family"]] * len(asked))
    lost = [result.reason for result in results if isinstance(result, Failure)]
    if lost:
        return {"reason": f"it could not write: {lost[0]}"}
    said = [result.predictions for result in results if not isinstance(result, Failure)]
    by_role = dict(zip(others, said[: len(others)], strict=True))
    train = work.corpus("train").texts
    by_role["train"] = _in_place(train, parts, said[len(others) :])
    write_files(models[0], study.model(NORMALISER) / "model")
    new = {use: _stored(work, by_role, use) for use in USES}
    first = rewritten(train, by_role["train"], "normalised").lines
    changed = np.asarray(pa.compute.not_equal(first, train.lines)).mean() if len(first) else 0.0
    return {
        "seconds": round(time.monotonic() - began, 1),
        "n_lines": len(first),
        "changed": round(float(changed), 4),
        "stores": {use: store.fingerprint for use, store in new.items()},
        "reason": None,
    }


def _fit(work: Work, tuned: Row, without: Part | None) -> FitSpec:
    share = 1.0 if without is None else 1.0 - 1.0 / without.of
    parameters, steps = on_part(tuned["family"], tuned["parameters"], tuned["steps"], share)
    return replace(
        work.spec(),
        family=tuned["family"],
        parameters=parameters,
        steps=steps,
        without=without,
        keep=True,
        device=work.cluster.device(tuned["family"]),
    )


def _ask(work: Work, model: Mapping[str, bytes], role: str, part: Part | None = None) -> PredictSpec:
    return PredictSpec(model, str(work.store.path), (work.store.roles[role],), work.cluster.device("seq2seq"), part)


def _in_place(texts: Texts, parts: Sequence[Part], said: Sequence[Predictions]) -> Predictions:
    """What was written of each part of some certificates, as one."""
    n = len(texts)
    by_line = said[0].line_scores is not None
    rows = [np.flatnonzero(part.rows(n)) for part in parts]
    units = texts.certificate_of_line if by_line else np.arange(n)
    of_unit = [np.flatnonzero(np.isin(units, mine)) for mine in rows]
    back = np.argsort(np.concatenate(of_unit), kind="stable")
    text = pa.concat_arrays([one.written.text for one in said if one.written is not None]).take(pa.array(back))
    nothing = Written(np.zeros(len(text) + 1, dtype=np.int64), np.zeros(0, dtype=np.int32), text)
    return replace(said[0], written=nothing)


def _stored(work: Work, by_role: Mapping[str, Predictions], use: Use) -> Store:
    """Every certificate as it is read behind the normaliser, in the order of the store."""
    order = sorted(work.store.roles, key=lambda role: work.store.roles[role].start)
    lines = [rewritten(work.corpus(role).texts, by_role[role], use).lines for role in order]
    return with_lines(work.store, pa.concat_arrays(lines))
