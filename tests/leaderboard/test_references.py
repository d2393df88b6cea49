"""Published systems stand apart: every one with its source and why it is not comparable, none among the rows of a run."""

from __future__ import annotations

import re
from dataclasses import fields
from html import unescape
from pathlib import Path

from example_run import write_run

from harness.leaderboard.page import build_page
from harness.leaderboard.references import REFERENCES

DESIGN_FIGURES = (
    "0.867",
    "0.850",
    "0.65",
    "0.52",
    "0.69",
    "0.794",
    "0.779",
    "0.786",
    "97.8",
    "99.03",
    "93.4",
    "95.5",
    "68.5",
)


def test_every_reference_is_whole() -> None:
    for one in REFERENCES:
        assert all(getattr(one, field.name).strip() for field in fields(one))
        assert one.why.endswith(".")
    figures = " ".join(one.figure for one in REFERENCES)
    assert all(figure in figures for figure in DESIGN_FIGURES)


def test_the_page_shows_them_apart_and_unranked(tmp_path: Path) -> None:
    page = build_page(write_run(tmp_path / "run"))
    section = page.split('<section id="published"')[1].split("</section>")[0]
    rows = re.findall(r"<tr>.*?</tr>", section.split("<tbody>")[1], re.S)
    assert len(rows) == len(REFERENCES)
    for one, row in zip(REFERENCES, rows, strict=True):
        cells = [unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row)]
        assert cells == [one.system, one.figure, one.measure, one.data, one.year, one.source, one.why]
    assert "aria-sort" not in section
    board = page.split('<section id="leaderboard"')[1].split("</section>")[0]
    assert not any(one.system in unescape(board) for one in REFERENCES)
