r"""Common corruptions of images: noise, blur, weather and digital effects, each in five severities.

The 19 kinds are those of `Hendrycks & Dietterich, ICLR 2019 <https://arxiv.org/abs/1903.12261>`_, implemented from
the paper's descriptions with different strengths: lengths are relative to the image's side, so that all sizes work.
Results are therefore not comparable with those on the published CIFAR-10-C. Frost is generated from the ridges of
fractal noise instead of photographs.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Generator, Tensor


def corrupt(x: Tensor, kind: str, severity: int, generator: Generator) -> Tensor:
    """Corrupt images, with independent random numbers for each.

    Args:
        x: colour images ``[n, 3, h, w]`` in [0, 1].
        kind: one of :data:`KINDS`.
        severity: from 1, the mildest, to 5.
        generator: draws noise, directions and weather.

    Returns:
        Images of the same shape in [0, 1].

    Raises:
        ValueError: the kind or severity is unknown, or the images do not have three channels.

    Example:
        >>> grey = torch.full((2, 3, 8, 8), 0.5)
        >>> corrupt(grey, "brightness", 5, torch.Generator()).mean() > 0.5
        tensor(True)
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; choose from {', '.join(KINDS)}")
    if severity not in range(1, 6):
        raise ValueError(f"severity must be from 1 to 5, got {severity}")
    if x.dim() != 4 or x.shape[1] != 3:
        raise ValueError(f"x has shape {list(x.shape)}; give colour images [n, 3, h, w]")
    change, strengths = KINDS[kind]
    return change(x, strengths[severity - 1], generator).clamp(0, 1)


# Noise


def _gaussian_noise(x: Tensor, spread: float, g: Generator) -> Tensor:
    return x + spread * _normal(x.shape, g)


def _shot_noise(x: Tensor, photons: float, g: Generator) -> Tensor:
    """Shot noise: Poisson counts of photons."""
    return torch.poisson(x * photons, generator=g) / photons


def _impulse_noise(x: Tensor, part: float, g: Generator) -> Tensor:
    """Salt and pepper noise, independent in each channel."""
    dice = torch.rand(x.shape, generator=g)
    return torch.where(dice < part, (dice < part / 2).float(), x)


def _speckle_noise(x: Tensor, spread: float, g: Generator) -> Tensor:
    """Speckle noise: proportional to the brightness."""
    return x + spread * x * _normal(x.shape, g)


# Blur


def _defocus_blur(x: Tensor, radius: float, g: Generator) -> Tensor:
    """Defocus blur: convolution with a disc."""
    r = radius * x.shape[-1]
    reach = math.ceil(r)
    place = torch.arange(-reach, reach + 1).float()
    # A pixel at the rim is weighted by about its part inside the disc.
    disc = (r + 0.5 - torch.hypot(place[:, None], place)).clamp(0, 1)
    return _filtered(x, disc / disc.sum())


def _glass_blur(x: Tensor, reach: float, g: Generator) -> Tensor:
    """Glass blur: every pixel shows one of its neighbours."""
    shift = (2 * torch.rand((2, len(x), *x.shape[2:]), generator=g) - 1) * reach * x.shape[-1]
    return _gaussian_blur(_moved(x, shift[0].round(), shift[1].round()), 0.16 * reach, g)


def _motion_blur(x: Tensor, length: float, g: Generator) -> Tensor:
    """Motion blur along a line, with a random direction for each image."""
    return _smeared(x, length, 2 * math.pi * torch.rand(len(x), generator=g))


def _zoom_blur(x: Tensor, zoom: float, g: Generator) -> Tensor:
    """Zoom blur: the mean of several zooms towards the centre."""
    h, w = x.shape[2:]
    rows, columns = (torch.arange(size) - (size - 1) / 2 for size in (h, w))
    scales = (1 / (1 + zoom * k / 8) - 1 for k in range(9))
    return _mean([_moved(x, scale * rows[:, None], scale * columns) for scale in scales])


def _gaussian_blur(x: Tensor, spread: float, g: Generator) -> Tensor:
    deviation = spread * x.shape[-1]
    reach = math.ceil(3 * deviation)
    bell = torch.exp(-((torch.arange(-reach, reach + 1) / deviation) ** 2) / 2)
    bell = bell / bell.sum()
    return _filtered(_filtered(x, bell[:, None]), bell[None])


# Weather


def _snow(x: Tensor, amount: float, g: Generator) -> Tensor:
    """Snow: motion-blurred flakes over a whitened image."""
    noise = _normal((len(x), 1, *x.shape[2:]), g)
    flakes = (_standard(_gaussian_blur(noise, 0.015, g)) - 2 + 2 * amount).clamp(0, 1)
    slant = math.pi / 2 + 0.6 * _normal((len(x),), g)
    white = torch.maximum(x, 0.5 + 0.5 * x.mean(dim=1, keepdim=True))
    return (1 - amount) * x + amount * white + 1.5 * _smeared(flakes, 0.15, slant)


def _frost(x: Tensor, amount: float, g: Generator) -> Tensor:
    """Frost: bluish crystals along the ridges of fractal noise."""
    ridges = 1 - _plasma(x, 0.7, g).mul(2).sub(1).abs()
    ice = ridges**3 * torch.tensor([0.85, 0.95, 1.0]).view(3, 1, 1)
    return (1 - 0.5 * amount) * x + amount * ice


def _fog(x: Tensor, amount: float, g: Generator) -> Tensor:
    """Fog: fractal noise added to the image."""
    return (x + amount * (0.3 + 0.7 * _plasma(x, 0.5, g))) / (1 + amount)


def _spatter(x: Tensor, part: float, g: Generator) -> Tensor:
    """Spatter: drops of rain or mud on the lens."""
    drops = _standard(_gaussian_blur(_normal((len(x), 1, *x.shape[2:]), g), 0.05, g))
    # The quantile that a normal variable exceeds with probability `part`.
    height = math.sqrt(2) * float(torch.erfinv(torch.tensor(1 - 2 * part)))
    cover = (2 * (drops - height)).clamp(0, 1) * 0.9
    muddy = torch.rand((len(x), 1, 1, 1), generator=g) < 0.5
    mud, water = (torch.tensor(colour).view(3, 1, 1) for colour in ((0.25, 0.17, 0.08), (0.75, 0.9, 0.95)))
    return (1 - cover) * x + cover * torch.where(muddy, mud, water)


# Cameras and files


def _brightness(x: Tensor, more: float, g: Generator) -> Tensor:
    """Brightness: a larger value in HSV colour space."""
    value = x.amax(dim=1, keepdim=True)
    brighter = (value + more).clamp(max=1)
    return torch.where(value > 0, x / value.clamp(min=1e-6), 1) * brighter


def _contrast(x: Tensor, kept: float, g: Generator) -> Tensor:
    mean = x.mean(dim=(2, 3), keepdim=True)
    return mean + kept * (x - mean)


def _saturate(x: Tensor, factor: float, g: Generator) -> Tensor:
    """Saturation: lower or higher saturation in HSV colour space."""
    value, least = x.amax(dim=1, keepdim=True), x.amin(dim=1, keepdim=True)
    saturation = (value - least) / value.clamp(min=1e-6)
    return value - (value - x) * (saturation * factor).clamp(max=1) / saturation.clamp(min=1e-6)


def _elastic_transform(x: Tensor, reach: float, g: Generator) -> Tensor:
    """Elastic transform: small regions are stretched or contracted."""
    field = _standard(_gaussian_blur(_normal((len(x), 2, *x.shape[2:]), g), 0.1, g)) * reach * x.shape[-1]
    return _moved(x, field[:, 0], field[:, 1])


def _pixelate(x: Tensor, scale: float, g: Generator) -> Tensor:
    h, w = x.shape[2:]
    return F.interpolate(F.interpolate(x, (round(h * scale), round(w * scale)), mode="area"), (h, w))


def _jpeg_compression(x: Tensor, quality: float, g: Generator) -> Tensor:
    out = []
    for pixels in (255 * x).round().byte().permute(0, 2, 3, 1).numpy():
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "jpeg", quality=int(quality))
        out.append(np.asarray(Image.open(file)))
    return torch.from_numpy(np.stack(out)).permute(0, 3, 1, 2).float() / 255


# Helpers


def _normal(shape: tuple[int, ...], g: Generator) -> Tensor:
    return torch.randn(shape, generator=g)


def _standard(x: Tensor) -> Tensor:
    """Normalize each map to mean 0 and variance 1."""
    return (x - x.mean(dim=(2, 3), keepdim=True)) / x.std(dim=(2, 3), keepdim=True)


def _mean(images: list[Tensor]) -> Tensor:
    return torch.stack(images).mean(dim=0)


def _filtered(x: Tensor, kernel: Tensor) -> Tensor:
    """Convolve every channel with one kernel."""
    n, c, h, w = x.shape
    high, wide = (size // 2 for size in kernel.shape)
    padded = F.pad(x, (wide, wide, high, high), mode="replicate").reshape(n * c, 1, h + 2 * high, w + 2 * wide)
    return F.conv2d(padded, kernel[None, None]).view(x.shape)


def _moved(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift each pixel's source by the given numbers of pixels, down and right."""
    n, _, h, w = x.shape
    across = 2 * (torch.arange(w) + right) / (w - 1) - 1
    along = 2 * (torch.arange(h)[:, None] + down) / (h - 1) - 1
    grid = torch.stack([across.expand(n, h, w), along.expand(n, h, w)], dim=-1)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=True)


def _smeared(x: Tensor, length: float, angle: Tensor) -> Tensor:
    """Mean of nine samples along a line at each image's angle."""
    steps = torch.linspace(-0.5, 0.5, 9) * length * x.shape[-1]
    down, right = angle.sin().view(-1, 1, 1), angle.cos().view(-1, 1, 1)
    return _mean([_moved(x, step * down, step * right) for step in steps])


def _plasma(x: Tensor, roughness: float, g: Generator) -> Tensor:
    """Fractal noise for each image, from 0 to 1, ``[n, 1, h, w]``."""
    h, w = x.shape[2:]
    hills = [
        roughness**octave * F.interpolate(_normal((len(x), 1, 2**octave + 1, 2**octave + 1), g), (h, w), mode="bicubic")
        for octave in range(1, max(h, w).bit_length() - 1)
    ]
    land = torch.stack(hills).sum(dim=0)
    low, high = land.amin(dim=(2, 3), keepdim=True), land.amax(dim=(2, 3), keepdim=True)
    return (land - low) / (high - low)


KINDS: dict[str, tuple[Callable[[Tensor, float, Generator], Tensor], tuple[float, ...]]] = {
    "gaussian noise": (_gaussian_noise, (0.04, 0.06, 0.09, 0.12, 0.16)),
    "shot noise": (_shot_noise, (250.0, 120.0, 60.0, 35.0, 20.0)),
    "impulse noise": (_impulse_noise, (0.01, 0.03, 0.06, 0.09, 0.14)),
    "speckle noise": (_speckle_noise, (0.08, 0.13, 0.2, 0.27, 0.35)),
    "defocus blur": (_defocus_blur, (0.02, 0.03, 0.04, 0.055, 0.075)),
    "glass blur": (_glass_blur, (0.02, 0.028, 0.04, 0.055, 0.08)),
    "motion blur": (_motion_blur, (0.08, 0.13, 0.19, 0.25, 0.32)),
    "zoom blur": (_zoom_blur, (0.1, 0.16, 0.22, 0.3, 0.4)),
    "gaussian blur": (_gaussian_blur, (0.015, 0.022, 0.03, 0.04, 0.055)),
    "snow": (_snow, (0.1, 0.18, 0.26, 0.34, 0.43)),
    "frost": (_frost, (0.25, 0.35, 0.45, 0.55, 0.7)),
    "fog": (_fog, (0.3, 0.6, 1.0, 1.5, 2.2)),
    "spatter": (_spatter, (0.06, 0.11, 0.17, 0.24, 0.32)),
    "brightness": (_brightness, (0.08, 0.15, 0.22, 0.3, 0.4)),
    "contrast": (_contrast, (0.75, 0.55, 0.4, 0.28, 0.18)),
    "saturate": (_saturate, (0.6, 0.3, 3.0, 5.0, 10.0)),
    "elastic transform": (_elastic_transform, (0.02, 0.03, 0.04, 0.05, 0.065)),
    "pixelate": (_pixelate, (0.85, 0.7, 0.55, 0.4, 0.3)),
    "jpeg compression": (_jpeg_compression, (60.0, 40.0, 25.0, 15.0, 8.0)),
}
"""Function of each kind and its strengths at severities 1 to 5."""
