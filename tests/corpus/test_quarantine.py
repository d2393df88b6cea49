from __future__ import annotations

import csv
import io

import pytest

from harness.corpus import quarantine
from harness.corpus.quarantine import Quarantine


def test_counts_every_row_and_names_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "KEPT_PER_RULE", 1000)
    found = Quarantine()
    for line in range(2, 2002):
        found.add("a.csv", line, "year must hold a year")
    found.add("b, c.csv", 7, 'the "id" must not be empty')
    assert found.total == 2001
    assert len(found.rows) == quarantine.KEPT_PER_RULE + 1
    assert found.summary() == [
        '1 left out: the "id" must not be empty (b, c.csv:7)',
        "2000 left out: year must hold a year (a.csv:2, a.csv:3, a.csv:4, …)",
    ]
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert rows[0] == {"file": "a.csv", "line": "2", "rule": "year must hold a year"}
    assert rows[-1] == {"file": "b, c.csv", "line": "7", "rule": 'the "id" must not be empty'}


def test_nothing_left_out() -> None:
    assert (Quarantine().total, Quarantine().summary(), Quarantine().to_csv()) == (0, [], "file,line,rule\n")


def test_the_summary_says_no_more_than_it_is_asked() -> None:
    found = Quarantine()
    for line in (2, 3):
        found.add("a.csv", line, "rule")
    assert found.summary(places=1) == ["2 left out: rule (a.csv:2, …)"]
    assert found.summary(places=2) == ["2 left out: rule (a.csv:2, a.csv:3)"]


def test_takes_over_what_another_one_holds() -> None:
    one, other = Quarantine(), Quarantine()
    one.add("a.csv", 2, "rule")
    other.add("b.csv", 3, "rule")
    other.add("b.csv", 4, "another")
    one.extend(other)
    assert one.summary() == ["1 left out: another (b.csv:4)", "2 left out: rule (a.csv:2, b.csv:3)"]
    assert one.total == 3
