"""Words that were written together ("ofFentanyl") are parted into the words that the training texts know.

Parting by unigram probabilities: Norvig, Natural Language Corpus Data, in Beautiful Data, 2009.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf, log
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.corpus import words
from harness.corpus.certificate import strings

SHORTEST = 3  # letters of a part; shorter ones only among the commonest words
COMMON = 50
_WORD = re.compile(r"[^\W_]+")
MOST_PARTS = 4
LONGEST = 60
TIMES = 10.0  # the rarest part is so many times as common as the whole


@dataclass(frozen=True)
class Splitter:
    """How often each normalised word stands in the training texts; words of known terms are ``kept`` as they are."""

    counts: Mapping[str, float]
    kept: frozenset[str] = frozenset()

    @classmethod
    def learnt(cls, texts: pa.Array, times: np.ndarray, terms: Iterable[str]) -> Splitter:
        """From distinct texts with how often each stands, and the words of known terms."""
        found, of_text = words.words_of(words.normalise(texts))
        encoded = found.dictionary_encode()
        index = encoded.indices.to_numpy(zero_copy_only=False)
        often = np.bincount(index, weights=times[np.asarray(of_text)], minlength=len(encoded.dictionary))
        counts = {word: float(count) for word, count in zip(encoded.dictionary.to_pylist(), often, strict=True)}
        known, _ = words.words_of(words.normalise(strings(sorted(set(terms)))))
        for word in known.unique().to_pylist():
            counts[word] = counts.get(word, 0.0) + TIMES
        return cls(counts, frozenset(known.unique().to_pylist()))

    def apply(self, texts: pa.Array) -> pa.Array:
        """The same texts with a space wherever a glued word is parted; (n,)."""
        if not len(texts):
            return texts
        parts = pc.split_pattern_regex(texts, r"[^\p{L}\p{M}\p{N}]+")
        raw = pc.list_flatten(parts).dictionary_encode()
        parted = self.parted(raw.dictionary)
        if not parted:
            return texts
        glued = np.asarray(pc.is_in(raw.dictionary, value_set=strings(sorted(parted))))
        of_word = np.asarray(pc.list_parent_indices(parts))
        rows = np.unique(of_word[glued[raw.indices.to_numpy(zero_copy_only=False)]])
        kept = strings(
            [
                _WORD.sub(lambda word: parted.get(word[0], word[0]), text)
                for text in texts.take(pa.array(rows)).to_pylist()
            ]
        )
        mask = np.zeros(len(texts), dtype=bool)
        mask[rows] = True
        return pc.replace_with_mask(texts, pa.array(mask), kept)

    def parted(self, raw: pa.Array) -> dict[str, str]:
        """Of some words as written, those that were glued, with spaces between their parts."""
        found: dict[str, str] = {}
        for word, small in zip(raw.to_pylist(), words.normalise(raw).to_pylist(), strict=True):
            # Letters that normalisation writes as two would shift the places.
            if 2 * SHORTEST <= len(word) <= LONGEST and word.isalpha() and len(small) == len(word):
                ends = self._ends(small)
                if ends:
                    found[word] = " ".join(word[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True))
        return found

    def _ends(self, word: str) -> list[int]:
        """Where the parts of a normalised word end; empty where it is no glued one."""
        own = self.counts.get(word, 0.0)
        if word in self.kept or own * TIMES > self._most:
            return []
        ends = self._best(word)
        pieces = [word[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)] if ends else []
        rarest = min((self.counts[piece] for piece in pieces), default=0.0)
        return ends if rarest >= TIMES * max(own, 0.5) else []

    @cached_property
    def _most(self) -> float:
        return max(self.counts.values(), default=0.0)

    @cached_property
    def _total(self) -> float:
        return sum(self.counts.values()) + 1.0

    @cached_property
    def _common(self) -> frozenset[str]:
        ranked = sorted(self.counts, key=lambda word: (-self.counts[word], word))
        return frozenset(ranked[:COMMON])

    def _best(self, word: str) -> list[int]:
        """Where the parts of the likeliest parting into known words end; empty where there is none."""
        best: list[tuple[float, list[int]]] = [(-inf, []) for _ in range(len(word) + 1)]
        best[0] = (0.0, [])
        for end in range(2, len(word) + 1):
            for start in range(end - 1):
                score, ends = best[start]
                if score == -inf or len(ends) >= MOST_PARTS or (start == 0 and end == len(word)):
                    continue
                part = word[start:end]
                count = self.counts.get(part, 0.0)
                if not count:
                    continue
                if len(part) >= SHORTEST or part in self._common:
                    found = score + log(count / self._total)
                    if found > best[end][0]:
                        best[end] = (found, [*ends, end])
        return best[len(word)][1]

    def save(self, path: Path) -> None:
        values = {"counts": dict(self.counts), "kept": sorted(self.kept)}
        path.write_text(json.dumps(values, ensure_ascii=False, sort_keys=True), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Splitter:
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(values["counts"], frozenset(values["kept"]))
