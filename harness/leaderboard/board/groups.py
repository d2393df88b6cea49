"""The columns that are shown when somebody asks for them: every other score of a row."""

from __future__ import annotations

from harness.leaderboard import text
from harness.leaderboard.board.columns import EXACT_MATCH, MACRO_F1, MICRO_F1, Column, Group
from harness.leaderboard.language import N_

NO_CODE = N_("no certificate has a code")
NOTHING = N_("no code is predicted")
EMPTY = N_("no code of this band occurs")
PRECISION, RECALL = N_("precision"), N_("recall")
LINE = "line_"  # before the keys of a score row whose unit is the line

SETS = Group(
    "sets",
    N_("sets of codes"),
    (
        Column(
            "micro_precision",
            PRECISION,
            N_("share of the predicted pairs that are true"),
            "high",
            text.score,
            undefined=NOTHING,
        ),
        Column(
            "micro_recall",
            RECALL,
            N_("share of the true pairs that are predicted"),
            "high",
            text.score,
            undefined=NO_CODE,
        ),
        Column(
            "samples_f1",
            N_("samples\N{NON-BREAKING HYPHEN}F1"),
            N_("mean F1 of the certificates"),
            "high",
            text.score,
        ),
        Column(
            "hamming_loss",
            N_("Hamming loss"),
            N_("share of all (certificate, code) pairs that are wrong"),
            "low",
            text.small,
        ),
    ),
)
RANKING = Group(
    "ranking",
    N_("ranking, whatever the threshold"),
    (
        Column(
            "average_precision",
            N_("AP"),
            N_("micro-averaged average precision"),
            "high",
            text.score,
            undefined=NO_CODE,
        ),
        *(
            Column(key, label, means, "high", text.score, undefined=NO_CODE)
            for key, label, means in (
                ("precision_at_1", N_("P@1"), N_("share of true codes among the highest score")),
                ("precision_at_3", N_("P@3"), N_("share of true codes among the three highest scores")),
                ("precision_at_5", N_("P@5"), N_("share of true codes among the five highest scores")),
            )
        ),
        Column("lrap", N_("LRAP"), N_("label-ranking average precision"), "high", text.score),
    ),
)
PROBABILITY = Group(
    "probability",
    N_("confidence as a probability"),
    (
        Column("brier", N_("Brier"), N_("mean squared error of the confidence"), "low", text.area),
        Column("ece", N_("ECE"), N_("expected calibration error of the confidence"), "low", text.area),
    ),
    reason="confidence_reason",
)
CLEF = Group(
    "clef",
    N_("lines, as CLEF scores them"),
    (
        Column(
            "clef_precision",
            PRECISION,
            N_("of (document, line, code) triples"),
            "high",
            text.score,
            undefined=NOTHING,
        ),
        Column("clef_recall", RECALL, N_("of (document, line, code) triples"), "high", text.score, undefined=NO_CODE),
        Column("clef_f1", N_("F1"), N_("of (document, line, code) triples"), "high", text.score, undefined=NO_CODE),
        Column(
            "clef_external_f1",
            N_("F1, external causes"),
            N_("of triples with a code of V01–Y98"),
            "high",
            text.score,
            undefined=N_("no external cause occurs"),
        ),
    ),
    reason="lines_reason",
)
# Of the score rows whose unit is the line: what is coded, and left to persons, line by line.
BY_LINE = Group(
    "line",
    N_("by line: codes and automation"),
    (
        Column(f"{LINE}micro_f1", MICRO_F1, N_("over all (line, code) pairs"), "high", text.score),
        Column(f"{LINE}exact_match", EXACT_MATCH, N_("share of lines whose codes are all right"), "high", text.share),
        Column(
            f"{LINE}promised_coverage",
            N_("promised coverage"),
            N_("of calibration's lines, at the certified threshold"),
            "high",
            text.share,
        ),
        Column(
            f"{LINE}coverage",
            N_("coverage"),
            N_("share of lines coded without a person, at the working point"),
            "high",
            text.share,
        ),
        Column(
            f"{LINE}risk",
            N_("risk"),
            N_("share wrong of the lines coded without a person"),
            "low",
            text.risk,
            has_interval=True,
            from_zero=True,
        ),
        Column(f"{LINE}aurc", N_("AURC"), N_("area under the risk–coverage curve of lines"), "low", text.area),
    ),
    reason=f"{LINE}reason",
    always=False,
)


def _level(name: str, title: str, micro: str, macro: str, exact: str) -> Group:
    return Group(
        name,
        title,
        (
            Column(f"{name}_micro_f1", MICRO_F1, micro, "high", text.score),
            Column(f"{name}_macro_f1", MACRO_F1, macro, "high", text.score),
            Column(f"{name}_exact_match", EXACT_MATCH, exact, "high", text.share),
        ),
        reason="levels_reason",
    )


def _band(name: str, title: str, micro: str, macro: str, recall: str) -> Group:
    return Group(
        f"band-{name}",
        title,
        (
            Column(f"micro_f1_{name}", MICRO_F1, micro, "high", text.score, undefined=EMPTY),
            Column(f"macro_f1_{name}", MACRO_F1, macro, "high", text.score, undefined=EMPTY),
            Column(f"recall_{name}", RECALL, recall, "high", text.score, undefined=EMPTY),
        ),
        reason=f"reason_{name}",
        counted=f"n_codes_{name}",
    )


def _written(part: str, title: str, exact: str, cer: str, chrf: str, codes: str) -> Group:
    return Group(
        f"wording{part.replace('_', '-')}",
        title,
        (
            Column(f"normalised_exact_match{part}", EXACT_MATCH, exact, "high", text.share),
            Column(f"normalised_cer{part}", N_("CER"), cer, "low", text.score),
            Column(f"normalised_chrf{part}", N_("chrF"), chrf, "high", text.points),
            Column(f"normalised_code_f1{part}", N_("code F1"), codes, "high", text.score),
        ),
        reason=f"normalised_reason{part}",
        counted="n_unseen_lines" if part else "",
        thing="line",
        always=False,
    )


LEVELS = (
    _level(
        "category",
        N_("categories (3 characters)"),
        N_("over all (certificate, category) pairs"),
        N_("mean F1 of each category that occurs"),
        N_("share of certificates that have every category right, and none too many"),
    ),
    _level(
        "chapter",
        N_("chapters"),
        N_("over all (certificate, chapter) pairs"),
        N_("mean F1 of each chapter that occurs"),
        N_("share of certificates that have every chapter right, and none too many"),
    ),
)
BANDS = (
    _band(
        "unseen",
        N_("codes that training never had"),
        N_("over all pairs of codes that no training certificate had"),
        N_("mean F1 of the codes that no training certificate had, and that occur"),
        N_("share of the true pairs found, of codes that no training certificate had"),
    ),
    _band(
        "1_9",
        N_("codes in 1–9 training certificates"),
        N_("over all pairs of codes in 1–9 training certificates"),
        N_("mean F1 of the codes in 1–9 training certificates that occur"),
        N_("share of the true pairs found, of codes in 1–9 training certificates"),
    ),
    _band(
        "10_99",
        N_("codes in 10–99 training certificates"),
        N_("over all pairs of codes in 10–99 training certificates"),
        N_("mean F1 of the codes in 10–99 training certificates that occur"),
        N_("share of the true pairs found, of codes in 10–99 training certificates"),
    ),
    _band(
        "100_up",
        N_("codes in 100 or more training certificates"),
        N_("over all pairs of codes in 100 or more training certificates"),
        N_("mean F1 of the codes in 100 or more training certificates that occur"),
        N_("share of the true pairs found, of codes in 100 or more training certificates"),
    ),
)
WORDINGS = (
    _written(
        "",
        N_("standard wording, all lines"),
        N_("share of all lines whose text is the experts’"),
        N_("character error rate of all lines"),
        N_("character n-gram F-score of all lines, of 100"),
        N_("over the (line, code) pairs that the text alone leads to, of all lines"),
    ),
    _written(
        "_unseen",
        N_("standard wording, lines whose text training never had"),
        N_("share of lines whose text training never had, and whose text is the experts’"),
        N_("character error rate of lines whose text training never had"),
        N_("character n-gram F-score of lines whose text training never had, of 100"),
        N_("over the (line, code) pairs that the text alone leads to, of lines whose text training never had"),
    ),
)
MORE = (SETS, RANKING, PROBABILITY, *LEVELS, *BANDS, CLEF, BY_LINE, *WORDINGS)
