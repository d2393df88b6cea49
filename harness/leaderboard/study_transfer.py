"""The numbers and words of a transfer study, from its rows: what is gained, with which interval, down to which size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile

from harness.files import Row
from harness.leaderboard import study_tables
from harness.leaderboard.figures import COLOURS, Interval, Look
from harness.leaderboard.provenance import Term
from harness.leaderboard.study_gains import (
    GAIN_TERM,
    SLICES,
    Finding,
    GainPoint,
    gain_points,
    gains_by_size,
    interval,
    measure_of,
    named,
    spelled,
    stated,
)
from harness.leaderboard.study_tables import GainGroup, gain_line
from harness.run.study import CURVES, GAINS, StudyFolder

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
TEMPLATE = "study_transfer.html.jinja"
FITS, KEYS = study_tables.FITS, study_tables.KEYS
USES = {
    "train": "fitting, whole and in parts",
    "validation": "tuning, thresholds",
    "calibration": "not used",
    "held-out": "comparison of the arms",
}
TERMS = (
    *named("micro-F1", "exact match", "macro-F1"),
    Term("arm", "", "One way to a model, tuned once with all training certificates and then frozen."),
    GAIN_TERM,
    Term(
        "interval of a gain",
        "",
        "From 95 % of resamples of the held-out certificates, both arms in the same resamples, each widened by what a mean "
        "of so few seeds may be off (Student’s t). A seed draws the training certificates and starts the fit. It covers "
        "the chance of both; not that of the tuning, which was done once, nor that of other years.",
    ),
    Term(
        "the gain vanishes",
        "",
        "At the smallest training size from which on every interval of the gain reaches 0 or less. That no gain is shown "
        "is no proof that there is none.",
    ),
    Term(
        "frequency of a code",
        "",
        "The number of certificates with the code in all training years, so that a band holds the same codes at every "
        "training size.",
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


def gain_groups(rows: Sequence[Row]) -> tuple[GainGroup, ...]:
    """Every gain at every training size, the largest first."""
    groups = []
    for gain, title in GAIN_TITLES.items():
        by_size = gains_by_size(rows, gain)
        if by_size:
            one = by_size[-1][0]
            lines = tuple(gain_line(certificates(points[0]), points) for points in reversed(by_size))
            groups.append(GainGroup(title, f"{label(one.first)} less {label(one.second)}", lines))
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
    return f"{stated(what, f'{over} {place}', point, measure)}."


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
        if (found := interval(row)) is not None
    )
