"""Which trial ran in which slot, and when: a bar for each."""

from __future__ import annotations

from collections.abc import Mapping

from harness.leaderboard import marks
from harness.leaderboard.draw.progress import unit_of
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.figures.slots import SEVERAL, Bar, Slots, slots
from harness.leaderboard.language import N_, say, say_n
from harness.leaderboard.panel import Figure, Heading, Missing, Numbers, Panel, views
from harness.leaderboard.rows import Evidence
from harness.leaderboard.text import count, seconds, share

NAME = "slots"
ROW, AROUND, LEAST = 26, 84, 180  # pixels of a slot, of the axis with its title, and of the whole
MOST_TICKS = 16  # slots that are named one by one
PATTERNS = {"done": "", "stopped": "/", "failed": "x", SEVERAL: "."}
ENDS = {"done": N_("done"), "stopped": N_("stopped"), "failed": N_("failed"), SEVERAL: N_("several")}


def panel(evidence: Evidence, looks: Mapping[str, Look]) -> Panel | Missing:
    value = slots(evidence)
    title = say("Slots over time")
    if not value.bars:
        return Missing(NAME, title, say("no trial has ended in a slot yet"))
    return Panel(
        name=NAME,
        title=title,
        caption=_caption(value),
        figure=_figure(value),
        numbers=_numbers(value),
        looks=value.looks,
        picks=False,
        height=max(ROW * value.n_slots + AROUND, LEAST),
    )


def _caption(value: Slots) -> str:
    said = [
        say("Each bar is a trial in the slot in which it ran, in the colour of its family."),
        *(
            say(text)
            for status, text in (
                ("stopped", N_("Striped bars were stopped early.")),
                ("failed", N_("Crossed bars failed.")),
                (SEVERAL, N_("In dotted bars trials ended differently.")),
            )
            if any(bar.status == status for bar in value.bars)
        ),
    ]
    if value.idle is not None:
        said.append(
            say_n(
                "The {n} slot was idle for {share} of the time.",
                "The {n} slots were idle for {share} of their time.",
                value.n_slots,
                n=count(value.n_slots),
                share=share(value.idle),
            )
        )
    if value.merged:
        said.append(
            say(
                "To keep the {n} trials readable, trials of one family that followed one another in a slot are one bar.",
                n=count(value.n_trials),
            )
        )
    if value.n_left_out:
        said.append(say("The {n} shortest bars are left out.", n=count(value.n_left_out)))
    return " ".join(said)


def _numbers(value: Slots) -> Numbers:
    return Numbers(
        headings=(
            Heading("slot", say("slot"), "count"),
            Heading("family", say("family")),
            Heading("trial", say("trial")),
            Heading("trials", say("trials"), "count"),
            Heading("status", say("status")),
            Heading("start", say("began after, s"), "seconds"),
            Heading("end", say("ended after, s"), "seconds"),
        ),
        rows=tuple(
            (bar.slot, bar.family, bar.trial, bar.n, _ended(bar.status), round(bar.start, 3), round(bar.end, 3))
            for bar in value.bars
        ),
    )


def _ended(status: str) -> str:
    return say(ENDS.get(status, status))


def _figure(value: Slots) -> Figure:
    size, unit = unit_of(value.end)
    traces = [
        _trace(look, status, bars, size)
        for look in value.looks
        for status in PATTERNS
        if (bars := [bar for bar in value.bars if (bar.family, _known(bar.status)) == (look.label, status)])
    ]
    layout = marks.layout(say("{unit} since the search began", unit=unit), say("slot"))
    layout |= {"barmode": "overlay"}
    layout["xaxis"] |= {"range": [0, round(1.01 * value.end / size, 4)]}
    layout["yaxis"] |= {"range": [value.n_slots - 0.5, -0.5], "tickformat": "d", "showgrid": False}
    if value.n_slots <= MOST_TICKS:
        layout["yaxis"] |= {"dtick": 1}
    return {"views": views([traces]), "layout": layout, "zooms": []}


def _known(status: str) -> str:
    return status if status in PATTERNS else SEVERAL


def _trace(look: Look, status: str, bars: list[Bar], size: float) -> Figure:
    """The bars of a family that ended alike; full where they are done, else patterned within an outline."""
    colour, pattern = marks.colour(look), PATTERNS[status]
    marker: Figure = {"color": colour, "line": {"color": "var(--surface)", "width": 0.5}}
    if pattern:
        marker["line"] = {"color": colour, "width": 1.5}
        marker["pattern"] = {
            "shape": pattern,
            "fgcolor": colour,
            "bgcolor": "var(--surface)",
            "size": 6,
            "solidity": 0.35,
        }
    return {
        "type": "bar",
        "orientation": "h",
        "name": marks.exact(look.label),
        "legendgroup": look.group,
        "base": marks.rounded((bar.start / size for bar in bars), 3),
        "x": marks.rounded(((bar.end - bar.start) / size for bar in bars), 3),
        "y": [bar.slot for bar in bars],
        "width": 0.8,
        "marker": marker,
        "text": [_said(bar) for bar in bars],
        "textposition": "none",
        "hovertemplate": say("{trial}, {status}", trial="%{text}", status=marks.exact(_ended(status))),
    }


def _said(bar: Bar) -> str:
    which = {"trial": marks.exact(bar.trial), "start": seconds(bar.start), "end": seconds(bar.end)}
    if bar.n == 1:
        return say("{trial}: {start} to {end} s", **which)
    return say("{trial} and {n} more: {start} to {end} s", **which, n=count(bar.n - 1))
