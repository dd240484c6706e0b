"""Sets that are stored as a few small tensors and expand into their entries when they are made or loaded.

All arithmetic is on integers, or on floats that hold integers exactly, so that entries are the same on every machine;
random choices come from a stored seed by splitmix64.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import ClassVar, Self

import torch
from torch import Tensor

from graphdistill.core.sets.array_payload import limit_of, quantize_labels, unpack_labels
from graphdistill.core.sets.payload import STREAM, check_names, check_tensor
from graphdistill.core.splitmix64 import mix, signed

GOLDEN = 0x9E3779B97F4A7C15
"""Step of the counter of splitmix64."""
LARGEST_SEED = 2**62
"""Seeds are below this."""


@dataclass(frozen=True)
class Expansion(ABC):
    """Stored tensors and how entries are made of them; the fields of a kind are the tensors, by their stored names."""

    MARK: ClassVar[str]
    """Name of the tensor that only this kind has."""
    AUGMENTED: ClassVar[bool] = False
    """Whether entries are augmented already, with labels for just that view, so that training does not do it again."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of the features of all entries: known before memory is taken for them."""

    @abstractmethod
    def check(self) -> None:
        """Check dtypes, shapes and ranges of the stored tensors.

        Raises:
            ValueError: with the name of the tensor.
        """

    @abstractmethod
    def expand(self) -> tuple[Tensor, Tensor]:
        """Pixels, uint8 of ``shape``, and labels: long ``[n]``, or soft float ``[n, C]`` in multiples of 1/254."""

    @property
    def width(self) -> int:
        """Further values that are made for each entry, such as those of its label."""
        return 1

    def arrays(self) -> dict[str, Tensor]:
        """The stored tensors by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], nbytes: int) -> Self:
        """The stored tensors as an expansion that may be made.

        Args:
            arrays: tensors of :meth:`arrays`, of an unknown origin.
            nbytes: their coded bytes, which limit what they may expand to.

        Raises:
            ValueError: a tensor is missing or cannot be, or the entries would take too much memory.
        """
        cls.check_payload(arrays)
        out = cls(**arrays)
        out.check()
        out.check_size(nbytes)
        return out

    @classmethod
    def check_payload(cls, payload: Mapping[str, object]) -> None:
        """Fail unless a payload has the names of this kind."""
        check_names(payload, [field.name for field in fields(cls)])

    def check_size(self, nbytes: int) -> None:
        """Fail if entries hold more values than a stream of as many bytes may."""
        values, most = max(math.prod(self.shape), self.shape[0] * self.width), limit_of(nbytes)
        if values > most:
            raise ValueError(f"holds {nbytes:,} bytes that expand to {values:,} values, more than {most:,}")

    @cached_property
    def entries(self) -> tuple[Tensor, Tensor]:
        """Features from 0 to 1, and labels."""
        pixels, y = self.expand()
        return pixels.float() / 255, y

    def check_images(self, name: str) -> tuple[int, ...]:
        """Fail unless a tensor holds images of 8 bits; their shape."""
        shape = tuple(check_tensor(self.arrays(), name, STREAM, None, None, None, None).shape)
        if not all(shape):
            raise ValueError(f"holds {name} of shape {list(shape)}, expected images")
        return shape

    def check_numbers(self, name: str, limits: Mapping[str, tuple[int, int]]) -> None:
        """Fail unless a tensor holds one integer for each of the names, within its limits."""
        values = check_tensor(self.arrays(), name, (torch.int64,), len(limits))
        for (what, (least, most)), value in zip(limits.items(), values.tolist(), strict=True):
            if not least <= value <= most:
                raise ValueError(f"holds {value} as {what} in {name}, expected from {least} to {most}")


def integers(seed: int, count: int, most: int) -> Tensor:
    """Pseudo-random integers from 0 to ``most``, the same on every machine.

    Args:
        seed: number of the stream.
        count: how many.
        most: the largest, below 2^31.

    Example:
        >>> integers(0, 4, 9).tolist()
        [8, 4, 0, 9]
    """
    # The seed is scrambled before, or streams of seeds that follow each other would be shifted copies.
    words = mix(torch.arange(1, count + 1) * signed(GOLDEN) + mix(torch.tensor([signed(seed * GOLDEN)])))
    return ((words >> 33) & 0x7FFFFFFF) * (most + 1) >> 31


def label_of(logits: Tensor) -> Tensor:
    """Softmax of each row in double precision, in multiples of 1/254 like all stored soft labels; float ``[n, C]``."""
    return unpack_labels(quantize_labels(logits.double().softmax(dim=1), "multiclass"), "multiclass")


def enlarged(images: Tensor, factor: int) -> Tensor:
    """Images enlarged by bilinear interpolation in integers, int32.

    Args:
        images: integers of 8 bits ``[n, channels, height, width]``.
        factor: how much larger.

    Example:
        >>> enlarged(torch.tensor([[[[0, 100]]]], dtype=torch.uint8), 2).tolist()
        [[[[0, 25, 75, 100], [0, 25, 75, 100]]]]
    """
    out = images.int()
    for axis in (2, 3):
        size = out.shape[axis]
        # Position of the centre of each new pixel between old ones, in 1 / (2 * factor) of an old pixel.
        place = (2 * torch.arange(size * factor, device=out.device) + 1 - factor).clamp(0, 2 * factor * (size - 1))
        low, part = place // (2 * factor), (place % (2 * factor)).int()
        part = part.view([-1 if i == axis else 1 for i in range(4)])
        high = (low + 1).clamp(max=size - 1)
        out = out.index_select(axis, low) * (2 * factor - part) + out.index_select(axis, high) * part
    unit = (2 * factor) ** 2
    return (out + unit // 2) // unit
