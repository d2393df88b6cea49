"""From an office's files to codes and decisions, by the same function that scored the candidate."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness.corpus.builder import ReadResult
from harness.corpus.formats import reader
from harness.decision.rule import Decisions, Reason, predict
from harness.errors import CorpusError, PartlyDone
from harness.files import replacing, write_text
from harness.production.bundle import Bundle

HEADER = ("id", "file", "line", "codes", "confidence", "decision", "reason")


def predict_files(bundle: Bundle, files: tuple[Path, ...], out: Path, say: Callable[[str], None]) -> None:
    """Write one row a certificate: its codes, confidence, decision and the reason of the decision.

    Raises
    ------
    CorpusError
        ``out`` cannot be written, or is one of ``files``.
    PartlyDone
        Rows could not be read; they are listed in ``OUT.left-out.csv`` by file, line and rule.
    """
    if out.is_dir():
        raise CorpusError(f"-o must name a file to write, but {out} is a folder")
    if any(file.resolve() == out.resolve() for file in files):
        raise CorpusError(f"-o must name another file than those that are read, but got {out}")
    read = reader(bundle.corpus.format)(files, bundle.corpus, False)
    decisions = predict(bundle.candidate, read.corpus.texts)
    left_out = out.with_name(f"{out.name}.left-out.csv")
    try:
        left_out.unlink(missing_ok=True)  # that of an earlier call
        if read.quarantine.total:
            write_text(left_out, read.quarantine.to_csv())
        _write(out, read, decisions)
    except OSError as error:
        raise CorpusError(f"-o must name a file that can be written, but got {out} ({error.strerror})") from None
    automatic = int(decisions.automatic.sum())
    reasons = Counter(decisions.reason[~decisions.automatic].tolist())
    say(
        f"{len(read.corpus):,} certificates: {automatic:,} automatic, {len(read.corpus) - automatic:,} to a person; {out}"
    )
    for reason, count in sorted(reasons.items()):
        say(f"  {count:,} to a person: {Reason(reason).sentence}")
    if read.quarantine.total:
        for line in read.quarantine.summary():
            say(line)
        raise PartlyDone(
            f"{read.quarantine.total:,} rows could not be read and have no prediction; {left_out} names them"
        )


def _write(out: Path, read: ReadResult, decisions: Decisions) -> None:
    labels = np.array(decisions.labels.codes, dtype=object)
    first, columns = decisions.codes.indptr, decisions.codes.indices
    with replacing(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for row, id in enumerate(read.corpus.texts.ids.to_pylist()):
            writer.writerow(
                (
                    id,
                    read.files[int(read.file[row])],
                    int(read.line[row]),
                    ";".join(labels[columns[first[row] : first[row + 1]]]),
                    f"{decisions.confidence[row]:.6g}",
                    "automatic" if decisions.automatic[row] else "person",
                    Reason(int(decisions.reason[row])).sentence,
                )
            )
