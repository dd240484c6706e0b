"""Images with a class for each pixel, and a small segmentation task that is made from images of digits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.randomness import generator

INK = 0.35
"""Brightness above which a pixel counts to its digit."""


@dataclass(frozen=True)
class PixelDataset:
    """Images whose pixels have classes; :class:`~graphdistill.kd.data.images.ImageView` reads it.

    Networks return logits ``[n, height, width, C]``.

    Attributes:
        name: name of the data.
        images: float ``[n, channels, height, width]`` from 0 to 1.
        y: class of each pixel, long ``[n, height, width]``.
        train, valid, test: indices of the images of each split, long.
    """

    name: str
    images: Tensor
    y: Tensor
    train: Tensor
    valid: Tensor
    test: Tensor

    def __post_init__(self) -> None:
        wanted = (len(self.images), *self.images.shape[2:])
        if self.y.shape != wanted or self.y.dtype != torch.long:
            raise ValueError(f"y must be long {list(wanted)}, got {self.y.dtype} {list(self.y.shape)}")


def scenes(data: ImageDataset, *, count: int = 1600, side: int = 20, seed: int = 0) -> PixelDataset:
    """Scenes with two images each on a noisy canvas; pixels of ink have the class of their image plus 1, others 0.

    The two images stand at random places in the left and the right half. Eight tenths
    of the scenes are for training and a tenth each for validation and test; each part takes its images from the same
    part of the data.

    Args:
        data: gray images whose width is at most half of ``side``.
        count: number of scenes. (default: 1600)
        side: height and width of a scene in pixels. (default: 20)
        seed: seed of images, places and noise. (default: 0)

    Raises:
        ValueError: the images are larger than half of a scene.

    Example:
        >>> from graphdistill.datasets import load
        >>> found = scenes(load("digits"), count=20)
        >>> found.images.shape, found.y.shape, len(found.train)
        (torch.Size([20, 1, 20, 20]), torch.Size([20, 20, 20]), 16)
    """
    height, width = data.images.shape[2:]
    if max(height, width) > side // 2:
        raise ValueError(f"side must be at least twice the images' {max(height, width)} pixels, got {side}")
    draws = generator(seed, "scenes")
    images = 0.25 * torch.rand(count, 1, side, side, generator=draws)
    y = torch.zeros(count, side, side, dtype=torch.long)
    ends = (8 * count // 10, 9 * count // 10)
    for i in range(count):
        part = data.train if i < ends[0] else data.valid if i < ends[1] else data.test
        chosen = part[torch.randint(len(part), (2,), generator=draws)]
        for half, entry in enumerate(chosen.tolist()):
            row = int(torch.randint(side - height + 1, (), generator=draws))
            column = half * (side // 2) + int(torch.randint(side // 2 - width + 1, (), generator=draws))
            picture = data.images[entry].mean(0)
            place = slice(row, row + height), slice(column, column + width)
            images[i, 0][place] = torch.maximum(images[i, 0][place], picture)
            y[i][place] = torch.where(picture > INK, data.y[entry] + 1, 0)
    order = torch.arange(count)
    return PixelDataset(f"scenes of {data.name}", images, y, *order.tensor_split(ends))


def mean_iou(logits: Tensor, y: Tensor) -> float:
    """Mean over classes of intersection over union, of the classes that are in labels or predictions.

    Args:
        logits: float ``[r, C]``.
        y: long ``[r]``.

    Example:
        >>> mean_iou(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), torch.tensor([0, 1, 0]))
        0.5
    """
    count = logits.shape[1]
    table = torch.bincount(y * count + logits.argmax(1), minlength=count * count).view(count, count).double()
    inside = table.diagonal()
    union = table.sum(0) + table.sum(1) - inside
    return float((inside[union > 0] / union[union > 0]).mean())
