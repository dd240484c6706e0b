"""Features of a set on a grid of few levels, which the codec stores in few bits; small ones become 0.

All features of a set have one step. Pixels are multiples of 1 / (2^b - 1); other features are multiples of a power of
two, so that they are exact in the 16 bits that a set stores at most, and nothing more than they has to be stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graphdistill.core.sets.array_payload import pack_features
from graphdistill.core.sets.synthetic import SyntheticSet, quantize_uint8

MOST_BITS = 8


@dataclass(frozen=True)
class Precision:
    """How features of a set are rounded.

    Attributes:
        bits: levels as a power of two, from 2 to 8. (default: features stay as they are)
        threshold: magnitude in steps below which a feature is 0; 1/2 is rounding to the nearest level. (default: 0.5)

    Raises:
        ValueError: there are fewer or more bits, or the threshold is below 1/2.

    Example:
        >>> Precision(2).round(torch.tensor([0, 60, 130, 255]) / 255).mul(255).tolist()
        [0.0, 85.0, 170.0, 255.0]
        >>> Precision(2, 0.75).round(torch.tensor([-0.3, 0.45, 0.3, 1.4])).tolist()
        [0.0, 0.0, 0.0, 1.0]
    """

    bits: int | None = None
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.bits is not None and not 2 <= self.bits <= MOST_BITS:
            raise ValueError(f"bits must be from 2 to {MOST_BITS}, got {self.bits}")
        if not self.threshold >= 0.5:
            raise ValueError(f"threshold must be 0.5 or more, got {self.threshold}")

    def round(self, x: Tensor) -> Tensor:
        """Features on the grid: pixels if all of them are stored as such, otherwise multiples of a power of two.

        Args:
            x: finite floats of any shape.
        """
        if self.bits is None or not x.numel():
            return x
        steps = 2**self.bits - 1
        if "pixels" in pack_features(x):
            return quantize_uint8(self._levels(x * steps) / steps)
        low, high = x.aminmax()
        span = max(float(high), 0.0) - min(float(low), 0.0)
        if not span:
            return x
        exponent = math.ceil(math.log2(span / steps))
        return torch.ldexp(self._levels(torch.ldexp(x, torch.tensor(-exponent))), torch.tensor(exponent))

    def of(self, synthetic: SyntheticSet) -> SyntheticSet:
        """A set with rounded features; sets of graphs, and those that expand when they are loaded, stay as they are.

        Example:
            >>> images = SyntheticSet(quantize_uint8(torch.rand(9, 1, 8, 8)), torch.arange(9), torch.ones(9))
            >>> Precision(2).of(images).nbytes < Precision(4).of(images).nbytes < images.nbytes
            True
        """
        if self.bits is None or not roundable(synthetic):
            return synthetic
        assert isinstance(synthetic.data, Tensor)
        return replace(synthetic, data=self.round(synthetic.data), meta={**synthetic.meta, **self.facts})

    @property
    def facts(self) -> dict[str, object]:
        """Entries of ``meta`` of a set that was rounded."""
        return {"bits": self.bits, "threshold": self.threshold}

    @classmethod
    def from_meta(cls, synthetic: SyntheticSet) -> Precision:
        """The precision that a set was rounded to.

        Example:
            >>> x = SyntheticSet(torch.rand(2, 3), torch.tensor([0, 1]), torch.ones(2))
            >>> Precision.from_meta(Precision(3).of(x)), Precision.from_meta(x).bits
            (Precision(bits=3, threshold=0.5), None)
        """
        bits = synthetic.meta.get("bits")
        return cls() if bits is None else cls(int(str(bits)), float(str(synthetic.meta["threshold"])))

    def _levels(self, x: Tensor) -> Tensor:
        return torch.where(x.abs() < self.threshold, 0.0, x.round())

    def __str__(self) -> str:
        if self.bits is None:
            return "full precision"
        return f"{self.bits} bits" + (f", 0 below {self.threshold:g} steps" if self.threshold != 0.5 else "")


FULL = Precision()
"""Features as they are learnt or selected: 8 bits a pixel, 16 bits a feature of a node, steps of 1/32 of rows."""
PLAIN = tuple(Precision(bits) for bits in range(2, MOST_BITS + 1))
SPARSE = tuple(Precision(bits, threshold) for bits in range(2, MOST_BITS + 1) for threshold in (0.75, 0.5))


def roundable(synthetic: SyntheticSet) -> bool:
    """Whether a set holds features that can be rounded: floats with classes that are stored as they are."""
    data, plain = synthetic.data, synthetic.expansion is None and synthetic.task == "multiclass"
    return isinstance(data, Tensor) and data.is_floating_point() and plain


def precisions(synthetic: SyntheticSet) -> tuple[Precision, ...]:
    """What a set may be rounded to, from the fewest bytes to full precision; rows that are not images also sparse.

    Example:
        >>> x = SyntheticSet(torch.rand(2, 3), torch.tensor([0, 1]), torch.ones(2))
        >>> [str(precision) for precision in precisions(x)[:2]]
        ['2 bits, 0 below 0.75 steps', '2 bits']
    """
    if not roundable(synthetic):
        return (FULL,)
    assert isinstance(synthetic.data, Tensor)
    return (*(PLAIN if synthetic.data.dim() > 2 else SPARSE), FULL)
