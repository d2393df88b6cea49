"""Neighbours: the training texts that are most alike in their character n-grams (TF-IDF, cosine)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array, csr_matrix

from harness.families.family import blocks, entries
from harness.families.linears import tfidf
from harness.families.lookups.counts import Answers, Counts, FloatArray, IntArray

FIELD, LONGEST = "char_wb", 4
TAKEN = 4  # nearest texts that answer
TRIED = 64  # texts that are compared exactly
CALLED = 30_000  # texts that a query's n-grams call up, each n-gram for itself
ROWS = 4_096


@dataclass(frozen=True)
class Neighbours:
    """Training texts by their n-grams.

    Attributes
    ----------
    terms : n-grams, in the order of their columns
    idf : (n_terms,)
    matrix : (n_texts, n_terms) rows of length 1
    """

    terms: tuple[str, ...]
    idf: npt.NDArray[np.float32]
    matrix: csr_array

    @classmethod
    def fit(cls, texts: pa.Array) -> Neighbours:
        vectoriser = tfidf.vectoriser(FIELD, LONGEST)
        matrix = csr_array(vectoriser.fit_transform(tfidf.prepared(texts)))
        return cls(*tfidf.learnt(vectoriser), matrix)

    def vectors(self, texts: pa.Array) -> csr_array:
        """Rows of length 1, (n, n_terms)."""
        return csr_array(self._fitted.transform(tfidf.prepared(texts)))

    @cached_property
    def _fitted(self) -> Any:
        return tfidf.again(FIELD, LONGEST, self.terms, self.idf)

    @cached_property
    def _often(self) -> IntArray:
        """In how many texts each n-gram stands, (n_terms,)."""
        return np.bincount(self.matrix.indices, minlength=self.matrix.shape[1]).astype(np.int64)

    @cached_property
    def _columns_first(self) -> csr_matrix:
        """(n_terms, n_texts)"""
        return csr_matrix(self.matrix.T.tocsr())

    def _calling(self, queries: csr_array) -> csr_matrix:
        """Queries with their rarest n-grams alone, as many as stand in CALLED texts together.

        The others would call up most texts and tell few apart.
        """
        row = np.repeat(np.arange(queries.shape[0]), np.diff(queries.indptr))
        often = self._often[queries.indices]
        order = np.lexsort((queries.indices, often, row))
        run = np.cumsum(often[order])
        start = queries.indptr[:-1][row]  # rows stay where they were
        before = np.r_[0, run][start]
        kept = np.zeros(len(row), dtype=bool)
        kept[order] = (run - before <= CALLED) | (np.arange(len(row)) == start)
        return csr_matrix(entries(queries, kept))

    def nearest(self, queries: csr_array, threads: int = 1) -> tuple[IntArray, FloatArray]:
        """The nearest texts of each query, most alike first, and their cosines; (n, TAKEN), −1 and 0 where there are fewer.

        Texts that share none of a query's rare n-grams are not found.
        """
        from sparse_dot_topn import sp_matmul_topn

        n = queries.shape[0]
        nearest, cosine = np.full((n, TAKEN), -1, dtype=np.int64), np.zeros((n, TAKEN))
        for rows in blocks(n, ROWS):
            query = csr_array(queries[rows])
            called = csr_array(
                sp_matmul_topn(self._calling(query), self._columns_first, top_n=TRIED, n_threads=threads)
            )
            row = np.repeat(np.arange(called.shape[0]), np.diff(called.indptr))
            text = called.indices.astype(np.int64)
            exact = _dots(query, self.matrix, row, text)
            order = np.lexsort((text, -exact, row))
            row, text, exact = row[order], text[order], exact[order]
            rank = np.arange(len(row)) - np.searchsorted(row, row)
            kept = rank < TAKEN
            nearest[rows.start + row[kept], rank[kept]] = text[kept]
            cosine[rows.start + row[kept], rank[kept]] = exact[kept]
        return nearest, cosine

    def over(self, rows: IntArray) -> Neighbours:
        """The same over the texts of ``rows`` alone; n-grams keep their weights."""
        if np.array_equal(rows, np.arange(self.matrix.shape[0])):
            return self
        return Neighbours(self.terms, self.idf, csr_array(self.matrix[rows]))

    def save(self, folder: Path) -> None:
        (folder / "neighbours.json").write_text(json.dumps(self.terms, ensure_ascii=False), encoding="utf-8")
        parts: dict[str, Any] = {part: getattr(self.matrix, part) for part in ("data", "indices", "indptr")}
        np.savez(folder / "neighbours.npz", idf=self.idf, **parts)

    @classmethod
    def load(cls, folder: Path) -> Neighbours:
        """What :meth:`save` wrote."""
        terms = tuple(json.loads((folder / "neighbours.json").read_text(encoding="utf-8")))
        with np.load(folder / "neighbours.npz", allow_pickle=False) as arrays:
            data, indices, indptr = arrays["data"], arrays["indices"], arrays["indptr"]
            return cls(terms, arrays["idf"], csr_array((data, indices, indptr), shape=(len(indptr) - 1, len(terms))))


def answer(nearest: IntArray, cosine: FloatArray, counts: Counts, smoothing: float) -> Answers:
    """Codes of the nearest texts; ``counts`` are of the texts.

    The share is that of the nearest text that has the code; further numbers are that text's cosine, whether it is the
    nearest of all, and the code's part of all cosines.
    """
    n, n_labels = len(nearest), counts.given.shape[1]
    row, rank = np.nonzero(nearest >= 0)
    text, alike = nearest[row, rank], cosine[row, rank]
    position, label, weight = counts.pairs(text)
    share = weight / (np.maximum(counts.known(text[position], label), weight) + smoothing)
    pair = row[position] * n_labels + label
    order = np.lexsort((rank[position], pair))
    pair, share, position = pair[order], share[order], position[order]
    distinct, first, of_pair = np.unique(pair, return_index=True, return_inverse=True)
    part = np.bincount(of_pair, weights=share * alike[position] ** 2, minlength=len(distinct))
    whole = np.bincount(row, weights=alike**2, minlength=n)
    best = np.zeros(n)
    np.maximum.at(best, row, alike)
    return Answers(
        distinct,
        share[first],
        {
            "cosine": alike[position[first]],
            "nearest": (rank[position[first]] == 0).astype(np.float64),
            "part": part / np.maximum(whole[distinct // n_labels], 1e-12),
        },
        {"best": best},
    )


def _dots(left: csr_array, right: csr_array, rows: IntArray, others: IntArray) -> FloatArray:
    """Products of pairs of rows, (n_pairs,)."""
    found = np.zeros(len(rows))
    for part in blocks(len(rows), 65_536):
        product: Any = csr_array(left[rows[part]]).multiply(csr_array(right[others[part]]))
        found[part] = np.asarray(product.sum(axis=1)).ravel()
    return found
