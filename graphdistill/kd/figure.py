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
    MARKERS,
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
    times, command = report.facts["milliseconds"], report.facts["command"]
    assert isinstance(times, Mapping)
    assert isinstance(command, Mapping)
    kinds = {name: kind_of_row(name, str(command["method"])) for name in logits}
    with styled():
        metric = METRICS.get(report.metric, report.metric)
        seeds = max(len(row.test) for row in report.rows)
        subtitle = f"test {metric}, mean and standard deviation over {seeds} seeds; calibration of the first seed"
        figure = new_figure(wide_enough(report.title, subtitle, 13.4), 4.9, report.title, subtitle)
        cost, trust = add_panel(figure, 0.8, 1.35, 2.9, 2.9), add_panel(figure, 7.5, 1.35, 2.9, 2.9)
        marks = []
        for row in report.rows:
            if row.name in logits:
                x = 1000 * times[row.name]["in a batch"]
                marks.append(Mark(name=row.name, mean=row.mean, std=row.std, x=x, kind=kinds[row.name]))
        draw_marks(cost, marks, unit="µs")
        cost.set_title(f"Test {metric} for time", pad=10)
        cost.set_xlabel("microseconds an entry, in a batch")
        _reliability(trust, logits, kinds)
        save(figure, path)


def kind_of_row(name: str, method: str) -> Kind:
    """Kind of a row, which decides its colour; that of random data is free here for a part of the method.

    Args:
        name: name of the row.
        method: name of the method.

    Example:
        >>> [kind_of_row(name, "sla") for name in ("teacher GCN", "MLP, kd", "MLP, sla", "MLP, plain augmentation")]
        ['all', 'other', 'distilled', 'random']
    """
    last = name.rpartition(", ")[2]
    if name.startswith("teacher"):
        return "all"
    known: dict[str, Kind] = {method: "distilled", LABELS: "simple", KD: "other", UNTRAINED: "untrained"}
    return known.get(last, "random")


def _reliability(axes: Axes, logits: Mapping[str, tuple[Tensor, Tensor]], kinds: Mapping[str, Kind]) -> None:
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
        colour, marker = COLOURS[kinds[name]], MARKERS[kinds[name]]
        axes.plot(x, height, color=colour, marker=marker, markersize=3.5, linewidth=1.2)
        labels.append((height[-1] if height else 0.0, name, colour))
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy")
    margin_labels(axes, labels)
    axes.set_title("Calibration (dashed: perfect)", pad=10)
