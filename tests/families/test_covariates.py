"""Covariates: values learnt from training, as columns; texts distinct together with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from certificates import by_line

from harness.corpus.certificate import Corpus, Texts, strings
from harness.families.covariates import Covariates
from harness.families.examples import FrameParameters, distinct, examples


def office(n: int = 12) -> Corpus:
    """Every certificate has the same line; ages 30 and 80 alternate, sex is known on the first ten."""
    corpus = by_line(*((2012, [("flu", ["J11"])]) for _ in range(n)))
    covariates = {
        "age": strings(["30" if row % 2 else "80.5" for row in range(n)]),
        "sex": strings([" F " if row < 10 else None for row in range(n)]),
        "place": strings([f"place {row}" for row in range(n)]),
    }
    return replace(corpus, texts=replace(corpus.texts, covariates=covariates))


def test_values_that_stand_often_enough_have_columns() -> None:
    texts = office(24).texts
    found = Covariates.learnt(texts)
    assert found.values == (("age", "25"), ("age", "75"), ("sex", "f"))
    matrix = found.matrix(texts).toarray()
    assert matrix.dtype == np.float32
    assert matrix[0].tolist() == [0, 1, 1]
    assert matrix[11].tolist() == [1, 0, 0]  # its sex is not known


def test_the_year_is_none_of_them() -> None:
    texts = office(24).texts
    later = replace(texts, years=texts.years + 9)
    found = Covariates.learnt(texts)
    np.testing.assert_array_equal(found.matrix(texts).toarray(), found.matrix(later).toarray())
    assert Covariates.learnt(later) == found


def test_new_values_and_missing_columns_are_unknown() -> None:
    texts = office(24).texts
    found = Covariates.learnt(texts)
    odd = replace(texts, covariates={"age": strings(["unknown", "999", "-1"] * 8), "sex": strings(["x"] * 24)})
    assert found.matrix(odd).nnz == 0
    assert found.matrix(replace(texts, covariates={})).shape == (24, 3)
    assert len(Covariates.learnt(replace(texts, covariates={}))) == 0


def test_saved_and_loaded(tmp_path: Path) -> None:
    found = Covariates.learnt(office(24).texts)
    found.save(tmp_path / "covariates.json")
    assert Covariates.load(tmp_path / "covariates.json") == found


def pairs(texts: Texts, covariates: Covariates) -> set[tuple[str, tuple[float, ...]]]:
    found = distinct(texts, "line", None, covariates)
    assert found.covariates is not None
    rows = found.covariates.toarray()[found.position]
    lines = found.text.take(found.position).to_pylist()
    assert lines == texts.lines.to_pylist()
    np.testing.assert_array_equal(rows, covariates.matrix(texts).toarray()[texts.certificate_of_line])
    return set(zip(lines, map(tuple, rows.tolist()), strict=True))


def test_texts_are_distinct_together_with_their_covariates() -> None:
    corpus = office(24)
    covariates = Covariates.learnt(corpus.texts)
    assert len(distinct(corpus.texts, "line").text) == 1
    assert len(distinct(corpus.texts, "line", None, covariates).text) == len(pairs(corpus.texts, covariates)) == 4
    learnt = examples(corpus, FrameParameters(unit="line"), covariates=covariates)
    assert learnt.units.covariates is not None
    assert learnt.units.covariates.shape == (4, 3)
    assert sorted(learnt.times.tolist()) == [5, 5, 7, 7]
    assert learnt.weights.sum() == 24
