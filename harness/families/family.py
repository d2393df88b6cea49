"""The contract between a family of models and everything around it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict
from scipy.sparse import csr_array, vstack
from scipy.special import expit

from harness.corpus.certificate import BoolArray, IntArray, LabelSet, LineCodes, lines_of
from harness.corpus.knowledge import Knowledge

KEPT_PER_ROW = 20
KEPT_ABOVE = 1e-3
# Scores stay inside (0, 1), so that odds and products of them keep their order.
CEILING = 1.0 - 2.0**-24
SOFT_LOGIT = 4.0
NO_LABELS = LabelSet(())


class Parameters(BaseModel):
    """Hyper-parameters: frozen, typed, in range."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CovariateParameters(Parameters):
    """Of families that can read a certificate's covariates beside its text (Falissard et al. 2020)."""

    covariates: bool = False


class SequenceParameters(CovariateParameters):
    """Of families that learn codes in the order in which experts gave them, and in which words."""


P = TypeVar("P", bound=Parameters)
P_contra = TypeVar("P_contra", bound=Parameters, contravariant=True)


@dataclass(frozen=True, slots=True)
class Seasons:
    """Which codes must not be given to which units, as they are outside their valid years.

    Attributes
    ----------
    era : (n,) years with the same valid codes are one era
    barred : (n_eras, n_labels) 1 where a code must not be given; codes that only the list knows come last, and a
        family cuts off those that it has no column for
    """

    era: IntArray
    barred: csr_array


@dataclass(frozen=True, slots=True)
class Units:
    """What a family predicts on: distinct lines, or distinct certificates whose lines a line feed joins.

    Attributes
    ----------
    text : (n,)
    hits : (n, n_labels) 1 where the text has a term that the code list knows for a label, or None without a list
    covariates : (n, n_values) 1 where the certificate has a value of age, sex, place or source, or None where the
        parameters do not ask for them; then texts are distinct together with them
    seasons : for models that write (:class:`Writer`), where a code is outside its valid years; then texts are distinct
        together with their eras
    """

    text: pa.Array
    hits: csr_array | None = None
    covariates: csr_array | None = None
    seasons: Seasons | None = None

    def __len__(self) -> int:
        return len(self.text)

    def take(self, rows: npt.NDArray[np.integer[Any]]) -> Units:
        """Some units, in the order of ``rows``."""
        return self._of(self.text.take(pa.array(rows)), rows)

    def rows(self, rows: slice) -> Units:
        """A run of units, without a copy of their text."""
        return self._of(self.text[rows], rows)

    def _of(self, text: pa.Array, rows: npt.NDArray[np.integer[Any]] | slice) -> Units:
        seasons = None if self.seasons is None else Seasons(self.seasons.era[rows], self.seasons.barred)
        return Units(text, _rows(self.hits, rows), _rows(self.covariates, rows), seasons)


def _rows(matrix: csr_array | None, rows: npt.NDArray[np.integer[Any]] | slice) -> csr_array | None:
    return None if matrix is None else csr_array(matrix[rows])


@dataclass(frozen=True, slots=True)
class Examples:
    """What a family learns from.

    Attributes
    ----------
    units : (n,) texts; a text that was coded in several ways stands once for each
    y : (n, n_labels) indicator matrix
    weights : (n,) how often each stands in the corpus, older years counting less where the parameters say so
    labels : the codes that occur
    times : (n,) how often each stands in the corpus; 0 for terms of list and dictionaries
    era : (n,) years with the same valid codes are one era
    unknown : (n_eras, n_labels) codes that were not given in an era whatever the texts said: there, their absence
        says nothing, and they are neither positive nor negative
    listed : codes without examples that the code list knows; a family that can score them gives them columns after
        those of ``labels``, others leave them to the frame
    entries : (n,) each example's codes in order, with the experts' standard wording of each or else its title, null
        where it has neither; None unless the parameters are :class:`SequenceParameters`
    """

    units: Units
    y: csr_array
    weights: npt.NDArray[np.float64]
    labels: LabelSet
    times: npt.NDArray[np.float64]
    era: npt.NDArray[np.int64]
    unknown: csr_array
    listed: LabelSet = NO_LABELS
    entries: LineCodes | None = None

    def __len__(self) -> int:
        return len(self.units)

    def unknown_at(self, rows: npt.NDArray[np.integer[Any]] | slice) -> csr_array:
        """Which codes are unknown at some examples, but never one that was given; (n_rows, n_labels)."""
        found = self.unknown[self.era[rows]]
        return csr_array(found - found.multiply(self.y[rows])) if found.nnz else csr_array(found)

    def unknown_of(self, column: int) -> BoolArray | None:
        """At which examples a code is unknown, (n,); None where it is known at all."""
        eras = np.asarray(self.unknown[:, [column]].todense()).ravel() > 0
        if not eras.any():
            return None
        given = np.asarray(self.y[:, [column]].todense()).ravel() > 0
        return eras[self.era] & ~given

    def silent(self, row: npt.NDArray[Any], label: npt.NDArray[Any]) -> BoolArray:
        """Whether an example would not say that it lacks a code, by pairs of both; also where the code was given.

        All pairs of examples and unknown codes would fill the memory: only those at hand are looked up.
        """
        if not self.unknown.nnz:
            return np.zeros(len(row), dtype=bool)
        found: BoolArray = self.unknown.toarray()[self.era[row], label] > 0
        return found

    def known_weight(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """How much the examples weigh at which each code is known, given or not; (n_labels,)."""
        by_era = np.bincount(self.era, weights=weights, minlength=self.unknown.shape[0])
        row = np.repeat(np.arange(len(self)), np.diff(self.y.indptr))
        given = weights[row] * self.silent(row, self.y.indices)
        known: npt.NDArray[np.float64] = weights.sum() - by_era @ self.unknown
        return known + np.bincount(self.y.indices, weights=given, minlength=self.y.shape[1])

    def root_weights(self) -> npt.NDArray[np.float64]:
        """Weights by which a text counts with the root of how often it stands, whatever its codes; (n,).

        A text's several codings keep their shares: taking the root of each coding's own count would raise rare
        codings, noise above all.
        """
        text = self.units.text.dictionary_encode().indices.to_numpy(zero_copy_only=False)
        often = np.bincount(text, weights=self.weights)[text]
        roots: npt.NDArray[np.float64] = self.weights / np.sqrt(often)
        return roots

    def log_odds(self) -> npt.NDArray[np.float64]:
        """The log-odds of each code's share of the examples that say whether they have it; (n_labels,)."""
        weights = self.root_weights()
        known = np.maximum(self.known_weight(weights), 1e-9)
        share = np.clip(np.asarray(weights @ self.y).ravel() / known, 1e-6, 1 - 1e-6)
        odds: npt.NDArray[np.float64] = np.log(share / (1 - share))
        return odds


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote of each unit, or of each line or certificate.

    Attributes
    ----------
    first : (n + 1,) unit ``i`` has the codes ``first[i]`` up to ``first[i + 1]``
    columns : (n_codes,) columns of the model's labels, in the order in which it gave them
    text : (n,) the text in standard wording, its terms joined by ``SEPARATOR``, or None where the model learnt none
    log_probability : (n,) of the output as a whole, or None
    gap : (n,) by how much the surest output's log-probability exceeds the second's, or None without beams
    """

    first: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    text: pa.Array | None = None
    log_probability: npt.NDArray[np.float32] | None = None
    gap: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.first) - 1

    def take(self, rows: IntArray, kept: BoolArray | None = None) -> Written:
        """Some units, in the order of ``rows``; where ``kept``, (n_rows,), is False, nothing was written."""
        inner, first = lines_of(self.first, rows)
        text = None if self.text is None else self.text.take(pa.array(rows))
        if kept is not None and not kept.all():
            inner = inner[np.repeat(kept, np.diff(first))]
            first = np.r_[np.int64(0), np.cumsum(np.where(kept, np.diff(first), 0), dtype=np.int64)]
            text = None if text is None else pc.if_else(pa.array(kept), text, pa.scalar("", pa.large_string()))
        sure, gap = (None if part is None else part[rows] for part in (self.log_probability, self.gap))
        return Written(first, self.columns[inner], text, sure, gap)


class Reporter(Protocol):
    """Takes a step's scores of the validation units, (n, n_labels), and what was written of them."""

    def __call__(self, step: int, scores: csr_array, written: Written | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances of one fit.

    Attributes
    ----------
    seed : of every random number
    deadline : the ``time.monotonic()`` before which a family that reports ends early with what it has, or None
    steps : the frozen number of steps of a refit, or None where the parameters say it
    device : "cpu" or "gpu"
    threads : how many threads it may use
    report : called after each step with that step's scores of the validation units
    cache : a folder for what is made once and shared by all fits on a corpus (tokens), or None; others may write there
        at the same time
    adapted : the folder of the base model after going on with its own task on the training years' texts, or None
    checkpoint : a folder of this very fit, which may not exist yet: a fit that was interrupted finds there what it left
    """

    seed: int = 0
    deadline: float | None = None
    steps: int | None = None
    device: str = "cpu"
    threads: int = 1
    report: Reporter | None = None
    cache: Path | None = None
    adapted: Path | None = None
    checkpoint: Path | None = None

    def allows(self, seconds: float) -> bool:
        """Whether one more step that takes so long, as the last one did, would end before the deadline."""
        return self.deadline is None or time.monotonic() + seconds <= self.deadline


class UnitModel(Protocol):
    """A fitted member of a family."""

    @property
    def steps(self) -> int:
        """How many steps it was fitted for; 1 where a family knows none."""

    def predict(self, units: Units) -> csr_array:
        """Scores in (0, 1), float32, shape (n, n_labels); per row at least the 20 largest and all from 1e-3 on.

        A family that scores codes without examples too gives them columns after the others.
        """

    def save(self, folder: Path) -> None:
        """Write safetensors, .keras, npz or JSON; never a pickle."""


@runtime_checkable
class Writer(UnitModel, Protocol):
    """A fitted model that writes each unit's codes in order, and its text in standard wording."""

    def write(self, units: Units) -> tuple[csr_array, Written]:
        """Scores as :meth:`UnitModel.predict` has them, and what was written; no code that ``units.seasons`` bars."""


class Family(Protocol[P_contra]):
    """A class of models with one search space."""

    name: ClassVar[str]
    kind: ClassVar[str]
    needs: ClassVar[float]  # share of a GPU where the cluster has one
    reports: ClassVar[bool]
    Parameters: ClassVar[type[Parameters]]

    def fit(
        self, train: Examples, validation: Units | None, knowledge: Knowledge, parameters: P_contra, context: Context
    ) -> UnitModel:
        """Learn; ``validation`` is for reports and early stopping, and has no codes."""

    def load(self, folder: Path, device: str) -> UnitModel:
        """The model that ``save`` wrote, with equal scores."""

    def most_steps(self, parameters: P_contra) -> int:
        """How many steps these parameters ask for; 1 where the family does not report."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """Scores over a model's labels, sparse, in (0, 1).

    Attributes
    ----------
    scores : (n, n_labels) of certificates
    line_scores : (n_lines, n_labels) of their lines, or None where the model looks at whole certificates
    written : what the model wrote of each line, or of each certificate where it looks at whole ones; None where it
        does not write
    """

    labels: LabelSet
    scores: csr_array
    line_scores: csr_array | None = None
    written: Written | None = None

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Plain arrays for an .npz file; none of them holds objects."""
        lines = {} if self.line_scores is None else _plain(self.line_scores, "line_")
        written = {} if self.written is None else _plain_written(self.written)
        return {"labels": np.array(self.labels.codes, dtype=np.str_), **_plain(self.scores, ""), **lines, **written}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Predictions:
        lines = _matrix(arrays, "line_") if "line_shape" in arrays else None
        written = _of_plain(arrays) if "written_first" in arrays else None
        return cls(LabelSet(tuple(arrays["labels"].tolist())), _matrix(arrays, ""), lines, written)

    def over(self, labels: LabelSet) -> csr_array:
        """The same scores in the columns of another label set that holds every code of this one."""
        columns = self.labels.columns_in(labels)
        if (columns < 0).any():
            raise ValueError("the other label set must hold every code of the model")
        moved = csr_array(  # sorting works in place: these scores are not to be touched
            (self.scores.data.copy(), columns[self.scores.indices], self.scores.indptr),
            shape=(self.scores.shape[0], len(labels)),
        )
        moved.sort_indices()
        return moved


def _plain(matrix: csr_array, prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {
        f"{prefix}data": matrix.data,
        f"{prefix}indices": matrix.indices,
        f"{prefix}indptr": matrix.indptr,
        f"{prefix}shape": np.array(matrix.shape),
    }


def _matrix(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> csr_array:
    data, indices, indptr, shape = (arrays[f"{prefix}{part}"] for part in ("data", "indices", "indptr", "shape"))
    return csr_array((data, indices, indptr), shape=tuple(shape.tolist()))


_NUMBERS = ("log_probability", "gap")


def _plain_written(written: Written) -> dict[str, npt.NDArray[Any]]:
    plain: dict[str, npt.NDArray[Any]] = {"written_first": written.first, "written_columns": written.columns}
    for name in _NUMBERS:
        if getattr(written, name) is not None:
            plain[f"written_{name}"] = getattr(written, name)
    if written.text is not None:
        lengths = pc.binary_length(written.text).to_numpy(zero_copy_only=False).astype(np.int64)
        content = "".join(written.text.to_pylist()).encode()
        plain |= {
            "written_text": np.frombuffer(content, dtype=np.uint8),
            "written_offsets": np.r_[np.int64(0), np.cumsum(lengths)],
        }
    return plain


def _of_plain(arrays: Mapping[str, npt.NDArray[Any]]) -> Written:
    text = None
    if "written_offsets" in arrays:
        offsets = arrays["written_offsets"].astype(np.int64)
        buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(arrays["written_text"].tobytes())]
        text = pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)
    numbers = (arrays.get(f"written_{name}") for name in _NUMBERS)
    return Written(arrays["written_first"], arrays["written_columns"], text, *numbers)


def entries(matrix: csr_array, kept: BoolArray) -> csr_array:
    """Some stored entries of a matrix, (nnz,), as a matrix of its own."""
    first = np.r_[0, np.cumsum(kept)][matrix.indptr]
    return csr_array((matrix.data[kept], matrix.indices[kept], first), shape=matrix.shape)


def stack(blocks: list[csr_array]) -> csr_array:
    """Score matrices one below the other."""
    stacked: csr_array = vstack(blocks, format="csr")
    return stacked


def no_scores(n: int, n_labels: int) -> csr_array:
    """A score matrix without any score."""
    return csr_array(
        (np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int32), np.zeros(n + 1, dtype=np.int64)),
        shape=(n, n_labels),
    )


def probabilities(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Logits as probabilities that keep their order: beyond 4 a logit grows by its logarithm only.

    A model that parts its training data well gives logits of 20 and more, which single precision cannot tell from
    certainty; then the surest certificates would all be tied. Near zero single precision tells scores apart.
    """
    kept = np.where(logits > SOFT_LOGIT, SOFT_LOGIT + np.log1p(np.maximum(logits - SOFT_LOGIT, 0.0)), logits)
    return np.asarray(expit(kept), dtype=np.float64)


def sparsify(dense: npt.NDArray[Any]) -> csr_array:
    """Keep of each row the 20 largest scores and all from 1e-3 on; float32, inside (0, 1)."""
    scores = np.clip(dense, 1e-12, CEILING).astype(np.float32)
    kept = scores >= np.float32(KEPT_ABOVE)
    largest = np.argpartition(scores, max(0, scores.shape[1] - KEPT_PER_ROW), axis=1)[:, -KEPT_PER_ROW:]
    np.put_along_axis(kept, largest, True, axis=1)  # of equal scores no more than it takes
    rows, columns = np.nonzero(kept)
    first = np.zeros(len(scores) + 1, dtype=np.int64)
    np.cumsum(kept.sum(axis=1), out=first[1:])
    return csr_array((scores[rows, columns], columns.astype(np.int32), first), shape=scores.shape)


def blocks(n: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most ``size`` rows."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
