"""Figures of a protection: accuracy of every training, and images before and after with the filters."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.command.drawing import MaxNLocator
from graphdistill.core.command.report import Report
from graphdistill.core.command.style import (
    COLOURS,
    GREY,
    LIGHT,
    MARGIN,
    Kind,
    add_panel,
    coloured_words,
    new_figure,
    save,
    styled,
    wide_enough,
)
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.data.images import grid
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.protect.evaluate import ORIGINAL, PROTECTED, row_name
from graphdistill.protect.protection import originals

WIDTH, GAP, NAMES = 2.4, 0.5, 1.5
"""Inches of a panel, between two, and left of the first one for the names of trainings."""
COLUMNS, CLASSES = 5, 20
"""Images of a class, and classes, that are shown."""
SIDE = 0.5
"""Inches of an image."""


def draw_rows(report: Report, ways: Sequence[str], path: Path) -> None:
    """Write the figure of accuracies: a panel for each network, a line for each way of training.

    Args:
        report: the report.
        ways: names of the ways of training.
        path: the PNG file.
    """
    found = {(row.name, row.group): row for row in report.rows}
    networks = list(dict.fromkeys(row.group for row in report.rows if row.group is not None))
    (chance,) = (row.mean for row in report.rows if row.name == "majority class")
    with styled():
        subtitle = "accuracy on clean test images, mean and standard deviation; dashed: the majority class"
        height = 0.4 * len(ways) + 0.1
        across = NAMES + len(networks) * (WIDTH + GAP)
        figure = new_figure(wide_enough(report.title, subtitle, across), height + 2.1, report.title, subtitle)
        words = [(f"trained on {name} images", COLOURS[kind]) for name, kind in _KINDS.items()]
        coloured_words(figure, MARGIN, 0.88, words)
        for number, network in enumerate(networks):
            axes = add_panel(figure, NAMES + number * (WIDTH + GAP), 1.4, WIDTH, height)
            axes.set(ylim=(len(ways) - 0.5, -0.5), xlim=(0, 1.03), yticks=range(len(ways)))
            axes.set_yticklabels([way if number == 0 else "" for way in ways])
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.grid(axis="x", color=LIGHT, linewidth=0.8)
            axes.set_title(network, pad=10)
            axes.axvline(chance, color=GREY, linewidth=1.0, linestyle=(0, (4, 2)))
            for place, way in enumerate(ways):
                for name, kind in _KINDS.items():
                    row = found.get((row_name(name, way), network), found[name, network])
                    values = row.test
                    spread = statistics.stdev(values) if len(values) > 1 else 0.0
                    axes.errorbar(
                        [statistics.fmean(values)],
                        [place],
                        xerr=[spread],
                        fmt="o",
                        color=COLOURS[kind],
                        markersize=6,
                        capsize=2,
                    )
        save(figure, path)


_KINDS: dict[str, Kind] = {ORIGINAL: "all", PROTECTED: "distilled"}


def draw_secrets(data: ImageDataset, protected: SyntheticSet, secrets: Tensor, path: Path) -> None:
    """Write the figure of images: a row for each class with originals, the same protected, and the filter.

    Args:
        data: the originals.
        protected: the protected set.
        secrets: filters, float ``[C, k, k]``.
        path: the PNG file.
    """
    assert isinstance(protected.data, Tensor)
    images, y = originals(data)
    classes = y.unique()[:CLASSES].tolist()
    index = [(y == label).nonzero().view(-1)[:COLUMNS] for label in classes]
    shape = images.shape[2:]
    filters = F.interpolate(secrets[:, None], tuple(shape)).expand(-1, images.shape[1], -1, -1)
    panels = {
        "original": [images[i] for i in index],
        "protected": [protected.data[i] for i in index],
        "filter": [filters[label : label + 1] for label in classes],
    }
    title = f"{protected.meta['method']} on {data.name}"
    subtitle = "a row for each class; the filters are the owner's secret: do not pass this figure on"
    down = SIDE * shape[0] / shape[1] * len(classes)
    widths = [SIDE * max(map(len, rows)) for rows in panels.values()]
    with styled():
        across = 2 * MARGIN + 0.3 + sum(widths) + 2 * GAP
        figure = new_figure(wide_enough(title, subtitle, across), 1.3 + down + MARGIN, title, subtitle)
        left = MARGIN + 0.3
        for number, (name, rows) in enumerate(panels.items()):
            axes = add_panel(figure, left, 1.3, widths[number], down)
            picture = grid(rows, max(map(len, rows))).squeeze(2)
            axes.imshow(picture.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
            axes.set_title(name, pad=8)
            axes.set_xticks([])
            places = [(shape[0] + 1) * (i + 0.5) for i in range(len(classes))] if number == 0 else []
            axes.set_yticks(places, [str(label) for label in classes] if places else [])
            left += widths[number] + GAP
        save(figure, path)
