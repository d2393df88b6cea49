"""``harness leaderboard``: which page is made of which runs, and where it goes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.errors import RunError
from harness.files import write_text
from harness.leaderboard.damage import opened, readable
from harness.leaderboard.index import refresh_index
from harness.leaderboard.language import ENGLISH, LANGUAGES
from harness.leaderboard.page import write_merged, write_page
from harness.leaderboard.study.page import build_study_page, write_study_page
from harness.run.folder import HOME, RunFolder
from harness.run.study import StudyFolder, is_study

MERGED = "merged.html"


def make_pages(names: Sequence[str], out: Path | None, language: str = ENGLISH) -> list[Path]:
    """Make the pages of some runs and studies again from their rows, and the index of pages that lie in their place.

    One run has its own page, in its folder or at ``out``. Several, or runs with studies, have one together: at ``out``, else
    ``leaderboards/merged.html``. Studies without a run keep a page each.

    Raises
    ------
    RunError
        A run is not there or damaged, the language is not known, or there is no one place for several pages.
    """
    if language not in LANGUAGES:
        raise RunError(f"--language must be one of {', '.join(LANGUAGES)}, but got {language!r}")
    if out is not None and out.is_dir():
        raise RunError(f"-o must name a file, but {out} is a folder")
    if out is not None:
        _writable(out.parent)
    folders = list({folder.path: folder for folder in map(opened, names)}.values())
    with readable(*folders):
        studies = [StudyFolder(folder.path) for folder in folders if is_study(folder)]
        runs = [folder for folder in folders if not is_study(folder)]
        pages = _pages(runs, studies, out, language)
    placed = [folder for folder in folders if out is None or out.resolve() == folder.page.resolve()]
    for folder in {folder.path.parent: folder for folder in placed}.values():
        refresh_index(folder, language)
    return pages


def _writable(folder: Path) -> None:
    """Make the folder where there is none, and see that a file can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise RunError(
            f"-o must name a file in a folder that can be written, but {folder} is none ({type(error).__name__})"
        ) from error


def _pages(runs: Sequence[RunFolder], studies: Sequence[StudyFolder], out: Path | None, language: str) -> list[Path]:
    if len(runs) > 1 or (runs and studies):
        return [write_merged(runs, studies, out or Path(HOME) / MERGED, language)]
    if runs:
        return [write_page(runs[0], language, out)]
    if out is not None and len(studies) > 1:
        raise RunError(
            "-o must name the page of one study, or of runs with studies, but got several studies without a run"
        )
    if out is not None:
        write_text(out, build_study_page(studies[0], language))
        return [out]
    return [write_study_page(study, language) for study in studies]
