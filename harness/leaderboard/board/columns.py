"""What a column of the table is, and the columns of models and of what people need first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.leaderboard import text
from harness.leaderboard.language import N_
from harness.leaderboard.panel import Kind

_KINDS: Mapping[Callable[[float | None], str], Kind] = {
    text.score: "score",
    text.area: "area",
    text.small: "small",
    text.points: "points",
    text.share: "share",
    text.risk: "risk",
    text.count: "count",
    text.seconds: "seconds",
    text.size: "size",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: how it is headed, written and sorted.

    Attributes
    ----------
    label, help : marked for the catalogues, and said where they are shown
    better : ``high``, ``low``, or "" where neither is
    write : how its numbers are written; None for texts
    from_zero : whether the scale of its bars begins at 0
    undefined : when it has no value; empty where its row says why
    first : whether it is among the columns that are shown before anybody chooses
    """

    key: str
    label: str
    help: str
    better: str = ""
    write: Callable[[float | None], str] | None = None
    has_interval: bool = False
    from_zero: bool = False
    undefined: str = ""
    first: bool = False

    @property
    def kind(self) -> Kind:
        """How the page's script writes its numbers."""
        return "text" if self.write is None else _KINDS[self.write]


@dataclass(frozen=True, slots=True)
class Group:
    """Columns under one heading.

    Attributes
    ----------
    name : in the page's addresses
    title : marked for the catalogues
    reason : the key of a row that says why it has none of them, or ""
    counted : the key of a row that says over how many codes, or other things, they are, or ""
    thing : what is counted
    always : whether it is there even where no model has a value
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    reason: str = ""
    counted: str = ""
    thing: str = "code"
    always: bool = True


KINDS = (N_("baseline"), N_("transfer"), N_("encoder-decoder"), N_("ensemble"), N_("floor"))
MICRO_F1 = N_("micro\N{NON-BREAKING HYPHEN}F1")
MACRO_F1 = N_("macro\N{NON-BREAKING HYPHEN}F1")
EXACT_MATCH = N_("exact match")

MODEL = Group(
    "model",
    N_("model"),
    (
        Column("model", N_("model"), N_("name in the run"), first=True),
        Column("kind", N_("kind"), N_("baseline, transfer, encoder-decoder, ensemble or floor"), first=True),
        Column("family", N_("family"), N_("class of models")),
        Column("parameters", N_("parameters"), N_("the hyper-parameters that the search chose")),
    ),
)
CODES = Group(
    "codes",
    N_("codes"),
    (
        Column(
            "micro_f1",
            MICRO_F1,
            N_("over all (certificate, code) pairs"),
            "high",
            text.score,
            has_interval=True,
            first=True,
        ),
        Column(
            "exact_match",
            EXACT_MATCH,
            N_("share of certificates whose codes are all right"),
            "high",
            text.share,
            has_interval=True,
            first=True,
        ),
        Column("macro_f1", MACRO_F1, N_("mean F1 of the codes that occur"), "high", text.score),
    ),
)
AUTOMATION = Group(
    "automation",
    N_("automation"),
    (
        Column(
            "promised_coverage",
            N_("promised coverage"),
            N_("on calibration, at the certified threshold"),
            "high",
            text.share,
            first=True,
        ),
        Column(
            "coverage",
            N_("coverage"),
            N_("share coded without a person, at the working point"),
            "high",
            text.share,
            first=True,
        ),
        Column(
            "risk",
            N_("risk"),
            N_("share wrong of those coded without a person"),
            "low",
            text.risk,
            has_interval=True,
            from_zero=True,
            first=True,
        ),
    ),
)
CONFIDENCE = Group(
    "confidence",
    N_("confidence"),
    (
        Column("aurc", N_("AURC"), N_("area under the risk–coverage curve"), "low", text.area, first=True),
        Column("augrc", N_("AUGRC"), N_("area under the generalised risk–coverage curve"), "low", text.area),
        Column(
            "oracle_coverage_at_2",
            N_("oracle coverage at 2\N{NO-BREAK SPACE}%"),
            N_("largest coverage at a risk of 2 %, threshold chosen in hindsight"),
            "high",
            text.share,
        ),
    ),
)
COST = Group(
    "cost",
    N_("cost"),
    (
        Column(
            "certificates_per_second",
            N_("certificates per second"),
            N_("speed of prediction"),
            "high",
            text.count,
            first=True,
        ),
        Column("bytes", N_("size"), N_("of the saved model"), "low", text.size, first=True),
        Column(
            "fit_seconds",
            N_("fit,\N{NO-BREAK SPACE}s"),
            N_("seconds of the fit behind this row"),
            "low",
            text.seconds,
            first=True,
        ),
        Column("n_labels", N_("labels"), N_("codes that the model can give"), "high", text.count),
    ),
)
VALIDATION = Group(
    "validation",
    N_("validation"),
    (
        Column(
            "validation_micro_f1",
            MICRO_F1,
            N_("on validation, of the fit that the search made"),
            "high",
            text.score,
        ),
    ),
)
FIRST = (MODEL, CODES, AUTOMATION, CONFIDENCE, COST)
