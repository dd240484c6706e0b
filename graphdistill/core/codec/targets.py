r"""Targets of regression as integers: equal steps over the range of each target.

A target y has the position :math:`i = y / 2^e`, an integer. Each column has at most ``2**bits`` equidistant positions
from its least to its largest value, so a target changes by at most half a step, about :math:`2^{-bits - 1}` of its
range. Positions have fewer bits than the mantissa of a 32-bit float, so that every machine decodes the same values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MANTISSA = 23
"""Bits of positions at first; those of a 32-bit float's mantissa but one, since levels reach beyond the values."""
EXACT = 30
"""Bits up to which positions may be kept as they are."""
STEP = 6
"""Bits of the distance between levels: more take bytes, fewer make levels wider than needed by more than 1/64."""
EXPONENTS = (-200, 128)
"""Exponents of positions that may occur."""


def quantize_targets(y: Any, bits: int) -> tuple[Any, Any]:
    """Round targets to at most ``2**bits`` levels in each column.

    Values that :func:`dequantize_targets` returned come back unchanged, in the same integers.

    Args:
        y: targets, float64 ``[n, T]`` of 32-bit values, NaN for unknown.
        bits: precision, 1 to 8.

    Returns:
        Exponent e, position of the first level and distance between the levels of each column, ``[T, 3]``, and the
        levels from 0, ``[n, T]``, -1 for unknown.

    Example:
        >>> grid, levels = quantize_targets(np.array([[-1.0], [0.25], [3.0], [np.nan]]), 2)
        >>> levels.ravel().tolist(), dequantize_targets(grid, levels).ravel().round(1).tolist()
        ([0, 1, 3, -1], [-0.5, 0.5, 2.6, nan])
    """
    known = ~np.isnan(y)
    grid, levels = np.zeros((y.shape[1], 3), np.int64), np.full(y.shape, -1)
    for column in range(y.shape[1]):
        some = known[:, column]
        if some.any():
            grid[column], levels[some, column] = _column(y[some, column], bits)
    return grid, levels


def dequantize_targets(grid: Any, levels: Any) -> Any:
    """The targets of levels, float64 ``[n, T]``, NaN for -1; arguments as :func:`quantize_targets` returns them.

    Raises:
        ValueError: the grid was changed: it has numbers beyond those of 32-bit floats.
    """
    exponent, first, step = grid.T
    last = first.astype(float) + step.astype(float) * levels.max(axis=0, initial=0)
    low, high = EXPONENTS
    if ((exponent < low) | (exponent > high) | (np.abs(first) > 2**31) | (step < 0) | (np.abs(last) > 2**31)).any():
        raise ValueError("was changed: its targets cannot be read")
    targets = np.where(levels < 0, np.nan, np.ldexp((first + levels * step).astype(float), exponent))
    if (np.abs(targets) > np.finfo(np.float32).max).any():
        raise ValueError("was changed: its targets cannot be read")
    return targets


def _column(y: Any, bits: int) -> tuple[tuple[int, int, int], Any]:
    """Exponent, first level, distance of levels, and the level of each target of a column."""
    largest = int(np.frexp(np.abs(y).max())[1])
    exponent = max(largest - EXACT, EXPONENTS[0])
    position = _positions(y, exponent)
    if np.array_equal(np.ldexp(position.astype(float), exponent), y):
        # The largest power of two that divides all, so that equal values have equal integers.
        both = int(np.bitwise_or.reduce(np.abs(position)))
        even = (both & -both).bit_length() - 1 if both else -exponent
        position = position >> even if both else position
        low, high = int(position.min()), int(position.max())
        step = max(int(np.gcd.reduce(position - low)), 1)
        if (high - low) // step < 2**bits:
            return (exponent + even, low, step), (position - low) // step
    width = int(np.frexp(y.max() - y.min())[1])
    exponent = max(largest - MANTISSA, width - bits - STEP, EXPONENTS[0])
    position = _positions(y, exponent)
    low, high = int(position.min()), int(position.max())
    step = -(-(high - low + 1) // 2**bits)
    decoded = low + (step - 1) // 2 + (position - low) // step * step
    return _column(np.ldexp(decoded.astype(float), exponent), bits)


def _positions(y: Any, exponent: int) -> Any:
    """The nearest multiples of a power of two."""
    return np.rint(np.ldexp(y, -exponent)).astype(np.int64)
