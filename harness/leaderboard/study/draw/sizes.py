"""The axis of training sizes, on which learning curves and gains lie."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

from harness.leaderboard import marks
from harness.leaderboard.figures.looks import Interval, Look
from harness.leaderboard.language import say
from harness.leaderboard.panel import Figure
from harness.leaderboard.text import count

APART = 0.012  # of the axis, between the lines at one size


def layout(sizes: Sequence[tuple[str, int]], y: str) -> Figure:
    """Axes over the numbers of training certificates, on a logarithmic scale."""
    numbers, span = [n for _, n in sizes], span_of(sizes)
    found = marks.layout(say("training certificates (logarithmic)"), y)
    found["xaxis"] |= {
        "type": "log",
        "range": marks.rounded([log10(numbers[0]) - 0.08 * span, log10(numbers[-1]) + 0.08 * span]),
        "tickvals": numbers,
        "ticktext": [f"{count(n)}<br>{marks.exact(size)}" for size, n in sizes],
        "showgrid": False,
    }
    found["yaxis"] |= {"tickformat": ".4~f"}
    return found


def span_of(sizes: Sequence[tuple[str, int]]) -> float:
    """How many decades the sizes span, but never almost none."""
    return max(log10(sizes[-1][1] / sizes[0][1]), 0.3)


def line(look: Look, points: Sequence[tuple[int, Interval]], words: Sequence[str], place: float, span: float) -> Figure:
    """Values with their intervals by training certificates, a little aside so that they can be told from others'."""
    aside = 10 ** (place * APART * span)
    return marks.trace(
        look,
        x=marks.rounded((n * aside for n, _ in points), 2),
        y=marks.rounded(found.value for _, found in points),
        mode="lines+markers",
        error_y=marks.errors([found for _, found in points]),
        text=list(words),
        hovertemplate="%{text}",
    )
