"""Around every model: distinct texts and scattering back, union of lines, codes in their valid years."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError
from scipy.sparse import csr_array

from harness.corpus.certificate import Corpus, IntArray, LabelSet, Texts
from harness.corpus.codes import CodeList, Validity
from harness.errors import CorpusError, SpaceError
from harness.families import family as family_named
from harness.families.family import (
    CEILING,
    Context,
    Examples,
    Knowledge,
    Parameters,
    Predictions,
    UnitModel,
    Units,
    no_scores,
    stack,
)

Unit = Literal["line", "certificate"]
BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class Distinct:
    """The distinct texts of some certificates, and where each line or certificate finds its own."""

    units: Units
    position: IntArray  # (n_lines,) or (n,), into units


def distinct(texts: Texts, unit: Unit) -> Distinct:
    """Each different line, or each different whole certificate, once."""
    encoded = (texts.lines if unit == "line" else texts.whole()).dictionary_encode()
    return Distinct(Units(encoded.dictionary), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64))


def examples(corpus: Corpus, unit: Unit) -> Examples:
    """Distinct pairs of text and codes, with how often each stands in the corpus, over the codes that occur.

    Raises
    ------
    CorpusError
        There is no text with a code to learn from.
    """
    if unit == "line" and corpus.by_line is None:
        raise SpaceError("unit must be certificate where the corpus has no codes by line, but got line")
    found = distinct(corpus.texts, unit)
    y = corpus.codes if corpus.by_line is None or unit == "certificate" else corpus.by_line.matrix(len(corpus.labels))
    written = np.flatnonzero(np.asarray(pc.not_equal(found.units.text, ""))[found.position])
    y, position = y[written], found.position[written]
    present = np.flatnonzero(np.bincount(y.indices, minlength=y.shape[1]))
    if not len(present):
        raise CorpusError("training needs at least one certificate with a text and a code")
    y = y[:, present]
    pair = _row_hashes(y) * np.uint64(0x9E3779B97F4A7C15) + position.astype(np.uint64)
    _, first, counts = np.unique(pair, return_index=True, return_counts=True)
    order = np.argsort(first, kind="stable")
    first, counts = first[order], counts[order]
    return Examples(
        units=Units(found.units.text.take(pa.array(position[first]))),
        y=y[first],
        weights=counts.astype(np.float64),
        labels=LabelSet(tuple(corpus.labels.codes[column] for column in present)),
    )


def _row_hashes(y: csr_array) -> npt.NDArray[np.uint64]:
    """One number a row that tells sets of codes apart (sums of random 64-bit numbers; Zobrist 1970)."""
    numbers = np.random.default_rng(0).integers(0, 2**63, size=y.shape[1], dtype=np.uint64)
    sums = np.r_[np.uint64(0), np.cumsum(numbers[y.indices], dtype=np.uint64)]
    hashes: npt.NDArray[np.uint64] = sums[y.indptr[1:]] - sums[y.indptr[:-1]]
    return hashes


def scatter(
    unit_scores: csr_array, found: Distinct, texts: Texts, unit: Unit, labels: LabelSet, validity: Validity
) -> Predictions:
    """From distinct texts to certificates.

    Lines are united as 1 − ∏(1 − p): a code stands on the certificate unless every line lacks it. A code outside its
    valid years, and an empty text, gets no score.
    """
    written = np.asarray(pc.not_equal(found.units.text, ""))
    blocks = []
    for start in range(0, len(texts), BLOCK):
        stop = min(start + BLOCK, len(texts))
        if unit == "line":
            first = texts.first_line[start : stop + 1]
            blocks.append(_united(unit_scores, found.position[first[0] : first[-1]], first - first[0], written))
        else:
            position = found.position[start:stop]
            blocks.append(_without(unit_scores[position], ~written[position]))
        _keep_valid(blocks[-1], texts.years[start:stop], validity)
    return Predictions(labels, stack(blocks) if blocks else no_scores(0, len(labels)))


def _united(unit_scores: csr_array, position: IntArray, first: IntArray, written: npt.NDArray[np.bool_]) -> csr_array:
    lines = _without(unit_scores[position], ~written[position]).astype(np.float64)
    lines.data = np.log1p(-lines.data)
    union = csr_array((np.ones(len(position)), np.arange(len(position)), first), shape=(len(first) - 1, len(position)))
    scores = csr_array(union @ lines)
    scores.data = np.minimum(-np.expm1(scores.data), CEILING).astype(np.float32)
    scores.sort_indices()
    return scores


def _without(scores: csr_array, rows: npt.NDArray[np.bool_]) -> csr_array:
    if rows.any():
        scores = scores.copy()
        scores.data[np.repeat(rows, np.diff(scores.indptr))] = 0.0
        scores.eliminate_zeros()
    return scores


def _keep_valid(scores: csr_array, years: npt.NDArray[np.int16], validity: Validity) -> None:
    of_entry = np.repeat(years, np.diff(scores.indptr))
    scores.data[~validity.allows(of_entry, scores.indices)] = 0.0
    scores.eliminate_zeros()


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted family with its frame: from :class:`Texts` to :class:`Predictions`."""

    family: str
    unit: Unit
    parameters: Mapping[str, Any]
    labels: LabelSet
    validity: Validity
    inner: UnitModel

    @property
    def steps(self) -> int:
        return self.inner.steps

    def predict(self, texts: Texts) -> Predictions:
        """Scores of each certificate; each distinct text is looked at once."""
        found = distinct(texts, self.unit)
        return scatter(self.inner.predict(found.units), found, texts, self.unit, self.labels, self.validity)

    def save(self, folder: Path) -> None:
        """Write the model into a folder that does not exist yet."""
        (folder / "unit").mkdir(parents=True)
        self.inner.save(folder / "unit")
        description = {
            "family": self.family,
            "unit": self.unit,
            "parameters": dict(self.parameters),
            "labels": list(self.labels.codes),
            "valid": self.validity.years.tolist(),
            "steps": self.steps,
        }
        (folder / "model.json").write_text(json.dumps(description, indent=1, sort_keys=True), encoding="utf-8")


def load(folder: Path, device: str = "cpu") -> Model:
    """The model that :meth:`Model.save` wrote."""
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return Model(
        family=description["family"],
        unit=description["unit"],
        parameters=description["parameters"],
        labels=LabelSet(tuple(description["labels"])),
        validity=Validity(np.array(description["valid"], dtype=np.int16).reshape(-1, 2)),
        inner=family_named(description["family"]).load(folder / "unit", device),
    )


def part(name: str, parameters: Mapping[str, Any]) -> tuple[Unit, Parameters]:
    """The frame's own hyper-parameter ``unit``, and the family's.

    Raises
    ------
    SpaceError
        The family has no such parameter, or not with this value.
    """
    own = {key: value for key, value in parameters.items() if key != "unit"}
    unit = parameters.get("unit", "certificate")
    if unit not in ("line", "certificate"):
        raise SpaceError(f"unit must be line or certificate, but got {unit!r} (family {name})")
    try:
        return cast(Unit, unit), family_named(name).Parameters.model_validate(own)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise SpaceError(f"{name}.{key}: {first['msg']}, but got {first['input']!r}") from None


def fit(
    name: str,
    train: Corpus,
    validation: Texts | None,
    knowledge: Knowledge,
    parameters: Mapping[str, Any],
    context: Context,
    report: Callable[[int, Predictions], None] | None = None,
) -> Model:
    """Fit a family on certificates; ``report`` gets each step's predictions of the validation texts."""
    unit, own = part(name, parameters)
    learnt = examples(train, unit)
    validity = validity_of(learnt.labels, knowledge)
    found = None if validation is None or report is None else distinct(validation, unit)

    def passed_on(step: int, unit_scores: csr_array) -> None:
        if found is not None and validation is not None and report is not None:
            report(step, scatter(unit_scores, found, validation, unit, learnt.labels, validity))

    inner = family_named(name).fit(
        learnt, None if found is None else found.units, knowledge, own, replace(context, report=passed_on)
    )
    return Model(name, unit, dict(parameters), learnt.labels, validity, inner)


def validity_of(labels: LabelSet, knowledge: Knowledge) -> Validity:
    """The years in which each label is a candidate, by the code list where there is one."""
    return (knowledge.code_list or CodeList(())).validity(labels)
