"""What a family learns from: distinct texts of some certificates with their codes, weights and years."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field
from scipy.sparse import csr_array, diags_array, vstack

from harness.corpus.certificate import BoolArray, Corpus, IntArray, LabelSet, LineCodes, Texts, strings
from harness.corpus.codes import CodeList, Validity
from harness.corpus.glued import Splitter
from harness.corpus.knowledge import Knowledge
from harness.errors import CorpusError, SpaceError
from harness.families.covariates import Covariates
from harness.families.family import Examples, Parameters, Seasons, Units

Unit = Literal["line", "certificate"]


class FrameParameters(Parameters):
    """Hyper-parameters that every family has.

    ``half_life``: after so many years a training certificate counts half; 0 counts all years alike. ``glued``: whether
    words that were written together are parted. ``lexicon``: how much a term of list and dictionaries counts
    beside a certificate's text; 0 leaves them out.
    """

    unit: Unit = "certificate"
    half_life: float = Field(0.0, ge=0.0)
    glued: bool = False
    lexicon: float = Field(1.0, ge=0.0)


NOTHING = Knowledge()
FRAME = tuple(FrameParameters.model_fields)


@dataclass(frozen=True, slots=True)
class Distinct:
    """The distinct texts of some certificates, and where each line or certificate finds its own.

    Attributes
    ----------
    position : (n_lines,) or (n,), into text
    covariates : (n_distinct, n_values) where they were asked for; then texts are distinct together with them
    seasons : where they were asked for and matter; then texts are distinct together with their eras
    """

    text: pa.Array
    position: IntArray
    covariates: csr_array | None = None
    seasons: Seasons | None = None


def distinct(
    texts: Texts,
    unit: Unit,
    splitter: Splitter | None = None,
    covariates: Covariates | None = None,
    validity: Validity | None = None,
) -> Distinct:
    """Each different line, or each different whole certificate, once.

    With covariates, once for each of their values; with validity, once for each era.
    """
    encoded = (texts.lines if unit == "line" else texts.whole()).dictionary_encode()
    found = Distinct(encoded.dictionary, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64))
    if splitter is not None:
        again = splitter.apply(encoded.dictionary).dictionary_encode()
        found = Distinct(
            again.dictionary, again.indices.to_numpy(zero_copy_only=False).astype(np.int64)[found.position]
        )
    if covariates is not None:
        found = _with_covariates(found, texts, unit, covariates)
    return found if validity is None else _with_seasons(found, texts, unit, validity)


def _with_seasons(found: Distinct, texts: Texts, unit: Unit, validity: Validity) -> Distinct:
    if not len(texts):
        return found
    eras = _Eras.of(validity, texts.years)
    if not eras.unknown.nnz:
        return found
    era = eras.era(_years_of(texts, unit)).astype(np.int64)
    _, first, inverse = np.unique(found.position * len(eras) + era, return_index=True, return_inverse=True)
    rows = found.position[first]
    return Distinct(
        found.text.take(pa.array(rows)),
        inverse.ravel().astype(np.int64),
        None if found.covariates is None else csr_array(found.covariates[rows]),
        Seasons(era[first], eras.unknown),
    )


def _years_of(texts: Texts, unit: Unit) -> npt.NDArray[np.int16]:
    """The year of each line, or of each certificate."""
    return texts.years if unit == "certificate" else texts.years[texts.certificate_of_line]


def _with_covariates(found: Distinct, texts: Texts, unit: Unit, covariates: Covariates) -> Distinct:
    of_certificate = covariates.matrix(texts)
    certificate = np.arange(len(texts)) if unit == "certificate" else texts.certificate_of_line
    pair = row_hashes(of_certificate)[certificate] * np.uint64(0x9E3779B97F4A7C15) + found.position.astype(np.uint64)
    _, first, inverse = np.unique(pair, return_index=True, return_inverse=True)
    text = found.text.take(pa.array(found.position[first]))
    return Distinct(text, inverse.ravel().astype(np.int64), csr_array(of_certificate[certificate[first]]))


def examples(
    corpus: Corpus,
    parameters: FrameParameters,
    knowledge: Knowledge = NOTHING,
    splitter: Splitter | None = None,
    covariates: Covariates | None = None,
    in_order: bool = False,
) -> Examples:
    """Distinct triples of text, codes and era, with how often each stands in the corpus, over the codes that occur.

    ``in_order``: with the codes in their order, and their wording.

    Terms of dictionaries and list follow, as texts of the newest year that stand in no certificate. Codes that are not
    valid in any year of training are not learnt: they follow the list.

    Raises
    ------
    CorpusError
        There is no text with a code to learn from.
    """
    unit = parameters.unit
    if unit == "line" and corpus.by_line is None:
        raise SpaceError("unit must be certificate where the corpus has no codes by line, but got line")
    found = distinct(corpus.texts, unit, splitter, covariates)
    y = corpus.codes if corpus.by_line is None or unit == "certificate" else corpus.by_line.matrix(len(corpus.labels))
    years = _years_of(corpus.texts, unit)
    written = np.flatnonzero(np.asarray(pc.not_equal(found.text, ""))[found.position])
    y, position, years = y[written], found.position[written], years[written]
    present = np.flatnonzero(np.bincount(y.indices, minlength=y.shape[1]))
    if not len(present):
        raise CorpusError("training needs at least one certificate with a text and a code")
    validity = (knowledge.code_list or CodeList(())).validity(corpus.labels)
    present = present[_valid_once(validity, present, years)]
    if not len(present):
        raise CorpusError("training needs at least one certificate with a code that is valid in its years")
    labels = LabelSet(tuple(corpus.labels.codes[column] for column in present))
    eras = _Eras.of(Validity(validity.years[present]), years)
    y, era = y[:, present], eras.era(years)
    pair = (row_hashes(y) * np.uint64(0x9E3779B97F4A7C15) + position.astype(np.uint64)) * np.uint64(len(eras)) + era
    _, first, inverse, times = np.unique(pair, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first, kind="stable")
    present_years, weight_of_year = year_weights(years, parameters.half_life)
    weight = weight_of_year[np.searchsorted(present_years, years)]
    learnt = Examples(
        units=Units(found.text, covariates=found.covariates).take(position[first[order]]),
        y=y[first[order]],
        weights=np.bincount(inverse.ravel(), weights=weight)[order].astype(np.float64),
        labels=labels,
        times=times[order].astype(np.float64),
        era=era[first[order]].astype(np.int64),
        unknown=eras.unknown,
        entries=_commonest(_ordered(corpus, unit, written, present, labels, knowledge), inverse.ravel(), order)
        if in_order
        else None,
    )
    return _with_terms(_unmasked(learnt), knowledge, parameters.lexicon, eras.era(years.max(keepdims=True)), splitter)


def _ordered(
    corpus: Corpus, unit: Unit, rows: IntArray, present: IntArray, labels: LabelSet, knowledge: Knowledge
) -> LineCodes:
    """The codes of some lines or certificates in order, each once, over ``labels``, with their wording.

    Lines follow one another on a certificate; one without codes by line has them in the order of the labels.
    """
    by_line, first = corpus.by_line, corpus.texts.first_line
    if by_line is None:
        by_line = LineCodes(corpus.codes.indptr.astype(np.int64), corpus.codes.indices.astype(np.int32), None)
    elif unit == "certificate":
        by_line = LineCodes(by_line.first_code[first], by_line.columns, by_line.standard)
    found = by_line.take(rows)
    place = np.full(len(corpus.labels), -1, dtype=np.int64)
    place[present] = np.arange(len(present))
    column = place[found.columns]
    row = np.repeat(np.arange(len(rows)), np.diff(found.first_code))
    kept = np.zeros(len(column), dtype=bool)
    kept[np.unique(row * len(corpus.labels) + found.columns, return_index=True)[1]] = True
    kept &= column >= 0
    columns = column[kept].astype(np.int32)
    standard = None if found.standard is None else found.standard.filter(pa.array(kept))
    offsets = np.r_[np.int64(0), np.cumsum(kept, dtype=np.int64)][found.first_code]
    return LineCodes(offsets, columns, worded(columns, standard, labels, knowledge))


def worded(
    columns: npt.NDArray[np.integer[Any]], standard: pa.Array | None, labels: LabelSet, knowledge: Knowledge
) -> pa.Array:
    """The wording of each entry: the expert's, else its code's title, else null; (n_entries,)."""
    listed = {} if knowledge.code_list is None else knowledge.code_list.by_code
    titles = strings([(listed[code].title or None) if code in listed else None for code in labels.codes])
    title = titles.take(pa.array(columns))
    if standard is None:
        return title
    written = pc.if_else(pc.equal(standard, ""), pa.scalar(None, pa.large_string()), standard)
    return pc.coalesce(written, title)


def _commonest(found: LineCodes, group: IntArray, order: IntArray) -> LineCodes:
    """Of each group of rows the entries that stand on most of them; groups come in ``order``."""
    rng = np.random.default_rng(1)
    wording = strings([]) if found.standard is None else found.standard
    written = pc.fill_null(wording, "").dictionary_encode()
    numbers = rng.integers(0, 2**63, size=len(written.dictionary) + 1, dtype=np.uint64)
    columns = rng.integers(0, 2**63, size=int(found.columns.max(initial=0)) + 1, dtype=np.uint64)
    lengths = np.diff(found.first_code)
    places = rng.integers(0, 2**63, size=int(lengths.max(initial=0)) + 1, dtype=np.uint64) | np.uint64(1)
    place = np.arange(len(found.columns)) - np.repeat(found.first_code[:-1], lengths)
    entry = (columns[found.columns] ^ numbers[written.indices.to_numpy(zero_copy_only=False)]) * places[place]
    sums = np.r_[np.uint64(0), np.cumsum(entry, dtype=np.uint64)]
    hashes = sums[found.first_code[1:]] - sums[found.first_code[:-1]]
    pair = group.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + hashes
    _, first, times = np.unique(pair, return_index=True, return_counts=True)
    best = np.lexsort((first, -times, group[first]))
    begins = np.r_[True, np.diff(group[first][best]) != 0]
    return found.take(first[best][begins][order])


def year_weights(years: npt.NDArray[np.int16], half_life: float) -> tuple[IntArray, npt.NDArray[np.float64]]:
    """The distinct years, and how much a certificate of each counts: half after ``half_life`` years, if that is not 0."""
    present = np.unique(years)
    if not half_life or not len(present):
        return present, np.ones(len(present))
    return present, 0.5 ** ((int(present[-1]) - present.astype(np.float64)) / half_life)


@dataclass(frozen=True, slots=True)
class _Eras:
    """Years in which the same codes are valid; unknown is (n_eras, n_labels)."""

    begins: npt.NDArray[np.int64]
    unknown: csr_array

    def __len__(self) -> int:
        return len(self.begins) + 1

    def era(self, years: npt.NDArray[np.int16]) -> npt.NDArray[np.uint64]:
        return np.searchsorted(self.begins, years, side="right").astype(np.uint64)

    @classmethod
    def of(cls, validity: Validity, years: npt.NDArray[np.int16]) -> _Eras:
        first, last = int(years.min()), int(years.max())
        edges = np.unique(np.r_[validity.years[:, 0].astype(np.int64), validity.years[:, 1].astype(np.int64) + 1])
        begins = edges[(edges > first) & (edges <= last)]
        valid = validity.years.astype(np.int64)
        rows = [np.flatnonzero((year < valid[:, 0]) | (year > valid[:, 1])) for year in (first, *begins.tolist())]
        lengths = np.r_[0, np.cumsum([len(row) for row in rows])]
        columns = np.concatenate(rows)
        unknown = csr_array((np.ones(len(columns), np.int8), columns, lengths), shape=(len(rows), len(valid)))
        return cls(begins, unknown)


def _valid_once(validity: Validity, columns: IntArray, years: npt.NDArray[np.int16]) -> BoolArray:
    """Which codes are valid in a year of training; what begins later has no negative example, only stray codings."""
    valid = np.zeros(len(columns), dtype=bool)
    for year in np.unique(years):
        valid |= validity.allows(np.full(len(columns), year, dtype=np.int16), columns)
    return valid


def _unmasked(learnt: Examples) -> Examples:
    """Codes that stand on every example of their own years need other years' examples to be told apart from."""
    weights = np.ones(len(learnt))
    alone = learnt.known_weight(weights) <= np.asarray(weights @ learnt.y).ravel()
    unknown = csr_array(learnt.unknown @ csr_array(diags_array((~alone).astype(np.int8), dtype=np.int8)))
    unknown.eliminate_zeros()
    return replace(learnt, unknown=unknown)


def _with_terms(
    learnt: Examples, knowledge: Knowledge, weight: float, newest: IntArray, splitter: Splitter | None
) -> Examples:
    """The examples, and under them each term of list and dictionaries that stands for a code with examples.

    So a hit means something where no training text has it; other codes follow the list by themselves.
    """
    codes, texts = knowledge.terms() if weight else ([], [])
    pairs = [(code, text) for code, text in zip(codes, texts, strict=True) if code in learnt.labels.index]
    if not pairs:
        return learnt
    written = strings([text for _, text in pairs])
    encoded = (written if splitter is None else splitter.apply(written)).dictionary_encode()
    columns = np.array([learnt.labels.index[code] for code, _ in pairs], dtype=np.int64)
    row = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    y = csr_array((np.ones(len(row), np.int8), (row, columns)), shape=(len(encoded.dictionary), len(learnt.labels)))
    y.sum_duplicates()
    y.data[:] = 1
    n = len(encoded.dictionary)
    return replace(
        learnt,
        entries=None if learnt.entries is None else _with_titles(learnt.entries, y, learnt.labels, knowledge),
        units=Units(
            pa.concat_arrays([learnt.units.text, encoded.dictionary]),
            covariates=None if learnt.units.covariates is None else _below(learnt.units.covariates, n),
        ),
        y=csr_array(vstack([learnt.y, y], format="csr")),
        weights=np.r_[learnt.weights, np.full(n, weight)],
        times=np.r_[learnt.times, np.zeros(n)],
        era=np.r_[learnt.era, np.repeat(newest.astype(np.int64), n)],
    )


def _with_titles(found: LineCodes, y: csr_array, labels: LabelSet, knowledge: Knowledge) -> LineCodes:
    """The entries, and under them those of terms: their codes by their titles."""
    title = worded(y.indices, None, labels, knowledge)
    return LineCodes(
        np.r_[found.first_code, found.first_code[-1] + y.indptr[1:].astype(np.int64)],
        np.r_[found.columns, y.indices.astype(np.int32)],
        title if found.standard is None else pa.concat_arrays([found.standard, title]),
    )


def _below(matrix: csr_array, n: int) -> csr_array:
    """The matrix, and ``n`` empty rows under it."""
    first = np.r_[matrix.indptr, np.full(n, matrix.nnz, matrix.indptr.dtype)]
    return csr_array((matrix.data, matrix.indices, first), shape=(matrix.shape[0] + n, matrix.shape[1]))


def row_hashes(y: csr_array) -> npt.NDArray[np.uint64]:
    """One number a row that tells sets of codes apart (sums of random 64-bit numbers; Zobrist 1970)."""
    numbers = np.random.default_rng(0).integers(0, 2**63, size=y.shape[1], dtype=np.uint64)
    sums = np.r_[np.uint64(0), np.cumsum(numbers[y.indices], dtype=np.uint64)]
    hashes: npt.NDArray[np.uint64] = sums[y.indptr[1:]] - sums[y.indptr[:-1]]
    return hashes
