"""What audited certificates say of a promise: kept, broken or undecided, which codes are to blame, how many more it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Literal

from harness.decision.promise import number, percent
from harness.decision.tails import tail
from harness.metrics.selective import exact_interval
from harness.metrics.sequential import FARTHEST, fewest

Name = Literal["kept", "broken", "undecided"]
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a number of audited automatic certificates, fixed before their codes were read, says of a promise.

    Attributes
    ----------
    name : kept where the upper bound of the interval is at most the promised risk, broken where the lower one is above it
    wrong, accepted : of the audited automatic certificates
    promised : the risk r that was promised
    risk, low, high : the share of wrong ones, and its exact two-sided interval of 95 %; None without a certificate
    sentence : the same in words
    """

    name: Name
    wrong: int
    accepted: int
    promised: float
    risk: float | None
    low: float | None
    high: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class More:
    """How many more automatic certificates a verdict would take if they are as wrong as those seen so far.

    Attributes
    ----------
    accepted : 0 where there is a verdict already; None where it cannot be told, or where no number would do
    reason : why it is None
    """

    accepted: int | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Blame:
    """How often one code was missed, and how often it was given wrongly."""

    code: str
    missed: int
    wrongly_given: int


def verdict_of(low: float, high: float, risk: float) -> Name:
    """From the interval of a realised risk and the promised one."""
    return "kept" if high <= risk else "broken" if low > risk else "undecided"


def verdict(wrong: int, accepted: int, risk: float) -> Verdict:
    """What ``wrong`` of ``accepted`` automatic certificates say of the promise that at most ``risk`` are wrong.

    References
    ----------
    Clopper, Pearson. The use of confidence or fiducial limits illustrated in the case of the binomial. Biometrika 1934.
    """
    interval = exact_interval(wrong, accepted, CONFIDENCE)
    if interval is None:
        sentence = "undecided: no automatic certificate was audited"
        return Verdict("undecided", wrong, accepted, risk, None, None, None, sentence)
    low, high = interval
    name = verdict_of(low, high, risk)
    found = (
        f"{wrong:,} of {number(accepted, 'automatic certificate')} "
        f"{'is' if wrong == 1 else 'are'} wrong: {_figure(wrong / accepted)}, "
        f"exact {percent(CONFIDENCE)} interval {_figure(low)} to {_figure(high)}"
    )
    against = {
        "kept": f"the whole interval is at or below the promised {percent(risk)}",
        "broken": f"the whole interval is above the promised {percent(risk)}",
        "undecided": f"the promised {percent(risk)} lies within it, which is normal at some hundred certificates",
    }[name]
    return Verdict(name, wrong, accepted, risk, wrong / accepted, low, high, f"{name}: {found}; {against}")


def more_needed(wrong: int, accepted: int, risk: float) -> More:
    """How many more automatic certificates a verdict at a fixed number takes, at the share of wrong ones seen so far.

    Counts grow in just that share; chance makes it more or less, each about every other time.
    """
    if not accepted:
        return More(None, "no automatic certificate was audited, so the risk is not known at all")
    if wrong / accepted == risk:
        return More(None, f"the risk seen is the promised {percent(risk)} itself: no number would tell them apart")
    half = (1.0 - CONFIDENCE) / 2

    def told(more: int) -> bool:
        n = accepted + more
        k = wrong / accepted * n
        # The interval's upper bound is at most r where k or fewer are that unlikely at r; k or more: its lower one.
        return tail(k, n, risk) <= half if wrong / accepted < risk else 1.0 - tail(k - 1.0, n, risk) < half

    if verdict_of(*(exact_interval(wrong, accepted, CONFIDENCE) or (0.0, 1.0)), risk) != "undecided":
        return More(0)
    more = fewest(told, FARTHEST)
    if more is None:
        return More(None, f"the risk seen is too near the promised {percent(risk)}")
    return More(more)


def blame(pairs: Iterable[tuple[Set[str], Set[str]]]) -> tuple[Blame, ...]:
    """Which codes make certificates wrong, the most frequent first.

    Parameters
    ----------
    pairs
        Of each certificate the predicted codes and the true ones.
    """
    missed: Counter[str] = Counter()
    wrongly_given: Counter[str] = Counter()
    for predicted, true in pairs:
        missed.update(true - predicted)
        wrongly_given.update(predicted - true)
    codes = sorted({*missed, *wrongly_given}, key=lambda code: (-missed[code] - wrongly_given[code], code))
    return tuple(Blame(code, missed[code], wrongly_given[code]) for code in codes)


def _figure(share: float) -> str:
    return f"{100 * share:.2f} %"
