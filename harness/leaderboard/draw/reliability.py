"""The reliability diagram: mean confidence against the share that is right."""

from __future__ import annotations

from collections.abc import Mapping

from harness.leaderboard import marks
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.figures.reliability import Group, Model, Reliability, Slice, reliability
from harness.leaderboard.language import say
from harness.leaderboard.panel import Chooser, Figure, Heading, Missing, Numbers, Panel, views
from harness.leaderboard.rows import ALL, Evidence
from harness.leaderboard.text import number_of, parted, score
from harness.leaderboard.text import years as spell_years

NAME = "reliability"


def panel(evidence: Evidence, looks: Mapping[str, Look]) -> Panel | Missing:
    value = reliability(evidence, looks)
    title = say("Reliability of the confidence")
    if not value.slices:
        why = say("no groups of like confidence were kept with this run")
        if value.silent:
            why = say("no model has a confidence that is a probability ({models})", models=_silent(value))
        return Missing(NAME, title, why)
    return Panel(
        name=NAME,
        title=title,
        caption=_caption(value),
        figure=_figure(value),
        numbers=_numbers(value),
        choosers=(Chooser(say("Certificates"), tuple(_label(value, one) for one in value.slices)),),
        looks=value.looks,
    )


def _label(value: Reliability, one: Slice) -> str:
    if one.year == ALL:
        return say("{years}, all together", years=spell_years(value.years)) if value.years else say("all together")
    return one.year


def _caption(value: Reliability) -> str:
    said = [
        say(
            "Certificates in up to 15 groups of like confidence, of about equal size as equal ones stay together: the mean "
            "confidence that all codes are right, and the share of certificates where they are, with exact 95 % intervals. On "
            "the diagonal a confidence means what it says; below it a model is too sure of itself, above it not sure enough."
        )
    ]
    if value.role != "heldout":
        said.append(say("These are validation years, on which every choice was made."))
    if value.silent:
        said.append(say("Not shown, as their confidence is no probability: {models}.", models=_silent(value)))
    if value.stand_ins:
        said.append(
            say(
                "Decided by another confidence, which is no probability, and drawn by the product of the codes’ "
                "probabilities: {models}.",
                models=", ".join(value.stand_ins),
            )
        )
    said.append(say("The calibration error (ECE) and the Brier score of each model stand with the numbers."))
    return " ".join(said)


def _silent(value: Reliability) -> str:
    """Each reason once, with its models."""
    models: dict[str, list[str]] = {}
    for name, reason in value.silent:
        models.setdefault(reason, []).append(name)
    return parted(say("{models}: {reason}", models=", ".join(names), reason=reason) for reason, names in models.items())


def _figure(value: Reliability) -> Figure:
    layout = marks.layout(say("mean confidence"), say("share right"))
    layout["xaxis"] |= {"range": [-0.01, 1.02], "tickformat": ".0%"}
    layout["yaxis"] |= {"range": [-0.01, 1.03], "tickformat": ".0%"}
    return {
        "views": views([[_diagonal(), *map(_trace, one.models)] for one in value.slices]),
        "layout": layout,
        "zooms": [],
    }


def _diagonal() -> Figure:
    line = {"color": "var(--ink)", "width": 1.5, "dash": "dot"}
    return {"type": "scatter", "x": [0, 1], "y": [0, 1], "mode": "lines", "line": line, "hoverinfo": "skip"}


def _trace(model: Model) -> Figure:
    return marks.trace(
        model.look,
        x=marks.rounded(group.confidence for group in model.groups),
        y=marks.rounded(group.right.value for group in model.groups),
        mode="lines+markers",
        error_y=marks.errors([group.right for group in model.groups]),
        text=[_said(group) for group in model.groups],
        hovertemplate="%{text}",
    )


def _said(group: Group) -> str:
    return say(
        "confidence {confidence}, right {right}, {certificates}",
        confidence=score(group.confidence),
        right=marks.spelled(group.right),
        certificates=number_of(group.n, "certificate"),
    )


def _numbers(value: Reliability) -> Numbers:
    return Numbers(
        headings=(
            Heading("model", say("model")),
            Heading("year", say("year")),
            Heading("estimator", say("estimator")),
            Heading("low", say("confidence from"), "score"),
            Heading("high", say("to"), "score"),
            Heading("confidence", say("mean confidence"), "score"),
            Heading("right", say("share right"), "score"),
            Heading("right_low", say("{score}, lower end", score=say("share right")), "score"),
            Heading("right_high", say("{score}, upper end", score=say("share right")), "score"),
            Heading("n", say("certificates"), "count"),
            Heading("ece", say("ECE"), "area"),
            Heading("brier", say("Brier score"), "area"),
        ),
        rows=tuple(
            (
                model.look.label,
                _label(value, one),
                model.estimator,
                group.low,
                group.high,
                group.confidence,
                group.right.value,
                group.right.low,
                group.right.high,
                group.n,
                model.ece,
                model.brier,
            )
            for one in value.slices
            for model in one.models
            for group in model.groups
        ),
    )
