"""Whether what a figure draws stands among the numbers that the page gives for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import unescape
from typing import Any

import numpy as np

from harness.leaderboard.panel import Figure, Panel

ROUND = 5.1e-6  # five digits behind the point are drawn, see marks.rounded
# Of each figure the axes that hold values, and the columns they are of; the others hold rows, years and times.
HELD: Mapping[str, Mapping[str, Sequence[str]]] = {
    "curves": {"x": ("coverage",), "y": ("risk",)},
    "audits": {"y": ("risk", "coverage", "promised_coverage")},
    "reliability": {"x": ("confidence",), "y": ("right",)},
    "years": {"y": ("micro_f1", "exact_match", "coverage", "risk")},
    "chapters": {"z": ("precision", "recall", "f1", "automatic")},
    "bands": {"y": ("micro_f1", "macro_f1", "recall")},
    "confusions": {"x": ("n",)},
    "cost": {"y": ("micro_f1", "exact_match", "coverage"), "x": ("milliseconds", "bytes", "fit_seconds")},
    "importance": {"x": ("importance",)},
    "study1-curves": {"y": ("value",)},
    "study1-gains": {"y": ("value",)},
    "study2-arms": {"x": ("value",)},
    "study2-gains": {"x": ("value",)},
}
# Figures that draw more than their numbers, fewer, or in another unit; each has tests of its own for that.
APART = {"alarms", "progress", "parallel", "slots"}


def undrawn(panel: Panel) -> list[float]:
    """Numbers of the columns that a figure draws which none of its views shows."""
    drawn = [value for _, trace in _labelled(panel) for axis in HELD[panel.name] for value in _values(trace, axis)]
    wanted = [value for columns in HELD[panel.name].values() for value in _column(panel, columns)]
    return _without(wanted, drawn, _tolerance(panel))


def unlisted(panel: Panel) -> list[tuple[str, float]]:
    """Drawn values, and ends of their bars, that are no number of the model, arm or family that they are drawn for."""
    found: list[tuple[str, float]] = []
    for label, trace in _labelled(panel):
        for axis, columns in HELD[panel.name].items():
            values = _without(_values(trace, axis), _column(panel, columns, label), _tolerance(panel))
            ends = _without(_ends(trace, axis), _ends_of(panel, columns, label), 2 * ROUND)
            found += [(label, value) for value in (*values, *ends)]
    return found


def _labelled(panel: Panel) -> Iterator[tuple[str, Figure]]:
    """Every trace with whose it is: by its name, by the column of a heat map, or by what the chooser says.

    What is nobody's helps reading: a promise, the diagonal, a front, years of which nothing was promised.
    """
    for place, view in enumerate(panel.figure["views"]):
        for trace in view["data"]:
            if trace["type"] == "heatmap" and "customdata" not in trace:
                for at, name in enumerate(trace["x"]):
                    yield unescape(name), {"z": [[row[at]] for row in trace["z"]]}
            elif trace["type"] == "bar":
                yield panel.choosers[0].options[place], trace
            elif "legendgroup" in trace and not _is_strip(panel, trace):
                yield unescape(trace["name"]), trace


def _is_strip(panel: Panel, trace: Figure) -> bool:
    """Windows of which nothing was promised stand below the axis."""
    return panel.name == "audits" and trace["y"][0] < 0


def _tolerance(panel: Panel) -> float:
    return 5.1e-4 if panel.name == "chapters" else ROUND


def _values(trace: Figure, axis: str) -> list[float]:
    rows = trace.get(axis, [])
    flat: Iterable[Any] = (one for row in rows for one in row) if axis == "z" else rows
    return [float(one) for one in flat if one is not None]


def _ends(trace: Figure, axis: str) -> list[float]:
    bars = trace.get(f"error_{axis}")
    if not bars:
        return []
    pairs = [
        (value, sign * length)
        for sign, key in ((1, "array"), (-1, "arrayminus"))
        for value, length in zip(trace[axis], bars[key], strict=True)
        if length is not None
    ]
    return [value + length for value, length in pairs]


def _ends_of(panel: Panel, columns: Sequence[str], label: str) -> list[float]:
    names = (
        ("low", "high") if columns == ("value",) else [f"{name}_{end}" for name in columns for end in ("low", "high")]
    )
    return _column(panel, names, label)


def _column(panel: Panel, columns: Sequence[str], label: str = "") -> list[float]:
    """All numbers of some columns, of the rows that name the label; of all rows where none does."""
    places = [at for at, heading in enumerate(panel.numbers.headings) if heading.key in columns]
    mine = [row for row in panel.numbers.rows if label in row] or panel.numbers.rows
    return [float(one) for row in mine for at in places if isinstance(one := row[at], int | float)]


def _without(values: Sequence[float], known: Sequence[float], tolerance: float) -> list[float]:
    """The values that no known one is near to; costs lie powers of ten apart, and have six digits that count."""
    if not values or not known:
        return list(values)
    rising = np.sort(known)
    at = np.searchsorted(rising, values)
    near = np.minimum(
        np.abs(rising[np.clip(at, 0, len(rising) - 1)] - values), np.abs(rising[np.clip(at - 1, 0, None)] - values)
    )
    far: list[float] = np.asarray(values)[near > np.maximum(tolerance, 1e-5 * np.abs(values))].tolist()
    return far
