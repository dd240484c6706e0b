"""Siamese augmentation (Zhao and Bilen, ICML 2021): draw numbers once, apply them to real and synthetic images alike.

A draw is plain data: it can be applied again, to other images, on another day, with the same result.
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
"""Largest factor of stretching, each axis by its own (the paper's value)."""
ANGLE = 15.0
"""Largest rotation in degrees (the paper's value)."""
BRIGHTNESS = 0.15
"""Largest change of brightness: the paper's half of a standard deviation, which is about 0.3 on pixels from 0 to 1."""
CONTRAST = 0.5
"""Largest relative change of contrast (the paper's value)."""


@dataclass(frozen=True)
class Draw:
    """What to do with images.

    Attributes:
        name: one of the operations, or ``none``.
        u: numbers from 0 to 1, float ``[1, 2]`` for all images alike or ``[n, 2]`` for each its own.
    """

    name: str
    u: Tensor


@dataclass(frozen=True)
class Augment:
    """One random operation at a time out of some; differentiable in the images.

    Mirroring is not among the paper's operations here: most small image sets are of digits, which it makes into others.

    Args:
        names: operations to draw from: ``color``, ``crop``, ``cutout``, ``scale``, ``rotate``; none leaves images as
            they are.

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
        """Draw an operation, and its numbers once for all images or for each of ``count`` images."""
        if not self.names:
            return Draw("none", torch.empty(1, 0))
        name = self.names[int(torch.randint(len(self.names), (), generator=generator))]
        return Draw(name, torch.rand(count, 2, generator=generator))

    def apply(self, draw: Draw, x: Tensor) -> Tensor:
        """Do it to images ``[n, channels, height, width]``."""
        return OPERATIONS[draw.name](x, draw.u) if draw.name in OPERATIONS else x

    def each(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw and apply, every image by numbers of its own: what training on a set wants."""
        return self.apply(self.draw(generator, len(x)), x)


NO_AUGMENT = Augment(())
"""Leaves images as they are."""


def _color(x: Tensor, u: Tensor) -> Tensor:
    reach = ((2 * u - 1) * u.new_tensor([BRIGHTNESS, CONTRAST]))[:, :, None, None, None]
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return (x - mean) * (1 + reach[:, 1]) + mean + reach[:, 0]


def _crop(x: Tensor, u: Tensor) -> Tensor:
    """Shift by whole pixels, black outside, as padding and cropping does."""
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
    """Read images at affinely moved places, bilinearly, black outside."""
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
