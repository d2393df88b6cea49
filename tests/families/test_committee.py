"""Committees of fitted models: one process holds a network of TensorFlow and a linear model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from certificates import Roles, by_line
from scipy.sparse import csr_array

from harness.corpus.certificate import LabelSet, strings
from harness.corpus.knowledge import Knowledge
from harness.families import committee, frame, saved
from harness.families.committee import Committee
from harness.families.family import CEILING, Context, Predictions, Written
from harness.search.worker import read_files

BAG = {"unit": "line", "epochs": 2, "width": 16, "buckets_log2": 10}
TEXTS = by_line((2012, [("flu", []), ("cough", [])]), (2012, [("fever", [])])).texts


def predictions(codes: str, scores: list[list[float]], lines: list[list[float]] | None = None) -> Predictions:
    of_lines = None if lines is None else csr_array(np.array(lines, dtype=np.float32))
    return Predictions(LabelSet(tuple(codes)), csr_array(np.array(scores, dtype=np.float32)), of_lines)


def same(a: Predictions, b: Predictions) -> None:
    assert a.labels == b.labels
    for one, other in ((a.scores, b.scores), (a.line_scores, b.line_scores)):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_array_equal(one.toarray(), other.toarray())


@pytest.fixture(scope="module")
def mixed(tiny_roles: Roles) -> Committee:
    """Two members, of which one learnt fewer codes."""
    train = tiny_roles.train
    few = train.rows(0, 12)
    bag = frame.fit("bag", train, None, Knowledge(), BAG, Context(seed=1))
    linear = frame.fit("linear", few, None, Knowledge(), {"unit": "line"}, Context())
    assert len(linear.labels) < len(bag.labels)
    labels = committee.union((bag.labels, linear.labels))
    return Committee(("bag-3", "linear-1"), (0.25, 0.75), (bag, linear), labels)


def test_the_weighted_mean_by_hand() -> None:
    a = predictions("AB", [[0.8, 0.4], [0.0, 0.2]], [[0.8, 0.0], [0.0, 0.4], [0.0, 0.2]])
    b = predictions("BC", [[0.2, 0.6], [0.0, 0.0]], [[0.2, 0.0], [0.0, 0.6], [0.0, 0.0]])
    weights = np.array([[0.75, 0.0], [0.25, 1.0]])
    found = committee.mean(LabelSet(("A", "B", "C")), TEXTS, weights, iter((a, b)))
    np.testing.assert_allclose(found.scores.toarray(), [[0.6, 0.35, 0.15], [0.0, 0.0, 0.0]], rtol=1e-6)
    assert found.line_scores is not None
    np.testing.assert_allclose(
        found.line_scores.toarray(), [[0.6, 0.05, 0.0], [0.0, 0.3, 0.15], [0.0, 0.0, 0.0]], rtol=1e-6
    )
    assert found.scores.nnz == 3  # a member without weight leaves nothing behind
    assert found.scores.dtype == np.float32
    assert a.scores.toarray()[0, 0] == np.float32(0.8)  # the members' own scores are not touched


def test_without_line_scores_of_every_member_there_are_none() -> None:
    a = predictions("A", [[0.8], [0.1]], [[0.8], [0.1], [0.1]])
    b = predictions("A", [[0.4], [0.3]])
    weights = np.full((2, 2), 0.5)
    for order in ((a, b), (b, a)):
        found = committee.mean(a.labels, TEXTS, weights, order)
        assert found.line_scores is None
        np.testing.assert_allclose(found.scores.toarray(), [[0.6], [0.2]], rtol=1e-6)


def wrote(predictions: Predictions, *said: tuple[str, str]) -> Predictions:
    """The same with codes and text of each unit."""
    columns = [predictions.labels.index[code] for codes, _ in said for code in codes]
    first = np.cumsum([0, *(len(codes) for codes, _ in said)], dtype=np.int64)
    text = strings([text for _, text in said])
    return replace(predictions, written=Written(first, np.array(columns, dtype=np.int32), text))


def test_it_writes_what_its_heaviest_member_that_writes_does() -> None:
    lines = [[0.8, 0.1], [0.1, 0.4], [0.1, 0.1]]
    silent = predictions("AB", [[0.8, 0.1], [0.1, 0.1]], lines)
    few = wrote(predictions("BD", silent.scores.toarray().tolist(), lines), ("", ""), ("B", "b"), ("", ""))
    most = wrote(predictions("CB", silent.scores.toarray().tolist(), lines), ("CB", "c; b"), ("", ""), ("B", "é"))
    labels = LabelSet(tuple("ABCD"))
    weights = np.array([[0.5, 0.5], [0.2, 0.2], [0.3, 0.3]])
    for order in ([0, 1, 2], [0, 2, 1], [2, 1, 0]):
        members = [(silent, few, most)[one] for one in order]
        written = committee.mean(labels, TEXTS, weights[order], members).written
        assert written is not None
        assert written.text is not None
        assert written.text.to_pylist() == ["c; b", "", "é"]
        assert written.first.tolist() == [0, 2, 2, 3]
        assert [labels.codes[column] for column in written.columns] == ["C", "B", "B"]
        assert written.columns.dtype == np.int32
    assert most.written is not None
    assert most.written.columns.tolist() == [0, 1, 1]  # the member's own is not touched
    assert committee.mean(labels, TEXTS, weights[:1] * 2, [silent]).written is None


def test_what_is_written_is_of_the_unit_of_the_scores() -> None:
    """A member that looks at whole certificates makes all of it look at certificates."""
    lines = wrote(predictions("A", [[0.8], [0.1]], [[0.8], [0.1], [0.1]]), ("A", "a"), ("", ""), ("", ""))
    whole = predictions("A", [[0.4], [0.3]])
    writes = wrote(whole, ("A", "the whole"), ("", ""))
    weights = np.array([[0.9, 0.9], [0.1, 0.1]])
    for order in ([0, 1], [1, 0]):
        both = [(lines, whole)[one] for one in order]
        assert committee.mean(whole.labels, TEXTS, weights[order], both).written is None
        both = [(lines, writes)[one] for one in order]
        written = committee.mean(whole.labels, TEXTS, weights[order], both).written
        assert written is not None
        assert written.text is not None
        assert written.text.to_pylist() == ["the whole", ""]


def test_what_all_are_nearly_sure_of_stays_below_one() -> None:
    sure = predictions("A", [[CEILING], [0.5]])
    third = np.full((3, 2), 1 / 3)
    found = committee.mean(sure.labels, TEXTS, third, (sure, sure, sure))
    assert 0.999 < found.scores[0, 0] < 1.0


def test_a_code_that_one_member_lacks_has_the_others_score_by_their_weight(mixed: Committee, tiny_roles: Roles) -> None:
    texts = tiny_roles.validation.texts
    found, bag = mixed.predict(texts), mixed.members[0].predict(texts)
    lacking = sorted(set(mixed.labels.codes) - set(mixed.members[1].labels.codes))
    assert lacking
    columns = [mixed.labels.index[code] for code in lacking]
    expected = 0.25 * bag.over(mixed.labels).toarray()[:, columns]
    np.testing.assert_allclose(found.scores.toarray()[:, columns], expected, rtol=1e-5)
    assert found.line_scores is not None
    assert found.scores.has_canonical_format


def test_saves_and_loads_with_equal_scores(mixed: Committee, tiny_roles: Roles, tmp_path: Path) -> None:
    mixed.save(tmp_path / "model")
    loaded = saved.load(tmp_path / "model")
    assert isinstance(loaded, Committee)
    assert (loaded.names, loaded.weights, loaded.labels) == (mixed.names, mixed.weights, mixed.labels)
    assert loaded.parameters == {"bag-3": 0.25, "linear-1": 0.75}
    same(loaded.predict(tiny_roles.later.texts), mixed.predict(tiny_roles.later.texts))
    kinds = {path.suffix for path in (tmp_path / "model").rglob("*") if path.is_file()}
    assert kinds <= {".json", ".npz", ".keras", ".safetensors", ".txt"}
    with pytest.raises(FileExistsError):
        mixed.save(tmp_path / "model")


def test_it_is_put_together_from_saved_members_as_it_saves_itself(mixed: Committee, tmp_path: Path) -> None:
    mixed.save(tmp_path / "whole")
    members = []
    for number in range(2):
        members.append(read_files(tmp_path / "whole" / "members" / str(number)))
    files = committee.assemble(mixed.names, mixed.weights, members)
    assert files == read_files(tmp_path / "whole")
    assert committee.labels_of(files) == mixed.labels


def test_a_single_model_is_loaded_as_what_it_is(mixed: Committee, tmp_path: Path) -> None:
    mixed.members[1].save(tmp_path / "model")
    assert isinstance(saved.load(tmp_path / "model"), frame.Model)


def test_scores_do_not_depend_on_the_company_in_a_batch(mixed: Committee, tiny_roles: Roles) -> None:
    texts = tiny_roles.validation.texts
    whole = mixed.predict(texts).scores.toarray()
    alone = mixed.predict(texts.rows(10, 20)).scores.toarray()
    np.testing.assert_allclose(alone, whole[10:20], atol=1e-6)
