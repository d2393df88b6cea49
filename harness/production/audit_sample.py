"""Draw certificates for a second coder: a simple random sample, and for watched codes the next holders of their words.

Each certificate has one uniform number, which depends on the seed, its file and its line alone. The simple sample are
the n smallest numbers, so a larger sample extends a smaller one; and a code's next holders are those with the smallest
numbers, so that these are a random sample of its holders. Where thousands of codes are watched, those with the most
holders come first: fewer have to be drawn for them, and a change of their practice shows the soonest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from harness.corpus.certificate import BoolArray, strings
from harness.errors import CorpusError
from harness.files import read_json
from harness.production.auditing import Drawn, Key, key_path, write_sample

HOLDERS = 20  # certificates that hold a watched code's words, those of the simple sample included
_PLACE = ("id", "file", "line")
_PREDICTED = (*_PLACE, "codes", "confidence", "decision")
_WATCHED = (*_PLACE, "codes_held", "codes_held_part2")
_DECISIONS = ("automatic", "person")
_STEP = np.uint64(0x9E3779B97F4A7C15)  # of SplitMix64

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Predicted:
    """The rows of a file of predictions, as strings but for line and decision; (n,) each."""

    ids: pa.Array
    files: pa.DictionaryArray
    lines: Int64Array
    codes: pa.Array
    confidence: pa.Array
    automatic: BoolArray

    def __len__(self) -> int:
        return len(self.lines)


@dataclass(frozen=True, slots=True)
class Held:
    """Which certificates hold which watched codes' words: one entry a pair.

    Attributes
    ----------
    row : (n_pairs,) of the predictions
    code : (n_pairs,) column of ``names``
    part2 : (n_pairs,) whether they stand in part II only
    """

    names: tuple[str, ...]
    row: Int64Array
    code: Int64Array
    part2: BoolArray

    @classmethod
    def nothing(cls) -> Held:
        none = np.zeros(0, dtype=np.int64)
        return cls((), none, none, np.zeros(0, dtype=bool))


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was drawn.

    Attributes
    ----------
    rows : (n_drawn,) of the predictions, in the order of the coder's file
    simple : (n_drawn,) whether each belongs to the simple random sample
    counts : (n_pairs,) of ``Held``: whether the certificate counts for the code
    left_out : codes for whose words none were drawn, as there would have been too many
    """

    rows: Int64Array
    simple: BoolArray
    counts: BoolArray
    left_out: int


def sample_file(
    predictions: Path,
    out: Path,
    n: int,
    say: Callable[[str], None],
    *,
    seed: int = 0,
    holders: int = HOLDERS,
    most: int | None = None,
) -> None:
    """Draw from what ``harness predict`` wrote, and write the blind file ``out`` and its key ``OUT.key.json``.

    Parameters
    ----------
    most : certificates drawn for the words that they hold, beside the simple sample; by default ``n``

    Raises
    ------
    CorpusError
        ``predictions`` is none, ``out`` is there already or cannot be written, or a number is out of range.
    """
    if n < 1:
        raise CorpusError(f"-n must be at least 1, but got {n}")
    if holders < 0:
        raise CorpusError(f"--holders must not be negative, but got {holders}")
    most = n if most is None else most
    if most < 0:
        raise CorpusError(f"--most must not be negative, but got {most}")
    predicted = read_predictions(predictions)
    if not len(predicted):
        raise CorpusError(f"PREDICTIONS must have certificates to draw from, but {predictions.name} has none")
    watch, origin = (predictions.with_name(f"{predictions.name}.{part}") for part in ("watch.csv", "bundle.json"))
    held = read_held(watch, predicted) if watch.exists() else Held.nothing()
    number = numbers(predicted.files, predicted.lines, seed)
    chosen = draw(number, held, n, holders, seed, most)
    key = Key(
        predictions=predictions.name,
        sha256=_hash(predictions),
        bundle=_manifest(origin) if origin.exists() else None,
        n=n,
        seed=seed,
        holders=holders,
        most=most,
        certificates=_drawn(predicted, held, number, chosen),
    )
    write_sample(out, key)
    simple = int(chosen.simple.sum())
    say(f"{len(key.certificates):,} of {len(predicted):,} certificates for a second coder, in random order: {out}")
    say(f"  {simple:,} as a simple random sample{'' if simple == n else ': there are no more'}")
    if watch.exists():
        more = len(key.certificates) - simple
        reached = len(held.names) - chosen.left_out
        say(f"  {more:,} more, so that up to {holders} hold the words of each of {reached:,} watched codes")
        if chosen.left_out:
            of = f"{chosen.left_out:,} of {len(held.names):,} watched codes"
            say(f"  left out, as --most is {most:,}: {of}, those with the fewest holders")
    else:
        say(f"  none for the words of watched codes: {watch.name}, which harness predict writes, is not there")
    say(f"the coder fills the column codes, with ; between codes and - for none; {key_path(out).name} is not shown")


def numbers(files: pa.DictionaryArray, lines: Int64Array, seed: int) -> Float64Array:
    """A uniform number in [0, 1) of each certificate, by its file and line; (n,).

    References
    ----------
    Steele, Lea, Flood. Fast Splittable Pseudorandom Number Generators. OOPSLA 2014.
    """
    salts = [hashlib.sha256(f"{seed}\n{name}".encode()).digest()[:8] for name in files.dictionary.to_pylist()]
    start = np.array([int.from_bytes(salt, "big") for salt in salts], dtype=np.uint64)
    x = start[files.indices.to_numpy(zero_copy_only=False)] + lines.astype(np.uint64) * _STEP
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    found: Float64Array = (x >> np.uint64(11)) * 2.0**-53
    return found


def draw(number: Float64Array, held: Held, n: int, holders: int, seed: int, most: int) -> Chosen:
    """The ``n`` smallest numbers, and of each code's holders as many more as make ``holders`` of them, ``most`` in all.

    Codes with the most holders come first, until the next one's would be too many; no code's are drawn in part.

    A certificate that was drawn for one code does not count for another whose words it holds as well: only the first
    holders by number are a random sample of a code's holders.
    """
    order = np.argsort(number, kind="stable")
    simple = np.zeros(len(number), dtype=bool)
    simple[order[:n]] = True
    place = np.lexsort((number[held.row], held.code))
    first = np.searchsorted(held.code[place], np.arange(len(held.names)))
    rank = np.empty(len(place), dtype=np.int64)
    rank[place] = np.arange(len(place)) - first[held.code[place]]
    wanted = ~simple[held.row] & (rank < holders)
    reached = _reached(held, wanted, most)
    counts = simple[held.row] | (wanted & reached[held.code])
    more = np.zeros(len(number), dtype=bool)
    more[held.row[counts]] = True
    more &= ~simple
    # Both parts keep the order of their numbers and are mixed at random: the place in the file tells neither, and who
    # codes it from the top codes the simple sample in the order in which a larger one would extend it.
    mixed: BoolArray = np.arange(simple.sum() + more.sum()) < simple.sum()
    np.random.default_rng(seed).shuffle(mixed)
    rows = np.empty(len(mixed), dtype=np.int64)
    rows[mixed], rows[~mixed] = order[simple[order]], order[more[order]]
    return Chosen(rows, mixed, counts, int((~reached).sum()))


def _reached(held: Held, wanted: BoolArray, most: int) -> BoolArray:
    """Which codes all get the certificates that they want, if those with the most holders come first; (n_codes,)."""
    n_codes = len(held.names)
    turn = np.empty(n_codes, dtype=np.int64)
    turn[np.argsort(-np.bincount(held.code, minlength=n_codes), kind="stable")] = np.arange(n_codes)
    turns, rows = turn[held.code[wanted]], held.row[wanted]
    order = np.argsort(turns, kind="stable")
    _, first = np.unique(
        rows[order], return_index=True
    )  # a certificate is drawn once, for the first code that wants it
    drawn = np.cumsum(np.bincount(turns[order][first], minlength=n_codes))
    wants = np.bincount(held.code[wanted], minlength=n_codes) > 0
    reached: BoolArray = (drawn[turn] <= most) | ~wants
    return reached


def read_predictions(path: Path) -> Predicted:
    """Read the file that ``harness predict`` wrote.

    Raises
    ------
    CorpusError
        It cannot be read, lacks a column, or a cell is not as predict writes it.
    """
    table = _read(path, _PREDICTED, "PREDICTIONS")
    lines, decision = _lines(table, path), table["decision"]
    automatic = np.asarray(pc.equal(decision, "automatic"))
    if not np.asarray(pc.is_in(decision, value_set=strings(_DECISIONS))).all():
        raise CorpusError(f"decision must be one of {', '.join(_DECISIONS)}, but another stands in {path.name}")
    found = Predicted(
        table["id"], table["file"].dictionary_encode(), lines, table["codes"], table["confidence"], automatic
    )
    try:
        pc.cast(found.confidence, pa.float64())
    except pa.ArrowInvalid:
        raise CorpusError(f"confidence must hold numbers, but another value stands in {path.name}") from None
    keys = np.sort(_keys(found.files, lines))
    if (keys[1:] == keys[:-1]).any():
        raise CorpusError(f"PREDICTIONS must hold each certificate once, but {path.name} repeats a file and line")
    return found


def read_held(path: Path, predicted: Predicted) -> Held:
    """Which certificates hold which codes' words, from the file that ``harness predict`` wrote beside its predictions.

    Raises
    ------
    CorpusError
        It cannot be read, or is of other predictions.
    """
    table = _read(path, _WATCHED, "the file of watched codes")
    index = pc.index_in(table["file"], value_set=predicted.files.dictionary).fill_null(-1)
    lines = _lines(table, path)
    keys = _keys(predicted.files, predicted.lines)
    order = np.argsort(keys)
    wanted = _pair(index.to_numpy(zero_copy_only=False), lines)
    place = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    row = order[place]
    if not (np.array_equal(keys[row], wanted) and predicted.ids.take(pa.array(row)).equals(table["id"])):
        raise CorpusError(f"{path.name} must be of the same certificates as PREDICTIONS, but names another")
    of, code = _split(table["codes_held"])
    of_part2, part2 = _split(table["codes_held_part2"])
    names = sorted({*code.unique().to_pylist(), *part2.unique().to_pylist()})
    columns, columns_part2 = (
        pc.index_in(values, value_set=strings(names)).to_numpy(zero_copy_only=False).astype(np.int64)
        for values in (code, part2)
    )
    only = np.isin(of * max(1, len(names)) + columns, of_part2 * max(1, len(names)) + columns_part2)
    return Held(tuple(names), row[of], columns, only)


def _drawn(predicted: Predicted, held: Held, number: Float64Array, chosen: Chosen) -> tuple[Drawn, ...]:
    place = np.full(len(predicted), -1, dtype=np.int64)
    place[chosen.rows] = np.arange(len(chosen.rows))
    holds: list[list[str]] = [[] for _ in chosen.rows]
    in_part2: list[list[str]] = [[] for _ in chosen.rows]
    for pair in np.flatnonzero(chosen.counts).tolist():
        row, name = int(place[held.row[pair]]), held.names[held.code[pair]]
        holds[row].append(name)
        if held.part2[pair]:
            in_part2[row].append(name)
    rows = pa.array(chosen.rows)
    columns = [column.take(rows).to_pylist() for column in (predicted.ids, predicted.codes, predicted.confidence)]
    files = predicted.files.take(rows).to_pylist()
    return tuple(
        Drawn(
            id=id,
            file=files[at],
            line=int(predicted.lines[row]),
            number=float(number[row]),
            simple=bool(chosen.simple[at]),
            automatic=bool(predicted.automatic[row]),
            confidence=confidence,
            codes=tuple(code for code in codes.split(";") if code),
            held=tuple(holds[at]),
            held_part2=tuple(in_part2[at]),
        )
        for at, (row, id, codes, confidence) in enumerate(zip(chosen.rows.tolist(), *columns, strict=True))
    )


def _read(path: Path, columns: tuple[str, ...], what: str) -> dict[str, pa.Array]:
    """Some columns as strings; what pyarrow says of an error may quote a row, and is dropped."""
    try:
        table = csv.read_csv(
            path,
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.large_string()), include_columns=list(columns)
            ),
        )
    except (OSError, pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise CorpusError(
            f"{what} must be a CSV file with the columns {', '.join(columns)}, as harness predict writes it, "
            f"but {path.name} is not ({type(error).__name__})"
        ) from None
    return {name: table[name].combine_chunks() for name in columns}


def _lines(table: dict[str, pa.Array], path: Path) -> Int64Array:
    try:
        return np.asarray(pc.cast(table["line"], pa.int64()), dtype=np.int64)
    except pa.ArrowInvalid:
        raise CorpusError(f"line must hold whole numbers, but another value stands in {path.name}") from None


def _keys(files: pa.DictionaryArray, lines: Int64Array) -> Int64Array:
    return _pair(files.indices.to_numpy(zero_copy_only=False), lines)


def _pair(file: npt.NDArray[np.integer], lines: Int64Array) -> Int64Array:
    return file.astype(np.int64) << 40 | lines


def _split(cells: pa.Array) -> tuple[Int64Array, pa.Array]:
    """The row and the code of each code in some cells."""
    parts = pc.split_pattern(cells, ";")
    row, code = pc.list_parent_indices(parts), pc.list_flatten(parts)
    there = pc.not_equal(code, "")
    return np.asarray(row.filter(there), dtype=np.int64), code.filter(there)


def _manifest(path: Path) -> str:
    """The hash of the manifest of the bundle that made the predictions."""
    try:
        return str(read_json(path)["manifest"])
    except (OSError, ValueError, KeyError, TypeError):
        raise CorpusError(f"{path.name} must name the bundle as harness predict wrote it, but does not") from None


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
