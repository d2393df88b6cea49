"""Committee: several fitted models, whose weighted mean of scores is one model's.

Caruana, Niculescu-Mizil, Crew, Ksikes. Ensemble Selection from Libraries of Models. ICML 2004. The weights are chosen
outside, on validation (``harness/experiment/ensemble.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from harness.corpus.certificate import FloatArray, LabelSet, Texts
from harness.families import frame
from harness.families.family import CEILING, Predictions, Written

NAME = "committee"


@dataclass(frozen=True, slots=True)
class Committee:
    """Fitted models with their weights, which add up to 1.

    Attributes
    ----------
    names : what the members are called in their run
    labels : the codes of all members; a code that a member does not know has no score from it
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    members: tuple[frame.Model, ...]
    labels: LabelSet

    @property
    def parameters(self) -> dict[str, float]:
        """The weight of each member."""
        return dict(zip(self.names, self.weights, strict=True))

    def predict(self, texts: Texts) -> Predictions:
        """The weighted mean of the members' scores; of lines too where every member scores lines.

        What was written is the heaviest writing member's, as :func:`mean` has it.
        """
        weights = np.repeat(np.array(self.weights)[:, None], len(texts), axis=1)
        return mean(self.labels, texts, weights, (member.predict(texts) for member in self.members))

    def save(self, folder: Path) -> None:
        """Write the members into folders of their own, in a folder that does not exist yet."""
        folder.mkdir(parents=True)
        for number, member in enumerate(self.members):
            member.save(folder / _folder(number))
        (folder / "model.json").write_text(_described(self.names, self.weights, self.labels), encoding="utf-8")


def mean(labels: LabelSet, texts: Texts, weights: FloatArray, predictions: Iterable[Predictions]) -> Predictions:
    """The weighted mean of several models' scores of the same certificates.

    It is a mean of probabilities: a member that lacks a code, or dropped a small score, counts as 0 there, which in
    log-odds would have to be some number of its own. Scores are added up one model at a time.

    Texts and codes in order have no mean: ``written`` is what the model with the most weight wrote, of those that write of the
    mean's own unit: of lines where it scores lines, else of certificates. None where there is no such model.

    Parameters
    ----------
    labels : every code of every model
    weights : (n_models, n) of each model for each certificate, which add up to 1 over the models; a model without any
        weight for a certificate says nothing of it
    """
    line_weights = np.repeat(weights, np.diff(texts.first_line), axis=1)
    total = csr_array((len(texts), len(labels)))
    of_lines: csr_array | None = csr_array((line_weights.shape[1], len(labels)))
    heaviest: dict[bool, tuple[float, Written]] = {}  # by whether it looks at lines
    for own, own_of_lines, found in zip(weights, line_weights, predictions, strict=True):
        total = total + _weighted(found.over(labels), own)
        if of_lines is None or found.line_scores is None:
            of_lines = None
        else:
            lines = Predictions(found.labels, found.line_scores)
            of_lines = of_lines + _weighted(lines.over(labels), own_of_lines)
        by_line, weight = found.line_scores is not None, float(own.sum())
        if found.written is not None and weight > heaviest.get(by_line, (-1.0, None))[0]:
            columns = found.labels.columns_in(labels)[found.written.columns].astype(np.int32)
            heaviest[by_line] = weight, replace(found.written, columns=columns)
    _, written = heaviest.get(of_lines is not None, (-1.0, None))
    return Predictions(labels, _single(total), None if of_lines is None else _single(of_lines), written)


def _weighted(scores: csr_array, weights: FloatArray) -> csr_array:
    """Each row times its weight, in double precision."""
    data = scores.data.astype(np.float64) * np.repeat(weights, np.diff(scores.indptr))
    found = csr_array((data, scores.indices, scores.indptr), shape=scores.shape)
    found.eliminate_zeros()
    return found


def _single(total: csr_array) -> csr_array:
    """In single precision, which must not make certainty of what is nearly sure."""
    total.sort_indices()
    total.data = np.minimum(total.data, CEILING).astype(np.float32)
    return total


def assemble(
    names: Sequence[str], weights: Sequence[float], members: Sequence[Mapping[str, bytes]]
) -> dict[str, bytes]:
    """The files of a committee from those of its fitted members, none of which is loaded."""
    labels = union(map(labels_of, members))
    found = {
        f"{_folder(number)}/{path}": content for number, files in enumerate(members) for path, content in files.items()
    }
    return {**found, "model.json": _described(names, weights, labels).encode()}


def labels_of(files: Mapping[str, bytes]) -> LabelSet:
    """The codes of a saved model or committee, which is not loaded."""
    return LabelSet(tuple(json.loads(files["model.json"])["labels"]))


def load(folder: Path, description: Mapping[str, Any], device: str) -> Committee:
    """The committee that was saved into a folder, whose ``model.json`` was read."""
    return Committee(
        names=tuple(description["members"]),
        weights=tuple(description["weights"]),
        members=tuple(frame.load(folder / _folder(number), device) for number in range(len(description["members"]))),
        labels=LabelSet(tuple(description["labels"])),
    )


def union(label_sets: Iterable[LabelSet]) -> LabelSet:
    """Every code of several label sets, sorted."""
    return LabelSet(tuple(sorted({code for labels in label_sets for code in labels.codes})))


def _folder(number: int) -> str:
    return f"members/{number}"


def _described(names: Sequence[str], weights: Sequence[float], labels: LabelSet) -> str:
    description: dict[str, Any] = {
        "family": NAME,
        "labels": list(labels.codes),
        "members": list(names),
        "weights": list(weights),
    }
    return json.dumps(description, indent=1, sort_keys=True)
