"""The gate that looks at texts: what is new in them, and whether they are of the kind that training had."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from harness.corpus import words
from harness.corpus.certificate import BoolArray, FloatArray, IntArray, Texts, strings
from harness.corpus.knowledge import Knowledge
from harness.decision.fragments import Fragments, Int64Array, per_line, unrolled
from harness.decision.novelty import UnseenWords
from harness.decision.reference import Counts, Limits, Reference, count
from harness.files import write_text


@dataclass(frozen=True, slots=True)
class Looked:
    """What a gate saw in some lines, or in some certificates; each (n,).

    Attributes
    ----------
    unseen_words : how many words of three or more letters are known neither from training nor from list and dictionaries
    unseen_ngrams : share of the character 4-grams that are not known, 0 without any
    unseen_text : a line that none of training's and none of the terms equals once normalised, or a certificate with one
    unknown_character, too_long, other_language : unlike training's; see :class:`harness.decision.reference.Limits`
    counts : what the last three and the share are made of
    reference : what the last three are judged by
    """

    unseen_words: IntArray
    unseen_ngrams: FloatArray
    unseen_text: BoolArray
    unknown_character: BoolArray
    too_long: BoolArray
    other_language: BoolArray
    counts: Counts
    reference: Reference

    def certificates(self, first_line: Int64Array) -> Looked:
        """Of the certificates whose lines these are; ``first_line`` is (n + 1,).

        Length, language and characters are judged on the whole certificate: where a limit allows a line something, as
        with an unusual character now and then, its certificate is not stopped for that line.
        """
        lengths = np.diff(first_line)
        unseen_text = per_line(self.unseen_text.astype(np.int64), lengths) > 0
        counts = self.counts.summed(first_line)
        return _judged(
            per_line(self.unseen_words, lengths), unseen_text, counts, self.reference, self.reference.certificate
        )


@dataclass(frozen=True, slots=True)
class TextGate:
    """Learnt from training's texts, and again at a refit; holds of their text no more than the words."""

    words: UnseenWords
    fragments: Fragments
    reference: Reference

    @classmethod
    def learnt(cls, texts: Iterable[Texts], knowledge: Knowledge) -> TextGate:
        """From some certificates; the terms of the code list and of the dictionaries are known as well."""
        every = list(texts)
        lines, of_line = _distinct([text.lines for text in every])
        lengths = np.concatenate([np.zeros(0, np.int64), *(np.diff(text.first_line) for text in every)])
        first_line = np.concatenate([[np.int64(0)], np.cumsum(lengths)])
        terms, _ = _distinct([strings(knowledge.terms()[1])])
        return cls(
            UnseenWords.of([lines], knowledge),
            Fragments.learnt(pa.concat_arrays([lines, terms])),
            Reference.learnt(lines, of_line, first_line, terms),
        )

    def look(self, texts: Texts) -> Looked:
        """At every line, though only once at lines that are the same; of (n_lines,).

        A line is of another language if it is so by itself, or if its certificate is: most lines are too short to tell.
        """
        lines, of_line = _distinct([texts.lines])
        unseen_text, counts = [np.zeros(0, dtype=bool)], []
        for block in unrolled(lines):
            unseen_text.append(self.fragments.unseen_lines(block))
            counts.append(count(block, self.fragments, self.reference.alphabet))
        looked = _judged(
            self.words.count(lines)[of_line],
            np.concatenate(unseen_text)[of_line],
            Counts.joined(counts).take(of_line),
            self.reference,
            self.reference.line,
        )
        whole = self.reference.certificate.other_language(looked.counts.summed(texts.first_line))
        return replace(looked, other_language=looked.other_language | whole[texts.certificate_of_line])

    def save(self, folder: Path) -> None:
        write_text(folder / "words.txt", "".join(f"{word}\n" for word in self.words.known.to_pylist()))
        self.fragments.save(folder / "fragments.npz")
        self.reference.save(folder / "reference.json")

    @classmethod
    def load(cls, folder: Path) -> TextGate:
        """What :meth:`save` wrote."""
        known = (folder / "words.txt").read_text(encoding="utf-8").split("\n")[:-1]
        return cls(
            UnseenWords(strings(known)),
            Fragments.load(folder / "fragments.npz"),
            Reference.load(folder / "reference.json"),
        )


def _judged(
    unseen_words: IntArray, unseen_text: BoolArray, counts: Counts, reference: Reference, limits: Limits
) -> Looked:
    return Looked(
        unseen_words,
        counts.unseen_ngrams / np.maximum(counts.ngrams, 1),
        unseen_text,
        limits.unknown_character(counts),
        limits.too_long(counts),
        limits.other_language(counts),
        counts,
        reference,
    )


def _distinct(columns: Iterable[pa.Array]) -> tuple[pa.Array, Int64Array]:
    """The distinct normalised texts of some columns, and for each text, column after column, its place among them."""
    normalised, places, seen = [strings([])], [np.zeros(0, np.int64)], 0
    for column in columns:
        written = column.dictionary_encode()  # most of the work is normalising: each wording once
        normalised.append(words.normalise(written.dictionary))
        places.append(written.indices.to_numpy(zero_copy_only=False).astype(np.int64) + seen)
        seen += len(written.dictionary)
    encoded = pa.concat_arrays(normalised).dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)[np.concatenate(places)]
