"""Linear: TF-IDF of words and characters, one support vector machine a code (scikit-learn)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_array, hstack

from harness.corpus.knowledge import Knowledge
from harness.families.family import (
    Context,
    Examples,
    Parameters,
    Units,
    blocks,
    no_scores,
    probabilities,
    sparsify,
    stack,
)
from harness.families.linears import one_vs_rest, tfidf
from harness.families.linears.one_vs_rest import Planes, Problem, Sigmoid

ROWS, LABELS = 4_096, 512  # of one dense block of scores
AT_ONCE = 2**28  # up to so many coefficients are kept dense throughout a prediction


class LinearParameters(Parameters):
    """TF-IDF over words up to ``word_ngrams`` and characters 2 to ``char_ngrams`` long, then one machine a code.

    ``hits``: the value of a column that says whether the text holds a term that the code list knows for a code; 0
    leaves these columns out. ``cost``: what an error costs beside wide margins; ``weighting`` says how much a text
    counts that stands in many certificates: once, by the root of its count, or by its count. ``propensity``: 0 to 1,
    how far texts of rare codes count more, because experts miss such codes more often.
    """

    word_ngrams: int = Field(2, ge=1, le=3)
    char_ngrams: int = Field(4, ge=2, le=6)
    min_df: int = Field(1, ge=1)
    max_features: int = Field(40_000, ge=100)
    hits: float = Field(0.5, ge=0.0, le=10.0)
    cost: float = Field(1.0, gt=0.0)
    weighting: Literal["once", "root", "count"] = "root"
    propensity: float = Field(0.0, ge=0.0, le=1.0)


class Linear:
    """One-vs-rest support vector machines on TF-IDF, whose margins one sigmoid turns into probabilities."""

    name: ClassVar[str] = "linear"
    kind: ClassVar[str] = "baseline"
    needs: ClassVar[float] = 0.0
    reports: ClassVar[bool] = False
    Parameters: ClassVar[type[Parameters]] = LinearParameters

    def fit(
        self,
        train: Examples,
        validation: Units | None,
        knowledge: Knowledge,
        parameters: LinearParameters,
        context: Context,
    ) -> LinearModel:
        features, x = Features.fitted(train.units, parameters)
        problem = problem_of(train, x, parameters, context.seed)
        text = train.units.text.dictionary_encode().indices.to_numpy(zero_copy_only=False)
        sigmoid = one_vs_rest.sigmoid(problem, text, train.times > 0.0)
        return LinearModel(features, one_vs_rest.fit(problem), sigmoid, float(np.log(2.0 * len(train))))

    def load(self, folder: Path, device: str) -> LinearModel:
        description = json.loads((folder / "linear.json").read_text(encoding="utf-8"))
        with np.load(folder / "linear.npz", allow_pickle=False) as arrays:
            features = Features(
                fields=tuple((field, int(longest)) for field, longest in description["fields"]),
                terms=tuple(tuple(terms) for terms in description["terms"]),
                idf=tuple(arrays[f"idf_{field}"] for field, _ in description["fields"]),
                hits=description["hits"],
            )
            coefficients = csr_array(
                (arrays["data"], arrays["indices"], arrays["indptr"]), shape=tuple(arrays["shape"].tolist())
            )
            planes = Planes(coefficients, arrays["intercepts"])
        return LinearModel(
            features, planes, Sigmoid(tuple(description["slopes"]), description["offset"]), description["certain"]
        )

    def most_steps(self, parameters: LinearParameters) -> int:
        return 1


def problem_of(train: Examples, x: csr_array, parameters: LinearParameters, seed: int) -> Problem:
    """What is to be solved: features, codes, and how much each text counts."""
    weights = {"once": np.ones(len(train)), "root": train.root_weights(), "count": train.weights}
    return Problem(
        x,
        train.y,
        weights[parameters.weighting],
        inverse_propensity(train) ** parameters.propensity,
        train.unknown_of,
        parameters.cost,
        seed,
    )


def inverse_propensity(train: Examples) -> npt.NDArray[np.float64]:
    """By how much a code's texts should count more, because its absence is often an oversight; (n_labels,).

    References
    ----------
    Jain, Prabhu, Varma. Extreme Multi-label Loss Functions for Recommendation, Tagging, Ranking & Other Missing Label
    Applications. KDD 2016; A = 0.55, B = 1.5.
    """
    often = np.asarray(train.times @ train.y.astype(np.float64)).ravel()
    spread = max(np.log(train.times.sum()) - 1.0, 0.0) * 2.5**0.55
    found: npt.NDArray[np.float64] = 1.0 + spread * (often + 1.5) ** -0.55
    return found


@dataclass(frozen=True, slots=True)
class Features:
    """TF-IDF of each field: its n-grams' greatest length, its terms in the order of their columns, their weights.

    ``hits`` is the value of a hit of the code list, whose columns follow; 0 where there are none.
    """

    fields: tuple[tuple[str, int], ...]
    terms: tuple[tuple[str, ...], ...]
    idf: tuple[npt.NDArray[np.float32], ...]
    hits: float = 0.0

    @classmethod
    def fitted(cls, units: Units, parameters: LinearParameters) -> tuple[Features, csr_array]:
        """The features of the training texts, and their matrix (n, n_features)."""
        fields = (("word", parameters.word_ngrams), ("char_wb", parameters.char_ngrams))
        prepared = tfidf.prepared(units.text)
        terms, idf, matrices = [], [], []
        for field, longest in fields:
            least = parameters.min_df if len(prepared) >= 50 * parameters.min_df else 1
            vectoriser = tfidf.vectoriser(field, longest, min_df=least, max_features=parameters.max_features)
            try:
                matrices.append(vectoriser.fit_transform(prepared))
            except ValueError:  # no term stands in so many texts, as where a language parts no words
                matrices.append(vectoriser.set_params(min_df=1).fit_transform(prepared))
            own_terms, own_idf = tfidf.learnt(vectoriser)
            terms.append(own_terms)
            idf.append(own_idf)
        found = cls(fields, tuple(terms), tuple(idf), 0.0 if units.hits is None else parameters.hits)
        return found, found._joined(matrices, units)

    def matrices(self, units: Units, rows: int) -> Iterator[csr_array]:
        """The features of some texts, in blocks of so many rows."""
        vectorisers = self.vectorisers()
        for some in blocks(len(units), rows):
            part = units.rows(some)
            prepared = tfidf.prepared(part.text)
            yield self._joined([vectoriser.transform(prepared) for vectoriser in vectorisers], part)

    def _joined(self, matrices: list[Any], units: Units) -> csr_array:
        if self.hits and units.hits is not None:
            matrices = [*matrices, units.hits.astype(np.float32) * np.float32(self.hits)]
        return csr_array(hstack(matrices, format="csr"))

    def vectorisers(self) -> list[Any]:
        """Fitted vectorisers, made once for many blocks of texts."""
        return [
            tfidf.again(field, longest, terms, idf)
            for (field, longest), terms, idf in zip(self.fields, self.terms, self.idf, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class LinearModel:
    """``certain`` is the log-odds of a code that stood on every training text."""

    features: Features
    planes: Planes
    sigmoid: Sigmoid
    certain: float

    @property
    def steps(self) -> int:
        return 1

    def predict(self, units: Units) -> csr_array:
        if not len(units):
            return no_scores(0, len(self.planes))
        columns = list(blocks(len(self.planes), LABELS))
        n_labels, n_features = self.planes.coefficients.shape
        ready = [self.planes.dense(some) for some in columns] if n_labels * n_features <= AT_ONCE else None
        found = []
        for x in self.features.matrices(units, ROWS):
            margins = np.empty((x.shape[0], n_labels), dtype=np.float32)
            for place, some in enumerate(columns):
                margins[:, some] = self.planes.margins(x, some, None if ready is None else ready[place])
            for rows in blocks(len(margins), ROWS // 8):
                found.append(sparsify(probabilities(self.sigmoid.logits(margins[rows], self.certain))))
        return stack(found)

    def save(self, folder: Path) -> None:
        description = {
            "fields": self.features.fields,
            "terms": self.features.terms,
            "hits": self.features.hits,
            "slopes": self.sigmoid.slopes,
            "offset": self.sigmoid.offset,
            "certain": self.certain,
        }
        (folder / "linear.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
        idf: dict[str, Any] = {
            f"idf_{field}": values for (field, _), values in zip(self.features.fields, self.features.idf, strict=True)
        }
        coefficients = self.planes.coefficients
        np.savez(
            folder / "linear.npz",
            data=coefficients.data,
            indices=coefficients.indices,
            indptr=coefficients.indptr,
            shape=np.array(coefficients.shape),
            intercepts=self.planes.intercepts,
            **idf,
        )
