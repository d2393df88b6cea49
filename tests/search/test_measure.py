"""Points of a learning curve: part of the training certificates, a threshold of validation, codes of what is held out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from certificates import Roles
from scipy.sparse import csr_array

from harness.config import YearsConfig
from harness.corpus import store
from harness.corpus.store import Slice, Store
from harness.corpus.years import assign
from harness.decision.objective import objective
from harness.search.measure import MeasureSpec, run_measure
from harness.search.worker import FitSpec, Part, PredictSpec, run_fit, run_predict, sample_size, sampled

YEARS = YearsConfig(train=(2012, 2013, 2014), validation=(2015,), heldout=(2016,))
PARAMETERS = {"unit": "line", "char_ngrams": 3, "max_features": 2000}


@pytest.fixture(scope="module")
def tiny_store(tiny_roles: Roles, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store.build(tiny_roles.read, assign(tiny_roles.read, YEARS), tmp_path_factory.mktemp("stores"))


def spec(found: Store, **changed: object) -> FitSpec:
    given = {"family": "linear", "parameters": PARAMETERS, "store": str(found.path), "train": (found.roles["train"],)}
    return FitSpec(**{**given, **changed})  # type: ignore[arg-type]


def test_a_smaller_part_lies_inside_a_larger_one() -> None:
    parts = [set(sampled(1000, share, 7).tolist()) for share in (1 / 16, 1 / 4, 1.0)]
    assert [len(part) for part in parts] == [62, 250, 1000]
    assert parts[0] < parts[1] < parts[2]
    assert set(sampled(1000, 1 / 16, 8).tolist()) != parts[0]
    assert (np.diff(sampled(1000, 1 / 4, 7)) > 0).all()
    assert sample_size(10, 1 / 64) == len(sampled(10, 1 / 64, 0)) == 1


def test_a_fit_on_a_sample_learns_from_these_certificates_alone(tiny_store: Store) -> None:
    share, seed = 0.05, 3
    train = tiny_store.corpus(tiny_store.roles["train"])
    rows = sampled(len(train), share, seed)
    codes = np.unique(train.codes[rows].indices)
    assert len(codes) < len(np.unique(train.codes.indices))
    assert run_fit(spec(tiny_store, sample=(share, seed))).n_labels == len(codes)


def test_a_fit_without_a_part_learns_from_the_other_certificates_alone(tiny_store: Store) -> None:
    rows = Slice(0, 24)
    train = tiny_store.corpus(rows)
    for part in (Part(0, 2, 3), Part(1, 2, 3)):
        codes = np.unique(train.codes[np.flatnonzero(~part.rows(24))].indices)
        assert 0 < len(codes) < len(np.unique(train.codes.indices))
        assert run_fit(spec(tiny_store, train=(rows,), without=part)).n_labels == len(codes)


def test_what_is_written_of_a_part_is_that_of_its_certificates(tiny_store: Store) -> None:
    model = run_fit(spec(tiny_store, keep=True)).model
    rows, part = tiny_store.roles["validation"], Part(1, 3, 0)
    whole, some = (
        run_predict(PredictSpec(model, str(tiny_store.path), (rows,), part=one)).predictions.scores
        for one in (None, part)
    )
    np.testing.assert_array_equal(some.toarray(), whole.toarray()[part.rows(len(rows))])


def test_a_point_is_what_fit_objective_and_prediction_say(tiny_store: Store) -> None:
    fit = spec(tiny_store, sample=(0.5, 1), keep=True)
    found = run_measure(MeasureSpec(fit, tiny_store.roles["validation"], tiny_store.roles["heldout"]))
    assert found.fit.model == {}

    model = run_fit(fit).model
    validation, heldout = (
        run_predict(PredictSpec(model, str(tiny_store.path), (tiny_store.roles[role],))).predictions
        for role in ("validation", "heldout")
    )
    expected = objective("micro_f1", tiny_store.corpus(tiny_store.roles["validation"]), validation)
    assert (found.score, found.threshold) == (expected.score, expected.threshold)
    assert found.codes.labels == heldout.labels
    chosen = heldout.scores.toarray() >= expected.threshold
    assert (found.codes.scores.toarray() == chosen).all()
    assert 0 < chosen.sum() < chosen.size / 2


def test_heldout_codes_have_no_part_in_what_is_measured(tiny_store: Store, tiny_roles: Roles, tmp_path: Path) -> None:
    """With the held-out year's codes taken away, the threshold and the codes that are given stay as they are."""
    corpus = tiny_roles.read.corpus
    codes = corpus.codes.tolil()
    codes[corpus.texts.years == 2016] = 0
    blind = replace(tiny_roles.read, corpus=corpus.with_codes(csr_array(codes)))
    other = store.build(blind, assign(blind, YEARS), tmp_path)
    assert other.corpus(other.roles["heldout"]).codes.nnz == 0
    parameters = {**PARAMETERS, "unit": "certificate"}
    found, same = (
        run_measure(MeasureSpec(spec(one, parameters=parameters), one.roles["validation"], one.roles["heldout"]))
        for one in (tiny_store, other)
    )
    assert (found.score, found.threshold) == (same.score, same.threshold)
    assert found.codes.labels == same.codes.labels
    assert (found.codes.scores.toarray() == same.codes.scores.toarray()).all()
    assert found.codes.scores.nnz


HANGS = """
import time
from harness.corpus.store import Slice
from harness.search import measure
from harness.search.worker import FitSpec
measure.run_fit = lambda spec: time.sleep(60)
rows = Slice(0, 1)
measure.run_measure(measure.MeasureSpec(FitSpec("linear", {}, "", (rows,)), rows, rows, hard_seconds=0.2))
"""


def test_a_fit_that_hangs_ends_with_its_process() -> None:
    found = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, check=False, timeout=50)
    assert (found.returncode, found.stdout, found.stderr) == (1, "", "")
