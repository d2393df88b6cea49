"""The numbers and words of a normalisation study, from its rows: what it gains to bring a text into standard wording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.figures.looks import Interval, Look
from harness.leaderboard.glossary import Term
from harness.leaderboard.language import N_, say, say_n
from harness.leaderboard.reasons import reason as said_reason
from harness.leaderboard.rows import number
from harness.leaderboard.study import tables
from harness.leaderboard.study.gains import (
    GAIN_TERM,
    Finding,
    GainPoint,
    State,
    gain_points,
    gains_by_size,
    in_order,
    interval,
    measure_of,
    named,
    stated,
    view_label,
)
from harness.leaderboard.study.tables import Column, GainGroup, gain_line
from harness.run.study import CURVES, GAINS, NORMALISER, StudyFolder

TEMPLATE = "study_normalise.html.jinja"
USES = {
    "train": N_("fitting, and in parts to normalise the rest"),
    "validation": N_("tuning, thresholds, choice of the normaliser"),
    "calibration": N_("not used"),
    "held-out": N_("comparison of the arms"),
}
WRITER = N_("encoder-decoder")
TASKS = ("code", "normalise", "joint")
# What a coder reads, by the end of its arm's name: in the key of the figure, and how it looks there.
READS = {
    "raw": (N_("raw text"), 1),
    "normalised": (N_("normalised text"), 2),
    "both": (N_("both texts"), 3),
}
READING = {"raw": N_("raw"), "normalised": N_("normalised"), "both": N_("both")}
OVER_BASELINE = "over_baseline"
ASKED = {
    "normalise": N_("Writing the standard wording before its code (encoder-decoder, normalise)"),
    "joint": N_("Learning to write the wording beside the codes (encoder-decoder, joint)"),
}
TERMS = (
    *named("micro-F1", "exact match", "macro-F1"),
    Term(
        N_("arm"),
        "",
        N_(
            "One way to a model, tuned once and then frozen: a task of the encoder-decoder, or a coder and what it reads."
        ),
    ),
    Term(
        N_("code, normalise, joint"),
        "",
        N_(
            "What the encoder-decoder writes. code: the codes. normalise: each term in standard wording, then its code. joint: "
            "either, told by the first token; its codes are those that it writes as codes."
        ),
    ),
    Term(
        N_("standard wording"),
        "",
        N_(
            "The experts’ own wording of a line’s codes in their order where the certificates have it, else the codes’ titles."
        ),
    ),
    Term(
        N_("normaliser"),
        "",
        N_(
            "The encoder-decoder of normalise or of joint, whichever writes better on validation: by the F1 of the "
            "codes that its text alone leads to, or without codes by line by the score of its tuning."
        ),
    ),
    Term(
        N_("cross-fitted"),
        "",
        N_(
            "The training certificates are normalised by models that were fitted without them, so that a coder learns from such "
            "texts as it will read later, errors included. Validation and held-out certificates are normalised by the one fitted "
            "on all of training."
        ),
    ),
    Term(
        N_("raw, normalised, both"),
        "",
        N_(
            "What a coder reads, in training and later: the text as it was written; only what the normaliser wrote; each line and "
            "what was written of it, or where whole certificates are read, what was written of one behind its last line."
        ),
    ),
    GAIN_TERM,
    Term(
        N_("interval of a gain"),
        "",
        N_(
            "From 95 % of resamples of the held-out certificates, both arms in the same resamples, each widened by what a mean of so "
            "few seeds may be off (Student’s t). A seed starts the fit. It covers the chance of both; not that of the tuning and of "
            "the normaliser, which were made once, nor that of other years."
        ),
    ),
    Term(
        N_("nearest known wording"),
        "",
        N_(
            "The peer of a model that writes: of all wordings of training and the code list, the one most like the line, by the "
            "cosine of TF-IDF of character n-grams. A title or synonym that training never had answers with its code’s most "
            "frequent wording."
        ),
    ),
    Term(
        N_("ceiling"),
        "",
        N_(
            "The largest share of lines that can be the same when a text always has one answer: what no model that reads the text "
            "alone goes over. A text that stands once is always right in it, so that on lines whose text training never had it "
            "flatters. On generated certificates it is an estimate instead, from 64,000 certificates of the same generator: of a model "
            "that sees which wording was meant through all that befell the text, and lacks only which of its standard texts a vague "
            "wording stands for."
        ),
    ),
    *named("CER", "chrF", "code F1"),
    Term(N_("frequency of a code"), "", N_("The number of certificates with the code in all training years.")),
)
WRITTEN = N_("held-out lines, against the experts’ wording")
WRITTEN_UNSEEN = N_("held-out lines, of those whose text training never had, against the experts’ wording")
FITS = (
    *(column for column in tables.FITS[:-1] if column.key != "n_train"),  # the same for all
    Column("normalised_exact_match", N_("exact match, lines"), WRITTEN, "high", text.share),
    Column("normalised_cer", N_("CER, lines"), WRITTEN, "low", text.score),
    Column("normalised_exact_match_unseen", N_("exact match, unseen lines"), WRITTEN_UNSEEN, "high", text.share),
    Column("normalised_cer_unseen", N_("CER, unseen lines"), WRITTEN_UNSEEN, "low", text.score),
    tables.FITS[-1],
)
KEYS = [
    *tables.KEYS,
    *("text", "n_unseen_lines"),
    *(
        f"normalised_{key}{part}"
        for part in ("", "_unseen")
        for key in ("exact_match", "cer", "chrf", "code_f1", "reason")
    ),
]


@dataclass(frozen=True, slots=True)
class ArmLine:
    """An arm in the figure, or one less another: under which heading it stands, what tells it from its neighbours there."""

    label: str
    group: str
    name: str
    look: Look


@dataclass(frozen=True, slots=True)
class ScoreView:
    """One measure on one slice of the codes, of each line; None where it is undefined."""

    part: str
    measure: str
    found: tuple[Interval | None, ...]

    @property
    def label(self) -> str:
        return view_label(self.part, self.measure)


@dataclass(frozen=True, slots=True)
class ArmScores:
    lines: tuple[ArmLine, ...]
    views: tuple[ScoreView, ...]


def label(arm: str) -> str:
    if arm in TASKS:
        return say("encoder-decoder, {task}", task=arm)
    coder, reads = _read(arm)
    return say("{coder}, {text}", coder=coder, text=say(READING[reads]))


def scores(study: StudyFolder) -> ArmScores:
    """Every arm's held-out scores, those that the study is about first; an arm without any is left out."""
    rows = study.figure(CURVES)
    order = in_order(measure_of(study))
    found = {(row["arm"], row["slice"], row["measure"]): interval(row) for row in rows}
    arms = [str(arm) for arm in study.meta()["arms"] if any(found.get((arm, *one)) for one in order)]
    views = [
        ScoreView(part, measure, of_arms)
        for part, measure in order
        if any(of_arms := tuple(found.get((arm, part, measure)) for arm in arms))
    ]
    return ArmScores(tuple(map(_line, arms)), tuple(views))


def gain_scores(study: StudyFolder) -> ArmScores:
    """What each arm gains over the one that it is compared with, in the order of the questions that this answers."""
    rows = study.figure(GAINS)
    asked = [gain for _, some in _asked(rows) for gain in some]
    views = []
    for part, measure in in_order(measure_of(study)):
        points = [gain_points(rows, gain, part, measure)[-1:] for gain in asked]
        found = tuple(at[0].found if at else None for at in points)
        if any(found):
            views.append(ScoreView(part, measure, found))
    lines = tuple(_gain_line(gain, _last(rows, gain)) for gain in asked)
    return ArmScores(lines, tuple(views))


def findings(study: StudyFolder) -> tuple[Finding, ...]:
    """What normalising adds: within the encoder-decoder, then to each coder; at last the best of each kind."""
    measure, meta = measure_of(study), study.meta()
    rows, seeds = study.figure(GAINS), int(meta["seeds"])
    points = {gain: at[-1] for gain in _gains(rows) if (at := gain_points(rows, gain, "all", measure))}
    alone = say("over writing the code alone")
    found = [
        Finding(
            task,
            label(task),
            points[task].state,
            f"{_clause(say(what), alone, points[task], measure, seeds)}.",
        )
        for task, what in ASKED.items()
        if task in points
    ]
    for coder in meta["coders"]:
        read = [point for reads in ("normalised", "both") if (point := points.get(f"{coder}-{reads}"))]
        if read:
            said = say("{coder}: {gains}.", coder=coder, gains=_of_coder(read, measure, seeds))
            found.append(Finding(coder, coder, _any_gain(read), said))
    reason = (study.stage(NORMALISER) or {}).get("reason")
    if rows and reason:
        said = say("No coder read normalised text, as there is no normaliser: {reason}.", reason=said_reason(reason))
        found.append(Finding(NORMALISER, say("normaliser"), None, said))
    if point := points.get(OVER_BASELINE):
        what = say("The best encoder-decoder ({arm})", arm=point.first)
        over = say("over the best coder of the raw text ({arm})", arm=point.second)
        found.append(Finding(OVER_BASELINE, what, point.state, f"{_clause(what, over, point, measure, seeds)}."))
    return tuple(found)


def gain_groups(rows: Sequence[Row]) -> tuple[GainGroup, ...]:
    """Every gain under the question that it answers."""
    return tuple(
        GainGroup(
            title, "", tuple(gain_line(_less(at[0]), at) for gain in some for at in gains_by_size(rows, gain)[-1:])
        )
        for title, some in _asked(rows)
    )


def normaliser_line(stage: Row | None) -> str:
    """How the normaliser was made, or why there is none."""
    if stage is None:
        return say("The normaliser is not made yet.")
    if stage["reason"]:
        return say("There is no normaliser: {reason}.", reason=said_reason(stage["reason"]))
    made = say_n(
        "Training certificates were normalised by {n} model, fitted without those that it then wrote for.",
        "Training certificates were normalised by {n} models, each fitted without those that it then wrote for.",
        stage["folds"],
        n=text.count(stage["folds"]),
    )
    cost = say(
        "To fit these and write all took {time}; in {share} of {n} training certificates it changed more than case, accents "
        "and punctuation.",
        time=text.duration(stage["seconds"]),
        share=text.share(stage["changed"]),
        n=text.count(stage["n"]),
    )
    return f"{_by_validation(stage)} {made} {cost}"


def _by_validation(stage: Row) -> str:
    """Which it is, and by which score it was chosen, where there was a choice."""
    scores = {arm: number(score) for arm, score in stage["scores"].items()}
    name = label(str(stage["arm"]))
    if len(scores) < 2:
        return say("The normaliser is {arm}.", arm=name)
    said = ", ".join(f"{arm} {text.score(score)}" for arm, score in scores.items())
    return say("The normaliser is {arm}; validation has chosen it ({scores}).", arm=name, scores=said)


def _asked(rows: Sequence[Row]) -> list[tuple[str, tuple[str, ...]]]:
    """The questions of the study, each with the gains that answer it; those without any are left out."""
    gains = _gains(rows)
    asked = (
        (say("what the encoder-decoder writes"), tuple(gain for gain in ASKED if gain in gains)),
        (say("what a coder reads"), tuple(gain for gain in gains if gain not in (*ASKED, OVER_BASELINE))),
        (say("the best encoder-decoder and the best coder"), tuple(gain for gain in gains if gain == OVER_BASELINE)),
    )
    return [(title, some) for title, some in asked if some]


def _last(rows: Sequence[Row], gain: str) -> GainPoint:
    """A gain with all training certificates, by any measure: which arms it compares is the same for all."""
    return gains_by_size(rows, gain)[-1][0]


def _read(arm: str) -> tuple[str, str]:
    """The coder of an arm, and what it reads."""
    coder, _, reads = arm.rpartition("-")
    return (coder, reads) if coder and reads in READS else (arm, "raw")


def _line(arm: str) -> ArmLine:
    if arm in TASKS:
        return ArmLine(label(arm), say(WRITER), arm, _look(arm))
    coder, reads = _read(arm)
    return ArmLine(label(arm), coder, say(READING[reads]), _look(arm))


def _gain_line(gain: str, point: GainPoint) -> ArmLine:
    """One arm less another under what both have in common."""
    look = _look(point.first)
    if gain in ASKED:
        return ArmLine(_less(point), say(WRITER), _less(point), look)
    (coder, reads), (other, base) = _read(point.first), _read(point.second)
    if coder == other:
        name = say("{first} less {second}", first=say(READING[reads]), second=say(READING[base]))
        return ArmLine(_less(point), coder, name, look)
    name = say("{first}\nless {second}", first=label(point.first), second=label(point.second))
    return ArmLine(_less(point), say("the best of each kind"), name, look)


def _look(arm: str) -> Look:
    """Tasks of the encoder-decoder look alike, and coders by what they read."""
    if arm in TASKS:
        return Look("task", say("encoder-decoder, by its task"), 0, 0, picked=True)
    reads = _read(arm)[1]
    words, place = READS[reads]
    return Look(reads, say(words), place, place, picked=True)


def _gains(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(row["gain"]) for row in rows))


def _less(point: GainPoint) -> str:
    """A gain by its arms; what they have in common is said once."""
    (coder, reads), (other, base) = _read(point.first), _read(point.second)
    if point.first in TASKS and point.second in TASKS:
        return say("{first} less {second}", first=point.first, second=point.second)
    if coder == other:
        read = {"first": say(READING[reads]), "second": say(READING[base])}
        return say("{coder}: {first} less {second}", coder=coder, **read)
    return say("{first} less {second}", first=label(point.first), second=label(point.second))


def _of_coder(points: Sequence[GainPoint], measure: str, seeds: int) -> str:
    """What a coder gains by the normalised text alone, and by both."""
    said = []
    for point in points:
        both = _read(point.first)[1] == "both"
        what = say("reading both texts") if both else say("reading the normalised text")
        clause = _clause(what, say("over the raw text"), point, measure, seeds)
        said.append(f"{clause[:1].lower()}{clause[1:]}")
    return text.parted(said)


def _any_gain(points: Sequence[GainPoint]) -> State | None:
    """``gain`` where one of them is, then ``none`` where one shows none; a loss only where every one known is."""
    states = {point.state for point in points}
    order: tuple[State, ...] = ("gain", "none", "loss")
    return next((state for state in order if state in states), None)


def _clause(what: str, over: str, point: GainPoint, measure: str, seeds: int) -> str:
    """Whether ``what`` gains; where fits failed, that the mean is over fewer seeds than asked for."""
    said = stated(what, over, point, measure)
    if point.n_seeds >= seeds:
        return said
    return say("{clause} (fits failed: {n} of {seeds} seeds)", clause=said, n=point.n_seeds, seeds=seeds)
