"""The numbers and words of a normalisation study, from its rows: what it gains to bring a text into standard wording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard import study_tables, text
from harness.leaderboard.columns import Column
from harness.leaderboard.figures import Interval, Look
from harness.leaderboard.provenance import Term
from harness.leaderboard.rows import number
from harness.leaderboard.study_gains import (
    GAIN_TERM,
    MEASURES,
    SLICES,
    Finding,
    GainPoint,
    State,
    gain_points,
    gains_by_size,
    interval,
    measure_of,
    named,
    stated,
)
from harness.leaderboard.study_tables import GainGroup, gain_line
from harness.run.study import CURVES, GAINS, NORMALISER, StudyFolder

TEMPLATE = "study_normalise.html.jinja"
USES = {
    "train": "fitting, and in parts to normalise the rest",
    "validation": "tuning, thresholds, choice of the normaliser",
    "calibration": "not used",
    "held-out": "comparison of the arms",
}
WRITER = "encoder-decoder"
TASKS = ("code", "normalise", "joint")
# What a coder reads, by the end of its arm's name, and how it looks in the figure.
READS = {
    "raw": Look("raw", "raw text", 1, 1, picked=True),
    "normalised": Look("normalised", "normalised text", 2, 2, picked=True),
    "both": Look("both", "both texts", 3, 3, picked=True),
}
WRITES = Look("task", f"{WRITER}, by its task", 0, 0, picked=True)
OVER_BASELINE = "over_baseline"
ASKED = {
    "normalise": f"Writing the standard wording before its code ({WRITER}, normalise)",
    "joint": f"Learning to write the wording beside the codes ({WRITER}, joint)",
}
TERMS = (
    *named("micro-F1", "exact match", "macro-F1"),
    Term(
        "arm",
        "",
        "One way to a model, tuned once and then frozen: a task of the encoder-decoder, or a coder and what it reads.",
    ),
    Term(
        "code, normalise, joint",
        "",
        "What the encoder-decoder writes. code: the codes. normalise: each term in standard wording, then its code. joint: "
        "either, told by the first token; its codes are those that it writes as codes.",
    ),
    Term(
        "standard wording",
        "",
        "The experts’ own wording of a line’s codes in their order where the certificates have it, else the codes’ titles.",
    ),
    Term(
        "normaliser",
        "",
        "The encoder-decoder of normalise or of joint, whichever writes better on validation: by the F1 of the "
        "codes that its text alone leads to, or without codes by line by the score of its tuning.",
    ),
    Term(
        "cross-fitted",
        "",
        "The training certificates are normalised by models that were fitted without them, so that a coder learns from such "
        "texts as it will read later, errors included. Validation and held-out certificates are normalised by the one fitted "
        "on all of training.",
    ),
    Term(
        "raw, normalised, both",
        "",
        "What a coder reads, in training and later: the text as it was written; only what the normaliser wrote; each line and "
        "what was written of it, or where whole certificates are read, what was written of one behind its last line.",
    ),
    GAIN_TERM,
    Term(
        "interval of a gain",
        "",
        "From 95 % of resamples of the held-out certificates, both arms in the same resamples, each widened by what a mean of so "
        "few seeds may be off (Student’s t). A seed starts the fit. It covers the chance of both; not that of the tuning and of "
        "the normaliser, which were made once, nor that of other years.",
    ),
    Term(
        "nearest known wording",
        "",
        "The peer of a model that writes: of all wordings of training and the code list, the one most like the line, by the "
        "cosine of TF-IDF of character n-grams. A title or synonym that training never had answers with its code’s most "
        "frequent wording.",
    ),
    Term(
        "ceiling",
        "",
        "The largest share of lines that can be the same when a text always has one answer: what no model that reads the text "
        "alone goes over. A text that stands once is always right in it, so that on lines whose text training never had it "
        "flatters. On generated certificates it is an estimate instead, from 64,000 certificates of the same generator: of a model "
        "that sees which wording was meant through all that befell the text, and lacks only which of its standard texts a vague "
        "wording stands for.",
    ),
    *named("CER", "chrF", "code F1"),
    Term("frequency of a code", "", "The number of certificates with the code in all training years."),
)
FITS = (
    *(column for column in study_tables.FITS[:-1] if column.key != "n_train"),  # the same for all
    *(
        Column(
            f"normalised_{key}{part}",
            f"{label}{of}",
            f"held-out lines{', of those whose text training never had' if part else ''}, against the experts’ wording",
            better,
            write,
        )
        for part, of in (("", ", lines"), ("_unseen", ", unseen lines"))
        for key, label, better, write in (
            ("exact_match", "exact match", "high", text.share),
            ("cer", "CER", "low", text.score),
        )
    ),
    study_tables.FITS[-1],
)
KEYS = [
    *study_tables.KEYS,
    *("text", "n_unseen_lines"),
    *(
        f"normalised_{key}{part}"
        for part in ("", "_unseen")
        for key in ("exact_match", "cer", "chrf", "code_f1", "reason")
    ),
]


@dataclass(frozen=True, slots=True)
class ArmLine:
    """An arm in the figure: under which heading it stands, and what tells it from its neighbours."""

    arm: str
    group: str
    name: str
    look: Look


@dataclass(frozen=True, slots=True)
class ScoreView:
    """One measure on one slice of the codes, of each arm; None where it is undefined."""

    label: str
    found: tuple[Interval | None, ...]


@dataclass(frozen=True, slots=True)
class ArmScores:
    lines: tuple[ArmLine, ...]
    views: tuple[ScoreView, ...]


def label(arm: str) -> str:
    if arm in TASKS:
        return f"{WRITER}, {arm}"
    coder, reads = _read(arm)
    return f"{coder}, {reads}"


def scores(study: StudyFolder) -> ArmScores:
    """Every arm's held-out scores, those that the study is about first; an arm without any is left out."""
    rows = study.figure(CURVES)
    main = measure_of(study)
    order = sorted(MEASURES, key=lambda one: one != ("all", main))
    found = {(row["arm"], row["slice"], row["measure"]): interval(row) for row in rows}
    arms = [str(arm) for arm in study.meta()["arms"] if any(found.get((arm, *one)) for one in order)]
    views = [
        ScoreView(f"{text.objective(measure)}, {SLICES[part]}", of_arms)
        for part, measure in order
        if any(of_arms := tuple(found.get((arm, part, measure)) for arm in arms))
    ]
    return ArmScores(tuple(map(_line, arms)), tuple(views))


def findings(study: StudyFolder) -> tuple[Finding, ...]:
    """What normalising adds: within the encoder-decoder, then to each coder; at last the best of each kind."""
    measure, meta = measure_of(study), study.meta()
    rows, seeds = study.figure(GAINS), int(meta["seeds"])
    points = {gain: at[-1] for gain in _gains(rows) if (at := gain_points(rows, gain, "all", measure))}
    found = [
        Finding(
            task,
            label(task),
            points[task].state,
            f"{stated(what, over, points[task], measure)}{_few(points[task], seeds)}.",
        )
        for task, what in ASKED.items()
        if task in points and (over := "over writing the code alone")
    ]
    for coder in meta["coders"]:
        read = [point for reads in ("normalised", "both") if (point := points.get(f"{coder}-{reads}"))]
        if read:
            found.append(Finding(coder, coder, _any_gain(read), f"{coder}: {_of_coder(read, measure, seeds)}."))
    reason = (study.stage(NORMALISER) or {}).get("reason")
    if rows and reason:
        said = f"No coder read normalised text, as there is no normaliser: {text.public(str(reason))}."
        found.append(Finding(NORMALISER, NORMALISER, None, said))
    if point := points.get(OVER_BASELINE):
        what, over = f"The best {WRITER} ({point.first})", f"over the best coder of the raw text ({point.second})"
        said = f"{stated(what, over, point, measure)}{_few(point, seeds)}."
        found.append(Finding(OVER_BASELINE, what, point.state, said))
    return tuple(found)


def gain_groups(rows: Sequence[Row]) -> tuple[GainGroup, ...]:
    """Every gain under the question that it answers."""
    gains = _gains(rows)
    asked = {
        f"what the {WRITER} writes": tuple(gain for gain in ASKED if gain in gains),
        "what a coder reads": tuple(gain for gain in gains if gain not in (*ASKED, OVER_BASELINE)),
        f"the best {WRITER} and the best coder": tuple(gain for gain in gains if gain == OVER_BASELINE),
    }
    return tuple(
        GainGroup(
            title, "", tuple(gain_line(_less(at[0]), at) for gain in some for at in gains_by_size(rows, gain)[-1:])
        )
        for title, some in asked.items()
        if some
    )


def normaliser_line(stage: Row | None) -> str:
    """How the normaliser was made, or why there is none."""
    if stage is None:
        return "The normaliser is not made yet."
    if stage["reason"]:
        return f"There is no normaliser: {text.public(str(stage['reason']))}."
    return (
        f"The normaliser is {label(str(stage['arm']))}{_by_validation(stage)}. Training certificates were normalised by "
        f"{text.number_of(stage['folds'], 'model')}, each fitted without those that it then wrote for. To fit these and "
        f"write all took {text.duration(stage['seconds'])}; in {text.share(stage['changed'])} of {text.count(stage['n'])} training "
        "certificates it changed more than case, accents and punctuation."
    )


def _by_validation(stage: Row) -> str:
    """By which score it was chosen, where there was a choice."""
    scores = {arm: number(score) for arm, score in stage["scores"].items()}
    if len(scores) < 2:
        return ""
    said = ", ".join(f"{arm} {text.score(score)}" for arm, score in scores.items())
    return f"; validation has chosen it ({said})"


def _read(arm: str) -> tuple[str, str]:
    """The coder of an arm, and what it reads."""
    coder, _, reads = arm.rpartition("-")
    return (coder, reads) if coder and reads in READS else (arm, "raw")


def _line(arm: str) -> ArmLine:
    if arm in TASKS:
        return ArmLine(arm, WRITER, arm, WRITES)
    coder, reads = _read(arm)
    return ArmLine(arm, coder, reads, READS[reads])


def _gains(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(row["gain"]) for row in rows))


def _less(point: GainPoint) -> str:
    """A gain by its arms; what they have in common is said once."""
    (coder, reads), (other, base) = _read(point.first), _read(point.second)
    if point.first in TASKS and point.second in TASKS:
        return f"{point.first} less {point.second}"
    return f"{coder}: {reads} less {base}" if coder == other else f"{label(point.first)} less {label(point.second)}"


def _of_coder(points: Sequence[GainPoint], measure: str, seeds: int) -> str:
    """What a coder gains by the normalised text alone, and by both."""
    said, over = [], "over the raw text"
    for point in points:
        what = f"reading {'both texts' if _read(point.first)[1] == 'both' else 'the normalised text'}"
        clause = stated(what, over, point, measure)
        said.append(f"{clause[:1].lower()}{clause[1:]}{_few(point, seeds)}")
    return "; ".join(said)


def _any_gain(points: Sequence[GainPoint]) -> State | None:
    """``gain`` where one of them is, then ``none`` where one shows none; a loss only where every one known is."""
    states = {point.state for point in points}
    order: tuple[State, ...] = ("gain", "none", "loss")
    return next((state for state in order if state in states), None)


def _few(point: GainPoint, seeds: int) -> str:
    """That fits failed, so that the mean is over fewer seeds than asked for."""
    return f" (fits failed: {point.n_seeds} of {seeds} seeds)" if point.n_seeds < seeds else ""
