"""Regions of images, and mixtures of two regions of the same image.

Shape legend: n images of C channels, height H and width W.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def random_regions(images: Tensor, generator: torch.Generator, least: float = 0.3) -> Tensor:
    """A random square region of each image, at the size of the image.

    Args:
        images: ``[n, C, H, W]``.
        generator: draws the areas, uniform from ``least`` to 1 of the image, and the places.
        least: smallest share of the area. (default: 0.3)

    Returns:
        ``[n, C, H, W]``, interpolated linearly.

    Example:
        >>> images = torch.arange(64.0).view(1, 1, 8, 8)
        >>> draws = torch.Generator().manual_seed(0)
        >>> torch.allclose(random_regions(images, draws, 1.0), images, atol=1e-4)
        True
    """
    draw = torch.rand(3, len(images), generator=generator)
    side = (least + (1 - least) * draw[0]).sqrt()
    place = (2 * draw[1:] - 1) * (1 - side)
    zero = torch.zeros_like(side)
    theta = torch.stack([side, zero, place[0], zero, side, place[1]], dim=1).view(-1, 2, 3).to(images)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def self_mix(first: Tensor, second: Tensor, generator: torch.Generator) -> tuple[Tensor, float]:
    """Put a rectangle of a second region of each image into the first one (SelfMix of FerKD, Shen, ICCV 2023).

    Args:
        first: regions, ``[n, C, H, W]``.
        second: other regions of the same images.
        generator: draws the rectangle, whose share of the area is uniform.

    Returns:
        The mixed regions, and the share of the first ones that is left, by which their targets are mixed.

    Example:
        >>> mixed, left = self_mix(torch.ones(3, 1, 8, 8), torch.zeros(3, 1, 8, 8), torch.Generator().manual_seed(0))
        >>> bool(mixed.mean() == left), 0 <= left <= 1
        (True, True)
    """
    height, width = first.shape[-2:]
    side = float(torch.rand((), generator=generator)) ** 0.5
    h, w = round(side * height), round(side * width)
    top = int(torch.randint(height - h + 1, (), generator=generator))
    left = int(torch.randint(width - w + 1, (), generator=generator))
    mixed = first.clone()
    mixed[..., top : top + h, left : left + w] = second[..., top : top + h, left : left + w]
    return mixed, 1 - h * w / (height * width)
