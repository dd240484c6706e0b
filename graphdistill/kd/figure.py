"""Figure of a distillation: the metric of every network by its time, and how far confidence can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from graphdistill.core.command.drawing import Axes
from graphdistill.core.command.report import Report
from graphdistill.core.command.score_plot import METRICS, Mark, draw_marks
from graphdistill.core.command.style import (
    COLOURS,
    GREY,
    Kind,
    add_panel,
    margin_labels,
    new_figure,
    save,
    styled,
    wide_enough,
)
from graphdistill.kd.evaluate import KD, LABELS, UNTRAINED

BINS = 10
"""Bins of confidence."""
LEAST = 5
"""Predictions in a bin that is drawn; the accuracy of fewer says nothing."""


def draw(report: Report, logits: Mapping[str, tuple[Tensor, Tensor]], path: Path) -> None:
    """Write the figure.

    Args:
        report: the report.
        logits: test logits ``[n, C]`` and labels ``[n]`` of one seed, by the name of each row that is drawn.
        path: the PNG file.
    """
    times = report.facts["milliseconds"]
    assert isinstance(times, Mapping)
    with styled():
        metric = METRICS.get(report.metric, report.metric)
        seeds = max(len(row.test) for row in report.rows)
        subtitle = f"test {metric}, mean and standard deviation over {seeds} seeds; calibration of the first seed"
        figure = new_figure(wide_enough(report.title, subtitle, 13.4), 4.9, report.title, subtitle)
        cost, trust = add_panel(figure, 0.8, 1.35, 2.9, 2.9), add_panel(figure, 7.5, 1.35, 2.9, 2.9)
        marks = []
        for row in report.rows:
            if row.name in logits:
                x, kind = 1000 * times[row.name]["in a batch"], kind_of_row(row.name)
                marks.append(Mark(name=row.name, mean=row.mean, std=row.std, x=x, kind=kind))
        draw_marks(cost, marks, unit="µs")
        cost.set_title(f"Test {metric} for time", pad=10)
        cost.set_xlabel("microseconds an entry, in a batch")
        _reliability(trust, logits)
        save(figure, path)


def kind_of_row(name: str) -> Kind:
    """Kind of a row, which decides its colour.

    Example:
        >>> kind_of_row("teacher GCN"), kind_of_row("MLP, kd"), kind_of_row("MLP, labels alone")
        ('all', 'other', 'simple')
    """
    last = name.rpartition(", ")[2]
    if name.startswith("teacher"):
        return "all"
    known: dict[str, Kind] = {LABELS: "simple", KD: "other", UNTRAINED: "untrained"}
    return known.get(last, "distilled")


def _reliability(axes: Axes, logits: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    """Accuracy of predictions by their confidence."""
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (4, 2)))
    labels = []
    for name, (values, y) in logits.items():
        confidence, label = values.double().softmax(dim=1).max(dim=1)
        right, place = (label == y).double(), (confidence * BINS).long().clamp(max=BINS - 1)
        x, height = [], []
        for number in range(BINS):
            inside = place == number
            if int(inside.sum()) < LEAST:
                continue
            x.append(float(confidence[inside].mean()))
            height.append(float(right[inside].mean()))
        colour = COLOURS[kind_of_row(name)]
        axes.plot(x, height, color=colour, marker="o", markersize=3.5, linewidth=1.2)
        labels.append((height[-1] if height else 0.0, name, colour))
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy")
    margin_labels(axes, labels)
    axes.set_title("Calibration (dashed: perfect)", pad=10)
