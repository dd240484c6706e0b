"""Figure of unlearning: accuracy on remaining, test and forgotten entries of every model, and the membership attack."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

from graphdistill.core.command.drawing import MaxNLocator
from graphdistill.core.command.report import Report, Row
from graphdistill.core.command.style import COLOURS, GREY, LIGHT, Kind, add_panel, new_figure, save, styled, wide_enough
from graphdistill.unlearn.evaluate import ATTACK, BASELINES, GIVEN, RETRAINED

KINDS: dict[str, Kind] = {GIVEN: "untrained", RETRAINED: "all", **dict.fromkeys(BASELINES, "simple")}
"""Kind of each row, which decides its colour; that of a method is ``distilled``."""
PANELS = {
    "remaining": "Accuracy, remaining",
    "test": "Accuracy, test",
    "forgotten": "Accuracy, forgotten",
    ATTACK: "Membership AUC",
}
"""What is drawn, with the title of its panel."""
WIDTH, GAP, NAMES = 2.2, 0.5, 1.6
"""Inches of a panel, between two, and left of the first one for the names of rows."""


def draw(report: Report, path: Path) -> None:
    """Write the figure.

    Args:
        report: the report.
        path: the PNG file.
    """
    with styled():
        count, seeds = len(report.rows), max(len(row.test) for row in report.rows)
        subtitle = f"mean and standard deviation over {seeds} seed{'s' * (seeds != 1)}; dashed: the retrained model"
        height, whole = 0.4 * count, NAMES + len(PANELS) * (WIDTH + GAP)
        figure = new_figure(wide_enough(report.title, subtitle, whole), height + 1.85, report.title, subtitle)
        (oracle,) = (row for row in report.rows if row.name == RETRAINED)
        for number, (what, title) in enumerate(PANELS.items()):
            axes = add_panel(figure, NAMES + number * (WIDTH + GAP), 1.3, WIDTH, height)
            axes.set(ylim=(count - 0.5, -0.5), yticks=range(count))
            axes.set_yticklabels([row.name if number == 0 else "" for row in report.rows])
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.grid(axis="x", color=LIGHT, linewidth=0.8)
            axes.set_title(title, pad=10)
            axes.axvline(statistics.fmean(_values(oracle, what)), color=GREY, linewidth=1.0, linestyle=(0, (4, 2)))
            for place, row in enumerate(report.rows):
                values, colour = _values(row, what), COLOURS[KINDS.get(row.name, "distilled")]
                if not any(map(math.isnan, values)):
                    mean, spread = statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0
                    axes.errorbar([mean], [place], xerr=[spread], fmt="o", color=colour, markersize=6, capsize=2)
        save(figure, path)


def _values(row: Row, what: str) -> tuple[float, ...]:
    """One number per seed."""
    return row.test if what == "test" else row.others[what]
