"""A model behind a normaliser: what it reads, and that it is saved, loaded and put together as one."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from certificates import by_certificate, by_line
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from test_contract import same
from test_seq2seq import SMALL, office

from harness.corpus.certificate import LabelSet, Texts, strings
from harness.corpus.knowledge import Knowledge
from harness.families import frame, saved
from harness.families.family import Context, Predictions, Written, no_scores
from harness.families.normalised import Normalised, fold_of, rewritten

TEXTS = by_line((2013, [("hart failure", []), ("", [])]), (2013, [("none", [])]), (2013, [("fall", [])])).texts


def said(texts: pa.Array, *, by_line: bool = True) -> Predictions:
    n = len(texts)
    nothing = Written(np.zeros(n + 1, dtype=np.int64), np.zeros(0, dtype=np.int32), texts)
    return Predictions(LabelSet(()), no_scores(3, 0), no_scores(n, 0) if by_line else None, nothing)


def test_each_line_is_what_was_written_of_it() -> None:
    found = said(strings(["Heart failure", "", "", "Fall"]))
    assert rewritten(TEXTS, found, "normalised").lines.to_pylist() == ["Heart failure", "", "", "Fall"]
    assert rewritten(TEXTS, found, "both").lines.to_pylist() == [
        "hart failure; Heart failure",
        "",
        "none",
        "fall; Fall",
    ]
    assert rewritten(TEXTS, found, "raw") is TEXTS


def test_of_whole_certificates_the_text_stands_on_the_last_line() -> None:
    found = said(strings(["Heart failure", "", "Fall"]), by_line=False)
    assert rewritten(TEXTS, found, "normalised").lines.to_pylist() == ["", "Heart failure", "", "Fall"]
    both = rewritten(TEXTS, found, "both").lines.to_pylist()
    assert both == ["hart failure", "Heart failure", "none", "fall; Fall"]
    empty = by_certificate((2013, [], []), (2013, ["fall", "at home"], [])).texts
    lines = rewritten(empty, said(strings(["Nothing", "Fall"]), by_line=False), "normalised").lines
    assert lines.to_pylist() == ["", "Fall"]


def test_nothing_but_the_lines_changes() -> None:
    found = rewritten(TEXTS, said(strings(["a", "b", "c", "d"])), "normalised")
    assert found.lines.type == TEXTS.lines.type
    for part in fields(Texts):
        if part.name != "lines":
            assert getattr(found, part.name) is getattr(TEXTS, part.name)


def test_a_model_that_writes_no_text_is_no_normaliser() -> None:
    with pytest.raises(ValueError, match="must write text"):
        rewritten(TEXTS, replace(said(strings([""] * 4)), written=None), "both")


@given(st.integers(0, 200), st.integers(2, 20), st.integers(0, 5))
def test_folds_are_of_nearly_equal_size(n: int, folds: int, seed: int) -> None:
    found = fold_of(n, folds, seed)
    sizes = np.bincount(found, minlength=folds)
    assert len(sizes) == folds
    assert sizes.sum() == n
    assert sizes.max() - sizes.min() <= 1
    assert (found == fold_of(n, folds, seed)).all()


@pytest.fixture(scope="module")
def pair() -> Normalised:
    """A small writer, and a linear model that learnt from the experts' wording."""
    corpus = office()
    writer = frame.fit("seq2seq", corpus, None, Knowledge(), {**SMALL, "task": "normalise"}, Context(seed=1))
    assert corpus.by_line is not None
    assert corpus.by_line.standard is not None
    clean = replace(corpus, texts=replace(corpus.texts, lines=corpus.by_line.standard))
    reader = frame.fit("linear", clean, None, Knowledge(), {"unit": "line", "max_features": 500}, Context(seed=1))
    return Normalised(writer, reader, "normalised")


def asked() -> Texts:
    return office(40, year=2013).texts


def test_it_codes_what_the_normaliser_wrote(pair: Normalised) -> None:
    texts = asked()
    lines = pair.normaliser.predict(texts)
    assert lines.written is not None
    same(pair.predict(texts), pair.model.predict(replace(texts, lines=lines.written.text)))
    both = replace(pair, use="both").predict(texts)
    same(both, pair.model.predict(rewritten(texts, lines, "both")))
    assert isinstance(both.scores, csr_array)


def test_saves_and_loads_with_equal_scores(pair: Normalised, tmp_path: Path) -> None:
    pair.save(tmp_path / "whole")
    loaded = saved.load(tmp_path / "whole")
    assert isinstance(loaded, Normalised)
    assert (loaded.use, loaded.labels) == ("normalised", pair.labels)
    same(loaded.predict(asked()), pair.predict(asked()))
