"""Scores by how often training had the code: a point for each model and band."""

from __future__ import annotations

from collections.abc import Mapping

from harness.leaderboard import marks
from harness.leaderboard.draw.years import apart, of_validation
from harness.leaderboard.figures.bands import BandLine, ByBand, by_band
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.language import N_, say, say_n
from harness.leaderboard.panel import Chooser, Figure, Heading, Missing, Numbers, Panel, views
from harness.leaderboard.rows import Evidence
from harness.leaderboard.text import count, number_of, score

NAME = "bands"
MEASURES = (("micro_f1", N_("micro-F1")), ("macro_f1", N_("macro-F1")), ("recall", N_("recall")))
BANDS = {
    "unseen": N_("never"),
    "1_9": N_("1–9"),
    "10_99": N_("10–99"),
    "100_up": N_("≥ 100"),
}


def panel(evidence: Evidence, looks: Mapping[str, Look]) -> Panel | Missing:
    value = by_band(evidence, looks)
    title = say("Rare and frequent codes")
    if not value.lines:
        return Missing(NAME, title, say("no model is scored by how often training had a code"))
    return Panel(
        name=NAME,
        title=title,
        caption=_caption(value),
        figure=_figure(value),
        numbers=_numbers(value),
        choosers=(Chooser(say("Score"), tuple(say(label) for _, label in MEASURES)),),
        looks=tuple(line.look for line in value.lines),
    )


def _caption(value: ByBand) -> str:
    said = [
        say(
            "Scores of the codes that training had never, seldom and often, counted in certificates of the fit behind each "
            "model. Under each band stands how many of its codes occur here; a band of few codes tells little."
        ),
        say("No model can give a code that it never saw, unless a code list adds it."),
    ]
    return " ".join([*said, *of_validation(value.role)])


def _figure(value: ByBand) -> Figure:
    layout = marks.layout(say("training certificates with the code"), "")
    layout["xaxis"] |= {
        "range": [-0.5, len(value.bands) - 0.5],
        "tickvals": list(range(len(value.bands))),
        "ticktext": [
            f"{marks.exact(say(BANDS[band]))}<br>{_codes(span)}"
            for band, span in zip(value.bands, value.n_codes, strict=True)
        ],
        "showgrid": False,
    }
    layout["yaxis"] |= {"range": [0, 1.02], "tickformat": ".1f"}
    return {"views": views([_traces(value, key) for key, _ in MEASURES]), "layout": layout, "zooms": []}


def _codes(span: tuple[int, int] | None) -> str:
    """How many codes a band has; from the least to the most where the models learned from different certificates."""
    if span is None:
        return ""
    least, most = span
    return (
        number_of(most, "code") if least == most else say("{least}–{most} codes", least=count(least), most=count(most))
    )


def _traces(value: ByBand, measure: str) -> list[Figure]:
    shifts = apart([line.look for line in value.lines])
    return [_trace(line, measure, shift) for line, shift in zip(value.lines, shifts, strict=True)]


def _trace(line: BandLine, measure: str, shift: float) -> Figure:
    points = [
        (place + shift, found, n)
        for place, (found, n) in enumerate(zip(line.scores[measure], line.n_codes, strict=True))
        if found is not None
    ]
    return marks.trace(
        line.look,
        x=marks.rounded(x for x, _, _ in points),
        y=marks.rounded(found for _, found, _ in points),
        mode="markers",
        text=[_said(found, n) for _, found, n in points],
        hovertemplate="%{text}",
    )


def _said(found: float, n: int | None) -> str:
    if n is None:
        return score(found)
    return say_n("{score}, {n} code", "{score}, {n} codes", n, score=score(found), n=count(n))


def _numbers(value: ByBand) -> Numbers:
    return Numbers(
        headings=(
            Heading("model", say("model")),
            Heading("band", say("training certificates with the code")),
            Heading("n_codes", say("codes that occur"), "count"),
            *(Heading(key, say(label), "score") for key, label in MEASURES),
        ),
        rows=tuple(
            (
                line.look.label,
                say(BANDS[band]),
                line.n_codes[place],
                *(line.scores[key][place] for key, _ in MEASURES),
            )
            for line in value.lines
            for place, band in enumerate(value.bands)
        ),
    )
