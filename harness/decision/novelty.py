"""Gates that know when a certificate is unlike anything the model learnt from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.corpus import words
from harness.corpus.certificate import BoolArray, Texts
from harness.corpus.knowledge import Knowledge

LETTERS = 3


@dataclass(frozen=True, slots=True)
class UnseenWords:
    """Stops a certificate with a word of three or more letters that stands neither in training nor in list and dictionaries."""

    known: pa.Array  # sorted, distinct

    @classmethod
    def learnt(cls, texts: Iterable[Texts], knowledge: Knowledge) -> UnseenWords:
        """The words of some certificates, of the code list and of the dictionaries."""
        return cls.of([words.normalise(text.lines.unique()) for text in texts], knowledge)

    @classmethod
    def of(cls, normalised: Iterable[pa.Array], knowledge: Knowledge) -> UnseenWords:
        """The words of some normalised lines, of the code list and of the dictionaries."""
        found = [_words(lines)[0].unique() for lines in normalised]
        if knowledge.code_list is not None:
            found.append(pa.array(sorted(knowledge.code_list.words()), type=pa.large_string()))
        if knowledge.lexicon is not None:
            found.append(_words(words.normalise(knowledge.lexicon.texts.unique()))[0].unique())
        distinct = pa.concat_arrays(found).unique()
        return cls(distinct.take(pc.sort_indices(distinct)))

    def count(self, normalised: pa.Array) -> npt.NDArray[np.int64]:
        """How many words of each normalised line are not known, with repeats; (n,)."""
        found, line_of_word = _words(normalised)
        unseen = np.asarray(pc.invert(pc.is_in(found, value_set=self.known)))
        return np.bincount(np.asarray(line_of_word)[unseen], minlength=len(normalised))

    def stops(self, texts: Texts) -> BoolArray:
        """Whether each certificate has an unseen word; (n,)."""
        encoded = texts.lines.dictionary_encode()
        unseen = self.count(words.normalise(encoded.dictionary)) > 0
        bad_line = unseen[encoded.indices.to_numpy(zero_copy_only=False)]
        stopped: BoolArray = np.bincount(texts.certificate_of_line, weights=bad_line, minlength=len(texts)) > 0
        return stopped


def _words(normalised: pa.Array) -> tuple[pa.Array, pa.Array]:
    found, text_of_word = words.words_of(normalised)
    long = pc.match_substring_regex(found, rf"(?:\p{{L}}\p{{M}}*){{{LETTERS}}}")  # marks are vowels in some scripts
    return found.filter(long), text_of_word.filter(long)
