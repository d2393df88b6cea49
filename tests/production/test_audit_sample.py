from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from audited_office import (
    WATCHED,
    Row,
    as_predicted,
    fill,
    predictions,
    read,
    sampled,
    watched,
    write,
    write_batch,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, pearsonr
from small_office import CANARY

from harness.errors import CorpusError
from harness.production.audit_sample import Held, draw, numbers, read_held, read_predictions, sample_file
from harness.production.auditing import HEADER, key_path, read_codes, read_key


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    return write_batch(tmp_path)


def files_of(*names: str) -> pa.DictionaryArray:
    return pa.array(names, pa.large_string()).dictionary_encode()


def test_numbers_are_uniform_and_a_seed_makes_others() -> None:
    lines = np.arange(2, 20_002)
    files = files_of(*["a.csv"] * 10_000, *["b.csv"] * 10_000)
    drawn = [numbers(files, lines % 10_000, seed) for seed in (0, 1)]
    for found in drawn:
        assert kstest(found, "uniform").pvalue > 0.01
        assert abs(pearsonr(found[1:], found[:-1]).statistic) < 0.03
        assert len(np.unique(found)) == len(found)
        assert 0 <= found.min() < found.max() < 1
    assert abs(pearsonr(*drawn).statistic) < 0.03
    assert abs(pearsonr(drawn[0][:10_000], drawn[0][10_000:]).statistic) < 0.03


def test_a_number_is_a_matter_of_seed_file_and_line_alone() -> None:
    many = numbers(files_of("b.csv", "a.csv", "b.csv"), np.array([7, 7, 2]), 3)
    assert numbers(files_of("a.csv"), np.array([7]), 3)[0] == many[1]
    assert numbers(files_of("b.csv"), np.array([2]), 3)[0] == many[2]
    assert many[0] != many[1]
    # A later version must draw the same certificates again, so that a sample can be extended: SplitMix64 in plain numbers.
    wide = 2**64
    x = (int.from_bytes(hashlib.sha256(b"3\na.csv").digest()[:8], "big") + 7 * 0x9E3779B97F4A7C15) % wide
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % wide
    x = (x ^ x >> 27) * 0x94D049BB133111EB % wide
    assert many[1] == ((x ^ x >> 31) >> 11) / 2**53


# what is drawn


@st.composite
def holders_of(draw: st.DrawFn) -> tuple[npt.NDArray[np.float64], Held, int, int]:
    n = draw(st.integers(1, 30))
    order = np.array(draw(st.permutations(range(n))))
    pairs = sorted(draw(st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, 3)), max_size=40)))
    row, code = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    held = Held(("A", "B", "C", "D"), row, code, np.zeros(len(pairs), dtype=bool))
    return order / n, held, draw(st.integers(1, 35)), draw(st.integers(0, 6))


@given(holders_of())
def test_drawn_as_the_definition_says(data: tuple[npt.NDArray[np.float64], Held, int, int]) -> None:
    number, held, n, holders = data
    found = draw(number, held, n, holders, seed=0)
    order = np.argsort(number).tolist()
    simple = order[:n]
    pairs = list(zip(held.row.tolist(), held.code.tolist(), strict=True))
    counted = set()
    for code in range(4):
        own = [row for row in order if (row, code) in pairs]
        counted |= {(row, code) for row in own[:holders]} | {(row, code) for row in own if row in simple}
    assert {pair for pair, counts in zip(pairs, found.counts.tolist(), strict=True) if counts} == counted
    assert sorted(found.rows.tolist()) == sorted({*simple, *(row for row, _ in counted)})
    assert found.rows[found.simple].tolist() == simple  # in the order of their numbers
    more = found.rows[~found.simple]
    assert number[more].tolist() == sorted(number[more].tolist())


def test_a_larger_sample_extends_a_smaller_one(batch: Path) -> None:
    small, large = (read_key(sampled(batch, f"{n}.csv", n)[0]) for n in (50, 200))
    ids = [[drawn.id for drawn in key.certificates if drawn.simple] for key in (small, large)]
    assert len(ids[0]) == 50
    assert ids[1][:50] == ids[0]
    assert read_key(sampled(batch, "again.csv", 50)[0]) == small
    assert {drawn.id for drawn in read_key(sampled(batch, "other.csv", 50, seed=1)[0]).certificates} != set(ids[0])


def test_the_coders_file_is_blind(batch: Path) -> None:
    path, said = sampled(batch)
    rows, key = read(path), read_key(path)
    assert path.read_text(encoding="utf-8").splitlines()[0] == ",".join(HEADER) == "id,file,line,codes"
    assert {row["codes"] for row in rows} == {""}
    assert [(row["id"], row["file"], int(row["line"])) for row in rows] == [
        (drawn.id, drawn.file, drawn.line) for drawn in key.certificates
    ]
    by_id = {row["id"]: row for row in read(batch)}
    for drawn in key.certificates:
        row = by_id[drawn.id]
        assert (";".join(drawn.codes), drawn.confidence) == (row["codes"], row["confidence"])
        assert drawn.automatic == (row["decision"] == "automatic")
    assert (key.predictions, key.n, key.seed, key.holders, key.bundle) == ("out.csv", 100, 0, 20, None)
    assert said[0].startswith(f"{len(rows)} of 600 certificates for a second coder")
    assert said[1] == "  100 as a simple random sample"
    assert not any(CANARY in line for line in said)


def test_the_place_in_the_file_tells_nothing() -> None:
    """Over many seeds the simple sample stands as often first as its share is."""
    number = np.arange(40) / 40
    held = Held(("A",), np.arange(40), np.zeros(40, dtype=np.int64), np.zeros(40, dtype=bool))
    places = np.array([draw(number, held, 10, 20, seed).simple for seed in range(2_000)])
    assert places.shape == (2_000, 20)
    assert np.abs(places.mean(axis=0) - 0.5).max() < 0.05


def test_holders_reach_twenty_with_those_of_the_simple_sample(batch: Path) -> None:
    path, said = sampled(batch)
    key = read_key(path)
    for code, all_holders in zip(WATCHED, (60, 24), strict=True):
        counting = [drawn for drawn in key.certificates if code in drawn.held]
        assert len(counting) == max(20, sum(drawn.simple for drawn in counting)) <= all_holders
    for drawn in key.certificates:
        number = int(drawn.id.split("-")[1])
        assert drawn.simple or drawn.held
        assert drawn.held_part2 == (("I50",) if number % 40 == 0 and "I50" in drawn.held else ())
        if drawn.simple:
            assert drawn.held == tuple(code for code, each in zip(WATCHED, (10, 25), strict=True) if number % each == 0)
    assert any("hold the words of each of 2 watched codes" in line for line in said)
    assert all(drawn.simple for drawn in read_key(sampled(batch, "none.csv", holders=0)[0]).certificates)


def test_without_the_file_of_watched_codes_the_simple_sample_stands_alone(tmp_path: Path) -> None:
    path, said = sampled(write(tmp_path / "out.csv", predictions(50)), n=80)
    assert [drawn.simple for drawn in read_key(path).certificates] == [True] * 50
    assert "  50 as a simple random sample: there are no more" in said
    assert any("out.csv.watch.csv, which harness predict writes, is not there" in line for line in said)


def test_ids_with_separators_come_through(tmp_path: Path) -> None:
    rows = predictions(3)
    rows[1] |= {"id": 'a,"b"\nc;é'}
    path, _ = sampled(write(tmp_path / "out.csv", rows))
    fill(path, as_predicted)
    assert 'a,"b"\nc;é' in {row["id"] for row in read(path)}
    assert None not in read_codes(path, read_key(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[3].update(decision="maybe"), "decision must be one of automatic, person, but another"),
        (lambda rows: rows[3].update(line="x"), "line must hold whole numbers, but another value stands in out.csv"),
        (lambda rows: rows[3].update(confidence="x"), "confidence must hold numbers"),
        (lambda rows: rows[3].update({k: rows[4][k] for k in ("file", "line")}), "out.csv repeats a file and line"),
        (
            lambda rows: [row.pop("decision") for row in rows],
            "PREDICTIONS must be a CSV file with the columns id, file",
        ),
        (lambda rows: rows.clear(), "PREDICTIONS must have certificates to draw from, but out.csv has none"),
    ],
)
def test_predictions_that_are_none_are_refused(
    tmp_path: Path, change: Callable[[list[Row]], Any], message: str
) -> None:
    rows = predictions(9)
    header = list(rows[0])
    change(rows)
    path = write(tmp_path / "out.csv", rows, list(rows[0]) if rows else header)
    with pytest.raises(CorpusError, match=message) as caught:
        sampled(path)
    assert CANARY not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]


def test_watched_codes_of_other_predictions_are_refused(batch: Path) -> None:
    beside = batch.with_name("out.csv.watch.csv")
    for change in ({"line": "999"}, {"id": "other"}, {"file": "c.csv"}):
        rows = read(beside)
        rows[2] |= change
        write(beside, rows)
        with pytest.raises(CorpusError, match=r"out.csv.watch.csv must be of the same certificates as PREDICTIONS"):
            sampled(batch)
        write(beside, watched(predictions()))
    held = read_held(beside, read_predictions(batch))
    assert (len(held.row), int(held.part2.sum())) == (60 + 24, 15)


def test_nothing_that_a_coder_may_have_filled_is_replaced(batch: Path) -> None:
    path, _ = sampled(batch)
    before = path.read_bytes()
    with pytest.raises(CorpusError, match="-o must name a new file, as a sample may hold a coder's work"):
        sampled(batch, n=10)
    path.unlink()
    with pytest.raises(CorpusError, match=r"-o must name a new file.*key.json is there"):
        sampled(batch, n=10)
    key_path(path).unlink()
    assert sampled(batch)[0].read_bytes() == before
    with pytest.raises(CorpusError, match="-o must name a new file"):
        sample_file(batch, batch, 5, print)
    with pytest.raises(CorpusError, match="-o must name a file that can be written"):
        sample_file(batch, batch / "x.csv", 5, print)


@pytest.mark.parametrize(
    ("options", "message"), [({"n": 0}, "-n must be at least 1"), ({"holders": -1}, "--holders must not")]
)
def test_numbers_out_of_range_are_refused(batch: Path, options: Row, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        sampled(batch, **options)
