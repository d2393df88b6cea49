"""What all figures share, as Plotly reads it: marks, axes, errors; the only module that takes anything of Plotly.

Colours are the names of the page's CSS variables, ``var(--m0)``: the page's script puts in what they are in the theme
of the reader. Plotly reads some HTML in its texts; ``exact`` makes any text show as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from harness.leaderboard.figures.looks import Interval, Look
from harness.leaderboard.text import interval, score

Figure = dict[str, Any]

# As many as looks.SHAPES, and as many dashes.
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "star")
PATHS = (  # the same shapes in a box from -5 to 5, for the keys beside the figures
    "M4,0A4,4 0 1,1 -4,0A4,4 0 1,1 4,0Z",
    "M-3.5,-3.5H3.5V3.5H-3.5Z",
    "M0,-5L5,0L0,5L-5,0Z",
    "M0,-4.5L4.6,3.5H-4.6Z",
    "M-1.6,-4.5H1.6V-1.6H4.5V1.6H1.6V4.5H-1.6V1.6H-4.5V-1.6H-1.6Z",
    "M0,4.5L4.6,-3.5H-4.6Z",
    "M0,-5L1.3,-1.6L4.8,-1.5L2,0.7L3,4L0,2.1L-3,4L-2,0.7L-4.8,-1.5L-1.3,-1.6Z",
)
DASHES = (
    "10px,3px",
    "6px,3px",
    "3px,3px",
    "9px,3px,2px,3px",
    "14px,4px",
    "6px,2px",
    "14px,3px,3px,3px",
)
FLOOR_DASH = "1px,4px"


def library() -> tuple[str, str]:
    """plotly.js of the installed package, and the id of the style element that it would create beside its own.

    Raises
    ------
    RuntimeError
        This plotly.js is not the one the page's content security policy was made for.
    """
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    styles = re.findall(r'getElementById\("([0-9a-f]{64})"\)', script)
    if len(styles) != 1 or '"plotly.js-style-"' not in script or script.count('createElement("style")') != 2:
        raise RuntimeError(
            "plotly.js must create the two style elements that the page prepares, but this version differs"
        )
    return script, styles[0]


def exact(text: str) -> str:
    """The text as Plotly shows it letter by letter: no tag, no link, no entity in it is live."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def colour(look: Look) -> str:
    return "var(--floor)" if look.colour is None else f"var(--m{look.colour})"


def dash(look: Look) -> str:
    """The pick alone has an unbroken line."""
    return FLOOR_DASH if look.floor else "" if look.picked else DASHES[look.shape % len(DASHES)]


def trace(look: Look, **values: Any) -> Figure:
    """Points or a line as a model looks in every figure."""
    return {
        "type": "scatter",
        "name": exact(look.label),
        "legendgroup": look.group,
        "line": {"color": colour(look), "width": 3 if look.picked else 2, "dash": dash(look) or "solid"},
        "marker": {"color": colour(look), "size": 8, "symbol": SHAPES[look.shape % len(SHAPES)]},
        **values,
    }


def spelled(found: Interval) -> str:
    """A score with its interval, in words."""
    if found.low is None or found.high is None:
        return score(found.value)
    return f"{score(found.value)} {interval(score(found.low), score(found.high))}"


def errors(found: Sequence[Interval]) -> Figure:
    """Bars from the lower to the upper end of each interval."""
    return {
        "type": "data",
        "symmetric": False,
        "array": rounded(None if one.high is None else max(one.high - one.value, 0.0) for one in found),
        "arrayminus": rounded(None if one.low is None else max(one.value - one.low, 0.0) for one in found),
        "thickness": 1.5,
        "width": 4,
    }


def layout(x: str, y: str) -> Figure:
    """The two axes by their titles, and everything that is alike in all figures."""
    axis = {
        "automargin": True,
        "gridcolor": "var(--grid)",
        "linecolor": "var(--rule)",
        "showline": True,
        "zeroline": False,
        "ticks": "outside",
        "tickcolor": "var(--rule)",
    }
    return {
        "xaxis": {**axis, "title": {"text": x, "standoff": 8, "font": {"size": 13}}},
        "yaxis": {**axis, "title": {"text": y, "standoff": 8, "font": {"size": 13}}},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "var(--ink)"},
        "paper_bgcolor": "var(--surface)",
        "plot_bgcolor": "var(--surface)",
        "margin": {"l": 8, "r": 14, "t": 14, "b": 8},
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {"namelength": -1},
        "uirevision": "stays",
    }


def rounded(values: Iterable[float | None], digits: int = 5) -> list[float | None]:
    return [None if value is None else round(value, digits) for value in values]
