"""Drawing of the images of a set in a grid, a row for each class."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from graphdistill.core.command.style import MARGIN, add_panel, new_figure, save, size_text, styled, wide_enough
from graphdistill.core.data.images import grid
from graphdistill.core.sets.synthetic import SyntheticSet

MOST = 20
"""Images of a class that are shown."""
SIDE = 0.6
"""Width of an image in inches."""


def draw_images(synthetic: SyntheticSet, path: Path) -> None:
    """Write the picture: a row for each class, or a column where there are few images of many classes.

    Args:
        synthetic: images with hard or soft labels, of which a soft one counts as its likeliest class, or with targets,
            which are in one row.
        path: the PNG file.
    """
    assert isinstance(synthetic.data, Tensor)
    label = synthetic.y if synthetic.y.dim() == 1 else synthetic.y.argmax(dim=1)
    unlabelled = synthetic.task == "regression"
    if unlabelled:
        label = torch.zeros(len(synthetic), dtype=torch.long)
    classes = label.unique().tolist()
    rows = [synthetic.data[label == value][:MOST] for value in classes]
    columns = max(map(len, rows))
    title = f"{synthetic.meta.get('method', 'set')}: {len(synthetic):,} images, {size_text(synthetic.nbytes)}"
    flat = 2 * columns <= len(rows)
    whole = "" if columns == int(label.bincount().max()) else f", the first {columns} images of it"
    shown = "without labels" if unlabelled else f"a {'column' if flat else 'row'} for each class"
    subtitle = f"{shown}{whole}"
    ratio = synthetic.data.shape[2] / synthetic.data.shape[3]
    if flat:
        # What a class lacks is white, as the lines between images are.
        blank = torch.ones_like(synthetic.data[:1])
        padded = [torch.cat([row, blank.expand(columns - len(row), -1, -1, -1)]) for row in rows]
        rows, columns = list(torch.stack(padded, dim=1)), len(rows)
    across, down = SIDE * columns, SIDE * ratio * len(rows)
    left = MARGIN + 0.3
    with styled():
        below = 0.5 if flat else MARGIN
        figure = new_figure(wide_enough(title, subtitle, left + across + MARGIN), 0.85 + down + below, title, subtitle)
        axes = add_panel(figure, left, 0.85, across, down)
        picture = grid(rows, columns).squeeze(2).numpy()
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        height, width = synthetic.data.shape[2:]
        names = [str(value) for value in classes]
        axes.set_xticks([(width + 1) * (i + 0.5) for i in range(len(names))] if flat else [], names if flat else [])
        axes.set_yticks([] if flat else [(height + 1) * (i + 0.5) for i in range(len(names))], [] if flat else names)
        save(figure, path)
