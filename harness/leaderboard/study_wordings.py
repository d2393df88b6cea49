"""How near what was written comes to the experts' wording, beside a peer and a bound: a table of a normalisation study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.rows import number
from harness.leaderboard.study_normalise import TASKS, label
from harness.leaderboard.table import Cell
from harness.run.study import CEILING, NEAREST, NORMALISER, WORDINGS, StudyFolder

NAMES = {NEAREST: "nearest known wording", CEILING: "ceiling"}
ALL, UNSEEN = "all", "unseen"
MEASURES: Mapping[str, Callable[[float | None], str]] = {
    "exact_match": text.share,
    "cer": text.score,
    "chrf": text.points,
    "code_f1": text.score,
}
NO_LINES = "the certificates have no codes by line, so that no line has a known wording"


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
            NAMES.get(arm) or label(arm),
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
        return "a bound is known of exact match alone" if arm == CEILING else "not measured"
    return "there is no such line" if not row["n_lines"] else "no fit wrote text, or nothing to divide by"


def _n_lines(rows: Sequence[Row], part: str) -> str:
    n = next((row["n_lines"] for row in rows if row["slice"] == part), 0)
    return text.number_of(n, "line")


def _sentence(found: Mapping[tuple[str, str, str], Row], arm: str | None, reason: str) -> str:
    """Exact match of the normaliser on lines that training never had, less the peer's, and below the bound."""
    if arm is None:
        return f"There is no normaliser: {text.public(reason)}." if reason else "There is no normaliser."
    mine, peer, most = (found.get((one, UNSEEN, "exact_match")) or {} for one in (arm, NEAREST, CEILING))
    n = mine.get("n_lines", 0)
    if not n:
        return "No held-out line has a text that training never had."
    of_lines = f"On {text.number_of(n, 'held-out line')} whose text training never had, "
    value = number(mine.get("value"))
    if value is None:
        return f"{of_lines}it is undefined how often the normaliser ({label(arm)}) writes the experts’ wording."
    parts = [f"{of_lines}the normaliser ({label(arm)}) writes the experts’ wording in {_with_interval(mine)} of them"]
    if (other := number(peer.get("value"))) is not None:
        parts.append(f"{_points(value - other, 'more', 'fewer')} than the nearest known wording ({text.share(other)})")
    if (bound := number(most.get("value"))) is not None:
        parts.append(f"{_points(bound - value, 'below', 'above')} the ceiling ({text.share(bound)})")
    return f"{parts[0]}: {', and '.join(parts[1:])}." if parts[1:] else f"{parts[0]}."


def _points(difference: float, over: str, under: str) -> str:
    return f"{text.points(abs(100 * difference))} points {over if difference >= 0 else under}"


def _with_interval(row: Row) -> str:
    low, high = number(row["low"]), number(row["high"])
    value = text.share(number(row["value"]))
    return value if low is None or high is None else f"{value} {text.interval(text.share(low), text.share(high))}"


def _why(study: StudyFolder) -> str:
    """Why no line could be held against a wording."""
    if not study.corpus().get("by_line"):
        return f"No line could be compared: {NO_LINES}."
    own = [row for row in study.rows() if row["arm"] in TASKS]
    reasons = dict.fromkeys(text.public(str(row.get("normalised_reason") or row.get("reason") or "")) for row in own)
    said = "; ".join(reason for reason in reasons if reason) or "no fit of the encoder-decoder wrote text"
    return f"No line could be compared: {said}."
