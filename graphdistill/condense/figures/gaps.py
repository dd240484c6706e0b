"""Drawing of what fairness costs: the score of every row of a report by its parity gap between groups."""

from __future__ import annotations

import statistics
import textwrap
from pathlib import Path

from graphdistill.core.command.report import Report
from graphdistill.core.command.score_plot import METRICS, WRAP
from graphdistill.core.command.style import (
    COLOURS,
    MARKERS,
    add_panel,
    kind_of,
    margin_labels,
    new_figure,
    save,
    styled,
    wide_enough,
)

GAP = "parity gap"
"""Name of the further score on the x axis."""


def draw_gaps(report: Report, path: Path) -> None:
    """Write the picture: rows to the left treat groups more alike, rows at the top predict better.

    Args:
        report: of a table with groups; rows without a gap or without a set that they were trained on are left out.
        path: the PNG file.
    """
    rows = [row for row in report.rows if GAP in row.others and row.nbytes is not None]
    metric = METRICS.get(report.metric, report.metric)
    subtitle = "means over all trainings, with standard deviations; fairer to the left"
    height = max(2.9, 0.34 * len(rows))
    with styled():
        figure = new_figure(wide_enough(report.title, subtitle, 7.6), height + 1.9, report.title, subtitle)
        axes = add_panel(figure, 0.75, 1.2, figure.get_figwidth() - 4.0, height)
        labels = []
        for row in rows:
            kind, gaps = kind_of(row.name), row.others[GAP]
            gap, spread = statistics.fmean(gaps), statistics.stdev(gaps) if len(gaps) > 1 else 0.0
            size = 13 if MARKERS[kind] == "*" else 7
            axes.errorbar([gap], [row.mean], [row.std], [spread], color=COLOURS[kind], elinewidth=1.2, capsize=2.5)
            axes.plot(
                [gap],
                [row.mean],
                MARKERS[kind],
                color=COLOURS[kind],
                markersize=size,
                markeredgecolor="white",
                zorder=5,
            )
            label = textwrap.wrap(f"{row.name}: {row.mean:.3f} at {gap:.2f}", WRAP)
            labels.append((row.mean, "\n".join(label), COLOURS[kind]))
        axes.set(xlim=(0, None), xlabel=f"{GAP} on test rows")
        axes.set_title(f"Test {metric} for fairness", pad=10)
        axes.grid(axis="y", color=COLOURS["untrained"], alpha=0.15, linewidth=0.8)
        axes.set_ylim(*axes.get_ylim())
        margin_labels(axes, labels)
        save(figure, path)
