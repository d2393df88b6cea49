"""What list and dictionaries say of texts: hits of their terms, and scores for codes that no example shows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array, load_npz, save_npz

from harness.corpus import words
from harness.corpus.certificate import LabelSet, strings
from harness.corpus.knowledge import Knowledge
from harness.corpus.terms import Terms
from harness.families.family import CEILING, Examples

ENOUGH = 3  # codes with hits, from which on their shares say how much shares differ between codes
DOUBT = 2.0  # pseudo-observations of the prior where they do not


@dataclass(frozen=True)
class Listed:
    """Terms of list and dictionaries over a model's labels: those that it learnt come first, those only listed after them.

    Attributes
    ----------
    owners : (n_terms, n_labels) 1 where a term stands for a label
    only : (n_labels - n_learnt,) the score of a hit, for labels without examples
    """

    terms: Terms
    owners: csr_array
    only: npt.NDArray[np.float64]

    @cached_property
    def n_learnt(self) -> int:
        return int(self.owners.shape[1]) - len(self.only)

    def hits(self, texts: pa.Array) -> csr_array:
        """1 where a text holds a term of a label; float32, (n, n_labels)."""
        found = self.terms.find(texts).matrix(len(texts), len(self.terms))
        hits = csr_array(found @ self.owners)
        hits.data[:] = 1.0
        hits.sort_indices()
        return hits

    def scores(self, hits: csr_array) -> csr_array:
        """Scores of the labels without examples; (n, n_only)."""
        found = csr_array(hits[:, self.n_learnt :])
        sure = np.minimum(self.only[found.indices], CEILING).astype(np.float32)
        return csr_array((sure, found.indices, found.indptr), shape=found.shape)

    def save(self, folder: Path) -> None:
        save_npz(folder / "listed.npz", self.owners)
        (folder / "listed.json").write_text(
            json.dumps({"terms": self.terms.terms.to_pylist(), "only": self.only.tolist()}, ensure_ascii=False),
            encoding="utf-8",
        )

    @classmethod
    def load(cls, folder: Path) -> Listed:
        description: dict[str, Any] = json.loads((folder / "listed.json").read_text(encoding="utf-8"))
        return cls(
            Terms(strings(description["terms"])),
            csr_array(load_npz(folder / "listed.npz")),
            np.array(description["only"], dtype=np.float64),
        )


def listed(knowledge: Knowledge, learnt: LabelSet) -> tuple[Listed, LabelSet]:
    """Terms of list and dictionaries, no score yet for codes without examples; and all labels, the learnt ones first.

    A code without examples becomes a label if it has a term and no other code of the list lies below it.
    """
    parents = set() if knowledge.code_list is None else {entry.parent for entry in knowledge.code_list.entries}
    codes, texts = knowledge.terms()
    terms_of: dict[str, list[str]] = {}
    for code, term in zip(codes, words.normalise(strings(texts)).to_pylist(), strict=True):
        if term:
            terms_of.setdefault(code, []).append(term)
    only = [code for code in terms_of if code not in learnt.index and code not in parents]
    labels = LabelSet((*learnt.codes, *sorted(only)))
    found = Terms.of(term for code, terms in terms_of.items() if code in labels.index for term in terms)
    position = {term: row for row, term in enumerate(found.terms.to_pylist())}
    pairs = sorted(
        {
            (position[term], labels.index[code])
            for code, terms in terms_of.items()
            if code in labels.index
            for term in terms
        }
    )
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    owners = csr_array((np.ones(len(pairs), np.float32), (rows, columns)), shape=(len(found), len(labels)))
    return Listed(found, owners, np.zeros(len(only))), labels


def only_scores(examples: Examples, hits: csr_array, against: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How sure a hit is of a code without examples; (n_only,).

    Each learnt code is left out in turn: had it no example, its hits would be right as often as they are. The shares
    of all codes, each counting once, make a Beta prior (method of moments); a code's own hits in texts of its valid
    years, none of which has it, speak against it.

    Parameters
    ----------
    hits : (n, n_labels) of the examples, the labels without examples last
    against : (n_only,) how often a term of each label without examples stands in training texts of its valid years
    """
    weights = examples.weights * (examples.times > 0)
    known, right = right_hits(examples, csr_array(hits[:, : hits.shape[1] - len(against)]), weights)
    yes, doubt = _prior(known, right)
    return yes / (yes + doubt + against)


def right_hits(
    examples: Examples, hits: csr_array, weights: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How much the hits of each label weigh whose examples say whether they have it, and those that are right.

    Parameters
    ----------
    hits : (n, n_labels) of the examples
    weights : (n,)

    Returns
    -------
    known, right : (n_labels,)
    """
    row = np.repeat(np.arange(len(examples)), np.diff(hits.indptr))
    silent: Any = csr_array(
        (examples.silent(row, hits.indices).astype(np.float64), hits.indices, hits.indptr), shape=hits.shape
    )
    right: Any = hits.multiply(examples.y)
    known = np.asarray(weights @ hits).ravel() - np.asarray(weights @ silent).ravel()
    known += np.asarray(weights @ silent.multiply(examples.y)).ravel()
    return known, np.asarray(weights @ right).ravel()


def _prior(known: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Pseudo-counts of right and wrong hits of a new code."""
    some = known > 0.5
    if not some.any():
        return DOUBT / 2, DOUBT / 2
    shares = (right[some] + 0.5) / (known[some] + 1.0)
    mean = float(shares.mean())
    spread = float(shares.var(ddof=1)) if some.sum() >= ENOUGH else 0.0
    most = mean * (1.0 - mean)
    size = min(max(most / spread - 1.0, 1.0), 50.0) if spread > 1e-6 else DOUBT
    return mean * size, (1.0 - mean) * size
