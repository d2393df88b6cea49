"""From an office's files to codes and decisions, by the same function that scored the candidate."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.corpus.builder import ReadResult
from harness.corpus.formats import reader
from harness.decision.rule import Decisions, Reason, predict
from harness.errors import CorpusError, PartlyDone
from harness.families.family import Written
from harness.files import replacing, write_text
from harness.production.bundle import Bundle

HEADER = ("id", "file", "line", "codes", "confidence", "decision", "reason")
LINES_HEADER = ("id", "file", "line", "text_line", "codes", "standard_text")


def predict_files(bundle: Bundle, files: tuple[Path, ...], out: Path, say: Callable[[str], None]) -> None:
    """Write one row a certificate: its codes, confidence, decision and the reason of the decision.

    Where the model writes, ``OUT.lines.csv`` has one row a line, or a certificate where it looks at whole ones: the
    codes decided, those that it wrote first and in its order, and the text in standard wording.

    Raises
    ------
    CorpusError
        ``out`` cannot be written, or what would be written is one of ``files``.
    PartlyDone
        Rows could not be read; they are listed in ``OUT.left-out.csv`` by file, line and rule.
    """
    if out.is_dir():
        raise CorpusError(f"-o must name a file to write, but {out} is a folder")
    left_out, lines = (out.with_name(f"{out.name}.{part}.csv") for part in ("left-out", "lines"))
    read_from = {file.resolve() for file in files}
    for path in (out, left_out, lines):
        if path.resolve() in read_from:
            raise CorpusError(
                f"-o must name another file than those that are read, but got {out}"
                + ("" if path == out else f", beside which {path.name} is written")
            )
    read = reader(bundle.corpus.format)(files, bundle.corpus, False)
    decisions = predict(bundle.candidate, read.corpus.texts)
    try:
        for earlier in (left_out, lines):
            earlier.unlink(missing_ok=True)
        if read.quarantine.total:
            write_text(left_out, read.quarantine.to_csv())
        if decisions.written is not None:
            _write(lines, LINES_HEADER, _line_rows(read, decisions, decisions.written))
        _write(out, HEADER, _rows(read, decisions))
    except OSError as error:
        raise CorpusError(f"-o must name a file that can be written, but got {out} ({error.strerror})") from None
    automatic = int(decisions.automatic.sum())
    reasons = Counter(decisions.reason[~decisions.automatic].tolist())
    say(
        f"{len(read.corpus):,} certificates: {automatic:,} automatic, {len(read.corpus) - automatic:,} to a person; {out}"
    )
    for reason, count in sorted(reasons.items()):
        say(f"  {count:,} to a person: {Reason(reason).sentence}")
    if decisions.written is not None:
        unit = "certificates" if decisions.line_codes is None else "lines"
        wording = "" if decisions.written.text is None else " and standard wording"
        say(f"{len(decisions.written):,} {unit}: their codes{wording}, as the model wrote them; {lines}")
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


def _line_rows(read: ReadResult, decisions: Decisions, written: Written) -> Iterable[tuple[object, ...]]:
    texts, labels = read.corpus.texts, np.array(decisions.labels.codes, dtype=object)
    by_line = decisions.line_codes is not None
    codes = decisions.codes if decisions.line_codes is None else decisions.line_codes
    first, columns = codes.indptr, as_written(codes, written)
    certificate = texts.certificate_of_line if by_line else np.arange(len(texts))
    standard = [""] * len(written) if written.text is None else written.text.to_pylist()
    ids = texts.ids.to_pylist()
    for unit, row in enumerate(certificate.tolist()):
        yield (
            ids[row],
            read.files[int(read.file[row])],
            int(read.line[row]),
            unit - int(texts.first_line[row]) + 1 if by_line else "",
            ";".join(labels[columns[first[unit] : first[unit + 1]]]),
            standard[unit],
        )


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
