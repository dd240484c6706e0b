"""Scores of sets over stored bytes, a curve for each kind of set."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping

from graphdistill.core.command.drawing import Axes, EngFormatter, LogLocator, NullLocator
from graphdistill.core.command.report import Report
from graphdistill.core.command.score_plot import METRICS, Mark, marks_of
from graphdistill.core.command.style import COLOURS, GREY, HALO, margin_labels
from graphdistill.core.data.datasets import REGRESSION

OURS = COLOURS["distilled"]
SERIES = {
    "distilled set": OURS,
    "random graphs in the codec, same soft labels": COLOURS["other"],
    "random graphs in the codec, hard labels": COLOURS["random"],
    "random graphs in the codec, same soft targets": COLOURS["other"],
    "random graphs in the codec, own targets": COLOURS["random"],
    "random molecules as xz-ed SMILES": COLOURS["simple"],
}
"""Colour of each kind of set, by the name of its row; rows named ``NAME, LABEL`` are further points of its curve."""
SAME = 0.03
"""Largest difference of the logarithms of sizes that are the same budget."""
WRAP = 24
"""Characters of a line of a label."""


def draw_curve(axes: Axes, report: Report) -> None:
    """Draw the test metric against bytes: a curve for each kind of set, all the data as a line, labels on the right.

    Args:
        axes: empty axes with room for labels on the right.
        report: rows named as in ``SERIES``, alone or followed by a comma and the label of a point, and ``all
            the data``, a line. A point of the budget of the row itself has the row's score. Other rows are not drawn.
    """
    series, whole = _series(report)
    labels: list[tuple[float, str, str]] = []
    shown = [mark for marks in series.values() for mark in marks.values()]
    for name, marks in series.items():
        colour = SERIES[name]
        points = sorted({(float(mark.x or 0), mark.mean, mark.std) for mark in marks.values()})
        if points:
            sizes, means, errors = (list(column) for column in zip(*points, strict=True))
            axes.errorbar(sizes, means, errors, fmt="o-", color=colour, markersize=4.5, elinewidth=1, capsize=2, lw=1.8)
            labels.append((means[-1], _wrapped(name, means[-1]), colour))
    own = series["distilled set"].get("")
    if own is not None and own.x:
        axes.plot([own.x], [own.mean], "*", color=OURS, markersize=13, markeredgecolor="white", zorder=5)
    if whole is not None:
        shown.append(whole)
        colour = COLOURS["all"]
        axes.axhspan(whole.mean - whole.std, whole.mean + whole.std, color=colour, alpha=0.1, linewidth=0)
        axes.axhline(whole.mean, color=colour, linewidth=1.2, linestyle=(0, (4, 2)))
        if whole.x:
            axes.plot([whole.x], [whole.mean], "D", color=colour, markersize=6, markeredgecolor="white", zorder=4)
        labels.append((whole.mean, _wrapped(whole.name, whole.mean), colour))
    low = min((mark.mean - mark.std for mark in shown), default=0.0)
    high = max((mark.mean + mark.std for mark in shown), default=1.0)
    room = 0.08 * (high - low) or 0.05
    sizes = [mark.x for mark in shown if mark.x]
    ends = min(sizes, default=100) / 1.6, max(sizes, default=10_000) * 1.6
    axes.set(xscale="log", xlim=ends, ylim=(low - room, high + 1.5 * room))
    if not any(series.values()):
        axes.text(0.5, 0.5, "no sets with bytes in this report", color=GREY, ha="center", transform=axes.transAxes)
    _label_points(axes, series["distilled set"])
    margin_labels(axes, labels)
    axes.xaxis.set(major_locator=LogLocator(numticks=8), minor_locator=NullLocator())
    axes.xaxis.set_major_formatter(EngFormatter(unit="B"))
    metric = METRICS.get(report.metric, report.metric)
    better = ", lower is better" * (report.metric in REGRESSION)
    axes.set(xlabel="stored bytes (bars: standard deviation over seeds)", title=f"Test {metric} for bytes{better}")


def _series(report: Report) -> tuple[dict[str, dict[str, Mark]], Mark | None]:
    """Rows with bytes by series and by the label of the point, empty for the row itself; and all the data."""
    series: dict[str, dict[str, Mark]] = {name: {} for name in SERIES}
    marks = marks_of(report)
    for mark in marks:
        for name in SERIES:
            if mark.x and f"{mark.name}, ".startswith(f"{name}, "):
                series[name][mark.name[len(name) + 2 :].removesuffix(" of the bytes")] = mark
    for points in series.values():
        own = points.get("")
        for label, mark in points.items():
            # The row itself has more trainings than the point of the same budget.
            if own and own.x and mark.x and abs(math.log(mark.x / own.x)) < SAME:
                points[label] = own
    return series, next((mark for mark in marks if mark.name == "all the data"), None)


def _label_points(axes: Axes, marks: Mapping[str, Mark]) -> None:
    """Write the label of each point of a curve above it; labels nearer than a seventh of the axis are left out."""
    low, high = axes.get_xlim()
    apart, labelled = math.log(high / low) / 7, list[float]()
    for label, mark in sorted(marks.items(), key=lambda item: -(item[1].x or 0)):
        size = float(mark.x or 0)
        if label and all(abs(math.log(size / other)) > apart for other in labelled):
            note = axes.annotate(label, (size, mark.mean), (-5, 5), textcoords="offset points", ha="right", size=8.5)
            note.set(color=OURS, path_effects=HALO, zorder=6)
            labelled.append(size)


def _wrapped(name: str, score: float) -> str:
    return "\n".join(textwrap.wrap(f"{name} {score:.3f}", WRAP, break_on_hyphens=False))
