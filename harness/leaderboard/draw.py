"""Values become Plotly figures as JSON dictionaries; the only module that knows Plotly.

Colours are the names of the page's CSS variables, ``var(--m0)``: the page's script puts in what they are in the theme
of the reader. Plotly reads some HTML in its texts; ``exact`` makes any text show as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from harness.leaderboard.figures import ByYear, Interval, Look, Point, Progress, RiskCoverage
from harness.leaderboard.text import interval, level, objective, risk, score, share

Figure = dict[str, Any]

SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "pentagon", "star")
PATHS = (  # the same shapes in a box from -5 to 5, for the keys beside the figures
    "M4,0A4,4 0 1,1 -4,0A4,4 0 1,1 4,0Z",
    "M-3.5,-3.5H3.5V3.5H-3.5Z",
    "M0,-5L5,0L0,5L-5,0Z",
    "M0,-4.5L4.6,3.5H-4.6Z",
    "M-1.6,-4.5H1.6V-1.6H4.5V1.6H1.6V4.5H-1.6V1.6H-4.5V-1.6H-1.6Z",
    "M0,4.5L4.6,-3.5H-4.6Z",
    "M0,-4.6L4.4,-1.4L2.7,3.7H-2.7L-4.4,-1.4Z",
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
    "2px,2px,6px,2px",
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


def risk_coverage(value: RiskCoverage) -> Figure:
    """The curves of each slice, the pick's working point, and the promised risk as a line."""
    views = []
    for view in value.views:
        data = [
            _trace(
                curve.look,
                x=_rounded(curve.coverage),
                y=_rounded(curve.risk),
                mode="lines+markers" if curve.has_steps else "lines",
                hovertemplate="coverage %{x:.1%}, risk %{y:.2%}",
            )
            for curve in view.curves
            if curve.coverage
        ]
        if view.point and view.picked:
            data.append(_working_point(view.picked, view.point))
        views.append({"label": view.label, "data": data})
    whole = [
        risk
        for view in value.views
        for curve in view.curves
        for coverage, risk in zip(curve.coverage, curve.risk, strict=True)
        if coverage >= 0.1 and not curve.look.floor
    ]
    top = min(1.02, 1.08 * max([*whole, value.near / 5], default=1.0))
    layout = _layout("share coded without a person", "share wrong among these")
    layout["xaxis"] |= {"range": [0, 1.005], "tickformat": ".0%"}
    layout["yaxis"] |= {"range": [0, round(top, 4)], "tickformat": ".3~%", "rangemode": "tozero"}
    if value.promised is not None:
        layout |= _promise(value.promised, value.made)
    zooms = [
        {"label": "whole", "range": [0, round(top, 4)]},
        {"label": f"up to {level(value.near)}", "range": [0, round(value.near, 6)]},
    ]
    return {"views": views, "layout": layout, "zooms": zooms}


def by_year(value: ByYear, score_name: str) -> Figure:
    """One score, by year: a point with its interval for each model, a little apart."""
    data = []
    ours = sum(not line.look.floor for line in value.lines)
    step = min(0.09, 0.7 / max(len(value.lines), 1))
    for place, line in enumerate(sorted(value.lines, key=lambda line: line.look.floor)):
        shift = (place - (ours - 1) / 2) * step
        points = [
            (index + shift, year, found)
            for index, (year, found) in enumerate(zip(value.years, getattr(line, score_name), strict=True))
            if found is not None
        ]
        data.append(
            _trace(
                line.look,
                x=_rounded(x for x, _, _ in points),
                y=_rounded(found.value for _, _, found in points),
                mode="lines+markers",
                error_y=_errors([found for _, _, found in points]),
                text=[f"{exact(year)}: {_spelled(found)}" for _, year, found in points],
                hovertemplate="%{text}",
            )
        )
    layout = _layout("year", {"micro_f1": "micro-F1", "exact_match": "exact match"}[score_name])
    end = max(len(value.years) - 0.5, 0.5)
    layout["xaxis"] |= {
        "range": [-0.5, end],
        "tickvals": list(range(len(value.years))),
        "ticktext": [exact(year) for year in value.years],
        "showgrid": False,
    }
    layout["yaxis"] |= {"tickformat": ".2~f"}
    return {"views": [{"label": "", "data": data}], "layout": layout, "zooms": []}


def progress(value: Progress) -> Figure:
    """Trials as points, the best score so far of each family as steps."""
    unit, name = (60.0, "minutes") if value.end > 300 else (1.0, "seconds")
    data = []
    for race in value.races:
        best = [*race.best, race.best[-1]]
        times = [*(trial.end for trial in race.best), value.end]
        line = _trace(
            race.look,
            x=_rounded((time / unit for time in times), 3),
            y=_rounded(trial.score for trial in best),
            mode="lines",
            hovertemplate=f"best after %{{x}} {name}: %{{y:.4f}}",
        )
        line["line"]["shape"] = "hv"
        points = _trace(
            race.look,
            x=_rounded((trial.end / unit for trial in race.trials), 3),
            y=_rounded(trial.score for trial in race.trials),
            mode="markers",
            text=[f"{exact(trial.name)}, {exact(trial.status)}: {trial.score:.4f}" for trial in race.trials],
            hovertemplate="%{text}",
        )
        points["marker"] |= {"opacity": 0.55}
        data += [line, points]
    layout = _layout(f"{name} since the search began", exact(f"{objective(value.objective)} on validation"))
    layout["xaxis"] |= {"rangemode": "tozero"}
    return {"views": [{"label": "", "data": data}], "layout": layout, "zooms": []}


def _trace(look: Look, **values: Any) -> Figure:
    return {
        "type": "scatter",
        "name": exact(look.label),
        "legendgroup": look.group,
        "line": {"color": colour(look), "width": 3 if look.picked else 2, "dash": dash(look) or "solid"},
        "marker": {"color": colour(look), "size": 8, "symbol": SHAPES[look.shape % len(SHAPES)]},
        **values,
    }


def _working_point(look: Look, point: Point) -> Figure:
    found = point.risk
    text = f"working point: {share(point.coverage)} automatic, risk {risk(found.value)}"
    if found.low is not None and found.high is not None:
        text += f" {interval(risk(found.low), risk(found.high))}"
    trace = _trace(
        look,
        x=_rounded([point.coverage]),
        y=_rounded([found.value]),
        mode="markers",
        error_y=_errors([found]),
        text=[text],
        hovertemplate="%{text}",
    )
    trace["marker"] |= {"size": 13, "symbol": "circle", "line": {"color": "var(--surface)", "width": 2}}
    trace["error_y"] |= {"thickness": 2, "width": 6}
    return trace


def _spelled(found: Interval) -> str:
    if found.low is None or found.high is None:
        return score(found.value)
    return f"{score(found.value)} {interval(score(found.low), score(found.high))}"


def _errors(found: list[Interval]) -> Figure:
    return {
        "type": "data",
        "symmetric": False,
        "array": _rounded(None if one.high is None else max(one.high - one.value, 0.0) for one in found),
        "arrayminus": _rounded(None if one.low is None else max(one.value - one.low, 0.0) for one in found),
        "thickness": 1.5,
        "width": 4,
    }


def _promise(promised: float, made: bool) -> Figure:
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": promised, "y1": promised}
    label = {"xref": "paper", "x": 0, "xanchor": "left", "y": promised, "yanchor": "bottom", "showarrow": False}
    return {
        "shapes": [{**line, "line": {"color": "var(--ink)", "width": 1.5, "dash": "dot"}}],
        "annotations": [{**label, "text": f"{'promised' if made else 'asked for'}: {level(promised)}"}],
    }


def _layout(x: str, y: str) -> Figure:
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
        "margin": {"l": 8, "r": 14, "t": 34, "b": 8},
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {"namelength": -1},
        "uirevision": "stays",
    }


def _rounded(values: Iterable[float | None], digits: int = 5) -> list[float | None]:
    return [None if value is None else round(value, digits) for value in values]
