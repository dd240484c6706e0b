r"""Class filters (CUDA): the images of each class are filtered by a small random filter that a private key determines.

.. math:: \tilde x = \frac{f_y * x}{\max (f_y * x)}, \qquad f_{y, t_y} = 1, \quad f_{y, t} \sim U(0, p) \;\; (t \ne t_y)

for an image x of class y, its k x k filter :math:`f_y`, a random place :math:`t_y` of the filter, and the largest
weight p of all other places. A network that is trained on such images learns the filters, which tell the classes apart
without their shapes, and is left without them on images that nobody filtered. The place :math:`t_y` shifts the images
of a class, the other weights blur them; both count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import generator

PAPER = "Sadasivan et al., CVPR 2023, https://arxiv.org/abs/2303.04278"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "ConvNet on clean images, digits: 33.0 ± 10.7, with augmentation 38.5 ± 10.7 (original 99.1 ± 0.3); mnist5k: "
        "37.1 ± 2.7 and 42.7 ± 2.8 (97.7 ± 0.5)"
    ),
    command="python -m graphdistill.bench protect",
    differs="Larger filters for the size of the images: 5 x 5 for 8 x 8 pixels; the paper has 3 x 3 for 32 x 32.",
    instead="Nothing helps against somebody who has clean images of the same classes; one filter for all classes costs "
    "an MLP and a ViT as much on average, though not for every key.",
)
FOR: tuple[Literal["images"], ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of class filters."""

    filter_size: int | None = None
    """Pixels of the side of a filter; larger ones move the images of a class further (default: a third of the shorter
    side of the images, made odd, at least 5; the paper has 3 for sides of 32 and 9 for those of 224)."""
    blur: float = 0.06
    """Largest weight of all places of a filter but one, which has 1 (the paper has 0.06 with filters of 9 x 9 and 0.3
    with those of 3 x 3)."""

    def __post_init__(self) -> None:
        if self.filter_size is not None and self.filter_size < 2:
            raise ValueError(f"--filter-size must be 2 or more, got {self.filter_size}")
        if not 0 < self.blur <= 1:
            raise ValueError(f"--blur must be above 0 and at most 1, got {self.blur}")


def check(config: Config, size: Sequence[int]) -> None:
    """Refuse filters that are larger than the images.

    Args:
        config: size of the filters.
        size: height and width of an image.

    Raises:
        ValueError: they are.
    """
    if side(config, size) > min(size):
        raise ValueError(
            f"--filter-size {side(config, size)} is larger than images of {size[0]} x {size[1]} pixels; "
            f"give {min(size)} or less"
        )


def side(config: Config, size: Sequence[int]) -> int:
    """Side of the filters for images of a height and a width.

    Example:
        >>> [side(Config(), size) for size in ((8, 8), (28, 28), (224, 300))], side(Config(filter_size=3), (8, 8))
        ([5, 9, 75], 3)
    """
    return config.filter_size or max(5, min(size) // 3 | 1)


def protect(images: Tensor, y: Tensor, config: Config, key: int) -> Tensor:
    """Filter each image by the filter of its class.

    Args:
        images: float ``[n, channels, height, width]`` from 0 to 1.
        y: class of each, long ``[n]``.
        config: size and weights of the filters.
        key: number that all filters come from.

    Returns:
        Images of the same shape from 0 to 1, the same bits for the same key on every machine.

    Example:
        >>> images = torch.rand(2, 1, 8, 8)
        >>> protect(images, torch.tensor([0, 1]), Config(), 5).amax(dim=(1, 2, 3)).tolist()
        [1.0, 1.0]
    """
    return filtered(images, secrets(config, int(y.max()) + 1, key, images.shape[2:])[y])


def randomize(images: Tensor, config: Config, generator: torch.Generator) -> Tensor:
    """Filter each image by a filter of its own."""
    return filtered(images, _draw(len(images), config, generator, images.shape[2:]).to(images.device))


def secrets(config: Config, num_classes: int, key: int, size: Sequence[int]) -> Tensor:
    """The filter of each class, float ``[C, k, k]``; that of a class does not depend on how many there are."""
    return torch.cat([_draw(1, config, generator(key, "class filters", label), size) for label in range(num_classes)])


def filtered(images: Tensor, filters: Tensor) -> Tensor:
    """Filter each image by its filter, with black around the image, and divide it by its largest pixel.

    Products are added one place of the filter after another, so that the bits depend neither on the machine nor on the
    number of threads.

    Args:
        images: float ``[n, channels, height, width]``, 0 or more; black ones stay.
        filters: one filter for each image and all its channels, float ``[n, k, k]``.

    Example:
        >>> image, shift = torch.tensor([[[[0.0, 0.5, 0.2]]]]), torch.zeros(1, 3, 3)
        >>> shift[0, 1, 0] = 1
        >>> filtered(image, shift)
        tensor([[[[0., 0., 1.]]]])
    """
    height, width, size = *images.shape[2:], filters.shape[1]
    before = (size - 1) // 2
    padded = F.pad(images, (before, size - 1 - before, before, size - 1 - before))
    out = torch.zeros_like(images)
    for row in range(size):
        for column in range(size):
            part = padded[:, :, row : row + height, column : column + width]
            out += filters[:, row, column, None, None, None] * part
    return out / out.amax(dim=(1, 2, 3), keepdim=True).clamp(min=torch.finfo(out.dtype).tiny)


def _draw(count: int, config: Config, generator: torch.Generator, size: Sequence[int]) -> Tensor:
    """Random filters, float ``[count, k, k]``."""
    k = side(config, size)
    weights = config.blur * torch.rand(count, k * k, generator=generator)
    places = torch.randint(k * k, (count, 1), generator=generator)
    return weights.scatter_(1, places, 1.0).view(count, k, k)
