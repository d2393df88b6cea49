"""Slot time: every family has an equal share, and what one leaves unused passes on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field


@dataclass
class Ledger:
    """What a family has used and may still use; times in slot-seconds."""

    used: float = 0.0
    closed: str | None = None  # why nothing more is started
    running: dict[str, float] = field(default_factory=dict)  # trial to the time of its start
    seconds: list[float] = field(default_factory=list)  # of its finished trials
    finished: int = 0
    failures: int = 0  # in a row, without a finished trial before them

    @property
    def likely(self) -> float:
        """How long a trial of it takes: the median, or nothing where none has finished."""
        return sorted(self.seconds)[len(self.seconds) // 2] if self.seconds else 0.0

    def expected(self, now: float) -> float:
        """What it will have used when its running trials end."""
        return self.used + sum(max(now - started, self.likely) for started in self.running.values())


@dataclass
class Budget:
    """``seconds`` of wall time on ``slots`` slots, shared by families.

    A family is charged from the moment a trial is suggested, so that start-up is not free and trials that fail at once
    cost something.
    """

    seconds: float
    slots: int
    families: dict[str, Ledger]

    @classmethod
    def of(cls, seconds: float, slots: int, families: Iterable[str]) -> Budget:
        return cls(seconds, slots, {name: Ledger() for name in families})

    def share(self, among: Collection[str] | None = None, now: float | None = None) -> float:
        """What each of ``among`` (the open families) may use: the whole, less what the others use, in equal parts."""
        still = (
            among if among is not None else [name for name, ledger in self.families.items() if ledger.closed is None]
        )
        others = [ledger for name, ledger in self.families.items() if name not in still]
        spent = sum(ledger.used if now is None else ledger.expected(now) for ledger in others)
        return (self.seconds * self.slots - spent) / max(1, len(still))

    def running(self) -> int:
        return sum(len(ledger.running) for ledger in self.families.values())

    def next(self, now: float, left: float, fits: Callable[[str], bool] = lambda name: True) -> str | None:
        """The open family with the least of its share used, running trials included, if it may start a trial now.

        ``left`` is the wall time that is left. A trial that would probably not end within it is not begun, but each
        family may try once. ``fits`` says whether the cluster has room for one more trial of a family.
        """
        still = [name for name, ledger in self.families.items() if ledger.closed is None]
        while still:
            share = self.share(still, now)
            ready = [name for name in still if fits(name) and self._may_start(name, now, left, share)]
            if ready:
                return min(ready, key=lambda name: self.families[name].expected(now))
            # What a family leaves that can start nothing more passes on: first of all that of the one that used least.
            ended = [name for name in still if fits(name) and not self._first(name)]
            if not ended:
                return None
            still.remove(min(ended, key=lambda name: self.families[name].expected(now)))
        return None

    def _first(self, name: str) -> bool:
        """Whether no trial of a family has ended yet."""
        return not self.families[name].finished and not self.families[name].failures

    def _may_start(self, name: str, now: float, left: float, share: float) -> bool:
        ledger = self.families[name]
        if self._first(name):  # the cost of a second one is not known yet; it can only be at others' expense
            return not ledger.running or len(self.families) == 1
        return ledger.likely <= left and ledger.expected(now) + ledger.likely / 2 < share

    def start(self, name: str, trial: str, now: float) -> None:
        self.families[name].running[trial] = now

    def end(self, name: str, trial: str, now: float, *, finished: bool) -> float:
        """Charge a trial; the slot time that it took."""
        ledger = self.families[name]
        taken = now - ledger.running.pop(trial)
        ledger.used += taken
        if finished:
            ledger.finished += 1
            ledger.seconds.append(taken)
        else:
            ledger.failures += 1
        return taken

    def spent(self, now: float, left: float) -> bool:
        """Whether no family will start a trial any more, whatever the running ones leave."""
        return self.running() == 0 and self.next(now, left) is None
