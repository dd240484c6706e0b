"""Images and compensators that all classes share, which expand into compensated images and mixtures of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from graphdistill.core.sets.expansion import LARGEST_SEED, Expansion, enlarged, integers, label_of
from graphdistill.core.sets.payload import MAX_CLASSES, check_tensor

STEP = 1 / 4
"""Step of stored logits."""
MOST_MIXED = 100
"""Largest number of mixtures of an entry."""


@dataclass(frozen=True)
class Compensated(Expansion):
    """Images, each also with every compensator of its index added, and mixtures of two entries and of their logits.

    Args:
        images: uint8 ``[P * C, channels, height, width]``, the first image of each class, then the second of each.
        compensator: int8 ``[M, P, channels, height / s, width / s]``, enlarged by ``s`` when it is added.
        logits: int8 ``[(M + 1) * P * C, K]``, in steps of 1/4: of the images, then with the first compensator, ...
        mixup: seed, mixtures of each entry, long ``[2]``.

    Example:
        >>> images, compensator = torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.ones(1, 2, 1, 4, 4).char()
        >>> stored = Compensated(images, compensator, torch.zeros(8, 2).char(), torch.tensor([0, 1]))
        >>> stored.entries[0].shape, (stored.entries[0][4, 0, 0, :2] * 255).tolist()
        (torch.Size([16, 1, 8, 8]), [1.0, 1.0])
    """

    images: Tensor
    compensator: Tensor
    logits: Tensor
    mixup: Tensor

    MARK: ClassVar[str] = "compensator"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all entries and mixtures."""
        return ((1 + int(self.mixup[1])) * self.logits.shape[0], *self.images.shape[1:])

    @property
    def width(self) -> int:
        """Number of classes."""
        return self.logits.shape[1]

    def check(self) -> None:
        """Check dtypes, shapes and ranges."""
        count, channels, height, width = self.check_images("images")
        self.check_numbers("mixup", {"seed": (0, LARGEST_SEED - 1), "mixtures of an entry": (0, MOST_MIXED)})
        found = check_tensor(self.arrays(), "compensator", (torch.int8,), None, None, channels, None, None).shape
        if not all(found) or count % found[1] or height % found[3] or height * found[4] != width * found[3]:
            raise ValueError(f"holds compensator of shape {list(found)} for {count} images of {height} x {width}")
        logits = check_tensor(self.arrays(), "logits", (torch.int8,), (found[0] + 1) * count, None)
        if not 1 < logits.shape[1] <= MAX_CLASSES:
            raise ValueError(f"holds logits of {logits.shape[1]} classes, expected from 2 to {MAX_CLASSES}")

    def unmixed(self) -> Tensor:
        """The images, then all of them with the first compensator of their index, and so on, uint8."""
        kinds, per_class = self.compensator.shape[:2]
        factor = self.images.shape[2] // self.compensator.shape[3]
        added = enlarged(self.compensator.flatten(0, 1), factor).unflatten(0, (kinds, per_class))
        added = added.repeat_interleave(len(self.images) // per_class, dim=1)  # (M, P * C, channels, height, width)
        return torch.cat([self.images, (self.images + added).clamp(0, 255).to(torch.uint8).flatten(0, 1)])

    def expand(self) -> tuple[Tensor, Tensor]:
        """All entries, then their mixtures: with another entry, in a share that is uniform from 0 to 1."""
        x, z = self.unmixed(), self.logits.double() * STEP
        seed, mixtures = self.mixup.tolist()
        total = mixtures * len(x)
        one = torch.arange(total) % max(1, len(x))
        other, share = integers(2 * seed, total, len(x) - 1), integers(2 * seed + 1, total, 256)
        wide = share.int()[:, None, None, None]
        mixed = ((256 - wide) * x[one] + wide * x[other] + 128) // 256
        soft = ((256 - share)[:, None] * z[one] + share[:, None] * z[other]) / 256
        return torch.cat([x, mixed.to(torch.uint8)]), label_of(torch.cat([z, soft]))
