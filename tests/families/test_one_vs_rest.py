from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.svm import LinearSVC

from benchmarks.linear import Size, compare
from harness.config import Synthetic
from harness.corpus.certificate import BoolArray
from harness.corpus.synthetic import generate
from harness.families import one_vs_rest
from harness.families.examples import FrameParameters, examples
from harness.families.linear import Features, LinearParameters, problem_of
from harness.families.one_vs_rest import Planes, Problem, Sigmoid


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Some 1,300 distinct generated lines of at most 60 codes."""
    corpus = generate(Synthetic(certificates=1_500, codes=60)).corpus
    train = examples(corpus, FrameParameters(unit="line"))
    parameters = LinearParameters()
    return problem_of(train, Features.fitted(train.units, parameters)[1], parameters, 0)


def by_hand(problem: Problem, column: int, rows: slice | BoolArray = slice(None)) -> LinearSVC:
    positive = problem.y.toarray()[rows, column] > 0
    machine = LinearSVC(C=problem.cost, dual=True, tol=1e-6, max_iter=100_000, random_state=0)
    return machine.fit(problem.x.astype(np.float64).toarray()[rows], positive, problem.weights[rows])


def test_exact_planes_are_those_of_scikit_learn(problem: Problem) -> None:
    planes = one_vs_rest.fit(problem)
    found = planes.margins(problem.x)
    for column in (0, 5):
        expected = by_hand(problem, column).decision_function(problem.x.astype(np.float64).toarray())
        np.testing.assert_allclose(found[:, column], expected, atol=0.03)


def test_chosen_negatives_lead_to_the_same_planes(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a tenth of all rows first, and then all that these do not put safely away."""
    exact = one_vs_rest.fit(problem).margins(problem.x)
    monkeypatch.setattr(one_vs_rest, "NEAR", (80, 1))
    monkeypatch.setattr(one_vs_rest, "RANDOM", (60, 1))
    monkeypatch.setattr(one_vs_rest, "LABELS", 16)
    chosen = one_vs_rest.fit(problem, small=0).margins(problem.x)
    near = exact > -1.0
    assert np.abs(chosen - exact)[near].mean() < 0.02
    assert ((chosen > 0) == (exact > 0)).mean() > 0.999


def test_blocks_of_codes_change_nothing(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = one_vs_rest.fit(problem, small=0)
    monkeypatch.setattr(one_vs_rest, "LABELS", 7)
    monkeypatch.setattr(one_vs_rest, "ROWS", 100)
    again = one_vs_rest.fit(problem, small=0)
    np.testing.assert_allclose(again.margins(problem.x), whole.margins(problem.x), atol=0.01)


@pytest.mark.parametrize("small", [0, 10_000])
def test_unknown_rows_are_left_out(problem: Problem, small: int) -> None:
    unknown = np.arange(len(problem.weights)) % 2 == 0
    unknown &= problem.y.toarray()[:, 0] == 0
    masked = replace(problem, unknown_of=lambda column: unknown if column == 0 else None)
    planes = one_vs_rest.fit(masked, small=small)
    expected = by_hand(problem, 0, ~unknown).decision_function(problem.x.astype(np.float64).toarray())
    np.testing.assert_allclose(planes.margins(problem.x)[:, 0], expected, atol=0.1)
    np.testing.assert_array_equal(
        planes.margins(problem.x)[:, 1], one_vs_rest.fit(problem, small=small).margins(problem.x)[:, 1]
    )


def test_a_part_keeps_its_rows_and_codes_together(problem: Problem) -> None:
    unknown = np.arange(len(problem.weights)) % 3 == 0
    masked = replace(problem, unknown_of=lambda column: unknown if column == 4 else None)
    part = masked.part(np.array([3, 4, 9]), np.array([4, 2]))
    found = part.unknown_of(0)
    assert found is not None
    assert found.tolist() == [True, False, True]
    assert part.unknown_of(1) is None
    np.testing.assert_array_equal(part.y.toarray(), masked.y.toarray()[[3, 4, 9]][:, [4, 2]])


def test_margins_do_not_depend_on_other_rows(problem: Problem) -> None:
    planes = one_vs_rest.fit(problem)
    together = planes.margins(problem.x)
    np.testing.assert_array_equal(planes.margins(problem.x[[7]])[0], together[7])
    np.testing.assert_array_equal(planes.margins(problem.x, slice(3, 9)), together[:, 3:9])


def test_nothing_is_pruned(problem: Problem) -> None:
    planes = one_vs_rest.fit(problem)
    machine = by_hand(problem, 0)
    assert planes.coefficients.dtype == np.float32
    assert (planes.coefficients.data != 0.0).all()
    assert planes.coefficients[[0]].nnz == pytest.approx(np.count_nonzero(machine.coef_), rel=0.1)


# -------------------------------------------------------------------------------------------------- the sigmoid


def test_the_sigmoid_is_that_of_a_regression_on_the_margins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Margins drawn so that the odds are those of a known sigmoid."""
    rng = np.random.default_rng(0)
    margins = rng.normal(0.0, 1.0, 20_000)
    right = rng.random(20_000) < 1.0 / (1.0 + np.exp(-(3.0 * margins - 1.0)))
    x = csr_array(margins[:, None].astype(np.float32))
    problem = Problem(x, csr_array(right[:, None].astype(np.int8)), np.ones(20_000), np.ones(1), lambda column: None)
    plane = Planes(csr_array(np.ones((1, 1), np.float32)), np.zeros(1))
    monkeypatch.setattr(one_vs_rest, "fit", lambda problem: plane)
    found = one_vs_rest.sigmoid(problem, np.arange(20_000))
    assert found.slopes == pytest.approx((3.0,) * len(found.slopes), rel=0.2)
    assert found.offset == pytest.approx(-1.0, abs=0.15)


def test_the_sigmoid_is_of_texts_that_its_fit_did_not_see(problem: Problem) -> None:
    """Codes without any relation to the texts: the margins of seen texts are large, and the sigmoid is not sure."""
    rng = np.random.default_rng(0)
    noise = replace(problem, y=csr_array((rng.random((problem.x.shape[0], 3)) < 0.3).astype(np.int8)), cost=10.0,
                    positive_weights=np.ones(3))  # fmt: skip
    text = np.arange(len(problem.weights))
    found = one_vs_rest.sigmoid(noise, text)
    seen = one_vs_rest.fit(noise).margins(noise.x)
    assert (seen > 0.8).sum() > 100
    assert found.logits(np.array([0.8]), 9.0)[0] < 0.5 * Sigmoid().logits(np.array([0.8]), 9.0)[0]


def test_without_enough_to_go_by_the_sigmoid_is_a_usual_one() -> None:
    one = Problem(
        csr_array(np.ones((1, 1), np.float32)),
        csr_array(np.ones((1, 1), np.int8)),
        np.ones(1),
        np.ones(1),
        lambda column: None,
    )
    assert one_vs_rest.sigmoid(one, np.zeros(1, dtype=np.int64)) == Sigmoid()


def test_infinite_margins_become_odds_that_are_not() -> None:
    logits = Sigmoid((5.0, 4.0, 2.0, 1.0), 1.0).logits(np.array([-np.inf, 0.5, np.inf]), certain=3.0)
    assert logits.tolist() == [-3.0, 2.0, 3.0]


def test_stretches_are_joined_where_they_bend() -> None:
    low, middle, high = one_vs_rest.BENDS
    logits = Sigmoid((5.0, 4.0, 2.0, 1.0), 1.0).logits(np.array([low - 1.0, low, middle, high, high + 1.0]), 9.0)
    assert middle == 0.0
    expected = [1.0 + 4.0 * low - 5.0, 1.0 + 4.0 * low, 1.0, 1.0 + 2.0 * high, 1.0 + 2.0 * high + 1.0]
    np.testing.assert_allclose(logits, expected, rtol=1e-9)


# ------------------------------------------------------------------------------------------------ the benchmark


def test_the_benchmark_in_a_tiny_form() -> None:
    ours, exact = compare(Size(certificates=7_500, lines=5_200, codes=40, compared=6))
    assert 30 <= ours.codes <= 40
    assert exact.codes == 6
    assert ours.f1 > exact.f1 - 0.01
    assert 0.0 < ours.gigabytes < 2.0
    assert 0.0 < ours.seconds < 120.0
