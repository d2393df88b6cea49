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
MOST_FAMILIES = 3  # that a cell names
KINDS = {TRANSFER: N_("transfer study"), NORMALISATION: N_("normalisation study")}


@dataclass(frozen=True, slots=True)
class Entry:
    """One run, study, or folder that could not be read.

    Attributes
    ----------
    folder : under the one that the index lies in
    link : relative, to its page; empty where it has none
    what : run, or the kind of the study
    thing : ``run`` or ``study``; empty where it cannot be read
    state : of the audit, or ``unfinished``; empty where it cannot be read
    status : finished, unfinished or unreadable, in words
    years : held out
    families : or arms; the first of many, ``every`` has all
    score : micro-F1 on held-out years of the pick; ``value`` is what it sorts by
    """

    folder: str
    link: str
    what: str
    thing: str
    started: str
    corpus: str
    generated: bool
    years: str
    families: str
    every: str
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
        data = {"figures": {}, "models": [], "file": "index"}
        return shell.render("index.html.jinja", data, entries=entries, facts=_facts(entries))


def _facts(entries: tuple[Entry, ...]) -> tuple[str, ...]:
    """How many there are of each kind."""
    counts = {thing: sum(one.thing == thing for one in entries) for thing in ("run", "study", "")}
    found = [text.number_of(counts[thing], thing) for thing in ("run", "study") if counts[thing] or thing == "run"]
    return (*found, *([say("{n} unreadable", n=text.count(counts[""]))] if counts[""] else ()))


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
    families = meta.get("families") or meta.get("arms")
    finished = not unfinished(StudyFolder(run.path)) if study else evidence.pick is not None and seconds is not None
    return Entry(
        folder=run.name,
        link=_link(run.path),
        what=say(KINDS[study]) if study else say("run"),
        thing="study" if study else "run",
        started=text.moment(meta.get("started")),
        corpus=text.plain(evidence.corpus.get("fingerprint")),
        generated=bool(evidence.corpus.get("generated")),
        years=text.years(((evidence.corpus.get("roles") or {}).get("heldout") or {}).get("years") or []) or text.DASH,
        families=_short(families),
        every=text.plain(families),
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


def _short(families: object) -> str:
    """The first of many families, and how many more there are."""
    if not isinstance(families, list) or len(families) <= MOST_FAMILIES:
        return text.plain(families)
    first = text.plain(families[: MOST_FAMILIES - 1])
    return say("{first} and {n} more", first=first, n=text.count(len(families) - MOST_FAMILIES + 1))


def _link(folder: Path) -> str:
    page = RunFolder(folder).page
    return f"{folder.name}/{page.name}" if page.exists() else ""


def _unreadable(folder: Path) -> Entry:
    return Entry(
        folder=folder.name,
        link=_link(folder),
        what=text.DASH,
        thing="",
        started=text.DASH,
        corpus=text.DASH,
        generated=False,
        years=text.DASH,
        families=text.DASH,
        every="",
        pick=text.DASH,
        promise=text.DASH,
        state=None,
        status=say("unreadable"),
        score=text.DASH,
        value=None,
        wall=text.DASH,
        seconds=None,
    )
