"""Siamese augmentation (Zhao and Bilen, ICML 2021): one random draw is applied to real and synthetic images.

A draw is plain data that can be applied again with the same result. It is made on the CPU and moved to the images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


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

    Attributes:
        names: operations to draw from: ``color``, ``crop``, ``cutout``, ``scale``, ``rotate``; none leaves images
            unchanged.
        shift: largest shift of a crop, as a share of the side. (default: 0.125, the paper's value)
        hole: side of the hole that is cut out, as a share of the side. (default: 0.5, the paper's value)
        stretch: largest factor of a scaling, independent for each axis. (default: 1.2, the paper's value)
        angle: largest rotation in degrees. (default: 15, the paper's value)
        brightness: largest change of brightness. (default: 0.15; the paper has half a standard deviation, which is
            about 0.3 on pixels from 0 to 1)
        contrast: largest relative change of contrast. (default: 0.5, the paper's value)

    Raises:
        ValueError: an operation is unknown, or a strength is out of its range.

    Example:
        >>> augment = Augment()
        >>> draw = augment.sample(torch.Generator().manual_seed(0))
        >>> real, synthetic = torch.rand(5, 1, 8, 8), torch.rand(2, 1, 8, 8)
        >>> draw.name, augment.apply(draw, real).shape, augment.apply(draw, synthetic).shape
        ('rotate', torch.Size([5, 1, 8, 8]), torch.Size([2, 1, 8, 8]))
    """

    names: tuple[str, ...] = ("color", "crop", "cutout", "scale", "rotate")
    shift: float = 0.125
    hole: float = 0.5
    stretch: float = 1.2
    angle: float = 15.0
    brightness: float = 0.15
    contrast: float = 0.5

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in OPERATIONS:
                raise ValueError(f"names holds {name!r}; choose from {', '.join(OPERATIONS)}")
        for name, least, most in (
            ("shift", 0, 1),
            ("hole", 0, 1),
            ("stretch", 1, math.inf),
            ("angle", 0, 180),
            ("brightness", 0, 1),
            ("contrast", 0, 1),
        ):
            if not least <= getattr(self, name) <= most or math.isinf(getattr(self, name)):
                limit = f"from {least} to {most}" if math.isfinite(most) else f"{least} or more"
                raise ValueError(f"{name} must be {limit}, got {getattr(self, name)}")

    def sample(self, generator: torch.Generator, count: int = 1) -> Draw:
        """Draw an operation, with numbers for all images or for each of ``count`` images."""
        if not self.names:
            return Draw("none", torch.empty(1, 0))
        name = self.names[int(torch.randint(len(self.names), (), generator=generator))]
        return Draw(name, torch.rand(count, 2, generator=generator))

    def apply(self, draw: Draw, x: Tensor) -> Tensor:
        """Apply a draw to images ``[n, channels, height, width]``."""
        return OPERATIONS[draw.name](self, x, draw.u.to(x.device)) if draw.name in OPERATIONS else x

    def each(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw and apply with separate numbers for each image, as in training on a set."""
        return self.apply(self.sample(generator, len(x)), x)

    def _color(self, x: Tensor, u: Tensor) -> Tensor:
        reach = ((2 * u - 1) * u.new_tensor([self.brightness, self.contrast]))[:, :, None, None, None]
        mean = x.mean(dim=(1, 2, 3), keepdim=True)
        return (x - mean) * (1 + reach[:, 1]) + mean + reach[:, 0]

    def _crop(self, x: Tensor, u: Tensor) -> Tensor:
        """Shift by whole pixels with black padding."""
        side = u.new_tensor([x.shape[3], x.shape[2]])
        reach = (self.shift * side).ceil()
        pixels = ((2 * reach + 1) * u).floor() - reach
        return _resample(x, torch.eye(2, device=u.device).expand(len(u), 2, 2), 2 * pixels / side)

    def _cutout(self, x: Tensor, u: Tensor) -> Tensor:
        inside = []
        for axis, size in ((0, x.shape[2]), (1, x.shape[3])):
            center = (u[:, axis] * size).floor()[:, None]
            offset = torch.arange(size, device=u.device) - center + (self.hole * size) // 2
            inside.append((offset >= 0) & (offset < int(self.hole * size)))
        hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
        kept: Tensor = x * ~hole
        return kept

    def _scale(self, x: Tensor, u: Tensor) -> Tensor:
        factor = self.stretch ** (2 * u - 1)
        return _resample(x, torch.diag_embed(factor), u.new_zeros(len(u), 2))

    def _rotate(self, x: Tensor, u: Tensor) -> Tensor:
        angle = (2 * u[:, 0] - 1) * math.radians(self.angle)
        cos, sin = angle.cos(), angle.sin()
        return _resample(x, torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2), u.new_zeros(len(u), 2))


def _resample(x: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
    """Affine transform with bilinear interpolation and black padding."""
    theta = torch.cat([matrix, shift[:, :, None]], dim=2)
    grid = F.affine_grid(theta, [len(theta), *x.shape[1:]], align_corners=False)
    return F.grid_sample(x, grid.expand(len(x), -1, -1, -1), align_corners=False)


OPERATIONS = {
    "color": Augment._color,
    "crop": Augment._crop,
    "cutout": Augment._cutout,
    "scale": Augment._scale,
    "rotate": Augment._rotate,
}
"""The operations by name."""
NO_AUGMENT = Augment(())
"""Leaves images unchanged."""
