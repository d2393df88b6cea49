"""How the search went on: every trial, and the best score so far of each family, by the clock that the reader chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.leaderboard import marks
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.figures.progress import Progress, Race, Trial, progress
from harness.leaderboard.language import N_, say
from harness.leaderboard.panel import Chooser, Figure, Heading, Missing, Numbers, Panel
from harness.leaderboard.rows import Evidence
from harness.leaderboard.text import count, objective

NAME = "progress"
STOPPED = "stopped"
STATUSES = (N_("done"), N_("stopped"), N_("failed"))  # as trials end
# How long a search must be for its time to be told in the unit, and the seconds of it.
UNITS = ((3 * 3600.0, 3600.0, N_("hours")), (300.0, 60.0, N_("minutes")), (0.0, 1.0, N_("seconds")))


@dataclass(frozen=True, slots=True)
class _Clock:
    """What the x-axis counts: of a trial, and where the line of a family ends."""

    label: str
    title: str
    at: Callable[[Trial], float]
    end: Callable[[Race], float]


def panel(evidence: Evidence, looks: Mapping[str, Look]) -> Panel | Missing:
    value = progress(evidence)
    title = say("Search history")
    if not value.races:
        return Missing(NAME, title, say("no trial has a score yet"))
    clocks = _clocks(value)
    return Panel(
        name=NAME,
        title=title,
        caption=_caption(value),
        figure=_figure(value, clocks),
        numbers=_numbers(value),
        choosers=(Chooser(say("Over"), tuple(clock.label for clock in clocks)),),
        looks=tuple(race.look for race in value.races),
        picks=False,
    )


def unit_of(seconds: float) -> tuple[float, str]:
    """The seconds of the unit in which so much time is told, and its name."""
    return next((size, say(name)) for least, size, name in UNITS if seconds >= least)


def _caption(value: Progress) -> str:
    said = [
        say(
            "Each point is a trial at its end, each line the best {objective} on validation so far of a family. Over slot "
            "time or trials, families can be compared that had more of the budget than others; failed trials count there too.",
            objective=objective(value.objective),
        )
    ]
    if any(trial.status == STOPPED for race in value.races for trial in race.trials):
        said.append(say("Hollow points were stopped early, with the score that they had."))
    if value.n_drawn < value.n_scored:
        said.append(
            say(
                "Of the {n} trials with a score {drawn} are drawn: the best of each family, and an even sample of the others.",
                n=count(value.n_scored),
                drawn=count(value.n_drawn),
            )
        )
    said.append(say("The numbers are those of the trials that were better than all before them in their family."))
    return " ".join(said)


def _numbers(value: Progress) -> Numbers:
    return Numbers(
        headings=(
            Heading("family", say("family")),
            Heading("trial", say("trial")),
            Heading("status", say("status")),
            Heading("end", say("ended after, s"), "seconds"),
            Heading("slot_time", say("slot time of the family, s"), "seconds"),
            Heading("trials", say("trials of the family"), "count"),
            Heading("best", say("best so far"), "area"),
        ),
        rows=tuple(
            (race.look.label, trial.name, say(trial.status), trial.end, trial.used, trial.nth, trial.score)
            for race in value.races
            for trial in race.best
        ),
    )


def _clocks(value: Progress) -> tuple[_Clock, ...]:
    wall, wall_unit = unit_of(value.end)
    slot, slot_unit = unit_of(max(race.used for race in value.races))
    return (
        _Clock(
            say("time since the search began"),
            say("{unit} since the search began", unit=wall_unit),
            lambda trial: trial.end / wall,
            lambda race: value.end / wall,
        ),
        _Clock(
            say("slot time of the family"),
            say("{unit} of slots that the family had taken", unit=slot_unit),
            lambda trial: trial.used / slot,
            lambda race: race.used / slot,
        ),
        _Clock(
            say("trials of the family"),
            say("trials of the family that had ended"),
            lambda trial: trial.nth,
            lambda race: race.n,
        ),
    )


def _figure(value: Progress, clocks: Sequence[_Clock]) -> Figure:
    layout = marks.layout(
        clocks[0].title, marks.exact(say("{objective} on validation", objective=objective(value.objective)))
    )
    layout["xaxis"] |= {"rangemode": "tozero"}
    layout["yaxis"] |= {"tickformat": ".4~f"}
    views = [
        {
            "data": [trace for race in value.races for trace in _traces(race, clock)],
            "xaxis": {"title": layout["xaxis"]["title"] | {"text": clock.title}},
        }
        for clock in clocks
    ]
    return {"views": views, "layout": layout, "zooms": _zooms(value)}


def _traces(race: Race, clock: _Clock) -> list[Figure]:
    line = marks.trace(
        race.look,
        x=marks.rounded([*(clock.at(trial) for trial in race.best), clock.end(race)], 3),
        y=marks.rounded([*(trial.score for trial in race.best), race.best[-1].score]),
        mode="lines",
        hovertemplate=say("best so far: {score}", score="%{y:.4f}"),
    )
    line["line"]["shape"] = "hv"
    ended = [trial for trial in race.trials if trial.status != STOPPED]
    stopped = [trial for trial in race.trials if trial.status == STOPPED]
    written = {"trial": "%{text}", "score": "%{y:.4f}"}
    points = [
        _points(race.look, clock, ended, say("{trial}: {score}", **written)),
        _points(race.look, clock, stopped, say("{trial}, stopped: {score}", **written), hollow=True),
    ]
    return [line, *(trace for trace in points if trace["x"])]


def _points(look: Look, clock: _Clock, trials: Sequence[Trial], hover: str, *, hollow: bool = False) -> Figure:
    found = marks.trace(
        look,
        x=marks.rounded((clock.at(trial) for trial in trials), 3),
        y=marks.rounded(trial.score for trial in trials),
        mode="markers",
        text=[marks.exact(trial.name) for trial in trials],
        hovertemplate=hover,
    )
    found["marker"] |= {"symbol": f"{found['marker']['symbol']}{'-open' if hollow else ''}", "opacity": 0.65}
    return found


def _zooms(value: Progress) -> list[Figure]:
    """The whole axis, and where the best trials of the families lie."""
    scores = [trial.score for race in value.races for trial in (*race.trials, *race.best)]
    tops = [race.best[-1].score for race in value.races]
    low, high = min(scores), max(scores)
    near = min(tops) - 0.25 * (high - min(tops)) if len(tops) > 1 else high - (high - low) / 5
    if not low < near < high:
        return []
    margin, close = 0.05 * (high - low), 0.08 * (high - near)
    return [
        {"label": say("whole"), "range": [round(low - margin, 5), round(high + margin, 5)]},
        {"label": say("the families’ best"), "range": [round(near - close, 5), round(high + close, 5)]},
    ]
