"""Images with stored views, each with a soft label of its own, which expand into all views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from graphdistill.core.sets.array_payload import quantize_labels, unpack_labels
from graphdistill.core.sets.expansion import Expansion
from graphdistill.core.sets.payload import STREAM, check_tensor
from graphdistill.core.sets.views import LIMITS, views


@dataclass(frozen=True)
class Replays(Expansion):
    """Views of images from a seed, and the label of each view.

    Args:
        images: uint8 ``[n, channels, height, width]``.
        replays: seed, views of an image and strength in percent, long ``[3]``.
        y: soft label of each view in steps of 1/254 without the last class, uint8 ``[n * views, C - 1]``.

    Example:
        >>> stored = Replays.of(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), (0, 3, 100), torch.eye(2).repeat(3, 1))
        >>> stored.entries[0].shape, stored.entries[1].argmax(dim=1).tolist()
        (torch.Size([6, 1, 8, 8]), [0, 1, 0, 1, 0, 1])
    """

    images: Tensor
    replays: Tensor
    y: Tensor

    MARK: ClassVar[str] = "replays"
    AUGMENTED: ClassVar[bool] = True

    @classmethod
    def of(cls, images: Tensor, replays: tuple[int, int, int], labels: Tensor) -> Replays:
        """Images and the probabilities of their views, float ``[n * views, C]``."""
        return cls(images, torch.tensor(replays), quantize_labels(labels, "multiclass"))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all views."""
        return (len(self.images) * int(self.replays[1]), *self.images.shape[1:])

    def check(self) -> None:
        """Check dtypes, shapes and ranges."""
        self.check_images("images")
        self.check_numbers("replays", LIMITS)
        check_tensor(self.arrays(), "y", STREAM, self.shape[0], None)

    def expand(self) -> tuple[Tensor, Tensor]:
        """All views of the first image, then of the second, and so on."""
        return views(self.images, *self.replays.tolist()), unpack_labels(self.y, "multiclass")
