"""Drawing of the images of a set in a grid, a row for each class."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from graphdistill.core.command.drawing import Figure
from graphdistill.core.sets.synthetic import SyntheticSet

MOST = 20
"""Images of a class that are shown."""


def draw_images(synthetic: SyntheticSet, path: Path) -> None:
    """Write the picture.

    Args:
        synthetic: images with hard or soft labels; a soft label counts as its likeliest class.
        path: the PNG file.
    """
    assert isinstance(synthetic.data, Tensor)
    label = synthetic.y if synthetic.y.dim() == 1 else synthetic.y.argmax(dim=1)
    classes = label.unique().tolist()
    rows = [synthetic.data[label == value][:MOST] for value in classes]
    columns = max(map(len, rows))
    figure = Figure(figsize=(0.6 + 0.6 * columns, 0.3 + 0.6 * len(rows)), dpi=150)
    axes = figure.subplots(1, 1)
    height = synthetic.data.shape[2]
    axes.imshow(grid(rows, columns).squeeze(2).numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_yticks([(height + 1) * (i + 0.5) for i in range(len(rows))], [str(value) for value in classes])
    axes.set_xticks([])
    axes.set_ylabel("class")
    axes.set_title(
        f"{synthetic.meta.get('method', 'set')}: {len(synthetic)} images, {synthetic.nbytes:,} bytes", fontsize=8
    )
    figure.savefig(path, bbox_inches="tight")


def grid(rows: list[Tensor], columns: int) -> Tensor:
    """Images ``[n, channels, h, w]`` of every row in a grid with white lines between them, ``[H, W, 1 or 3]``.

    Where images have neither one channel nor three, their mean is shown.
    """
    _, channels, height, width = rows[0].shape
    shown = channels if channels in (1, 3) else 1
    out = torch.ones((height + 1) * len(rows) + 1, (width + 1) * columns + 1, shown)
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            top, left = 1 + i * (height + 1), 1 + j * (width + 1)
            picture = image if shown == channels else image.mean(dim=0, keepdim=True)
            out[top : top + height, left : left + width] = picture.permute(1, 2, 0)
    return out
