from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from scipy.sparse import block_diag, csr_array
from sklearn.svm import LinearSVC

from benchmarks.linear import Size, compare
from harness.config import Synthetic
from harness.corpus.certificate import BoolArray
from harness.corpus.synthetic import generate
from harness.families.examples import FrameParameters, examples
from harness.families.linear import Features, LinearParameters, problem_of
from harness.families.linears import one_vs_rest
from harness.families.linears.one_vs_rest import Floats, Planes, Problem, Sigmoid, Single


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


def test_unknown_rows_take_no_negative_s_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine tenths of all rows are unknown and nearer to the code than any negative, whose words seldom recur."""
    monkeypatch.setattr(one_vs_rest, "NEAR", (60, 2))
    monkeypatch.setattr(one_vs_rest, "RANDOM", (60, 1))
    monkeypatch.setattr(one_vs_rest, "SAFE", (200, 4))
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1, 2], [30, 270, 2_700])  # positive, negative, unknown
    x = np.zeros((len(kind), 400), np.float32)
    x[:, 0] = np.where(kind == 1, 0.8, 1.0)
    x[np.arange(len(kind)), np.where(kind == 1, rng.integers(20, 400, len(kind)), rng.integers(1, 20, len(kind)))] = 0.6
    masked = Problem(
        csr_array(x),
        csr_array((kind == 0)[:, None].astype(np.int8)),
        np.ones(len(kind)),
        np.ones(1),
        lambda _: kind == 2,
    )
    exact, chosen = (one_vs_rest.fit(masked, small).margins(masked.x)[kind < 2, 0] for small in (10_000, 0))
    np.testing.assert_array_equal(exact > 0.0, kind[kind < 2] == 0)
    np.testing.assert_array_equal(chosen > 0.0, exact > 0.0)
    np.testing.assert_allclose(chosen, exact, atol=0.1)


@pytest.mark.parametrize("small", [0, 10_000])
def test_only_a_code_on_truly_every_row_is_certain(problem: Problem, small: int) -> None:
    """The first code stands on every row, the second wherever it is known: there its unknown rows are against it."""
    n = problem.x.shape[0]
    second = problem.y.toarray()[:, 0] > 0
    y = csr_array(np.c_[np.ones(n), second].astype(np.int8))
    unmasked = replace(problem, y=y, positive_weights=np.ones(2))
    masked = replace(unmasked, unknown_of=lambda column: ~second if column == 1 else None)
    found, expected = (one_vs_rest.fit(some, small) for some in (masked, unmasked))
    assert found.intercepts[0] == np.inf
    assert np.isfinite(found.intercepts[1])
    np.testing.assert_array_equal(found.margins(problem.x), expected.margins(problem.x))


def test_many_rows_are_taken_with_few_codes_at_once(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = one_vs_rest.fit(problem, small=0)
    n = problem.x.shape[0]
    monkeypatch.setattr(one_vs_rest, "MARGINS", 5 * n)
    sizes: list[int] = []
    counted = one_vs_rest._margins

    def margins(x: csr_array, dense: Single, intercepts: Floats) -> Single:
        sizes.append(dense.shape[1])
        return counted(x, dense, intercepts)

    monkeypatch.setattr(one_vs_rest, "_margins", margins)
    again = one_vs_rest.fit(problem, small=0)
    assert max(sizes) == 5
    np.testing.assert_allclose(again.margins(problem.x), whole.margins(problem.x), atol=0.01)
    monkeypatch.undo()
    assert one_vs_rest._at_once(3_000_000) * 3_000_000 * 4 <= 2**29
    assert one_vs_rest._at_once(10**9) == 1
    assert one_vs_rest._at_once(300_000) == one_vs_rest.LABELS


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


def test_the_sigmoid_counts_no_terms(problem: Problem) -> None:
    """Terms of as many codes again, which no certificate has, are learnt from, but they are nobody's examples."""
    n, n_labels = problem.y.shape
    width = problem.x.shape[1]
    n_terms = 5 * n_labels
    eye = csr_array(np.tile(np.eye(n_labels, dtype=np.float32), (5, 1)))
    more = Problem(
        csr_array(block_diag([problem.x, eye], format="csr")),
        csr_array(block_diag([problem.y, eye.astype(np.int8)], format="csr")),
        np.r_[problem.weights, np.ones(n_terms)],
        np.r_[problem.positive_weights, np.ones(n_labels)],
        lambda column: None,
    )
    assert more.x.shape[1] == width + n_labels
    alone = one_vs_rest.sigmoid(problem, np.arange(n))
    written = np.arange(n + n_terms) < n
    found = one_vs_rest.sigmoid(more, np.arange(n + n_terms), written)
    at = np.linspace(-1.5, 1.5, 13)
    np.testing.assert_allclose(found.logits(at, 9.0), alone.logits(at, 9.0), atol=0.3)
    # Where there are terms alone, they have to do.
    none = np.zeros(len(written), dtype=np.bool_)
    assert one_vs_rest.sigmoid(more, np.arange(n + n_terms), none) == one_vs_rest.sigmoid(more, np.arange(n + n_terms))


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
    # In a process of its own: what other tests have loaded is not this fit's memory.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        ours, exact = alone.submit(compare, Size(certificates=7_500, lines=5_200, codes=40, compared=6)).result()
    assert 30 <= ours.codes <= 40
    assert exact.codes == 6
    assert ours.f1 > exact.f1 - 0.01
    assert 0.0 < ours.gigabytes < 2.0
    assert 0.0 < ours.seconds < 120.0
