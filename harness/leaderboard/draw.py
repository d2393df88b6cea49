"""Values of a run become Plotly figures as JSON dictionaries."""

from __future__ import annotations

from harness.leaderboard import marks
from harness.leaderboard.figures import ByYear, Look, Point, Progress, RiskCoverage
from harness.leaderboard.text import interval, level, objective, risk, share


def risk_coverage(value: RiskCoverage) -> marks.Figure:
    """The curves of each slice, the pick's working point, and the promised risk as a line."""
    views = []
    for view in value.views:
        data = [
            marks.trace(
                curve.look,
                x=marks.rounded(curve.coverage),
                y=marks.rounded(curve.risk),
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
    layout = marks.layout("share coded without a person", "share wrong among these")
    layout["xaxis"] |= {"range": [0, 1.005], "tickformat": ".0%"}
    layout["yaxis"] |= {"range": [0, round(top, 4)], "tickformat": ".3~%", "rangemode": "tozero"}
    if value.promised is not None:
        layout |= _promise(value.promised, value.made)
    zooms = [
        {"label": "whole", "range": [0, round(top, 4)]},
        {"label": f"up to {level(value.near)}", "range": [0, round(value.near, 6)]},
    ]
    return {"views": views, "layout": layout, "zooms": zooms}


def by_year(value: ByYear, score_name: str) -> marks.Figure:
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
            marks.trace(
                line.look,
                x=marks.rounded(x for x, _, _ in points),
                y=marks.rounded(found.value for _, _, found in points),
                mode="lines+markers",
                error_y=marks.errors([found for _, _, found in points]),
                text=[f"{marks.exact(year)}: {marks.spelled(found)}" for _, year, found in points],
                hovertemplate="%{text}",
            )
        )
    layout = marks.layout("year", {"micro_f1": "micro-F1", "exact_match": "exact match"}[score_name])
    end = max(len(value.years) - 0.5, 0.5)
    layout["xaxis"] |= {
        "range": [-0.5, end],
        "tickvals": list(range(len(value.years))),
        "ticktext": [marks.exact(year) for year in value.years],
        "showgrid": False,
    }
    layout["yaxis"] |= {"tickformat": ".2~f"}
    return {"views": [{"label": "", "data": data}], "layout": layout, "zooms": []}


def progress(value: Progress) -> marks.Figure:
    """Trials as points, the best score so far of each family as steps."""
    unit, name = (60.0, "minutes") if value.end > 300 else (1.0, "seconds")
    data = []
    for race in value.races:
        best = [*race.best, race.best[-1]]
        times = [*(trial.end for trial in race.best), value.end]
        line = marks.trace(
            race.look,
            x=marks.rounded((time / unit for time in times), 3),
            y=marks.rounded(trial.score for trial in best),
            mode="lines",
            hovertemplate=f"best after %{{x}} {name}: %{{y:.4f}}",
        )
        line["line"]["shape"] = "hv"
        points = marks.trace(
            race.look,
            x=marks.rounded((trial.end / unit for trial in race.trials), 3),
            y=marks.rounded(trial.score for trial in race.trials),
            mode="markers",
            text=[
                f"{marks.exact(trial.name)}, {marks.exact(trial.status)}: {trial.score:.4f}" for trial in race.trials
            ],
            hovertemplate="%{text}",
        )
        points["marker"] |= {"opacity": 0.55}
        data += [line, points]
    layout = marks.layout(f"{name} since the search began", marks.exact(f"{objective(value.objective)} on validation"))
    layout["xaxis"] |= {"rangemode": "tozero"}
    return {"views": [{"label": "", "data": data}], "layout": layout, "zooms": []}


def _working_point(look: Look, point: Point) -> marks.Figure:
    found = point.risk
    text = f"working point: {share(point.coverage)} automatic, risk {risk(found.value)}"
    if found.low is not None and found.high is not None:
        text += f" {interval(risk(found.low), risk(found.high))}"
    trace = marks.trace(
        look,
        x=marks.rounded([point.coverage]),
        y=marks.rounded([found.value]),
        mode="markers",
        error_y=marks.errors([found]),
        text=[text],
        hovertemplate="%{text}",
    )
    trace["marker"] |= {"size": 13, "symbol": "circle", "line": {"color": "var(--surface)", "width": 2}}
    trace["error_y"] |= {"thickness": 2, "width": 6}
    return trace


def _promise(promised: float, made: bool) -> marks.Figure:
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": promised, "y1": promised}
    label = {"xref": "paper", "x": 0, "xanchor": "left", "y": promised, "yanchor": "bottom", "showarrow": False}
    return {
        "shapes": [{**line, "line": {"color": "var(--ink)", "width": 1.5, "dash": "dot"}}],
        "annotations": [{**label, "text": f"{'promised' if made else 'asked for'}: {level(promised)}"}],
    }
