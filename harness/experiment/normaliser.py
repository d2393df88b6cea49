"""The stage normaliser: what a model writes of every certificate, without having been shown those of training."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.corpus.certificate import Texts
from harness.corpus.store import Store, once, open_store, with_lines
from harness.errors import RunError
from harness.experiment.arms import on_part
from harness.experiment.curves import Source
from harness.experiment.normalising import Learnt, normalised
from harness.experiment.work import Work
from harness.families.family import Predictions, Written
from harness.families.normalised import Use, rewritten
from harness.files import Row
from harness.run.study import NORMALISER, StudyFolder
from harness.search.worker import Failure, FitSpec, Part, PredictSpec, write_files

USES: tuple[Use, ...] = ("normalised", "both")
SEQ2SEQ = "seq2seq"
MODEL = "model"
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
    lines of training that the normaliser changed, the folders of the stores and of the model beside the run's own
    store; or the reason why there is no normaliser.
    """
    found = study.stage(NORMALISER)
    if found is None:
        tuned = [row for row in writers if row["parameters"] is not None]
        found = {"arm": None, "scores": {}, "folds": work.config.study.folds, "seconds": 0.0, "n_lines": 0}
        found |= {"changed": None, "folders": {}, "reason": NONE}
        if tuned:
            found |= _made(work, tuned)
        study.write_stage(NORMALISER, found)
    return found


def sources(work: Work, study: StudyFolder, made: Row) -> dict[Use, Source]:
    """What arms behind the normaliser learn from and read."""
    if made["reason"]:
        return {}
    folders = {name: work.store.path.parent / folder for name, folder in made["folders"].items()}
    for folder in folders.values():
        if not folder.is_dir():
            raise RunError(
                f"the study {study.name} needs its normaliser and what it wrote, but {folder.name} is neither in its cache nor "
                "in HARNESS_CACHE"
            )
    return {use: Source(open_store(folders[use]), str(folders[MODEL])) for use in USES}


class _Lost(Exception):  # noqa: N818  (it ends the stage with a reason, and is no defect)
    """Why there can be no normaliser."""


def _made(work: Work, tuned: Sequence[Row]) -> Row:
    began = time.monotonic()
    try:
        found = _normalised(work, tuned)
    except _Lost as lost:
        found = {"reason": str(lost)}
    return {**found, "seconds": round(time.monotonic() - began, 1)}


def _normalised(work: Work, tuned: Sequence[Row]) -> Row:
    by_line, folds = work.store.by_line, work.config.study.folds
    if not by_line:
        tuned = [max(tuned, key=lambda row: float(row["score"]))]
    work.say(f"normalising: fitting {' and '.join(row['arm'] for row in tuned)}")
    models = _fits(work, [_fit(work, row, None) for row in tuned])
    scores = {row["arm"]: row["score"] for row in tuned}
    if by_line:
        validation, learnt = work.corpus("validation"), Learnt.of(work.corpus("train"), work.known())
        wrote = _writes(work, [_ask(work, row, model, "validation") for row, model in zip(tuned, models, strict=True)])
        for row, one in zip(tuned, wrote, strict=True):
            scores[row["arm"]] = normalised(validation, one.written, by_line, lambda: learnt)["normalised_code_f1"]
    best = max(range(len(tuned)), key=lambda place: scores[tuned[place]["arm"]] or 0.0)
    chosen, model = tuned[best], models[best]
    work.say(f"normalising: {chosen['arm']} is fitted {folds} times without a part of train")
    parts = [Part(number, folds, work.config.search.seed) for number in range(folds)]
    of_parts = _fits(work, [_fit(work, chosen, part) for part in parts])
    others = [role for role in work.store.roles if role != "train"]
    asked = [_ask(work, chosen, model, role) for role in others]
    asked += [_ask(work, chosen, one, "train", part) for one, part in zip(of_parts, parts, strict=True)]
    said = _writes(work, asked)
    by_role = dict(zip(others, said[: len(others)], strict=True))
    train = work.corpus("train").texts
    by_role["train"] = _in_place(train, parts, said[len(others) :])
    folders = {MODEL: _kept(work.store.path.parent, model)}
    folders |= {use: _stored(work, by_role, use).fingerprint for use in USES}
    first = rewritten(train, by_role["train"], "normalised").lines
    changed = np.asarray(pc.not_equal(first, train.lines)).mean() if len(first) else 0.0
    return {
        "arm": chosen["arm"],
        "scores": scores,
        "n_lines": len(first),
        "changed": round(float(changed), 4),
        "folders": folders,
        "reason": None,
    }


def _fits(work: Work, specs: Sequence[FitSpec]) -> list[Mapping[str, bytes]]:
    models: list[Mapping[str, bytes]] = []
    for found in work.cluster.fit(specs):
        if isinstance(found, Failure):
            raise _Lost(f"it could not be fitted: {found.reason}")
        models.append(found.model)
    return models


def _writes(work: Work, specs: Sequence[PredictSpec]) -> list[Predictions]:
    said: list[Predictions] = []
    for found in work.cluster.predict(specs, [SEQ2SEQ] * len(specs)):
        if isinstance(found, Failure):
            raise _Lost(f"it could not write: {found.reason}")
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
    )


def _ask(work: Work, tuned: Row, model: Mapping[str, bytes], role: str, part: Part | None = None) -> PredictSpec:
    device = work.cluster.device(tuned["family"])
    return PredictSpec(model, str(work.store.path), (work.store.roles[role],), device, part)


def _kept(home: Path, files: Mapping[str, bytes]) -> str:
    """Lay a model beside the stores, where every node sees it; the name of its folder, which its content makes."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    folder = f"normaliser-{digest.hexdigest()[:16]}"
    with once(home) as (temporary, keep):
        write_files(files, temporary / "model")
        keep(folder, "model")
    return folder


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
