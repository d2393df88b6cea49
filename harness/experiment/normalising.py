"""How well a model brings lines into the experts' standard wording: columns that only models that write text have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from harness.corpus.certificate import SEPARATOR, BoolArray, Corpus, IntArray, LabelSet, LineCodes, strings
from harness.corpus.knowledge import Knowledge
from harness.corpus.words import normalise
from harness.experiment.scoring import NOT_BY_LINE, WHOLE
from harness.families.examples import worded
from harness.families.family import Written
from harness.files import Row
from harness.metrics.text import Normalisation, normalisation, reached

NO_TEXT = "the model writes no standard text"
NAMES = {"exact_match": "exact_match", "character_error_rate": "cer", "chrf": "chrf", "code_f1": "code_f1"}


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the fit behind a row had of lines and wordings.

    Attributes
    ----------
    labels : the corpus' codes, and after them those that only the code list has
    lines : (n_lines,) its lines after the project's normalisation, each once, and the empty one
    terms, columns, times : (n_terms,) a wording, the column of a code that it stands for, and how often; wordings of
        training lines, and the list's titles and synonyms, which count once each
    n_said : the first so many terms are wordings of training lines
    """

    knowledge: Knowledge
    labels: LabelSet
    lines: pa.Array
    terms: pa.Array
    columns: IntArray
    times: IntArray
    n_said: int

    @classmethod
    def of(cls, train: Corpus, knowledge: Knowledge) -> Learnt:
        """From the certificates of a fit, which have codes by line, and what was known besides."""
        if train.by_line is None:
            raise ValueError("the training certificates must have codes by line")
        listed = () if knowledge.code_list is None else knowledge.code_list.entries
        labels = LabelSet(tuple(dict.fromkeys((*train.labels.codes, *(entry.code for entry in listed)))))
        pairs = [(entry.code, term) for entry in listed for term in (entry.title, *entry.synonyms) if term]
        own, columns, times = _wordings(train.by_line, train.labels, knowledge)
        return cls(
            knowledge,
            labels,
            pa.concat_arrays([normalise(train.texts.lines.unique()), strings([""])]).unique(),
            pa.concat_arrays([own, strings([term for _, term in pairs])]),
            np.r_[columns, np.array([labels.index[code] for code, _ in pairs], dtype=np.int64)],
            np.r_[times, np.ones(len(pairs), dtype=np.int64)],
            len(own),
        )

    def unseen(self, lines: pa.Array) -> BoolArray:
        """Which lines have a text that training never had, case, accents and punctuation apart; (n_lines,)."""
        encoded = lines.dictionary_encode()
        new = ~np.asarray(pc.is_in(normalise(encoded.dictionary), value_set=self.lines), dtype=np.bool_)
        found: BoolArray = new[encoded.indices.to_numpy(zero_copy_only=False)]
        return found


def _wordings(found: LineCodes, labels: LabelSet, knowledge: Knowledge) -> tuple[pa.Array, IntArray, IntArray]:
    """The distinct pairs of wording and column, and how often each stands."""
    wording = worded(found.columns, found.standard, labels, knowledge)
    known = pc.is_valid(wording)
    encoded = wording.filter(known).dictionary_encode()
    term = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    column = found.columns[np.asarray(known, dtype=np.bool_)]
    pair, times = np.unique(term * len(labels) + column, return_counts=True)
    n = max(len(labels), 1)
    return encoded.dictionary.take(pa.array(pair // n)), pair % n, times


def references(found: LineCodes, labels: LabelSet, knowledge: Knowledge) -> tuple[pa.Array, BoolArray]:
    """The text of each line in standard wording, and whether it is known.

    It is the wording of the line's codes in order, each code once, with ``SEPARATOR`` between: the expert's, else the
    code's title. A line with a code that has neither has no known reference; one without codes has the empty text.

    Returns
    -------
    text : (n_lines,) never null
    known : (n_lines,)
    """
    row = np.repeat(np.arange(len(found.first_code) - 1), np.diff(found.first_code))
    kept = np.zeros(len(row), dtype=np.bool_)
    kept[np.unique(row * len(labels) + found.columns, return_index=True)[1]] = True
    standard = None if found.standard is None else found.standard.filter(pa.array(kept))
    wording = worded(found.columns[kept], standard, labels, knowledge)
    known = np.ones(len(found.first_code) - 1, dtype=np.bool_)
    known[row[kept][np.asarray(pc.is_null(wording), dtype=np.bool_)]] = False
    first = np.r_[np.int64(0), np.cumsum(kept, dtype=np.int64)][found.first_code]
    joined = pc.binary_join(
        pa.LargeListArray.from_arrays(pa.array(first), pc.fill_null(wording, "")),
        pa.scalar(SEPARATOR, pa.large_string()),
    )
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined, known


def normalised(reference: Corpus, written: Written | None, by_line: bool, learnt: Callable[[], Learnt]) -> Row:
    """The columns of a row, over the lines whose reference is known (:func:`references`).

    Parameters
    ----------
    written : what a model wrote of each line, or of each certificate where not ``by_line``
    learnt : of the fit behind the row, whose label set is the reference's; called only where the model wrote text
    """
    if written is None or written.text is None:
        return _row(None, NO_TEXT)
    if not by_line:
        return _row(None, WHOLE)
    if reference.by_line is None:
        return _row(None, NOT_BY_LINE)
    training = learnt()
    wanted = Wanted.of(reference, reference.by_line, training)
    return _row(wanted.measured(written.text, training), None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a model should write of some lines: those of a corpus whose reference is known.

    Attributes
    ----------
    lines : (n,) their places among all lines of the corpus
    certificate : (n,) the row of each one's certificate
    text : (n,) their references
    y : (n, n_labels) their codes, over the labels of what was learnt
    unseen : (n,) whether training never had their text
    """

    lines: IntArray
    certificate: IntArray
    text: pa.Array
    y: csr_array
    unseen: BoolArray

    @classmethod
    def of(cls, reference: Corpus, by_line: LineCodes, learnt: Learnt) -> Wanted:
        text, known = references(by_line, reference.labels, learnt.knowledge)
        lines = np.flatnonzero(known)
        return cls(
            lines,
            reference.texts.certificate_of_line[lines],
            text.take(pa.array(lines)),
            by_line.take(lines).matrix(len(learnt.labels)),
            learnt.unseen(reference.texts.lines)[lines],
        )

    def measured(self, said: pa.Array, learnt: Learnt) -> Normalisation:
        """All measures of what was written; ``said`` has all lines of the corpus, (n_lines,)."""
        predicted = said.take(pa.array(self.lines))
        found = reached(predicted, learnt.terms, learnt.columns, learnt.times, len(learnt.labels))
        return normalisation(self.text, predicted, self.y, found, self.unseen)


def _row(found: Normalisation | None, reason: str | None) -> Row:
    scores = {
        f"normalised_{name}{part}": None if found is None else getattr(found, f"{measure}{part}")
        for part in ("", "_unseen")
        for measure, name in NAMES.items()
    }
    return {
        **scores,
        "n_unseen_lines": None if found is None else found.n_unseen,
        "normalised_reason": reason if found is None else found.reason,
        "normalised_reason_unseen": reason if found is None else found.reason_unseen,
    }
