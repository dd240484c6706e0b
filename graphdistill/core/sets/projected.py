"""Images whose views get their labels from a stored projector of low rank on random features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.sets.array_payload import MOST_VALUES
from graphdistill.core.sets.expansion import Expansion, integers, label_of
from graphdistill.core.sets.payload import INTEGERS, check_range, check_tensor
from graphdistill.core.sets.views import LIMITS, views

MOST_FEATURES = 1024
"""Largest number of features, which bounds the time of an expansion."""
CHUNK = 1024
"""Views whose features are made at once."""
SCALE = 2.0**-17
"""Unit of logits: products of features, ``down`` and ``up`` are integers."""


@dataclass(frozen=True)
class Projected(Expansion):
    """Views of images from a seed, and labels that are the softmax of a projection of random features of each view.

    Args:
        images: uint8 ``[n, channels, height, width]``.
        replays: seed, views of an image and strength in percent, long ``[3]``; the seed also makes the features.
        y: class of each image, integers ``[n]``.
        down: int8 ``[d + C, r]``, from d random features and the class of the image.
        up: int8 ``[r, C]``.

    Example:
        >>> images, replays = torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 3, 100])
        >>> down, up = torch.ones(9, 1).char(), torch.tensor([[0, 1]]).char()
        >>> stored = Projected(images, replays, torch.tensor([0, 1]), down, up)
        >>> stored.entries[0].shape, stored.entries[1].shape
        (torch.Size([6, 1, 8, 8]), torch.Size([6, 2]))
    """

    images: Tensor
    replays: Tensor
    y: Tensor
    down: Tensor
    up: Tensor

    MARK: ClassVar[str] = "down"
    AUGMENTED: ClassVar[bool] = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all views."""
        return (len(self.images) * int(self.replays[1]), *self.images.shape[1:])

    @property
    def width(self) -> int:
        """Number of features or classes, whichever is larger."""
        return max(len(self.down), self.up.shape[1])

    def check(self) -> None:
        """Check dtypes, shapes and ranges."""
        pixels = math.prod(self.check_images("images")[1:])
        self.check_numbers("replays", LIMITS)
        inputs, rank = check_tensor(self.arrays(), "down", (torch.int8,), None, None).shape
        classes = check_tensor(self.arrays(), "up", (torch.int8,), rank, None).shape[1]
        if not (0 < inputs - classes <= MOST_FEATURES and classes > 1 and 0 < rank <= inputs):
            raise ValueError(f"holds a projector of {inputs} x {rank} and {rank} x {classes}")
        check_range("y", check_tensor(self.arrays(), "y", INTEGERS, len(self.images)), 0, classes - 1)
        features = inputs - classes
        if pixels * features > MOST_VALUES:
            raise ValueError(f"holds images of {pixels:,} pixels, too many for {features} random features")

    def expand(self) -> tuple[Tensor, Tensor]:
        """All views of the first image, then of the second, and so on."""
        x, classes = views(self.images, *self.replays.tolist()), self.up.shape[1]
        maps = self.down.double() @ self.up.double()
        y = self.y.long().repeat_interleave(int(self.replays[1]))
        count, seed = len(maps) - classes, int(self.replays[0])
        parts = zip(x.split(CHUNK), y.split(CHUNK), strict=True)
        logits = [random_features(pixels, label, count, classes, seed) @ maps for pixels, label in parts]
        return x, label_of(torch.cat(logits) * SCALE)


def random_features(pixels: Tensor, y: Tensor, count: int, classes: int, seed: int) -> Tensor:
    """Rectified sums of pixels with random signs and offsets, and the class; integers in doubles, exact.

    Args:
        pixels: uint8 ``[n, channels, height, width]``; of even sides, the sums of 2 x 2 pixels are used.
        y: class of the image of each, long ``[n]``.
        count: number d of features.
        classes: number C of classes.
        seed: of signs and offsets.

    Returns:
        Float64 ``[n, d + C]``, integers from 0 to 255; the class is 64 in its column.

    Example:
        >>> random_features(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), torch.tensor([1]), 3, 2, 0).shape
        torch.Size([1, 5])
    """
    x = pixels.double()
    if x.shape[2] % 2 == 0 == x.shape[3] % 2:
        x = (F.avg_pool2d(x, 2) * 4).floor()
    x = x.flatten(1)
    top = 1020 if x.shape[1] < pixels[0].numel() else 255
    signs = (integers(seed + 1, x.shape[1] * count, 2).view(-1, count) - 1).double()
    # Sums of random signs are about the root of their number: units and offsets follow it, in integers.
    unit = max(1, int(top * x.shape[1] ** 0.5) // 128)
    offset = (integers(seed + 2, count, 128) - 64).double() * unit
    out = ((x @ signs + offset) / unit).floor().clamp(0, 255)
    return torch.cat([out, 64 * F.one_hot(y, classes).double()], dim=1)
