"""The stage normaliser: what a model writes of every certificate, without having been shown those of training."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.corpus.certificate import Texts
from harness.corpus.store import Store, open_store, with_lines
from harness.corpus.words import normalise
from harness.errors import PartlyDone, RunError
from harness.experiment.arms import on_part
from harness.experiment.normalising import Learnt, normalised
from harness.experiment.work import Work
from harness.families.family import Predictions, Written
from harness.families.normalised import Use, rewritten
from harness.files import Row
from harness.run.study import NORMALISER, StudyFolder
from harness.search.worker import Failure, FitSpec, Part, PredictSpec

USES: tuple[Use, ...] = ("normalised", "both")
SEQ2SEQ = "seq2seq"
NONE = "neither normalise nor joint has a finished trial"


def normaliser_stage(work: Work, study: StudyFolder, writers: Sequence[Row]) -> Row:
    """Fit the normaliser, have every certificate normalised, keep both as stores of their own; unless that is done.

    Training certificates are normalised by models that were fitted without them, as many as there are folds; the others
    by one that was fitted on all of training, which is the normaliser. It is the writer from whose text on validation
    the most is understood: by the F1 of the codes that the text alone leads to, or where there are no codes by line by the
    score of its tuning.

    Parameters
    ----------
    writers : what was frozen of each arm that writes text

    Returns
    -------
    What the stage left: the arm, the validation scores by which it was chosen, the folds, the seconds, the share of the
    certificates of training in which the normaliser changed more than case, accents and punctuation, the folders of the
    stores beside the run's own; or the reason why there is no normaliser.

    Raises
    ------
    PartlyDone
        A fit or its writing was lost, which may go well another time.
    """
    found = study.stage(NORMALISER)
    if found is None:
        tuned = [row for row in writers if row["parameters"] is not None]
        found = {"arm": None, "scores": {}, "folds": work.config.study.folds, "seconds": 0.0, "n": 0}
        found |= {"changed": None, "folders": {}, "reason": NONE}
        if tuned:
            began = time.monotonic()
            found |= _normalised(work, tuned)
            found["seconds"] = round(time.monotonic() - began, 1)
        study.write_stage(NORMALISER, found)
    return found


def stores(work: Work, study: StudyFolder, made: Row) -> dict[Use, Store]:
    """The certificates as arms behind the normaliser read them; none where there is no normaliser."""
    folders: dict[Use, Path] = {use: work.store.path.parent / made["folders"][use] for use in USES if made["arm"]}
    for folder in folders.values():
        if not folder.is_dir():
            raise RunError(
                f"the study {study.name} needs what its normaliser wrote, but {folder.name} is neither in its cache nor in "
                "HARNESS_CACHE"
            )
    return {use: open_store(folder) for use, folder in folders.items()}


def _normalised(work: Work, tuned: Sequence[Row]) -> Row:
    by_line, folds = work.store.by_line, work.config.study.folds
    scores = {row["arm"]: row["score"] for row in tuned}
    if not by_line:
        tuned = [max(tuned, key=lambda row: float(row["score"]))]
    work.say(f"normalising: fitting {' and '.join(row['arm'] for row in tuned)}")
    models = _fits(work, [_fit(work, row, None) for row in tuned])
    wrote = _writes(work, [_ask(work, row, model, "validation") for row, model in zip(tuned, models, strict=True)])
    if by_line:
        understood = _understood(work, {row["arm"]: one for row, one in zip(tuned, wrote, strict=True)})
        scores = understood if len(understood) == len(tuned) else scores
    best = max(range(len(tuned)), key=lambda place: float(scores[tuned[place]["arm"]]))
    chosen, model = tuned[best], models[best]
    by_role = {"validation": wrote[best]}
    work.say(f"normalising: {chosen['arm']} is fitted {folds} times without a part of train")
    parts = [Part(number, folds, work.config.search.seed) for number in range(folds)]
    of_parts = _fits(work, [_fit(work, chosen, part) for part in parts])
    asked = [_ask(work, chosen, one, "train", part) for one, part in zip(of_parts, parts, strict=True)]
    by_role["heldout"], *of_train = _writes(work, [_ask(work, chosen, model, "heldout"), *asked])
    train = work.corpus("train").texts
    by_role["train"] = _in_place(train, parts, of_train)
    after = rewritten(train, by_role["train"], "normalised")
    changed = np.asarray(pc.not_equal(normalise(after.whole()), normalise(train.whole())), dtype=np.bool_)
    return {
        "arm": chosen["arm"],
        "scores": scores,
        "n": len(train),
        "changed": round(float(changed.mean()), 4),
        "folders": {use: _stored(work, by_role, use).fingerprint for use in USES},
        "reason": None,
    }


def _understood(work: Work, wrote: Mapping[str, Predictions]) -> dict[str, float]:
    """By arm, the F1 of the codes that its text on the lines of validation alone leads to; none where it is undefined."""
    validation, learnt = work.corpus("validation"), Learnt.of(work.corpus("train"), work.known())
    found = {arm: normalised(validation, one.written, True, lambda: learnt) for arm, one in wrote.items()}
    return {arm: row["normalised_code_f1"] for arm, row in found.items() if row["normalised_code_f1"] is not None}


def _fits(work: Work, specs: Sequence[FitSpec]) -> list[Mapping[str, bytes]]:
    models: list[Mapping[str, bytes]] = []
    for found in work.cluster.fit(specs):
        if isinstance(found, Failure):
            raise PartlyDone(f"the normaliser could not be fitted ({found.reason}); harness resume tries again")
        models.append(found.model)
    return models


def _writes(work: Work, specs: Sequence[PredictSpec]) -> list[Predictions]:
    said: list[Predictions] = []
    for found in work.cluster.predict(specs, [SEQ2SEQ] * len(specs)):
        if isinstance(found, Failure):
            raise PartlyDone(f"the normaliser could not write ({found.reason}); harness resume tries again")
        said.append(found.predictions)
    return said


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
        cache=work.cache if without is None else "",  # what a fit on a part makes on its way is of no use to others
    )


def _ask(work: Work, tuned: Row, model: Mapping[str, bytes], role: str, part: Part | None = None) -> PredictSpec:
    device = work.cluster.device(tuned["family"])
    return PredictSpec(model, str(work.store.path), (work.store.roles[role],), device, part)


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
    lines = []
    for role in order:  # a role that the study has no use for stays as it is
        texts = work.corpus(role).texts
        lines.append(rewritten(texts, by_role[role], use).lines if role in by_role else texts.lines)
    return with_lines(work.store, pa.concat_arrays(lines))
