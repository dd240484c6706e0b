"""A data set of three easy classes that every test of the room learns in no time."""

from __future__ import annotations

from functools import cache

import torch

from graphdistill.condense.real import RealImages
from graphdistill.core.data import ImageDataset


@cache
def bars(per_class: int = 24, classes: int = 3) -> ImageDataset:
    """Images of 8 x 8 noisy pixels with a bar at a height that tells the class; half of each class is for training."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(classes).repeat(per_class)
    images = 0.4 * torch.rand(len(y), 1, 8, 8, generator=draw)
    for image, label in zip(images, y.tolist(), strict=True):
        image[0, 2 * label + 1] += 0.5
    order = torch.arange(len(y)).view(per_class, classes)
    half, rest = per_class // 2, per_class // 4
    return ImageDataset(
        name="bars",
        images=(images * 255).round() / 255,
        y=y,
        train=order[:half].flatten(),
        valid=order[half : half + rest].flatten(),
        test=order[half + rest :].flatten(),
        notes="bars",
    )


def real(per_class: int = 24, classes: int = 3) -> RealImages:
    return RealImages.of(bars(per_class, classes))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
