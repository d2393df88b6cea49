"""The index: every run and study of a folder beside each other, in one page with a link to the page of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.files import Row, write_text
from harness.leaderboard import shell, text
from harness.leaderboard.audit import State
from harness.leaderboard.damage import UNREADABLE
from harness.leaderboard.language import ENGLISH, N_, say, speaking
from harness.leaderboard.rows import Evidence, number, shown_promise
from harness.leaderboard.study.kinds import unfinished
from harness.leaderboard.verdict import verdict
from harness.run.folder import FORMAT, HOME, RunFolder
from harness.run.study import NORMALISATION, TRANSFER, StudyFolder

NAME = "index.html"
KINDS = {TRANSFER: N_("transfer study"), NORMALISATION: N_("normalisation study")}


@dataclass(frozen=True, slots=True)
class Entry:
    """One run, study, or folder that could not be read.

    Attributes
    ----------
    folder : under the one that the index lies in
    link : relative, to its page; empty where it has none
    what : run, or the kind of the study
    state : of the audit, or ``unfinished``; empty where it cannot be read
    status : finished, unfinished or unreadable, in words
    score : micro-F1 on held-out years of the pick; ``value`` is what it sorts by
    """

    folder: str
    link: str
    what: str
    started: str
    corpus: str
    generated: bool
    families: str
    pick: str
    promise: str
    state: State | None
    status: str
    score: str
    value: float | None
    wall: str
    seconds: float | None


def home_of(run: RunFolder) -> Path | None:
    """Where runs lie, of a run that lies there; None of one elsewhere, whose folder is not ours to write in."""
    parent = run.path.resolve().parent
    return parent if parent.name == HOME else None


def refresh_index(run: RunFolder, language: str = ENGLISH) -> Path | None:
    """Write the index again after a page of a run was written; nothing where the run lies elsewhere."""
    home = home_of(run)
    return None if home is None else write_index(home, language)


def write_index(home: Path, language: str = ENGLISH) -> Path:
    """Write the index of a folder of runs, at once."""
    write_text(home / NAME, build_index(home, language))
    return home / NAME


def build_index(home: Path, language: str = ENGLISH) -> str:
    """The index as a pure function of the runs' rows, and of which of them have a page; the newest run comes first."""
    with speaking(language):
        entries = tuple(_entry(path.parent) for path in _runs(home))
        return shell.render("index.html.jinja", {"figures": {}, "models": [], "file": "index"}, entries=entries)


def _runs(home: Path) -> list[Path]:
    """The ``run.json`` of every run, those that sort last by name first, as names sort by time."""
    return sorted(home.glob("*/run.json"), key=lambda path: path.parent.name, reverse=True)


def _entry(folder: Path) -> Entry:
    """A folder's line; one that cannot be read has one too, and never ends the search that asked for the index."""
    try:
        return _read(RunFolder(folder))
    except UNREADABLE:
        return _unreadable(folder)


def _read(run: RunFolder) -> Entry:
    meta = run.meta()
    if meta.get("format") != FORMAT:
        return _unreadable(run.path)
    study = str(meta.get("kind")) if meta.get("kind") in KINDS else ""
    evidence = _evidence(run, meta, bool(study))
    found = None if study else verdict(evidence)
    row = evidence.row(evidence.picked or "", "heldout") or {}
    score, seconds = number(row.get("micro_f1")), number(meta.get("wall_seconds"))
    finished = not unfinished(StudyFolder(run.path)) if study else evidence.pick is not None and seconds is not None
    return Entry(
        folder=run.name,
        link=_link(run.path),
        what=say(KINDS[study]) if study else say("run"),
        started=text.moment(meta.get("started")),
        corpus=text.plain(evidence.corpus.get("fingerprint")),
        generated=bool(evidence.corpus.get("generated")),
        families=text.plain(meta.get("families") or meta.get("arms")),
        pick=text.DASH if study else evidence.picked or say("none"),
        promise=text.DASH if study else _promise(evidence),
        state=found.state if found else None,
        status=say("finished") if finished else say("unfinished"),
        score=text.score(score),
        value=score,
        wall=text.duration(seconds),
        seconds=seconds,
    )


def _evidence(run: RunFolder, meta: Row, study: bool) -> Evidence:
    """What the index needs of a run: its score rows and its pick, and none of its figures and trials."""
    path = run.path / "corpus.json"
    cards = [] if study else run.scorecards()
    return Evidence(
        meta=meta,
        corpus=run.corpus() if path.exists() else {},
        trials=(),
        scorecards=tuple(row for row in cards if row.get("unit", "certificate") == "certificate"),
        pick=None if study else run.pick(),
        curves=(),
        lines=tuple(row for row in cards if row.get("unit") == "line"),
    )


def _promise(evidence: Evidence) -> str:
    promise = shown_promise((evidence.pick or {}).get("promise"))
    if not promise or not promise.get("made"):
        return say("none")
    risk, confidence = number(promise.get("risk")), number(promise.get("confidence"))
    return say(
        "{coverage} at a risk of {risk}, {confidence} confidence",
        coverage=text.share(number(promise.get("coverage"))),
        risk=text.DASH if risk is None else text.level(risk),
        confidence=text.DASH if confidence is None else text.level(confidence),
    )


def _link(folder: Path) -> str:
    page = RunFolder(folder).page
    return f"{folder.name}/{page.name}" if page.exists() else ""


def _unreadable(folder: Path) -> Entry:
    return Entry(
        folder=folder.name,
        link=_link(folder),
        what=text.DASH,
        started=text.DASH,
        corpus=text.DASH,
        generated=False,
        families=text.DASH,
        pick=text.DASH,
        promise=text.DASH,
        state=None,
        status=say("unreadable"),
        score=text.DASH,
        value=None,
        wall=text.DASH,
        seconds=None,
    )
