"""From an office's files to codes and decisions, by the same function that scored the candidate."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.corpus.builder import ReadResult
from harness.corpus.formats import reader
from harness.decision.drift import words_alarm
from harness.decision.observed import Seen
from harness.decision.rule import Decisions, Reason, judge_texts
from harness.errors import CorpusError, PartlyDone
from harness.families.family import Written
from harness.files import replacing, write_json, write_text
from harness.production.bundle import Bundle

Queue = Literal["doubtful", "random"]
RATE = 0.05  # of the words alarm, for all years of a batch together
BESIDE = ("left-out.csv", "lines.csv", "watch.csv", "queue.csv", "bundle.json")
HEADER = ("id", "file", "line", "codes", "confidence", "decision", "reason")
LINES_HEADER = ("id", "file", "line", "text_line", "codes", "standard_text", "decision", "reason")
WATCH_HEADER = ("id", "file", "line", "codes_held", "codes_held_part2")
QUEUE_HEADER = ("place", "id", "file", "line", "reason")


def predict_files(
    bundle: Bundle, files: tuple[Path, ...], out: Path, say: Callable[[str], None], *, queue: Queue | None = None
) -> None:
    """Write one row a certificate: its codes, confidence, decision and the reason of the decision.

    Where the model codes by line, or writes, ``OUT.lines.csv`` has one row a line, or a certificate where it looks at
    whole ones: the codes decided, those that it wrote first and in its order, the text in standard wording, and of lines
    the decision too. ``OUT.watch.csv`` says which certificates hold a watched code's own words, and ``OUT.bundle.json``
    which bundle it was, for ``harness audit``.
    With ``queue``, ``OUT.queue.csv`` has the certificates that go to a person in the order in which to take them.

    Raises
    ------
    CorpusError
        ``out`` cannot be written, or what would be written is one of ``files``.
    PartlyDone
        Rows could not be read; they are listed in ``OUT.left-out.csv`` by file, line and rule.
    """
    if out.is_dir():
        raise CorpusError(f"-o must name a file to write, but {out} is a folder")
    left_out, lines, watched, queued, origin = beside = [out.with_name(f"{out.name}.{part}") for part in BESIDE]
    read_from = {file.resolve() for file in files}
    for path in (out, *beside):
        if path.resolve() in read_from:
            raise CorpusError(
                f"-o must name another file than those that are read, but got {out}"
                + ("" if path == out else f", beside which {path.name} is written")
            )
    read = reader(bundle.corpus.format)(files, bundle.corpus, False)
    found, decisions = judge_texts(bundle.candidate, read.corpus.texts)
    unit = bundle.candidate.rule.line if decisions.lines is not None else None
    by_line = unit is not None and unit.promise is not None
    held = None if bundle.practice is None else bundle.practice.watch.holders(read.corpus.texts)
    try:
        for earlier in beside:
            earlier.unlink(missing_ok=True)
        if read.quarantine.total:
            write_text(left_out, read.quarantine.to_csv())
        if decisions.written is not None or by_line:
            _write(lines, LINES_HEADER, _line_rows(read, decisions))
        if bundle.practice is not None and held is not None:
            _write(watched, WATCH_HEADER, _watch_rows(read, bundle.practice.watch.codes, *held))
        if queue is not None:
            _write(queued, QUEUE_HEADER, _queue_rows(read, decisions, queue))
        _write(out, HEADER, _rows(read, decisions))
        if bundle.seal:  # last: where this call breaks off, an earlier file keeps its place, and is not of this bundle
            write_json(origin, {"manifest": bundle.seal})
    except OSError as error:
        raise CorpusError(f"-o must name a file that can be written, but got {out} ({error.strerror})") from None
    automatic = int(decisions.automatic.sum())
    reasons = Counter(decisions.reason[~decisions.automatic].tolist())
    say(
        f"{len(read.corpus):,} certificates: {automatic:,} automatic, {len(read.corpus) - automatic:,} to a person; {out}"
    )
    for reason, count in sorted(reasons.items()):
        say(f"  {count:,} to a person: {Reason(reason).sentence}")
    if by_line and decisions.lines is not None:
        done = int(decisions.lines.automatic.sum())
        say(f"{len(decisions.lines.reason):,} lines: {done:,} automatic; {lines}")
    if decisions.written is not None:
        what = "certificates" if decisions.lines is None else "lines"
        wording = "" if decisions.written.text is None else " and standard wording"
        say(f"{len(decisions.written):,} {what}: their codes{wording}, as the model wrote them; {lines}")
    if queue is not None:
        say(f"the order in which persons take their certificates ({queue}): {queued}")
    for sentence in _alarms(bundle, read, found, decisions):
        say(sentence)
    if read.quarantine.total:
        for line in read.quarantine.summary():
            say(line)
        raise PartlyDone(
            f"{read.quarantine.total:,} rows could not be read and have no prediction; {left_out} names them"
        )


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow(row)


def _rows(read: ReadResult, decisions: Decisions) -> Iterable[tuple[object, ...]]:
    labels = np.array(decisions.labels.codes, dtype=object)
    first, columns = decisions.codes.indptr, decisions.codes.indices
    for row, id in enumerate(read.corpus.texts.ids.to_pylist()):
        yield (
            id,
            read.files[int(read.file[row])],
            int(read.line[row]),
            ";".join(labels[columns[first[row] : first[row + 1]]]),
            f"{decisions.confidence[row]:.6g}",
            "automatic" if decisions.automatic[row] else "person",
            Reason(int(decisions.reason[row])).sentence,
        )


def _line_rows(read: ReadResult, decisions: Decisions) -> Iterable[tuple[object, ...]]:
    texts, labels, written = read.corpus.texts, np.array(decisions.labels.codes, dtype=object), decisions.written
    by_line = decisions.lines is not None
    units = decisions if decisions.lines is None else decisions.lines
    first, columns = units.codes.indptr, units.codes.indices if written is None else as_written(units.codes, written)
    certificate = texts.certificate_of_line if by_line else np.arange(len(texts))
    standard = [""] * len(certificate) if written is None or written.text is None else written.text.to_pylist()
    ids = texts.ids.to_pylist()
    for unit, row in enumerate(certificate.tolist()):
        yield (
            ids[row],
            read.files[int(read.file[row])],
            int(read.line[row]),
            unit - int(texts.first_line[row]) + 1 if by_line else "",
            ";".join(labels[columns[first[unit] : first[unit + 1]]]),
            standard[unit],
            "automatic" if units.automatic[unit] else "person",
            Reason(int(units.reason[unit])).sentence,
        )


def _watch_rows(
    read: ReadResult, codes: tuple[str, ...], anywhere: csr_array, part2_only: csr_array
) -> Iterable[tuple[object, ...]]:
    """The certificates that hold a watched code's own words."""
    names, ids = np.array(codes, dtype=object), read.corpus.texts.ids
    for row in np.flatnonzero(np.diff(anywhere.indptr)).tolist():
        held, of_part2 = (
            ";".join(names[matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]])
            for matrix in (anywhere, part2_only)
        )
        yield ids[row].as_py(), read.files[int(read.file[row])], int(read.line[row]), held, of_part2


def _queue_rows(read: ReadResult, decisions: Decisions, queue: Queue) -> Iterable[tuple[object, ...]]:
    """The certificates for persons: the least sure first, or in a random order that is the same each time."""
    rows = np.flatnonzero(~decisions.automatic)
    chance = np.random.default_rng(0).permutation(len(rows))
    order = np.lexsort((chance, decisions.confidence[rows])) if queue == "doubtful" else chance
    ids = read.corpus.texts.ids
    for place, row in enumerate(rows[order].tolist(), start=1):
        sentence = Reason(int(decisions.reason[row])).sentence
        yield place, ids[row].as_py(), read.files[int(read.file[row])], int(read.line[row]), sentence


def _alarms(bundle: Bundle, read: ReadResult, found: Seen, decisions: Decisions) -> Iterable[str]:
    """The state of both alarms for this batch."""
    if bundle.drift is None:
        yield "alarms: none, as the bundle knows no calibration years to compare with"
        return
    texts, looked = read.corpus.texts, found.certificates.looked
    there, calibrated = np.unique(texts.years), bundle.drift.calibration.year
    later = there[there > calibrated]
    if len(later) < len(there):
        yield f"words alarm: none for certificates of {calibrated} or before, which are no later than calibration"
    for year in later.tolist():
        mine = np.flatnonzero(texts.years == year)
        summary = bundle.drift.summary(
            year,
            looked.unseen_words[mine],
            looked.unseen_text[mine],
            decisions.confidence[mine],
            csr_array(decisions.codes[mine]),
        )
        yield from words_alarm(bundle.drift, summary, RATE / len(later)).sentences
    yield "practice alarm: needs the codes of a sample; draw one by harness audit sample"


def as_written(codes: csr_array, written: Written) -> npt.NDArray[np.int64]:
    """Each row's decided codes: those that were written, in the order in which they were, then the others.

    Parameters
    ----------
    codes : (n, n_labels) indicator matrix of ``n`` units

    Returns
    -------
    Columns of the labels, (n_codes,), that ``codes.indptr`` parts.
    """
    n_labels = codes.shape[1]
    row = np.repeat(np.arange(codes.shape[0]), np.diff(codes.indptr))
    keys = row * n_labels + codes.indices
    unit = np.repeat(np.arange(len(written)), np.diff(written.first))
    known, place = np.unique(unit * n_labels + written.columns, return_index=True)
    found = np.searchsorted(known, keys)
    there = found < len(known)
    there[there] = known[found[there]] == keys[there]
    position = np.full(len(keys), len(written.columns), dtype=np.int64)
    position[there] = place[found[there]]
    order = np.lexsort((codes.indices, position, row))
    columns: npt.NDArray[np.int64] = codes.indices[order].astype(np.int64)
    return columns
