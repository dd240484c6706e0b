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


@dataclass(frozen=True)
class Tiles(Expansion):
    """Images of one class, ``k`` times ``k`` in a tile, each enlarged to the tile by bilinear interpolation.

    Args:
        tiles: uint8 ``[t, channels, height, width]``.
        y: class of each tile, integers ``[t]``.
        per_side: ``[k]``, long.

    Example:
        >>> tiles = Tiles.of(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.tensor([3]), 2)
        >>> tiles.tiles.shape, tiles.entries[0].shape, tiles.entries[1].tolist()
        (torch.Size([1, 1, 8, 8]), torch.Size([4, 1, 8, 8]), [3, 3, 3, 3])
    """

    tiles: Tensor
    y: Tensor
    per_side: Tensor

    MARK: ClassVar[str] = "tiles"

    @classmethod
    def of(cls, images: Tensor, y: Tensor, per_side: int) -> Tiles:
        """Tiles of images in reading order, each reduced by the mean of its pixels.

        Args:
            images: uint8 ``[t * k * k, channels, height, width]``, the images of a tile one after another.
            y: class of each tile, long ``[t]``.
            per_side: images k along a side.

        Raises:
            ValueError: a side of the images is not a multiple of k.
        """
        height, width = images.shape[2:]
        if height % per_side or width % per_side:
            raise ValueError(f"images of {height} x {width} pixels do not make tiles of {per_side} x {per_side}")
        small = F.avg_pool2d(images.double(), per_side).round().to(torch.uint8)
        grid = small.unflatten(0, (-1, per_side, per_side))  # (t, k, k, channels, h, w)
        tiles = grid.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)
        return cls(tiles, y, torch.tensor([per_side]))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all images."""
        return (len(self.tiles) * int(self.per_side) ** 2, *self.tiles.shape[1:])

    def check(self) -> None:
        """Check dtypes, shapes and ranges."""
        count, _, height, width = self.check_images("tiles")
        self.check_numbers("per_side", {"images along a side": (1, MOST_PER_SIDE)})
        side = int(self.per_side)
        if height % side or width % side:
            raise ValueError(f"holds tiles of {height} x {width} pixels, which {side} x {side} images do not fill")
        check_range("y", check_tensor(self.arrays(), "y", INTEGERS, count), 0, MAX_CLASSES - 1)

    def expand(self) -> tuple[Tensor, Tensor]:
        """The images of each tile in reading order."""
        side = int(self.per_side)
        grid = self.tiles.unflatten(3, (side, -1)).unflatten(2, (side, -1))  # (t, channels, k, h, k, w)
        small = grid.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)
        return enlarged(small, side).to(torch.uint8), self.y.long().repeat_interleave(side**2)
