"""Helper functions on tensors: downcasting, ranges, segment pointers, devices."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

import torch
from torch import Tensor

T = TypeVar("T")


@runtime_checkable
class Movable(Protocol):
    """A tensor, or another object that can be moved to a device."""

    def to(self, device: torch.device | str, /) -> Self:
        """The same object if it is there already, else a copy on the device."""


def downcast(values: Tensor) -> Tensor:
    """Cast integer ``values`` to the smallest integer dtype that holds them; floats stay unchanged.

    Example:
        >>> downcast(torch.tensor([0, 255])).dtype, downcast(torch.tensor([-1, 300])).dtype
        (torch.uint8, torch.int16)
    """
    if values.is_floating_point():
        return values
    low, high = (int(values.min()), int(values.max())) if values.numel() else (0, 0)
    for dtype in (torch.uint8, torch.int16, torch.int32):
        info = torch.iinfo(dtype)
        if info.min <= low and high <= info.max:
            return values.to(dtype)
    return values.long()


def tensor_bytes(*tensors: Tensor | None) -> int:
    """Sum of the payload bytes of ``tensors``; ``None`` counts nothing.

    Example:
        >>> tensor_bytes(torch.zeros(3, dtype=torch.uint8), None, torch.zeros(2))
        11
    """
    return sum(t.numel() * t.element_size() for t in tensors if t is not None)


def ranges(starts: Tensor, lengths: Tensor) -> Tensor:
    """Concatenate the integer ranges ``starts[i] .. starts[i] + lengths[i]``.

    Args:
        starts: first value of each range, long ``[n]``.
        lengths: number of values of each range, long ``[n]``.

    Returns:
        Long ``[sum(lengths)]``.

    Example:
        >>> ranges(torch.tensor([5, 0]), torch.tensor([2, 3])).tolist()
        [5, 6, 0, 1, 2]
    """
    ends = lengths.cumsum(0)
    shift = torch.repeat_interleave(starts - (ends - lengths), lengths)
    return torch.arange(len(shift), device=starts.device) + shift


def segment_ptr(lengths: Tensor) -> Tensor:
    """Segment boundaries ``[0, l0, l0 + l1, ...]`` of consecutive segments with the given ``lengths``.

    Example:
        >>> segment_ptr(torch.tensor([2, 0, 3])).tolist()
        [0, 2, 2, 5]
    """
    return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])


def stratify_labels(y: Tensor) -> Tensor:
    """Classes for stratified sampling: the labels, or with many tasks whether any label is positive; long ``[n]``.

    Example:
        >>> stratify_labels(torch.tensor([[0.0, torch.nan], [0.0, 1.0]])).tolist()
        [0, 1]
    """
    return y if y.dim() == 1 else (y.nan_to_num().sum(dim=1) > 0).long()


NUM_QUANTILES = 8
"""Strata of targets: enough that small draws span their range, and few enough that the least draw is small."""


def quantile_strata(y: Tensor, count: int = NUM_QUANTILES) -> Tensor:
    """Strata for stratified sampling of targets: quantiles of the mean of an entry's known, standardised targets.

    Args:
        y: targets, float ``[n, T]`` with NaN for unknown ones; an entry without any has the mean of all.
        count: number of strata of equal size; fewer if there are fewer entries. (default: ``NUM_QUANTILES``)

    Returns:
        Stratum of each entry, long ``[n]``, from 0.

    Example:
        >>> quantile_strata(torch.tensor([[3.0], [0.1], [0.2], [9.0]]), 2).tolist()
        [1, 0, 0, 1]
    """
    mean, deviation = target_moments(y)
    place = ((y - mean) / deviation).nanmean(dim=1).nan_to_num()
    rank = place.argsort(stable=True).argsort()
    return rank * min(count, len(y)) // max(1, len(y))


def target_moments(y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the known values of each target; the deviation is 1 where all are equal.

    Args:
        y: targets, float ``[n, T]`` with NaN for unknown ones.

    Returns:
        Two of float32 ``[T]``.

    Example:
        >>> [moment.tolist() for moment in target_moments(torch.tensor([[1.0, 5.0], [3.0, torch.nan]]))]
        [[2.0, 5.0], [1.0, 1.0]]
    """
    values = y.double()
    mean = values.nanmean(dim=0).nan_to_num()
    deviation = (values - mean).square().nanmean(dim=0).sqrt().nan_to_num()
    return mean.float(), torch.where(deviation > 1e-7 * mean.abs(), deviation, 1.0).float()


def to_device(value: T, device: torch.device | str) -> T:
    """Move a tensor, or a dataclass, tuple or list of tensors, or an object with a method ``to``, to a device.

    Other values stay unchanged, and what is on the device already is returned itself, with all that it has cached.

    Example:
        >>> to_device((torch.zeros(2), "name"), "meta")[0].device.type
        'meta'
    """
    moved: Any = value
    if isinstance(value, tuple | list):
        parts = [to_device(part, device) for part in value]
        same = all(new is old for new, old in zip(parts, value, strict=True))
        moved = value if same else parts if isinstance(value, list) else tuple(parts)
    elif is_dataclass(value) and not isinstance(value, type):
        old = {f.name: getattr(value, f.name) for f in fields(value)}
        new = {name: to_device(part, device) for name, part in old.items()}
        moved = value if all(new[name] is old[name] for name in old) else replace(value, **new)
    elif isinstance(value, Movable):
        moved = value.to(device)
    out: T = moved
    return out
