"""Siamese augmentation (Zhao and Bilen, ICML 2021): one random draw is applied to real and synthetic images.

A draw is plain data that can be applied again with the same result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

SHIFT = 0.125
"""Largest shift, as a share of the side (the paper's value)."""
HOLE = 0.5
"""Side of the hole that is cut out, as a share of the side (the paper's value)."""
SCALE = 1.2
"""Largest scale factor, independent for each axis (the paper's value)."""
ANGLE = 15.0
"""Largest rotation in degrees (the paper's value)."""
BRIGHTNESS = 0.15
"""Largest change of brightness: the paper's half of a standard deviation, which is about 0.3 on pixels from 0 to 1."""
CONTRAST = 0.5
"""Largest relative change of contrast (the paper's value)."""


@dataclass(frozen=True)
class Draw:
    """Parameters of an augmentation.

    Attributes:
        name: name of the operation, or ``none``.
        u: numbers from 0 to 1, float ``[1, 2]`` for all images or ``[n, 2]`` for each image.
    """

    name: str
    u: Tensor


@dataclass(frozen=True)
class Augment:
    """One random operation per draw; differentiable in the images.

    Mirroring is left out of the paper's operations because it changes digits into other characters.

    Args:
        names: operations to draw from: ``color``, ``crop``, ``cutout``, ``scale``, ``rotate``; none leaves images
            unchanged.

    Raises:
        ValueError: an operation is unknown.

    Example:
        >>> augment = Augment()
        >>> draw = augment.draw(torch.Generator().manual_seed(0))
        >>> real, synthetic = torch.rand(5, 1, 8, 8), torch.rand(2, 1, 8, 8)
        >>> draw.name, augment.apply(draw, real).shape, augment.apply(draw, synthetic).shape
        ('rotate', torch.Size([5, 1, 8, 8]), torch.Size([2, 1, 8, 8]))
    """

    names: tuple[str, ...] = ("color", "crop", "cutout", "scale", "rotate")

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in OPERATIONS:
                raise ValueError(f"names holds {name!r}; choose from {', '.join(OPERATIONS)}")

    def draw(self, generator: torch.Generator, count: int = 1) -> Draw:
        """Draw an operation, with numbers for all images or for each of ``count`` images."""
        if not self.names:
            return Draw("none", torch.empty(1, 0))
        name = self.names[int(torch.randint(len(self.names), (), generator=generator))]
        return Draw(name, torch.rand(count, 2, generator=generator))

    def apply(self, draw: Draw, x: Tensor) -> Tensor:
        """Apply a draw to images ``[n, channels, height, width]``."""
        return OPERATIONS[draw.name](x, draw.u) if draw.name in OPERATIONS else x

    def each(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw and apply with separate numbers for each image, as in training on a set."""
        return self.apply(self.draw(generator, len(x)), x)


NO_AUGMENT = Augment(())
"""Leaves images unchanged."""


def _color(x: Tensor, u: Tensor) -> Tensor:
    reach = ((2 * u - 1) * u.new_tensor([BRIGHTNESS, CONTRAST]))[:, :, None, None, None]
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return (x - mean) * (1 + reach[:, 1]) + mean + reach[:, 0]


def _crop(x: Tensor, u: Tensor) -> Tensor:
    """Shift by whole pixels with black padding."""
    side = u.new_tensor([x.shape[3], x.shape[2]])
    reach = (SHIFT * side).ceil()
    pixels = ((2 * reach + 1) * u).floor() - reach
    return _resample(x, torch.eye(2).expand(len(u), 2, 2), 2 * pixels / side)


def _cutout(x: Tensor, u: Tensor) -> Tensor:
    inside = []
    for axis, size in ((0, x.shape[2]), (1, x.shape[3])):
        center = (u[:, axis] * size).floor()[:, None]
        offset = torch.arange(size) - center + (HOLE * size) // 2
        inside.append((offset >= 0) & (offset < int(HOLE * size)))
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    kept: Tensor = x * ~hole
    return kept


def _scale(x: Tensor, u: Tensor) -> Tensor:
    factor = SCALE ** (2 * u - 1)
    return _resample(x, torch.diag_embed(factor), torch.zeros(len(u), 2))


def _rotate(x: Tensor, u: Tensor) -> Tensor:
    angle = (2 * u[:, 0] - 1) * math.radians(ANGLE)
    cos, sin = angle.cos(), angle.sin()
    return _resample(x, torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2), torch.zeros(len(u), 2))


def _resample(x: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
    """Affine transform with bilinear interpolation and black padding."""
    theta = torch.cat([matrix, shift[:, :, None]], dim=2)
    grid = F.affine_grid(theta, [len(theta), *x.shape[1:]], align_corners=False)
    return F.grid_sample(x, grid.expand(len(x), -1, -1, -1), align_corners=False)


OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "color": _color,
    "crop": _crop,
    "cutout": _cutout,
    "scale": _scale,
    "rotate": _rotate,
}
