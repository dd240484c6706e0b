"""The training images of a data set, drawn from class by class."""

from __future__ import annotations

import torch
from torch import Tensor

from graphdistill.core.data import ImageDataset


class RealImages:
    """Training images and their classes.

    Args:
        x: float ``[n, channels, height, width]`` from 0 to 1.
        y: class of each, long ``[n]``.
        num_classes: number C of classes.

    Raises:
        ValueError: a class has no image.

    Example:
        >>> real = RealImages(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 1, 1]), 2)
        >>> real.counts.tolist(), real.draw(2, torch.Generator().manual_seed(0))[1].tolist()
        ([1, 3], [0, 1, 1])
    """

    def __init__(self, x: Tensor, y: Tensor, num_classes: int):
        self.x, self.y, self.num_classes = x, y, num_classes
        self.counts = torch.bincount(y, minlength=num_classes)
        for label in (self.counts == 0).nonzero().view(-1).tolist():
            raise ValueError(
                f"class {label} of 0 to {num_classes - 1} has no training image; number classes from 0 without gaps"
            )
        self.members = [(y == label).nonzero().view(-1) for label in range(num_classes)]

    @classmethod
    def of(cls, data: ImageDataset) -> RealImages:
        """The training split of a data set."""
        return cls(data.images[data.train], data.y[data.train], int(data.y.max()) + 1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.x.shape[1:]
        return channels, height, width

    def check_per_class(self, per_class: int) -> None:
        """Refuse to take more images of a class than it has."""
        if per_class < 1:
            raise ValueError(f"--per-class must be 1 or more, got {per_class}")
        least = int(self.counts.argmin())
        if per_class > int(self.counts[least]):
            raise ValueError(
                f"--per-class {per_class} is more than the {int(self.counts[least])} training images of class {least}; "
                f"give {int(self.counts[least])} or less"
            )

    def pick(self, size: int, generator: torch.Generator, label: int | None = None) -> Tensor:
        """Numbers of ``size`` random images of each class (or of class ``label``), or of all that a class has.

        Classes follow one another; nothing is drawn twice.
        """
        groups = self.members if label is None else [self.members[label]]
        return torch.cat([group[torch.randperm(len(group), generator=generator)[:size]] for group in groups])

    def draw(self, size: int, generator: torch.Generator, label: int | None = None) -> tuple[Tensor, Tensor]:
        """Images and classes of :meth:`pick`."""
        rows = self.pick(size, generator, label)
        return self.x[rows], self.y[rows]
