"""Figures of generators: the distance of what they draw by evaluations, and samples of every source by class."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from graphdistill.core.command.report import Report
from graphdistill.core.command.style import (
    COLOURS,
    GREY,
    LIGHT,
    MARGIN,
    Kind,
    add_panel,
    class_colour,
    margin_labels,
    new_figure,
    save,
    styled,
    wide_enough,
)
from graphdistill.core.data.images import grid
from graphdistill.core.sets.synthetic import SyntheticSet

COLUMNS, CLASSES = 6, 10
"""Images of a class, and classes, that are shown."""
SIDE, PANEL = 0.4, 2.2
"""Inches of an image, and of a panel of a map."""
STEPS = 8
"""Steps that are shown."""
POINTS = 1000
"""Rows of a source on a map."""


def draw_measures(report: Report, path: Path) -> None:
    """Write the figure of distances: a mark for each source at its evaluations.

    Args:
        report: the report; its first row is that of the generator.
        path: the PNG file.
    """
    rows = [row for row in report.rows if "evaluations" in row.others]
    with styled():
        subtitle = "distance of drawn to test images in units of that of real training images; lower is better"
        figure = new_figure(wide_enough(report.title, subtitle, 7.6), 4.6, report.title, subtitle)
        axes = add_panel(figure, 0.8, 1.1, figure.get_figwidth() - 3.4, 2.8)
        labels = []
        for row in rows:
            values, count = row.others["Frechet"], row.others["evaluations"][0]
            kind: Kind = "distilled" if row is rows[0] else "simple"
            mean = statistics.fmean(values)
            error = statistics.stdev(values) if len(values) > 1 else 0.0
            axes.errorbar([count], [mean], yerr=[error], fmt="o", color=COLOURS[kind], markersize=7, capsize=2)
            labels.append((mean, row.name, COLOURS[kind]))
        axes.axhline(1.0, color=GREY, linewidth=1.0, linestyle=(0, (4, 2)))
        labels.append((1.0, "real training images", GREY))
        counts = sorted({int(row.others["evaluations"][0]) for row in rows})
        axes.set_xscale("log")
        axes.set_xlim(0.7, 1.5 * counts[-1])
        axes.set_ylim(0, 1.1 * max(place for place, _, _ in labels))
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.minorticks_off()
        axes.grid(axis="y", color=LIGHT, linewidth=0.8)
        axes.set_xlabel("evaluations of a network for an image")
        margin_labels(axes, labels)
        save(figure, path)


def draw_samples(sources: Mapping[str, SyntheticSet], title: str, path: Path) -> None:
    """Write the figure of samples: a panel for each source, a row for each class.

    Args:
        sources: sets of images by name.
        title: title of the figure.
        path: the PNG file.
    """
    labels = torch.cat([made.y for made in sources.values()]).unique()[:CLASSES].tolist()
    panels = {name: _rows(made, labels) for name, made in sources.items()}
    height, width = next(iter(panels.values()))[0].shape[-2:]
    down = SIDE * height / width * len(next(iter(panels.values())))
    across = SIDE * COLUMNS
    with styled():
        subtitle = "a row for each class, not chosen"
        whole = 2 * MARGIN + 0.3 + len(panels) * (across + 0.4)
        figure = new_figure(wide_enough(title, subtitle, whole), 1.3 + down + MARGIN, title, subtitle)
        left = MARGIN + 0.3
        for name, rows in panels.items():
            axes = add_panel(figure, left, 1.3, across, down)
            picture = grid(rows, COLUMNS).squeeze(2)
            axes.imshow(picture.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
            axes.set_title(name, pad=8, fontsize=9)
            axes.set_xticks([])
            places = [(height + 1) * (i + 0.5) for i in range(len(rows))]
            first = left == MARGIN + 0.3
            axes.set_yticks(places if first else [], [str(label) for label in labels] if first else [])
            left += across + 0.4
        save(figure, path)


def draw_traces(traces: Mapping[str, Sequence[Tensor]], title: str, path: Path) -> None:
    """Write what each step takes the image to be (DT-visualisation: Gandikota and Bau, 2025).

    Args:
        traces: images that each step implies, ``[n, channels, height, width]`` a step, by source; row i of all sources
            begins with the same noise.
        title: title of the figure.
        path: the PNG file.
    """
    shown = {name: _thinned(steps) for name, steps in traces.items()}
    count = len(next(iter(shown.values()))[0][1])
    height, width = next(iter(shown.values()))[0][1].shape[-2:]
    down = SIDE * height / width * count
    with styled():
        subtitle = "the clean image that each step implies, by number of the step; a row for each image"
        across = [SIDE * len(steps) for steps in shown.values()]
        whole = 2 * MARGIN + sum(across) + 0.5 * len(across)
        figure = new_figure(wide_enough(title, subtitle, whole), 1.6 + down + MARGIN, title, subtitle)
        left = MARGIN
        for (name, steps), wide in zip(shown.items(), across, strict=True):
            axes = add_panel(figure, left, 1.6, wide, down)
            rows = [torch.stack([images[i] for _, images in steps]) for i in range(count)]
            picture = grid(rows, len(steps)).squeeze(2)
            axes.imshow(picture.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
            places = [(width + 1) * (i + 0.5) for i in range(len(steps))]
            axes.set_xticks(places, [str(number) for number, _ in steps])
            axes.set_yticks([])
            axes.set_title(name, pad=10, fontsize=9)
            left += wide + 0.5
        save(figure, path)


def _thinned(steps: Sequence[Tensor]) -> list[tuple[int, Tensor]]:
    """At most eight of the steps and their numbers, the first and the last among them."""
    numbers = torch.linspace(0, len(steps) - 1, min(STEPS, len(steps))).round().long().tolist()
    return [(number + 1, steps[number]) for number in numbers]


def draw_map(sources: Mapping[str, SyntheticSet], title: str, path: Path) -> None:
    """Write the map of rows: a panel for each source, a point for each row at two principal components of real rows.

    Args:
        sources: sets of rows by name; the last one holds the real rows.
        title: title of the figure.
        path: the PNG file.
    """
    real = list(sources.values())[-1].data
    assert isinstance(real, Tensor)
    centre, scale = real.mean(dim=0), real.std(dim=0).clamp_min(1e-6)
    axes_of = torch.linalg.svd((real - centre) / scale, full_matrices=False).Vh[:2].T
    with styled():
        subtitle = "two principal components of the real rows; a colour for each class"
        whole = 2 * MARGIN + len(sources) * (PANEL + 0.3)
        figure = new_figure(wide_enough(title, subtitle, whole), PANEL + 1.7, title, subtitle)
        first = None
        for number, (name, made) in enumerate(sources.items()):
            assert isinstance(made.data, Tensor)
            places = (((made.data - centre) / scale) @ axes_of)[:POINTS]
            axes = add_panel(figure, MARGIN + number * (PANEL + 0.3), 1.3, PANEL, PANEL)
            axes.scatter(
                places[:, 0].numpy(),
                places[:, 1].numpy(),
                s=4,
                c=[class_colour(label) for label in made.y[:POINTS].tolist()],
            )
            axes.set_title(name, pad=8, fontsize=9)
            axes.set(xticks=[], yticks=[])
            first = first or axes
            if first is not axes:
                axes.set(xlim=first.get_xlim(), ylim=first.get_ylim())
        save(figure, path)


def _rows(made: SyntheticSet, labels: Sequence[int]) -> list[Tensor]:
    """The first images of each of some classes, none of a class that the set does not have."""
    assert isinstance(made.data, Tensor)
    return [made.data[made.y == label][:COLUMNS] for label in labels]
