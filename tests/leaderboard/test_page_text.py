"""How numbers are written, and what stays in the office."""

from __future__ import annotations

import pytest

from harness.leaderboard import text
from harness.leaderboard.rows import number


def test_numbers_are_written_as_a_reader_expects() -> None:
    assert text.size(999) == "999\xa0B"
    assert text.size(18_400_000) == "18.4\xa0MB"
    assert text.duration(3725) == "1\xa0h 2\xa0min"
    assert text.years(["2014", 2015, "2017"]) == "2014–2015, 2017"
    assert text.interval(text.share(0.1), text.share(0.2)) == "[10.0, 20.0\xa0%]"
    assert text.level(0.025) == "2.5\xa0%"
    assert (text.score(None), text.count(1234.0), number(float("nan")), number(True)) == ("–", "1,234", None, None)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("harness search /home/anna/office/search.toml", "harness search …/search.toml"),
        (r"OSError at C:\Users\anna\x.py", r"OSError at …/x.py"),
        ("~/office/a b", "…/a b"),
        ("precision and/or recall, 1/2, </script>", "precision and/or recall, 1/2, </script>"),
        ("examples/search.toml", "examples/search.toml"),
    ],
)
def test_folders_stay_in_the_office(written: str, shown: str) -> None:
    assert text.public(written) == shown
