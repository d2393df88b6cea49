"""Rows that cannot be read: left out, counted, and named by file, line and rule; never by their text."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass, field

KEPT_PER_RULE = 100_000


@dataclass(frozen=True, slots=True)
class BadRow:
    """Where a row that was left out stands, and why it was."""

    file: str
    line: int
    rule: str


@dataclass
class Quarantine:
    """Collects bad rows while a format reads; places are kept for the first rows of each rule."""

    counts: Counter[str] = field(default_factory=Counter)
    rows: list[BadRow] = field(default_factory=list)

    def add(self, file: str, line: int, rule: str) -> None:
        self.counts[rule] += 1
        if self.counts[rule] <= KEPT_PER_RULE:
            self.rows.append(BadRow(file, line, rule))

    def extend(self, other: Quarantine) -> None:
        """Take over what another one holds."""
        self.counts.update(other.counts)
        self.rows.extend(other.rows)

    @property
    def total(self) -> int:
        return self.counts.total()

    def summary(self, places: int = 3) -> list[str]:
        """One line a rule, with the first places where it was broken."""
        lines = []
        for rule, count in sorted(self.counts.items()):
            found = [f"{row.file}:{row.line}" for row in self.rows if row.rule == rule][:places]
            more = ", …" if count > len(found) else ""
            lines.append(f"{count} left out: {rule} ({', '.join(found)}{more})")
        return lines

    def to_csv(self) -> str:
        """The kept places as CSV: file, line, rule."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("file", "line", "rule"))
        writer.writerows((row.file, row.line, row.rule) for row in self.rows)
        return out.getvalue()
