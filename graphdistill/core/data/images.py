"""Images of several sets in one shape."""

from __future__ import annotations

from collections.abc import Sequence

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
