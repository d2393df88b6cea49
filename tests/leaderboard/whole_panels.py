"""The figures of all pages that there are: a run's, two runs', studies', and those of a run with hostile names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import test_study
import test_study_normalise
from example_whole import write_whole

from harness.files import write_json
from harness.leaderboard.figures.looks import looks
from harness.leaderboard.merge import merged
from harness.leaderboard.page import FIGURES
from harness.leaderboard.panel import Figure, Missing, Panel
from harness.leaderboard.rows import Evidence, read
from harness.leaderboard.study.section import study_panels
from harness.run.folder import RunFolder
from harness.run.study import StudyFolder

NAME, SECOND = "20260302-093012", "20260405-101500"
MARKUP = "<b>x</b><br>&amp;<a href='//plot.ly'>%{x}"
# The keys of rows whose texts are an office's or a user's, not the program's.
FOREIGN = {
    *("model", "best", "trial", "family", "code", "title", "chapter", "parameter", "true_code", "predicted_code"),
    *("true_title", "predicted_title"),
}
FIGURE_FILES = (
    *("risk_coverage", "thresholds", "reliability", "alarms", "codes", "confusions", "importances", "ties", "backtest"),
)
Found = list[Panel | Missing]


def panels_of(evidence: Evidence) -> Found:
    seen = looks(evidence, evidence.models())
    return [draw(evidence, seen) for _, _, draws in FIGURES for draw in draws]


def two_runs(home: Path) -> list[RunFolder]:
    """The whole run twice, under two names."""
    runs = [write_whole(home / name) for name in (NAME, SECOND)]
    write_json(runs[1].path / "run.json", runs[1].meta() | {"run": SECOND})
    return runs


def two_studies(home: Path) -> list[StudyFolder]:
    """A study of each kind."""
    return [test_study.write_study(home / "transfer"), test_study_normalise.write_study(home / "normalise")]


def hostile_run(path: Path) -> RunFolder:
    """The whole run in which every name, code and title holds what HTML and Plotly would read."""
    run = write_whole(path)
    models = {str(row["model"]) for row in run.scorecards()}
    trials = run.trials()
    (path / "trials.jsonl").unlink()
    for row in trials:
        named = _marked(row, models)
        run.add_trial(named | {"parameters": {f"{key}{MARKUP}": value for key, value in row["parameters"].items()}})
    run.write_scorecards([_marked(row, models) for row in run.scorecards()])
    run.write_pick(_marked(run.pick() or {}, models))
    run.write_stage("certify", _marked(run.stage("certify") or {}, models))
    for name in FIGURE_FILES:
        run.write_figure(name, [_marked(row, models) for row in run.figure(name)])
    return run


def _marked(value: Any, models: set[str]) -> Any:
    """The same rows with markup behind every foreign text, and behind models that are keys themselves."""
    if isinstance(value, list):
        return [_marked(one, models) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        f"{key}{MARKUP}" if key in models else key: f"{one}{MARKUP}"
        if key in FOREIGN and isinstance(one, str)
        else _marked(one, models)
        for key, one in value.items()
    }


def _of_run(home: Path) -> Found:
    return panels_of(read(write_whole(home / NAME)))


def _of_two_runs(home: Path) -> Found:
    return panels_of(merged([(run.name, read(run)) for run in two_runs(home)]).evidence)


def _of_studies(home: Path) -> Found:
    parts = [study_panels(study, place) for place, study in enumerate(two_studies(home))]
    found: Found = []
    for part in parts:
        found += [*part.panels, *part.missing]
    return found


def _of_hostile_run(home: Path) -> Found:
    return panels_of(read(hostile_run(home / NAME)))


PAGES: Mapping[str, Callable[[Path], Found]] = {
    "a run": _of_run,
    "two runs": _of_two_runs,
    "studies": _of_studies,
    "hostile names": _of_hostile_run,
}


# what is drawn -------------------------------------------------------------------------------------------------------


def shown_texts(value: Any, key: str = "") -> Iterator[str]:
    """Every text of a figure that Plotly shows, and so reads for markup."""
    if isinstance(value, str):
        if key in ("text", "hovertext", "ticktext", "name", "hovertemplate", "texttemplate", "label", "x", "y"):
            yield value
    elif isinstance(value, list):
        for one in value:
            yield from shown_texts(one, key)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from shown_texts(one, name)


def traces(panel: Panel) -> Iterator[Figure]:
    for view in panel.figure["views"]:
        yield from view["data"]
