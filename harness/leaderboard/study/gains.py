"""What one arm of a study gains over another, with its interval, and how it is said: the same for every kind of study."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Literal

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.figures.looks import Interval
from harness.leaderboard.glossary import TERMS as GLOSSARY
from harness.leaderboard.glossary import WORDING_TERMS, Term
from harness.leaderboard.language import N_, say
from harness.leaderboard.rows import number
from harness.run.study import StudyFolder

State = Literal["gain", "loss", "none"]
SLICES = {
    "all": N_("all codes"),
    "unseen": N_("codes that no training certificate had"),
    "1_9": N_("codes in 1–9 training certificates"),
    "10_99": N_("codes in 10–99 training certificates"),
    "100_up": N_("codes in 100 or more training certificates"),
}
BANDS = tuple(part for part in SLICES if part != "all")
MEASURES = (("all", "micro_f1"), ("all", "exact_match"), *((band, "micro_f1") for band in BANDS))
GAIN_TERM = Term(
    N_("gain"),
    "",
    N_("The score of one arm less that of another on the same held-out certificates, in the mean over seeds."),
)
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class GainPoint:
    """A gain at one training size, on one slice of the codes."""

    size: str
    n_train: int
    first: str
    second: str
    found: Interval | None
    n_seeds: int

    @property
    def state(self) -> State | None:
        """``gain`` or ``loss`` where the whole interval is on one side of 0, ``none`` where it holds 0.

        One seed alone leaves it undefined: its interval does not hold the spread of the seeds.
        """
        if self.found is None or self.found.low is None or self.found.high is None or self.n_seeds < 2:
            return None
        return "gain" if self.found.low > 0 else "loss" if self.found.high < 0 else "none"


@dataclass(frozen=True, slots=True)
class Finding:
    """One question of the study and its answer."""

    gain: str
    title: str
    state: State | None
    sentence: str


def named(*names: str) -> tuple[Term, ...]:
    """Terms that runs and studies share."""
    return tuple(term for term in (*GLOSSARY, *WORDING_TERMS) if term.name in names)


def measure_of(study: StudyFolder) -> str:
    """What the sentences are about: the objective of the tuning where its gain has an interval, else micro-F1."""
    return "exact_match" if study.meta().get("objective") == "exact_match" else "micro_f1"


def gain_points(rows: Sequence[Row], gain: str, part: str, measure: str) -> tuple[GainPoint, ...]:
    """One gain at every training size, the smallest first."""
    mine = [row for row in rows if (row["gain"], row["slice"], row["measure"]) == (gain, part, measure)]
    return tuple(
        GainPoint(
            size=str(row["size"]),
            n_train=int(row["n_train"]),
            first=str(row["first"]),
            second=str(row["second"]),
            found=interval(row),
            n_seeds=int(row["n_seeds"]),
        )
        for row in sorted(mine, key=lambda row: Fraction(str(row["size"])))
    )


def view_label(part: str, measure: str) -> str:
    """A measure on a slice of the codes, in words."""
    return f"{text.objective(measure)}, {say(SLICES[part])}"


def in_order(main: str) -> list[tuple[str, str]]:
    """Slices and measures, what the study is about first."""
    return sorted(MEASURES, key=lambda one: one != ("all", main))


def listed(words: Iterable[str]) -> str:
    """Words in one sentence."""
    return reduce(lambda one, other: say("{one} and {other}", one=one, other=other), words)


def gains_by_size(rows: Sequence[Row], gain: str) -> list[tuple[GainPoint, ...]]:
    """One gain at every training size, the smallest first, each in the order of ``MEASURES``."""
    return list(zip(*(gain_points(rows, gain, part, measure) for part, measure in MEASURES), strict=True))


def stated(what: str, over: str, point: GainPoint, measure: str) -> str:
    """Whether ``what`` gains, a clause without its full stop."""
    if point.found is None or point.state is None:
        inside = f"{what[:1].lower()}{what[1:]}"
        return say("Whether {what} gains {over} is undefined", what=inside, over=over)
    values = {"what": what, "over": over, "gain": spelled(point.found), "measure": text.objective(measure)}
    if point.state == "gain":
        return say("{what} gains {gain} {measure} {over}", **values)
    if point.state == "none":
        return say("{what} shows no gain {over}: {gain} {measure}", **values)
    return say("{what} is a loss, not a gain, {over}: {gain} {measure}", **values)


def signed(value: float | None) -> str:
    """A difference with its sign."""
    return text.DASH if value is None else text.written(f"{value:+.3f}").replace("-", MINUS)


def spelled(found: Interval | None) -> str:
    """A difference with its interval."""
    if found is None:
        return text.DASH
    return f"{signed(found.value)} {text.interval(signed(found.low), signed(found.high))}"


def interval(row: Row) -> Interval | None:
    """The value of a row with its interval, or None where it is undefined."""
    value = number(row.get("value"))
    return None if value is None else Interval(value, number(row.get("low")), number(row.get("high")))
