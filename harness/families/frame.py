"""Around every model: distinct texts and scattering back, union of lines, codes in their valid years."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from pydantic import ValidationError
from scipy.sparse import csr_array, hstack

from harness.corpus.certificate import Corpus, IntArray, LabelSet, Texts
from harness.corpus.codes import CodeList, Validity
from harness.corpus.glued import Splitter
from harness.corpus.knowledge import Knowledge
from harness.errors import SpaceError
from harness.families import family as family_named
from harness.families.covariates import Covariates
from harness.families.examples import FRAME, Distinct, FrameParameters, Unit, distinct, examples, year_weights
from harness.families.family import (
    CEILING,
    KEPT_ABOVE,
    Context,
    CovariateParameters,
    Examples,
    Parameters,
    Predictions,
    SequenceParameters,
    UnitModel,
    Units,
    Writer,
    Written,
    entries,
    no_scores,
    stack,
)
from harness.families.listed import Listed, listed, only_scores

BLOCK = 65_536


def scatter(
    unit_scores: csr_array,
    found: Distinct,
    texts: Texts,
    unit: Unit,
    labels: LabelSet,
    validity: Validity,
    written: Written | None = None,
) -> Predictions:
    """From distinct texts to certificates.

    Lines are united as 1 − ∏(1 − p): a code stands on the certificate unless every line lacks it. A code outside its
    valid years, and an empty text, gets no score.
    """
    some = np.asarray(pc.not_equal(found.text, ""))
    blocks: list[csr_array] = []
    lines: list[csr_array] = []
    for start in range(0, len(texts), BLOCK):
        stop = min(start + BLOCK, len(texts))
        if unit == "line":
            first = texts.first_line[start : stop + 1]
            position = found.position[first[0] : first[-1]]
            of_block = _without(unit_scores[position], ~some[position])
            blocks.append(_united(of_block, first - first[0]))
            lines.append(entries(of_block, of_block.data >= np.float32(KEPT_ABOVE)))
            _keep_valid(lines[-1], np.repeat(texts.years[start:stop], np.diff(first)), validity)
        else:
            position = found.position[start:stop]
            blocks.append(_without(unit_scores[position], ~some[position]))
        _keep_valid(blocks[-1], texts.years[start:stop], validity)
    of_lines = (stack(lines) if lines else no_scores(0, len(labels))) if unit == "line" else None
    scores = stack(blocks) if blocks else no_scores(0, len(labels))
    own = None if written is None else written.take(found.position, some[found.position])
    return Predictions(labels, scores, of_lines, own)


def _united(of_lines: csr_array, first: IntArray) -> csr_array:
    lines = of_lines.astype(np.float64)
    lines.data = np.log1p(-lines.data)
    n = lines.shape[0]
    union = csr_array((np.ones(n), np.arange(n), first), shape=(len(first) - 1, n))
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
    """A fitted family with its frame: from :class:`Texts` to :class:`Predictions`.

    Attributes
    ----------
    labels : those that it learnt, and after them those that only the code list knows
    """

    family: str
    unit: Unit
    parameters: Mapping[str, Any]
    labels: LabelSet
    validity: Validity
    inner: UnitModel
    splitter: Splitter | None = None
    listed: Listed | None = None
    covariates: Covariates | None = None

    @property
    def steps(self) -> int:
        return self.inner.steps

    def predict(self, texts: Texts) -> Predictions:
        """Scores of each certificate; each distinct text is looked at once."""
        validity = self.validity if isinstance(self.inner, Writer) else None
        found = distinct(texts, self.unit, self.splitter, self.covariates, validity)
        units, hits = _units(found, self.listed)
        scores, written = (
            self.inner.write(units) if isinstance(self.inner, Writer) else (self.inner.predict(units), None)
        )
        return scatter(
            _completed(scores, hits, self.listed), found, texts, self.unit, self.labels, self.validity, written
        )

    def save(self, folder: Path) -> None:
        """Write the model into a folder that does not exist yet."""
        (folder / "unit").mkdir(parents=True)
        self.inner.save(folder / "unit")
        if self.splitter is not None:
            self.splitter.save(folder / "words.json")
        if self.listed is not None:
            self.listed.save(folder)
        if self.covariates is not None:
            self.covariates.save(folder / "covariates.json")
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
        splitter=Splitter.load(folder / "words.json") if (folder / "words.json").exists() else None,
        listed=Listed.load(folder) if (folder / "listed.json").exists() else None,
        covariates=Covariates.load(folder / "covariates.json") if (folder / "covariates.json").exists() else None,
    )


def part(name: str, parameters: Mapping[str, Any]) -> tuple[FrameParameters, Parameters]:
    """The frame's own hyper-parameters, and the family's.

    Raises
    ------
    SpaceError
        The family has no such parameter, or not with this value.
    """
    framed = {key: value for key, value in parameters.items() if key in FRAME}
    own = {key: value for key, value in parameters.items() if key not in FRAME}
    try:
        return FrameParameters.model_validate(framed), family_named(name).Parameters.model_validate(own)
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
    """Fit a family on certificates; ``report`` gets each step's predictions of the validation texts.

    Floors know of lists and dictionaries only the years in which a code is valid.
    """
    framed, own = part(name, parameters)
    floor = family_named(name).kind == "floor"
    if floor:
        framed = framed.model_copy(update={"lexicon": 0.0})
    splitter = _splitter(train.texts, knowledge) if framed.glued else None
    asks = isinstance(own, CovariateParameters) and own.covariates
    covariates = Covariates.learnt(train.texts) if asks else None
    writes = isinstance(own, SequenceParameters)
    learnt = examples(train, framed, knowledge, splitter, covariates, writes)
    blank = floor or (knowledge.code_list is None and knowledge.lexicon is None)
    known, labels = (None, learnt.labels) if blank else listed(knowledge, learnt.labels)
    learnt = replace(learnt, listed=LabelSet(labels.codes[len(learnt.labels) :]))
    validity = (knowledge.code_list or CodeList(())).validity(labels)
    if known is not None:
        learnt, known = _with_hits(learnt, known, train.texts, framed, validity, splitter)
    asked = None
    if validation is not None and report is not None:
        asked = distinct(validation, framed.unit, splitter, covariates, validity if writes else None)
    seen, seen_hits = (None, None) if asked is None else _units(asked, known)

    def passed_on(step: int, scores: csr_array, written: Written | None = None) -> None:
        if asked is not None and validation is not None and report is not None:
            completed = _completed(scores, seen_hits, known)
            report(step, scatter(completed, asked, validation, framed.unit, labels, validity, written))

    inner = family_named(name).fit(learnt, seen, knowledge, own, replace(context, report=passed_on))
    return Model(name, framed.unit, dict(parameters), labels, validity, inner, splitter, known, covariates)


def _with_hits(
    learnt: Examples,
    known: Listed,
    texts: Texts,
    framed: FrameParameters,
    validity: Validity,
    splitter: Splitter | None,
) -> tuple[Examples, Listed]:
    """The examples with the hits of their labels, and the list with scores for labels without examples."""
    hits = known.hits(learnt.units.text)
    against = np.zeros(len(known.only))
    if hits[:, known.n_learnt :].nnz:
        found = distinct(texts, framed.unit, splitter)
        against = _against(csr_array(known.hits(found.text)[:, known.n_learnt :]), found, texts, framed, validity)
    units = replace(learnt.units, hits=csr_array(hits[:, : known.n_learnt]))
    return replace(learnt, units=units), replace(known, only=only_scores(learnt, hits, against))


def _against(
    hits: csr_array, found: Distinct, texts: Texts, framed: FrameParameters, validity: Validity
) -> npt.NDArray[np.float64]:
    """How often texts held a term of each label without examples in its valid years, old years counting less; (n_only,).

    Parameters
    ----------
    hits : (n_distinct, n_only) of the distinct texts
    """
    only = np.arange(len(validity.years) - hits.shape[1], len(validity.years))
    years = texts.years if framed.unit == "certificate" else texts.years[texts.certificate_of_line]
    against = np.zeros(len(only))
    for year, weight in zip(*year_weights(years, framed.half_life), strict=True):
        often = np.bincount(found.position[years == year], minlength=len(found.text)) * weight
        against += np.asarray(often @ hits).ravel() * validity.allows(np.full(len(only), year, np.int16), only)
    return against


def _splitter(texts: Texts, knowledge: Knowledge) -> Splitter:
    encoded = texts.lines.dictionary_encode()
    times = np.bincount(encoded.indices.to_numpy(zero_copy_only=False), minlength=len(encoded.dictionary))
    return Splitter.learnt(encoded.dictionary, times, knowledge.terms()[1])


def _units(found: Distinct, known: Listed | None) -> tuple[Units, csr_array | None]:
    """Units with the hits of the labels that have examples; and the hits of all labels."""
    if known is None:
        return Units(found.text, None, found.covariates, found.seasons), None
    hits = known.hits(found.text)
    return Units(found.text, csr_array(hits[:, : known.n_learnt]), found.covariates, found.seasons), hits


def _completed(unit_scores: csr_array, hits: csr_array | None, known: Listed | None) -> csr_array:
    """A model's scores, and beside them those of the codes that only the list knows.

    Where the model has scores of those codes itself, the surer of both counts.
    """
    if known is None or hits is None or not len(known.only):
        return unit_scores
    of_list = known.scores(hits)
    if unit_scores.shape[1] == known.n_learnt:
        return csr_array(hstack([unit_scores, of_list], format="csr"))
    own, n = unit_scores[:, known.n_learnt :], known.n_learnt
    return csr_array(hstack([unit_scores[:, :n], own.maximum(of_list)], format="csr"))
