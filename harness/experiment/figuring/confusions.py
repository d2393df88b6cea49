"""Which codes are given in place of which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import csc_array, csr_array

from harness.corpus.certificate import BoolArray, IntArray
from harness.experiment.figuring.codes import Chapters
from harness.experiment.scoring import Judged
from harness.files import Row
from harness.metrics.disclosure import LEAST
from harness.metrics.multilabel import indicators

MOST_PAIRS = 200  # of a model


def confusion_rows(judged: Judged, chapters: Chapters, hidden: BoolArray, titles: Mapping[str, str]) -> list[Row]:
    """The largest pairs of a code that was missed and one of its chapter wrongly given on the same certificate.

    A certificate that misses two codes and has three wrong ones counts in six pairs. Pairs of fewer than 5 certificates
    are not given, nor those whose missed code has a hidden support: the pair would say how large it is at least.

    Parameters
    ----------
    hidden : (n_codes,) whose support is not given
    titles : by code
    """
    missed, wrong = _errors(judged)
    found = [
        _pairs(missed, wrong, np.flatnonzero(chapters.of == place), hidden)
        for place, name in enumerate(chapters.names)
        if name is not None
    ]
    if not found:
        return []
    true, given, n = (np.concatenate(parts) for parts in zip(*found, strict=True))
    largest = np.lexsort((given, true, -n))[:MOST_PAIRS]
    codes = judged.labels.codes
    return [
        {
            "chapter": chapters.of_code(a),
            "true_code": codes[a],
            "predicted_code": codes[b],
            "n": count,
            "true_title": titles.get(codes[a]) or None,
            "predicted_title": titles.get(codes[b]) or None,
        }
        for a, b, count in zip(true[largest].tolist(), given[largest].tolist(), n[largest].tolist(), strict=True)
    ]


def _errors(judged: Judged) -> tuple[csc_array, csc_array]:
    """The codes that each certificate misses, and those wrongly given, by column; (n, n_codes)."""
    true, pred = (indicators(matrix).astype(np.int32) for matrix in (judged.y_true, judged.y_pred))
    both: Any = true.multiply(pred)  # the stubs of scipy do not know this product's format
    return tuple(_stored(csr_array(matrix - both)) for matrix in (true, pred))  # type: ignore[return-value]


def _stored(matrix: csr_array) -> csc_array:
    matrix.eliminate_zeros()
    return matrix.tocsc()


def _pairs(
    missed: csc_array, wrong: csc_array, columns: IntArray, hidden: BoolArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Within one chapter's columns: missed code, wrong code and number of certificates of each pair that is given."""
    shown = columns[~hidden[columns]]
    together = (missed[:, shown].T @ wrong[:, columns]).tocoo()
    kept = together.data >= LEAST
    return shown[together.row[kept]], columns[together.col[kept]], together.data[kept]
