"""How near what was written comes to the experts' wording, beside a peer and a bound: a table of a normalisation study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.language import N_, say, say_n
from harness.leaderboard.reasons import reason as said_reason
from harness.leaderboard.rows import number
from harness.leaderboard.study.normalise import TASKS, label
from harness.leaderboard.study.tables import Cell
from harness.run.study import CEILING, NEAREST, NORMALISER, WORDINGS, StudyFolder

NAMES = {NEAREST: N_("nearest known wording"), CEILING: N_("ceiling")}
ALL, UNSEEN = "all", "unseen"
MEASURES: Mapping[str, Callable[[float | None], str]] = {
    "exact_match": text.share,
    "cer": text.score,
    "chrf": text.points,
    "code_f1": text.score,
}


@dataclass(frozen=True, slots=True)
class WordingLine:
    """An arm, the peer or the bound: every measure over all lines, then over those that training never had."""

    name: str
    chosen: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Wordings:
    """The table, and in a sentence what the normaliser does better than its peer; ``reason`` where there is no table."""

    n_all: str
    n_unseen: str
    lines: tuple[WordingLine, ...]
    sentence: str
    reason: str


def wordings(study: StudyFolder) -> Wordings:
    rows = study.figure(WORDINGS)
    stage = study.stage(NORMALISER) or {}
    chosen = None if stage.get("reason") else stage.get("arm")
    found = {(row["arm"], row["slice"], row["measure"]): row for row in rows}
    lines = tuple(
        WordingLine(
            say(NAMES[arm]) if arm in NAMES else label(arm),
            arm == chosen,
            tuple(
                _cell(arm, measure, found.get((arm, part, measure))) for part in (ALL, UNSEEN) for measure in MEASURES
            ),
        )
        for arm in dict.fromkeys(str(row["arm"]) for row in rows)
    )
    return Wordings(
        n_all=_n_lines(rows, ALL),
        n_unseen=_n_lines(rows, UNSEEN),
        lines=lines,
        sentence=_sentence(found, chosen, str(stage.get("reason") or "")) if rows else "",
        reason="" if rows else _why(study),
    )


def _cell(arm: str, measure: str, row: Row | None) -> Cell:
    write = MEASURES[measure]
    value = number((row or {}).get("value"))
    if row is None or value is None:
        return Cell(text.DASH, None, reason=_undefined(arm, row))
    low, high = number(row["low"]), number(row["high"])
    return Cell(write(value), value, "" if low is None or high is None else text.interval(write(low), write(high)))


def _undefined(arm: str, row: Row | None) -> str:
    if row is None:
        return say("a bound is known of exact match alone") if arm == CEILING else say("not measured")
    if not row["n_lines"]:
        return say("there is no such line")
    return say("no fit wrote text, or nothing to divide by")


def _n_lines(rows: Sequence[Row], part: str) -> str:
    n = next((row["n_lines"] for row in rows if row["slice"] == part), 0)
    return text.number_of(n, "line")


def _sentence(found: Mapping[tuple[str, str, str], Row], arm: str | None, reason: str) -> str:
    """Exact match of the normaliser on lines that training never had, less the peer's, and below the bound."""
    if arm is None:
        if reason:
            return say("There is no normaliser: {reason}.", reason=said_reason(reason))
        return say("There is no normaliser.")
    mine, peer, most = (found.get((one, UNSEEN, "exact_match")) or {} for one in (arm, NEAREST, CEILING))
    n = mine.get("n_lines", 0)
    if not n:
        return say("No held-out line has a text that training never had.")
    values = {"lines": _heldout_lines(n), "arm": label(arm)}
    value = number(mine.get("value"))
    if value is None:
        return say(
            "On {lines} whose text training never had, it is undefined how often the normaliser ({arm}) writes the experts’ "
            "wording.",
            **values,
        )
    compared = []
    if (other := number(peer.get("value"))) is not None:
        compared.append(_against_peer(value - other, other))
    if (bound := number(most.get("value"))) is not None:
        compared.append(_against_bound(bound - value, bound))
    values |= {"share": _with_interval(mine)}
    if not compared:
        return say(
            "On {lines} whose text training never had, the normaliser ({arm}) writes the experts’ wording in {share} of them.",
            **values,
        )
    return say(
        "On {lines} whose text training never had, the normaliser ({arm}) writes the experts’ wording in {share} of them: "
        "{compared}.",
        **values,
        compared=compared[0] if len(compared) == 1 else say("{one}, and {other}", one=compared[0], other=compared[1]),
    )


def _heldout_lines(n: int) -> str:
    return say_n("{n} held-out line", "{n} held-out lines", n, n=text.count(n)).replace(" ", text.SPACE, 1)


def _against_peer(more: float, peer: float) -> str:
    values = {"points": text.points(abs(100 * more)), "share": text.share(peer)}
    if more >= 0:
        return say("{points} points more than the nearest known wording ({share})", **values)
    return say("{points} points fewer than the nearest known wording ({share})", **values)


def _against_bound(below: float, bound: float) -> str:
    values = {"points": text.points(abs(100 * below)), "share": text.share(bound)}
    if below >= 0:
        return say("{points} points below the ceiling ({share})", **values)
    return say("{points} points above the ceiling ({share})", **values)


def _with_interval(row: Row) -> str:
    low, high = number(row["low"]), number(row["high"])
    value = text.share(number(row["value"]))
    return value if low is None or high is None else f"{value} {text.interval(text.share(low), text.share(high))}"


def _why(study: StudyFolder) -> str:
    """Why no line could be held against a wording."""
    if not study.corpus().get("by_line"):
        return say(
            "No line could be compared: the certificates have no codes by line, so that no line has a known wording."
        )
    own = [row for row in study.rows() if row["arm"] in TASKS]
    reasons = dict.fromkeys(said_reason(row.get("normalised_reason") or row.get("reason")) for row in own)
    said = text.parted(reason for reason in reasons if reason) or say("no fit of the encoder-decoder wrote text")
    return say("No line could be compared: {reason}.", reason=said)
