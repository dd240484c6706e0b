"""Images of several sets in one shape, and many images as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def in_shape(images: Tensor, shape: Sequence[int]) -> Tensor:
    """Images in a number of channels and a size: interpolated, grey as the mean of colours or repeated.

    Args:
        images: float ``[n, c, h, w]``, from 0 to 1.
        shape: channels, height and width.

    Example:
        >>> import torch
        >>> in_shape(torch.rand(2, 3, 32, 32), (1, 8, 8)).shape
        torch.Size([2, 1, 8, 8])
    """
    channels, *size = shape
    if images.shape[1] != channels:
        images = images.mean(1, keepdim=True).expand(-1, channels, -1, -1)
    if list(images.shape[2:]) == size:
        return images.contiguous()
    return F.interpolate(images, size, mode="bilinear", antialias=True).clamp(0, 1).contiguous()


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
