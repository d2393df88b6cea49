from __future__ import annotations

import pytest

from harness.corpus import builder as module
from harness.corpus.builder import Builder, RawLine, StringColumn


def test_no_certificate_at_all() -> None:
    for by_line in (True, False):
        read = Builder(
            files=(), codes_by_line=by_line, has_standard=True, has_intervals=True, has_roles=True, covariates=("age",)
        ).finish()
        assert len(read.corpus) == 0
        assert read.corpus.codes.shape == (0, 0)
        assert read.corpus.texts.whole().to_pylist() == []
        assert (len(read.file), len(read.line)) == (0, 0)
        assert read.roles is not None
        assert len(read.roles) == 0
        assert (read.corpus.by_line is not None) == by_line


def test_certificates_without_codes_or_lines_are_kept() -> None:
    builder = Builder(files=("a",), codes_by_line=False)
    builder.add("1", 2000, [], place=(0, 2))
    builder.add("2", 2001, [RawLine("flu")], place=(0, 3), codes=["B", "A", "B"])
    builder.add("3", 2002, [RawLine("x", 2), RawLine("y")], place=(0, 4))
    corpus = builder.finish().corpus
    assert corpus.texts.ids.to_pylist() == ["1", "2", "3"]
    assert corpus.texts.first_line.tolist() == [0, 0, 1, 3]
    assert corpus.texts.parts.tolist() == [1, 2, 1]
    assert corpus.labels.codes == ("A", "B")
    assert corpus.codes.toarray().tolist() == [[0, 0], [1, 1], [0, 0]]


def test_labels_are_sorted_whatever_came_first() -> None:
    found = []
    for order in ("ZAM", "MZA"):
        builder = Builder(files=("a",), codes_by_line=False)
        for number, code in enumerate(order):
            builder.add(str(number), 2000, [], place=(0, number), codes=[code])
        corpus = builder.finish().corpus
        found.append([corpus.labels.codes[column] for column in corpus.codes.indices])
        assert corpus.labels.codes == ("A", "M", "Z")
    assert found == [list("ZAM"), list("MZA")]


def test_places_roles_and_covariates_stand_by_their_certificate() -> None:
    builder = Builder(files=("a", "b"), codes_by_line=False, has_roles=True, covariates=("age",))
    builder.add("1", 2000, [], place=(0, 7), role="train", covariates={"age": "70"})
    builder.add("2", 2000, [], place=(1, 2**40), role="", covariates={"age": None})
    builder.add("3", 2000, [], place=(1, 3), role="heldout")
    read = builder.finish()
    assert (read.file.tolist(), read.line.tolist()) == ([0, 1, 1], [7, 2**40, 3])
    assert read.roles is not None
    assert read.roles.to_pylist() == ["train", "", "heldout"]
    assert read.corpus.texts.covariates["age"].to_pylist() == ["70", None, None]


def test_clusters_stand_by_their_certificate_and_not_among_its_texts() -> None:
    builder = Builder(files=("a",), codes_by_line=False, has_clusters=True, covariates=("age",))
    builder.add("1", 2000, [RawLine("x")], place=(0, 2), cluster="north", covariates={"age": "70"})
    builder.add("2", 2000, [], place=(0, 3))
    corpus = builder.finish().corpus
    assert corpus.clusters is not None
    assert corpus.clusters.to_pylist() == ["north", None]
    assert list(corpus.texts.covariates) == ["age"]
    plain = Builder(files=("a",), codes_by_line=False)
    plain.add("1", 2000, [], place=(0, 2), cluster="north")
    assert plain.finish().corpus.clusters is None


def test_columns_grow_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 3)
    for n in (0, 2, 3, 7):
        column = StringColumn()
        for number in range(n):
            column.append(str(number) if number % 2 else None)
        assert column.finish().to_pylist() == [str(number) if number % 2 else None for number in range(n)]
