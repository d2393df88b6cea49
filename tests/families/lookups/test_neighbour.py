from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from certificates import by_line, tiny
from scipy.sparse import csr_array

from harness.corpus.certificate import strings
from harness.families.examples import FrameParameters, examples
from harness.families.lookups import neighbour
from harness.families.lookups.counts import Counts
from harness.families.lookups.neighbour import TAKEN, Neighbours


def texts() -> tuple[list[str], list[str]]:
    roles = tiny()
    known = sorted({text for text in roles.train.texts.lines.to_pylist() if text})
    asked = sorted({text for text in roles.validation.texts.lines.to_pylist() if text} - set(known))
    assert len(asked) > 20
    return known, asked


def test_the_nearest_texts_are_those_of_brute_force() -> None:
    known, asked = texts()
    neighbours = Neighbours.fit(strings(known))
    queries = neighbours.vectors(strings(asked))
    _, cosine = neighbours.nearest(queries)
    every = (queries @ neighbours.matrix.T).toarray()
    np.testing.assert_allclose(cosine, -np.sort(-every, axis=1)[:, :TAKEN], atol=1e-6)


def test_a_small_budget_calls_up_the_rarest_n_grams(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [f"common phrase {word}" for word in ("zoster", "quinsy", "jaundice", "myxoedema")]
    neighbours = Neighbours.fit(strings(known))
    monkeypatch.setattr(neighbour, "CALLED", 3)
    nearest, cosine = neighbours.nearest(neighbours.vectors(strings(["common phrase zosterr", "0000", ""])))
    assert nearest[:, 0].tolist() == [0, -1, -1]
    assert cosine[0, 0] == pytest.approx(
        (neighbours.vectors(strings(["common phrase zosterr"])) @ neighbours.matrix.T).toarray()[0, 0]
    )


def test_a_text_is_answered_alone() -> None:
    known, asked = texts()
    neighbours = Neighbours.fit(strings(known))
    together = neighbours.nearest(neighbours.vectors(strings(asked)))
    for row in (0, 7):
        alone = neighbours.nearest(neighbours.vectors(strings(asked[row : row + 1])))
        np.testing.assert_array_equal(alone[0][0], together[0][row])
        np.testing.assert_array_equal(alone[1][0], together[1][row])


def test_codes_of_the_nearest_texts() -> None:
    train = examples(
        by_line(*[(2012, [("flu", ["A"])])] * 3, (2012, [("flue", ["B"])]), (2012, [("gout", ["A", "C"])])),
        FrameParameters(unit="line"),
    )
    counts = Counts.of(csr_array(np.eye(3)), train, np.ones(3))
    nearest = np.array([[1, 0, -1, -1], [-1, -1, -1, -1], [2, -1, -1, -1]])
    cosine = np.array([[0.8, 0.6, 0, 0], [0, 0, 0, 0], [0.5, 0, 0, 0]])
    found = neighbour.answer(nearest, cosine, counts, 0.5)
    assert found.pair.tolist() == [0, 1, 6, 8]
    assert found.share == pytest.approx([3 / 3.5, 1 / 1.5, 1 / 1.5, 1 / 1.5])
    assert found.of_pair["cosine"] == pytest.approx([0.6, 0.8, 0.5, 0.5])
    assert found.of_pair["nearest"].tolist() == [0, 1, 1, 1]
    assert found.of_pair["part"] == pytest.approx([0.36 * 3 / 3.5, 0.64 / 1.5, 1 / 1.5, 1 / 1.5])
    assert found.of_row["best"].tolist() == [0.8, 0, 0.5]


def test_saves_and_loads(tmp_path: Path) -> None:
    known, asked = texts()
    neighbours = Neighbours.fit(strings(known))
    neighbours.save(tmp_path)
    again = Neighbours.load(tmp_path)
    for ours, theirs in zip(
        again.nearest(again.vectors(strings(asked))),
        neighbours.nearest(neighbours.vectors(strings(asked))),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_left_out_texts_are_nobodys_neighbours() -> None:
    neighbours = Neighbours.fit(strings(["flu", "flue", "gout"])).over(np.array([1, 2]))
    nearest, _ = neighbours.nearest(neighbours.vectors(strings(["flu"])))
    assert nearest[0].tolist() == [0, -1, -1, -1]


def test_over_all_texts_nothing_is_copied() -> None:
    neighbours = Neighbours.fit(strings(["flu", "flue", "gout"]))
    assert neighbours.over(np.arange(3)) is neighbours
    assert neighbours.over(np.array([0, 2, 1])) is not neighbours
