"""Codes that a person always sees, whatever the model's confidence."""

from __future__ import annotations

import re

from harness.errors import ConfigError

_CODE = r"[A-Z]\d[0-9A-Z][0-9A-Z.]*"  # of the ICD, with or without its dot


def always_seen(code: str, patterns: tuple[str, ...]) -> bool:
    """Whether a code is one of ``patterns``, lies below it, or within a range such as ``O00-O99``.

    Codes of the ICD are compared without their dots, which some offices leave out; other codes as they are written.
    """
    for pattern in patterns:
        first, _, last = pattern.partition("-")
        if re.fullmatch(_CODE, first):
            bare, low, high = (text.replace(".", "") for text in (code, first, last))
            if bare.startswith(low) if not last else low <= bare[: len(low)] and bare[: len(high)] <= high:
                return True
        elif code == first or code.startswith(first if "." in first else f"{first}."):
            return True
    return False


def check_patterns(patterns: tuple[str, ...]) -> None:
    """Refuse a pattern that is neither a code nor a range of codes.

    Raises
    ------
    ConfigError
        One line that names the pattern.
    """
    for pattern in patterns:
        first, dash, last = pattern.partition("-")
        is_range = re.fullmatch(f"{_CODE}-{_CODE}", pattern) is not None and first <= last
        if not first or pattern != pattern.strip() or (dash and not is_range):
            raise ConfigError(
                f'automation.always_person must hold codes or ranges such as "O00-O99", but got {pattern!r}'
            )
