"""Features in 16 bits whatever their unit: columns beyond the range of half precision are scaled by a power of two.

Shape legend: n rows, F columns.
"""

from __future__ import annotations

import torch
from torch import Tensor

TOP = 15
"""A scaled column's largest magnitude is from 2^14 to 2^15, so that the least values of it keep their digits."""
LEAST = -96
"""Least exponent that is distinguished; its power of two and the inverse stay inside of single precision."""


def half_exponent(x: Tensor) -> Tensor:
    """The power of two that each column is divided by to fit half precision; 0 where it fits as it is.

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
    # Rounded as the column will be, for rounding up may move it to another exponent.
    most = scaled(scaled(most, -exponent).half().float(), exponent)
    fits = (most == 0) | ((most >= torch.finfo(torch.half).tiny) & torch.isfinite(most.half()))
    return torch.where(fits, 0, torch.frexp(most).exponent.long().clamp(min=LEAST) - TOP)


def scaled(x: Tensor, exponent: Tensor) -> Tensor:
    """Columns times a power of two each, without rounding.

    Example:
        >>> scaled(torch.tensor([[3.0, 1.0]]), torch.tensor([2, -1])).tolist()
        [[12.0, 0.5]]
    """
    return torch.ldexp(x, exponent) if bool((exponent != 0).any()) else x


def round_half(x: Tensor, exponent: Tensor | None = None) -> Tensor:
    """Values as half precision holds them, each column scaled by a power of two where it does not fit; float32.

    Rounding twice changes nothing. What is beyond the range all the same becomes the largest number of it.

    Args:
        x: finite, float ``[n, F]``.
        exponent: long ``[F]``, of the data that ``x`` is of the kind of. (default: that of ``x`` itself)

    Example:
        >>> round_half(torch.tensor([[1e5, 1e-8]])).allclose(torch.tensor([[1e5, 1e-8]]), rtol=1e-3)
        True
    """
    exponent = half_exponent(x) if exponent is None else exponent
    most = torch.finfo(torch.half).max
    return scaled(scaled(x, -exponent).clamp(-most, most).half().float(), exponent)
