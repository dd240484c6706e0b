"""Features in 16 bits in any unit: columns outside the range of half precision are scaled by a power of two.

Shape legend: n rows, F columns.
"""

from __future__ import annotations

import torch
from torch import Tensor

TOP = 15
"""The largest magnitude of a scaled column is from 2^14 to 2^15, so that small values stay precise."""
LEAST = -96
"""Smallest exponent; its power of two and the inverse are within single precision."""


def half_exponent(x: Tensor) -> Tensor:
    """Exponent of the power of two that each column is divided by to fit half precision; 0 if it fits.

    A column fits if its largest magnitude is 0 or a normal number of half precision, from 2^-14 to 65,504.

    Args:
        x: finite, float ``[n, F]``.

    Returns:
        Long ``[F]``.

    Example:
        >>> half_exponent(torch.tensor([[1.0, 1e5, 1e-8, 0.0]])).tolist()
        [0, 2, -41, 0]
    """
    if not x.numel():
        return torch.zeros(x.shape[1], dtype=torch.long)
    most = x.abs().amax(dim=0).float()
    exponent = torch.frexp(most).exponent.long().clamp(min=LEAST)
    # Rounded like the column, because rounding up may change the exponent.
    most = scaled(scaled(most, -exponent).half().float(), exponent)
    fits = (most == 0) | ((most >= torch.finfo(torch.half).tiny) & torch.isfinite(most.half()))
    return torch.where(fits, 0, torch.frexp(most).exponent.long().clamp(min=LEAST) - TOP)


def scaled(x: Tensor, exponent: Tensor) -> Tensor:
    """Multiply each column by a power of two, without rounding.

    Example:
        >>> scaled(torch.tensor([[3.0, 1.0]]), torch.tensor([2, -1])).tolist()
        [[12.0, 0.5]]
    """
    return torch.ldexp(x, exponent) if bool((exponent != 0).any()) else x


def round_half(x: Tensor, exponent: Tensor | None = None) -> Tensor:
    """Round values to half precision, after scaling columns that do not fit by a power of two; float32.

    Rounding twice changes nothing. Values that are still out of range are clamped to the largest number.

    Args:
        x: finite, float ``[n, F]``.
        exponent: exponents of the columns, long ``[F]``. (default: those of ``x``)

    Example:
        >>> round_half(torch.tensor([[1e5, 1e-8]])).allclose(torch.tensor([[1e5, 1e-8]]), rtol=1e-3)
        True
    """
    exponent = half_exponent(x) if exponent is None else exponent
    most = torch.finfo(torch.half).max
    return scaled(scaled(x, -exponent).clamp(-most, most).half().float(), exponent)


def on_grid(x: Tensor) -> tuple[Tensor, Tensor] | None:
    """Numbers as integers below 2^11 times one power of two, and its exponent.

    Args:
        x: finite, float32 of any shape.

    Returns:
        Integers of 8 or 16 bits of the same shape, and the exponent, int8 ``[1]``; ``None`` if the numbers have no such
        step, or one of them is -0.

    Example:
        >>> [part.tolist() for part in on_grid(torch.tensor([[0.75, -1.5]]))], on_grid(torch.tensor([[0.1, 1.0]]))
        ([[[3, -6]], [-2]], None)
    """
    if bool((torch.signbit(x) & (x == 0)).any()):
        return None
    fraction, exponent = torch.frexp(x[x != 0])
    digits = torch.ldexp(fraction, torch.tensor(24)).long()
    lowest = torch.frexp((digits & -digits).float()).exponent - 1 + exponent - 24
    step = int(lowest.min()) if len(lowest) else 0
    if not -100 <= step <= 100:
        return None
    levels = torch.ldexp(x, torch.tensor(-step))
    most = float(levels.abs().max()) if levels.numel() else 0.0
    if most >= 2**11:
        return None
    return levels.to(torch.int8 if most < 2**7 else torch.int16), torch.tensor([step], dtype=torch.int8)


def to_half(x: Tensor) -> Tensor:
    """The tensor in half precision if that is exact, otherwise unchanged.

    Example:
        >>> to_half(torch.tensor([0.5])).dtype, to_half(torch.tensor([0.1])).dtype
        (torch.float16, torch.float32)
    """
    return x.half() if x.dtype == torch.float32 and torch.equal(x.half().float(), x) else x
