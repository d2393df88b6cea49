from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from certificates import read_by_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.config import ROLES
from harness.corpus import store
from harness.corpus.builder import Builder, RawLine, ReadResult
from harness.corpus.certificate import Corpus, strings
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import Slice, Store, build, keep_knowledge, knowledge_folder, open_store, with_lines
from harness.corpus.years import OUTSIDE, Roles

text = st.sampled_from(["", "flu", "é\nx", "心筋梗塞", "a" * 300])
codes = st.lists(st.sampled_from("ABCDE"), unique=True, max_size=3)
Certificate = tuple[int, int, list[tuple[str, list[str]]], str | None]  # role, year, lines, age
certificates: st.SearchStrategy[list[Certificate]] = st.lists(
    st.tuples(
        st.integers(OUTSIDE, 3),
        st.integers(2010, 2015),
        st.lists(st.tuples(text, codes), max_size=3),
        st.none() | st.sampled_from(["0", "70"]),
    ),
    max_size=12,
)


def read(given: list[Certificate], *, by_line: bool, rich: bool = False) -> ReadResult:
    builder = Builder(
        files=("a.csv",),
        codes_by_line=by_line,
        has_standard=rich and by_line,
        has_intervals=rich,
        has_clusters=rich,
        covariates=("age",) if rich else (),
    )
    for number, (_, year, lines, age) in enumerate(given):
        raw = [
            RawLine(text, 1 + k % 2, f"{k} d" if k else None, codes, [f"std {code}" if k else None for code in codes])
            for k, (text, codes) in enumerate(lines)
        ]
        together = list(dict.fromkeys(code for _, codes in lines for code in codes))
        builder.add(
            f"id{number}",
            year,
            raw,
            place=(0, number),
            codes=() if by_line else together,
            cluster=None if number % 3 == 0 else f"office {number % 3}",
            covariates={"age": age},
        )
    return builder.finish()


def roles(given: list[Certificate]) -> Roles:
    role = np.array([role for role, *_ in given], dtype=np.int8)
    return Roles(role, int((role == OUTSIDE).sum()))


def same(a: Corpus, b: Corpus) -> None:
    one, other = a.texts, b.texts
    assert one.ids.to_pylist() == other.ids.to_pylist()
    assert one.lines.to_pylist() == other.lines.to_pylist()
    for name in ("years", "first_line", "parts"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
    assert (one.intervals is None) == (other.intervals is None)
    if one.intervals is not None and other.intervals is not None:
        assert one.intervals.to_pylist() == other.intervals.to_pylist()
    assert {name: column.to_pylist() for name, column in one.covariates.items()} == {
        name: column.to_pylist() for name, column in other.covariates.items()
    }
    assert (a.clusters is None) == (b.clusters is None)
    if a.clusters is not None and b.clusters is not None:
        assert a.clusters.to_pylist() == b.clusters.to_pylist()
    assert a.labels == b.labels
    assert a.codes.toarray().tolist() == b.codes.toarray().tolist()
    assert (a.by_line is None) == (b.by_line is None)
    if a.by_line is not None and b.by_line is not None:
        assert a.by_line.first_code.tolist() == b.by_line.first_code.tolist()
        assert a.by_line.columns.tolist() == b.by_line.columns.tolist()
        assert (a.by_line.standard is None) == (b.by_line.standard is None)
        if a.by_line.standard is not None and b.by_line.standard is not None:
            assert a.by_line.standard.to_pylist() == b.by_line.standard.to_pylist()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(certificates, st.booleans(), st.booleans())
def test_keeps_what_it_was_given_sorted_by_role_and_year(
    tmp_path_factory: pytest.TempPathFactory, given: list[Certificate], by_line: bool, rich: bool
) -> None:
    found = read(given, by_line=by_line, rich=rich)
    built = build(found, roles(given), tmp_path_factory.mktemp("store"))
    order = sorted(
        (row for row in range(len(given)) if given[row][0] != OUTSIDE), key=lambda row: (given[row][:2], row)
    )
    assert built.by_line == by_line
    whole = built.corpus(Slice(0, len(order)))
    same(whole, found.corpus.take(np.array(order, dtype=np.int64)))
    assert built.source_rows(Slice(0, len(order))).tolist() == order
    assert set(built.roles) == {ROLES[role] for role, *_ in given if role != OUTSIDE}
    for position, name in enumerate(ROLES):
        own = [row for row in order if given[row][0] == position]
        if own:
            assert built.source_rows(built.roles[name]).tolist() == own
            assert sorted(built.years[name]) == sorted({given[row][1] for row in own})
        for year, rows in built.years.get(name, {}).items():
            assert built.source_rows(rows).tolist() == [row for row in own if given[row][1] == year]
            assert set(built.corpus(rows).texts.years.tolist()) == {year}


PLAIN: list[Certificate] = [
    (0, 2012, [("flu", ["A"]), ("cough", [])], "70"),
    (1, 2013, [("fall", ["B", "A"])], None),
    (0, 2011, [("flu", ["A"])], "1"),
]


@pytest.fixture(params=[True, False], ids=["by line", "by certificate"])
def by_line(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_the_same_certificates_have_the_same_store(tmp_path: Path, by_line: bool) -> None:
    first = build(read(PLAIN, by_line=by_line, rich=True), roles(PLAIN), tmp_path)
    written = {path: path.stat().st_mtime_ns for path in first.path.iterdir()}
    second = build(read(PLAIN, by_line=by_line, rich=True), roles(PLAIN), tmp_path)
    elsewhere = build(read(PLAIN, by_line=by_line, rich=True), roles(PLAIN), tmp_path / "elsewhere")
    assert first == second == open_store(first.path)
    assert elsewhere.fingerprint == first.fingerprint == first.path.name
    assert {path: path.stat().st_mtime_ns for path in second.path.iterdir()} == written  # reused, not written again
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([first.path.name, "elsewhere"])  # nothing left


def test_whatever_differs_gives_another_fingerprint(tmp_path: Path, by_line: bool) -> None:
    changes: list[list[Certificate]] = [
        PLAIN,
        [(0, 2012, [("flu!", ["A"]), ("cough", [])], "70"), *PLAIN[1:]],  # a text
        [(0, 2012, [("flu", ["B"]), ("cough", [])], "70"), *PLAIN[1:]],  # a code
        [(0, 2012, [("flu", ["A"]), ("cough", [])], "71"), *PLAIN[1:]],  # a covariate
        [(0, 2010, [("flu", ["A"]), ("cough", [])], "70"), *PLAIN[1:]],  # a year
        [(2, 2012, [("flu", ["A"]), ("cough", [])], "70"), *PLAIN[1:]],  # a role
        [(0, 2012, [("flu", ["A"])], "70"), *PLAIN[1:]],  # a line
        [*PLAIN[1:]],
    ]
    found = {build(read(given, by_line=by_line, rich=True), roles(given), tmp_path).fingerprint for given in changes}
    assert len(found) == len(changes)


def test_clusters_are_part_of_a_fingerprint_where_there_are_any(tmp_path: Path) -> None:
    found = read(PLAIN, by_line=True)
    named = dataclasses.replace(
        found, corpus=dataclasses.replace(found.corpus, clusters=strings(["north", None, "south"]))
    )
    plain = build(found, roles(PLAIN), tmp_path)
    with pa.ipc.open_file(plain.path / "certificates.arrow") as table:
        assert table.schema.names == ["id", "year", "source_row", "line_end"]  # so its fingerprint is what it ever was
    assert build(named, roles(PLAIN), tmp_path).fingerprint != plain.fingerprint


def big(tmp_path: Path) -> Store:
    found = read_by_line(*((2010 + number % 5, [("x" * 2000, ["A", "B"])]) for number in range(2000)))
    role = np.where(found.corpus.texts.years < 2014, 0, 3).astype(np.int8)
    return build(found, Roles(role, 0), tmp_path)


def test_texts_are_mapped_and_not_copied(tmp_path: Path) -> None:
    built = big(tmp_path)
    before = pa.total_allocated_bytes()
    corpus = built.corpus(built.roles["train"])
    assert pa.total_allocated_bytes() - before < 100_000  # of 4,000,000
    assert corpus.texts.lines[7].as_py() == "x" * 2000
    assert not corpus.texts.years.flags.writeable
    assert not corpus.texts.years.flags.owndata
    again = built.corpus(built.roles["train"])  # a second opening finds the same pages
    same(corpus.rows(0, 3), again.rows(0, 3))
    assert pa.total_allocated_bytes() - before < 200_000


def test_only_what_is_asked_for_can_be_seen(tmp_path: Path) -> None:
    built = big(tmp_path)
    corpus = built.corpus(built.years["train"][2010], built.years["train"][2011])
    assert len(corpus) == len(corpus.texts.ids) == corpus.codes.shape[0] == 800
    assert set(corpus.texts.years.tolist()) == {2010, 2011}
    with pytest.raises(ValueError, match="follow one another"):
        built.corpus(built.years["train"][2010], built.years["train"][2012])
    with pytest.raises(ValueError, match="follow one another"):
        built.corpus(built.years["train"][2011], built.years["train"][2010])


def test_a_store_outlives_its_reader_and_a_move(tmp_path: Path) -> None:
    built = build(read(PLAIN, by_line=True), roles(PLAIN), tmp_path / "here")
    moved = built.path.rename(tmp_path / built.path.name)
    same(open_store(moved).corpus(Slice(0, 3)), read(PLAIN, by_line=True).corpus.take(np.array([2, 0, 1])))


def test_a_build_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.corpus.store._digest", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build(read(PLAIN, by_line=True), roles(PLAIN), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_roles_that_a_reader_does_not_know_are_no_matter(tmp_path: Path) -> None:
    found = dataclasses.replace(read(PLAIN, by_line=True), roles=None)
    built = build(found, Roles(np.full(3, OUTSIDE, dtype=np.int8), 3), tmp_path)
    assert (built.roles, built.years) == ({}, {})
    assert len(built.corpus(Slice(0, 0))) == 0


def test_two_processes_that_build_the_same_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one is done after ours was written, and before it took its name."""
    elsewhere = build(read(PLAIN, by_line=True), roles(PLAIN), tmp_path / "elsewhere")
    digest = store._digest

    def slow(path: Path) -> bytes:
        (tmp_path / "home").mkdir(exist_ok=True)
        if not (tmp_path / "home" / elsewhere.path.name).exists():
            shutil.copytree(elsewhere.path, tmp_path / "home" / elsewhere.path.name)
        return digest(path)

    monkeypatch.setattr(store, "_digest", slow)
    built = build(read(PLAIN, by_line=True), roles(PLAIN), tmp_path / "home")
    assert [path.name for path in (tmp_path / "home").iterdir()] == [elsewhere.path.name]
    same(built.corpus(Slice(0, 3)), elsewhere.corpus(Slice(0, 3)))


def test_knowledge_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    knowledge = Knowledge(language="fr")
    folder = Path(keep_knowledge(knowledge, tmp_path / "home"))
    assert folder == tmp_path / "home" / knowledge_folder(knowledge.fingerprint)
    assert Knowledge.load(folder) == knowledge
    monkeypatch.setattr(Knowledge, "save", lambda *_: pytest.fail("it is there already"))
    assert Path(keep_knowledge(knowledge, tmp_path / "home")) == folder
    assert list((tmp_path / "home").iterdir()) == [folder]


def test_nothing_known_is_no_folder(tmp_path: Path) -> None:
    assert keep_knowledge(Knowledge(), tmp_path / "home") == ""
    assert not (tmp_path / "home").exists()


def test_the_same_certificates_with_other_lines(tmp_path: Path) -> None:
    corpus = read_by_line((2012, [("flu", ["A"]), ("fall", ["B", "A"])]), (2013, [("", [])]), (2014, [("flu", ["A"])]))
    first = build(corpus, Roles(np.array([0, 0, 1], dtype=np.int8), 0), tmp_path)
    lines = strings(["Influenza", "Fall", "", "Influenza"])
    found = with_lines(first, lines)
    rows = (first.roles["train"], first.roles["validation"])
    assert found.corpus(*rows).texts.lines.equals(lines)
    assert first.corpus(*rows).texts.lines.to_pylist() == ["flu", "fall", "", "flu"]
    for name in ("certificates.arrow", "codes.arrow", "store.json"):
        assert (found.path / name).read_bytes() == (first.path / name).read_bytes()
    assert (found.roles, found.years, found.by_line) == (first.roles, first.years, first.by_line)
    np.testing.assert_array_equal(found.corpus(*rows).codes.toarray(), first.corpus(*rows).codes.toarray())
    assert found.fingerprint != first.fingerprint
    assert with_lines(first, lines).path == found.path
    with pytest.raises(ValueError, match="for each line"):
        with_lines(first, lines[1:])
