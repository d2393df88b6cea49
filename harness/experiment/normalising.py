"""How well a model brings lines into the experts' standard wording: columns that only models that write text have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.corpus.certificate import SEPARATOR, BoolArray, Corpus, IntArray, LabelSet, LineCodes, strings
from harness.corpus.knowledge import Knowledge
from harness.corpus.words import normalise
from harness.decision.rule import Decisions
from harness.experiment.scoring import NOT_BY_LINE, WHOLE
from harness.families.examples import worded
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
    """

    knowledge: Knowledge
    labels: LabelSet
    lines: pa.Array
    terms: pa.Array
    columns: IntArray
    times: IntArray

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


def normalised(reference: Corpus, decisions: Decisions, learnt: Callable[[], Learnt]) -> Row:
    """The columns of a row, over the lines whose reference is known (:func:`references`).

    Parameters
    ----------
    learnt : of the fit behind the row, whose label set is the reference's; called only where the model wrote text
    """
    written = decisions.written
    if written is None or written.text is None:
        return _row(None, NO_TEXT)
    if decisions.line_codes is None:
        return _row(None, WHOLE)
    if reference.by_line is None:
        return _row(None, NOT_BY_LINE)
    training = learnt()
    text, known = references(reference.by_line, reference.labels, training.knowledge)
    lines = np.flatnonzero(known)
    of_lines, n_labels = pa.array(lines), len(training.labels)
    predicted = written.text.take(of_lines)
    found = normalisation(
        text.take(of_lines),
        predicted,
        reference.by_line.take(lines).matrix(n_labels),
        reached(predicted, training.terms, training.columns, training.times, n_labels),
        training.unseen(reference.texts.lines)[lines],
    )
    return _row(found, None)


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
