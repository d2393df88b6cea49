from __future__ import annotations

import pytest

from harness.decision.always import always_seen, check_patterns
from harness.errors import ConfigError


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("O00-O99", ["O00", "O00.1", "O99", "O99.8", "O50", "O998", "O0000"], ["N99.9", "P00", "O", "Q00", "o50"]),
        ("X60", ["X60", "X60.0", "X60.12", "X600", "X60X"], ["X61", "X6", "AX60", "x60"]),
        ("T40.1", ["T40.1", "T40.10", "T40.1X"], ["T40", "T40.2", "T40."]),
        ("T40.0-T40.4", ["T40.0", "T40.4", "T40.2", "T40.45"], ["T40", "T40.5", "T41.0", "T39.9"]),
        ("A00-B99.8", ["A00", "B99.8", "B20.1", "A99", "B99"], ["B99.9", "C00", "99"]),
        ("heroin", ["heroin", "heroin.pure"], ["heroine", "hero", "opioid"]),
        ("c.1", ["c.1", "c.12"], ["c", "c.2"]),
    ],
)
def test_patterns(pattern: str, inside: list[str], outside: list[str]) -> None:
    check_patterns((pattern,))
    assert [code for code in inside if not always_seen(code, (pattern,))] == []
    assert [code for code in outside if always_seen(code, (pattern,))] == []
    assert [code for code in inside if not always_seen(code, ("Z99", pattern))] == []


def test_no_pattern_sees_nothing() -> None:
    assert not always_seen("O10", ())


@pytest.mark.parametrize(
    "pattern", ["", " ", " O00", "O00 ", "O99-O00", "O00-", "-O99", "-", "O-P", "o00-o99", "O00 - O99", "O00-O10-O20"]
)
def test_a_bad_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"automation\.always_person must hold codes or ranges") as caught:
        check_patterns(("I50", pattern))
    assert repr(pattern) in str(caught.value)
    assert "\n" not in str(caught.value)
