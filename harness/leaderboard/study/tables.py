"""The tables of a study: its rows become cells that are ready to be written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.language import N_, say
from harness.leaderboard.reasons import reason as said_reason
from harness.leaderboard.rows import number
from harness.leaderboard.study.gains import BANDS, GainPoint, State, signed

Label = Callable[[str], str]
UNDEFINED = N_("no such code occurs in the held-out certificates or is predicted")
KEYS = [
    *("arm", "family", "kind", "size", "n_train", "seed", "status", "reason", "epochs", "threshold"),
    *("validation_score", "n", "n_labels", "micro_f1", "micro_f1_low", "micro_f1_high", "macro_f1"),
    *("exact_match", "exact_match_low", "exact_match_high", "fit_seconds"),
    *(f"{key}_{band}" for band in BANDS for key in ("n_codes", "micro_f1", "macro_f1", "recall")),
]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of fits: its key in the rows, its name and what it says, which way is better, how it is written."""

    key: str
    label: str
    help: str
    better: str
    write: Callable[[float | None], str]
    has_interval: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    value: float | None
    interval: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GainCell:
    """A gain with its interval; ``state`` is None where it is undefined."""

    value: str
    interval: str
    state: State | None


@dataclass(frozen=True, slots=True)
class GainLine:
    """A gain on all codes and on each band of them."""

    name: str
    cells: tuple[GainCell, ...]


@dataclass(frozen=True, slots=True)
class GainGroup:
    """Gains under one heading; ``arms`` says which, where it is the same for all."""

    title: str
    arms: str
    lines: tuple[GainLine, ...]


@dataclass(frozen=True, slots=True)
class TunedLine:
    """What the tuning of an arm left frozen, and what it cost."""

    arm: str
    trials: str
    slot_seconds: str
    score: str
    steps: str
    adaptation: str
    parameters: str
    reason: str


@dataclass(frozen=True, slots=True)
class FitLine:
    arm: str
    cells: tuple[Cell, ...]
    reason: str


FITS = (
    Column("n_train", N_("training certificates"), N_("of the training years"), "", text.count),
    Column("seed", N_("seed"), N_("of the draw of the certificates and of the fit"), "", text.count),
    Column("epochs", N_("epochs"), N_("1 where a family knows none"), "", text.count),
    Column("threshold", N_("threshold"), N_("set on validation"), "", text.score),
    Column(
        "validation_score", N_("validation"), N_("the objective, on which the threshold was set"), "high", text.score
    ),
    Column("micro_f1", N_("micro-F1"), N_("held-out, all codes"), "high", text.score, has_interval=True),
    Column("macro_f1", N_("macro-F1"), N_("held-out, mean of the codes that occur"), "high", text.score),
    Column("exact_match", N_("exact match"), N_("held-out"), "high", text.share, has_interval=True),
    Column(
        "micro_f1_unseen",
        N_("never"),
        N_("held-out micro-F1 of codes that no training certificate had"),
        "high",
        text.score,
    ),
    Column(
        "micro_f1_1_9", N_("1–9"), N_("held-out micro-F1 of codes in 1–9 training certificates"), "high", text.score
    ),
    Column(
        "micro_f1_10_99",
        N_("10–99"),
        N_("held-out micro-F1 of codes in 10–99 training certificates"),
        "high",
        text.score,
    ),
    Column(
        "micro_f1_100_up",
        N_("100 or more"),
        N_("held-out micro-F1 of codes in 100 or more training certificates"),
        "high",
        text.score,
    ),
    Column("fit_seconds", N_("fit, s"), N_("seconds of the fit"), "low", text.seconds),
)


def gain_line(name: str, points: Sequence[GainPoint]) -> GainLine:
    """One gain at one training size, in the order of the measures."""
    return GainLine(name, tuple(map(_gain_cell, points)))


def tuned_lines(tuned: Sequence[Row], label: Label) -> tuple[TunedLine, ...]:
    """Every arm that is tuned."""
    return tuple(
        TunedLine(
            arm=label(str(row["arm"])),
            trials=text.count(number(row.get("trials"))),
            slot_seconds=text.seconds(number(row.get("slot_seconds"))),
            score=text.score(number(row.get("score"))),
            steps=text.count(number(row.get("steps"))),
            adaptation=text.seconds(number(row.get("adaptation_seconds"))),
            parameters=text.pairs(row.get("parameters") or {}),
            reason=said_reason(row.get("reason") or row.get("closed")),
        )
        for row in tuned
    )


def fit_lines(rows: Sequence[Row], arms: Sequence[str], columns: Sequence[Column], label: Label) -> tuple[FitLine, ...]:
    """Every fit: arms in their order, the largest training size first."""
    order = {arm: place for place, arm in enumerate(arms)}
    ranked = sorted(rows, key=lambda row: (order.get(row["arm"], len(order)), -Fraction(row["size"]), row["seed"]))
    return tuple(
        FitLine(label(str(row["arm"])), tuple(_cell(column, row) for column in columns), _reason(row)) for row in ranked
    )


def raw(rows: Sequence[Row], keys: Sequence[str] = KEYS) -> list[list[float | str | None]]:
    """The same fits as the download has them, in the order of the keys."""
    return [[_raw(row.get(key)) for key in keys] for row in rows]


def _gain_cell(point: GainPoint) -> GainCell:
    found = point.found
    if found is None:
        return GainCell(text.DASH, "", None)
    return GainCell(signed(found.value), text.interval(signed(found.low), signed(found.high)), point.state)


def _cell(column: Column, row: Row) -> Cell:
    value = number(row.get(column.key))
    if value is None:
        return Cell(text.DASH, None, reason=_reason(row) or _of_wording(column.key, row) or say(UNDEFINED))
    low, high = number(row.get(f"{column.key}_low")), number(row.get(f"{column.key}_high"))
    if not column.has_interval or low is None or high is None:
        return Cell(column.write(value), value)
    return Cell(column.write(value), value, text.interval(column.write(low), column.write(high)))


def _of_wording(key: str, row: Row) -> str:
    """Why a fit has no score of what it wrote; nothing where the score is of codes."""
    if not key.startswith("normalised_"):
        return ""
    return said_reason(row.get(f"normalised_reason{'_unseen' if key.endswith('_unseen') else ''}"))


def _reason(row: Row) -> str:
    return said_reason(row.get("reason"))


def _raw(value: object) -> float | str | None:
    return text.public(value) if isinstance(value, str) else number(value)
