"""The stage watch: what a bundle's two alarms will hold later certificates against."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.corpus.certificate import Corpus
from harness.decision.drift import DriftReference
from harness.decision.practice import PAST, PracticeReference
from harness.decision.rule import DecisionRule, decide_seen
from harness.decision.summaries import past_pairs
from harness.experiment.work import Work
from harness.run.folder import RunFolder

AHEAD = (1, 2, 3)  # years after calibration that a batch may come from


def watch_stage(work: Work) -> None:
    """Keep the counts of past years: of the words of codes, and for each certified candidate of its calibration year.

    Calibration chose nothing and was certified on before; no promise and no pick depends on what is counted here.
    """
    if "calibration" not in work.store.roles or work.run.stage("watch") is not None:
        return
    known, calibration = work.known(), work.corpus("calibration")
    past = [work.corpus(role) for role in ("train", "validation", "calibration")]
    PracticeReference.learnt([_up_to(work), calibration], known, PAST).save(_practice(work.run))
    newest = int(calibration.texts.years.max())
    fitted = "validation" if work.config.years.refit else "train"
    after_fit = len(_years(past)[_years(past) > work.corpus(fitted).texts.years.max()])
    pairs = past_pairs(past, known, after_fit=max(1, after_fit), ahead=AHEAD)
    watched = [model for model in work.fitted() if model["kind"] != "floor"]
    for model in watched:
        name = model["model"]
        rule = DecisionRule.load(work.run.model(name) / "rule")
        predictions = work.run.predictions(f"calibration/{name}")
        found = work.seen(rule, predictions, "calibration", calibration.texts)
        decisions, looked = decide_seen(rule, found, predictions, calibration.texts), found.certificates.looked
        reference = DriftReference.learnt(
            newest,
            looked.unseen_words,
            looked.unseen_text,
            decisions.confidence,
            decisions.labels,
            decisions.codes,
            pairs,
        )
        reference.save(_drift(work.run, name))
    work.run.write_stage("watch", {"pairs": len(pairs), "models": [model["model"] for model in watched]})


def references_of(run: RunFolder, model: str) -> tuple[DriftReference | None, PracticeReference | None]:
    """What the alarms of a model's bundle hold certificates against; None without calibration years."""
    if not _drift(run, model).exists():
        return None, None
    return DriftReference.load(_drift(run, model)), PracticeReference.load(_practice(run))


def _up_to(work: Work) -> Corpus:
    """What the models were fitted on; it teaches the words."""
    return work.store.corpus(*(work.store.roles[role] for role in work.fit_roles()))


def _years(corpora: list[Corpus]) -> np.ndarray:
    return np.unique(np.concatenate([corpus.texts.years for corpus in corpora]))


def _drift(run: RunFolder, model: str) -> Path:
    return run.model(model) / "drift.json"


def _practice(run: RunFolder) -> Path:
    return run.path / "watch"
