"""What an office knows besides its certificates: its code list, its dictionaries, its language."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from harness.corpus.certificate import strings
from harness.corpus.codes import CodeList, read_code_list, write_code_list


@dataclass(frozen=True)
class Lexicon:
    """Rows of dictionaries: a text as somebody wrote it and its code; two columns of strings, shape (n,)."""

    texts: pa.Array
    codes: pa.Array

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for row in sorted(zip(self.texts.to_pylist(), self.codes.to_pylist(), strict=True)):
            digest.update(repr(row).encode())
        return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Known before the season begins; each part may be missing."""

    code_list: CodeList | None = None
    lexicon: Lexicon | None = None
    language: str | None = None

    @property
    def fingerprint(self) -> str:
        """Of all its parts; empty where nothing is known."""
        listed = "" if self.code_list is None else self.code_list.fingerprint
        parts = (listed, "" if self.lexicon is None else self.lexicon.fingerprint, self.language or "")
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16] if any(parts) else ""

    def terms(self) -> tuple[list[str], list[str]]:
        """Codes and, beside each, a text that stands for it: titles and synonyms, then rows of dictionaries; ordered."""
        pairs = {
            (entry.code, term)
            for entry in (() if self.code_list is None else self.code_list.entries)
            for term in (entry.title, *entry.synonyms)
            if term
        }
        if self.lexicon is not None:
            pairs |= set(zip(self.lexicon.codes.to_pylist(), self.lexicon.texts.to_pylist(), strict=True))
        ordered = sorted(pairs)
        return [code for code, _ in ordered], [text for _, text in ordered]

    def save(self, folder: Path) -> None:
        """Write it into a folder that does not exist yet."""
        folder.mkdir(parents=True)
        if self.code_list is not None:
            write_code_list(self.code_list, folder / "codes.csv")
        if self.lexicon is not None:
            table = pa.table({"text": self.lexicon.texts, "code": self.lexicon.codes})
            with pa.OSFile(str(folder / "lexicon.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table, max_chunksize=max(1, table.num_rows))
        (folder / "knowledge.json").write_text(json.dumps({"language": self.language}), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Knowledge:
        """What :meth:`save` wrote."""
        codes, lexicon = folder / "codes.csv", folder / "lexicon.arrow"
        return cls(
            code_list=read_code_list(codes) if codes.exists() else None,
            lexicon=_lexicon(lexicon) if lexicon.exists() else None,
            language=json.loads((folder / "knowledge.json").read_text(encoding="utf-8"))["language"],
        )


def _lexicon(path: Path) -> Lexicon:
    with pa.OSFile(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    text, code = (table.column(name).combine_chunks() for name in ("text", "code"))
    return Lexicon(
        *(column if isinstance(column, pa.Array) else strings(column.to_pylist()) for column in (text, code))
    )
