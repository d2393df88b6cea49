"""Normalised: a model that reads what another one wrote of a text, alone or beside it.

First the standard wording, then its code. The first model must never have been shown the texts that it writes for the
second to learn from (:func:`fold_of`): what it makes of its own training texts is better than what it will make of
others (stacking; Wolpert. Stacked Generalization. Neural Networks 5, 1992).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.corpus.certificate import SEPARATOR, IntArray, LabelSet, Texts
from harness.families import frame
from harness.families.family import Predictions

NAME = "normalised"
Use = Literal["raw", "normalised", "both"]
_WRITER, _READER = "normaliser", "model"


@dataclass(frozen=True, slots=True)
class Normalised:
    """A model behind a normaliser.

    Attributes
    ----------
    normaliser : writes standard text
    model : learnt from such text, and reads it
    use : whether it reads that text alone, or both
    """

    normaliser: frame.Model
    model: frame.Model
    use: Use

    @property
    def labels(self) -> LabelSet:
        return self.model.labels

    @property
    def parameters(self) -> dict[str, Any]:
        return {"text": self.use, **self.model.parameters}

    def predict(self, texts: Texts) -> Predictions:
        """Scores of each certificate, from what the normaliser wrote of it."""
        return self.model.predict(rewritten(texts, self.normaliser.predict(texts), self.use))

    def save(self, folder: Path) -> None:
        """Write both models into folders of their own, in a folder that does not exist yet."""
        folder.mkdir(parents=True)
        self.normaliser.save(folder / _WRITER)
        self.model.save(folder / _READER)
        description = {"family": NAME, "labels": list(self.labels.codes), "text": self.use}
        (folder / "model.json").write_text(json.dumps(description, indent=1, sort_keys=True), encoding="utf-8")


def rewritten(texts: Texts, found: Predictions, use: Use) -> Texts:
    """The same certificates as they are read behind a normaliser.

    Each line is what was written of it, or with ``both`` the line and, after a separator, what was written of it.
    Where whole certificates were read, their text in standard wording stands on their last line, or with ``both`` behind
    it. A line of which nothing was written, as it names no condition, is empty, or with ``both`` as it was.

    Parameters
    ----------
    found : of the same certificates by a model that writes text

    Raises
    ------
    ValueError
        It writes none.
    """
    if use == "raw":
        return texts
    if found.written is None or found.written.text is None:
        raise ValueError("a normaliser must write text")
    text = found.written.text
    if found.line_scores is None:
        text = _on_last_line(texts, text)
    if use == "both":
        some = pc.and_(pc.not_equal(text, ""), pc.not_equal(texts.lines, ""))
        both = pc.binary_join_element_wise(texts.lines, text, pa.scalar(SEPARATOR, pa.large_string()))
        text = pc.if_else(some, both, pc.if_else(pc.equal(text, ""), texts.lines, text))
    return replace(texts, lines=text)


def _on_last_line(texts: Texts, of_certificates: pa.Array) -> pa.Array:
    """Each certificate's text on the last of its lines, the others empty; (n_lines,)."""
    source = np.full(len(texts.lines), -1, dtype=np.int64)
    some = np.flatnonzero(np.diff(texts.first_line))
    source[texts.first_line[some + 1] - 1] = some
    return pc.fill_null(of_certificates.take(pa.array(source, mask=source < 0)), "")


def fold_of(n: int, folds: int, seed: int) -> IntArray:
    """In which of some parts of nearly equal size each of ``n`` certificates lies, by chance; (n,)."""
    found: IntArray = np.random.default_rng(seed).permutation(np.arange(n) % folds)
    return found


def load(folder: Path, description: Mapping[str, Any], device: str) -> Normalised:
    """The model that :meth:`Normalised.save` wrote, whose ``model.json`` was read."""
    return Normalised(frame.load(folder / _WRITER, device), frame.load(folder / _READER, device), description["text"])
