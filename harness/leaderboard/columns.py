"""Which scores the page shows, in which order and words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.rows import number

NO_CODE = "no certificate has a code"
NOTHING = "no code is predicted"
WORDING = "Lines in standard wording"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: how it is headed, written and sorted.

    Attributes
    ----------
    better : ``high``, ``low``, or "" where neither is
    from_zero : whether the scale of its bars begins at 0
    undefined : when it has no value; empty where its row says why
    """

    key: str
    label: str
    help: str
    better: str = ""
    write: Callable[[float | None], str] | None = None
    has_interval: bool = False
    from_zero: bool = False
    undefined: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Columns under one heading.

    Attributes
    ----------
    reason : the key of a row that says why it has none of them, or ""
    counted : the key of a row that says over how many codes, or other things, they are, or ""
    thing : what is counted
    always : whether its table is shown even where no model has a value
    """

    title: str
    columns: tuple[Column, ...]
    reason: str = ""
    counted: str = ""
    thing: str = "code"
    always: bool = True


VALIDATION = Column(
    "validation_micro_f1",
    "micro\N{NON-BREAKING HYPHEN}F1",
    "on validation, of the fit that the search made",
    "high",
    text.score,
)
SCORES = (
    Column(
        "micro_f1", "micro\N{NON-BREAKING HYPHEN}F1", "over all (certificate, code) pairs", "high", text.score, True
    ),
    Column("exact_match", "exact match", "share of certificates whose codes are all right", "high", text.share, True),
    Column("macro_f1", "macro\N{NON-BREAKING HYPHEN}F1", "mean F1 of the codes that occur", "high", text.score),
    Column("aurc", "AURC", "area under the risk–coverage curve", "low", text.area),
    Column("augrc", "AUGRC", "area under the generalised risk–coverage curve", "low", text.area),
    Column(
        "oracle_coverage_at_2",
        f"oracle coverage at 2{text.SPACE}%",
        "largest coverage at a risk of 2 %, threshold chosen in hindsight",
        "high",
        text.share,
    ),
)
AUTOMATION = (
    Column("promised_coverage", "promised coverage", "on calibration, at the certified threshold", "high", text.share),
    Column("coverage", "coverage", "share coded without a person, at the working point", "high", text.share),
    Column("risk", "risk", "share wrong of those coded without a person", "low", text.risk, True, from_zero=True),
)
COST = (
    Column("n_labels", "labels", "codes that the model can give", "high", text.count),
    Column("fit_seconds", f"fit,{text.SPACE}s", "seconds of the fit behind this row", "low", text.seconds),
    Column("certificates_per_second", "certificates per second", "speed of prediction", "high", text.count),
    Column("bytes", "size", "of the saved model", "low", text.size),
)
TEXTS = (
    Column("model", "model", "name in the run"),
    Column("family", "family", "class of models"),
    Column("kind", "kind", "baseline, transfer, encoder-decoder, ensemble or floor"),
)


def _band(name: str, title: str) -> Group:
    of = f"codes {title} training certificates" if name != "unseen" else "codes that no training certificate had"
    return Group(
        title,
        (
            Column(f"micro_f1_{name}", _F1["micro"], f"over all pairs of {of}", "high", text.score, undefined=_EMPTY),
            Column(
                f"macro_f1_{name}",
                _F1["macro"],
                f"mean F1 of the {of} that occur",
                "high",
                text.score,
                undefined=_EMPTY,
            ),
            Column(
                f"recall_{name}",
                "recall",
                f"share of the true pairs found, of {of}",
                "high",
                text.score,
                undefined=_EMPTY,
            ),
        ),
        counted=f"n_codes_{name}",
    )


def _level(name: str, title: str) -> Group:
    return Group(
        title,
        (
            Column(f"{name}_micro_f1", _F1["micro"], f"over all (certificate, {name}) pairs", "high", text.score),
            Column(f"{name}_macro_f1", _F1["macro"], f"mean F1 of each {name} that occurs", "high", text.score),
            Column(
                f"{name}_exact_match",
                "exact match",
                f"share of certificates that have every {name} right, and none too many",
                "high",
                text.share,
            ),
        ),
        reason="levels_reason",
    )


_F1 = {"micro": "micro\N{NON-BREAKING HYPHEN}F1", "macro": "macro\N{NON-BREAKING HYPHEN}F1"}
_EMPTY = "no code of this band occurs"
SETS = Group(
    "sets of codes",
    (
        Column(
            "micro_precision",
            "precision",
            "share of the predicted pairs that are true",
            "high",
            text.score,
            undefined=NOTHING,
        ),
        Column(
            "micro_recall",
            "recall",
            "share of the true pairs that are predicted",
            "high",
            text.score,
            undefined=NO_CODE,
        ),
        Column("samples_f1", "samples\N{NON-BREAKING HYPHEN}F1", "mean F1 of the certificates", "high", text.score),
        Column(
            "hamming_loss", "Hamming loss", "share of all (certificate, code) pairs that are wrong", "low", text.small
        ),
    ),
)
RANKING = Group(
    "ranking, whatever the threshold",
    (
        Column("average_precision", "AP", "micro-averaged average precision", "high", text.score, undefined=NO_CODE),
        *(
            Column(
                f"precision_at_{place}",
                f"P@{place}",
                f"share of true codes among the {highest}",
                "high",
                text.score,
                undefined=NO_CODE,
            )
            for place, highest in ((1, "highest score"), (3, "three highest scores"), (5, "five highest scores"))
        ),
        Column("lrap", "LRAP", "label-ranking average precision", "high", text.score),
    ),
)
CONFIDENCE = Group(
    "confidence as a probability",
    (
        Column("brier", "Brier", "mean squared error of the confidence", "low", text.area),
        Column("ece", "ECE", "expected calibration error of the confidence", "low", text.area),
    ),
    reason="confidence_reason",
)
LINES = Group(
    "lines, as CLEF scores them",
    (
        Column(
            "clef_precision", "precision", "of (document, line, code) triples", "high", text.score, undefined=NOTHING
        ),
        Column("clef_recall", "recall", "of (document, line, code) triples", "high", text.score, undefined=NO_CODE),
        Column("clef_f1", "F1", "of (document, line, code) triples", "high", text.score, undefined=NO_CODE),
        Column(
            "clef_external_f1",
            "F1, external causes",
            "of triples with a code of V01–Y98",
            "high",
            text.score,
            undefined="no external cause occurs",
        ),
    ),
    reason="lines_reason",
)


def _normalised(part: str, title: str, of: str) -> Group:
    return Group(
        title,
        (
            Column(
                f"normalised_exact_match{part}",
                "exact match",
                f"share of {of} whose text is the experts’",
                "high",
                text.share,
            ),
            Column(f"normalised_cer{part}", "CER", f"character error rate of {of}", "low", text.score),
            Column(f"normalised_chrf{part}", "chrF", f"character n-gram F-score of {of}, of 100", "high", text.points),
            Column(
                f"normalised_code_f1{part}",
                "code F1",
                f"over the (line, code) pairs that the text alone leads to, of {of}",
                "high",
                text.score,
            ),
        ),
        reason=f"normalised_reason{part}",
        counted="n_unseen_lines" if part else "",
        thing="line",
        always=False,
    )


# One table each, so that it fits a screen.
MORE: tuple[tuple[str, tuple[Group, ...]], ...] = (
    ("Sets, ranking, confidence", (SETS, RANKING, CONFIDENCE)),
    (
        "Coarser codes, and lines",
        (_level("category", "categories (3 characters)"), _level("chapter", "chapters"), LINES),
    ),
    (
        "By how often training had the code",
        (
            _band("unseen", "never"),
            _band("1_9", "in 1–9"),
            _band("10_99", "in 10–99"),
            _band("100_up", "in 100 or more"),
        ),
    ),
    (
        WORDING,
        (
            _normalised("", "all lines", "all lines"),
            _normalised("_unseen", "lines whose text training never had", "lines whose text training never had"),
        ),
    ),
)


def more_groups(rows: Iterable[Row]) -> tuple[tuple[str, tuple[Group, ...]], ...]:
    """The tables below the leaderboard; one that only some models have is left out where no row has a value of it."""
    there = {key for row in rows for key in row if number(row[key]) is not None}
    return tuple((title, groups) for title, groups in MORE if any(_is_shown(group, there) for group in groups))


def _is_shown(group: Group, there: set[str]) -> bool:
    return group.always or any(column.key in there for column in group.columns)
