"""What a figure of the page is made of: a drawing, the words beside it, and all the numbers behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.leaderboard.figures.looks import Look

Figure = dict[str, Any]
Kind = Literal["text", "count", "score", "share", "risk", "area", "small", "seconds", "size", "points", "number"]
Value = float | str | None


@dataclass(frozen=True, slots=True)
class Heading:
    """A column of numbers: its name in files, its name on the page, and how its values are written (as in ``text``)."""

    key: str
    label: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Numbers:
    """All that a figure is drawn from, in the digits of the rows: the page shows it as a table, and saves it as CSV."""

    headings: tuple[Heading, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class Chooser:
    """A choice between views."""

    label: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """A figure.

    Attributes
    ----------
    name : in the page's addresses and in the names of saved files
    title, caption : what it shows, and how to read it; plain texts in the spoken language
    figure : ``layout``, ``zooms`` (label and range of the y-axis) and ``views``, one for each combination of what the
        choosers offer, the last chooser's options following one another. A view has ``data``, the traces, and may have
        ``xaxis`` and ``yaxis``, what it changes of the layout's, and a ``height`` of its own in pixels.
        Of a trace, ``legendgroup`` is its entry of the key, which hides it. Is it the group of a model ("m0") or of a
        family ("f0"), then a selection of other models in the table makes the trace faint; any other group stays.
        A trace may have ``meta``: of a heat map ``groups``, the model's group of each of its columns, of which a
        selection keeps its own; ``drill`` = ``[chooser, [option of each row]]`` for what a click on a row chooses, None
        for a row that leads nowhere. A heat map with a ``texttemplate`` and hexadecimal (or ``var(--…)``) colours in its
        ``colorscale`` gets black or white texts by cell.
    choosers : none where there is one view
    looks : the key, one entry for a group of traces
    picks : whether the key marks the pick
    height : in pixels, or None for the usual one
    """

    name: str
    title: str
    caption: str
    figure: Figure
    numbers: Numbers
    choosers: tuple[Chooser, ...] = ()
    looks: tuple[Look, ...] = ()
    picks: bool = True
    height: int | None = None

    def data(self) -> Figure:
        """What the page's script reads of it."""
        return {
            **self.figure,
            "choosers": [len(chooser.options) for chooser in self.choosers],
            "numbers": {
                "columns": [[one.key, one.label, one.kind] for one in self.numbers.headings],
                "values": [_packed(column) for column in zip(*self.numbers.rows, strict=True)],
            },
        }


@dataclass(frozen=True, slots=True)
class Missing:
    """A figure that this run has no numbers for, and why."""

    name: str
    title: str
    reason: str


def _packed(column: Sequence[Value]) -> list[Value] | Figure:
    """A column as the page's script unpacks it: values, or places in the list of a few texts that come again and again."""
    texts = list(dict.fromkeys(value for value in column if isinstance(value, str)))
    if len(texts) > len(column) / 2 or any(isinstance(value, float | int) for value in column):
        return [_short(value) for value in column]
    places = {text: place for place, text in enumerate(texts)}
    return {"texts": texts, "at": [places[value] if isinstance(value, str) else None for value in column]}


def _short(value: Value) -> Value:
    """Eight digits that count are more than any figure is known to; all of a float's would fill the page."""
    return float(f"{value:.8g}") if isinstance(value, float) else value


def views(traces: Sequence[Sequence[Figure]]) -> list[Figure]:
    """Traces of every view as the page reads them."""
    return [{"data": list(one)} for one in traces]
