"""Chapters and codes by model: a heat map of each measure, from chapters down to the codes of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10

from harness.leaderboard import marks
from harness.leaderboard.draw.years import of_validation
from harness.leaderboard.figures.chapters import MOST_OF_CHAPTER, Cell, Chapters, Group, Line, Told, Untold, chapters
from harness.leaderboard.figures.looks import Look
from harness.leaderboard.language import N_, say, say_n
from harness.leaderboard.panel import Chooser, Figure, Heading, Missing, Numbers, Panel
from harness.leaderboard.rows import Evidence
from harness.leaderboard.text import DASH, count, number_of, score
from harness.metrics.disclosure import LEAST

NAME = "chapters"
MEASURES = (
    ("recall", N_("recall")),
    ("precision", N_("precision")),
    ("f1", N_("F1")),
    ("automatic", N_("coded without a person")),
)
SUPPORT = N_("certificates")
TEXT = 12  # pixels of a cell's letters
ROW, AROUND = 28, 110  # pixels of a row, and of the models' names
MOST_LOOSE = 8  # codes without a chapter that stand below the chapters
LETTERS = 26  # of a row's name; a narrow screen has room for these and for some cells
NARROW = 0.4  # of the width, for the one column of certificates
HEAT = [[place / 4, f"var(--heat{place})"] for place in range(5)]


def panel(evidence: Evidence, looks: Mapping[str, Look]) -> Panel | Missing:
    value = chapters(evidence, looks)
    title = say("Quality by chapter and code") if value.chapters else say("Quality by code")
    if not value.chapters and not value.groups:
        return Missing(NAME, title, say("this run has no scores of single codes that can be given"))
    tables = _tables(value)
    return Panel(
        name=NAME,
        title=title,
        caption=_caption(value),
        figure=_figure(value, tables),
        numbers=_numbers(value),
        choosers=(
            Chooser(say("Rows"), _options(value)),
            Chooser(say("Cells"), (*(say(label) for _, label in MEASURES), *([] if value.mixed else [say(SUPPORT)]))),
        ),
        height=_height(tables[0]),
    )


def _tables(value: Chapters) -> list[tuple[Line, ...]]:
    """The rows of each option: all chapters with some codes that have none, then the codes of each."""
    whole = [(*value.chapters, *_loose(value))] if value.chapters else []
    return [*whole, *(group.codes for group in value.groups)]


def _loose(value: Chapters) -> tuple[Line, ...]:
    """The codes with the most certificates of those without a chapter, which would else be seen by nobody who looks at chapters."""
    return next((group.codes[:MOST_LOOSE] for group in value.groups if group.chapter is None), ())


def _options(value: Chapters) -> tuple[str, ...]:
    return (*([say("all chapters")] if value.chapters else []), *(_option(group) for group in value.groups))


def _option(group: Group) -> str:
    n = len(group.codes)
    if group.chapter is None:
        return say_n("{n} code without a chapter", "{n} codes without a chapter", n, n=count(n))
    name = _chapter(group.chapter, group.title)
    return say_n("{chapter} ({n} code)", "{chapter} ({n} codes)", n, chapter=name, n=count(n))


def _chapter(number: str, title: str | None) -> str:
    return f"{number} {title}" if title else say("chapter {number}", number=number)


def _caption(value: Chapters) -> str:
    said = [
        say(
            "How well each model codes each chapter of the ICD, the best model first. A click on a chapter, or the first "
            "choice, leads to its codes, those with the most certificates first."
        )
        if value.chapters
        else say(
            "How well each model codes each code, the best model first; the codes with the most certificates first."
        ),
        say(
            "“{hidden}” stands where a number is not given: it speaks of fewer than {least} certificates, or would let "
            "such a number be told by subtraction. A dash stands where a score is undefined.",
            hidden=_hidden(),
            least=LEAST,
        ),
    ]
    if value.chapters and (loose := _loose(value)):
        said.append(
            say_n(
                "Below the chapters stands the code without a chapter that has the most certificates.",
                "Below the chapters stand the {n} codes without a chapter that have the most certificates.",
                len(loose),
                n=count(len(loose)),
            )
        )
    if value.mixed:
        said.append(
            say("The models were scored on different certificates, so that numbers of certificates are left out.")
        )
    if value.hidden:
        said.append(
            say_n(
                "{n} code of which no number can be given is left out.",
                "{n} codes of which no number can be given are left out.",
                value.hidden,
                n=count(value.hidden),
            )
        )
    if value.left_out:
        shown = sum(len(group.codes) for group in value.groups)
        said.append(
            say_n(
                "There is room for {shown}, at most {most} of a chapter: {n} more code, with fewer certificates, is left out.",
                "There is room for {shown}, at most {most} of a chapter: {n} more codes, with fewer certificates, are left out.",
                value.left_out,
                n=count(value.left_out),
                shown=number_of(shown, "code"),
                most=count(MOST_OF_CHAPTER),
            )
        )
    return " ".join([*said, *of_validation(value.role)])


def _hidden() -> str:
    return f"<{LEAST}"


def _numbers(value: Chapters) -> Numbers:
    return Numbers(
        headings=(
            Heading("code", say("code")),
            Heading("title", say("title")),
            Heading("chapter", say("chapter")),
            Heading("model", say("model")),
            Heading("support", say(SUPPORT), "count"),
            Heading("precision", say("precision"), "score"),
            Heading("recall", say("recall"), "score"),
            Heading("f1", say("F1"), "score"),
            Heading("automatic", say("coded without a person"), "share"),
        ),
        rows=tuple(
            (
                line.code,
                line.title,
                line.chapter,
                look.label,
                None if value.mixed else line.support,
                *(
                    None if isinstance(told, Untold) else told
                    for told in (cell.precision, cell.recall, cell.f1, cell.automatic)
                ),
            )
            for lines in (value.chapters, *(group.codes for group in value.groups))
            for line in lines
            for look, cell in zip(value.models, line.cells, strict=True)
            if cell is not None
        ),
    )


def _figure(value: Chapters, tables: Sequence[Sequence[Line]]) -> Figure:
    """The measures of each table follow one another, the certificates last."""
    layout = marks.layout("", "")
    layout["xaxis"] |= {"type": "category", "side": "top", "showgrid": False, "showline": False, "ticks": ""}
    layout["yaxis"] |= {
        "type": "category",
        "autorange": "reversed",
        "showgrid": False,
        "showline": False,
        "ticks": "",
        "dtick": 1,
        "tickfont": {"size": 12},
    }
    largest = max((line.support or LEAST for lines in tables for line in lines), default=LEAST)
    drill = _drill(value, tables[0])
    views: list[Figure] = []
    for place, lines in enumerate(tables):
        meta = {"drill": drill} if place == 0 and drill else {}
        high = {"height": _height(lines)}
        views += [{**high, "data": [_heat(value.models, lines, key, meta)]} for key, _ in MEASURES]
        if not value.mixed:
            views.append({**high, "data": [_supports(lines, largest, meta)], "xaxis": {"domain": [0, NARROW]}})
    return {"views": views, "layout": layout, "zooms": []}


def _height(lines: Sequence[Line]) -> int:
    return ROW * max(len(lines), 4) + AROUND


def _drill(value: Chapters, lines: Sequence[Line]) -> list[object] | None:
    """For each row of the first table the option that shows the codes of its chapter, or those without one."""
    if not value.chapters:
        return None
    option = {group.chapter: place + 1 for place, group in enumerate(value.groups)}
    return [0, [option.get(line.chapter) for line in lines]]


def _heat(models: Sequence[Look], lines: Sequence[Line], measure: str, meta: Figure) -> Figure:
    told = [[_told(cell, measure) for cell in line.cells] for line in lines]
    return {
        **_map(lines),
        "x": [marks.exact(look.label) for look in models],
        "z": [[round(one, 3) if isinstance(one, float) else None for one in row] for row in told],
        "zmin": 0,
        "zmax": 1,
        "text": [[_written(one) for one in row] for row in told],
        "hovertemplate": _hover("%{text}"),
        "meta": {**meta, "groups": [look.group for look in models]},
    }


def _supports(lines: Sequence[Line], largest: int, meta: Figure) -> Figure:
    """One column, being the same for all models; its colours go by the logarithm."""
    numbers = [line.support for line in lines]
    return {
        **_map(lines),
        "x": [say(SUPPORT)],
        "z": [[None if n is None else round(log10(n), 3)] for n in numbers],
        "zmin": round(log10(LEAST), 3),
        "zmax": round(log10(max(largest, LEAST + 1)), 3),
        "text": [[marks.exact(_hidden()) if n is None else count(n)] for n in numbers],
        "customdata": [[n] for n in numbers],
        "hovertemplate": _hover("%{customdata:,}"),
        "meta": {**meta, "groups": [""]},
    }


def _map(lines: Sequence[Line]) -> Figure:
    return {
        "type": "heatmap",
        "y": [marks.exact(_name(line)) for line in lines],
        "colorscale": HEAT,
        "showscale": False,
        "texttemplate": "%{text}",
        "textfont": {"size": TEXT},
        "hoverongaps": False,
        "xgap": 2,
        "ygap": 2,
    }


def _hover(value: str) -> str:
    return say("{row}, {column}: {value}", row="%{y}", column="%{x}", value=value) + "<extra></extra>"


def _name(line: Line) -> str:
    """Short, and no other row's: it begins with the code or the chapter's number."""
    if line.code is None:
        name = _chapter(line.chapter or "", line.title)
    else:
        name = f"{line.code} {line.title}" if line.title else line.code
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1].rstrip()}…"


def _told(cell: Cell | None, measure: str) -> Told:
    return None if cell is None else getattr(cell, measure)


def _written(told: Told) -> str:
    if isinstance(told, Untold):
        return marks.exact(_hidden())
    if told is None:
        return DASH
    # 0 and 1 stand for nothing and for all alone: what would be rounded to them reads as the next number
    return count(told) if told in (0, 1) else score(min(max(told, 0.001), 0.999))
