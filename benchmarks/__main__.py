"""``make bench``: how many times as fast as its peer each part is; the median of five pairs."""

from __future__ import annotations

import statistics
import sys
import time
import unicodedata
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array, random_array
from sklearn.metrics import f1_score, precision_recall_curve
from sklearn.preprocessing import MultiLabelBinarizer

from benchmarks import metrics
from harness.config import Synthetic
from harness.corpus import words
from harness.corpus.certificate import Corpus, LabelSet, Texts
from harness.corpus.knowledge import Knowledge
from harness.corpus.synthetic import generate
from harness.decision.objective import objective
from harness.families import frame
from harness.families.dictionary import Dictionary, DictionaryParameters
from harness.families.family import Context, Examples, Predictions, Units
from harness.metrics import multilabel

PAIRS = 5


def ratio(ours: Callable[[], object], peer: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of ours, and how many times as long the peer takes in the same pair."""
    seconds, ratios = [], []
    for _ in range(PAIRS):
        started = time.perf_counter()
        ours()
        middle = time.perf_counter()
        peer()
        seconds.append(middle - started)
        ratios.append((time.perf_counter() - middle) / seconds[-1])
    return statistics.median(seconds), statistics.median(ratios)


def normalisation(corpus: Corpus) -> tuple[float, float]:
    """Normalising every line in Arrow, against a loop over Python strings."""
    lines = corpus.texts.lines
    plain = lines.to_pylist()

    def peer() -> list[str]:
        found = []
        for text in plain:
            letters = unicodedata.normalize("NFKD", text.lower())
            found.append(
                " ".join("".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c)).split())
            )
        return found

    return ratio(lambda: words.normalise(lines), peer)


def distinct_lines(corpus: Corpus) -> tuple[float, float]:
    """Fitting and predicting a dictionary through the frame, against fitting and predicting on every line."""
    by_line = corpus.by_line
    assert by_line is not None
    n = len(corpus.texts.lines)
    every = Examples(
        units=Units(corpus.texts.lines),
        y=by_line.matrix(len(corpus.labels)),
        weights=np.ones(n),
        labels=corpus.labels,
        times=np.ones(n),
        era=np.zeros(n, np.int64),
        unknown=csr_array(np.zeros((1, len(corpus.labels)), np.int8)),
    )

    def ours() -> object:
        return frame.fit("dictionary", corpus, None, Knowledge(), {"unit": "line"}, Context()).predict(corpus.texts)

    def peer() -> object:
        return Dictionary().fit(every, None, Knowledge(), DictionaryParameters(), Context()).predict(every.units)

    return ratio(ours, peer)


def threshold(n: int = 20_000, n_labels: int = 400) -> tuple[float, float]:
    """The best global threshold from sparse scores, against scikit-learn's curve over the dense matrix."""
    rng = np.random.default_rng(0)
    y_true = csr_array(
        random_array((n, n_labels), density=3 / n_labels, rng=rng, data_sampler=lambda size: np.ones(size))
    )
    y_score = csr_array(random_array((n, n_labels), density=20 / n_labels, rng=rng, dtype=np.float32))
    labels = LabelSet(tuple(f"{column:04d}" for column in range(n_labels)))
    empty = pa.array([""] * n, pa.large_string())
    texts = Texts(empty, np.zeros(n, np.int16), np.arange(n + 1, dtype=np.int64), empty, np.ones(n, np.int8), None, {})
    reference = Corpus(texts, labels, y_true.astype(np.int8), None)
    predictions = Predictions(labels, y_score)
    return ratio(
        lambda: objective("micro_f1", reference, predictions),
        lambda: precision_recall_curve(y_true.toarray().ravel(), y_score.toarray().ravel()),
    )


def scores(corpus: Corpus) -> tuple[float, float]:
    """Micro-F1 and macro-F1 of sparse indicator matrices, against scikit-learn on its own binarised sets."""
    codes = corpus.codes
    sets = [codes.indices[codes.indptr[row] : codes.indptr[row + 1]].tolist() for row in range(codes.shape[0])]
    binarised = MultiLabelBinarizer(sparse_output=True, classes=range(codes.shape[1])).fit_transform(sets)

    def ours() -> object:
        return multilabel.micro_f1(multilabel.counts(codes, codes)), multilabel.macro_f1(codes, codes)

    def peer() -> object:
        return f1_score(binarised, binarised, average="micro"), f1_score(
            binarised, binarised, average="macro", zero_division=0
        )

    return ratio(ours, peer)


def main(certificates: int = 20_000) -> None:
    corpus = generate(Synthetic(certificates=certificates)).corpus
    for name, (seconds, times) in {
        "normalise lines: Arrow against a Python loop": normalisation(corpus),
        "dictionary: distinct lines against every line": distinct_lines(corpus),
        "threshold: sparse against scikit-learn dense": threshold(certificates),
        "micro and macro F1: ours against scikit-learn": scores(corpus),
    }.items():
        print(f"{name:50s} {seconds:8.3f} s   {times:6.1f} x as fast")
    metrics.report(5 * certificates, certificates // 5)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
