"""Certificates on disk: Arrow files, memory-mapped, sorted by role and year."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from harness.config import COVARIATES, ROLES
from harness.corpus.builder import ReadResult, certificate_codes
from harness.corpus.certificate import Corpus, LabelSet, LineCodes, Texts
from harness.corpus.knowledge import Knowledge
from harness.corpus.years import OUTSIDE, Roles

FILES = ("certificates.arrow", "lines.arrow", "codes.arrow", "store.json")


@dataclass(frozen=True, slots=True)
class Slice:
    """A run of certificates of one store."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of certificates; opening it reads no text."""

    path: Path
    fingerprint: str
    roles: dict[str, Slice]
    years: dict[str, dict[int, Slice]]
    by_line: bool

    def corpus(self, *rows: Slice) -> Corpus:
        """Some neighbouring runs of certificates, mapped and not copied.

        Only what is asked for can be seen through the result.
        """
        start, stop = rows[0].start, rows[-1].stop
        if any(a.stop != b.start for a, b in itertools.pairwise(rows)):
            raise ValueError("the slices must follow one another")
        return self._read().rows(start, stop)

    def source_rows(self, rows: Slice) -> np.ndarray:
        """Where each certificate stood in the files' order; shape (n,)."""
        table = _mapped(self.path / "certificates.arrow")
        found: np.ndarray = _numpy(table, "source_row")[rows.start : rows.stop]
        return found

    def _read(self) -> Corpus:
        certificates, lines, codes = (_mapped(self.path / name) for name in FILES[:3])
        description = json.loads((self.path / FILES[3]).read_text(encoding="utf-8"))
        n, by_line = certificates.num_rows, self.by_line
        texts = Texts(
            ids=_column(certificates, "id"),
            years=_numpy(certificates, "year"),
            first_line=np.r_[np.int64(0), _numpy(certificates, "line_end")],
            lines=_column(lines, "text"),
            parts=_numpy(lines, "part"),
            intervals=_column(lines, "interval") if "interval" in lines.column_names else None,
            covariates={name: _column(certificates, name) for name in COVARIATES if name in certificates.column_names},
        )
        labels = LabelSet(tuple(description["labels"]))
        first_code = np.r_[np.int64(0), _numpy(lines if by_line else certificates, "code_end")]
        columns = _numpy(codes, "label")
        line_codes = None
        if by_line:
            line_codes = LineCodes(
                first_code, columns, _column(codes, "standard") if "standard" in codes.column_names else None
            )
        assert n == len(texts)  # noqa: S101  (a store is written by this module alone)
        return Corpus(
            texts,
            labels,
            certificate_codes(texts, first_code, columns, len(labels), line_codes),
            line_codes,
            _column(certificates, "cluster") if "cluster" in certificates.column_names else None,
        )


def build(read: ReadResult, roles: Roles, home: Path) -> Store:
    """Write the certificates that have a role under ``home``, in a folder named by their fingerprint.

    A store of the same certificates and roles that is there already is opened instead.
    """
    kept = np.flatnonzero(roles.role != OUTSIDE)
    years = read.corpus.texts.years
    order = kept[np.lexsort((kept, years[kept], roles.role[kept]))]
    corpus = read.corpus.take(order)
    with once(home) as (temporary, keep):
        _write(corpus, order, roles.role[order], temporary)
        return open_store(keep(_fingerprint(temporary)))


def with_lines(store: Store, lines: pa.Array) -> Store:
    """The same certificates with other texts of their lines, (n_lines,), as a store of its own beside the first."""
    table = _mapped(store.path / "lines.arrow")
    if len(lines) != table.num_rows:
        raise ValueError("there must be a text for each line of the store")
    with once(store.path.parent) as (temporary, keep):
        for name in FILES:
            if name != "lines.arrow":
                shutil.copyfile(store.path / name, temporary / name)
        place = table.column_names.index("text")
        _write_table(temporary / "lines.arrow", table.set_column(place, "text", lines))
        return open_store(keep(_fingerprint(temporary)))


def knowledge_folder(fingerprint: str) -> str:
    """The name of a folder of knowledge beside the stores."""
    return f"knowledge-{fingerprint}"


def keep_knowledge(knowledge: Knowledge, home: Path) -> str:
    """Write what is known under ``home``, once; the path of its folder, empty where nothing is known."""
    if not knowledge.fingerprint:
        return ""
    name = knowledge_folder(knowledge.fingerprint)
    if not (home / name).is_dir():
        with once(home) as (temporary, keep):
            knowledge.save(temporary / "knowledge")
            keep(name, "knowledge")
    return str(home / name)


@contextmanager
def once(home: Path) -> Iterator[tuple[Path, Callable[..., Path]]]:
    """A temporary folder under ``home``, and what puts it, or a folder in it, under its name.

    Where another process was faster, its folder stays and ours goes: equal names have equal content.
    """
    home.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=home, prefix=".store."))

    def keep(name: str, inner: str = "") -> Path:
        target = home / name
        (temporary / inner).chmod(0o755)
        try:
            (temporary / inner).replace(target)
        except OSError:
            if not target.is_dir():
                raise
        return target

    try:
        yield temporary, keep
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def open_store(path: Path) -> Store:
    """The store in a folder that :func:`build` wrote."""
    description = json.loads((path / "store.json").read_text(encoding="utf-8"))
    return Store(
        path=path,
        fingerprint=path.name,
        roles={role: Slice(*rows) for role, rows in description["roles"].items()},
        years={
            role: {int(year): Slice(*rows) for year, rows in of_year.items()}
            for role, of_year in description["years"].items()
        },
        by_line=description["by_line"],
    )


def _write(corpus: Corpus, order: np.ndarray, role: np.ndarray, folder: Path) -> None:
    texts, by_line = corpus.texts, corpus.by_line
    certificates = {
        "id": texts.ids,
        "year": pa.array(texts.years),
        "source_row": pa.array(order.astype(np.int64)),
        "line_end": pa.array(texts.first_line[1:]),
        **texts.covariates,
    }
    if corpus.clusters is not None:
        certificates["cluster"] = corpus.clusters
    lines = {"text": texts.lines, "part": pa.array(texts.parts)}
    if texts.intervals is not None:
        lines["interval"] = texts.intervals
    if by_line is None:
        certificates["code_end"] = pa.array(corpus.codes.indptr[1:].astype(np.int64))
        codes = {"label": pa.array(corpus.codes.indices.astype(np.int32))}
    else:
        lines["code_end"] = pa.array(by_line.first_code[1:])
        codes = {"label": pa.array(by_line.columns)}
        if by_line.standard is not None:
            codes["standard"] = by_line.standard
    for name, columns in zip(FILES[:3], (certificates, lines, codes), strict=True):
        _write_table(folder / name, pa.table(columns))
    description = {
        "labels": list(corpus.labels.codes),
        "by_line": by_line is not None,
        "roles": {
            name: _span(np.flatnonzero(role == position))
            for position, name in enumerate(ROLES)
            if (role == position).any()
        },
        "years": {
            name: {
                str(year): _span(np.flatnonzero((role == position) & (texts.years == year)))
                for year in np.unique(texts.years[role == position]).tolist()
            }
            for position, name in enumerate(ROLES)
            if (role == position).any()
        },
    }
    (folder / FILES[3]).write_text(json.dumps(description, sort_keys=True, ensure_ascii=False), encoding="utf-8")


def _span(rows: np.ndarray) -> list[int]:
    return [int(rows[0]), int(rows[-1]) + 1]


def _write_table(path: Path, table: pa.Table) -> None:
    """In one piece, so that every column is one array when it is mapped."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks(), max_chunksize=max(1, table.num_rows))


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in FILES:
        digest.update((folder / name).read_bytes() if name.endswith("json") else _digest(folder / name))
    return digest.hexdigest()[:16]


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _mapped(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _column(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks else pa.array([], type=column.type)


def _numpy(table: pa.Table, name: str) -> np.ndarray:
    found: np.ndarray = _column(table, name).to_numpy(zero_copy_only=True)
    return found
