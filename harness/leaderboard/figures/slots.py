"""Which trial ran in which slot, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from harness.leaderboard.figures.looks import Look, family_looks
from harness.leaderboard.figures.progress import end_of
from harness.leaderboard.rows import Evidence, number

MOST_BARS = 2000
SEVERAL = "several"  # the status of merged trials that ended differently
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Bar:
    """A trial in its slot from second to second of the search, or ``n`` of one family that followed one another."""

    slot: int
    start: float
    end: float
    family: str
    status: str
    trial: str
    n: int = 1


@dataclass(frozen=True, slots=True)
class Slots:
    """Bars by slot and time.

    Attributes
    ----------
    end : second at which the search ended, or its last trial
    idle : share of the time of all slots in which no trial ran; None while the search has not ended, and on a page of
        several runs, which ended at different times
    n_trials : that ran in a slot
    n_left_out : bars that are not shown, the shortest; 0 where merging made them few enough
    """

    bars: tuple[Bar, ...]
    looks: tuple[Look, ...]
    n_slots: int
    end: float
    idle: float | None
    n_trials: int
    n_left_out: int

    @property
    def merged(self) -> bool:
        return any(bar.n > 1 for bar in self.bars)


def slots(evidence: Evidence, most: int = MOST_BARS) -> Slots:
    """The bars of all trials whose slot is known; a slot in which none ever ran is not known of."""
    bars = _bars(evidence)
    n_slots = max((bar.slot for bar in bars), default=-1) + 1
    ended = number(evidence.meta.get("search_seconds"))
    end = max([*(bar.end for bar in bars), ended or 0.0])
    spans: list[list[Span]] = [[] for _ in range(n_slots)]
    for bar in bars:
        spans[bar.slot].append((bar.start, bar.end))
    shown, left_out = _fewer(bars, most)
    families = {bar.family for bar in bars}
    return Slots(
        bars=shown,
        looks=tuple(look for name, look in family_looks(evidence).items() if name in families),
        n_slots=n_slots,
        end=end,
        idle=None if ended is None else idle_share(spans, end),
        n_trials=len(bars),
        n_left_out=left_out,
    )


def idle_share(spans: Sequence[Iterable[Span]], end: float) -> float | None:
    """The share of the slots' time, from 0 to ``end``, that lies in no span.

    Parameters
    ----------
    spans : of each slot, from second to second; they may overlap, as those of a resumed search do
    """
    if not spans or end <= 0:
        return None
    return 1 - sum(map(_covered, spans)) / (len(spans) * end)


def _covered(spans: Iterable[Span]) -> float:
    """The length of the union of spans."""
    total, reached = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _bars(evidence: Evidence) -> list[Bar]:
    found = [
        Bar(int(row["slot"]), start, end_of(row), str(row["family"]), str(row["status"]), str(row["trial"]))
        for row in evidence.trials
        if number(row.get("slot")) is not None and (start := number(row.get("started"))) is not None
    ]
    return sorted(found, key=lambda bar: (bar.slot, bar.start, bar.end))


def _fewer(bars: Sequence[Bar], most: int) -> tuple[tuple[Bar, ...], int]:
    """At most so many bars: neighbours of one family that ended alike become one, then those of one family.

    Where that is not enough, the shortest are left out.
    """
    shown = list(bars)
    for alike in (_ended_alike, _of_one_family):
        if len(shown) > most:
            shown = _joined(shown, alike)
    if len(shown) <= most:
        return tuple(shown), 0
    longest = sorted(range(len(shown)), key=lambda place: shown[place].start - shown[place].end)[:most]
    return tuple(shown[place] for place in sorted(longest)), len(shown) - most


def _joined(bars: Sequence[Bar], alike: Callable[[Bar, Bar], bool]) -> list[Bar]:
    joined: list[Bar] = []
    for bar in bars:
        last = joined[-1] if joined else None
        if last is not None and last.slot == bar.slot and alike(last, bar):
            status = last.status if last.status == bar.status else SEVERAL
            joined[-1] = replace(last, end=max(last.end, bar.end), n=last.n + bar.n, status=status)
        else:
            joined.append(bar)
    return joined


def _ended_alike(one: Bar, other: Bar) -> bool:
    return (one.family, one.status) == (other.family, other.status)


def _of_one_family(one: Bar, other: Bar) -> bool:
    return one.family == other.family
