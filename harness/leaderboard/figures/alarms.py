"""What the two alarms of a bundle would have said of each held-out year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.files import Row
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.reasons import reason
from harness.leaderboard.rows import Evidence, number

Name = Literal["words", "practice"]


@dataclass(frozen=True, slots=True)
class Test:
    """One thing that was compared: a statistic of the words alarm, or a code of the practice alarm.

    Attributes
    ----------
    expected, found : shares, or distances of the words alarm; None where they may not be said, or are not known
    low, high : the ends of what is normal, where they are known; a statistic has an upper one alone
    rings : None where past years are too few for an alarm
    n : the certificates that were looked at; None where they may not be said
    """

    alarm: Name
    year: str
    model: str | None
    measure: str
    code: str | None
    title: str | None
    expected: float | None
    found: float | None
    low: float | None
    high: float | None
    p_value: float | None
    rings: bool | None
    n: int | None
    reason: str

    @property
    def ratio(self) -> float | None:
        """What was found as a multiple of what was expected."""
        return self.found / self.expected if self.found is not None and self.expected else None

    @property
    def most(self) -> float | None:
        """The largest normal value as a multiple of what was expected."""
        return self.high / self.expected if self.high is not None and self.expected else None


@dataclass(frozen=True, slots=True)
class Alarms:
    """All tests in the order of the rows, the pick's words first.

    Attributes
    ----------
    models : whose words were looked at
    years : oldest first
    silent : an alarm and a year of which it says nothing, and why
    """

    models: tuple[Look, ...]
    years: tuple[str, ...]
    tests: tuple[Test, ...]
    silent: tuple[tuple[Name, str, str], ...]

    def words(self, model: Look) -> tuple[Test, ...]:
        return tuple(test for test in self.tests if test.alarm == "words" and test.model == model.label)

    def practice(self, year: str) -> tuple[Test, ...]:
        return tuple(test for test in self.tests if test.alarm == "practice" and test.year == year)

    def ringing(self, alarm: Name) -> Mapping[str, tuple[Test, ...]]:
        """By year, what rings; each statistic once, whichever models' it is."""
        found: dict[str, tuple[Test, ...]] = {}
        for year in self.years:
            rings = [test for test in self.tests if (test.alarm, test.year) == (alarm, year) and test.rings]
            if rings:
                found[year] = tuple(rings)
        return found

    def can_ring(self, alarm: Name) -> bool:
        return any(test.alarm == alarm and test.rings is not None for test in self.tests)


def alarms(evidence: Evidence, looks: Mapping[str, Look]) -> Alarms:
    rows = [row for row in evidence.alarms if row["model"] is None or str(row["model"]) in looks]
    named = [row for row in rows if row["measure"] is not None]
    models = sorted(
        {str(row["model"]): looks[str(row["model"])] for row in named if row["model"] is not None}.values(),
        key=lambda look: not look.picked,
    )
    place = {look.label: at for at, look in enumerate(models)}
    tests = sorted(map(_test, named), key=lambda test: (test.alarm != "words", place.get(test.model or "", -1)))
    return Alarms(
        models=tuple(models),
        years=tuple(sorted({str(row["year"]) for row in rows})),
        tests=tuple(dict.fromkeys(tests)),  # runs of the same years say the same of a code
        silent=tuple(dict.fromkeys(_silent(row) for row in rows if row["measure"] is None)),
    )


def _silent(row: Row) -> tuple[Name, str, str]:
    return _name(row), str(row["year"]), _reason(row)


def _test(row: Row) -> Test:
    return Test(
        alarm=_name(row),
        year=str(row["year"]),
        model=None if row["model"] is None else str(row["model"]),
        measure=str(row["measure"]),
        code=None if row["code"] is None else str(row["code"]),
        title=None if row["title"] is None else str(row["title"]),
        expected=number(row["expected"]),
        found=number(row["found"]),
        low=number(row["low"]),
        high=number(row["high"]),
        p_value=number(row["p_value"]),
        rings=None if row["rings"] is None else bool(row["rings"]),
        n=None if row["n"] is None else int(row["n"]),
        reason=_reason(row),
    )


def _name(row: Row) -> Name:
    return "words" if row["alarm"] == "words" else "practice"


def _reason(row: Row) -> str:
    return reason(row["reason"]).rstrip(".")
