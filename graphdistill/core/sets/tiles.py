"""Tiles of several small images each, which expand into these images in the size of the tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.sets.expansion import Expansion, enlarged
from graphdistill.core.sets.payload import INTEGERS, MAX_CLASSES, check_range, check_tensor

MOST_PER_SIDE = 8
"""Largest number of images along the side of a tile."""
MOST_SHARPNESS = 40
"""Largest sharpness, in quarters."""


@dataclass(frozen=True)
class Tiles(Expansion):
    """Images of one class, ``k`` times ``k`` in a tile, each enlarged to the tile by bilinear interpolation.

    What is lost by that can be sharpened: the difference from the mean of 3 x 3 pixels is added ``s / 4`` times.

    Args:
        tiles: uint8 ``[t, channels, height, width]``.
        y: class of each tile, integers ``[t]``.
        tiling: images k along a side and sharpness s, long ``[2]``.

    Example:
        >>> tiles = Tiles.of(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.tensor([3]), 2)
        >>> tiles.tiles.shape, tiles.entries[0].shape, tiles.entries[1].tolist()
        (torch.Size([1, 1, 8, 8]), torch.Size([4, 1, 8, 8]), [3, 3, 3, 3])
    """

    tiles: Tensor
    y: Tensor
    tiling: Tensor

    MARK: ClassVar[str] = "tiles"

    @classmethod
    def of(cls, images: Tensor, y: Tensor, per_side: int, sharpness: int = 0) -> Tiles:
        """Tiles of images in reading order, each reduced by the mean of its pixels.

        Args:
            images: uint8 ``[t * k * k, channels, height, width]``, the images of a tile one after another.
            y: class of each tile, long ``[t]``.
            per_side: images k along a side.
            sharpness: quarters of the difference from the local mean that are added. (default: none)

        Raises:
            ValueError: a side of the images is not a multiple of k.
        """
        height, width = images.shape[2:]
        if height % per_side or width % per_side:
            raise ValueError(f"images of {height} x {width} pixels do not make tiles of {per_side} x {per_side}")
        small = F.avg_pool2d(images.double(), per_side).round().to(torch.uint8)
        grid = small.unflatten(0, (-1, per_side, per_side))  # (t, k, k, channels, h, w)
        tiles = grid.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)
        return cls(tiles, y, torch.tensor([per_side, sharpness]))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all images."""
        return (len(self.tiles) * int(self.tiling[0]) ** 2, *self.tiles.shape[1:])

    def check(self) -> None:
        """Check dtypes, shapes and ranges."""
        count, _, height, width = self.check_images("tiles")
        self.check_numbers("tiling", {"images along a side": (1, MOST_PER_SIDE), "sharpness": (0, MOST_SHARPNESS)})
        side = int(self.tiling[0])
        if height % side or width % side:
            raise ValueError(f"holds tiles of {height} x {width} pixels, which {side} x {side} images do not fill")
        check_range("y", check_tensor(self.arrays(), "y", INTEGERS, count), 0, MAX_CLASSES - 1)

    def expand(self) -> tuple[Tensor, Tensor]:
        """The images of each tile in reading order."""
        side, sharpness = self.tiling.tolist()
        grid = self.tiles.unflatten(3, (side, -1)).unflatten(2, (side, -1))  # (t, channels, k, h, k, w)
        small = grid.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)
        return sharpened(enlarged(small, side), sharpness), self.y.long().repeat_interleave(side**2)


def sharpened(images: Tensor, sharpness: int) -> Tensor:
    """Images plus ``sharpness / 4`` of their difference from the mean of 3 x 3 pixels, by integers, uint8.

    Args:
        images: from 0 to 255, int32 ``[n, channels, height, width]``; pixels at the border are repeated outside.
        sharpness: quarters that are added.

    Example:
        >>> sharpened(torch.tensor([[[[90, 90, 0]]]], dtype=torch.int32), 4).tolist()
        [[[[90, 120, 0]]]]
    """
    total = images
    for axis in (2, 3):
        size = images.shape[axis]
        steps = torch.arange(size, device=images.device)
        before, after = (total.index_select(axis, (steps + step).clamp(0, size - 1)) for step in (-1, 1))
        total = total + before + after
    return ((36 * images + sharpness * (9 * images - total) + 18) // 36).clamp(0, 255).to(torch.uint8)
