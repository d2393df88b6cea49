"""The numbers and words of a transfer study, from its rows: what is gained, with which interval, down to which size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.figures.looks import COLOURS, Interval, Look
from harness.leaderboard.glossary import Term
from harness.leaderboard.language import N_, say
from harness.leaderboard.study import tables
from harness.leaderboard.study.gains import (
    GAIN_TERM,
    Finding,
    GainPoint,
    gain_points,
    gains_by_size,
    in_order,
    interval,
    listed,
    measure_of,
    named,
    spelled,
    stated,
)
from harness.leaderboard.study.tables import GainGroup, gain_line
from harness.run.study import CURVES, GAINS, StudyFolder

LABELS = {
    "random": N_("encoder, random initialisation"),
    "pretrained": N_("encoder, pretrained"),
    "adapted": N_("encoder, pretrained and adapted"),
}
GAIN_TITLES = {
    "over_neural": N_("transfer over the best neural baseline"),
    "over_linear": N_("transfer over the linear model"),
    "pretraining": N_("pretraining over random initialisation"),
    "adaptation": N_("adaptation over pretraining alone"),
}
TEMPLATE = "study_transfer.html.jinja"
FITS, KEYS = tables.FITS, tables.KEYS
USES = {
    "train": N_("fitting, whole and in parts"),
    "validation": N_("tuning, thresholds"),
    "calibration": N_("not used"),
    "held-out": N_("comparison of the arms"),
}
TERMS = (
    *named("micro-F1", "exact match", "macro-F1"),
    Term(N_("arm"), "", N_("One way to a model, tuned once with all training certificates and then frozen.")),
    GAIN_TERM,
    Term(
        N_("interval of a gain"),
        "",
        N_(
            "From 95 % of resamples of the held-out certificates, both arms in the same resamples, each widened by what a "
            "mean of so few seeds may be off (Student’s t). A seed draws the training certificates and starts the fit. It "
            "covers the chance of both; not that of the tuning, which was done once, nor that of other years."
        ),
    ),
    Term(
        N_("the gain vanishes"),
        "",
        N_(
            "At the smallest training size from which on every interval of the gain reaches 0 or less. That no gain is shown "
            "is no proof that there is none."
        ),
    ),
    Term(
        N_("frequency of a code"),
        "",
        N_(
            "The number of certificates with the code in all training years, so that a band holds the same codes at every "
            "training size."
        ),
    ),
)


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
    """The learning curves by one measure on one slice of the codes."""

    part: str
    measure: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True)
class LearningCurves:
    """Every slice and measure with a curve, what the study is about first; training sizes by their certificates."""

    sizes: tuple[tuple[str, int], ...]
    views: tuple[CurveView, ...]


@dataclass(frozen=True, slots=True)
class GainCurve:
    """What one arm gains over another, by training size."""

    look: Look
    points: tuple[GainPoint, ...]


@dataclass(frozen=True, slots=True)
class GainView:
    """The gains by one measure on one slice of the codes."""

    part: str
    measure: str
    curves: tuple[GainCurve, ...]


@dataclass(frozen=True, slots=True)
class GainCurves:
    sizes: tuple[tuple[str, int], ...]
    views: tuple[GainView, ...]


def label(arm: str) -> str:
    return say(LABELS[arm]) if arm in LABELS else arm


def looks(study: StudyFolder) -> dict[str, Look]:
    """A look for each arm; the one that stands for transfer has the unbroken line."""
    transfer = next((row["first"] for row in study.figure(GAINS) if row["gain"] == "over_neural"), None)
    arms = [str(arm) for arm in study.meta().get("arms") or []]
    return {
        arm: Look(f"a{place}", label(arm), place % COLOURS, place, arm == transfer) for place, arm in enumerate(arms)
    }


def curves(study: StudyFolder) -> LearningCurves:
    """The learning curves of every arm."""
    rows, of_arms = study.figure(CURVES), looks(study)
    views = []
    for part, measure in in_order(measure_of(study)):
        mine = [row for row in rows if (row["slice"], row["measure"]) == (part, measure)]
        found = [
            Curve(look, points)
            for arm, look in of_arms.items()
            if (points := _points([row for row in mine if row["arm"] == arm]))
        ]
        if found:
            views.append(CurveView(part, measure, tuple(found)))
    return LearningCurves(_sizes(rows), tuple(views))


def gain_curves(study: StudyFolder) -> GainCurves:
    """Every gain of the study by training size."""
    rows = study.figure(GAINS)
    of_gains = {
        gain: Look(f"g{place}", say(title), place, place, place == 0)
        for place, (gain, title) in enumerate(GAIN_TITLES.items())
    }
    views = []
    for part, measure in in_order(measure_of(study)):
        found = [
            GainCurve(look, points)
            for gain, look in of_gains.items()
            if (points := tuple(point for point in gain_points(rows, gain, part, measure) if point.found))
        ]
        if found:
            views.append(GainView(part, measure, tuple(found)))
    return GainCurves(_sizes(rows), tuple(views))


def findings(study: StudyFolder) -> tuple[Finding, ...]:
    """The answers to what the study asks, the gain over the neural baselines first; none while nothing is compared."""
    measure, rows, seeds = measure_of(study), study.figure(GAINS), int(study.meta()["seeds"])
    found = []
    for gain, title in GAIN_TITLES.items():
        points = gain_points(rows, gain, "all", measure)
        if points:
            said = f"{sentence(gain, points, measure)} {_lost(points, seeds)}".strip()
            found.append(Finding(gain, say(title), points[-1].state, said))
    return tuple(found)


def gain_groups(rows: Sequence[Row]) -> tuple[GainGroup, ...]:
    """Every gain at every training size, the largest first."""
    groups = []
    for gain, title in GAIN_TITLES.items():
        by_size = gains_by_size(rows, gain)
        if by_size:
            one = by_size[-1][0]
            lines = tuple(gain_line(certificates(points[0]), points) for points in reversed(by_size))
            arms = say("{first} less {second}", first=label(one.first), second=label(one.second))
            groups.append(GainGroup(say(title), arms, lines))
    return tuple(groups)


def sentence(gain: str, points: Sequence[GainPoint], measure: str) -> str:
    """What is gained with all training certificates, and where the gain vanishes; points from the smallest size on."""
    return f"{_at_full_size(gain, points[-1], measure)} {_by_size(points)}".strip()


def vanishes(points: Sequence[GainPoint]) -> GainPoint | None:
    """The smallest size from which on every interval reaches 0 or less; None where that of the largest does not.

    An interval that is undefined does not: nothing is known of the gain there.
    """
    reversely = takewhile(lambda point: point.state in ("none", "loss"), reversed(points))
    return next(iter(reversed(list(reversely))), None)


def certificates(point: GainPoint | CurvePoint) -> str:
    """A training size in words."""
    if point.size == "1":
        return say("all {n}", n=text.count(point.n_train))
    return say("{n} ({part})", n=text.count(point.n_train), part=point.size)


def _at_full_size(gain: str, point: GainPoint, measure: str) -> str:
    what = {"pretraining": N_("Pretraining"), "adaptation": N_("Adaptation")}.get(
        gain, N_("Transfer learning ({first})")
    )
    over = {
        "over_neural": N_("over the best neural baseline ({second}) with {certificates} training certificates"),
        "over_linear": N_("over the linear model with {certificates} training certificates"),
        "pretraining": N_("over random initialisation of the same encoder with {certificates} training certificates"),
        "adaptation": N_("over pretraining alone with {certificates} training certificates"),
    }[gain]
    values = {"first": label(point.first), "second": label(point.second), "certificates": certificates(point)}
    return f"{stated(say(what, **values), say(over, **values), point, measure)}."


def _by_size(points: Sequence[GainPoint]) -> str:
    """How the gain stands at the smaller sizes."""
    if len(points) < 2:
        return ""
    unknown = [point for point in points[:-1] if point.state is None]
    said = say("It is undefined with {sizes}.", sizes=_listed(unknown)) if unknown else ""
    gains = [point for point in points if point.state == "gain"]
    if not gains:
        none = say("No size studied shows a gain.")
        return f"{none} {said}".strip()
    return f"{_where(points, gains)} {said}".strip()


def _where(points: Sequence[GainPoint], gains: Sequence[GainPoint]) -> str:
    """Where the gain, which some sizes show, is and is not."""
    gone = vanishes(points)
    if gone is not None:
        return say(
            "The gain vanishes at {gone} training certificates: from there on its interval reaches 0 or less; with {last} it "
            "is {gain}.",
            gone=certificates(gone),
            last=certificates(gains[-1]),
            gain=spelled(gains[-1].found),
        )
    if points[-1].state is None:
        found = (say("with {size} {gain}", size=certificates(point), gain=spelled(point.found)) for point in gains)
        return say("It gains {sizes}.", sizes=text.parted(found))
    without = [point for point in points if point.state in ("none", "loss")]
    if without and without[-1].n_train < gains[0].n_train:
        return say("There is none yet with {sizes}.", sizes=_listed(without))
    if without:
        return say("There is none with {sizes}.", sizes=_listed(without))
    smallest = {"size": certificates(gains[0]), "gain": spelled(gains[0].found)}
    if len(gains) == len(points):
        return say("It gains at every size studied, down to {size}: {gain}.", **smallest)
    return say("It gains at every other size, down to {size}: {gain}.", **smallest)


def _lost(points: Sequence[GainPoint], seeds: int) -> str:
    """At which sizes fits failed, so that the mean is over fewer seeds than the others'."""
    few = [
        say("{n} of {seeds} seeds with {size}", n=point.n_seeds, seeds=seeds, size=certificates(point))
        for point in points
        if point.n_seeds < seeds
    ]
    return say("Fits failed, so that there are only {seeds}.", seeds=listed(few)) if few else ""


def _listed(points: Sequence[GainPoint]) -> str:
    return listed(map(certificates, points))


def _sizes(rows: Sequence[Row]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted({(str(row["size"]), int(row["n_train"])) for row in rows}, key=lambda size: size[1]))


def _points(rows: Sequence[Row]) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(str(row["size"]), int(row["n_train"]), int(row["n_seeds"]), found)
        for row in sorted(rows, key=lambda row: Fraction(str(row["size"])))
        if (found := interval(row)) is not None
    )
