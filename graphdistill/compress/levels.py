r"""Weights on few levels: every bucket of consecutive weights is scaled to lie between 0 and 1, then quantised.

.. math:: Q(w_i) = a_b + s_b \, p_{c_i}, \qquad c_i = \arg\min_j \left| \frac{w_i - a_b}{s_b} - p_j \right|

with the least weight :math:`a_b` and the range :math:`s_b` of the bucket b of the weight i, and levels p.

Shape legend: N weights, B buckets, L levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Quantized:
    """Weights as codes of levels.

    Attributes:
        codes: level of each weight, from 0, uint8 of any shape, N in all.
        levels: positions of the levels, ascending, float ``[L]``.
        low: least weight of each bucket, float ``[B]``.
        span: range of each bucket, float ``[B]``.
        bucket_size: weights of a bucket.
    """

    codes: Tensor
    levels: Tensor
    low: Tensor
    span: Tensor
    bucket_size: int

    @property
    def weight(self) -> Tensor:
        """The weights, float, of the shape of the codes; equal bits on every machine.

        Example:
            >>> Quantized(torch.tensor([[0, 1]], dtype=torch.uint8), torch.tensor([0.0, 1.0]), torch.tensor([-2.0]),
            ...     torch.tensor([5.0]), 8).weight
            tensor([[-2.,  3.]])
        """
        return values_of(self.codes.long(), self.levels, self.low, self.span, self.bucket_size)


def even_levels(count: int) -> Tensor:
    """Evenly spaced levels from 0 to 1, float ``[count]``.

    Example:
        >>> even_levels(3)
        tensor([0.0000, 0.5000, 1.0000])
    """
    return torch.linspace(0, 1, count)


def quantile_levels(weight: Tensor, count: int, bucket_size: int) -> Tensor:
    """Levels that divide the scaled weights into parts of equal number, each in the middle of its part.

    Args:
        weight: the weights, float of any shape.
        count: number of levels.
        bucket_size: weights of a bucket.

    Returns:
        Ascending, float ``[count]``.

    Example:
        >>> quantile_levels(torch.arange(9.0), 2, 9)
        tensor([0.2500, 0.7500])
    """
    unit = scaled(weight, *bucket_range(weight, bucket_size), bucket_size).sort().values
    place = (torch.arange(count, device=unit.device) + 0.5) / count * (len(unit) - 1)
    return unit[place.round().long()]


def bucket_range(weight: Tensor, bucket_size: int) -> tuple[Tensor, Tensor]:
    """Least weight and range of each bucket, float ``[B]`` each.

    Args:
        weight: float of any shape, N in all; buckets are consecutive, the last one may be shorter.
        bucket_size: weights of a bucket.

    Example:
        >>> bucket_range(torch.tensor([1.0, 4.0, 2.0]), 2)
        (tensor([1., 2.]), tensor([3., 0.]))
    """
    flat = weight.detach().reshape(-1)
    rest = -len(flat) % bucket_size
    low, high = torch.cat([flat, flat[-1:].expand(rest)]).view(-1, bucket_size).aminmax(dim=1)
    return low, high - low


def scaled(weight: Tensor, low: Tensor, span: Tensor, bucket_size: int) -> Tensor:
    """Weights between 0 and 1 in their buckets, ``[N]``; 0 where all of a bucket are equal."""
    flat = weight.detach().reshape(-1)
    divisor = torch.where(span > 0, span, torch.ones_like(span))
    return (flat - _each(low, bucket_size, len(flat))) / _each(divisor, bucket_size, len(flat))


def nearest(unit: Tensor, levels: Tensor) -> Tensor:
    """The nearest level of each number, the lower one of two that are as near, long ``[N]``.

    Example:
        >>> nearest(torch.tensor([0.1, 0.5, 0.9]), even_levels(2))
        tensor([0, 0, 1])
    """
    return torch.bucketize(unit, (levels[1:] + levels[:-1]) / 2)


def one_of_two(unit: Tensor, levels: Tensor, chance: Tensor) -> Tensor:
    """The level below or above each number, the nearer the more probable, so that the mean is the number.

    Args:
        unit: numbers from the first to the last level, ``[N]``.
        levels: two or more, ascending, float ``[L]``.
        chance: uniform random numbers from 0 to below 1, ``[N]``.

    Example:
        >>> one_of_two(torch.tensor([0.25, 0.25]), even_levels(2), torch.tensor([0.2, 0.3]))
        tensor([1, 0])
    """
    below = (torch.bucketize(unit, levels, right=True) - 1).clamp(0, len(levels) - 2)
    share = (unit - levels[below]) / (levels[below + 1] - levels[below])
    return below + (chance < share).long()


def values_of(codes: Tensor, levels: Tensor, low: Tensor, span: Tensor, bucket_size: int) -> Tensor:
    """Weights of codes, of their shape; differentiable in the levels.

    Args:
        codes: long of any shape, N in all.
        levels: float ``[L]``.
        low: float ``[B]``.
        span: float ``[B]``.
        bucket_size: weights of a bucket.
    """
    count = codes.numel()
    found = _each(low, bucket_size, count) + _each(span, bucket_size, count) * levels[codes.reshape(-1)]
    return found.view(codes.shape)


def _each(values: Tensor, bucket_size: int, count: int) -> Tensor:
    """The number of the bucket of each of ``count`` weights."""
    return values.repeat_interleave(bucket_size)[:count]


class Quantizer(nn.Module):
    """Quantised weights in training: the network computes with them, while the optimizer changes what is below.

    Either weights are trained, with levels that stay: the gradient at the quantised weights is that of the weights
    (straight-through). Or levels are trained, with weights that stay: the gradient of a level is the sum of those of
    its weights, each times the range of its bucket.

    Args:
        levels: the levels at first, float ``[L]``.
        bucket_size: weights of a bucket.
        trained: whether the levels are trained. (default: the weights are)
        stochastic: whether weights are rounded at random in training mode. (default: to the nearest level)
    """

    def __init__(self, levels: Tensor, bucket_size: int, *, trained: bool = False, stochastic: bool = False):
        super().__init__()
        self.levels: Tensor
        if trained:
            self.levels = nn.Parameter(levels.clone())
        else:
            self.register_buffer("levels", levels.clone())
        self.bucket_size, self.trained, self.stochastic = bucket_size, trained, stochastic

    def forward(self, weight: Tensor) -> Tensor:
        """Quantised weights, of the same shape."""
        levels = self.levels.sort().values
        low, span = bucket_range(weight, self.bucket_size)
        unit = scaled(weight, low, span, self.bucket_size)
        if self.stochastic and self.training:
            codes = one_of_two(unit, levels, torch.rand_like(unit))
        else:
            codes = nearest(unit, levels.detach())
        found = values_of(codes.view(weight.shape), levels, low, span, self.bucket_size)
        if self.trained:
            return found
        return straight_through(weight, found)

    @torch.no_grad()
    def coded(self, weight: Tensor) -> Quantized:
        """The same as codes, on the CPU."""
        levels = self.levels.detach().sort().values
        low, span = bucket_range(weight, self.bucket_size)
        codes = nearest(scaled(weight, low, span, self.bucket_size), levels).view(weight.shape)
        return Quantized(codes.to(torch.uint8).cpu(), levels.cpu(), low.cpu(), span.cpu(), self.bucket_size)


def straight_through(weight: Tensor, found: Tensor) -> Tensor:
    """The second tensor, whose gradient is given to the first.

    Args:
        weight: float of any shape.
        found: what is computed of it, of the same shape.

    Example:
        >>> weight = torch.tensor([1.4, 2.0], requires_grad=True)
        >>> straight_through(weight, weight.round()).square().sum().backward()
        >>> weight.grad
        tensor([2., 4.])
    """
    passed: Tensor = _StraightThrough.apply(weight, found)  # type: ignore[no-untyped-call]
    return passed


class _StraightThrough(torch.autograd.Function):
    """The second tensor, whose gradient is given to the first."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, found: Tensor) -> Tensor:
        return found.clone()

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor, None]:
        return gradient[0], None
