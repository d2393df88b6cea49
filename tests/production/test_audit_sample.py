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


Case = tuple[npt.NDArray[np.float64], Held, int, int]


@st.composite
def holders_of(draw: st.DrawFn) -> Case:
    n = draw(st.integers(1, 30))
    order = np.array(draw(st.permutations(range(n))))
    pairs = sorted(draw(st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, 3)), max_size=40)))
    row, code = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    held = Held(("A", "B", "C", "D"), row, code, np.zeros(len(pairs), dtype=bool))
    return order / n, held, draw(st.integers(1, 35)), draw(st.integers(0, 6))


@given(holders_of(), st.integers(0, 20))
def test_drawn_as_the_definition_says(data: Case, most: int) -> None:
    number, held, n, holders = data
    found = draw(number, held, n, holders, seed=0, most=most)
    order = np.argsort(number).tolist()
    simple = order[:n]
    pairs = list(zip(held.row.tolist(), held.code.tolist(), strict=True))
    counted = set()
    more_rows: set[int] = set()
    full, left_out = False, 0
    for code in sorted(range(4), key=lambda code: -sum(pair[1] == code for pair in pairs)):
        own = [row for row in order if (row, code) in pairs]
        wanted = {row for row in own[:holders] if row not in simple}
        full |= len(more_rows | wanted) > most
        if full:
            left_out += bool(wanted)
        else:
            more_rows |= wanted
            counted |= {(row, code) for row in wanted}
        counted |= {(row, code) for row in own if row in simple}
    assert found.left_out == left_out
    assert (~found.simple).sum() <= most
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


@given(holders_of(), st.integers(0, 20), st.integers(0, 5), st.integers(0, 5))
def test_a_larger_sample_keeps_what_a_smaller_one_counted(data: Case, most: int, wider: int, further: int) -> None:
    number, held, n, holders = data
    small = draw(number, held, n, holders, seed=0, most=most)
    large = draw(number, held, n + wider, holders, seed=0, most=most + further)
    assert set(small.rows.tolist()) <= set(large.rows.tolist())
    assert not (small.counts & ~large.counts).any()


def test_thousands_of_watched_codes_draw_no_more_than_the_simple_sample(tmp_path: Path) -> None:
    """300 codes with 2 holders each, and one with 30, which comes first."""
    rows = predictions(630)
    beside = [
        {**{name: row[name] for name in ("id", "file", "line")}, "codes_held": code, "codes_held_part2": ""}
        for row, code in zip(rows, [*(f"C{number // 2}" for number in range(600)), *["Z"] * 30], strict=True)
    ]
    write(tmp_path / "out.csv.watch.csv", beside)
    path, said = sampled(write(tmp_path / "out.csv", rows), n=50)
    key = read_key(path)
    more = [drawn for drawn in key.certificates if not drawn.simple]
    assert 49 <= len(more) <= 50  # a code's two holders are not parted
    assert (key.most, sum("Z" in drawn.held for drawn in key.certificates)) == (50, 20)
    # Codes that still want holders, but for those whose holders were drawn.
    held = [{code for drawn in part for code in drawn.held} for part in (key.certificates, more)]
    full = {code for code in held[0] if sum(code in drawn.held for drawn in key.certificates) >= 2}
    left = 301 - len(full)
    assert f"  left out, as --most is 50: {left} of 301 watched codes, those with the fewest holders" in said
    assert any(line.endswith(f"hold the words of each of {301 - left} watched codes") for line in said)
    assert len(read_key(sampled(tmp_path / "out.csv", "all.csv", n=50, most=10_000)[0]).certificates) == 600 + 20
    assert all(drawn.simple for drawn in read_key(sampled(tmp_path / "out.csv", "no.csv", 50, most=0)[0]).certificates)


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
    assert key.most == 100
    assert not any("left out" in line for line in said)
    assert said[0].startswith(f"{len(rows)} of 600 certificates for a second coder")
    assert said[1] == "  100 as a simple random sample"
    assert not any(CANARY in line for line in said)


def test_the_place_in_the_file_tells_nothing() -> None:
    """Over many seeds the simple sample stands as often first as its share is."""
    number = np.arange(40) / 40
    held = Held(("A",), np.arange(40), np.zeros(40, dtype=np.int64), np.zeros(40, dtype=bool))
    places = np.array([draw(number, held, 10, 20, seed, 10).simple for seed in range(2_000)])
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
    assert None not in read_codes(path, read_key(path)).codes


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
    ("options", "message"),
    [({"n": 0}, "-n must be at least 1"), ({"holders": -1}, "--holders must not"), ({"most": -1}, "--most must not")],
)
def test_numbers_out_of_range_are_refused(batch: Path, options: Row, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        sampled(batch, **options)
