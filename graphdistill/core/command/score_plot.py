"""Plot of the scores of a report by the bytes that are stored, with a label for every row."""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphdistill.core.command.drawing import Axes, FixedLocator, FuncFormatter, NullLocator
from graphdistill.core.command.report import Report
from graphdistill.core.command.style import (
    COLOURS,
    MARKERS,
    Kind,
    add_panel,
    kind_of,
    margin_labels,
    new_figure,
    save,
    size_text,
    styled,
    wide_enough,
)

METRICS = {"rocauc": "ROC-AUC", "f1": "F1", "rmse": "RMSE", "mae": "MAE"}
"""Metrics whose name is written in another way."""
WRAP = 34
"""Characters of a line of a label."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A row of a plot of scores.

    Attributes:
        name: its label.
        mean: score, the mean over seeds.
        std: standard deviation over seeds.
        x: where it is on the x axis; a line across the plot where it has no place there.
        kind: kind of the row, which decides colour and marker.
    """

    name: str
    mean: float
    std: float
    x: float | None
    kind: Kind


def marks_of(report: Report) -> list[Mark]:
    """Bytes, mean over groups and standard deviation over seeds of each set of a report with a finite score."""
    marks = []
    for name in dict.fromkeys(row.name for row in report.rows):
        rows = [row for row in report.rows if row.name == name]
        seeds = [statistics.fmean(seed) for seed in zip(*(row.test for row in rows), strict=False)]
        mean = statistics.fmean(row.mean for row in rows)
        if math.isfinite(mean):
            std = statistics.stdev(seeds) if len(seeds) > 1 else 0.0
            size = next((float(row.nbytes) for row in rows if row.nbytes), None)
            marks.append(Mark(name=name, mean=mean, std=std, x=size, kind=kind_of(name)))
    return marks


def draw_scores(report: Report, path: Path) -> None:
    """Write a figure of the scores of all rows of a report by their stored bytes.

    Args:
        report: the report.
        path: the PNG file.

    Raises:
        OSError: the file cannot be written.
    """
    with styled():
        marks = marks_of(report)
        metric = METRICS.get(report.metric, report.metric)
        runs = max((len(row.test) for row in report.rows), default=0)
        subtitle = f"test {metric}, mean and standard deviation over {runs} trainings"
        height = max(2.9, 0.34 * len(marks))
        figure = new_figure(wide_enough(report.title, subtitle, 7.6), height + 1.9, report.title, subtitle)
        axes = add_panel(figure, 0.75, 1.2, figure.get_figwidth() - 4.0, height)
        draw_marks(axes, marks)
        axes.set_xlabel("stored bytes (dashed: none, ↓: below the axis)")
        axes.set_title(f"Test {metric} for bytes", pad=10)
        save(figure, path)


def draw_marks(axes: Axes, marks: Sequence[Mark], *, digits: int = 3, unit: str = "B") -> None:
    """Draw rows on a logarithmic x axis, with a label of each in the right margin.

    Args:
        axes: empty axes with room for labels on the right.
        marks: the rows.
        digits: decimals of the scores in labels. (default: 3)
        unit: unit of the x axis: B for bytes, otherwise numbers in this unit. (default: B)
    """
    placed = sorted((mark for mark in marks if mark.x), key=lambda mark: (mark.x, mark.name))
    sizes = [float(mark.x or 1) for mark in placed]
    least, most = math.log10(min(sizes, default=1)), math.log10(max(sizes, default=1))
    reach = 0.15 * max(most - least, 0.5)
    low, high = least - reach, most + reach
    bottom, top = _range(marks)
    axes.set(xscale="log", xlim=(10**low, 10**high), ylim=(bottom, top))
    labels = []
    for mark in marks:
        colour, below = COLOURS[mark.kind], mark.mean < bottom
        text = f"{'↓ ' if below else ''}{mark.name} {mark.mean:.{digits}f}"
        # Where several are below, their order stays.
        labels.append((max(mark.mean, bottom + 1e-9 * mark.mean), "\n".join(textwrap.wrap(text, WRAP)), colour))
        if not mark.x and not below:
            axes.axhspan(mark.mean - mark.std, mark.mean + mark.std, color=colour, alpha=0.1, linewidth=0)
            axes.axhline(mark.mean, color=colour, linewidth=1.2, linestyle=(0, (4, 2)))
    for mark, place in zip(placed, _next_to_each_other(sizes, 0.035 * (high - low)), strict=True):
        colour, marker = COLOURS[mark.kind], MARKERS[mark.kind]
        axes.plot([place, 10**high], [mark.mean] * 2, color=colour, linewidth=0.7, alpha=0.5)
        axes.errorbar([place], [mark.mean], [mark.std], color=colour, elinewidth=1.2, capsize=2.5)
        size = 13 if marker == "*" else 7
        axes.plot([place], [mark.mean], marker, color=colour, markersize=size, markeredgecolor="white", zorder=5)
    margin_labels(axes, labels)
    axes.xaxis.set(major_locator=FixedLocator(_ticks(sizes, (high - low) / 6)), minor_locator=NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: size_text(x) if unit == "B" else f"{x:.2g} {unit}"))
    axes.grid(axis="y", color=COLOURS["untrained"], alpha=0.15, linewidth=0.8)


def _range(marks: Sequence[Mark]) -> tuple[float, float]:
    """Limits of the y axis: all rows, but for untrained networks and simple baselines far below all others."""
    shown = [mark for mark in marks if mark.x or mark.kind not in ("untrained", "simple")] or list(marks)
    low = min((mark.mean - mark.std for mark in shown), default=0.0)
    high = max((mark.mean + mark.std for mark in marks), default=1.0)
    near = [mark.mean - mark.std for mark in marks if mark.mean > low - (high - low)]
    low = min([low, *near])
    room = 0.08 * (high - low) or 0.05
    return low - room, high + room


def _next_to_each_other(sizes: Sequence[float], step: float) -> list[float]:
    """Places of ascending sizes on a logarithmic axis; sizes nearer than ``step`` stand next to each other."""
    places: list[float] = []
    start = 0
    while start < len(sizes):
        end = start
        while end + 1 < len(sizes) and math.log10(sizes[end + 1] / sizes[end]) < step:
            end += 1
        middle = statistics.fmean(math.log10(size) for size in sizes[start : end + 1])
        places += [10 ** (middle + step * (number - (end - start) / 2)) for number in range(end - start + 1)]
        start = end + 1
    return places


def _ticks(sizes: Sequence[float], step: float) -> list[float]:
    """The sizes themselves as ticks, those at least ``step`` apart on a logarithmic axis."""
    ticks: list[float] = []
    for size in sizes:
        if not ticks or math.log10(size / ticks[-1]) >= step:
            ticks.append(size)
    return ticks
