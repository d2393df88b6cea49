"""Linear: TF-IDF of words and characters, one logistic regression a code (scikit-learn)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field
from scipy.sparse import csr_array, hstack

from harness.corpus import words
from harness.families.family import (
    Context,
    Examples,
    Knowledge,
    Parameters,
    Units,
    blocks,
    no_scores,
    probabilities,
    sparsify,
    stack,
)

ROWS = 2_048


class LinearParameters(Parameters):
    """TF-IDF over words up to ``word_ngrams`` and characters 2 to ``char_ngrams`` long, then SGD on the log-loss.

    ``weighting`` says how much a text counts that stands in many certificates: once, by the root of its count, or
    by its count.
    """

    word_ngrams: int = Field(2, ge=1, le=3)
    char_ngrams: int = Field(4, ge=2, le=6)
    min_df: int = Field(2, ge=1)
    max_features: int = Field(60_000, ge=100)
    alpha: float = Field(2e-6, gt=0.0)
    epochs: int = Field(6, ge=1, le=50)
    weighting: Literal["once", "root", "count"] = "root"


class Linear:
    """One-vs-rest logistic regression on TF-IDF, averaged SGD."""

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
        from sklearn.linear_model import SGDClassifier

        features, x = Features.fitted(train.units.text, parameters)
        weights = {"once": np.ones(len(train)), "root": train.root_weights(), "count": train.weights}[
            parameters.weighting
        ]
        y = train.y.tocsc()
        coefficients = np.zeros((len(train.labels), x.shape[1]), dtype=np.float32)
        intercepts = np.zeros(len(train.labels))
        for column in range(len(train.labels)):
            positive = np.zeros(len(train), dtype=np.int8)
            positive[y.indices[y.indptr[column] : y.indptr[column + 1]]] = 1
            if positive.all():
                intercepts[column] = np.log(2.0 * len(train))
                continue
            sgd = SGDClassifier(
                loss="log_loss",
                alpha=parameters.alpha,
                max_iter=parameters.epochs,
                tol=None,
                average=True,
                random_state=context.seed,
            )
            sgd.fit(x, positive, sample_weight=weights)
            coefficients[column] = sgd.coef_[0]
            intercepts[column] = sgd.intercept_[0]
        return LinearModel(features, coefficients, intercepts)

    def load(self, folder: Path, device: str) -> LinearModel:
        description = json.loads((folder / "linear.json").read_text(encoding="utf-8"))
        with np.load(folder / "linear.npz", allow_pickle=False) as arrays:
            features = Features(
                fields=tuple((field, int(longest)) for field, longest in description["fields"]),
                terms=tuple(tuple(terms) for terms in description["terms"]),
                idf=tuple(arrays[f"idf_{field}"] for field, _ in description["fields"]),
            )
            return LinearModel(features, arrays["coefficients"], arrays["intercepts"])

    def most_steps(self, parameters: LinearParameters) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Features:
    """TF-IDF of each field: its n-grams' greatest length, its terms in the order of their columns, their weights."""

    fields: tuple[tuple[str, int], ...]
    terms: tuple[tuple[str, ...], ...]
    idf: tuple[npt.NDArray[np.float32], ...]

    @classmethod
    def fitted(cls, texts: pa.Array, parameters: LinearParameters) -> tuple[Features, csr_array]:
        """The features of the training texts, and their matrix (n, n_features)."""
        fields = (("word", parameters.word_ngrams), ("char_wb", parameters.char_ngrams))
        prepared = _prepared(texts)
        terms, idf, matrices = [], [], []
        for field, longest in fields:
            least = parameters.min_df if len(prepared) >= 50 * parameters.min_df else 1
            vectoriser = _vectoriser(field, longest, min_df=least, max_features=parameters.max_features)
            try:
                matrices.append(vectoriser.fit_transform(prepared))
            except ValueError:  # no term stands in so many texts, as where a language parts no words
                matrices.append(vectoriser.set_params(min_df=1).fit_transform(prepared))
            terms.append(tuple(vectoriser.get_feature_names_out().tolist()))
            idf.append(np.asarray(vectoriser.idf_, dtype=np.float32))
        return cls(fields, tuple(terms), tuple(idf)), csr_array(hstack(matrices, format="csr"))

    def vectorisers(self) -> list[Any]:
        """Fitted vectorisers, made once for many blocks of texts."""
        ready = []
        for (field, longest), terms, idf in zip(self.fields, self.terms, self.idf, strict=True):
            vectoriser = _vectoriser(field, longest, vocabulary={term: column for column, term in enumerate(terms)})
            vectoriser.idf_ = idf
            ready.append(vectoriser)
        return ready


@dataclass(frozen=True, slots=True)
class LinearModel:
    """coefficients (n_labels, n_features), intercepts (n_labels,)."""

    features: Features
    coefficients: npt.NDArray[np.float32]
    intercepts: npt.NDArray[np.float64]

    @property
    def steps(self) -> int:
        return 1

    def predict(self, units: Units) -> csr_array:
        if not len(units):
            return no_scores(0, len(self.intercepts))
        vectorisers = self.features.vectorisers()
        transposed = np.ascontiguousarray(self.coefficients.T)
        found = []
        for rows in blocks(len(units), ROWS):
            prepared = _prepared(units.text[rows])
            x = hstack([vectoriser.transform(prepared) for vectoriser in vectorisers], format="csr")
            found.append(sparsify(probabilities(x @ transposed + self.intercepts)))
        return stack(found)

    def save(self, folder: Path) -> None:
        (folder / "linear.json").write_text(
            json.dumps({"fields": self.features.fields, "terms": self.features.terms}, ensure_ascii=False),
            encoding="utf-8",
        )
        idf: dict[str, Any] = {
            f"idf_{field}": values for (field, _), values in zip(self.features.fields, self.features.idf, strict=True)
        }
        np.savez(folder / "linear.npz", coefficients=self.coefficients, intercepts=self.intercepts, **idf)


def _prepared(texts: pa.Array) -> list[str]:
    return [text or "-" for text in words.normalise(texts).to_pylist()]


def _vectoriser(field: str, longest: int, **more: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    shortest = 1 if field == "word" else 2
    pattern = {"token_pattern": r"\S+"} if field == "word" else {}
    return TfidfVectorizer(
        analyzer=field,
        ngram_range=(shortest, longest),
        lowercase=False,
        sublinear_tf=True,
        dtype=np.float32,
        **pattern,
        **more,
    )
