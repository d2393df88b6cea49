"""The numbers and words of a transfer study, from its rows: what is gained, with which interval, down to which size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from typing import Literal

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.figures import COLOURS, Interval, Look
from harness.leaderboard.rows import number
from harness.run.study import CURVES, GAINS, StudyFolder

State = Literal["gain", "loss", "none"]
LABELS = {
    "random": "encoder, random initialisation",
    "pretrained": "encoder, pretrained",
    "adapted": "encoder, pretrained and adapted",
}
GAIN_TITLES = {
    "over_neural": "transfer over the best neural baseline",
    "over_linear": "transfer over the linear model",
    "pretraining": "pretraining over random initialisation",
    "adaptation": "adaptation over pretraining alone",
}
SLICES = {
    "all": "all codes",
    "unseen": "codes that no training certificate had",
    "1_9": "codes in 1–9 training certificates",
    "10_99": "codes in 10–99 training certificates",
    "100_up": "codes in 100 or more training certificates",
}
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


@dataclass(frozen=True, slots=True)
class CurvePoint:
    size: str
    n_train: int
    n_seeds: int
    found: Interval


@dataclass(frozen=True, slots=True)
class Curve:
    """One arm's scores, by training size."""

    look: Look
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class CurveView:
    """The learning curves on one slice of the codes."""

    label: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True)
class LearningCurves:
    """One measure, on every slice where it is defined; the training sizes by their numbers of certificates."""

    measure: str
    sizes: tuple[tuple[str, int], ...]
    views: tuple[CurveView, ...]


def label(arm: str) -> str:
    return LABELS.get(arm, arm)


def measure_of(study: StudyFolder) -> str:
    """What the sentences are about: the objective of the tuning where its gain has an interval, else micro-F1."""
    return "exact_match" if study.meta().get("objective") == "exact_match" else "micro_f1"


def looks(study: StudyFolder) -> dict[str, Look]:
    """A look for each arm; the one that stands for transfer has the unbroken line."""
    transfer = next((row["first"] for row in study.figure(GAINS) if row["gain"] == "over_neural"), None)
    arms = [str(arm) for arm in study.meta().get("arms") or []]
    return {
        arm: Look(f"a{place}", label(arm), place % COLOURS, place, arm == transfer) for place, arm in enumerate(arms)
    }


def curves(study: StudyFolder, measure: str) -> LearningCurves:
    """The learning curves of every arm, on all codes first."""
    rows = [row for row in study.figure(CURVES) if row["measure"] == measure]
    views = []
    for part, words in SLICES.items():
        found = [
            Curve(look, points)
            for arm, look in looks(study).items()
            if (points := _points([row for row in rows if row["arm"] == arm and row["slice"] == part]))
        ]
        if found:
            views.append(CurveView(words, tuple(found)))
    sizes = {(str(row["size"]), int(row["n_train"])) for row in rows}
    return LearningCurves(measure, tuple(sorted(sizes, key=lambda size: size[1])), tuple(views))


def gain_points(rows: Sequence[Row], gain: str, part: str, measure: str) -> tuple[GainPoint, ...]:
    """One gain at every training size, the smallest first."""
    mine = [row for row in rows if (row["gain"], row["slice"], row["measure"]) == (gain, part, measure)]
    return tuple(
        GainPoint(
            size=str(row["size"]),
            n_train=int(row["n_train"]),
            first=str(row["first"]),
            second=str(row["second"]),
            found=_interval(row),
            n_seeds=int(row["n_seeds"]),
        )
        for row in sorted(mine, key=lambda row: Fraction(str(row["size"])))
    )


def findings(study: StudyFolder) -> tuple[Finding, ...]:
    """The answers to what the study asks, the gain over the neural baselines first; none while nothing is compared."""
    measure, rows, seeds = measure_of(study), study.figure(GAINS), int(study.meta()["seeds"])
    found = []
    for gain, title in GAIN_TITLES.items():
        points = gain_points(rows, gain, "all", measure)
        if points:
            said = f"{sentence(gain, points, measure)} {_lost(points, seeds)}".strip()
            found.append(Finding(gain, title, points[-1].state, said))
    return tuple(found)


def sentence(gain: str, points: Sequence[GainPoint], measure: str) -> str:
    """What is gained with all training certificates, and where the gain vanishes; points from the smallest size on."""
    return f"{_at_full_size(gain, points[-1], measure)} {_by_size(points)}".strip()


def vanishes(points: Sequence[GainPoint]) -> GainPoint | None:
    """The smallest size from which on every interval reaches 0 or less; None where that of the largest does not.

    An interval that is undefined does not: nothing is known of the gain there.
    """
    reversely = takewhile(lambda point: point.state in ("none", "loss"), reversed(points))
    return next(iter(reversed(list(reversely))), None)


def signed(value: float | None) -> str:
    """A difference with its sign."""
    return text.DASH if value is None else f"{value:+.3f}".replace("-", MINUS)


def spelled(found: Interval | None) -> str:
    """A difference with its interval."""
    if found is None:
        return text.DASH
    return f"{signed(found.value)} [{signed(found.low)}, {signed(found.high)}]"


def certificates(point: GainPoint | CurvePoint) -> str:
    """A training size in words."""
    return f"all {point.n_train:,}" if point.size == "1" else f"{point.n_train:,} ({point.size})"


def _at_full_size(gain: str, point: GainPoint, measure: str) -> str:
    what = {"pretraining": "Pretraining", "adaptation": "Adaptation"}.get(
        gain, f"Transfer learning ({label(point.first)})"
    )
    over = {
        "over_neural": f"over the best neural baseline ({label(point.second)})",
        "over_linear": "over the linear model",
        "pretraining": "over random initialisation of the same encoder",
        "adaptation": "over pretraining alone",
    }[gain]
    place = f"with {certificates(point)} training certificates"
    state = point.state
    if point.found is None or state is None:
        return f"Whether {what[:1].lower()}{what[1:]} gains {over} {place} is undefined."
    name = text.objective(measure)
    if state == "gain":
        return f"{what} gains {spelled(point.found)} {name} {over} {place}."
    said = "shows no gain" if state == "none" else "is a loss, not a gain,"
    return f"{what} {said} {over} {place}: {spelled(point.found)} {name}."


def _by_size(points: Sequence[GainPoint]) -> str:
    """How the gain stands at the smaller sizes."""
    if len(points) < 2:
        return ""
    unknown = [point for point in points[:-1] if point.state is None]
    said = f"It is undefined with {_listed(unknown)}." if unknown else ""
    gains = [point for point in points if point.state == "gain"]
    if not gains:
        return f"No size studied shows a gain. {said}".strip()
    return f"{_where(points, gains)} {said}".strip()


def _where(points: Sequence[GainPoint], gains: Sequence[GainPoint]) -> str:
    """Where the gain, which some sizes show, is and is not."""
    gone = vanishes(points)
    if gone is not None:
        return (
            f"The gain vanishes at {certificates(gone)} training certificates: from there on its interval reaches 0 or "
            f"less; with {certificates(gains[-1])} it is {spelled(gains[-1].found)}."
        )
    if points[-1].state is None:
        return f"It gains {'; '.join(f'with {certificates(point)} {spelled(point.found)}' for point in gains)}."
    without = [point for point in points if point.state in ("none", "loss")]
    if without:
        yet = " yet" if without[-1].n_train < gains[0].n_train else ""
        return f"There is none{yet} with {_listed(without)}."
    every = "at every size studied" if len(gains) == len(points) else "at every other size"
    return f"It gains {every}, down to {certificates(gains[0])}: {spelled(gains[0].found)}."


def _lost(points: Sequence[GainPoint], seeds: int) -> str:
    """At which sizes fits failed, so that the mean is over fewer seeds than the others'."""
    few = [f"{point.n_seeds} of {seeds} seeds with {certificates(point)}" for point in points if point.n_seeds < seeds]
    return f"Fits failed, so that there are only {' and '.join(few)}." if few else ""


def _listed(points: Sequence[GainPoint]) -> str:
    return " and ".join(map(certificates, points))


def _points(rows: Sequence[Row]) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(str(row["size"]), int(row["n_train"]), int(row["n_seeds"]), found)
        for row in sorted(rows, key=lambda row: Fraction(str(row["size"])))
        if (found := _interval(row)) is not None
    )


def _interval(row: Row) -> Interval | None:
    value = number(row.get("value"))
    return None if value is None else Interval(value, number(row.get("low")), number(row.get("high")))
