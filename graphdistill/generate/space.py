"""Entries of a data set in the unit of denoisers, and what denoisers return as a set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from graphdistill.core.data.datasets import Dataset, ImageDataset
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights, quantize_uint8

UNIT = 0.5
"""Standard deviation of entries in the unit of denoisers."""
Kind = Literal["images"]


class Space(nn.Module):
    r"""Entries in another unit: :math:`z = 0.5 (x - m) / s`, and a set of rows from them.

    Args:
        shape: shape of an entry.
        mean: mean m. (default: 0)
        deviation: standard deviation s. (default: 0.5)

    Example:
        >>> space = Space((2,), mean=torch.tensor(3.0), deviation=torch.tensor(2.0))
        >>> z = space.encode(torch.tensor([[3.0, 5.0]]))
        >>> z.tolist(), space.decode(z, torch.tensor([0])).data.tolist()
        ([[0.0, 0.5]], [[3.0, 5.0]])
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        shape: tuple[int, ...],
        mean: Tensor = torch.tensor(0.0),  # noqa: B008
        deviation: Tensor = torch.tensor(UNIT),  # noqa: B008
    ):
        super().__init__()
        self.shape = shape
        self.register_buffer("mean", mean.clone())
        self.register_buffer("deviation", deviation.clone())

    def encode(self, x: Tensor) -> Tensor:
        """Entries in the unit of denoisers."""
        return UNIT * (x - self.mean) / self.deviation

    def values(self, z: Tensor) -> Tensor:
        """Entries in their own unit."""
        return z * (self.deviation / UNIT) + self.mean

    def decode(self, z: Tensor, y: Tensor) -> SyntheticSet:
        """A set of entries of the unit of denoisers and their classes."""
        return SyntheticSet(self.values(z), y, class_weights(y, "multiclass"))


class ImageSpace(Space):
    """Images from 0 to 1, which a set stores with 8 bits a pixel."""

    def values(self, z: Tensor) -> Tensor:
        """Images from 0 to 1."""
        return super().values(z).clamp(0, 1)

    def decode(self, z: Tensor, y: Tensor) -> SyntheticSet:
        """A set of images."""
        return SyntheticSet(quantize_uint8(self.values(z)), y, class_weights(y, "multiclass"))


@dataclass(frozen=True)
class Entries:
    """Entries of a data set in the unit of denoisers.

    Attributes:
        data: the data set.
        kind: its kind.
        z: all entries, float ``[n, *shape]``.
        y: their classes, long ``[n]``.
        num_classes: number of classes.
        space: turns entries into a set.
    """

    data: Any
    kind: Kind
    z: Tensor
    y: Tensor
    num_classes: int
    space: Space

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an entry."""
        return tuple(self.z.shape[1:])

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """Entries and classes of a split."""
        index = self.data.splits[name]
        return self.z[index], self.y[index]


def entries_of(data: Dataset) -> Entries:
    """Entries of a data set, scaled by mean and standard deviation of the training split.

    Raises:
        ValueError: data that generators are not made for.

    Example:
        >>> from graphdistill.datasets import load
        >>> entries = entries_of(load("digits"))
        >>> entries.shape, round(float(entries.split("train")[0].std()), 3)
        ((1, 8, 8), 0.5)
    """
    if not isinstance(data, ImageDataset):
        raise ValueError(
            f"--dataset {data.name} holds {data.ENTRIES}, but generators are made of images; "
            f"for other data use python -m graphdistill.condense"
        )
    train = data.images[data.train]
    space = ImageSpace(tuple(data.images.shape[1:]), train.mean(), train.std())
    return Entries(data, "images", space.encode(data.images), data.y, int(data.y.max()) + 1, space)
