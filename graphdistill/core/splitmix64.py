"""Pseudo-random 64-bit words on signed integers, the same on every machine (splitmix64: Steele et al., OOPSLA 2014)."""

from __future__ import annotations

from torch import Tensor

_MASK = (1 << 64) - 1
FACTORS = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def signed(value: int) -> int:
    """The 64-bit word ``value`` as the signed number that torch stores.

    Example:
        >>> signed(2**64 - 1)
        -1
    """
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


def word(number: int) -> int:
    """The odd pseudo-random word with index ``number``.

    Example:
        >>> word(1) % 2
        1
    """
    z = (number * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * FACTORS[0]) & _MASK
    z = ((z ^ (z >> 27)) * FACTORS[1]) & _MASK
    return signed((z ^ (z >> 31)) | 1)


def mix(z: Tensor) -> Tensor:
    """Scramble long words in place by splitmix64's finaliser; arithmetic wraps around on every device.

    Example:
        >>> import torch
        >>> mix(torch.tensor([0, 1])).tolist()
        [0, 6238072747940578789]
    """
    for shift, factor in zip((30, 27), FACTORS, strict=True):
        z ^= (z >> shift) & ((1 << (64 - shift)) - 1)
        z *= signed(factor)
    z ^= (z >> 31) & ((1 << 33) - 1)
    return z
