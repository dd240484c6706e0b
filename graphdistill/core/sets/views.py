"""Random views of images by integers alone, so that they are replayed bit for bit on every machine from a seed."""

from __future__ import annotations

import torch
from torch import Tensor

from graphdistill.core.sets.expansion import LARGEST_SEED, integers

UNIT = 1024
"""Numbers of a view are in steps of 1 / 1024."""
REACH = {"turn": 268, "stretch x": 150, "stretch y": 150, "shift x": 100, "shift y": 100, "contrast": 300, "light": 100}
"""Largest change of each number at full strength: 15 degrees, 15 %, 10 % of a side, 30 % and 10 % of the range."""
LIMITS = {"seed": (0, LARGEST_SEED - 1), "views of an image": (1, 1000), "strength": (0, 300)}
"""Limits of the three numbers that decide all views; strength is in percent."""
CHUNK = 512
"""Views that are made at once, so that they stay in the cache."""


def views(images: Tensor, seed: int, count: int, strength: int) -> Tensor:
    """Each image, ``count`` times in a row: turned, stretched, shifted, and with other light and contrast.

    Args:
        images: uint8 ``[n, channels, height, width]``.
        seed: of all numbers of all views.
        count: views of each image.
        strength: of all changes, in percent.

    Returns:
        Uint8 ``[n * count, channels, height, width]``, black where a view ends outside of its image.

    Example:
        >>> image = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8)
        >>> torch.equal(views(image, 0, 1, 0), image), torch.equal(views(image, 0, 1, 100), image)
        (True, False)
    """
    total = len(images) * count
    streams = enumerate(REACH.values(), start=seed * len(REACH))
    draws = torch.stack([integers(stream, total, 2 * most) - most for stream, most in streams])
    draws = draws * strength // 100
    source = torch.arange(total) // count
    parts = [view(images[source[i : i + CHUNK]], draws[:, i : i + CHUNK]) for i in range(0, total, CHUNK)]
    return torch.cat(parts) if parts else images[:0]


def view(x: Tensor, numbers: Tensor) -> Tensor:
    """One view of each image.

    Args:
        x: uint8 ``[n, channels, height, width]``.
        numbers: one of each of ``REACH`` for each image, long ``[7, n]``.
    """
    turn, wide, high, right, down, contrast, light = numbers[:, :, None, None]
    height, width = x.shape[2:]
    across, along = (2 * torch.arange(size) + 1 - size for size in (width, height))  # in half pixels from the centre
    # Position in the image of each pixel of the view, in 1 / 2048 of a pixel.
    fine = 2 * UNIT
    left = (UNIT + wide) * across - turn * along[:, None] + 2 * width * right + UNIT * (width - 1)
    top = (UNIT + high) * along[:, None] + turn * across + 2 * height * down + UNIT * (height - 1)
    pixels = x.int().flatten(2)
    out = torch.zeros_like(pixels)
    column, row = left >> 11, top >> 11
    for i, share_y in ((0, fine - (top & (fine - 1))), (1, top & (fine - 1))):
        for j, share_x in ((0, fine - (left & (fine - 1))), (1, left & (fine - 1))):
            r, c = row + i, column + j
            inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
            index = (r.clamp(0, height - 1) * width + c.clamp(0, width - 1)).flatten(1)
            share = (share_y * share_x * inside).int().flatten(1)
            out = out + pixels.gather(2, index[:, None].expand(-1, x.shape[1], -1)) * share[:, None]
    out = (out + (1 << 21)) >> 22
    mean = out.sum(dim=(1, 2), keepdim=True) // (x.shape[1] * height * width)
    contrast, light = contrast.int(), light.int()  # (n, 1, 1)
    out = ((out - mean) * (UNIT + contrast) // UNIT) + mean + 255 * light // UNIT
    bounded: Tensor = out.clamp(0, 255)
    return bounded.to(torch.uint8).view_as(x)
