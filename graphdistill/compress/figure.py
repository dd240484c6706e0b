"""Figure of a compression: the metric of every network by the bytes of its file, or by its multiply-adds."""

from __future__ import annotations

import statistics
from pathlib import Path

from graphdistill.compress.evaluate import FLOAT
from graphdistill.core.command.report import Report
from graphdistill.core.command.score_plot import METRICS, Mark, draw_marks
from graphdistill.core.command.style import Kind, add_panel, new_figure, save, styled, wide_enough

MULTIPLY_ADDS = "multiply-adds"
"""Name of the multiply-adds among the other numbers of a row, where rows differ in them."""
SENT = "bytes sent"
"""Name of the bytes of features that an entry sends, where features leave the client."""


def draw(report: Report, path: Path) -> None:
    """Write the figure.

    Args:
        report: the report; its last row is that of the method.
        path: the PNG file.
    """
    with styled():
        metric = METRICS.get(report.metric, report.metric)
        seeds = max(len(row.test) for row in report.rows)
        subtitle = f"test {metric}, mean and standard deviation over {seeds} seed{'s' * (seeds != 1)}"
        figure = new_figure(wide_enough(report.title, subtitle, 7.6), 4.8, report.title, subtitle)
        axes = add_panel(figure, 0.75, 1.2, figure.get_figwidth() - 4.0, 2.9)
        marks, sends = [], SENT in report.rows[-1].others
        adaptive = MULTIPLY_ADDS in report.rows[0].others and not sends
        for row in report.rows:
            kind: Kind = "all" if row.name == FLOAT else "distilled" if row is report.rows[-1] else "simple"
            size = None if row.nbytes is None else float(row.nbytes)
            if adaptive:
                size = statistics.fmean(row.others[MULTIPLY_ADDS]) / 1000
            if sends:
                size = statistics.fmean(row.others[SENT]) if SENT in row.others else None
            marks.append(Mark(name=row.name, mean=row.mean, std=row.std, x=size, kind=kind))
        draw_marks(axes, marks, unit="k" if adaptive else "B")
        stored = "bytes of features that an entry sends" if sends else "bytes of the entropy-coded file"
        axes.set_xlabel("thousand multiply-adds of a prediction" if adaptive else stored)
        axes.set_title(f"Test {metric} for {'multiply-adds' if adaptive else 'bytes'}", pad=10)
        save(figure, path)
